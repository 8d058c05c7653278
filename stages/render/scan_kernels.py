"""One pass over a serialised page: what there is to print, in order; the compiled half of ``scan``.

Knows which elements are open and what their kinds mean for lines. Does not know what an event does to the
text (``elements``), why an element is marked (``marks``), how markup is read (``markup_kernels``), what
is kept of an element (``element_kernels``), nor how a line is made (``line_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import kinds
from stages.render.byte_kernels import find
from stages.render.element_kernels import add_container, add_element, has_much
from stages.render.line_kernels import (
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
    end_run,
    make_line,
    write,
)
from stages.render.markup_kernels import (
    ALT,
    ALT_END,
    COUNT,
    DECLARE,
    HREF,
    MARK,
    NUMBER,
    TAIL,
    after_element,
    after_markup,
    name_end,
    raw_end,
    read_tag,
)
from stages.render.text_kernels import NO, YES, hash_of, look_up

(
    _ALTERNATIVE,
    _BLOCK,
    _BLOCKED,
    _BLOCK_LINK,
    _BOX,
    _BREAK,
    _BREAKS,
    _BUTTON,
    _CAPTION,
    _CELL,
    _CLOSES,
    _CODE,
    _CONTROL,
    _DECLARED,
    _EDGE,
    _EMBEDDING,
    _FLUSH,
    _FORMULA,
    _GAP,
    _HEADER_CELL,
    _HEADING,
    _HEADINGS,
    _HIDDEN,
    _IMAGE,
    _INLINE,
    _ITEM,
    _JOINT,
    _LEVEL,
    _LINE,
    _LINK,
    _LIST,
    _LISTED,
    _LISTING,
    _MATH,
    _NOTES,
    _OBJECT,
    _PLACED,
    _PRE,
    _PREFORMATTED,
    _QUOTED,
    _RAW,
    _REPLACED,
    _ROW,
    _RUBY,
    _SKIP,
    _SPACE,
    _TABLE,
    _TERM,
    _VOID,
) = map(
    np.int64,
    (
        kinds.ALTERNATIVE,
        kinds.BLOCK,
        kinds.BLOCKED,
        kinds.BLOCK_LINK,
        kinds.BOX,
        kinds.BREAK,
        kinds.BREAKS,
        kinds.BUTTON,
        kinds.CAPTION,
        kinds.CELL,
        kinds.CLOSES,
        kinds.CODE,
        kinds.CONTROL,
        kinds.DECLARED,
        kinds.EDGE,
        kinds.EMBEDDING,
        kinds.FLUSH,
        kinds.FORMULA,
        kinds.GAP,
        kinds.HEADER_CELL,
        kinds.HEADING,
        kinds.HEADINGS,
        kinds.HIDDEN,
        kinds.IMAGE,
        kinds.INLINE,
        kinds.ITEM,
        kinds.JOINT,
        kinds.LEVEL,
        kinds.LINE,
        kinds.LINK,
        kinds.LIST,
        kinds.LISTED,
        kinds.LISTING,
        kinds.MATH,
        kinds.NOTES,
        kinds.OBJECT,
        kinds.PLACED,
        kinds.PRE,
        kinds.PREFORMATTED,
        kinds.QUOTED,
        kinds.RAW,
        kinds.REPLACED,
        kinds.ROW,
        kinds.RUBY,
        kinds.SKIP,
        kinds.SPACE,
        kinds.TABLE,
        kinds.TERM,
        kinds.VOID,
    ),
)


@compiled
def _add_text(page: Any, at: Any, end: Any, raw: Any, out: Any, events: Any, state: Any) -> Any:
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
def _step(kind: Any, one: Any, opens: Any, sticks: Any, out: Any, events: Any, state: Any) -> Any:
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
def _pop(
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
    _step(kind, one, NO, sticks, out, events, state)
    if kind == _BUTTON:
        elements[one, 3] = at
        opened = stack[depth, 2]
        events[opened, 2] = state[EVENTS] - opened - 1
    elif stack[depth, 2]:
        state[INSIDE] = stack[depth, 2] - 2


@compiled
def _argument(
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


@compiled
def scan(
    page: Any,
    tags: Any,
    limits: Any,
    sticks: Any,
    structure: Any,
    alternatives: Any,
    out: Any,
    events: Any,
    elements: Any,
    stack: Any,
    looks: Any,
    state: Any,
    found: Any,
) -> Any:
    """Writes the events of ``page`` (uint8: a serialised body, then ``kinds.TAIL``), their text, and the
    elements that they mention; ``state`` has the counts.

    ``tags``: rows of hash, kind and flags. ``limits``: of a note, in characters, nodes and bytes.
    ``sticks``: the characters that need no space before them, and after them. ``structure``: with containers.
    ``alternatives``: with the alt texts of images. ``looks``: of containers, a table of hashes, with the
    numbers of looks, and in their order the first container of each.
    """
    at, size = NO, len(page) - TAIL
    state[RUN] = state[INSIDE] = -1
    while at < size:
        if page[at] != 60:
            end = find(page, at + 1, size, 60)
            _add_text(page, at, end, NO, out, events, state)
            at = end
            continue
        letter = page[at + 1]
        if letter == 33 or letter == 63:
            at = after_markup(page, at)
            continue
        if letter == 47:
            end = name_end(page, at + 2)
            value = hash_of(page, at + 2, end, NO)
            depth = state[DEPTH] - 1
            while depth >= 0 and stack[depth, 0] != value:
                depth -= 1
            while depth >= 0 and state[DEPTH] > depth:
                _pop(page, tags, limits, at, sticks, out, events, state, stack, elements)
            at = end + 1
            continue
        start = at + 1
        end = name_end(page, start)
        value = hash_of(page, start, end, NO)
        row = look_up(tags, value)
        kind, flags = _INLINE, 0
        if row >= 0:
            kind, flags = tags[row, 1], tags[row, 2]
        at = read_tag(page, end, found)
        void = flags & _VOID
        mark, number = found[MARK], found[NUMBER]
        if mark == _HIDDEN or (flags & _NOTES and state[IN_MATH] and not mark):
            kind, mark = _SKIP, 0
        elif kind == _EMBEDDING and mark != _REPLACED:
            if flags & _DECLARED:
                kind = _BOX if found[DECLARE] else _OBJECT
            else:
                kind = _OBJECT if has_much(page, at, tags, limits, NO) else _BOX
        if mark == _REPLACED or (mark == _LISTED and kind >= _INLINE):
            if state[IN_PRE]:
                kind = min(kind, _LINE)
            place = mark == _REPLACED and kind > _BLOCK
            place |= mark == _LISTED and flags & _PLACED
            one = -1
            if place:
                one = _argument(kind, start, end, flags, number, state, found, elements, stack)
                _step(kind, one, YES, sticks, out, events, state)
            emit(events, state, _FORMULA if mark == _REPLACED else _LISTING, number, NO)
            state[ON_LINE] = UNKNOWN
            if place:
                _step(kind, one, NO, sticks, out, events, state)
            kind = _SKIP
        elif mark == _PREFORMATTED and kind >= _INLINE:
            kind = _PRE
        elif mark == _BLOCKED and kind >= _INLINE:
            if kind == _INLINE or kind == _CODE or kind == _OBJECT:
                kind = _LINE
            elif kind == _LINK:
                kind = _BLOCK_LINK
            elif kind < _LINE:
                _step(_LINE, NO, YES, sticks, out, events, state)
        if kind < _INLINE:
            if kind == _BOX:
                emit(events, state, _JOINT, NO, NO)
            if not void:
                at = after_element(page, at, start, end, tags)
            continue
        if (kind == _LINK or kind == _BLOCK_LINK) and not found[HREF]:
            kind = _INLINE if kind == _LINK else _LINE
        one, third = -1, 0
        if kind >= _LINE:
            _step(_LINE, NO, YES, sticks, out, events, state)
            if structure:
                third = add_container(page, start, end, value, looks, state, found, elements, out)
            if state[IN_PRE] and kind != _PRE:
                kind = _LINE
        elif kind == _INLINE:
            count = state[EVENTS]
            if count and state[RUN] < 0 and events[count - 1, 0] == _CLOSES + _LINK:
                emit(events, state, _EDGE, NO, NO)
            if flags & _MATH:
                third = 1
                state[IN_MATH] += 1
        elif kind == _IMAGE:
            end_run(events, state)
            before = state[BYTES]
            if alternatives and write(page, found[ALT], found[ALT_END], NO, out, state) == 2:
                emit(events, state, _ALTERNATIVE, before, state[BYTES])
                state[ON_LINE] = FILLED
            else:
                state[BYTES] = before
                emit(events, state, _JOINT, NO, NO)
        elif kind == _BREAK:
            if state[ON_LINE] == EMPTY and not state[IN_PRE]:
                emit(events, state, _GAP, NO, NO)
            elif state[IN_PRE] or not make_line(YES, sticks, out, events, state):
                emit(events, state, _BREAKS, at, NO)
                state[ON_LINE] = UNKNOWN
            else:
                state[ON_LINE] = EMPTY
        if kind != _INLINE and kind != _IMAGE and kind != _BREAK:
            one = _argument(kind, start, end, flags, number if mark else -1, state, found, elements, stack)
            _step(kind, one, YES, sticks, out, events, state)
            if kind == _BUTTON:
                third = state[EVENTS] - 1
        if void and kind != _LINE and kind != _BLOCK:
            continue
        depth = state[DEPTH]
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = value, kind, third
        stack[depth, 3], stack[depth, 4], stack[depth, 5] = one, start, flags
        state[DEPTH] = depth + 1
        if void:
            _pop(page, tags, limits, at, sticks, out, events, state, stack, elements)
        elif flags & _RAW:  # <xmp>, <plaintext>
            stop = raw_end(page, at, start, end, NO, size)
            if stop > at:
                _add_text(page, at, stop, YES, out, events, state)
            at = stop
    while state[DEPTH]:
        _pop(page, tags, limits, size, sticks, out, events, state, stack, elements)
    end_run(events, state)
