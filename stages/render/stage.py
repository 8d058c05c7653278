"""The stage ``render``: pages of HTML become documents of text.

Knows Arrow columns and what becomes of a page that cannot be rendered. Does not know how HTML is
turned into text (``plain``), nor where pages come from: whoever reads them has decoded them.
"""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa

from stages.base import Annotation, Annotator, Fault, StageConfig
from stages.render.plain import render

COLUMNS = pa.schema(
    [
        ("text", pa.string()),
        ("title", pa.string()),
        ("render.extractor", pa.string()),  # "plain"; "none" for a document that came as text
        ("render.equations", pa.int32()),
        ("render.code_blocks", pa.int32()),
        ("render.tables", pa.int32()),
        ("render.links", pa.int32()),
        ("render.chars", pa.int32()),  # code points of text
    ]
)


class RenderConfig(StageConfig):
    #: "full": all visible text; "main": without navigation and other landmarks around the content.
    content: Literal["full", "main"] = "full"


class Render(Annotator):
    """Text and its measures for every page. A page that shows nothing has the text ""; a page that
    could not be rendered has a ``render_error`` and no text. Documents without HTML keep theirs."""

    name = "render"
    version = 1
    Config = RenderConfig
    reads = ("html", "text", "url")
    adds = COLUMNS
    consumes = ("html", "charset")

    def annotate(self, batch: pa.Table) -> Annotation:
        rows: list[tuple[Any, ...]] = []
        faults: dict[int, Fault] = {}
        # One scalar at a time: the pages of a batch need not be in memory twice.
        for html, text, url in zip(batch["html"], batch["text"], batch["url"], strict=True):
            try:
                row = self._row(html.as_py(), text.as_py(), url.as_py())
            except MemoryError:
                raise  # the process is in trouble, not the page: another try may end otherwise
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
            return (text, None, "none", 0, 0, 0, 0, len(text))
        page = render(html, content=self.config.content, url=url)
        return (
            page.text,
            page.title or None,
            "plain",
            page.equations,
            page.code_blocks,
            page.tables,
            page.links,
            page.chars,
        )
