"""Jupyter notebooks as their cells: nbformat 2 to 4, from JSON that may be damaged.

Knows the format (nbformat.readthedocs.io, "The Notebook file format"): cells at the top since version 4, in
``worksheets`` before; ``source`` or ``input`` as a text or a list of lines; headings as cells of their own in
version 3. Does not know what becomes of a cell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

#: Names that kernels give their languages, in small letters, with that of Linguist.
_LANGUAGES = {
    name: language
    for language, names in {
        "Python": "python python2 python3 ipython ipython2 ipython3 sage sagemath pyspark xpython",
        "R": "r ir",
        "Julia": "julia",
        "Scala": "scala spylon",
        "JavaScript": "javascript node nodejs js",
        "TypeScript": "typescript deno",
        "Shell": "bash sh shell zsh",
        "C++": "c++ c++11 c++14 c++17 c++20 cpp",
        "C": "c",
        "C#": "c# csharp",
        "F#": "f# fsharp",
        "PowerShell": "powershell pwsh",
        "Go": "go gophernotes",
        "Rust": "rust evcxr",
        "Java": "java ijava",
        "Kotlin": "kotlin",
        "Groovy": "groovy beakerx",
        "Ruby": "ruby iruby",
        "Perl": "perl iperl",
        "PHP": "php",
        "Lua": "lua",
        "Haskell": "haskell ihaskell",
        "OCaml": "ocaml",
        "SQL": "sql xsqlite mssql",
        "MATLAB": "matlab octave",
        "SAS": "sas",
        "Stata": "stata",
        "Scheme": "scheme",
        "Racket": "racket",
        "Clojure": "clojure",
        "Common Lisp": "common-lisp lisp",
        "Fortran": "fortran",
        "Elixir": "elixir",
        "Prolog": "prolog",
        "Swift": "swift",
        "Raku": "raku perl6",
        "Coq": "coq",
    }.items()
    for name in names.split()
}
#: What may be the name of a language that is not listed.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9+#. -]{0,30}")
#: Of a notebook that says nothing: Jupyter's own kernel.
_DEFAULT = "Python"


class NotNotebook(ValueError):
    """The text is no notebook; the message says why."""


class Cell(NamedTuple):
    """``output``: the text that a cell of code put out, without errors, images and HTML."""

    is_code: bool
    source: str
    output: str


class Notebook(NamedTuple):
    """``language``: Linguist's name, or the kernel's own where there is none. ``ipython``: whether ``%`` and
    ``!`` are commands to its kernel."""

    language: str
    ipython: bool
    cells: list[Cell]


def parse(text: str) -> Notebook:
    """The cells of a notebook. NotNotebook where the text is no JSON, or no notebook. Cells that are
    damaged in themselves (of no kind, without source) are left out."""
    try:
        found = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise NotNotebook(f"no JSON: {error}" if str(error) else "no JSON") from None
    if not isinstance(found, dict):
        raise NotNotebook("JSON, but no object")
    if isinstance(found.get("cells"), list):
        cells = found["cells"]
    elif isinstance(sheets := found.get("worksheets"), list):
        cells = [cell for sheet in sheets for cell in _listed(sheet, "cells")]
    else:
        raise NotNotebook("JSON without cells")
    language = _language(found.get("metadata"), cells)
    return Notebook(language, language == "Python", [cell for one in cells for cell in _cell(one)])


def _cell(cell: Any) -> Iterator[Cell]:
    if not isinstance(cell, dict):
        return
    kind, source = cell.get("cell_type"), _text(cell.get("source", cell.get("input")))
    if kind == "code":
        yield Cell(True, source, "".join(_outputs(_listed(cell, "outputs"))))
    elif kind == "heading":
        level: Any = cell.get("level")
        yield Cell(False, f"{'#' * (level if level in range(1, 7) else 1)} {source}", "")
    elif kind in ("markdown", "raw", "html", "rst"):
        yield Cell(False, source, "")


def _outputs(outputs: list[Any]) -> Iterator[str]:
    for output in outputs:
        if not isinstance(output, dict):
            continue
        kind = output.get("output_type")
        if kind == "stream" and output.get("name", "stdout") == "stdout":
            text = _text(output.get("text"))
        elif kind in ("execute_result", "display_data", "pyout"):
            data = output.get("data", output)  # version 3 has the forms beside the kind
            text = _text(data.get("text/plain", data.get("text"))) if isinstance(data, dict) else ""
        else:
            continue
        if text:
            yield text if text.endswith("\n") else text + "\n"


def _language(metadata: Any, cells: list[Any]) -> str:
    metadata = metadata if isinstance(metadata, dict) else {}
    info, kernel = metadata.get("language_info"), metadata.get("kernelspec")
    said: list[Any] = [info.get("name")] if isinstance(info, dict) else []
    said += [kernel.get("language"), kernel.get("name")] if isinstance(kernel, dict) else []
    said += [cell.get("language") for cell in cells if isinstance(cell, dict)]  # version 3
    names = [name.strip() for name in said if isinstance(name, str) and name.strip()]
    for name in names:
        if known := _LANGUAGES.get(name.lower()):
            return known
    return next((name for name in names if _NAME.fullmatch(name)), _DEFAULT)


def _listed(owner: Any, key: str) -> list[Any]:
    found = owner.get(key) if isinstance(owner, dict) else None
    return found if isinstance(found, list) else []


def _text(value: Any) -> str:
    """A text of one piece or of many. Lone surrogates, which JSON can hold and UTF-8 cannot, are question
    marks."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
