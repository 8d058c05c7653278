"""Other renderers of pages to text behind one interface: for comparison, and for users who prefer one of
them.

Knows their names, which ``content`` each can return, and where its module is; imports none before it is
requested.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any, Literal, get_args

from stages.render.extractors.base import ExtractionError, Extractor, Text

__all__ = ["ExtractionError", "Extractor", "Name", "Text", "check", "open_extractor"]

Name = Literal["lynx", "resiliparse", "trafilatura", "justext"]

#: For each, the values of ``content`` that it supports, and its class.
_EXTRACTORS: dict[str, tuple[tuple[str, ...], str]] = {
    "lynx": (("full",), "lynx:Lynx"),
    "resiliparse": (("full", "main"), "libraries:Resiliparse"),
    "trafilatura": (("main",), "libraries:Trafilatura"),
    "justext": (("main",), "libraries:Justext"),
}
assert tuple(_EXTRACTORS) == get_args(Name)


def check(name: str, content: str) -> None:
    """Raises ValueError unless there is an extractor ``name`` that supports ``content``. Imports nothing."""
    if name not in _EXTRACTORS:
        close = difflib.get_close_matches(name, _EXTRACTORS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(_EXTRACTORS))}"
        raise ValueError(f"unknown extractor {name!r}; {hint}")
    contents, _ = _EXTRACTORS[name]
    if content not in contents:
        able = sorted(other for other, (given, _) in _EXTRACTORS.items() if content in given)
        instead = f"; content {content!r} is for {', '.join(able)}" if able else ""
        raise ValueError(f"{name} has content {' and '.join(map(repr, contents))} only{instead}")


def open_extractor(name: str, **options: Any) -> Extractor:
    """The extractor, ready to use; ``options`` are passed to its constructor.

    Raises ValueError for an unknown name, ImportError or FileNotFoundError with the command that installs
    what is missing.
    """
    if name not in _EXTRACTORS:
        check(name, "")
    module, _, attribute = _EXTRACTORS[name][1].partition(":")
    extractor: Extractor = getattr(import_module(f"{__name__}.{module}"), attribute)(**options)
    return extractor
