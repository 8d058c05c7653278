"""The result of walking a page: blocks of text within containers, and the text that they form.

A *block* corresponds to one line or paragraph on a screen: a heading, a list item, a table row, a display
formula, a whole ``<pre>``. A *container* is a block-level element around blocks; main-content extraction
judges blocks by their containers. Knows how blocks become the text of a page. Knows no HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Kind = Literal["text", "heading", "item", "term", "definition", "pre", "row", "equation", "caption"]


@dataclass(slots=True)
class Block:
    """One block. Its text is finished: formulas are ``$TeX$``, a row is ``a | b``, ``<pre>`` is verbatim."""

    text: str
    kind: Kind
    level: int  # of a heading, 1 to 6; else the number of lists around it
    container: int  # number of the innermost container; -1 if containers were not requested
    prefix: str  # indentation and bullet of the first line: not part of the text
    gap: int  # line breaks before it: 1 or 2
    links: int  # <a href> in it
    link_chars: int  # characters of text within them
    equations: int  # formulas in it, raw TeX included
    language: str = ""  # programming language of a "pre", where the page names it
    table: int = 0  # number of the table that a "row" belongs to, from 1
    permalink: str = ""  # the mark of a link to the block itself, which is not part of the text


@dataclass(slots=True)
class Container:
    """A block-level element; ``blocks[first:last]`` are the blocks in it. Parents come before children."""

    parent: int  # -1 for the body
    tag: str
    names: str  # class, id, role and itemprop as the page spells them
    first: int
    last: int


class Outline(NamedTuple):
    """The containers of a page as arrays, parents before children; numbers in between may be unused."""

    parent: NDArray[np.int64]  # (c,): -1 for the body
    look: NDArray[np.int64]  # (c,): an index of looks; -1 for a number that is not in use
    looks: Sequence[tuple[str, str]]  # tag, and names
    merged: Sequence[tuple[int, int]]  # more blocks of containers than those that name them: container, block


def outline_of(containers: Sequence[Container]) -> Outline:
    """The same containers as arrays."""
    looks: dict[tuple[str, str], int] = {}
    look = [looks.setdefault((one.tag, one.names), len(looks)) for one in containers]
    filled = [(number, one) for number, one in enumerate(containers) if one.first < one.last]
    merged = [(number, block) for number, one in filled for block in (one.first, one.last - 1)]
    parent = np.array([one.parent for one in containers], np.int64)
    return Outline(parent, np.array(look, np.int64), list(looks), merged)


def number_containers(blocks: list[Block], outline: Outline) -> list[Container]:
    """The containers that have blocks, which ``blocks`` then name by their places in the list."""
    spans: dict[int, list[int]] = {}
    parent, look = outline.parent.tolist(), outline.look.tolist()
    named = [(block.container, place) for place, block in enumerate(blocks)]
    for number, place in (*named, *outline.merged):
        while number >= 0:
            if (span := spans.get(number)) is None:
                spans[number] = [place, place]
            elif span[0] <= place <= span[1]:
                break  # and so is everything around it
            else:
                span[:] = min(span[0], place), max(span[1], place)
            number = parent[number]
    order = {number: place for place, number in enumerate(sorted(spans))}
    for block in blocks:
        block.container = order[block.container]
    containers = []
    for number, (first, last) in sorted(spans.items()):
        tag, names = outline.looks[look[number]]
        containers.append(Container(order.get(parent[number], -1), tag, names, first, last + 1))
    return containers


def text_of(blocks: Iterable[Block]) -> str:
    """The text of a page. Later lines of a block are aligned with its first, but a ``<pre>`` stays
    verbatim."""
    pieces: list[str] = []
    for block in blocks:
        if pieces:
            pieces.append("\n\n" if block.gap > 1 else "\n")
        prefix, text = block.prefix, block.text
        if prefix:
            pieces.append(prefix)
            if "\n" in text:
                text = text.replace("\n", "\n" + " " * len(prefix))
        pieces.append(text)
    return "".join(pieces)
