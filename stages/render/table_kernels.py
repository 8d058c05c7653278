"""Decides which rows of a table are lines of data, and writes those lines; a compiled part of the walk.

Knows the blocks of the cells of a table. Does not know HTML. There is no sure sign of a data table: authors
of layout tables do not say so, and authors of data tables seldom use ``<th>``. So rows are judged: a row is a
line unless a cell holds what no line can hold (code, headings, another table's rows, an essay). If a header,
a caption or most rows show that the table is data, the limits are wider.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import block_kernels
from stages.render.block_kernels import (
    BLOCKS,
    BREAKS,
    BYTES,
    CELLS,
    CHARS,
    COLUMNS,
    CONTAINER,
    END,
    EQUATIONS,
    GAP,
    KIND,
    LANGUAGE,
    LINK_CHARS,
    LINKS,
    MERGED,
    PERMALINK_END,
    ROWS,
    START,
    TABLE,
    TABLE_COUNT,
    TABLES,
)
from stages.render.list_kernels import (
    ABOVE,
    CELL_COLUMNS,
    CELL_FIRST,
    CELL_LAST,
    CELL_ROW,
    CELL_ROWS,
    FOR_LAYOUT,
    HANGING,
    HEADED,
    ROW_CELLS,
    ROW_CONTAINER,
    ROW_FIT,
    ROW_GROUP,
    TABLE_CELL,
    TABLE_FIRST,
    TABLE_ROW,
)
from stages.render.text_kernels import NO

_HEADING, _PRE, _ROW = map(np.int64, (block_kernels.HEADING, block_kernels.PRE, block_kernels.ROW))

#: Blocks and characters of one cell up to which a row is still a line, even if the table is certainly data.
_MAX_BLOCKS, _MAX_BLOCKS_DATA = 3, 12
_MAX_CHARS, _MAX_CHARS_DATA = 400, 2000
#: Limit on empty cells left by spans, per cell of a table. With more it is not a real table, and their number
#: would grow with the square of the rows.
_MAX_BLANKS = 16

#: Classes of a row, by its cells: _LINE_OF_DATA only if the table is certainly data; _ALONE has one line in
#: one cell, as "Total", or a heading over the columns.
_NO_LINE, _LINE, _LINE_OF_DATA, _ALONE = range(4)


@compiled
def _class_of(first: Any, last: Any, rows: Any, kept: Any) -> Any:
    """The class of a row, of which the cells are numbered from ``first`` to ``last``: that of the worst."""
    fit = _LINE
    filled = total = 0
    for cell in range(first, last):
        size = kept[cell, CELL_LAST] - kept[cell, CELL_FIRST]
        if size > _MAX_BLOCKS_DATA:
            return _NO_LINE
        filled += size > 0
        total += size
        chars = lines = 0
        heading = code = broken = False
        for block in range(kept[cell, CELL_FIRST], kept[cell, CELL_LAST]):
            kind = rows[block, KIND]
            chars += rows[block, CHARS]
            lines += kind == _ROW
            heading |= kind == _HEADING
            code |= kind == _PRE
            broken |= kind == _PRE and rows[block, BREAKS] > 0
        if chars > _MAX_CHARS_DATA or lines > 1 or broken:
            return _NO_LINE
        if heading or (code and size > 1) or size > _MAX_BLOCKS or chars > _MAX_CHARS:
            fit = _LINE_OF_DATA
    if filled > 1:
        return fit
    return _ALONE if filled and total == 1 else _NO_LINE


@compiled
def _write(cell: Any, chars: Any, state: Any, rows: Any, out: Any, kept: Any) -> Any:
    """Writes a cell's blocks side by side; returns the characters so far."""
    put = state[BYTES]
    first = kept[cell, CELL_FIRST]
    for block in range(first, kept[cell, CELL_LAST]):
        if block > first:
            out[put] = 32
            put += 1
            chars += 1
        for at in range(rows[block, START], rows[block, END]):
            out[put] = 32 if out[at] == 10 else out[at]
            put += 1
        chars += rows[block, CHARS]
    state[BYTES] = put
    return chars


@compiled
def _add_line(
    start: Any, chars: Any, write: Any, first: Any, last: Any, container: Any, state: Any, rows: Any, out: Any
) -> Any:
    """Makes the row ``write`` a line of a table, with text from ``start`` on, in place of the blocks from
    ``first`` to ``last``."""
    while out[start] <= 32:
        start += 1
        chars -= 1
    end = put = state[BYTES]
    links = link_chars = equations = NO
    for block in range(first, last):
        links += rows[block, LINKS]
        link_chars += rows[block, LINK_CHARS]
        equations += rows[block, EQUATIONS]
        for at in range(rows[block, END], rows[block, PERMALINK_END]):
            out[put] = out[at]
            put += 1
    row = rows[write]
    for column in range(COLUMNS):
        row[column] = rows[first, column]  # level, prefix and gap
    row[KIND], row[CONTAINER], row[TABLE], row[LANGUAGE] = _ROW, container, state[TABLE_COUNT], -1
    row[LINKS], row[LINK_CHARS], row[EQUATIONS] = links, link_chars, equations
    row[START], row[END], row[PERMALINK_END], row[CHARS], row[BREAKS] = start, end, put, chars, 0
    state[BYTES] = put


