"""Decides which rows of a table are lines of data, and writes those lines.

Knows the blocks of the cells of a table. Does not know HTML. There is no sure sign of a data table: authors
of layout tables do not say so, and authors of data tables seldom use ``<th>``. So rows are judged: a row is a
line unless a cell holds what no line can hold (code, headings, another table's rows, an essay). If a header,
a caption or most rows show that the table is data, the limits are wider.
"""

from __future__ import annotations

from typing import NamedTuple

from stages.render.block_kernels import (
    BREAKS,
    CELLS,
    CHARS,
    CONTAINER,
    END,
    EQUATIONS,
    GAP,
    HEADING,
    KIND,
    LANGUAGE,
    LINK_CHARS,
    LINKS,
    PERMALINK_END,
    PRE,
    ROW,
    ROWS,
    START,
    TABLE,
    TABLES,
)
from stages.render.layout import Page
from stages.render.list_kernels import (
    CELL_ROW,
    CELL_ROWS,
    FOR_LAYOUT,
    ROW_CONTAINER,
    ROW_GROUP,
    TABLE_FIRST,
)

SEPARATOR = " | "
#: Blocks and characters of one cell up to which a row is still a line, even if the table is certainly data.
_MAX_BLOCKS, _MAX_BLOCKS_DATA = 3, 12
_MAX_CHARS, _MAX_CHARS_DATA = 400, 2000
#: Limit on empty cells left by spans, per cell of a table. With more it is not a real table, and their number
#: would grow with the square of the rows.
_MAX_BLANKS = 16

#: A block as the numbers of its row.
_Block = list[int]


class Cell(NamedTuple):
    first: int  # blocks[first:last] are its blocks
    last: int
    columns: int  # colspan
    rows: int  # rowspan


class Row(NamedTuple):
    container: int
    cells: list[Cell]
    group: int


def finish(page: Page) -> None:
    """Replaces the cells of the innermost table, which ends, by its rows. Notes in ``page.merged`` the
    container of each block of a cell, and the row that it is in."""
    state = page.state
    page.table_count += 1
    table = int(state[TABLES]) - 1
    state[TABLES] = table
    start, first_row, first_cell, headed, for_layout = page.open[table, TABLE_FIRST : FOR_LAYOUT + 1].tolist()
    last_row, last_cell = int(state[ROWS]), int(state[CELLS])
    state[ROWS], state[CELLS] = first_row, first_cell
    if for_layout or first_cell == last_cell:
        return
    rows = [Row(*row) for row in _rows(page, start, (first_row, last_row), (first_cell, last_cell))]
    widest = max([len(row.cells) for row in rows])
    rows = [row for row in rows if row.cells]
    blocks = page.rows_from(start)
    fits = [_fit(row, blocks) for row in rows]
    several = [fit for fit, row in zip(fits, rows, strict=True) if len(row.cells) > 1]
    data = headed or 2 * several.count(_LINE) > len(several) > 1
    out: list[_Block] = []
    position = 0
    moved: list[int] = []  # new places of the blocks
    lost: list[tuple[int, int]] = []
    hanging: dict[int, int] = {}  # column -> number of rows that a cell above still extends into
    group = 0
    blanks = _MAX_BLANKS * sum([len(row.cells) for row in rows])
    for row, fit in zip(rows, fits, strict=True):
        if row.group != group or blanks < 0:
            hanging.clear()
            group = row.group
        is_line = fit == _LINE or (fit == _LINE_OF_DATA and data) or (fit == _ALONE and headed)
        texts = _texts(page, row, blocks if is_line else [], hanging, widest)
        blanks -= len(texts) - len(row.cells)
        if not is_line:
            continue
        first, last = row.cells[0].first, row.cells[-1].last
        moved += range(start + len(out), start + len(out) + first - position)
        out += blocks[position:first]
        moved += [start + len(out)] * (last - first)
        if row.container >= 0:
            lost += [(block[CONTAINER], start + len(out)) for block in blocks[first:last]]
        line = _line(page, row, texts, blocks[first:last])
        if out and out[-1][TABLE] == page.table_count:
            line[GAP] = 1
        out.append(line)
        position = last
    if not out:
        return
    moved += range(start + len(out), start + len(out) + len(blocks) - position)
    out += blocks[position:]
    page.replace(start, out)
    earlier = page.merged
    here: list[tuple[int, int]] = []
    while earlier and earlier[-1][1] >= start:
        here.append(earlier.pop())
    earlier += [(one, moved[place - start]) for one, place in reversed(here)] + lost


