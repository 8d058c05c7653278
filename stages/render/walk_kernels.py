"""The walk over whole lines and the elements around them; the compiled half of ``walk``.

Knows lists, tables and what else elements do to the lines in them, as long as nothing is on the line that is
being written. Does not know what is in lines that are not whole (``elements``), how rows become lines
(``tables``), nor how lists of letters are numbered (``lists``): it stops there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import block_kernels, kinds
from stages.render.block_kernels import (
    AT,
    BLOCKS,
    BYTES,
    CELLS,
    EDGED,
    EVENTS,
    FORMULAS,
    GAP_NOW,
    INDENT_NOW,
    KIND,
    KIND_NOW,
    LEVEL_NOW,
    LINK_CHARS_OPEN,
    LINK_FROM,
    LINKS_OPEN,
    LISTS,
    MARKER_NOW,
    MARKER_NOW_END,
    NUMBER,
    ROWS,
    SAVED,
    TABLES,
    add_block,
)
from stages.render.line_kernels import BEGINS, ENDS
from stages.render.markup_kernels import is_at
from stages.render.text_kernels import NO, NONE, YES

(
    _BLOCK_LINK,
    _BREAKS,
    _CAPTION,
    _CELL,
    _CLOSES,
    _CODE,
    _DEFINITION,
    _EDGE,
    _FLUSH,
    _GAP,
    _HEADER_CELL,
    _HEADING,
    _HEAD_ROWS,
    _ITEM,
    _JOINT,
    _LINE,
    _LINE_OF_TEXT,
    _LINK,
    _LIST,
    _OBJECT,
    _QUOTE,
    _ROW,
    _SPACE,
    _SUBSCRIPT,
    _SUPERSCRIPT,
    _TABLE,
    _TERM,
) = map(
    np.int64,
    (
        kinds.BLOCK_LINK,
        kinds.BREAKS,
        kinds.CAPTION,
        kinds.CELL,
        kinds.CLOSES,
        kinds.CODE,
        kinds.DEFINITION,
        kinds.EDGE,
        kinds.FLUSH,
        kinds.GAP,
        kinds.HEADER_CELL,
        kinds.HEADING,
        kinds.HEAD_ROWS,
        kinds.ITEM,
        kinds.JOINT,
        kinds.LINE,
        kinds.LINE_OF_TEXT,
        kinds.LINK,
        kinds.LIST,
        kinds.OBJECT,
        kinds.QUOTE,
        kinds.ROW,
        kinds.SPACE,
        kinds.SUBSCRIPT,
        kinds.SUPERSCRIPT,
        kinds.TABLE,
        kinds.TERM,
    ),
)
(_IS_TEXT, _IS_HEADING, _IS_ITEM, _IS_TERM, _IS_DEFINITION, _IS_PRE, _IS_CAPTION) = map(
    np.int64,
    (
        block_kernels.TEXT,
        block_kernels.HEADING,
        block_kernels.ITEM,
        block_kernels.TERM,
        block_kernels.DEFINITION,
        block_kernels.PRE,
        block_kernels.CAPTION,
    ),
)

#: Why the loop stopped: at the end, at the event of a line that is not whole, for the number of an item, for
#: how many items a list has, or after a table.
DONE, IN_LINE, ORDINAL, ITEMS, LINES = range(5)

#: Columns of indentation that nesting may add up to: beyond that, text would move off any page, and its size
#: would grow with the square of the depth.
_MAX_INDENT = 40
_DEFINITION_INDENT, _QUOTE_INDENT = 4, 2

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
) = range(19)
OPEN = 19
#: What rowspan=0 means (HTML 4.9.11): more rows than any table has.
TO_THE_END = 1 << 30
NOT_GIVEN = -(1 << 40)

_BULLETS = np.frombuffer(b"*+o#@-=", np.uint8)
_OL = np.frombuffer(b"ol", np.uint8)
_COLSPAN = np.frombuffer(b"colspan", np.uint8)
_ROWSPAN = np.frombuffer(b"rowspan", np.uint8)
_ROLE = np.frombuffer(b"role", np.uint8)
_NONE = np.frombuffer(b'none"', np.uint8)
_PRESENTATION = np.frombuffer(b'presentation"', np.uint8)
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
def _open_list(
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
        indent = min(indent + 2, _MAX_INDENT)
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
def _open_item(page: Any, elements: Any, one: Any, state: Any, rows: Any, out: Any, kept: Any) -> Any:
    """False if the number is for others to write."""
    lists = state[LISTS] - 1
    number = np.int64(NOT_GIVEN)
    bullet = _BULLETS[0]
    indent = state[INDENT_NOW]
    if lists >= 0:
        blocks = state[BLOCKS]
        if blocks > kept[lists, LIST_FIRST] and rows[blocks - 1, KIND] != _IS_PRE:
            state[GAP_NOW] = 1  # no blank lines between items, whether or not they contain paragraphs
        indent = min(kept[lists, LIST_INDENT], _MAX_INDENT)
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
def _close_cell(page: Any, elements: Any, one: Any, first: Any, state: Any, kept: Any) -> Any:
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


@compiled
def walk(page: Any, events: Any, elements: Any, out: Any, state: Any, rows: Any, kept: Any) -> Any:
    """Makes blocks of events, from the one at ``state[AT]`` on, until something is left to others; returns
    what (``IN_LINE`` …). Nothing may be on the line at the beginning."""
    count = state[EVENTS]
    while state[AT] < count:
        at = state[AT]
        event, one, container = np.int64(events[at, 0]), np.int64(events[at, 1]), np.int64(events[at, 3])
        closes = event >= _CLOSES
        kind = event - _CLOSES if closes else event
        table = state[TABLES] - 1
        if kind >= _LINE:
            state[EDGED] = 0
        if event == _LINE_OF_TEXT:
            what = state[KIND_NOW]
            if what == _IS_TEXT and state[MARKER_NOW] < state[MARKER_NOW_END]:
                what = _IS_ITEM
            stop, chars = np.int64(events[at, 2]), np.int64(events[at, 4])
            if events[at, 5] or state[LINK_FROM] >= 0:
                state[LINKS_OPEN] += events[at, 5]
                state[LINK_CHARS_OPEN] += events[at, 6]
            add_block(one, stop, chars, what, state[FORMULAS], container, state, rows, out)
            if events[at, 7] == ENDS:
                state[LINK_FROM] = NONE
            elif events[at, 7] == BEGINS or state[LINK_FROM] >= 0:
                state[LINK_FROM], state[LINKS_OPEN] = 0, 1  # the link continues
        elif event == _FLUSH or event == _GAP or event == _BREAKS:
            state[EDGED] = 0
            # The first block of an item directly follows its bullet.
            if event != _FLUSH and state[MARKER_NOW] == state[MARKER_NOW_END]:
                state[GAP_NOW] = 2
        elif event == _JOINT or event == _EDGE or kind == _OBJECT or (event == _SPACE and not events[at, 2]):
            pass  # nothing is on the line that could be apart from something
        elif kind < _LINE and state[EDGED]:
            state[AT] = state[EDGED]
            return IN_LINE
        elif kind == _LINK or kind == _BLOCK_LINK:
            if not closes:
                state[LINKS_OPEN] += 1
                state[LINK_FROM] = 0
            elif state[LINK_FROM] >= 0:
                state[LINK_FROM] = NONE
                if kind == _LINK:
                    state[EDGED] = at + 1
        elif kind == _CODE or kind == _SUPERSCRIPT or kind == _SUBSCRIPT:
            state[SAVED] += -1 if closes else 1
            if not closes:
                kept[state[SAVED] - 1, WHAT], kept[state[SAVED] - 1, MORE] = NO, state[BLOCKS]
        elif kind < _LINE:
            return IN_LINE
        elif kind == _LIST:
            if closes:
                state[LISTS] -= 1
                if not state[LISTS] and state[MARKER_NOW] == state[MARKER_NOW_END]:
                    state[GAP_NOW] = 2
            elif not _open_list(page, elements, one, container, state, rows, out, kept):
                return ITEMS
        elif kind == _ROW or kind == _HEAD_ROWS:
            if table >= 0 and not closes:
                if kind == _HEAD_ROWS:
                    kept[table, HEADED] = 1
                else:
                    row = state[ROWS]
                    kept[row, ROW_CONTAINER], kept[row, ROW_GROUP] = container, one
                    state[ROWS] = row + 1
        elif kind == _TABLE:
            if state[MARKER_NOW] == state[MARKER_NOW_END]:
                state[GAP_NOW] = 2
            if closes:
                state[AT] = at + 1
                return LINES
            table = state[TABLES]
            kept[table, TABLE_FIRST], kept[table, HEADED] = state[BLOCKS], 0
            kept[table, TABLE_ROW], kept[table, TABLE_CELL] = state[ROWS], state[CELLS]
            role = _value(page, elements, one, _ROLE)
            kept[table, FOR_LAYOUT] = role >= 0 and (
                is_at(page, role, _NONE) or is_at(page, role, _PRESENTATION)
            )
            state[TABLES] = table + 1
        elif kind < _BLOCK_LINK and kind != kinds.PRE:
            # The others save something.
            if (kind == _HEADING or kind == _QUOTE) and state[MARKER_NOW] == state[MARKER_NOW_END]:
                state[GAP_NOW] = 2
            depth = state[SAVED] - closes
            if closes:
                state[SAVED] = depth
                what = kept[depth, WHAT]
                if kind == _ITEM or kind == _QUOTE:
                    state[INDENT_NOW] = what
                    if kind == _ITEM:
                        state[MARKER_NOW_END] = state[MARKER_NOW]
                else:
                    state[KIND_NOW] = what
                    if kind == _DEFINITION:
                        state[INDENT_NOW] = kept[depth, MORE]
                    elif kind == _CELL or kind == _HEADER_CELL:
                        _close_cell(page, elements, one, kept[depth, MORE], state, kept)
            else:
                state[SAVED] = depth + 1
                indent = state[INDENT_NOW]
                kept[depth, WHAT] = indent if kind == _ITEM or kind == _QUOTE else state[KIND_NOW]
                kept[depth, MORE] = indent if kind == _DEFINITION else state[BLOCKS]
                if kind == _HEADING:
                    state[KIND_NOW], state[LEVEL_NOW] = _IS_HEADING, one
                elif kind == _TERM:
                    state[KIND_NOW] = _IS_TERM
                elif kind == _CAPTION:
                    state[KIND_NOW] = _IS_CAPTION
                    if table >= 0:
                        kept[table, HEADED] = 1
                elif kind == _QUOTE:
                    state[INDENT_NOW] = min(indent + _QUOTE_INDENT, _MAX_INDENT)
                elif kind == _DEFINITION:
                    state[KIND_NOW] = _IS_DEFINITION
                    state[INDENT_NOW] = min(indent + _DEFINITION_INDENT, _MAX_INDENT)
                elif kind == _ITEM:
                    if not _open_item(page, elements, one, state, rows, out, kept):
                        state[AT] = at + 1
                        return ORDINAL
                else:
                    state[KIND_NOW] = _IS_TEXT
                    if kind == _HEADER_CELL and table >= 0:
                        kept[table, HEADED] = 1
        else:
            return IN_LINE
        state[AT] = at + 1
    return DONE
