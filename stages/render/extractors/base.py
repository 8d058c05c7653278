"""What all extractors have in common: the interface, one exception for failures, the title of a page."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, Protocol

from selectolax.lexbor import LexborHTMLParser


class Text(NamedTuple):
    text: str  # "" only if the page has no text, never for a failure
    title: str  # of <title>, on one line; "" without one


class ExtractionError(Exception):
    """The extractor failed on this page; the message contains its own message."""


class Extractor(Protocol):
    def render(self, html: str, *, content: Literal["full", "main"], url: str | None) -> Text:
        """Text of a decoded page. ExtractionError if the extractor fails, ValueError for a page too large."""
        ...

    def close(self) -> None:
        """Releases processes and other resources; do not render after it."""
        ...


_TITLE_END = re.compile(rb"</title\s*>", re.IGNORECASE)


def title(data: bytes) -> str:
    """The title of a page that ``guards.to_parse`` has prepared."""
    if (end := _TITLE_END.search(data)) is None:
        return ""
    # Nearly always the first <title> is the right one; using it avoids a parse of the whole page.
    for part in (data[: end.end()], data):
        if (node := LexborHTMLParser(part).css_first("head title")) is not None:
            return " ".join(node.text().split())
    return ""


_NOT_SHOWN = sorted(
    {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "select", "datalist"}
    | {"textarea", "button", "audio", "video", "canvas", "frameset", "noframes", "noembed", "title"}
)
_WORD = re.compile(r"\w")


def shows_text(data: bytes) -> bool:
    """Whether a page that ``guards.to_parse`` has prepared has a letter or digit that every browser shows."""
    tree = LexborHTMLParser(data)
    if tree.body is None:
        return False
    tree.strip_tags(_NOT_SHOWN)
    return _WORD.search(tree.body.text()) is not None
