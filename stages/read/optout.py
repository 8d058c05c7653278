"""Statements of a site about automatic use, recorded without judging them.

Directives for crawlers (noindex, noarchive, noai …) are in the HTTP header ``X-Robots-Tag`` and in meta
elements named ``robots``; rights reserved for text and data mining (W3C TDMRep) in the headers
``TDM-Reservation`` and ``TDM-Policy`` and in meta elements of these names.

It knows these signals. It does not know what follows from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from stages.read.metas import attributes

#: Limit on the bytes of a page (of its head) in which meta elements are searched for.
WITHIN = 64 << 10
_NOT_FOR_AI = frozenset({"noai", "noimageai"})
_DIRECTIVE = re.compile(r"[\w-]+")


class Signals(NamedTuple):
    """None means that nothing was declared."""

    robots: str | None  # directives, lower case, first those of the header, then those of the page
    tdm: str | None  # reservation (0 or 1) and policy
    noai: bool  # whether AI is refused: noai, noimageai, or a reservation of 1


_SILENT = Signals(None, None, False)
#: Limit on the characters of a value that are kept.
_LONGEST = 1000


def signals(fields: Mapping[str, str], html: bytes) -> Signals:
    """The signals in HTTP header ``fields`` (names in lower case) and in a page, in any charset that contains
    ASCII."""
    robots = [fields.get("x-robots-tag", "").lower()]
    reservation, policy = fields.get("tdm-reservation", ""), fields.get("tdm-policy", "")
    end = html.find(b"</head", 0, WITHIN)
    head = html[: end if end >= 0 else WITHIN].lower()
    robots += [content for name, content in _metas(head, b"robots") if name == b"robots"]
    for name, content in _metas(head, b"tdm-"):
        if name == b"tdm-reservation":
            reservation = reservation or content
        elif name == b"tdm-policy":
            policy = policy or content
    said = ", ".join(filter(None, (value.strip() for value in robots)))
    tdm = " ".join(filter(None, (reservation.strip(), policy.strip())))
    if not said and not tdm:
        return _SILENT
    refused = not _NOT_FOR_AI.isdisjoint(_DIRECTIVE.findall(said)) or reservation.strip() == "1"
    return Signals(_kept(said), _kept(tdm), refused)


def _kept(value: str) -> str | None:
    return value[:_LONGEST].replace("\0", "�") or None


def _metas(head: bytes, mark: bytes) -> list[tuple[bytes, str]]:
    """Name and content of the meta elements that contain ``mark``, except those in comments."""
    found = []
    position = -1
    while (position := head.find(mark, position + 1)) >= 0:
        start = head.rfind(b"<", 0, position)
        if start < 0 or not head.startswith(b"<meta", start) or _in_comment(head, start):
            continue
        about, end = attributes(head, start + 5)
        found.append((about.get(b"name", b"").strip(), about.get(b"content", b"").decode("utf-8", "replace")))
        position = max(position, end - 1)
    return found


def _in_comment(head: bytes, position: int) -> bool:
    return head.rfind(b"<!--", 0, position) > head.rfind(b"-->", 0, position)
