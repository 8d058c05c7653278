"""Caps before parsing: pages on which every HTML parser takes quadratic time are tamed first.

Lexbor takes 8 seconds for 60,000 nested ``<div>`` and as long for 50,000 attributes on one tag. Both are
attacks or accidents; the text in them is not to be lost. So tags beyond a depth are taken out, as browsers
flatten them too, and a tag with absurdly many attributes loses them. Knows tags; builds no tree.
"""

from __future__ import annotations

import re

#: Elements inside each other; Chrome stops nesting at the same depth.
MAX_DEPTH = 512
#: Attributes of one tag.
MAX_ATTRIBUTES = 5000

#: A page with fewer tags than this is parsed in a fraction of a second however they nest.
_MANY_TAGS = 10_000
#: A tag with more attributes than the cap is at least so long (``<a b c …``).
_LONG_TAG = 2 * MAX_ATTRIBUTES

#: Without ``<`` in it, so that no text makes the search itself quadratic.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>")
#: Elements that have no content, or that the next of their kind ends: they do not nest by being unclosed.
_FLAT = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "dd",
        "dt",
        "embed",
        "hr",
        "img",
        "input",
        "li",
        "link",
        "meta",
        "option",
        "p",
        "param",
        "source",
        "td",
        "th",
        "tr",
        "track",
        "wbr",
    ]
)


def tame(html: str) -> str:
    """The page, or an equal text of it that parses in linear time."""
    pieces = html.split(">")
    if max(map(len, pieces)) > _LONG_TAG:
        html = _strip_attributes(html, pieces)
    if len(pieces) > _MANY_TAGS:
        html = _flatten(html)
    return html


def _strip_attributes(html: str, pieces: list[str]) -> str:
    found = False
    for i, piece in enumerate(pieces[:-1]):
        start = piece.rfind("<") if len(piece) > _LONG_TAG else -1
        if start >= 0 and piece[start + 1 : start + 2].isalpha():
            name, *attributes = piece[start:].split(None, MAX_ATTRIBUTES)
            if len(attributes) == MAX_ATTRIBUTES:
                pieces[i] = piece[:start] + name
                found = True
    return ">".join(pieces) if found else html


def _flatten(html: str) -> str:
    depth = deepest = 0

    def shallow(match: re.Match[str]) -> str:
        nonlocal depth, deepest
        closing, name = match.groups()
        if name.lower() in _FLAT:
            return match.group()
        depth = max(depth - 1, 0) if closing else depth + 1
        deepest = max(deepest, depth)
        # the closing tag of an element at the cap leaves the depth one below it
        return match.group() if depth < MAX_DEPTH + (not closing) else ""

    flattened = _TAG.sub(shallow, html)
    return flattened if deepest > MAX_DEPTH else html
