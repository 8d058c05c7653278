"""Which rows of a table are lines of data, and those lines.

Knows the blocks that the cells of a table gave. Knows no HTML. There is no sure sign of a data table: authors
of layout tables do not say so, and authors of data tables seldom use ``<th>``. So rows are judged: a row is a
line unless a cell holds what no line can hold (code, headings, another table's rows, an essay). Where a
header, a caption or most of its rows say that the table is data, more is let pass.
"""

from __future__ import annotations

from typing import NamedTuple

from stages.render.blocks import Block, Container

SEPARATOR = " | "
#: Blocks and characters of one cell up to which a row is still a line, also where the table is data for sure.
_MAX_BLOCKS, _MAX_BLOCKS_DATA = 3, 12
_MAX_CHARS, _MAX_CHARS_DATA = 400, 2000


class Cell(NamedTuple):
    first: int  # blocks[first:last] are its blocks
    last: int
    columns: int  # colspan
    rows: int  # rowspan


class Row(NamedTuple):
    container: int
    cells: list[Cell]


class Table:
    """An open table."""

    __slots__ = ("first", "first_container", "headed", "layout", "rows")

    def __init__(self, first: int, first_container: int, layout: bool) -> None:
        self.first = first  # its first block
        self.first_container = first_container  # the first container within it
        self.layout = layout  # says so itself
        self.headed = False  # has <th>, <thead> or <caption>
        self.rows: list[Row] = []

    def finish(self, blocks: list[Block], containers: list[Container], number: int) -> None:
        """Puts the rows of the table, the ``number``-th, in place of its cells at the end of ``blocks``."""
        if self.layout:
            return
        widest = max([len(row.cells) for row in self.rows], default=0)
        rows = [row for row in self.rows if row.cells]
        strict = [self._is_line(row, blocks, self.headed) for row in rows if len(row.cells) > 1]
        data = self.headed or 2 * sum(strict) > len(strict) > 1
        out: list[Block] = []
        position = self.first
        moved: list[int] = []  # new places of the blocks from first on
        hanging: dict[int, int] = {}  # column -> rows that a cell above still reaches down
        for row in rows:
            is_line = self._is_line(row, blocks, data)
            texts = _texts(row, blocks if is_line else [], hanging, widest)
            if not is_line:
                continue
            first, last = row.cells[0].first, row.cells[-1].last
            moved += range(self.first + len(out), self.first + len(out) + first - position)
            out += blocks[position:first]
            moved += [self.first + len(out)] * (last - first)
            line = _line(row, texts, blocks[first:last], number)
            if out and out[-1].table == number:
                line.gap = 1
            out.append(line)
            position = last
        if not out:
            return
        moved += range(self.first + len(out), self.first + len(out) + len(blocks) - position + 1)
        out += blocks[position:]
        blocks[self.first :] = out
        for container in containers[self.first_container :]:
            empty = container.first >= container.last
            container.first = moved[container.first - self.first]
            container.last = container.first if empty else moved[container.last - 1 - self.first] + 1

    def _is_line(self, row: Row, blocks: list[Block], data: bool) -> bool:
        sizes = [cell.last - cell.first for cell in row.cells]
        filled = len(sizes) - sizes.count(0)
        # A lone cell is a line only where all is data: "Total", or a heading over the columns.
        if not filled or (filled == 1 and not (self.headed and sum(sizes) == 1)):
            return False
        return all(_fits(blocks[cell.first : cell.last], data) for cell in row.cells)


def _fits(cell: list[Block], data: bool) -> bool:
    """Whether the blocks of a cell fit into a line."""
    if len(cell) > (_MAX_BLOCKS_DATA if data else _MAX_BLOCKS):
        return False
    if sum([len(block.text) for block in cell]) > (_MAX_CHARS_DATA if data else _MAX_CHARS):
        return False
    rows = 0
    for block in cell:
        if block.kind == "row":
            rows += 1
        elif block.kind == "pre":
            if "\n" in block.text or (len(cell) > 1 and not data):
                return False
        elif block.kind == "heading" and not data:
            return False
    return rows < 2


def _texts(row: Row, blocks: list[Block], hanging: dict[int, int], widest: int) -> list[str]:
    """The row's cells in their columns, spans standing for empty cells."""
    above = set(hanging)
    for column in above:
        hanging[column] -= 1
        if not hanging[column]:
            del hanging[column]
    texts: list[str] = []
    for cell in row.cells:
        while len(texts) in above:
            texts.append("")
        column = len(texts)
        # A page can ask for a billion columns; no table is wider than its widest row has cells.
        width = max(min(cell.columns, widest - column), 1)
        text = " ".join([block.text for block in blocks[cell.first : cell.last]])
        texts.append(text.replace("\n", " "))
        texts += [""] * (width - 1)
        if cell.rows > 1:
            hanging.update(dict.fromkeys(range(column, column + width), cell.rows - 1))
    return texts


def _line(row: Row, texts: list[str], blocks: list[Block], number: int) -> Block:
    while not texts[-1]:
        texts.pop()
    return Block(
        text=SEPARATOR.join(texts).strip(),
        kind="row",
        level=blocks[0].level,
        container=row.container,
        prefix=blocks[0].prefix,
        gap=blocks[0].gap,
        links=sum([block.links for block in blocks]),
        link_chars=sum([block.link_chars for block in blocks]),
        equations=sum([block.equations for block in blocks]),
        table=number,
    )
