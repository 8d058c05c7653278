"""Blocks as rows of numbers over one array of text, and the text that they form; compiled parts of the walk.

Knows what is kept of a block and how a line begins. Does not know elements (``walk_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled

#: Kinds of blocks, in the order of ``blocks.KINDS``.
TEXT, HEADING, ITEM, TERM, DEFINITION, PRE, ROW, EQUATION, CAPTION = range(9)

#: Columns of a row: ``Block`` says what they mean. Places are in bytes.
(
    KIND,
    LEVEL,
    CONTAINER,
    INDENT,  # blanks before the marker
    MARKER,  # where the marker is
    MARKER_END,
    GAP,
    LINKS,
    LINK_CHARS,
    EQUATIONS,
    START,  # where the text is
    END,
    PERMALINK_END,  # the permalink follows the text
    CHARS,  # code points of the text
    BREAKS,  # and line breaks
    TABLE,
    LANGUAGE,  # the mark of the element; -1 for none
) = range(17)
COLUMNS = 17

# Places in the state of the walk.
(
    LINKS_OPEN,  # what has gathered for the next block: links, characters in them, formulas
    LINK_CHARS_OPEN,
    FORMULAS,
    LINK_FROM,  # the piece of the line at which the open link begins; -1: none is open
    SAVED,  # how many elements have something saved
    KIND_NOW,
    MARKER_NOW,  # of the item that opened last
    MARKER_NOW_END,
    PERMALINK,  # of the line
    PERMALINK_STOP,
    EDGED,  # if the line has empty links only, the event after the first; else 0
    AT,  # the next event
    EVENTS,
    BLOCKS,
    BYTES,
    GAP_NOW,
    INDENT_NOW,
    LEVEL_NOW,
    LISTS,  # how many are open
    TABLES,
    ROWS,
    CELLS,
    MERGED,  # containers of blocks that became part of other blocks
    TABLE_COUNT,
    NUMBER,  # of the item, where Python writes it; of items of a list, where Python counted them
) = range(25)
STATES = 25

_HEADING, _PRE = np.int64(HEADING), np.int64(PRE)


@compiled
def add_block(
    start: Any,
    end: Any,
    chars: Any,
    kind: Any,
    equations: Any,
    container: Any,
    state: Any,
    rows: Any,
    out: Any,
) -> Any:
    """Appends a block with everything gathered for it. Headings are not indented, code has no marker."""
    row = rows[state[BLOCKS]]
    state[BLOCKS] += 1
    row[KIND], row[CONTAINER], row[EQUATIONS] = kind, container, equations
    row[LEVEL] = state[LEVEL_NOW] if kind == _HEADING else state[LISTS]
    row[GAP] = max(state[GAP_NOW], 1)
    row[LINKS], row[LINK_CHARS] = state[LINKS_OPEN], state[LINK_CHARS_OPEN]
    row[CHARS], row[BREAKS], row[TABLE], row[LANGUAGE] = chars, 0, 0, -1
    marker = stop = state[MARKER_NOW]
    if kind != _PRE:
        stop = state[MARKER_NOW_END]
        state[MARKER_NOW_END] = marker
    row[MARKER], row[MARKER_END] = marker, stop
    row[INDENT] = 0 if kind == _HEADING or kind == _PRE else max(state[INDENT_NOW] - (stop - marker), 0)
    first, last = state[PERMALINK], state[PERMALINK_STOP]
    if first < last and first != end:
        put = state[BYTES]
        for at in range(start, end):
            out[put + at - start] = out[at]
        start, end = put, put + end - start
        for at in range(first, last):
            out[end + at - first] = out[at]
        state[BYTES] = end + last - first
    row[START], row[END], row[PERMALINK_END] = start, end, end + last - first
    state[PERMALINK_STOP] = first
    state[GAP_NOW] = state[LINKS_OPEN] = state[LINK_CHARS_OPEN] = state[FORMULAS] = 0


@compiled
def join(rows: Any, text: Any, out: Any, totals: Any) -> Any:
    """Writes the text that blocks form. Later lines of a block are aligned with its first, but code stays
    verbatim. ``totals``: bytes; then over all blocks links, formulas, and how many of them are code."""
    put: Any = np.int64(0)
    for index in range(len(rows)):
        row = rows[index]
        if index:
            out[put] = 10
            put += 1
            if row[GAP] > 1:
                out[put] = 10
                put += 1
        indent, marker, stop = row[INDENT], row[MARKER], row[MARKER_END]
        for _ in range(indent):
            out[put] = 32
            put += 1
        for at in range(marker, stop):
            out[put] = text[at]
            put += 1
        indent += stop - marker
        if not indent or not row[BREAKS]:
            first = row[START]
            size = row[END] - first
            for at in range(size):
                out[put + at] = text[first + at]
            put += size
        else:
            for at in range(row[START], row[END]):
                out[put] = text[at]
                put += 1
                if text[at] == 10:
                    for _ in range(indent):
                        out[put] = 32
                        put += 1
        totals[1] += row[LINKS]
        totals[2] += row[EQUATIONS]
        totals[3] += row[KIND] == _PRE
    totals[0] = put
