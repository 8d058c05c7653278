"""The stage ``notebook``: turns Jupyter notebooks into scripts or Markdown, without images and base64.

    - notebook: {as: script}                   # code as it is, prose as comments
    - notebook: {as: markdown, outputs: 10}    # prose as it is, code in fences, first lines of what came out

Works on documents whose ``code_language`` is *Jupyter Notebook*, and leaves all others as they are. What a
notebook holds is read by ``cells``; here it is written as text (``script``, ``markdown``).

Knows columns. Does not know the format of notebooks (``stages.code.cells``), nor the magic commands of
IPython (``stages.code.magics``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import pyarrow as pa
from pydantic import ConfigDict, Field

from stages.base import Annotation, Annotator, Fault, StageConfig
from stages.code.cells import Cell, Notebook, NotNotebook, parse
from stages.code.comments import SIGNS, comment
from stages.code.magics import without_magics

JUPYTER = "Jupyter Notebook"
#: A line of output is cut after this many characters.
WIDEST = 200

_TEXT, _LANGUAGE = ("text", pa.string()), ("code_language", pa.string())
_FENCES = re.compile(r"`{3,}")
_INLINE_IMAGE = re.compile(r"data:[a-z]+/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=\s]*")


class NotebookConfig(StageConfig):
    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    #: ``script``: code as it is, all else as comments of the notebook's language, which becomes the
    #: ``code_language``. ``markdown``: prose as it is, code in fences. A notebook in a language whose
    #: comments are not known becomes Markdown in both cases.
    form: Literal["script", "markdown"] = Field(default="script", alias="as")
    #: Most lines of text that are kept of what a cell put out. Images, HTML and tracebacks are never kept.
    outputs: int = Field(default=0, ge=0)


class NotebookStage(Annotator):
    """``notebook`` is the language of a notebook's code, null for all other documents. A notebook that names
    no language is in Python, as Jupyter's own kernel is.

    ``text`` is the script or the Markdown, and ``code_language`` of a script is the notebook's language.
    Magic commands (``%matplotlib``, ``!pip``) and cells of other languages (``%%bash``) are comments in a
    script. A notebook without cells that say something has an empty text.

    A notebook that cannot be read fails with the reason ``notebook``: damaged JSON, or JSON that is none.
    """

    name = "notebook"
    Config = NotebookConfig
    reads = ("text", "code_language")
    adds = pa.schema([_TEXT, _LANGUAGE, ("notebook", pa.string())])

    def annotate(self, batch: pa.Table) -> Annotation:
        texts, languages = batch["text"], batch["code_language"].to_pylist()
        kernels: list[str | None] = [None] * len(batch)
        faults: dict[int, Fault] = {}
        changed: dict[int, str] = {}
        for row, language in enumerate(languages):
            source = texts[row].as_py() if language == JUPYTER else None
            if source is None:
                continue
            try:
                notebook = parse(source)
            except NotNotebook as problem:
                faults[row] = Fault("notebook", str(problem))
                continue
            kernels[row] = notebook.language
            if self.config.form == "script" and notebook.language in SIGNS:
                changed[row] = script(notebook, self.config.outputs)
                languages[row] = notebook.language
            else:
                changed[row] = markdown(notebook, self.config.outputs)
        return Annotation(
            {
                "text": _replaced(texts, changed),
                "code_language": pa.array(languages, pa.string()),
                "notebook": pa.array(kernels, pa.string()),
            },
            faults,
        )


def script(notebook: Notebook, outputs: int = 0) -> str:
    """Code as it is, and all else as comments; a blank line between cells."""
    language = notebook.language

    def commented(lines: list[str]) -> str:
        return "\n".join(comment(line.rstrip(), language) for line in lines)

    def code(cell: Cell) -> list[str]:
        source = cell.source.strip("\n")
        if notebook.ipython:
            source = without_magics(source, language)
        return [part for part in (source.rstrip(), commented(_shown(cell, outputs))) if part]

    return _joined(
        notebook, code, lambda cell: [commented(_prose(cell).splitlines())] if _prose(cell) else []
    )


def markdown(notebook: Notebook, outputs: int = 0) -> str:
    """Prose as it is, code and what it put out in fences that are longer than any within."""
    word = notebook.language.lower().replace(" ", "-") if notebook.language != "Shell" else "sh"

    def code(cell: Cell) -> list[str]:
        parts = [_fenced(cell.source.strip("\n").rstrip(), word)]
        if shown := _shown(cell, outputs):
            parts.append(_fenced("\n".join(shown), ""))
        return parts

    return _joined(notebook, code, lambda cell: [_prose(cell)] if _prose(cell) else [])


def _joined(notebook: Notebook, code: Callable[[Cell], list[str]], prose: Callable[[Cell], list[str]]) -> str:
    parts: list[str] = []
    for cell in notebook.cells:
        if cell.source.strip():
            parts += code(cell) if cell.is_code else prose(cell)
    return "\n\n".join(parts) + "\n" if parts else ""


def _prose(cell: Cell) -> str:
    """A cell of Markdown without the images that are written out in it."""
    return _INLINE_IMAGE.sub("", cell.source).strip("\n").rstrip()


def _shown(cell: Cell, most: int) -> list[str]:
    """The first lines of what a cell put out, and a line of three dots where there were more."""
    if not most:
        return []
    lines = [line.rstrip() for line in cell.output.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    cut = [line if len(line) <= WIDEST else line[:WIDEST] + "…" for line in lines[:most]]
    return cut if len(lines) <= most else [*cut, "…"]


def _fenced(content: str, word: str) -> str:
    longest = max((len(run) for run in _FENCES.findall(content)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{word}\n{content}\n{fence}"


def _replaced(texts: pa.ChunkedArray, changed: dict[int, str]) -> pa.Array | pa.ChunkedArray:
    """The column with some values exchanged; untouched where there are none."""
    if not changed:
        return texts
    values: list[Any] = texts.to_pylist()
    for row, text in changed.items():
        values[row] = text
    return pa.array(values, texts.type)