@compiled
def finish(state: Any, rows: Any, out: Any, kept: Any, merged: Any, places: Any) -> Any:
    """Replaces the cells of the innermost table, which ends, by its rows. Notes in ``merged`` the container
    of each block of a cell, and the row that it is in. ``places``: room for a number for each block."""
    table = state[TABLES] - 1
    start, first_row, cell = kept[table, TABLE_FIRST], kept[table, TABLE_ROW], kept[table, TABLE_CELL]
    last_row, last_cell = state[ROWS], state[CELLS]
    state[TABLES], state[ROWS], state[CELLS] = table, first_row, cell
    state[TABLE_COUNT] += 1
    if kept[table, FOR_LAYOUT]:
        return
    widest = several = lines = 0
    at = cell
    for row in range(first_row, last_row):
        first = at
        while at < last_cell and kept[at, CELL_ROW] == row:
            at += 1
        kept[row, ROW_CELLS], kept[row, ROW_FIT] = at - first, _class_of(first, at, rows, kept)
        widest = max(widest, at - first)
        several += at - first > 1
        lines += at - first > 1 and kept[row, ROW_FIT] == _LINE
    headed = kept[table, HEADED]
    data = headed or (2 * lines > several and several > 1)
    earlier = state[MERGED]
    blanks = _MAX_BLANKS * (last_cell - cell)
    group: Any = NO
    wide = 0  # columns that cells above may extend into
    write = position = start
    last = cell
    for row in range(first_row, last_row):
        first, last = last, last + kept[row, ROW_CELLS]
        if first == last:
            continue
        clear = kept[row, ROW_GROUP] != group or blanks < 0
        group = kept[row, ROW_GROUP]
        fit = kept[row, ROW_FIT]
        is_line = fit == _LINE or (fit == _LINE_OF_DATA and data) or (fit == _ALONE and headed)
        before = wide
        for above in range(before):
            kept[above, ABOVE] = kept[above, HANGING] > 0 and not clear
            kept[above, HANGING] = kept[above, HANGING] - 1 if kept[above, ABOVE] else 0
        begin = state[BYTES]
        column = written = chars = NO
        for cell in range(first, last):
            while column < before and kept[column, ABOVE]:
                column += 1
            if is_line and kept[cell, CELL_FIRST] < kept[cell, CELL_LAST]:
                put = state[BYTES]
                while written < column:
                    out[put], out[put + 1], out[put + 2] = 32, 124, 32
                    put += 3
                    chars += 3
                    written += 1
                state[BYTES] = put
                chars = _write(cell, chars, state, rows, out, kept)
            # A page can ask for a billion columns; no table is wider than its widest row has cells.
            stop = column + max(min(kept[cell, CELL_COLUMNS], widest - column), 1)
            while wide < stop:
                kept[wide, HANGING] = 0
                wide += 1
            while column < stop:
                if kept[cell, CELL_ROWS] > 1:
                    kept[column, HANGING] = kept[cell, CELL_ROWS] - 1
                column += 1
        blanks -= column - (last - first)
        if not is_line:
            continue
        from_block, to_block = kept[first, CELL_FIRST], kept[last - 1, CELL_LAST]
        write = _move(position, from_block, write, rows, places)
        container = kept[row, ROW_CONTAINER]
        for block in range(from_block, to_block):
            places[block] = write
            if container >= 0:
                merged[state[MERGED], 0], merged[state[MERGED], 1] = rows[block, CONTAINER], write
                state[MERGED] += 1
        _add_line(begin, chars, write, from_block, to_block, container, state, rows, out)
        if write > start and rows[write - 1, TABLE] == state[TABLE_COUNT]:
            rows[write, GAP] = 1
        write += 1
        position = to_block
    state[BLOCKS] = _move(position, state[BLOCKS], write, rows, places)
    while earlier and merged[earlier - 1, 1] >= start:
        earlier -= 1
        merged[earlier, 1] = places[merged[earlier, 1]]


@compiled
def _move(first: Any, last: Any, write: Any, rows: Any, places: Any) -> Any:
    """Moves blocks to the place ``write``; returns the place after them."""
    for block in range(first, last):
        places[block] = write
        for column in range(COLUMNS):
            rows[write, column] = rows[block, column]
        write += 1
    return write
