"""One pass over a serialised page: what there is to print, in order; the compiled half of ``scan``.

Knows which elements are open. Does not know what their kinds mean for lines (``step_kernels``), what an event
does to the text (``elements``), why an element is marked (``marks``), how markup is read
(``markup_kernels``), nor what is kept of an element (``element_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import kinds
from stages.render.byte_kernels import find
from stages.render.element_kernels import add_container, has_much
from stages.render.event_kernels import (
    BYTES,
    DEPTH,
    EMPTY,
    EVENTS,
    FILLED,
    IN_MATH,
    IN_PRE,
    INSIDE,
    ON_LINE,
    RUN,
    UNKNOWN,
    emit,
    end_run,
    write,
)
from stages.render.line_kernels import make_line
from stages.render.markup_kernels import (
    ALT,
    ALT_END,
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
from stages.render.step_kernels import add_text, argument, pop, step
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
    _CLOSES,
    _CODE,
    _DECLARED,
    _EDGE,
    _EMBEDDING,
    _FORMULA,
    _GAP,
    _HIDDEN,
    _IMAGE,
    _INLINE,
    _JOINT,
    _LINE,
    _LINK,
    _LISTED,
    _LISTING,
    _MATH,
    _NOTES,
    _OBJECT,
    _PLACED,
    _PRE,
    _PREFORMATTED,
    _RAW,
    _REPLACED,
    _SKIP,
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
        kinds.CLOSES,
        kinds.CODE,
        kinds.DECLARED,
        kinds.EDGE,
        kinds.EMBEDDING,
        kinds.FORMULA,
        kinds.GAP,
        kinds.HIDDEN,
        kinds.IMAGE,
        kinds.INLINE,
        kinds.JOINT,
        kinds.LINE,
        kinds.LINK,
        kinds.LISTED,
        kinds.LISTING,
        kinds.MATH,
        kinds.NOTES,
        kinds.OBJECT,
        kinds.PLACED,
        kinds.PRE,
        kinds.PREFORMATTED,
        kinds.RAW,
        kinds.REPLACED,
        kinds.SKIP,
        kinds.VOID,
    ),
)


@compiled
def scan(
    page: Any,
    tags: Any,
    limits: Any,
    sticks: Any,
    formulas: Any,
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
    ``sticks``: the characters that need no space before them, and after them. ``formulas``: by number, as
    ``events`` have it; their text is in ``out``, up to ``state[BYTES]``. ``structure``: with containers.
    ``alternatives``: with the alt texts of images. ``looks``: of containers, a table of hashes, with the
    numbers of looks, and in their order the first container of each.
    """
    at, size = NO, len(page) - TAIL
    state[RUN] = state[INSIDE] = -1
    while at < size:
        if page[at] != 60:
            end = find(page, at + 1, size, 60)
            add_text(page, at, end, NO, out, events, state)
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
                pop(page, tags, limits, at, sticks, out, events, state, stack, elements)
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
                one = argument(kind, start, end, flags, number, state, found, elements, stack)
                step(kind, one, YES, sticks, out, events, state)
            emit(events, state, _FORMULA if mark == _REPLACED else _LISTING, number, NO)
            if mark == _REPLACED:
                for column in range(3):
                    known = formulas[number, column] if number < len(formulas) else 0
                    events[state[EVENTS] - 1, 4 + column] = known
            state[ON_LINE] = UNKNOWN
            if place:
                step(kind, one, NO, sticks, out, events, state)
            kind = _SKIP
        elif mark == _PREFORMATTED and kind >= _INLINE:
            kind = _PRE
        elif mark == _BLOCKED and kind >= _INLINE:
            if kind == _INLINE or kind == _CODE or kind == _OBJECT:
                kind = _LINE
            elif kind == _LINK:
                kind = _BLOCK_LINK
            elif kind < _LINE:
                step(_LINE, NO, YES, sticks, out, events, state)
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
            step(_LINE, NO, YES, sticks, out, events, state)
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
            one = argument(kind, start, end, flags, number if mark else -1, state, found, elements, stack)
            step(kind, one, YES, sticks, out, events, state)
            if kind == _BUTTON:
                third = state[EVENTS] - 1
        if void and kind != _LINE and kind != _BLOCK:
            continue
        depth = state[DEPTH]
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = value, kind, third
        stack[depth, 3], stack[depth, 4], stack[depth, 5] = one, start, flags
        state[DEPTH] = depth + 1
        if void:
            pop(page, tags, limits, at, sticks, out, events, state, stack, elements)
        elif flags & _RAW:  # <xmp>, <plaintext>
            stop = raw_end(page, at, start, end, NO, size)
            if stop > at:
                add_text(page, at, stop, YES, out, events, state)
            at = stop
    while state[DEPTH]:
        pop(page, tags, limits, size, sticks, out, events, state, stack, elements)
    end_run(events, state)