def _rows(
    page: Page, start: int, rows: tuple[int, int], cells: tuple[int, int]
) -> list[tuple[int, list[Cell], int]]:
    """The rows of a table whose first block is ``start``; their cells have places from there on."""
    found: list[tuple[int, list[Cell], int]] = [
        (container, [], group)
        for container, group in page.open[slice(*rows), ROW_CONTAINER : ROW_GROUP + 1].tolist()
    ]
    for row, first, last, columns, spanned in page.open[slice(*cells), CELL_ROW : CELL_ROWS + 1].tolist():
        found[row - rows[0]][1].append(Cell(first - start, last - start, columns, spanned))
    return found


# Classes of a row, by its cells.
_NO_LINE = 0
_LINE = 1
_LINE_OF_DATA = 2  # only if the table is certainly data
_ALONE = 3  # has one line in one cell: "Total", or a heading over the columns


def _fit(row: Row, blocks: list[_Block]) -> int:
    fit = _LINE
    filled = total = 0
    for first, last, _, _ in row.cells:
        size = last - first
        if not size:
            continue
        filled += 1
        total += size
        if size == 1:
            block = blocks[first]
            kind = block[KIND]
            if block[CHARS] <= _MAX_CHARS and kind != HEADING and kind != PRE:
                continue
        fit = max(fit, _fit_of_cell(blocks[first:last]), key=_STRICTNESS.__getitem__)
        if fit == _NO_LINE:
            return fit
    if filled > 1:
        return fit
    return _ALONE if filled and total == 1 else _NO_LINE


#: The worst cell decides the class of the row.
_STRICTNESS = {_LINE: 0, _LINE_OF_DATA: 1, _NO_LINE: 2}


def _fit_of_cell(cell: list[_Block]) -> int:
    chars = sum([block[CHARS] for block in cell])
    if len(cell) > _MAX_BLOCKS_DATA or chars > _MAX_CHARS_DATA:
        return _NO_LINE
    kinds = [block[KIND] for block in cell]
    if kinds.count(ROW) > 1 or any(block[KIND] == PRE and block[BREAKS] for block in cell):
        return _NO_LINE
    doubtful = HEADING in kinds or (PRE in kinds and len(cell) > 1)
    return _LINE_OF_DATA if doubtful or len(cell) > _MAX_BLOCKS or chars > _MAX_CHARS else _LINE


def _texts(page: Page, row: Row, blocks: list[_Block], hanging: dict[int, int], widest: int) -> list[str]:
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
        text = " ".join([page.string(block[START], block[END]) for block in blocks[cell.first : cell.last]])
        texts.append(text.replace("\n", " "))
        texts += [""] * (width - 1)
        if cell.rows > 1:
            hanging.update(dict.fromkeys(range(column, column + width), cell.rows - 1))
    return texts


def _line(page: Page, row: Row, texts: list[str], blocks: list[_Block]) -> _Block:
    while not texts[-1]:
        texts.pop()
    text = SEPARATOR.join(texts).strip()
    line = blocks[0].copy()  # with its level, prefix and gap
    line[KIND], line[CONTAINER], line[TABLE] = ROW, row.container, page.table_count
    line[CHARS], line[BREAKS], line[LANGUAGE] = len(text), 0, -1
    for column in (LINKS, LINK_CHARS, EQUATIONS):
        line[column] = sum([block[column] for block in blocks])
    permalinks = [page.string(block[END], block[PERMALINK_END]) for block in blocks]
    line[START], line[END] = page.write(text)
    _, line[PERMALINK_END] = page.write("".join(permalinks))
    return line
