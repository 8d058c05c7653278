"""Elements that events mention, containers, and what embeds something; a compiled part of ``scan``.

Knows what is kept of an element. Does not know which elements are open, nor what is printed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import kinds
from stages.render.event_kernels import BYTES, ELEMENTS, INSIDE, LOOKS, write
from stages.render.hashes import hash_of as of_name
from stages.render.markup_kernels import (
    COUNT,
    NAMES,
    TAG_END,
    TAIL,
    after_element,
    after_markup,
    after_tag,
    name_end,
)
from stages.render.text_kernels import NO, hash_of, is_blank, look_up

_TEMPLATE = np.int64(of_name("template"))
_RAW, _VOID = map(np.int64, (kinds.RAW, kinds.VOID))


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
    names = state[BYTES]
    look = hash_of(out, before, names, NO) * 31 ^ value | 1
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
        for index in range(name, end):  # the tag follows the names
            out[names + index - name] = page[index]
        state[BYTES] += end - name
    elements[container, 2] = state[INSIDE]
    elements[container, 3], elements[container, 4] = before, names
    elements[container, 5] = looks[row, 1]
    around = state[INSIDE] + 2
    state[INSIDE] = container
    return around


@compiled
def has_much(page: Any, at: Any, tags: Any, limits: Any, button: Any) -> Any:
    """Whether there is text to be read in an element, from ``at`` on. In a button, as is a question that
    reveals its answer: more than four words, or ten characters of a script without spaces between them; a
    control has less. In what embeds something: more than a note to old browsers (``limits``)."""
    chars, nodes, depth = 0, 0, 1
    words = wide = 0
    within = False  # a word
    last = min(at + limits[2], len(page) - TAIL)
    while depth and at < last and chars <= limits[0] and nodes <= limits[1]:
        byte = page[at]
        if byte != 60:
            nodes += 1
            blanks = chars  # the characters up to the last that is not blank
            begun = False
            while at < last and page[at] != 60:
                byte = page[at]
                blank = is_blank(byte)
                space = (
                    blank or (byte == 38 and page[at + 1] == 110) or (byte == 0xC2 and page[at + 1] == 0xA0)
                )
                words += not space and not within
                within = not space
                wide += (byte == 0xE3 and page[at + 1] > 0x80) or 0xE4 <= byte <= 0xE9
                begun |= not blank
                chars += begun and (byte & 0xC0) != 0x80
                if not blank:
                    blanks = chars
                if byte == 38:
                    while page[at] != 59:
                        at += 1
                at += 1
                if byte == 0xC2:
                    at += 1
            chars = blanks
        elif page[at + 1] == 33 or page[at + 1] == 63:
            at = after_markup(page, at)
            nodes += 1
        else:
            closing = page[at + 1] == 47
            start = at + 2 if closing else at + 1
            stop = name_end(page, start)
            value = hash_of(page, start, stop, NO)
            row = look_up(tags, value)
            flags = tags[row, 2] if row >= 0 else 0
            at = after_tag(page, stop)
            if flags & _VOID:
                nodes += not closing
            elif closing:
                depth -= 1
            else:
                nodes += 1
                if flags & _RAW or (button and value == _TEMPLATE):
                    at = after_element(page, at, start, stop, tags)
                else:
                    depth += 1
    if button:
        return words > 4 or wide > 10
    return depth > 0 or chars > limits[0] or nodes > limits[1]
