"""Gathers text and events; a compiled part of ``scan``.

Knows what is kept of a page while it is scanned, characters and white space. Does not know markup, nor what a
line is (``line_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import kinds
from stages.render.byte_kernels import WIDTH, copy, first_of

_TEXT = np.int64(kinds.TEXT)

# Places in ``state``: how much there is of everything, where the run of text began (-1: there is none), what
# is known of the line being written, and how many elements of some kinds are open.
(
    EVENTS,
    BYTES,
    ELEMENTS,
    DEPTH,
    RUN,
    ON_LINE,
    IN_PRE,
    IN_MATH,
    IN_LINKS,
    IN_HEADINGS,
    INSIDE,  # the innermost container
    LOOKS,  # kinds of containers
) = range(12)
STATES = 12
EMPTY, FILLED, UNKNOWN = range(3)
#: Columns of ``events``: what (``kinds``), two numbers about it, the container that it is in; of a line of
#: text its characters, its links, the characters in links, what becomes of the open link, and its formulas;
#: of a formula where its text is, and whether lines take it as it is.
EVENT = 9
#: Columns of ``elements``: where the name of the tag begins and ends, and where its attributes end; of a
#: button, where its content ends and whether it is in a heading. Of a container instead of these the one
#: around it, where its names are in the text if it is the first of its look, and its look (else -1).
ELEMENT = 6
#: Columns of the table of looks.
LOOK = 3
#: Columns of ``stack``: hash of the name, kind, what the kind has to remember, what the event said, where the
#: name begins, flags.
STACK = 6

#: What ends text that is written as it is.
_reference = first_of(b"&")


@compiled
def write(page: Any, at: Any, end: Any, raw: Any, out: Any, state: Any) -> Any:
    """Appends text without its references to ``out``. 0 if it is white space on one line, 1 if it is white
    space with a line break, 2 if there is anything else; the white space is that of ``str.isspace``."""
    put = state[BYTES]
    broken = 0
    seen = 0
    while at < end:
        if seen == 2:  # nothing matters but references
            copy(page, at, out, put)
            count = WIDTH if raw else _reference(page, at)
            if count >= end - at:
                put += end - at
                break
            if count == WIDTH:
                at += WIDTH
                put += WIDTH
                continue
            at += count
            put += count
        byte = page[at]
        if byte > 38 and byte < 128:
            seen = 2
        elif byte == 38 and not raw:  # &amp; &lt; &gt; &nbsp; &quot;
            letter = page[at + 1]
            if letter == 110:
                out[put], out[put + 1] = 0xC2, 0xA0
                put += 2
                at += 6
                continue
            seen = 2
            if letter == 97:
                byte = 38
                at += 4
            elif letter == 113:
                byte = 34
                at += 5
            else:
                byte = 60 if letter == 108 else 62
                at += 3
        elif byte <= 32:
            if byte == 10:
                broken = 1
            elif byte != 32 and not (9 <= byte <= 13 or 28 <= byte <= 31):
                seen = 2
        elif byte >= 192 and seen < 2:
            second = page[at + 1]
            if byte == 0xC2:
                space = second == 0xA0 or second == 0x85
            elif byte == 0xE1:
                space = second == 0x9A and page[at + 2] == 0x80
            elif byte == 0xE2:
                third = page[at + 2]
                space = (
                    second == 0x80 and (third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF)
                ) or (second == 0x81 and third == 0x9F)
            else:
                space = byte == 0xE3 and second == 0x80 and page[at + 2] == 0x80
            if not space:
                seen = 2
        elif byte < 128:
            seen = 2
        out[put] = byte
        put += 1
        at += 1
    state[BYTES] = put
    return max(seen, broken)


@compiled
def end_run(events: Any, state: Any) -> Any:
    """Ends the run of text."""
    if state[RUN] >= 0:
        count = state[EVENTS]
        events[count, 0], events[count, 1], events[count, 2] = _TEXT, state[RUN], state[BYTES]
        events[count, 3] = state[INSIDE]
        state[RUN] = -1
        state[EVENTS] = count + 1


@compiled
def emit(events: Any, state: Any, event: Any, one: Any, other: Any) -> Any:
    """Ends the run of text, and appends an event."""
    end_run(events, state)
    count = state[EVENTS]
    events[count, 0], events[count, 1], events[count, 2] = event, one, other
    events[count, 3] = state[INSIDE]
    state[EVENTS] = count + 1
