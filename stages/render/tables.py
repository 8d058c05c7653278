"""Decides which rows of a table are lines of data, and writes those lines.

Knows the blocks of the cells of a table. Does not know HTML. There is no sure sign of a data table: authors
of layout tables do not say so, and authors of data tables seldom use ``<th>``. So rows are judged: a row is a
line unless a cell holds what no line can hold (code, headings, another table's rows, an essay). If a header,
a caption or most rows show that the table is data, the limits are wider.
"""

from __future__ import annotations

from typing import NamedTuple

from stages.render.blocks import Block

SEPARATOR = " | "
#: Blocks and characters of one cell up to which a row is still a line, even if the table is certainly data.
_MAX_BLOCKS, _MAX_BLOCKS_DATA = 3, 12
_MAX_CHARS, _MAX_CHARS_DATA = 400, 2000
#: Limit on empty cells left by spans, per cell of a table. With more it is not a real table, and their number
#: would grow with the square of the rows.
_MAX_BLANKS = 16
#: The meaning of rowspan=0 (HTML 4.9.11): more rows than any table has.
TO_THE_END = 1 << 30


class Cell(NamedTuple):
    first: int  # blocks[first:last] are its blocks
    last: int
    columns: int  # colspan
    rows: int  # rowspan; TO_THE_END: down to the last row of its group


class Row(NamedTuple):
    container: int
    cells: list[Cell]
    group: int  # row group (thead, tbody, tfoot), as a unique number: no cell extends beyond it


class Table:
    """An open table."""

    __slots__ = ("first", "first_merged", "headed", "layout", "rows")

    def __init__(self, first: int, first_merged: int, layout: bool) -> None:
        self.first = first  # its first block
        self.first_merged = first_merged  # the first block of a row within it
        self.layout = layout  # it declares itself as data
        self.headed = False  # has <th>, <thead> or <caption>
        self.rows: list[Row] = []

    def finish(self, blocks: list[Block], merged: list[tuple[int, int]], number: int) -> None:
        """Replaces the cells of the table, the ``number``-th, at the end of ``blocks`` by its rows. Notes in
        ``merged`` the container of each block of a cell, and the row that it is in."""
        if self.layout:
            return
        widest = max([len(row.cells) for row in self.rows], default=0)
        rows = [row for row in self.rows if row.cells]
        fits = [_fit(row, blocks) for row in rows]
        several = [fit for fit, row in zip(fits, rows, strict=True) if len(row.cells) > 1]
        data = self.headed or 2 * several.count(_LINE) > len(several) > 1
        out: list[Block] = []
        position = self.first
        moved: list[int] = []  # new indices of the blocks from ``first`` on
        lost: list[tuple[int, int]] = []
        hanging: dict[int, int] = {}  # column -> number of rows that a cell above still extends into
        group = 0
        blanks = _MAX_BLANKS * sum([len(row.cells) for row in rows])
        for row, fit in zip(rows, fits, strict=True):
            if row.group != group or blanks < 0:
                hanging.clear()
                group = row.group
            is_line = fit == _LINE or (fit == _LINE_OF_DATA and data) or (fit == _ALONE and self.headed)
            texts = _texts(row, blocks if is_line else [], hanging, widest)
            blanks -= len(texts) - len(row.cells)
            if not is_line:
                continue
            first, last = row.cells[0].first, row.cells[-1].last
            moved += range(self.first + len(out), self.first + len(out) + first - position)
            out += blocks[position:first]
            moved += [self.first + len(out)] * (last - first)
            if row.container >= 0:
                lost += [(block.container, self.first + len(out)) for block in blocks[first:last]]
            line = _line(row, texts, blocks[first:last], number)
            if out and out[-1].table == number:
                line.gap = 1
            out.append(line)
            position = last
        if not out:
            return
        moved += range(self.first + len(out), self.first + len(out) + len(blocks) - position)
        out += blocks[position:]
        blocks[self.first :] = out
        before = merged[self.first_merged :]
        merged[self.first_merged :] = [(one, moved[place - self.first]) for one, place in before] + lost


# Classes of a row, by its cells.
_NO_LINE = 0
_LINE = 1
_LINE_OF_DATA = 2  # only if the table is certainly data
_ALONE = 3  # has one line in one cell: "Total", or a heading over the columns


def _fit(row: Row, blocks: list[Block]) -> int:
    fit = _LINE
    filled = total = 0
    for cell in row.cells:
        size = cell.last - cell.first
        if not size:
            continue
        filled += 1
        total += size
        if size == 1:
            block = blocks[cell.first]
            kind = block.kind
            if len(block.text) <= _MAX_CHARS and kind != "heading" and kind != "pre":
                continue
        fit = max(fit, _fit_of_cell(blocks[cell.first : cell.last]), key=_STRICTNESS.__getitem__)
        if fit == _NO_LINE:
            return fit
    if filled > 1:
        return fit
    return _ALONE if filled and total == 1 else _NO_LINE


#: The worst cell decides the class of the row.
_STRICTNESS = {_LINE: 0, _LINE_OF_DATA: 1, _NO_LINE: 2}


def _fit_of_cell(cell: list[Block]) -> int:
    chars = sum([len(block.text) for block in cell])
    if len(cell) > _MAX_BLOCKS_DATA or chars > _MAX_CHARS_DATA:
        return _NO_LINE
    kinds = [block.kind for block in cell]
    if kinds.count("row") > 1 or any(block.kind == "pre" and "\n" in block.text for block in cell):
        return _NO_LINE
    doubtful = "heading" in kinds or ("pre" in kinds and len(cell) > 1)
    return _LINE_OF_DATA if doubtful or len(cell) > _MAX_BLOCKS or chars > _MAX_CHARS else _LINE


def _texts(row: Row, blocks: list[Block], hanging: dict[int, int], widest: int) -> list[str]:
    """The row's cells in their columns, with empty cells for spans."""
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
        permalink="".join([block.permalink for block in blocks]),
    )
