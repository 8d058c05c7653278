"""The result of walking a page: blocks of text within containers.

A *block* corresponds to one line or paragraph on a screen: a heading, a list item, a table row, a display
formula, a whole ``<pre>``. A *container* is a block-level element around blocks; main-content extraction
judges blocks by their containers. A page has its blocks as rows of numbers over one array of text
(``Blocks``); single blocks as objects (``Block``) are for those who read only a few. Knows no HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from stages.render import block_kernels as columns

Kind = Literal["text", "heading", "item", "term", "definition", "pre", "row", "equation", "caption"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}


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


class Blocks(NamedTuple):
    """Blocks as arrays."""

    text: NDArray[np.uint8]  # UTF-8 of what they consist of, and of other things
    rows: NDArray[np.int64]  # (n, COLUMNS) of ``block_kernels``
    languages: Mapping[int, str]  # by number

    def column(self, number: int) -> NDArray[np.int64]:
        """(n,): a column of ``block_kernels``."""
        found: NDArray[np.int64] = self.rows[:, number]
        return found

    def only(self, kept: NDArray[np.bool_]) -> Blocks:
        """Some of the blocks."""
        return self._replace(rows=self.rows[kept])

    def chars(self) -> int:
        """Code points of the blocks, without what stands between and before them."""
        return int(self.column(columns.CHARS).sum())

    def block(self, number: int) -> Block:
        """One block as an object."""
        return self._block(self.rows[number].tolist())

    def objects(self) -> list[Block]:
        """All blocks as objects."""
        return [self._block(row) for row in self.rows.tolist()]

    def _block(self, row: list[int]) -> Block:
        kind, level, container, indent, marker, marker_end, gap, links, link_chars, equations = row[:10]
        start, end, permalink_end, _, _, table, language = row[10:]
        return Block(
            text=self._string(start, end),
            kind=KINDS[kind],
            level=level,
            container=container,
            prefix=" " * indent + self._string(marker, marker_end),
            gap=gap,
            links=links,
            link_chars=link_chars,
            equations=equations,
            language=self.languages[language] if language >= 0 else "",
            table=table,
            permalink=self._string(end, permalink_end),
        )

    def _string(self, start: int, end: int) -> str:
        return self.text[start:end].tobytes().decode("utf-8", "surrogatepass")


def blocks_of(blocks: Sequence[Block]) -> Blocks:
    """The same blocks as arrays."""
    text = bytearray()
    languages: dict[str, int] = {}
    rows = []
    for block in blocks:
        places = []
        for part in (block.prefix, block.text, block.permalink):
            places.append(len(text))
            text += part.encode("utf-8", "surrogatepass")
        marker, start, end = places
        row = [_NUMBERS[block.kind], block.level, block.container, 0, marker, start, block.gap]
        row += [block.links, block.link_chars, block.equations, start, end, len(text), len(block.text)]
        language = languages.setdefault(block.language, len(languages)) if block.language else -1
        rows.append([*row, block.text.count("\n"), block.table, language])
    numbers = np.array(rows, np.int64).reshape(-1, columns.COLUMNS)
    return Blocks(
        np.frombuffer(text + b"\0", np.uint8), numbers, {number: name for name, number in languages.items()}
    )


def text_of(blocks: Blocks) -> str:
    """The text of a page. Later lines of a block are aligned with its first, but a ``<pre>`` stays
    verbatim."""
    return joined(blocks)[0]


def joined(blocks: Blocks) -> tuple[str, int, int, int]:
    """The text, and over all blocks the links, the formulas, and how many of them are code."""
    rows = blocks.rows
    sizes = rows[:, columns.END] - rows[:, columns.START] + 2
    prefixes = rows[:, columns.INDENT] + rows[:, columns.MARKER_END] - rows[:, columns.MARKER]
    out = np.empty(int(sizes.sum() + (prefixes * (rows[:, columns.BREAKS] + 1)).sum()), np.uint8)
    totals = np.zeros(4, np.int64)
    columns.join(rows, blocks.text, out, totals)
    size, links, equations, code = totals.tolist()
    return out[:size].tobytes().decode("utf-8", "surrogatepass"), links, equations, code


@dataclass(slots=True)
class Container:
    """A block-level element; ``blocks[first:last]`` are the blocks in it. Parents come before children."""

    parent: int  # -1 for the body
    tag: str
    names: str  # class, id, role and itemprop as the page spells them
    first: int
    last: int


class Looks(NamedTuple):
    """How containers look: tag, and names."""

    text: NDArray[np.uint8]  # UTF-8
    places: NDArray[np.int64]  # (k, 3): where in it the names begin, where the tag that follows, and its end

    def strings(self) -> list[tuple[str, str]]:
        """Tag and names of each."""
        found = []
        for start, tag, end in self.places.tolist():
            names = self.text[start:tag].tobytes().decode("utf-8", "surrogatepass")
            found.append((self.text[tag:end].tobytes().decode(), names))
        return found


def looks_of(looks: Sequence[tuple[str, str]]) -> Looks:
    """The same as arrays."""
    text = bytearray()
    places = []
    for tag, names in looks:
        row = [len(text)]
        for part in (names, tag):
            text += part.encode("utf-8", "surrogatepass")
            row.append(len(text))
        places.append(row)
    return Looks(np.frombuffer(text + b"\0", np.uint8), np.array(places, np.int64).reshape(-1, 3))


class Outline(NamedTuple):
    """The containers of a page as arrays, parents before children; numbers in between may be unused."""

    parent: NDArray[np.int64]  # (c,): -1 for the body
    look: NDArray[np.int64]  # (c,): an index of looks; -1 for a number that is not in use
    looks: Looks
    merged: NDArray[np.int64]  # (m, 2) more blocks of containers than those that name them: container, block


def outline_of(containers: Sequence[Container]) -> Outline:
    """The same containers as arrays."""
    looks: dict[tuple[str, str], int] = {}
    look = [looks.setdefault((one.tag, one.names), len(looks)) for one in containers]
    filled = [(number, one) for number, one in enumerate(containers) if one.first < one.last]
    merged = [(number, block) for number, one in filled for block in (one.first, one.last - 1)]
    parent = np.array([one.parent for one in containers], np.int64)
    return Outline(
        parent, np.array(look, np.int64), looks_of(list(looks)), np.array(merged, np.int64).reshape(-1, 2)
    )


def number_containers(blocks: list[Block], outline: Outline) -> list[Container]:
    """The containers that have blocks, which ``blocks`` then name by their places in the list."""
    spans: dict[int, list[int]] = {}
    parent, look, looks = outline.parent.tolist(), outline.look.tolist(), outline.looks.strings()
    named = [(block.container, place) for place, block in enumerate(blocks)]
    for number, place in (*named, *outline.merged.tolist()):
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
        tag, names = looks[look[number]]
        containers.append(Container(order.get(parent[number], -1), tag, names, first, last + 1))
    return containers
