"""Which rows of a table are lines of data, and those lines.

Knows the blocks that the cells of a table gave. Knows no HTML. There is no sure sign of a data table:
authors of layout tables do not say so, and authors of data tables seldom use ``<th>``. So every row is
judged by itself: a row is a line unless a cell holds what no line can hold (code, headings, another
table's rows, an essay).
"""

from __future__ import annotations

from typing import NamedTuple

from stages.render.blocks import Block, Container

SEPARATOR = " | "
#: Blocks and characters of one cell up to which a row is still a line; a table with a header or caption is
#: data for sure and may hold more.
_MAX_BLOCKS, _MAX_BLOCKS_HEADED = 3, 12
_MAX_CHARS, _MAX_CHARS_HEADED = 400, 2000
#: Columns that spans may make: a page can ask for a billion.
_MAX_COLUMNS = 200


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
        out: list[Block] = []
        position = self.first
        moved: list[int] = []  # new places of the blocks from first on
        hanging: dict[int, int] = {}  # column -> rows that a cell above still reaches down
        for row in self.rows:
            texts = self._texts(row, blocks, hanging)
            if texts is None:
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

    def _texts(self, row: Row, blocks: list[Block], hanging: dict[int, int]) -> list[str] | None:
        """The row's cells in their columns; None if it is no line."""
        above = set(hanging)
        for column in above:
            hanging[column] -= 1
            if not hanging[column]:
                del hanging[column]
        texts: list[str] = []
        filled = 0
        line = True
        for cell in row.cells:
            while len(texts) in above:
                texts.append("")
            within = blocks[cell.first : cell.last]
            if within:
                filled += 1
                line = line and self._fits(within)
            column = len(texts)
            width = min(cell.columns, max(_MAX_COLUMNS - column, 1))
            texts.append(" ".join([block.text for block in within]).replace("\n", " ") if line else "")
            texts += [""] * (width - 1)
            if cell.rows > 1:
                hanging.update(dict.fromkeys(range(column, column + width), cell.rows - 1))
        # A lone cell is a line only where all is data: "Total", or a heading over the columns.
        alone = filled == 1 and self.headed and sum([cell.last - cell.first for cell in row.cells]) == 1
        return texts if line and (filled > 1 or alone) else None

    def _fits(self, cell: list[Block]) -> bool:
        most = _MAX_BLOCKS_HEADED if self.headed else _MAX_BLOCKS
        if len(cell) > most:
            return False
        if sum([len(block.text) for block in cell]) > (_MAX_CHARS_HEADED if self.headed else _MAX_CHARS):
            return False
        rows = 0
        for block in cell:
            if block.kind == "row":
                rows += 1
            elif (block.kind == "pre" and "\n" in block.text) or (
                block.kind == "heading" and not self.headed
            ):
                return False
        return rows < 2


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
