"""Makes lines of text and events; a compiled part of ``scan``.

Knows events, characters and white space. Does not know markup, nor how text is gathered (``event_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled, inlined
from stages.render import kinds
from stages.render.byte_kernels import copy, first_of
from stages.render.event_kernels import BYTES, EVENTS, IN_HEADINGS, IN_LINKS, emit, end_run
from stages.render.text_kernels import NO

(
    _ALTERNATIVE,
    _CLOSES,
    _CODE,
    _EDGE,
    _FLUSH,
    _FORMULA,
    _GAP,
    _JOINT,
    _LINE,
    _LINE_OF_TEXT,
    _LINK,
    _SPACE,
    _TEXT,
) = map(
    np.int64,
    (
        kinds.ALTERNATIVE,
        kinds.CLOSES,
        kinds.CODE,
        kinds.EDGE,
        kinds.FLUSH,
        kinds.FORMULA,
        kinds.GAP,
        kinds.JOINT,
        kinds.LINE,
        kinds.LINE_OF_TEXT,
        kinds.LINK,
        kinds.SPACE,
        kinds.TEXT,
    ),
)

#: An open link stays open, or a link that was open ends on the line, or one remains open that begins there.
STAYS, ENDS, BEGINS = range(3)
_BLANK, _DOLLAR = map(np.int64, b" $")
#: What is no blank; what needs a look in a line, or may need one after another.
_not_blank = first_of(b"", below=32, above=32)
_unusual = first_of(b"#$/<[\\`", below=32, above=126, twice=32)


@inlined
def _letter(out: Any, at: Any) -> Any:
    """The code point at ``at``."""
    byte = np.int64(out[at])
    if byte < 0x80:
        return byte
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | (out[at + 1] & 0x3F)
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | (np.int64(out[at + 1]) & 0x3F) << 6 | (out[at + 2] & 0x3F)
    high = (byte & 0x07) << 18 | (np.int64(out[at + 1]) & 0x3F) << 12
    return high | (np.int64(out[at + 2]) & 0x3F) << 6 | (out[at + 3] & 0x3F)


@inlined
def _is_space(letter: Any) -> Any:
    """As ``str.isspace``."""
    if letter < 128:
        return letter == 32 or 9 <= letter <= 13 or 28 <= letter <= 31
    if letter < 0x1680:
        return letter == 0x85 or letter == 0xA0
    return letter <= 0x3000 and (
        letter == 0x1680
        or 0x2000 <= letter <= 0x200A
        or letter == 0x2028
        or letter == 0x2029
        or letter == 0x202F
        or letter == 0x205F
        or letter == 0x3000
    )


@inlined
def _is_wide(letter: Any) -> Any:
    """Of a script without spaces between words, as in ``whitespace``."""
    return letter >= 0x2E80 and (
        letter <= 0x2FDF
        or 0x3001 <= letter <= 0x30FF
        or 0x31F0 <= letter <= 0x4DBF
        or 0x4E00 <= letter <= 0x9FFF
        or 0xF900 <= letter <= 0xFAFF
        or 0xFF00 <= letter <= 0xFF65
        or 0x20000 <= letter <= 0x3FFFF
    )


@inlined
def _is_no_digit(letter: Any) -> Any:
    """Of letters beyond ASCII: those that often follow a formula."""
    return (
        letter == 0xA0
        or 0xC0 <= letter < 0x660
        or 0x2010 <= letter < 0x2040
        or 0x3000 <= letter < 0xA000
        or 0xAC00 <= letter < 0xD7A4
        or 0xFF01 <= letter < 0xFF10
        or 0xFF1A <= letter < 0xFF21
    )


@inlined
def _are_apart(before: Any, after: Any, sticks: Any) -> Any:
    """Whether two characters with a joint between them need a space: as ``Page.join``."""
    if _is_space(before) or _is_space(after) or (before >= 0x2E80 and after >= 0x2E80):
        return False
    for index in range(len(sticks)):
        if after == sticks[index, 0] or before == sticks[index, 1]:
            return False
    return True


@inlined
def _is_inline(event: Any) -> Any:
    return (
        event == _TEXT
        or event == _SPACE
        or event == _JOINT
        or event == _EDGE
        or event == _ALTERNATIVE
        or event == _FORMULA
        or event == _LINK
        or event == _CODE
        or event == _CLOSES + _LINK
        or event == _CLOSES + _CODE
    )


@inlined
def _is_end(event: Any) -> Any:
    """Whether no text is on the line after an event."""
    return (
        event == _FLUSH
        or event == _GAP
        or event == _LINE_OF_TEXT
        or _LINE <= event < _CLOSES
        or event >= _CLOSES + _LINE
    )


@compiled
def _may_be_mark(out: Any, at: Any, end: Any, size: Any, in_heading: Any) -> Any:
    """Whether the text of a link may be a permalink; ``size`` in characters."""
    if not size or (size >= 6 and not in_heading):
        return False
    plain = False
    while at < end:
        byte = out[at] | 32
        if out[at] < 128:
            # Of ASCII, marks have brackets, "#" and white space.
            plain |= out[at] > 35 and byte != 40 and byte != 41 and out[at] != 91 and out[at] != 93
        else:
            plain |= (
                0xC4 <= out[at] <= 0xE0 or 0xE4 <= out[at] <= 0xED or (out[at] == 0xE3 and out[at + 1] > 128)
            )
        if in_heading and at + 2 < end:
            second, third = out[at + 1] | 32, out[at + 2] | 32
            if (
                (byte == 108 and second == 105 and third == 110)  # link
                or (byte == 97 and second == 110 and third == 99)  # anchor
                or (byte == 116 and second == 97 and third == 103)  # tag
            ):
                return True
        at += 1
    return not plain


@compiled
def make_line(breaks: Any, sticks: Any, out: Any, events: Any, state: Any) -> Any:
    """Replaces the events of a line that has only text, links and formulas by the line, its white space
    collapsed; whether it could. What may need more than that is left to ``Page.flush``: TeX in text,
    AsciiMath, permalinks, code indented by no-break spaces. ``breaks``: a line break ends the line."""
    end_run(events, state)
    last = first = state[EVENTS]
    outer = state[IN_LINKS]  # links open at the beginning of the line
    while first and _is_inline(events[first - 1, 0]):
        first -= 1
        if events[first, 0] == _LINK:
            outer -= 1
        elif events[first, 0] == _CLOSES + _LINK:
            outer += 1
    if first == last or outer > 1 or (first and not _is_end(events[first - 1, 0])):
        return False
    start, put, chars = state[BYTES], state[BYTES], NO
    raw = 0  # characters before white space is collapsed
    edge = 0  # empty pieces at the end of the line
    joint = coded = angle = False
    formulas = 0
    after = False  # a formula, and nothing set apart
    links = link_chars = 0
    link, link_bytes = outer - 1, put  # where the open link begins
    becomes = STAYS
    opened = 0  # code
    dollars = 0
    space = broken = blank = False  # of the white space before the next character
    before: Any = 0  # the character before it; 0: there is none
    ending: Any = 0  # the last character so far
    for index in range(first, last):
        event = events[index, 0]
        if event == _JOINT:
            joint = True
            continue
        if event == _EDGE:
            joint |= edge > 0
            continue
        if event == _FORMULA:
            if not events[index, 6] or breaks or dollars:
                return False
            at, size = events[index, 4], events[index, 5] - events[index, 4]
            if ending == _DOLLAR and not edge:
                space = True
                raw += 1
            if space and before:
                out[put] = 32
                put += 1
                chars += 1
            for offset in range(size):
                out[put + offset] = out[at + offset]
            put += size
            raw += size
            chars += size
            before = ending = _DOLLAR
            space = broken = blank = joint = False
            edge = 0
            formulas += 1
            after = True
            continue
        if event == _CODE or event == _CLOSES + _CODE:
            coded = True
            opened += 1 if event == _CODE else -1
            if opened < 0:
                return False
            continue
        if event == _LINK:
            if link >= 0:
                return False
            joint |= edge > 0
            links += 1
            link, link_bytes = raw, put
            becomes = BEGINS
            continue
        if event == _CLOSES + _LINK:
            if link < 0 or _may_be_mark(out, link_bytes, put, raw - link, state[IN_HEADINGS] > 0):
                return False
            link_chars += raw - link
            link = -1
            edge += 1
            becomes = ENDS
            continue
        if event == _SPACE:
            if raw or edge or events[index, 2]:  # nothing begins with white space
                space = True
                broken |= events[index, 1] == 10
                raw += 1
                edge = 0
                ending = events[index, 1]
            continue
        at, end = events[index, 1], events[index, 2]
        if event == _ALTERNATIVE:
            joint = True
        if joint:
            if edge < 2 and ending and _are_apart(ending, _letter(out, at), sticks):
                space = True
                raw += 1
            joint = False
        elif after and ending == _DOLLAR and edge < 2:
            letter = _letter(out, at)
            if 48 <= letter <= 57:
                space = True  # "$x$" before a digit would be no formula
                raw += 1
            elif letter > 127 and not _is_no_digit(letter):
                return False
        after = False
        if event == _ALTERNATIVE:
            joint = True
        edge = 0
        while at < end:
            # Words of ASCII with single spaces between them, as they are.
            if before and not space:
                count = min(_unusual(out, at), end - at)
                if count > 1:
                    count -= out[at + count - 1] == 32
                if count > 1 and out[at] != 32:
                    copy(out, at, out, put)
                    at += count
                    put += count
                    raw += count
                    chars += count
                    letter = np.int64(out[put - 1])
                    before = ending = letter
                    continue
            letter = _letter(out, at)
            size = 1 + (letter > 0x7F) + (letter > 0x7FF) + (letter > 0xFFFF)
            raw += 1
            if _is_space(letter):
                if letter < 32 and letter != 10 and letter != 9:
                    return False
                if letter == 0xA0 and not before:
                    return False
                space = True
                broken |= letter == 10
                blank |= letter > 32
                if letter == 10:  # lines are often indented
                    count = min(_not_blank(out, at + 1), end - at - 1)
                    if count:
                        raw += count
                        at += count
                        letter = _BLANK
            elif letter == 0xAD or letter == 0xFEFF:
                pass
            else:
                if letter < 128:
                    if letter == 92 or letter == 96:
                        return False
                    if letter == 36:
                        dollars += 1  # one alone is no TeX
                        if dollars > 1 or breaks or formulas:
                            return False
                    angle |= letter == 60
                    if letter == 60 and coded and (at + 2 >= end or out[at + 1] | 32 == 98):
                        return False
                    if (letter == 91 and breaks) or (before == 91 and letter == 47 and not space):
                        return False
                    if before == 35 and letter == 35 and not space:
                        return False
                elif 0xFDD0 <= letter <= 0xFDEF:
                    return False
                if space and before and not (broken and not blank and _is_wide(before) and _is_wide(letter)):
                    out[put] = 32
                    put += 1
                    chars += 1
                space = broken = blank = False
                for offset in range(size):
                    out[put + offset] = out[at + offset]
                put += size
                chars += 1
                before = letter
            at += size
            ending = letter
    if put == start or opened or (formulas and (angle or coded)):
        return False
    if link >= 0:
        link_chars += raw - link
    elif not outer:
        becomes = STAYS
    state[EVENTS] = first
    emit(events, state, _LINE_OF_TEXT, start, put)
    line = events[first]
    line[4], line[5], line[6], line[7], line[8] = chars, links, link_chars, becomes, formulas
    state[BYTES] = put
    return True
