"""One pass over a serialised page: what there is to print, in order; the compiled half of ``scan``.

Knows how a parser writes its tree again: every element closed in order, values in double quotes, four
references. Does not know what a step does to the text (``elements``), nor why an element is marked
(``marks``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import lean, lean_inlined
from stages.render import kinds

(
    _BOX,
    _EMBEDDING,
    _SKIP,
    _INLINE,
    _LINK,
    _IMAGE,
    _BREAK,
    _QUOTED,
    _RUBY,
    _BUTTON,
    _CODE,
    _OBJECT,
    _LINE,
    _BLOCK,
    _HEADING,
    _LIST,
    _ITEM,
    _TERM,
    _PRE,
    _TABLE,
    _ROW,
    _CELL,
    _CAPTION,
    _HEADER_CELL,
    _BLOCK_LINK,
) = map(
    np.int64,
    (
        kinds.BOX,
        kinds.EMBEDDING,
        kinds.SKIP,
        kinds.INLINE,
        kinds.LINK,
        kinds.IMAGE,
        kinds.BREAK,
        kinds.QUOTED,
        kinds.RUBY,
        kinds.BUTTON,
        kinds.CODE,
        kinds.OBJECT,
        kinds.LINE,
        kinds.BLOCK,
        kinds.HEADING,
        kinds.LIST,
        kinds.ITEM,
        kinds.TERM,
        kinds.PRE,
        kinds.TABLE,
        kinds.ROW,
        kinds.CELL,
        kinds.CAPTION,
        kinds.HEADER_CELL,
        kinds.BLOCK_LINK,
    ),
)
_TEXT, _SPACE, _FLUSH, _GAP, _JOINT, _EDGE = map(
    np.int64,
    (
        kinds.TEXT,
        kinds.SPACE,
        kinds.FLUSH,
        kinds.GAP,
        kinds.JOINT,
        kinds.EDGE,
    ),
)
_OPENED, _CLOSED, _FORMULA, _LISTING, _CLOSES, _LINE_OF_TEXT, _LINKS, _ALTERNATIVE, _BREAKS, _CONTROL = map(
    np.int64,
    (
        kinds.OPENED,
        kinds.CLOSED,
        kinds.FORMULA,
        kinds.LISTING,
        kinds.CLOSES,
        kinds.LINE_OF_TEXT,
        kinds.LINKS,
        kinds.ALTERNATIVE,
        kinds.BREAKS,
        kinds.CONTROL,
    ),
)
_LEVEL, _VOID, _RAW, _SCRIPT, _HEADINGS, _MATH, _NOTES, _PLACED, _DECLARED = map(
    np.int64,
    (
        kinds.LEVEL,
        kinds.VOID,
        kinds.RAW,
        kinds.SCRIPT,
        kinds.HEADINGS,
        kinds.MATH,
        kinds.NOTES,
        kinds.PLACED,
        kinds.DECLARED,
    ),
)
_HIDDEN, _REPLACED, _LISTED, _PREFORMATTED, _BLOCKED = map(
    np.int64,
    (
        kinds.HIDDEN,
        kinds.REPLACED,
        kinds.LISTED,
        kinds.PREFORMATTED,
        kinds.BLOCKED,
    ),
)
#: Bytes after a page: any search for the end of something ends there.
TAIL = len(kinds.TAIL)

# Places in ``state``: how much there is of everything, where the run of text began (-1: there is none), what
# is known of the line being written, and how many elements of some kinds are open.
(
    _EVENTS,
    _BYTES,
    _CHARS,
    _ELEMENTS,
    _DEPTH,
    _RUN,
    _RUN_BYTES,
    _ON_LINE,
    _IN_PRE,
    _IN_MATH,
    _IN_LINKS,
    _IN_HEADINGS,
) = range(12)
STATES = 12
_EMPTY, _FILLED, _UNKNOWN = range(3)
#: Columns of ``events``: what (``kinds``), two numbers about it, and where its text is in bytes.
EVENT = 5
#: Columns of ``elements``: where the name of the tag begins and ends, and where its attributes end; of a
#: container, where its names are in the text; of a button, where its content ends and whether it is in a
#: heading.
ELEMENT = 5
#: Columns of ``stack``: hash of the name, kind, what the kind has to remember, what the event said, where the
#: name begins, flags.
STACK = 6
# What is found in a tag; the places of class, id, role and itemprop are after these.
_HREF, _COUNT, _MARK, _NUMBER, _ALT, _ALT_END, _DECLARE, _TAG_END, _NAMES = range(9)
FOUND = 17
#: Numba compiles a function anew for each constant that is written in a call; these are values.
_NONE, _NO, _YES = map(np.int64, (-1, 0, 1))


@lean_inlined
def _name_end(page: Any, at: Any) -> Any:
    while page[at] != 32 and page[at] != 62:
        at += 1
    return at


@lean_inlined
def _hash(page: Any, at: Any, end: Any) -> Any:
    value = np.uint64(14695981039346656037)
    for index in range(at, end):
        value = (value ^ np.uint64(page[index])) * np.uint64(1099511628211)
    return np.int64(value >> np.uint64(1))


@lean_inlined
def _look_up(tags: Any, value: Any) -> Any:
    """Row of the tag in ``tags``; -1 for one that is not listed. The number of rows is a power of two."""
    last = len(tags) - 1
    row = value & last
    while tags[row, 0] != value:
        if tags[row, 0] == 0:
            return -1
        row = (row + 1) & last
    return row


@lean_inlined
def _is_at(page: Any, at: Any, word: Any) -> Any:
    for index in range(len(word)):
        if page[at + index] != word[index]:
            return False
    return True


_HREF_NAME = np.frombuffer(b"href", np.uint8)
_ALT_NAME = np.frombuffer(b"alt", np.uint8)
_CLASS_NAME = np.frombuffer(b"class", np.uint8)
_ID_NAME = np.frombuffer(b"id", np.uint8)
_ROLE_NAME = np.frombuffer(b"role", np.uint8)
_PROP_NAME = np.frombuffer(b"itemprop", np.uint8)
_DECLARE_NAME = np.frombuffer(b"declare", np.uint8)
_SCRIPT_NAME = np.frombuffer(b"script", np.uint8)


@lean
def _read_tag(page: Any, at: Any, found: Any) -> Any:
    """Reads attributes from ``at`` (the end of the name) on; returns the place after the tag."""
    for index in range(FOUND):
        found[index] = 0
    while page[at] == 32:
        start = at + 1
        at = start + 1  # a name may begin with "="
        while page[at] != 61:
            at += 1
        size = at - start
        first = at + 2
        at = first
        while page[at] != 34:
            at += 1
        last = at
        at += 1
        letter = page[start]
        if size == 1 and letter == 47:  # "/": no attribute of a page has this name
            found[_MARK] = page[first]
            number = 0
            for index in range(first + 1, last):
                number = 10 * number + page[index] - 48
            found[_NUMBER] = number
            continue
        found[_COUNT] += 1
        if size == 4 and letter == 104 and _is_at(page, start, _HREF_NAME):
            found[_HREF] = 1
        elif size == 3 and letter == 97 and _is_at(page, start, _ALT_NAME):
            found[_ALT], found[_ALT_END] = first, last
        elif size == 5 and letter == 99 and _is_at(page, start, _CLASS_NAME):
            found[_NAMES + 0], found[_NAMES + 1] = first, last
        elif size == 2 and letter == 105 and _is_at(page, start, _ID_NAME):
            found[_NAMES + 2], found[_NAMES + 3] = first, last
        elif size == 4 and letter == 114 and _is_at(page, start, _ROLE_NAME):
            found[_NAMES + 4], found[_NAMES + 5] = first, last
        elif size == 8 and letter == 105 and _is_at(page, start, _PROP_NAME):
            found[_NAMES + 6], found[_NAMES + 7] = first, last
        elif size == 7 and letter == 100 and _is_at(page, start, _DECLARE_NAME):
            found[_DECLARE] = 1
    found[_TAG_END] = at
    return at + 1


@lean
def _after_markup(page: Any, at: Any) -> Any:
    """The place after the comment or instruction at ``at``."""
    if page[at + 1] == 33 and page[at + 2] == 45 and page[at + 3] == 45:
        at += 4
        while page[at] != 45 or page[at + 1] != 45 or page[at + 2] != 62:
            at += 1
        return at + 3
    while page[at] != 62:
        at += 1
    return at + 1


@lean
def _raw_end(page: Any, at: Any, name: Any, end: Any, script: Any) -> Any:
    """Where the closing tag of an element of raw text begins that has its content at ``at``, and its name at
    ``name``. Within a comment of a script, another script may be opened and closed (HTML 13.2.5.20)."""
    size = end - name
    last = len(page) - TAIL
    commented = opened = False
    while at < last:
        while at < last and page[at] != 60 and (not commented or page[at] != 45):
            at += 1
        if at >= last:
            break
        if page[at] == 45:
            if page[at + 1] == 45 and page[at + 2] == 62:
                commented = opened = False
        elif page[at + 1] == 47:
            same = True
            for index in range(size):
                same &= (page[at + 2 + index] | 32) == (page[name + index] | 32)
            after = page[at + 2 + size]
            if same and (after == 62 or after == 32 or after == 47 or after == 10 or after == 9):
                if not opened:
                    return at
                opened = False
        elif script and page[at + 1] == 33 and page[at + 2] == 45 and page[at + 3] == 45:
            commented = True
            if page[at + 4] == 62 or (page[at + 4] == 45 and page[at + 5] == 62):
                commented = False
        elif commented and not opened:
            same = True
            for index in range(6):
                same &= (page[at + 1 + index] | 32) == _SCRIPT_NAME[index]
            after = page[at + 7]
            opened = same and (after == 62 or after == 32 or after == 47 or after == 10 or after == 9)
        at += 1
    return last


@lean_inlined
def _after_tag(page: Any, at: Any) -> Any:
    """The place after the opening tag whose name ends at ``at``."""
    while page[at] == 32:
        at += 2
        while page[at] != 61:
            at += 1
        at += 2
        while page[at] != 34:
            at += 1
        at += 1
    return at + 1


@lean
def _after_element(page: Any, at: Any, name: Any, name_end: Any, tags: Any) -> Any:
    """The place after the closing tag of the element whose content is at ``at``."""
    row = _look_up(tags, _hash(page, name, name_end))
    if row >= 0 and tags[row, 2] & _RAW:
        return _raw_end(page, at, name, name_end, tags[row, 2] & _SCRIPT) + 3 + name_end - name
    depth, size = 1, len(page) - TAIL
    while depth:
        while at < size and page[at] != 60:
            at += 1
        if at >= size:
            return size
        letter = page[at + 1]
        if letter == 33 or letter == 63:
            at = _after_markup(page, at)
            continue
        closing = letter == 47
        start = at + 2 if closing else at + 1
        end = _name_end(page, start)
        row = _look_up(tags, _hash(page, start, end))
        flags = tags[row, 2] if row >= 0 else 0
        at = _after_tag(page, end)
        if flags & _VOID:
            continue
        if closing:
            depth -= 1
        elif flags & _RAW:
            at = _raw_end(page, at, start, end, flags & _SCRIPT) + 3 + end - start
        else:
            depth += 1
    return at


@lean
def _end_run(events: Any, state: Any) -> Any:
    """Ends the run of text."""
    if state[_RUN] >= 0:
        count = state[_EVENTS]
        events[count, 0], events[count, 1], events[count, 2] = _TEXT, state[_RUN], state[_CHARS]
        events[count, 3], events[count, 4] = state[_RUN_BYTES], state[_BYTES]
        state[_RUN] = -1
        state[_EVENTS] = count + 1


@lean
def _emit(events: Any, state: Any, event: Any, one: Any, other: Any) -> Any:
    """Ends the run of text, and appends an event."""
    _end_run(events, state)
    count = state[_EVENTS]
    events[count, 0], events[count, 1], events[count, 2] = event, one, other
    state[_EVENTS] = count + 1


@lean
def _write(page: Any, at: Any, end: Any, raw: Any, out: Any, state: Any) -> Any:
    """Appends text without its references to ``out``. 0 if it is white space on one line, 1 if it is white
    space with a line break, 2 if there is anything else; the white space is that of ``str.isspace``."""
    put, chars = state[_BYTES], state[_CHARS]
    broken = 0
    seen = 0
    while at < end:
        byte = page[at]
        if byte > 38 and byte < 128:
            seen = 2
        elif byte == 38 and not raw:  # &amp; &lt; &gt; &nbsp; &quot;
            letter = page[at + 1]
            if letter == 110:
                out[put], out[put + 1] = 0xC2, 0xA0
                put += 2
                chars += 1
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
        chars += (byte & 0xC0) != 0x80
        at += 1
    state[_BYTES], state[_CHARS] = put, chars
    return max(seen, broken)


@lean
def _add_text(page: Any, at: Any, end: Any, raw: Any, out: Any, events: Any, state: Any) -> Any:
    """Adds a text node: to the run of text, or as an event of its own if it is white space."""
    before, chars = state[_BYTES], state[_CHARS]
    what = _write(page, at, end, raw, out, state)
    if what == 2 or state[_IN_PRE]:
        if state[_RUN] < 0:
            state[_RUN], state[_RUN_BYTES] = chars, before
        state[_ON_LINE] = _FILLED
        return
    state[_BYTES], state[_CHARS] = before, chars
    if state[_ON_LINE] == _EMPTY:
        return
    space = 10 if what else 32
    if state[_RUN] >= 0:
        out[before] = space
        state[_BYTES] += 1
        state[_CHARS] += 1
    else:
        _emit(events, state, _SPACE, np.int64(space), _NO)


# A line of text ----------------------------------------------------------------------------------------


@lean_inlined
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


@lean_inlined
def _is_space(letter: Any) -> Any:
    """As ``str.isspace``."""
    if letter < 128:
        return letter == 32 or 9 <= letter <= 13 or 28 <= letter <= 31
    return (
        letter == 0x85
        or letter == 0xA0
        or letter == 0x1680
        or 0x2000 <= letter <= 0x200A
        or letter == 0x2028
        or letter == 0x2029
        or letter == 0x202F
        or letter == 0x205F
        or letter == 0x3000
    )


@lean_inlined
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


@lean_inlined
def _are_apart(before: Any, after: Any, sticks: Any) -> Any:
    """Whether two characters with a joint between them need a space: as ``Page.join``."""
    if _is_space(before) or _is_space(after) or (before >= 0x2E80 and after >= 0x2E80):
        return False
    for index in range(len(sticks)):
        if after == sticks[index, 0] or before == sticks[index, 1]:
            return False
    return True


@lean_inlined
def _is_inline(event: Any) -> Any:
    return (
        event == _TEXT
        or event == _SPACE
        or event == _JOINT
        or event == _EDGE
        or event == _ALTERNATIVE
        or event == _LINK
        or event == _CODE
        or event == _CLOSES + _LINK
        or event == _CLOSES + _CODE
    )


@lean_inlined
def _is_end(event: Any) -> Any:
    """Whether no text is on the line after an event."""
    return (
        event == _FLUSH
        or event == _GAP
        or event == _LINE_OF_TEXT
        or event == _OPENED
        or event == _CLOSED
        or _LINE <= event < _CLOSES
        or event >= _CLOSES + _LINE
    )


@lean
def _may_be_mark(out: Any, at: Any, end: Any, size: Any, in_heading: Any) -> Any:
    """Whether the text of a link may be a permalink; ``size`` in characters."""
    if size >= 6 and not in_heading:
        return False
    plain = False
    while at < end:
        byte = out[at] | 32
        plain |= 97 <= byte <= 122 or 48 <= out[at] <= 57
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


@lean
def _make_line(breaks: Any, sticks: Any, out: Any, events: Any, state: Any) -> Any:
    """Replaces the events of a line that has only text and links by the line, its white space collapsed;
    whether it could. What may need more than that is left to ``Page.flush``: TeX, AsciiMath, permalinks, code
    indented by no-break spaces. ``breaks``: a line break ends the line."""
    _end_run(events, state)
    last = first = state[_EVENTS]
    while first and _is_inline(events[first - 1, 0]):
        first -= 1
    if first == last or (first and not _is_end(events[first - 1, 0])):
        return False
    start, put, chars = state[_BYTES], state[_BYTES], state[_CHARS]
    raw = 0  # characters before white space is collapsed
    edge = 0  # empty pieces at the end of the line
    joint = coded = False
    links = link_chars = 0
    link, link_bytes = -1, 0
    opened = 0  # links and code
    outer = state[_IN_LINKS] > 0
    space = broken = blank = False  # of the white space before the next character
    before = 0  # the character before it; 0: there is none
    ending = 0  # the last character so far
    for index in range(first, last):
        event = events[index, 0]
        if event == _JOINT:
            joint = True
            continue
        if event == _EDGE:
            joint |= edge > 0
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
            continue
        if event == _CLOSES + _LINK:
            if link < 0 or _may_be_mark(out, link_bytes, put, raw - link, state[_IN_HEADINGS] > 0):
                return False
            link_chars += raw - link
            link = -1
            edge += 1
            continue
        if event == _SPACE:
            if raw or edge:  # nothing begins with white space
                space = True
                broken |= events[index, 1] == 10
                raw += 1
                edge = 0
                ending = events[index, 1]
            continue
        at, end = events[index, 3], events[index, 4]
        if event == _ALTERNATIVE:
            joint = True
        if joint:
            if edge < 2 and ending and _are_apart(ending, _letter(out, at), sticks):
                space = True
                raw += 1
            joint = False
        if event == _ALTERNATIVE:
            joint = True
        edge = 0
        while at < end:
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
            elif letter == 0xAD or letter == 0xFEFF:
                pass
            else:
                if letter < 128:
                    if letter == 36 or letter == 92 or letter == 96 or (letter == 60 and coded):
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
    if put == start or opened or link >= 0 or (outer and links):
        return False
    state[_EVENTS] = first
    if outer:
        link_chars = raw
    if links or link_chars:
        _emit(events, state, _LINKS, links, link_chars)
    _emit(events, state, _LINE_OF_TEXT, state[_CHARS], chars)
    state[_BYTES], state[_CHARS] = put, chars
    return True


@lean
def _step(kind: Any, one: Any, opens: Any, sticks: Any, out: Any, events: Any, state: Any) -> Any:
    """An element that opens or closes; _LINE for any other end of a line. ``one``: what its event says."""
    pre = state[_IN_PRE]
    # The line ends, but not before a link that it is in.
    if state[_ON_LINE] != _EMPTY and kind >= _LINE and (opens or kind != _BLOCK_LINK):
        if not pre and _make_line(_NO, sticks, out, events, state):
            state[_ON_LINE] = _EMPTY
        elif kind == _LINE or (kind > _BLOCK and not pre):
            _emit(events, state, _FLUSH, _NO, _NO)
            if not pre:
                state[_ON_LINE] = _EMPTY
    if kind == _LINE:
        return
    if kind == _BLOCK:
        count = state[_EVENTS]
        if state[_ON_LINE] != _EMPTY or not count or events[count - 1, 0] != _GAP:
            _emit(events, state, _GAP, _NO, _NO)
            if not pre:
                state[_ON_LINE] = _EMPTY
        return
    change = 1 if opens else -1
    if kind == _PRE:
        pre += change
        state[_IN_PRE] = pre
    elif kind == _LINK or kind == _BLOCK_LINK:
        state[_IN_LINKS] += change
    elif kind == _HEADING or kind == _TERM or kind == _CAPTION:
        state[_IN_HEADINGS] += change
    if not opens:
        _emit(events, state, _CLOSES + kind, one, _NO)
        state[_ON_LINE] = _UNKNOWN if kind < _LINE or pre else _EMPTY
    else:
        _emit(events, state, _CONTROL if kind == _BUTTON else kind, one, _NO)
        if kind >= _LINE:
            state[_ON_LINE] = _UNKNOWN if pre > 1 else _EMPTY
        elif kind == _QUOTED or kind == _RUBY or kind == _BUTTON:
            state[_ON_LINE] = _FILLED


@lean
def _add_names(page: Any, found: Any, out: Any, state: Any) -> Any:
    """Writes the names of a container: of its class alone, or of class, id, role and itemprop."""
    first = True
    for name in range(4 if found[_COUNT] > 1 else 1):
        at, end = found[_NAMES + 2 * name], found[_NAMES + 1 + 2 * name]
        if at == end:
            continue
        if not first:
            out[state[_BYTES]] = 32
            state[_BYTES] += 1
            state[_CHARS] += 1
        first = False
        _write(page, at, end, _NO, out, state)


@lean
def _is_long(page: Any, at: Any, tags: Any, out: Any, state: Any, limits: Any) -> Any:
    """Whether what is in an element that embeds something, from ``at`` on, is more than a note to old
    browsers."""
    before, chars = state[_BYTES], state[_CHARS]
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
            _write(page, first, end, _NO, out, state)
            total += state[_CHARS] - chars
            state[_BYTES], state[_CHARS] = before, chars
            nodes += 1
            at = stop
        elif page[at + 1] == 33 or page[at + 1] == 63:
            at = _after_markup(page, at)
            nodes += 1
        else:
            closing = page[at + 1] == 47
            start = at + 2 if closing else at + 1
            stop = _name_end(page, start)
            row = _look_up(tags, _hash(page, start, stop))
            flags = tags[row, 2] if row >= 0 else 0
            at = _after_tag(page, stop)
            if flags & _VOID:
                nodes += not closing
            elif closing:
                depth -= 1
            else:
                nodes += 1
                depth += 1
                if flags & _RAW:
                    at = _raw_end(page, at, start, stop, flags & _SCRIPT)
    return total > limits[0] or nodes > limits[1]


@lean
def _add_element(name: Any, end: Any, state: Any, found: Any, elements: Any) -> Any:
    count = state[_ELEMENTS]
    elements[count, 0], elements[count, 1], elements[count, 2] = name, end, found[_TAG_END]
    elements[count, 3] = elements[count, 4] = 0
    state[_ELEMENTS] = count + 1
    return count


@lean
def _pop(at: Any, sticks: Any, out: Any, events: Any, state: Any, stack: Any, elements: Any) -> Any:
    """Closes the innermost open element, whose closing tag is at ``at``."""
    depth = state[_DEPTH] - 1
    state[_DEPTH] = depth
    kind, one = stack[depth, 1], stack[depth, 3]
    if kind == _INLINE:
        state[_IN_MATH] -= stack[depth, 2]
        return
    _step(kind, one, _NO, sticks, out, events, state)
    if kind == _BUTTON:
        elements[one, 3] = at
        opened = stack[depth, 2]
        events[opened, 2] = state[_EVENTS] - opened - 1
    elif stack[depth, 2]:
        count = state[_EVENTS]
        if state[_RUN] < 0 and events[count - 1, 0] == _OPENED:
            state[_EVENTS] = count - 1  # nothing is in it
        elif state[_RUN] < 0 and events[count - 1, 0] == _GAP and events[count - 2, 0] == _OPENED:
            state[_EVENTS] = count - 1
            events[count - 2, 0] = _GAP
        else:
            _emit(events, state, _CLOSED, _NO, _NO)


@lean
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
        return stack[state[_DEPTH] - 1, 4] if state[_DEPTH] else 0
    if kind == _CELL or kind == _HEADER_CELL or kind == _ITEM:
        return _add_element(name, end, state, found, elements) if found[_COUNT] else -1
    if kind == _LINK or kind == _BLOCK_LINK or kind == _LIST or kind == _TABLE or kind == _BUTTON:
        element = _add_element(name, end, state, found, elements)
        if kind == _BUTTON and state[_DEPTH]:
            elements[element, 4] = stack[state[_DEPTH] - 1, 5] & _HEADINGS
        return element
    return -1


@lean
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
    state: Any,
    found: Any,
) -> Any:
    """Writes the events of ``page`` (uint8: a serialised body, then ``scan.TAIL``), their text, and the elements
    that they mention; ``state`` has the counts.

    ``tags``: rows of hash, kind and flags. ``limits``: of a note, in characters, nodes and bytes. ``sticks``: the
    characters that need no space before them, and after them. ``structure``: with
    containers. ``alternatives``: with the alt texts of images.
    """
    at, size = _NO, len(page) - TAIL
    state[_RUN] = -1
    while at < size:
        if page[at] != 60:
            end = at + 1
            while end < size and page[end] != 60:
                end += 1
            _add_text(page, at, end, _NO, out, events, state)
            at = end
            continue
        letter = page[at + 1]
        if letter == 33 or letter == 63:
            at = _after_markup(page, at)
            continue
        if letter == 47:
            end = _name_end(page, at + 2)
            value = _hash(page, at + 2, end)
            depth = state[_DEPTH] - 1
            while depth >= 0 and stack[depth, 0] != value:
                depth -= 1
            while depth >= 0 and state[_DEPTH] > depth:
                _pop(at, sticks, out, events, state, stack, elements)
            at = end + 1
            continue
        start = at + 1
        end = _name_end(page, start)
        value = _hash(page, start, end)
        row = _look_up(tags, value)
        kind, flags = _INLINE, 0
        if row >= 0:
            kind, flags = tags[row, 1], tags[row, 2]
        at = _read_tag(page, end, found)
        void = flags & _VOID
        mark, number = found[_MARK], found[_NUMBER]
        if mark == _HIDDEN or (flags & _NOTES and state[_IN_MATH] and not mark):
            kind, mark = _SKIP, 0
        elif kind == _EMBEDDING and mark != _REPLACED:
            if flags & _DECLARED:
                kind = _BOX if found[_DECLARE] else _OBJECT
            else:
                kind = _OBJECT if _is_long(page, at, tags, out, state, limits) else _BOX
        if mark == _REPLACED or (mark == _LISTED and kind >= _INLINE):
            place = mark == _REPLACED and kind > _BLOCK and not state[_IN_PRE]
            place |= mark == _LISTED and flags & _PLACED
            one = -1
            if place:
                one = _argument(kind, start, end, flags, number, state, found, elements, stack)
                _step(kind, one, _YES, sticks, out, events, state)
            _emit(events, state, _FORMULA if mark == _REPLACED else _LISTING, number, _NO)
            state[_ON_LINE] = _UNKNOWN
            if place:
                _step(kind, one, _NO, sticks, out, events, state)
            kind = _SKIP
        elif mark == _PREFORMATTED and kind >= _INLINE:
            kind = _PRE
        elif mark == _BLOCKED and kind >= _INLINE:
            if kind == _INLINE or kind == _CODE or kind == _OBJECT:
                kind = _LINE
            elif kind == _LINK:
                kind = _BLOCK_LINK
            elif kind < _LINE:
                _step(_LINE, _NO, _YES, sticks, out, events, state)
        if kind < _INLINE:
            if kind == _BOX:
                _emit(events, state, _JOINT, _NO, _NO)
            if not void:
                at = _after_element(page, at, start, end, tags)
            continue
        if (kind == _LINK or kind == _BLOCK_LINK) and not found[_HREF]:
            kind = _INLINE if kind == _LINK else _LINE
        one, third = -1, 0
        if kind >= _LINE:
            _step(_LINE, _NO, _YES, sticks, out, events, state)
            if structure:
                third = 1
                container = _add_element(start, end, state, found, elements)
                elements[container, 3] = state[_CHARS]
                _add_names(page, found, out, state)
                elements[container, 4] = state[_CHARS]
                _emit(events, state, _OPENED, container, _NO)
            if state[_IN_PRE] and kind != _PRE:
                kind = _LINE
        elif kind == _INLINE:
            count = state[_EVENTS]
            if count and state[_RUN] < 0 and events[count - 1, 0] == _CLOSES + _LINK:
                _emit(events, state, _EDGE, _NO, _NO)
            if flags & _MATH:
                third = 1
                state[_IN_MATH] += 1
        elif kind == _IMAGE:
            _end_run(events, state)
            before, chars = state[_BYTES], state[_CHARS]
            if alternatives and _write(page, found[_ALT], found[_ALT_END], _NO, out, state) == 2:
                count = state[_EVENTS]
                events[count, 0], events[count, 1], events[count, 2] = _ALTERNATIVE, chars, state[_CHARS]
                events[count, 3], events[count, 4] = before, state[_BYTES]
                state[_EVENTS] = count + 1
                state[_ON_LINE] = _FILLED
            else:
                state[_BYTES], state[_CHARS] = before, chars
                _emit(events, state, _JOINT, _NO, _NO)
        elif kind == _BREAK:
            if (
                state[_ON_LINE] == _EMPTY
                or state[_IN_PRE]
                or not _make_line(_YES, sticks, out, events, state)
            ):
                _emit(events, state, _BREAKS, at, _NO)
                state[_ON_LINE] = _UNKNOWN
            else:
                state[_ON_LINE] = _EMPTY
        if kind != _INLINE and kind != _IMAGE and kind != _BREAK:
            one = _argument(kind, start, end, flags, number if mark else -1, state, found, elements, stack)
            _step(kind, one, _YES, sticks, out, events, state)
            if kind == _BUTTON:
                third = state[_EVENTS] - 1
        if void and kind != _LINE and kind != _BLOCK:
            continue
        depth = state[_DEPTH]
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = value, kind, third
        stack[depth, 3], stack[depth, 4], stack[depth, 5] = one, start, flags
        state[_DEPTH] = depth + 1
        if void:
            _pop(at, sticks, out, events, state, stack, elements)
        elif flags & _RAW:  # <xmp>, <plaintext>
            stop = _raw_end(page, at, start, end, _NO)
            if stop > at:
                _add_text(page, at, stop, _YES, out, events, state)
            at = stop
    while state[_DEPTH]:
        _pop(size, sticks, out, events, state, stack, elements)
    _end_run(events, state)
