"""Lists and tables that are open, and what their items and cells do; a compiled part of the walk.

Knows attributes of lists, items and cells. Does not know events (``walk_kernels``), how rows become lines
(``table_kernels``), nor how items are numbered in letters (``lists``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import block_kernels
from stages.render.block_kernels import (
    BLOCKS,
    BYTES,
    CELLS,
    FORMULAS,
    GAP_NOW,
    INDENT_NOW,
    KIND,
    LISTS,
    MARKER_NOW,
    MARKER_NOW_END,
    NUMBER,
    ROWS,
    TABLES,
    add_block,
)
from stages.render.markup_kernels import is_at
from stages.render.text_kernels import NONE, YES

_IS_ITEM, _IS_PRE = np.int64(block_kernels.ITEM), np.int64(block_kernels.PRE)

#: Columns of indentation that nesting may add up to: beyond that, text would move off any page, and its size
#: would grow with the square of the depth.
MAX_INDENT = 40

# Columns of what is open: what elements saved; lists; tables, their rows, and cells.
(
    WHAT,
    MORE,
    LIST_INDENT,  # columns before its markers
    LIST_FIRST,  # how many blocks there were before it
    LIST_NUMBER,  # of the next item; NOT_GIVEN: the list has bullets
    LIST_STEP,
    LIST_STYLE,  # the letter of its type
    TABLE_FIRST,  # its first block
    TABLE_ROW,
    TABLE_CELL,
    HEADED,  # has <th>, <thead> or <caption>
    FOR_LAYOUT,  # as it declares
    ROW_CONTAINER,
    ROW_GROUP,  # thead, tbody or tfoot, as a unique number: no cell extends beyond it
    CELL_ROW,
    CELL_FIRST,  # its blocks
    CELL_LAST,
    CELL_COLUMNS,  # colspan
    CELL_ROWS,  # rowspan; TO_THE_END: down to the last row of its group
    ROW_CELLS,  # how many it has
    ROW_FIT,  # its class (``table_kernels``)
    HANGING,  # by column, the rows that a cell above still extends into
    ABOVE,  # whether it extends into this one
) = range(23)
OPEN = 23
#: What rowspan=0 means (HTML 4.9.11): more rows than any table has.
TO_THE_END = 1 << 30
NOT_GIVEN = -(1 << 40)

_BULLETS = np.frombuffer(b"*+o#@-=", np.uint8)
_OL = np.frombuffer(b"ol", np.uint8)
_COLSPAN = np.frombuffer(b"colspan", np.uint8)
_ROWSPAN = np.frombuffer(b"rowspan", np.uint8)
_ROLE = np.frombuffer(b"role", np.uint8)
_AS_NONE = np.frombuffer(b'none"', np.uint8)
_AS_PRESENTATION = np.frombuffer(b'presentation"', np.uint8)
_REVERSED = np.frombuffer(b"reversed", np.uint8)
_START = np.frombuffer(b"start", np.uint8)
_TYPE = np.frombuffer(b"type", np.uint8)
_VALUE = np.frombuffer(b"value", np.uint8)


@compiled
def _value(page: Any, elements: Any, one: Any, name: Any) -> Any:
    """Where the value of an attribute begins; -1 if the element has none."""
    if one < 0:
        return NONE
    at = np.int64(elements[one, 1])
    while page[at] == 32:
        start = at + 1
        at = start + 1
        while page[at] != 61:
            at += 1
        if at - start == len(name) and is_at(page, start, name):
            return at + 2
        at += 2
        while page[at] != 34:
            at += 1
        at += 1
    return NONE


@compiled
def _integer(page: Any, elements: Any, one: Any, name: Any) -> Any:
    """An attribute as HTML parses integers (2.3.4.1), within reasonable bounds."""
    at = _value(page, elements, one, name)
    if at < 0:
        return np.int64(NOT_GIVEN)
    while page[at] == 32 or page[at] == 9 or page[at] == 10 or page[at] == 12 or page[at] == 13:
        at += 1
    sign = np.int64(1)
    if page[at] == 45 or page[at] == 43:
        sign = np.int64(44) - page[at]
        at += 1
    first = at
    number = np.int64(0)
    while 48 <= page[at] <= 57 and at < first + 9:
        number = 10 * number + page[at] - 48
        at += 1
    return sign * number if at > first else np.int64(NOT_GIVEN)


@compiled
def open_list(
    page: Any, elements: Any, one: Any, container: Any, state: Any, rows: Any, out: Any, kept: Any
) -> Any:
    """False if its items have to be counted first."""
    lists = state[LISTS]
    number, step, style = np.int64(NOT_GIVEN), np.int64(1), np.int64(49)
    name = elements[one, 0]
    if elements[one, 1] - name == 2 and is_at(page, name, _OL):
        number = _integer(page, elements, one, _START)
        if _value(page, elements, one, _REVERSED) >= 0:
            step = NONE
            if number == NOT_GIVEN:
                number = state[NUMBER]
                if number == NOT_GIVEN:
                    return False
        if number == NOT_GIVEN:
            number = YES
        at = _value(page, elements, one, _TYPE)
        if at >= 0 and page[at + 1] == 34:
            style = np.int64(page[at])
    state[NUMBER] = NOT_GIVEN
    marker, stop = state[MARKER_NOW], state[MARKER_NOW_END]
    if not lists and marker == stop:
        state[GAP_NOW] = 2
    if marker < stop:
        release_marker(container, state, rows, out)
    indent = state[INDENT_NOW]
    # A list within an item is indented by the item; one directly within a list indents itself.
    if lists and indent == kept[lists - 1, LIST_INDENT]:
        indent = min(indent + 2, MAX_INDENT)
    kept[lists, LIST_INDENT], kept[lists, LIST_FIRST] = indent, state[BLOCKS]
    kept[lists, LIST_NUMBER], kept[lists, LIST_STEP], kept[lists, LIST_STYLE] = number, step, style
    state[LISTS] = lists + 1
    return True


@compiled
def release_marker(container: Any, state: Any, rows: Any, out: Any) -> Any:
    """Called before content that cannot follow a marker: a number gets a line of its own, a bullet is
    dropped."""
    marker, stop = state[MARKER_NOW], state[MARKER_NOW_END]
    state[MARKER_NOW_END] = marker
    if stop - marker > 2:
        indent = state[INDENT_NOW]
        state[INDENT_NOW] = max(indent - (stop - marker), 0)
        stop -= 1
        add_block(marker, stop, stop - marker, _IS_ITEM, state[FORMULAS], container, state, rows, out)
        state[INDENT_NOW] = indent


@compiled
def open_item(page: Any, elements: Any, one: Any, state: Any, rows: Any, out: Any, kept: Any) -> Any:
    """False if the number is for others to write."""
    lists = state[LISTS] - 1
    number = np.int64(NOT_GIVEN)
    bullet = _BULLETS[0]
    indent = state[INDENT_NOW]
    if lists >= 0:
        blocks = state[BLOCKS]
        if blocks > kept[lists, LIST_FIRST] and rows[blocks - 1, KIND] != _IS_PRE:
            state[GAP_NOW] = 1  # no blank lines between items, whether or not they contain paragraphs
        indent = min(kept[lists, LIST_INDENT], MAX_INDENT)
        number = kept[lists, LIST_NUMBER]
        bullet = _BULLETS[min(lists, len(_BULLETS) - 1)]
    put = state[BYTES]
    state[MARKER_NOW] = put
    if number == NOT_GIVEN:
        out[put] = bullet
        put += 1
    else:
        value = _integer(page, elements, one, _VALUE)
        if value != NOT_GIVEN:
            number = value
        kept[lists, LIST_NUMBER] = number + kept[lists, LIST_STEP]
        style = kept[lists, LIST_STYLE] | 32
        if style == 97 or style == 105:
            state[MARKER_NOW_END], state[INDENT_NOW], state[NUMBER] = put, indent, number
            return False
        if number < 0:
            out[put] = 45
            put += 1
            number = -number
        power = np.int64(1)
        while power * 10 <= number:
            power *= 10
        while power:
            out[put] = 48 + number // power % 10
            put += 1
            power //= 10
        out[put] = 46
        put += 1
    out[put] = 32
    put += 1
    state[MARKER_NOW_END] = state[BYTES] = put
    state[INDENT_NOW] = indent + put - state[MARKER_NOW]
    return True


@compiled
def open_table(page: Any, elements: Any, one: Any, state: Any, kept: Any) -> Any:
    table = state[TABLES]
    state[TABLES] = table + 1
    kept[table, TABLE_FIRST], kept[table, HEADED] = state[BLOCKS], 0
    kept[table, TABLE_ROW], kept[table, TABLE_CELL] = state[ROWS], state[CELLS]
    role = _value(page, elements, one, _ROLE)
    kept[table, FOR_LAYOUT] = role >= 0 and (
        is_at(page, role, _AS_NONE) or is_at(page, role, _AS_PRESENTATION)
    )


@compiled
def close_cell(page: Any, elements: Any, one: Any, first: Any, state: Any, kept: Any) -> Any:
    """Notes the blocks and spans of a cell."""
    table = state[TABLES] - 1
    if table < 0 or state[ROWS] == kept[table, TABLE_ROW]:
        return
    columns, rows = _integer(page, elements, one, _COLSPAN), _integer(page, elements, one, _ROWSPAN)
    cell = state[CELLS]
    kept[cell, CELL_ROW], kept[cell, CELL_FIRST], kept[cell, CELL_LAST] = (
        state[ROWS] - 1,
        first,
        state[BLOCKS],
    )
    kept[cell, CELL_COLUMNS] = max(columns, 1)
    kept[cell, CELL_ROWS] = TO_THE_END if rows == 0 else max(rows, 1)
    state[CELLS] = cell + 1
