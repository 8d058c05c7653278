"""Meta elements of a page, found in its bytes before it is decoded.

Read as browsers do ahead of parsing (HTML standard, "prescan a byte stream to determine its encoding"): text
in a comment, or in an attribute of another element, is not an element.

It knows tags and attributes. It does not know what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TAG = re.compile(rb"</?[a-zA-Z][^\s/>]*")
_META = re.compile(rb"<meta[\s/]", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    rb"[\s/]*(?:(?P<end>>)|(?P<name>[^\s/>][^\s/>=]*)"
    rb"(?:\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s>\"'][^\s>]*))?)?)"
)


def metas(head: bytes) -> Iterator[dict[bytes, bytes]]:
    """The attributes of every meta element in ``head``, names and values in lower case."""
    position = 0
    while (position := head.find(b"<", position)) >= 0:
        if head.startswith(b"<!--", position):
            end = head.find(b"-->", position + 2)
            if end < 0:
                return
            position = end + 3
        elif _META.match(head, position):
            found, position = attributes(head, position + 5)
            yield found
        elif tag := _TAG.match(head, position):
            position = attributes(head, tag.end())[1]
        elif head[position + 1 : position + 2] in (b"!", b"/", b"?"):
            position = head.find(b">", position)
            if position < 0:
                return
        else:
            position += 1


def attributes(head: bytes, position: int) -> tuple[dict[bytes, bytes], int]:
    """The attributes of a tag, starting after its name, and where the tag ends. If a name is repeated, the
    first counts."""
    found: dict[bytes, bytes] = {}
    while match := _ATTRIBUTE.match(head, position):
        position = match.end()
        if match["end"]:
            return found, position
        value = match["double"] or match["single"] or match["bare"] or b""
        found.setdefault(match["name"].lower(), value.lower())
    return found, len(head)
