"""Sentences of the sample's English pages, and which pages no lesson is made of.

Knows the text stores. Does not know tasks.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from generator import texts

#: Spam, filler, curiosities, listings, and personal data in placeholders: not what tasks are asked about.
LEFT_OUT = ("en_low", "en_odd", "en_listing", "en_personal", "en_code")
#: One page in so many is held out, by a hash of its name.
HELD_OUT = 5
_LENGTH = range(20, 171)  # characters of a sentence
_END = re.compile(r"(?<=[.!?]) (?=[A-Z])")


@dataclass(frozen=True)
class Page:
    """Paragraphs as lists of sentences, items of lists, headings."""

    name: str
    paragraphs: tuple[tuple[str, ...], ...]
    items: tuple[tuple[str, ...], ...]
    headings: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        """Whether it is for measuring alone."""
        return hashlib.blake2b(self.name.encode(), digest_size=8).digest()[0] % HELD_OUT == 0


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a paragraph that are neither very short nor very long."""
    return tuple(s for s in _END.split(text) if len(s) in _LENGTH)


def _prose(text: str) -> bool:
    return not any(mark in text for mark in ("$", "`", "{{"))


def pages() -> list[Page]:
    """All pages with prose, in the order of the stores."""
    found = []
    for entry in texts.load_all():
        if entry.language != "en" or entry.store in LEFT_OUT:
            continue
        paragraphs = [sentences(b.text) for b in entry.blocks if b.kind == "paragraph" and _prose(b.text)]
        items = [
            tuple(item for item in b.items if len(item) in _LENGTH and _prose(item))
            for b in entry.blocks
            if b.kind in ("list", "ordered")
        ]
        headings = [b.text for b in entry.blocks if b.kind == "heading" and _prose(b.text)]
        page = Page(
            f"{entry.store}/{entry.slug}",
            tuple(filter(None, paragraphs)),
            tuple(filter(None, items)),
            (entry.title, *headings),
        )
        if page.paragraphs:
            found.append(page)
    return found
