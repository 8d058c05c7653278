"""The walk over whole lines and the elements around them; the compiled half of ``walk``.

Knows lists, tables and what else elements do to the lines in them, as long as nothing is on the line that is
being written. Does not know what is in lines that are not whole (``elements``), how rows become lines
(``table_kernels``), nor how lists of letters are numbered (``lists``): it stops there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import block_kernels, kinds
from stages.render.block_kernels import (
    APART,
    AT,
    BLOCKS,
    BYTES,
    CELLS,
    EDGED,
    EVENTS,
    FORMULAS,
    GAP_NOW,
    INDENT_NOW,
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
from stages.render.list_kernels import (
    HEADED,
    MAX_INDENT,
    MORE,
    ROW_CONTAINER,
    ROW_GROUP,
    TABLE_CELL,
    WHAT,
    close_cell,
    open_item,
    open_list,
    open_table,
)
from stages.render.table_kernels import finish
from stages.render.text_kernels import NO, NONE

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
(_IS_TEXT, _IS_HEADING, _IS_ITEM, _IS_TERM, _IS_DEFINITION, _IS_CAPTION) = map(
    np.int64,
    (
        block_kernels.TEXT,
        block_kernels.HEADING,
        block_kernels.ITEM,
        block_kernels.TERM,
        block_kernels.DEFINITION,
        block_kernels.CAPTION,
    ),
)

#: Why the loop stopped: at the end, at the event of a line that is not whole, for the number of an item, for
#: how many items a list has, or for more room for text.
DONE, IN_LINE, ORDINAL, ITEMS, ROOM = range(5)

_DEFINITION_INDENT, _QUOTE_INDENT = 4, 2


@compiled
def _after_empty_line(at: Any, events: Any, count: Any) -> Any:
    """The place after the end of a line if all that remains of it is a link that opens, as do links around
    blocks; else 0."""
    if events[at, 0] != _LINK:
        return 0
    at += 1
    while at < count and (events[at, 0] == _SPACE or events[at, 0] == _JOINT or events[at, 0] == _EDGE):
        at += 1
    return at + 1 if at < count and events[at, 0] == _FLUSH else 0


@compiled
def walk(
    page: Any,
    events: Any,
    elements: Any,
    out: Any,
    state: Any,
    rows: Any,
    kept: Any,
    merged: Any,
    places: Any,
) -> Any:
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
            state[APART] = 0
            if events[at, 5] or state[LINK_FROM] >= 0:
                state[LINKS_OPEN] += events[at, 5]
                state[LINK_CHARS_OPEN] += events[at, 6]
            equations = state[FORMULAS] + events[at, 8]
            add_block(one, stop, chars, what, equations, container, state, rows, out)
            if events[at, 7] == ENDS:
                state[LINK_FROM] = NONE
            elif events[at, 7] == BEGINS or state[LINK_FROM] >= 0:
                state[LINK_FROM], state[LINKS_OPEN] = 0, 1  # the link continues
        elif event == _FLUSH or event == _GAP or event == _BREAKS:
            state[EDGED] = 0
            if event == _BREAKS:
                state[APART] = 0
            # The first block of an item directly follows its bullet.
            if event != _FLUSH and state[MARKER_NOW] == state[MARKER_NOW_END]:
                state[GAP_NOW] = 2
        elif event == _JOINT or event == _EDGE or kind == _OBJECT or (event == _SPACE and not events[at, 2]):
            # Nothing is on the line yet that could be set apart.
            state[APART] |= event == _JOINT or kind == _OBJECT
        elif kind < _LINE and state[EDGED]:
            after = _after_empty_line(at, events, count)
            if not after:
                state[AT] = state[EDGED]
                return IN_LINE
            state[LINKS_OPEN] += 1
            for index in range(at, after):
                state[LINK_CHARS_OPEN] += events[index, 0] == _SPACE
            state[LINK_FROM] = state[EDGED] = state[APART] = 0
            at = after - 1
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
            elif not open_list(page, elements, one, container, state, rows, out, kept):
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
            if not closes:
                open_table(page, elements, one, state, kept)
            else:
                # No part of the text is in two blocks, and there are few separators for each cell.
                size = state[BYTES] + 64 * (state[CELLS] - kept[table, TABLE_CELL] + 1)
                if state[BYTES] + size > len(out):
                    state[NUMBER] = size
                    return ROOM
                finish(state, rows, out, kept, merged, places)
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
                        close_cell(page, elements, one, kept[depth, MORE], state, kept)
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
                    state[INDENT_NOW] = min(indent + _QUOTE_INDENT, MAX_INDENT)
                elif kind == _DEFINITION:
                    state[KIND_NOW] = _IS_DEFINITION
                    state[INDENT_NOW] = min(indent + _DEFINITION_INDENT, MAX_INDENT)
                elif kind == _ITEM:
                    if not open_item(page, elements, one, state, rows, out, kept):
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
