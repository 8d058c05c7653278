"""Statements of a site about automatic use, recorded without judging them.

Directives for crawlers (noindex, noarchive, noai …) are in the HTTP header ``X-Robots-Tag`` and in meta
elements named ``robots``; rights reserved for text and data mining (W3C TDMRep) in the headers
``TDM-Reservation`` and ``TDM-Policy`` and in meta elements of these names.

It knows these signals. It does not know what follows from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from stages.read.head_kernels import marked_meta
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
    for name, content in _metas(html):
        if name == b"robots":
            robots.append(content)
        elif name == b"tdm-reservation":
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


def _metas(html: bytes) -> Iterator[tuple[bytes, str]]:
    """Name and content of the meta elements of the head that may be signals, except those in comments."""
    data, end = np.frombuffer(html, np.uint8), min(len(html), WITHIN)
    position = 0
    while (start := marked_meta(data, position, end)) >= 0:
        if _in_comment(html, start):
            position = start + 1
            continue
        about, position = attributes(html, start + 5)
        yield about.get(b"name", b"").strip(), about.get(b"content", b"").decode("utf-8", "replace")


def _in_comment(html: bytes, position: int) -> bool:
    return html.rfind(b"<!--", 0, position) > html.rfind(b"-->", 0, position)
