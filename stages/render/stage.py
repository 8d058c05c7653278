"""The stage ``render``: turns the HTML of pages into text.

Knows Arrow columns, which extractor a config asks for, and what happens to a page that cannot be
rendered. Does not know how HTML is turned into text (``text``, ``extractors``), nor where pages come
from: the reader has decoded them.
"""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from stages.base import Annotation, Annotator, Fault, StageConfig
from stages.render import extractors, tex
from stages.render.text import Rendered, render

COLUMNS = pa.schema(
    [
        ("text", pa.string()),
        ("title", pa.string()),
        ("render.extractor", pa.string()),  # "nanocorpus", "lynx", …; "none" for a document that came as text
        ("render.content", pa.string()),  # "full" or "main": which part of the page the text is
        # Counts of the text; null if the extractor does not report them.
        ("render.equations", pa.int32()),
        ("render.code_blocks", pa.int32()),
        ("render.code_languages", pa.list_(pa.string())),  # as the page names them, sorted
        ("render.tables", pa.int32()),
        ("render.links", pa.int32()),
        ("render.chars", pa.int32()),  # code points of text
    ]
)


class RenderConfig(StageConfig):
    #: ``full``: everything that a browser shows. ``main``: without navigation, advertisements and the like.
    content: Literal["full", "main"] = "full"
    #: With ``content: main``: pages with this many formulas or more are rendered in full, as in
    #: Nemotron-CC-Math.
    full_from_equations: int | None = Field(default=None, ge=1)
    #: The renderer: this project's own, or another to compare it with.
    extractor: extractors.Name | Literal["nanocorpus"] = "nanocorpus"

    @model_validator(mode="after")
    def _fits(self) -> RenderConfig:
        if self.full_from_equations is not None and (self.extractor, self.content) != ("nanocorpus", "main"):
            raise ValueError("full_from_equations needs content: main and this project's own extractor")
        if self.extractor != "nanocorpus":
            extractors.check(self.extractor, self.content)
        return self


class Render(Annotator):
    """Adds the text of every page and counts about it (null where an extractor does not report them).

    A page that shows nothing has the text "". A page that cannot be rendered fails with ``render_error``.
    Documents without HTML keep their text.
    """

    name = "render"
    version = 6
    Config = RenderConfig
    reads = ("html", "text", "url")
    adds = COLUMNS
    consumes = ("html", "charset")

    def __init__(self, config: RenderConfig) -> None:
        super().__init__(config)
        self._other: extractors.Extractor | None = None

    def open(self) -> None:
        """Raises ImportError or FileNotFoundError when the extractor asked for is not installed."""
        if self.config.extractor != "nanocorpus":
            self._other = extractors.open_extractor(self.config.extractor)
        elif self.config.content == "main":
            from stages.render import main

            main.prepare()

    def annotate(self, batch: pa.Table) -> Annotation:
        rows: list[tuple[Any, ...]] = []
        faults: dict[int, Fault] = {}
        # One scalar at a time, so that the pages of a batch are not in memory twice.
        for html, text, url in zip(batch["html"], batch["text"], batch["url"], strict=True):
            try:
                row = self._row(html.as_py(), text.as_py(), url.as_py())
            except MemoryError:
                raise  # the process is at fault, not the page: a retry may succeed
            except Exception as error:
                faults[len(rows)] = Fault("render_error", f"{type(error).__name__}: {error}")
                row = (None,) * len(COLUMNS)
            rows.append(row)
        columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
        return Annotation(
            {
                field.name: pa.array(values, type=field.type)
                for field, values in zip(COLUMNS, columns, strict=True)
            },
            faults,
        )

    def _row(self, html: str | None, text: str | None, url: str | None) -> tuple[Any, ...]:
        if html is None:
            if text is None:
                raise ValueError("the document has neither html nor text")
            return (text, None, "none", None, tex.count_raw(text), 0, [], 0, 0, len(text))
        content = self.config.content
        if self._other is not None:
            found = self._other.render(html, content=content, url=url)
            measures = (None, None, None, None, None, len(found.text))
            return (found.text, found.title or None, self.config.extractor, content, *measures)
        page = render(html, content=content)
        if (least := self.config.full_from_equations) is not None and page.equations_on_page >= least:
            content = "full"
            page = render(html, content="full")
        return (page.text, page.title or None, self.config.extractor, content, *_measures(page))


def _measures(page: Rendered) -> tuple[Any, ...]:
    return (page.equations, page.code_blocks, page.code_languages, page.tables, page.links, page.chars)
