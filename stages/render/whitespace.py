"""White space of running text, as a browser collapses it, except where raw TeX needs its line breaks.

Knows characters and TeX delimiters. Does not know elements.
"""

from __future__ import annotations

import re
from bisect import bisect_right

_SPACES_IN_LINE = re.compile(r"[^\S\n]+")
_SPACED_NEWLINE = re.compile(r" ?\n[ \n]*")
_WIDE = "\u2e80-\u2fdf\u3001-\u30ff\u31f0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff65\U00020000-\U0003ffff"
#: Scripts without spaces between words: a line break in the source is not a space there (CSS Text 3, 4.1.2).
_WIDE_NEWLINE = re.compile(f"(?<=[{_WIDE}])[ \t\r]*\n[ \t\r\n]*(?=[{_WIDE}])")
#: Delimiters that open a formula of possibly several lines. An escaped backslash is not one.
_TEX_OPENING = re.compile(r"\\\\|\\\[|\$\$|\\begin(\{[a-zA-Z]{1,20}\*?\})")
_TEX_ENDING = re.compile(r"\\end(\{[a-zA-Z]{1,20}\*?\})")


def collapse(text: str) -> str:
    """Collapses white space as CSS ``white-space: normal`` does, and also other spaces (no-break spaces, line
    separators); soft hyphens and byte order marks are removed. They are layout, not text. Line breaks within
    raw TeX displays stay."""
    if text.isascii():
        if "\n" not in text and "  " not in text and "\t" not in text:
            return text.strip()  # the usual paragraph, in a tenth of the time that splitting takes
    else:
        text = text.replace("\xad", "").replace("\ufeff", "")
        if "\n" in text:
            text = _WIDE_NEWLINE.sub("", text)
    if "\n" in text and ("\\" in text or "$$" in text):
        return _collapse_around_tex(text)
    return " ".join(text.split())


def _collapse_around_tex(text: str) -> str:
    pieces = []
    position = 0
    for first, last in _displays(text):
        pieces.append(_spaces(text[position:first]))
        pieces.append(_SPACED_NEWLINE.sub("\n", _SPACES_IN_LINE.sub(" ", text[first:last])))
        position = last
    pieces.append(_spaces(text[position:]))
    return "".join(pieces).strip()


def _displays(text: str) -> list[tuple[int, int]]:
    """Spans of formulas in display delimiters and environments. Linear: each end is searched for once, and a
    closing delimiter that was not found once is not searched for again."""
    spans: list[tuple[int, int]] = []
    ends: dict[str, list[int]] = {}
    for ending in _TEX_ENDING.finditer(text):
        ends.setdefault(ending[1], []).append(ending.end())
    missing: set[str] = set()
    position = 0
    while (match := _TEX_OPENING.search(text, position)) is not None:
        position = match.end()
        opening = match[0]
        end = -1
        if match[1]:
            places = ends.get(match[1], [])
            following = bisect_right(places, position)
            end = places[following] if following < len(places) else -1
        elif opening != "\\\\" and opening not in missing:
            closing = "\\]" if opening == "\\[" else opening
            end = text.find(closing, position)
            if end < 0:
                missing.add(opening)
            else:
                end += len(closing)
        if end >= 0:
            position = end
            spans.append((match.start(), position))
    return spans


def _spaces(text: str) -> str:
    """Collapsed, but not stripped."""
    words = " ".join(text.split())
    if not words:
        return " " if text else ""
    return " " * text[0].isspace() + words + " " * text[-1].isspace()
