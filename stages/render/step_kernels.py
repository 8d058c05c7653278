"""What an element that opens or closes means for lines and events; a compiled part of ``scan``.

Knows the kinds of elements. Does not know how markup is read (``markup_kernels``), nor how a line is made
(``line_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import kinds
from stages.render.element_kernels import add_element, has_much
from stages.render.event_kernels import (
    BYTES,
    DEPTH,
    EMPTY,
    EVENTS,
    FILLED,
    IN_HEADINGS,
    IN_LINKS,
    IN_MATH,
    IN_PRE,
    INSIDE,
    ON_LINE,
    RUN,
    UNKNOWN,
    emit,
    write,
)
from stages.render.line_kernels import make_line
from stages.render.markup_kernels import COUNT
from stages.render.text_kernels import NO, YES

(
    _BLOCK,
    _BLOCK_LINK,
    _BUTTON,
    _CAPTION,
    _CELL,
    _CLOSES,
    _CONTROL,
    _FLUSH,
    _GAP,
    _HEADER_CELL,
    _HEADING,
    _HEADINGS,
    _INLINE,
    _ITEM,
    _JOINT,
    _LEVEL,
    _LINE,
    _LINK,
    _LIST,
    _PRE,
    _QUOTED,
    _ROW,
    _RUBY,
    _SPACE,
    _TABLE,
    _TERM,
) = map(
    np.int64,
    (
        kinds.BLOCK,
        kinds.BLOCK_LINK,
        kinds.BUTTON,
        kinds.CAPTION,
        kinds.CELL,
        kinds.CLOSES,
        kinds.CONTROL,
        kinds.FLUSH,
        kinds.GAP,
        kinds.HEADER_CELL,
        kinds.HEADING,
        kinds.HEADINGS,
        kinds.INLINE,
        kinds.ITEM,
        kinds.JOINT,
        kinds.LEVEL,
        kinds.LINE,
        kinds.LINK,
        kinds.LIST,
        kinds.PRE,
        kinds.QUOTED,
        kinds.ROW,
        kinds.RUBY,
        kinds.SPACE,
        kinds.TABLE,
        kinds.TERM,
    ),
)


@compiled
def add_text(page: Any, at: Any, end: Any, raw: Any, out: Any, events: Any, state: Any) -> Any:
    """Adds a text node: to the run of text, or as an event of its own if it is white space."""
    before = state[BYTES]
    what = write(page, at, end, raw, out, state)
    if what == 2 or state[IN_PRE]:
        if state[RUN] < 0:
            state[RUN] = before
        state[ON_LINE] = FILLED
        return
    state[BYTES] = before
    if state[ON_LINE] == EMPTY:
        return
    space = 10 if what else 32
    if state[RUN] >= 0:
        out[before] = space
        state[BYTES] += 1
    else:
        emit(events, state, _SPACE, np.int64(space), NO)


@compiled
def step(kind: Any, one: Any, opens: Any, sticks: Any, out: Any, events: Any, state: Any) -> Any:
    """An element that opens or closes; _LINE for any other end of a line. ``one``: what its event says."""
    pre = state[IN_PRE]
    # The line ends, but not before a link that it is in.
    if state[ON_LINE] != EMPTY and kind >= _LINE and (opens or kind != _BLOCK_LINK):
        if not pre and make_line(NO, sticks, out, events, state):
            state[ON_LINE] = EMPTY
        elif kind == _LINE or (kind > _BLOCK and not pre):
            emit(events, state, _FLUSH, NO, NO)
            if not pre:
                state[ON_LINE] = EMPTY
    if kind == _LINE:
        return
    if kind == _BLOCK:
        count = state[EVENTS]
        if state[ON_LINE] != EMPTY or not count or events[count - 1, 0] != _GAP:
            emit(events, state, _GAP, NO, NO)
            if not pre:
                state[ON_LINE] = EMPTY
        return
    change = 1 if opens else -1
    if kind == _PRE:
        pre += change
        state[IN_PRE] = pre
    elif kind == _LINK or kind == _BLOCK_LINK:
        state[IN_LINKS] += change
    elif kind == _HEADING or kind == _TERM or kind == _CAPTION:
        state[IN_HEADINGS] += change
    if not opens:
        emit(events, state, _CLOSES + kind, one, NO)
        state[ON_LINE] = UNKNOWN if kind < _LINE or pre else EMPTY
    else:
        emit(events, state, _CONTROL if kind == _BUTTON else kind, one, NO)
        if kind >= _LINE:
            state[ON_LINE] = UNKNOWN if pre > 1 else EMPTY
        elif kind == _QUOTED or kind == _RUBY or kind == _BUTTON:
            state[ON_LINE] = FILLED


@compiled
def pop(
    page: Any,
    tags: Any,
    limits: Any,
    at: Any,
    sticks: Any,
    out: Any,
    events: Any,
    state: Any,
    stack: Any,
    elements: Any,
) -> Any:
    """Closes the innermost open element, whose closing tag is at ``at``."""
    depth = state[DEPTH] - 1
    state[DEPTH] = depth
    kind, one = stack[depth, 1], stack[depth, 3]
    if kind == _INLINE:
        state[IN_MATH] -= stack[depth, 2]
        return
    if kind == _BUTTON and not elements[one, 4]:
        opened = stack[depth, 2]
        if has_much(page, elements[one, 2] + 1, tags, limits, YES):
            events[opened, 0], events[opened, 1], events[opened, 2] = _SPACE, 32, 1
            emit(events, state, _SPACE, np.int64(32), YES)
        else:  # a control
            state[ON_LINE], state[RUN], state[EVENTS] = elements[one, 3], -1, opened
            emit(events, state, _JOINT, NO, NO)
        return
    step(kind, one, NO, sticks, out, events, state)
    if kind == _BUTTON:
        elements[one, 3] = at
        opened = stack[depth, 2]
        events[opened, 2] = state[EVENTS] - opened - 1
    elif stack[depth, 2]:
        state[INSIDE] = stack[depth, 2] - 2


@compiled
def argument(
    kind: Any,
    name: Any,
    end: Any,
    flags: Any,
    number: Any,
    state: Any,
    found: Any,
    elements: Any,
    stack: Any,
) -> Any:
    """What the function that opens an element of this kind needs to know."""
    if kind == _HEADING:
        return flags & _LEVEL
    if kind == _PRE:
        return number
    if kind == _ROW:
        return stack[state[DEPTH] - 1, 4] if state[DEPTH] else 0
    if kind == _CELL or kind == _HEADER_CELL or kind == _ITEM:
        return add_element(name, end, state, found, elements) if found[COUNT] else -1
    if kind == _LINK or kind == _BLOCK_LINK or kind == _LIST or kind == _TABLE or kind == _BUTTON:
        element = add_element(name, end, state, found, elements)
        if kind == _BUTTON and state[DEPTH]:
            elements[element, 3] = state[ON_LINE]
            elements[element, 4] = stack[state[DEPTH] - 1, 5] & _HEADINGS
        return element
    return -1
