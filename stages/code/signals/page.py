# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="assignment, arg-type"
"""How much of an HTML file is text.

Knows tags, comments and elements whose content is no text (scripts, style sheets, templates). Looks at each
character once: it is no parser of HTML, and does not know what a browser would show.
"""

from __future__ import annotations

import re
from html.entities import html5

import numpy as np

from stages.code.signals.kernels import lower
from stages.compiled import compiled

_REFERENCE = re.compile(r"&(?:#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6})|([a-zA-Z][a-zA-Z0-9]{1,31}))(;?)")

#: Elements whose content is no text; that of the first two is not looked at for tags either.
_HIDING = ("script", "style", "template", "rt", "rp")
#: Blanks between elements count as they are in these, and as one elsewhere.
_KEEPING = ("pre", "textarea")
_NAMES = np.zeros((7, 10), np.int64)
for _row, _name in enumerate((*_HIDING, *_KEEPING)):
    _NAMES[_row, : len(_name)] = list(map(ord, _name))
_RAW, _LAST_HIDING = 2, len(_HIDING)
_LESS, _GREATER, _SLASH, _BANG, _QUESTION, _EQUALS, _DASH = 60, 62, 47, 33, 63, 61, 45
_CDATA = np.array(list(map(ord, "[CDATA[")), np.int64)


def without_references(text: str) -> str:
    """With a letter for each character that is written by name or number."""
    return _REFERENCE.sub(_replaced, text) if "&" in text else text


def _replaced(match: re.Match[str]) -> str:
    name, end = match.groups()
    if name is None:
        return "x"
    meant = html5.get(f"{name};") if end or name in html5 else None
    return "x" * len(meant) if meant else f"&{name}"


@compiled
def text_chars(codes):
    """Characters of text, of a file without references."""
    size = codes.size
    total = place = run = np.int64(0)  # characters since the last tag
    hidden = kept = np.int64(0)  # elements that are open
    blank = True
    while place < size:
        point = codes[place]
        after = codes[place + 1] if place + 1 < size else 0
        letter = 97 <= lower(after) <= 122
        if point != _LESS or not (letter or after in (_SLASH, _BANG, _QUESTION)):
            run += 1
            blank &= point == 32 or (9 <= point <= 13 and point != 11)
            place += 1
            continue
        if run and not hidden:
            total += 1 if blank and not kept else run
        run, blank = np.int64(0), True
        if letter:
            which = _named(codes, place + 1)
            place = _tag_end(codes, place + 1)
            if codes[place - 2] == _SLASH or which < 0:
                continue
            if which < _RAW:
                place = _raw_end(codes, place, which)
            elif which < _LAST_HIDING:
                hidden += 1
            else:
                kept += 1
        elif after == _SLASH:
            which = _named(codes, place + 2)
            place = _after(codes, place + 2, _GREATER)
            if _RAW <= which < _LAST_HIDING:
                hidden = max(hidden - 1, 0)
            elif which >= _LAST_HIDING:
                kept = max(kept - 1, 0)
        elif after == _BANG and place + 3 < size and codes[place + 2] == _DASH and codes[place + 3] == _DASH:
            place = _comment_end(codes, place + 4)
        elif after == _BANG and _is_cdata(codes, place + 2):
            start = place + 9
            place = start
            while place < size and not (
                codes[place] == 93
                and place + 2 < size
                and codes[place + 1] == 93
                and codes[place + 2] == _GREATER
            ):
                place += 1
            total += 0 if hidden else place - start
            place += 3
        else:
            place = _after(codes, place + 2, _GREATER)
    if run and not hidden:
        total += 1 if blank and not kept else run
    return total


@compiled
def _named(codes, place):
    """Which of the names stands here; -1: another."""
    for row in range(_NAMES.shape[0]):
        length = np.int64(0)
        while (
            _NAMES[row, length]
            and place + length < codes.size
            and lower(codes[place + length]) == _NAMES[row, length]
        ):
            length += 1
        if not _NAMES[row, length]:
            end = codes[place + length] if place + length < codes.size else _GREATER
            if end in (_GREATER, _SLASH, 32) or 9 <= end <= 13:
                return row
    return -1


@compiled
def _after(codes, place, mark):
    while place < codes.size and codes[place] != mark:
        place += 1
    return min(place + 1, codes.size)


@compiled
def _tag_end(codes, place):
    """After the bracket that closes a tag; within quotes after = there is none."""
    while place < codes.size and codes[place] != _GREATER:
        if codes[place] == _EQUALS:
            place += 1
            while place < codes.size and (codes[place] == 32 or 9 <= codes[place] <= 13):
                place += 1
            if place < codes.size and (codes[place] == 34 or codes[place] == 39):
                place = _after(codes, place + 1, codes[place])
            continue
        place += 1
    return min(place + 1, codes.size)


@compiled
def _comment_end(codes, place):
    while place + 2 < codes.size:
        if codes[place] == _DASH and codes[place + 1] == _DASH and codes[place + 2] == _GREATER:
            return place + 3
        place += 1
    return codes.size


@compiled
def _raw_end(codes, place, which):
    """Where the end tag of a script or style sheet begins."""
    while place + 1 < codes.size:
        if codes[place] == _LESS and codes[place + 1] == _SLASH and _named(codes, place + 2) == which:
            return place
        place += 1
    return codes.size


@compiled
def _is_cdata(codes, place):
    if place + _CDATA.size > codes.size:
        return False
    for offset in range(_CDATA.size):  # noqa: SIM110
        if codes[place + offset] != _CDATA[offset]:
            return False
    return True
