"""Elements that events mention, containers, and what embeds something; a compiled part of ``scan``.

Knows what is kept of an element. Does not know which elements are open, nor what is printed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import kinds
from stages.render.hashes import hash_of as of_name
from stages.render.line_kernels import BYTES, ELEMENTS, INSIDE, LOOKS, write
from stages.render.markup_kernels import (
    COUNT,
    NAMES,
    TAG_END,
    TAIL,
    after_element,
    after_markup,
    after_tag,
    name_end,
    raw_end,
)
from stages.render.text_kernels import NO, hash_of, is_blank, look_up

_TEMPLATE = np.int64(of_name("template"))
_RAW, _SCRIPT, _VOID = map(np.int64, (kinds.RAW, kinds.SCRIPT, kinds.VOID))


@compiled
def add_element(name: Any, end: Any, state: Any, found: Any, elements: Any) -> Any:
    count = state[ELEMENTS]
    elements[count, 0], elements[count, 1], elements[count, 2] = name, end, found[TAG_END]
    elements[count, 3] = elements[count, 4] = 0
    elements[count, 5] = -1
    state[ELEMENTS] = count + 1
    return count


@compiled
def add_container(
    page: Any,
    name: Any,
    end: Any,
    value: Any,
    looks: Any,
    state: Any,
    found: Any,
    elements: Any,
    out: Any,
) -> Any:
    """Adds a container, whose look is its tag (of hash ``value``) and its names: class, id, role and
    itemprop, or its class alone. Returns what the stack has to remember: the container around it, plus 2."""
    container = add_element(name, end, state, found, elements)
    before = state[BYTES]
    first = True
    for which in range(4 if found[COUNT] > 1 else 1):
        at, stop = found[NAMES + 2 * which], found[NAMES + 1 + 2 * which]
        if at == stop:
            continue
        if not first:
            out[state[BYTES]] = 32
            state[BYTES] += 1
        first = False
        write(page, at, stop, NO, out, state)
    look = hash_of(out, before, state[BYTES], NO) * 31 ^ value | 1
    last = len(looks) - 1
    row = look & last
    while looks[row, 0] and looks[row, 0] != look:
        row = (row + 1) & last
    if looks[row, 0]:
        state[BYTES] = before
    else:
        looks[row, 0], looks[row, 1] = look, state[LOOKS]
        looks[state[LOOKS], 2] = container
        state[LOOKS] += 1
    elements[container, 2] = state[INSIDE]
    elements[container, 3], elements[container, 4] = before, state[BYTES]
    elements[container, 5] = looks[row, 1]
    around = state[INSIDE] + 2
    state[INSIDE] = container
    return around


@compiled
def is_long(page: Any, at: Any, tags: Any, out: Any, state: Any, limits: Any) -> Any:
    """Whether what is in an element that embeds something, from ``at`` on, is more than a note to old
    browsers."""
    before = state[BYTES]
    total, nodes, depth = 0, 0, 1
    last = min(at + limits[2], len(page) - TAIL)
    while depth:
        if at >= last or total > limits[0] or nodes > limits[1]:
            return True
        if page[at] != 60:
            stop = at
            while stop < last and page[stop] != 60:
                stop += 1
            first, end = at, stop
            while first < end and (page[first] == 32 or 9 <= page[first] <= 13):
                first += 1
            while end > first and (page[end - 1] == 32 or 9 <= page[end - 1] <= 13):
                end -= 1
            write(page, first, end, NO, out, state)
            for index in range(before, state[BYTES]):
                total += (out[index] & 0xC0) != 0x80
            state[BYTES] = before
            nodes += 1
            at = stop
        elif page[at + 1] == 33 or page[at + 1] == 63:
            at = after_markup(page, at)
            nodes += 1
        else:
            closing = page[at + 1] == 47
            start = at + 2 if closing else at + 1
            stop = name_end(page, start)
            row = look_up(tags, hash_of(page, start, stop, NO))
            flags = tags[row, 2] if row >= 0 else 0
            at = after_tag(page, stop)
            if flags & _VOID:
                nodes += not closing
            elif closing:
                depth -= 1
            else:
                nodes += 1
                depth += 1
                if flags & _RAW:
                    at = raw_end(page, at, start, stop, flags & _SCRIPT, len(page) - TAIL)
    return total > limits[0] or nodes > limits[1]


@compiled
def is_read(page: Any, at: Any, end: Any, tags: Any) -> Any:
    """Whether the content of a button, from ``at`` to ``end``, is text to be read, such as a question that
    reveals its answer: more than four words, or ten characters of a script without spaces between them. A
    control has less."""
    words = wide = 0
    within = False
    while at < end:
        byte = page[at]
        if byte == 60:
            if page[at + 1] == 33 or page[at + 1] == 63:
                at = after_markup(page, at)
                continue
            start = at + 1
            stop = name_end(page, start)
            value = hash_of(page, start, stop, NO)
            row = look_up(tags, value)
            at = after_tag(page, stop)
            if value == _TEMPLATE or (row >= 0 and tags[row, 2] & _RAW):
                at = after_element(page, at, start, stop, tags)
            continue
        space = (
            is_blank(byte) or (byte == 38 and page[at + 1] == 110) or (byte == 0xC2 and page[at + 1] == 0xA0)
        )
        wide += (byte == 0xE3 and page[at + 1] >= 0x81) or 0xE4 <= byte <= 0xE9
        words += not space and not within
        within = not space
        at += 1
        if space and byte > 32:
            at += 5 if byte == 38 else 1
    return words > 4 or wide > 10
