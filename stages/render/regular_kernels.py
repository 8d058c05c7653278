"""Builds the tree of a page whose markup is regular, from its source; the compiled half of ``regular``.

Knows how a browser nests elements (HTML 13.2.6) as far as pages are written with care or with the usual
omissions: closing tags left out, tables without ``tbody``, bold text across a paragraph. Gives up on anything
else. Does not know what is printed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import lean, lean_inlined
from stages.render import nesting

(
    _CLOSES_P,
    _SPECIAL,
    _SCOPE,
    _FORMATTING,
    _IMPLIED,
    _ENDS_BLOCK,
    _VOID,
    _RAW,
    _REFUSED,
    _OF_HEAD,
    _TEXT_ONLY,
    _ENDS_DRAWING,
) = nesting.FLAGS
(
    _OTHER,
    _A,
    _CODE,
    _P,
    _LI,
    _DD,
    _BUTTON,
    _FORM,
    _TABLE,
    _TBODY,
    _TR,
    _CELL,
    _CAPTION,
    _COLGROUP,
    _COL,
    _SELECT,
    _TITLE,
    _BODY,
    _ROOT,
    _SVG,
    _BR,
    _IMG,
    _INPUT,
    _HEADING,
    _LIST,
    _SCRIPT,
    _DIALOG,
    _OPTION,
    _DIV,
    _TEMPLATE,
    _PLAIN,
) = nesting.NAMES
_KEPT, _STYLE, _HIDDEN, _OPEN, _TYPE, _SIGN, _SOURCE = nesting.ATTRIBUTES

_OF_CLASS = nesting.OF_CLASS

# Reasons to give up, for whoever wants to know (``regular.REASONS``).
_MARKUP, _NESTING, _MATHS, _CODES, _REFERENCE, _MOVED = range(1, 7)

# Places in ``info``: what is known of a tag.
_SEEN, _DROPPED, _REASON, _CONCEALED, _AS_BLOCK, _AS_BOXES, _OPENED, _COLON, _TYPED = range(9)
INFO = 9
#: Columns of ``stack``: hash, place and length of the name, name, flags, whether its children are blocks,
#: whether it was closed while others were open in it.
STACK = 7
#: Open elements at most.
DEPTH = 400
#: Places in ``result``: bytes written, the reason to give up, where in the page the text of the title begins and
#: ends, and where in the output attributes of the body stand that came late.
RESULT = 6
#: Room that one tag may need in the output, besides its own bytes.
ROOM = 64


@lean_inlined
def _lower(byte: Any) -> Any:
    return byte + 32 if 65 <= byte <= 90 else byte


@lean_inlined
def _is_blank(byte: Any) -> Any:
    return byte == 32 or byte == 10 or byte == 9 or byte == 12 or byte == 13


@lean
def _look_up(table: Any, value: Any) -> Any:
    """Row of a hash in a table with open addressing; -1 for none."""
    last = len(table) - 1
    row = value & last
    while table[row, 0] != value:
        if table[row, 0] == 0:
            return -1
        row = (row + 1) & last
    return row


@lean
def _hash(page: Any, at: Any, end: Any, fold: Any) -> Any:
    value = np.uint64(14695981039346656037)
    for index in range(at, end):
        byte = page[index]
        if fold and 65 <= byte <= 90:
            byte += 32
        value = (value ^ np.uint64(byte)) * np.uint64(1099511628211)
    return np.int64(value >> np.uint64(1))


@lean
def _contains(page: Any, at: Any, end: Any, words: Any) -> Any:
    """Whether one of the words (rows, in lower case, ended by zeros) is in the text, in any case."""
    while at < end:
        first = _lower(page[at])
        for row in range(len(words)):
            if words[row, 0] == first:
                size = 1
                while words[row, size] and at + size < end and words[row, size] == _lower(page[at + size]):
                    size += 1
                if not words[row, size]:
                    return True
        at += 1
    return False


@lean
def _put_letter(letter: Any, out: Any, put: Any) -> Any:
    """Writes a code point as the parser would write it; returns the place after it."""
    if letter == 38 or letter == 60 or letter == 62 or letter == 34:
        out[put] = 38
        if letter == 38:
            out[put + 1], out[put + 2], out[put + 3] = 97, 109, 112
            put += 4
        elif letter == 34:
            out[put + 1], out[put + 2], out[put + 3], out[put + 4] = 113, 117, 111, 116
            put += 5
        else:
            out[put + 1], out[put + 2] = 108 if letter == 60 else 103, 116
            put += 3
        out[put] = 59
        return put + 1
    if letter < 0x80:
        out[put] = letter
        return put + 1
    if letter < 0x800:
        out[put], out[put + 1] = 0xC0 | letter >> 6, 0x80 | (letter & 0x3F)
        return put + 2
    if letter < 0x10000:
        out[put], out[put + 1] = 0xE0 | letter >> 12, 0x80 | (letter >> 6 & 0x3F)
        out[put + 2] = 0x80 | (letter & 0x3F)
        return put + 3
    out[put], out[put + 1] = 0xF0 | letter >> 18, 0x80 | (letter >> 12 & 0x3F)
    out[put + 2], out[put + 3] = 0x80 | (letter >> 6 & 0x3F), 0x80 | (letter & 0x3F)
    return put + 4


@lean
def _put_reference(
    page: Any, at: Any, end: Any, in_value: Any, references: Any, out: Any, put: Any, after: Any
) -> Any:
    """Writes what the reference at ``at`` stands for; -1 for one that few pages have. ``after``: the place
    after it."""
    stop = at + 1
    if stop < end and page[stop] == 35:
        stop += 1
        base = 10
        if stop < end and (page[stop] | 32) == 120:
            base = 16
            stop += 1
        number = 0
        first = stop
        while stop < end and number < 0x110000:
            byte = page[stop] | 32
            if 48 <= page[stop] <= 57:
                digit = np.int64(page[stop]) - 48
            elif base == 16 and 97 <= byte <= 102:
                digit = np.int64(byte) - 87
            else:
                break
            number = number * base + digit
            stop += 1
        if stop == first or stop >= end or page[stop] != 59:
            return -1
        if number < 32 or 0x7F <= number < 0xA0 or 0xD800 <= number < 0xE000 or number >= 0x110000:
            if number != 10 and number != 9:
                return -1
        after[0] = stop + 1
        return _put_letter(number, out, put)
    while stop < end and stop < at + 40 and (48 <= page[stop] <= 57 or 97 <= (page[stop] | 32) <= 122):
        stop += 1
    if stop < end and page[stop] == 59 and stop > at + 1:
        row = _look_up(references, _hash(page, at + 1, stop, False))
        if row >= 0 and references[row, 3]:
            after[0] = stop + 1
            put = _put_letter(references[row, 1], out, put)
            return _put_letter(references[row, 2], out, put) if references[row, 2] else put
    # Some names need no semicolon; in values of attributes they do if a letter or "=" follows.
    for size in range(2, min(7, stop - at)):
        row = _look_up(references, _hash(page, at + 1, at + 1 + size, False))
        if row >= 0 and references[row, 3] > 1:
            following = page[at + 1 + size]
            if not (in_value and (following == 61 or 48 <= following <= 57 or 97 <= (following | 32) <= 122)):
                return -1
    after[0] = at + 1
    return _put_letter(38, out, put)


@lean
def _put_text(
    page: Any, at: Any, end: Any, in_value: Any, references: Any, out: Any, put: Any, after: Any
) -> Any:
    """Writes text as the parser would; returns the place after it, -1 to give up."""
    while at < end:
        byte = page[at]
        if byte > 62:
            out[put] = byte
            put += 1
            at += 1
        elif byte == 38:
            put = _put_reference(page, at, end, in_value, references, out, put, after)
            if put < 0:
                return -1
            at = after[0]
        elif byte == 13:
            out[put] = 10
            put += 1
            at += 2 if page[at + 1] == 10 and at + 1 < end else 1
        elif byte == 60 or byte == 62 or byte == 34:
            put = _put_letter(np.int64(byte), out, put)
            at += 1
        elif byte == 0:
            return -1
        else:
            out[put] = byte
            put += 1
            at += 1
    return put


@lean
def _read_style(page: Any, at: Any, end: Any, info: Any) -> Any:
    """What a style says of the element's box (``hidden``), and whether it keeps white space (``code``)."""
    concealed = block = boxes = False
    while at < end:
        byte = page[at] | 32
        # display, float, white-space
        if byte == 119 and at + 10 < end and (page[at + 5] == 45 and (page[at + 6] | 32) == 115):
            if (page[at + 1] | 32) == 104 and (page[at + 4] | 32) == 101 and (page[at + 10] | 32) == 101:
                value = at + 11
                while value < end and (page[value] <= 32 or page[value] == 58):
                    value += 1
                if value + 2 < end and (page[value] | 32) == 112:  # pre, pre-wrap, but not pre-line
                    if value + 4 >= end or page[value + 3] != 45 or (page[value + 4] | 32) != 108:
                        info[_REASON] = _CODES
                elif value < end and (page[value] | 32) == 98 and value + 2 < end and (page[value + 1] | 32) == 114:
                    info[_REASON] = _CODES  # break-spaces
        display = (
            byte == 100
            and at + 7 < end
            and (page[at + 1] | 32) == 105
            and (page[at + 2] | 32) == 115
            and (page[at + 3] | 32) == 112
            and (page[at + 6] | 32) == 121
        )
        floats = (
            byte == 102
            and at + 5 < end
            and (page[at + 1] | 32) == 108
            and (page[at + 2] | 32) == 111
            and (page[at + 3] | 32) == 97
            and (page[at + 4] | 32) == 116
        )
        at += 1
        if not display and not floats:
            continue
        value = at + (6 if display else 4)
        while value < end and page[value] <= 32:
            value += 1
        if value >= end or page[value] != 58:
            continue
        value += 1
        while value < end and page[value] <= 32:
            value += 1
        if value + 3 >= end:
            continue
        first, second, third = page[value] | 32, page[value + 1] | 32, page[value + 2] | 32
        fourth = page[value + 3] | 32
        if floats:
            block |= (first == 108 and second == 101 and third == 102 and fourth == 116) or (
                first == 114 and second == 105 and third == 103 and fourth == 104
            )
        elif first == 110 and second == 111 and third == 110 and fourth == 101:
            concealed = True
        elif first == 98 and second == 108 and third == 111 and fourth == 99:
            block = True
        elif first == 108 and second == 105 and third == 115 and fourth == 116:
            block = True
        elif first == 116 and second == 97 and third == 98 and fourth == 108:
            after = page[value + 5] if value + 5 < end else 32
            block |= not (48 <= after <= 57 or 97 <= (after | 32) <= 122 or after == 95 or after > 127)
        elif first == 102 and second == 108 and third == 111 and fourth == 119:
            block = True
        elif (first == 102 and second == 108 and third == 101 and fourth == 120) or (
            first == 103 and second == 114 and third == 105 and fourth == 100
        ):
            boxes = True
    info[_CONCEALED] |= concealed
    info[_AS_BLOCK] = block
    info[_AS_BOXES] = boxes


@lean
def _read_class(page: Any, at: Any, end: Any, classes: Any, info: Any) -> Any:
    """Gives up on classes of formulas and code."""
    while at < end:
        while at < end and _is_blank(page[at]):
            at += 1
        start = at
        while at < end and not _is_blank(page[at]):
            if (page[at] | 32) == 109 and at + 3 < end and (page[at + 3] | 32) == 104:
                if (page[at + 1] | 32) == 97 and (page[at + 2] | 32) == 116:
                    info[_REASON] = _MATHS
            at += 1
        if at > start:
            row = _look_up(classes, _hash(page, start, at, False))
            if row >= 0:
                info[_REASON] = classes[row, 1]


@lean
def _read_tag(
    page: Any,
    at: Any,
    name: Any,
    tables: Any,
    attributes: Any,
    classes: Any,
    references: Any,
    words: Any,
    out: Any,
    put: Any,
    info: Any,
    after: Any,
) -> Any:
    """Reads the attributes of a tag whose name ends at ``at``, and writes those that matter; returns the
    place after the tag, -1 if the page ends in it. ``info[INFO]`` is the place after what was written."""
    for index in range(INFO):
        info[index] = 0
    size = len(page) - tables
    while True:
        while _is_blank(page[at]) or page[at] == 47:
            at += 1
        if at >= size:
            return -1
        if page[at] == 62:
            break
        start = at
        at += 1  # a name may begin with "="
        while page[at] != 61 and page[at] != 62 and page[at] != 47 and not _is_blank(page[at]):
            at += 1
        stop = at
        while _is_blank(page[at]):
            at += 1
        first = last = at
        if page[at] == 61:
            at += 1
            while _is_blank(page[at]):
                at += 1
            quote = page[at]
            if quote == 34 or quote == 39:
                at += 1
                first = at
                while page[at] != quote and at < size:
                    at += 1
                if at >= size:
                    return -1
                last = at
                at += 1
            else:
                first = at
                while page[at] != 62 and not _is_blank(page[at]):
                    at += 1
                last = at
        if at >= size:
            return -1
        row = _look_up(attributes, _hash(page, start, stop, True))
        if row < 0:
            info[_DROPPED] += 1
            continue
        bit = attributes[row, 2]
        if info[_SEEN] & bit:
            continue  # the first one counts
        info[_SEEN] |= bit
        what = attributes[row, 1]
        if what == _SIGN:
            info[_REASON] = _MATHS
        elif what == _STYLE:
            _read_style(page, first, last, info)
            info[_DROPPED] += 1
        elif what == _HIDDEN:
            # hidden="until-found" is shown when it is searched for
            info[_CONCEALED] |= not (last - first == 11 and page[first] == 117 and page[first + 6] == 102)
            info[_DROPPED] += 1
        elif what == _OPEN:
            info[_OPENED] = 1
            info[_DROPPED] += 1
        elif what == _SOURCE:
            if name == _IMG and not (page[first] == 100 and page[first + 4] == 58):  # data:
                if _contains(page, first, min(last, first + 600), words):
                    info[_REASON] = _MATHS
            info[_DROPPED] += 1
        else:
            if what == _TYPE:
                info[_TYPED] = _hash(page, first, last, True)
                if name == _SCRIPT and last - first > 4 and page[first + 4] == 47:
                    info[_REASON] = _MATHS if (page[first] | 32) == 109 else info[_REASON]
            if bit == 1 and name != _SCRIPT:
                _read_class(page, first, last, classes, info)
                if name == _IMG and _contains(page, first, last, words[:_OF_CLASS]):
                    info[_REASON] = _MATHS
            elif bit == 2:
                for index in range(first, last):
                    info[_COLON] |= page[index] == 58
            elif bit == 4 and name == _IMG:
                dollars = 0
                for index in range(first, last):
                    dollars += page[index] == 36
                    if page[index] == 92 or dollars > 1:
                        info[_REASON] = _MATHS
                if last - first > 6 and (page[first] | 32) == 108 and page[first + 5] == 58:  # latex:
                    info[_REASON] = _MATHS
            out[put] = 32
            put += 1
            for index in range(start, stop):
                out[put] = _lower(page[index])
                put += 1
            out[put], out[put + 1] = 61, 34
            put = _put_text(page, first, last, True, references, out, put + 2, after)
            if put < 0:
                info[_REASON] = _REFERENCE
                put = 0
            out[put] = 34
            put += 1
    if info[_DROPPED]:  # how many there are matters
        out[put], out[put + 1], out[put + 2], out[put + 3], out[put + 4] = 32, 120, 61, 34, 34
        put += 5
    info[INFO] = put
    return at + 1


@lean
def _after_raw(page: Any, at: Any, name: Any, end: Any, script: Any, size: Any) -> Any:
    """Where the closing tag of an element of raw text begins; -1 if the page has none."""
    length = end - name
    while at < size:
        while at < size and page[at] != 60:
            at += 1
        if page[at + 1] == 47:
            same = True
            for index in range(length):
                same &= _lower(page[at + 2 + index]) == _lower(page[name + index])
            following = page[at + 2 + length]
            if same and (following == 62 or following == 47 or _is_blank(following)):
                return at if at < size else -1
        elif script and page[at + 1] == 33 and page[at + 2] == 45 and page[at + 3] == 45:
            # A comment may hide another script; few pages have one.
            stop = at + 4
            while stop < size and (page[stop] != 45 or page[stop + 1] != 45 or page[stop + 2] != 62):
                if page[stop] == 60 and (page[stop + 1] | 32) == 115 and (page[stop + 2] | 32) == 99:
                    return -1
                if page[stop] == 60 and page[stop + 1] == 47 and (page[stop + 2] | 32) == 115:
                    break
                stop += 1
        at += 1
    return -1


@lean
def _pop(target: Any, marked: Any, page: Any, stack: Any, depth: Any, out: Any, put: Any, result: Any) -> Any:
    """Closes open elements down to the one at ``target``; ``result[0]`` is the place after that. ``marked``:
    what was open in them need not be opened again. Returns how many elements are open."""
    while depth > target or (depth and stack[depth - 1, 6]):
        depth -= 1
        if depth > target and not marked and (stack[depth, 3] == _A or stack[depth, 3] == _CODE):
            result[1] = _NESTING  # it goes on in the next element
        out[put], out[put + 1] = 60, 47
        put += 2
        start = stack[depth, 1]
        for index in range(start, start + stack[depth, 2]):
            out[put] = _lower(page[index])
            put += 1
        out[put] = 62
        put += 1
    result[0] = put
    return depth


@lean
def _find(name: Any, value: Any, stack: Any, depth: Any, barrier: Any, other: Any) -> Any:
    """Place of the innermost open element of this name (and hash, if that is not 0), if no element with the
    flag ``barrier``, or the name ``other``, is open in it; else -1."""
    for index in range(depth - 1, -1, -1):
        if stack[index, 3] == name and (not value or stack[index, 0] == value):
            return -1 if stack[index, 6] else index
        if stack[index, 4] & barrier or stack[index, 3] == other:
            return -1
    return -1


@lean
def _implied(at: Any, name: Any, flags: Any, page: Any, stack: Any, depth: Any, out: Any, result: Any) -> Any:
    """Opens an element for which the page has no tag; its name is at ``at``."""
    put = result[0]
    size = 0
    while page[at + size] != 32:
        size += 1
    out[put] = 60
    for index in range(size):
        out[put + 1 + index] = page[at + index]
    out[put + 1 + size] = 62
    result[0] = put + 2 + size
    stack[depth, 0] = _hash(page, at, at + size, False)
    stack[depth, 1], stack[depth, 2], stack[depth, 3], stack[depth, 4] = at, size, name, flags
    stack[depth, 5] = stack[depth, 6] = 0
    return depth + 1


@lean
def build(
    page: Any,
    tail: Any,
    quirks: Any,
    tags: Any,
    attributes: Any,
    classes: Any,
    references: Any,
    words: Any,
    hidden: Any,
    out: Any,
    stack: Any,
    info: Any,
    result: Any,
) -> Any:
    """Writes the body of ``page`` (uint8, with ``tail`` bytes of ``regular.TAIL`` after it) as the parser would
    write it, hidden elements and blocks marked.

    ``quirks``: 0 or 1 as the document type says, 2 if it is not known. ``hidden``: hash of that word.
    ``result``: bytes written, the reason to give up (0: it did not), and where the text of the title is.
    """
    size = len(page) - tail
    tbody, tr, colgroup, body = size + tail - 25, size + tail - 19, size + tail - 16, size + tail - 7
    at, put, depth = 0, 0, 0
    form = False
    titled = False
    after = stack[DEPTH]
    result[1:] = 0
    room = len(out) - ROOM
    while at < size:
        if result[1]:
            return
        after[1] = at
        # Text ------------------------------------------------------------------------------------------
        if page[at] != 60 or not (
            97 <= (page[at + 1] | 32) <= 122 or page[at + 1] == 47 or page[at + 1] == 33 or page[at + 1] == 63
        ):
            end = at + 1
            while end < size and page[end] != 60:
                end += 1
            while end < size and not (
                97 <= (page[end + 1] | 32) <= 122
                or page[end + 1] == 47
                or page[end + 1] == 33
                or page[end + 1] == 63
            ):
                end += 1
                while end < size and page[end] != 60:
                    end += 1
            blank = True
            for index in range(at, end):
                if not _is_blank(page[index]):
                    blank = False
                    break
            if not depth:
                if blank:
                    at = end
                    continue
                while _is_blank(page[at]):
                    at += 1
                result[0] = put
                depth = _implied(body, _BODY, _SPECIAL, page, stack, 0, out, result)
                put = result[0]
            elif not blank:
                top = stack[depth - 1, 3]
                if top == _TABLE or top == _TBODY or top == _TR or top == _COLGROUP:
                    result[1] = _NESTING
                    return
            if put + 6 * (end - at) > room:
                result[1] = _MARKUP
                return
            put = _put_text(page, at, end, False, references, out, put, after)
            if put < 0:
                result[1] = _REFERENCE
                return
            at = end
            continue
        # Comments --------------------------------------------------------------------------------------
        if page[at + 1] == 33 or page[at + 1] == 63:
            if page[at + 1] == 33 and page[at + 2] == 45 and page[at + 3] == 45:
                at += 4
                if page[at] == 62:
                    at += 1
                elif page[at] == 45 and page[at + 1] == 62:
                    at += 2
                else:
                    while at < size and not (
                        page[at] == 45
                        and page[at + 1] == 45
                        and (page[at + 2] == 62 or (page[at + 2] == 33 and page[at + 3] == 62))
                    ):
                        at += 1
                    at += 3 if page[at + 2] == 62 else 4
            else:
                while at < size and page[at] != 62:
                    at += 1
                at += 1
            if depth:
                for letter in (60, 33, 45, 45, 45, 45, 62):
                    out[put] = letter
                    put += 1
            continue
        # Closing tags ----------------------------------------------------------------------------------
        if page[at + 1] == 47:
            start = at + 2
            if not 97 <= (page[start] | 32) <= 122:
                if page[start] == 62:  # </>: nothing
                    at = start + 1
                    continue
                while at < size and page[at] != 62:
                    at += 1
                at += 1
                continue
            end = start
            while not _is_blank(page[end]) and page[end] != 47 and page[end] != 62:
                end += 1
            at = _read_tag(page, end, _OTHER, tail, attributes, classes, references, words, out, put, info, after)
            if at < 0:
                at = size
                continue
            value = _hash(page, start, end, True)
            row = _look_up(tags, value)
            name, flags = (tags[row, 1], tags[row, 2]) if row >= 0 else (_OTHER, 0)
            if name == _BODY or name == _ROOT or flags & (_VOID | _RAW | _TEXT_ONLY):
                if name == _BR and depth:
                    top = stack[depth - 1, 3]
                    if top == _TABLE or top == _TBODY or top == _TR or top == _COLGROUP:
                        result[1] = _NESTING
                    for letter in (60, 98, 114, 62):
                        out[put] = letter
                        put += 1
                elif name == _BR or (name == _BODY and not depth):
                    result[1] = _NESTING
                continue
            if not depth:
                continue
            if flags & _REFUSED:
                result[1] = _MARKUP
                return
            top = stack[depth - 1, 3]
            in_table = top == _TABLE or top == _TBODY or top == _TR or top == _COLGROUP
            target = -1
            marked = reopened = False
            if name == _TABLE or name == _TBODY or name == _TR or name == _CELL or name == _CAPTION:
                same = value if name != _TABLE and name != _TR else 0
                target = _find(name, same, stack, depth, 0, _TABLE if name != _TABLE else -1)
                marked = True
            elif name == _COLGROUP:
                target = depth - 1 if top == _COLGROUP else -1
            elif name == _P:
                target = _find(_P, 0, stack, depth, _SCOPE, _BUTTON)
                if target < 0:
                    if in_table:
                        result[1] = _NESTING
                        return
                    for letter in (60, 112, 62, 60, 47, 112, 62):
                        out[put] = letter
                        put += 1
            elif in_table:
                if name == _FORM:
                    form = False
                continue
            elif name == _LI:
                target = _find(_LI, 0, stack, depth, _SCOPE, _LIST)
            elif name == _DD:
                target = _find(_DD, value, stack, depth, _SCOPE, -1)
            elif name == _HEADING:
                target = _find(_HEADING, 0, stack, depth, _SCOPE, -1)
            elif name == _FORM:
                if form:
                    form = False
                    target = _find(_FORM, 0, stack, depth, _SCOPE, -1)
                    if target >= 0:
                        kept = depth
                        while kept - 1 > target and stack[kept - 1, 4] & _IMPLIED:
                            kept -= 1
                        if kept - 1 > target:
                            result[0] = put
                            depth = _pop(kept, False, page, stack, depth, out, put, result)
                            put = result[0]
                            stack[target, 6] = 1
                            target = -1
            elif flags & _ENDS_BLOCK:
                for index in range(depth - 1, -1, -1):
                    if stack[index, 0] == value:
                        target = index
                        break
                    if stack[index, 4] & _SCOPE:
                        break
            elif flags & _FORMATTING:
                special = formatting = False
                for index in range(depth - 1, -1, -1):
                    if stack[index, 0] == value and not stack[index, 6]:
                        target = index
                        break
                    if stack[index, 4] & _SCOPE:
                        break
                    special |= (stack[index, 4] & _SPECIAL) != 0
                    formatting |= (stack[index, 4] & _FORMATTING) != 0
                if target >= 0 and (special or formatting):
                    if name == _CODE or stack[target, 5] or (special and name == _A):
                        result[1] = _NESTING
                        return
                    if special:
                        stack[target, 6] = 1
                        target = -1
                    else:
                        reopened = True  # what was open in it goes on after it
            else:
                for index in range(depth - 1, -1, -1):
                    if stack[index, 0] == value and not stack[index, 6]:
                        target = index
                        break
                    if stack[index, 4] & _SPECIAL:
                        break
            if target >= 0:
                if put + 32 * (depth - target) > room:
                    result[1] = _MARKUP
                    return
                depth = _pop(target, marked, page, stack, depth, out, put, result)
                put = result[0]
                if reopened:
                    for letter in (60, 105, 62, 60, 47, 105, 62):
                        out[put] = letter
                        put += 1
            continue
        # Opening tags ----------------------------------------------------------------------------------
        opening = at
        start = at + 1
        end = start
        while not _is_blank(page[end]) and page[end] != 47 and page[end] != 62:
            end += 1
        if end >= size:
            return  # the page ends in a tag, and the parser ignores it
        value = _hash(page, start, end, True)
        row = _look_up(tags, value)
        name, flags = (tags[row, 1], tags[row, 2]) if row >= 0 else (_OTHER, 0)
        if flags & _REFUSED or depth >= DEPTH - 8:
            result[1] = _MARKUP
            return
        if row < 0:
            for index in range(start, end - 2):
                first, second = page[index] | 32, page[index + 1] | 32
                if first == 109 and ((second == 97 and (page[index + 2] | 32) == 116) or second == 106):
                    result[1] = _MATHS  # math-field, mjx-container
                    return
                if first == 116 and second == 101 and (page[index + 2] | 32) == 120:
                    result[1] = _MATHS
                    return
        # Where it may stand.
        if not depth and not flags & _OF_HEAD and name != _ROOT and name != _BODY:
            result[0] = put
            depth = _implied(body, _BODY, _SPECIAL, page, stack, 0, out, result)
            put = result[0]
        target = -1
        marked = False
        ignored = name == _ROOT or (name == _BODY and depth)
        if depth and not ignored:
            top = stack[depth - 1, 3]
            of_table = (
                name == _TBODY or name == _TR or name == _CELL or name == _CAPTION or name == _COLGROUP or name == _COL
            )
            if of_table:
                # Ends the cell or caption that is open, and then what cannot contain it.
                table = _find(_TABLE, 0, stack, depth, 0, -1)
                if table < 0:
                    ignored = True
                else:
                    keep = table + 1
                    if name == _TR or name == _CELL or name == _COL:
                        group = _COLGROUP if name == _COL else _TBODY
                        if depth > keep and stack[keep, 3] == group:
                            keep += 1
                        if name == _CELL and depth > keep and stack[keep, 3] == _TR:
                            keep += 1
                    for index in range(table + 1, depth):
                        if stack[index, 3] == _OPTION or stack[index, 6]:
                            result[1] = _NESTING
                    if depth > keep:
                        target = keep
                        marked = True
            elif top == _TABLE or top == _TBODY or top == _TR or top == _COLGROUP:
                if name == _TABLE:
                    target = _find(_TABLE, 0, stack, depth, 0, -1)
                    marked = True
                elif name == _FORM:
                    form = True
                    ignored = True
                elif name != _SCRIPT and name != _INPUT and name != _TEMPLATE:
                    result[1] = _NESTING
                    return
            elif flags & _CLOSES_P or name == _TABLE:
                if name == _LI or name == _DD:
                    for index in range(depth - 1, -1, -1):
                        if stack[index, 3] == name:
                            target = index
                            break
                        if stack[index, 4] & _SPECIAL and stack[index, 3] != _DIV and stack[index, 3] != _P:
                            break
                paragraph = _find(_P, 0, stack, depth, _SCOPE, _BUTTON)
                if paragraph >= 0 and name == _TABLE and quirks:
                    if quirks > 1:
                        result[1] = _NESTING
                        return
                    paragraph = -1
                if paragraph >= 0 and (target < 0 or paragraph < target):
                    target = paragraph
                if name == _HEADING and (depth - 1 if target < 0 else target - 1) >= 0:
                    last = depth - 1 if target < 0 else target - 1
                    if stack[last, 3] == _HEADING:
                        target = last
                if name == _FORM:
                    ignored = form
            elif name == _BUTTON:
                target = _find(_BUTTON, 0, stack, depth, _SCOPE, -1)
            elif name == _A:
                link = _find(_A, 0, stack, depth, _SCOPE, -1)
                if link == depth - 1:
                    target = link
                elif link >= 0:
                    result[1] = _NESTING
                    return
            elif name == _BR and _find(_CODE, 0, stack, depth, _SCOPE, -1) >= 0:
                result[1] = _CODES
                return
            elif name == _OPTION:
                result[1] = _MARKUP
                return
        if ignored and name == _FORM:
            target = -1
        if target >= 0:
            if put + 32 * (depth - target) > room:
                result[1] = _MARKUP
                return
            depth = _pop(target, marked, page, stack, depth, out, put, result)
            put = result[0]
        if depth and not ignored:
            top = stack[depth - 1, 3]
            result[0] = put
            if name == _TR and top == _TABLE:
                depth = _implied(tbody, _TBODY, _SPECIAL, page, stack, depth, out, result)
            elif name == _CELL and (top == _TABLE or top == _TBODY):
                if top == _TABLE:
                    depth = _implied(tbody, _TBODY, _SPECIAL, page, stack, depth, out, result)
                depth = _implied(tr, _TR, _SPECIAL, page, stack, depth, out, result)
            elif name == _COL and top == _TABLE:
                depth = _implied(colgroup, _COLGROUP, _SPECIAL, page, stack, depth, out, result)
            put = result[0]
        # The tag itself.
        before = put
        out[put] = 60
        put += 1
        for index in range(start, end):
            out[put] = _lower(page[index])
            put += 1
        at = _read_tag(page, end, name, tail, attributes, classes, references, words, out, put, info, after)
        if at < 0:
            result[0] = before
            at = size
            put = before
            continue
        if info[_REASON]:
            result[1] = info[_REASON]
            return
        put = info[INFO]
        if put > room:
            result[1] = _MARKUP
            return
        if ignored or (not depth and flags & _OF_HEAD):
            put = before
            if name == _BODY and info[_SEEN] | info[_DROPPED]:
                # The body has begun without its tag, whose attributes still count.
                if stack[0, 1] != body or result[4]:
                    result[1] = _NESTING
                    return
                first = before + 1 + end - start
                result[4], result[5] = len(out) - (info[INFO] - first), len(out)
                if result[4] < room:
                    result[1] = _MARKUP
                    return
                for index in range(info[INFO] - first):
                    out[result[4] + index] = out[first + index]
                room = min(room, result[4] - ROOM)
        elif name != _BODY:
            top = stack[depth - 1, 3]
            if name == _INPUT and (top == _TABLE or top == _TBODY or top == _TR) and info[_TYPED] != hidden:
                result[1] = _NESTING
                return
            letter = 0
            if info[_CONCEALED] or (name == _DIALOG and not info[_OPENED]):
                letter = 115
                if info[_COLON] or name == _TABLE:
                    result[1] = _MOVED
                    return
            elif name == _TEMPLATE and info[_COLON]:
                result[1] = _MOVED
                return
            elif info[_AS_BLOCK] or stack[depth - 1, 5] > 1:
                letter = 98
            if letter:
                out[put], out[put + 1], out[put + 2], out[put + 3] = 32, 47, 61, 34
                out[put + 4], out[put + 5], out[put + 6] = letter, 48, 34
                put += 7
            if flags & _FORMATTING and letter:
                info[_AS_BOXES] |= 0
        boxes = info[_AS_BOXES] and not info[_CONCEALED] and not info[_AS_BLOCK] and name != _BODY
        special = info[_CONCEALED] or info[_AS_BLOCK]
        if not ignored and (depth or not flags & _OF_HEAD):
            out[put] = 62
            put += 1
        if flags & _VOID:
            continue
        if ignored:
            continue
        # Content that is not markup.
        if flags & (_RAW | _TEXT_ONLY) or name == _SELECT or name == _SVG or name == _TEMPLATE:
            if flags & (_RAW | _TEXT_ONLY):
                stop = _after_raw(page, at, start, end, name == _SCRIPT, size)
                if stop < 0:
                    result[1] = _MARKUP
                    return
                if name == _TITLE and not titled:
                    result[2], result[3] = at, stop
                    titled = True
                if depth and flags & _TEXT_ONLY:
                    if put + 6 * (stop - at) > room:
                        result[1] = _MARKUP
                        return
                    put = _put_text(page, at, stop, False, references, out, put, after)
                    if put < 0:
                        result[1] = _REFERENCE
                        return
                at = stop
            else:
                stop = at
                level = 1
                while level:
                    while stop < size and page[stop] != 60:
                        stop += 1
                    if stop >= size:
                        result[1] = _MARKUP
                        return
                    if stop > at and name != _TEMPLATE:
                        if put + 6 * (stop - at) > room:
                            result[1] = _MARKUP
                            return
                        put = _put_text(page, at, stop, False, references, out, put, after)
                        if put < 0:
                            result[1] = _REFERENCE
                            return
                    at = stop
                    following = page[at + 1]
                    closing = following == 47
                    if following == 33 and page[at + 2] == 45 and page[at + 3] == 45:
                        stop = at + 4
                        while stop < size and not (page[stop] == 45 and page[stop + 1] == 45 and page[stop + 2] == 62):
                            stop += 1
                        at = stop = stop + 3
                        continue
                    first = at + 2 if closing else at + 1
                    if not 97 <= (page[first] | 32) <= 122:
                        result[1] = _MARKUP
                        return
                    last = first
                    while not _is_blank(page[last]) and page[last] != 47 and page[last] != 62:
                        last += 1
                    inner = _look_up(tags, _hash(page, first, last, True))
                    what = tags[inner, 1] if inner >= 0 else _OTHER
                    at = _read_tag(
                        page, last, _OTHER, tail, attributes, classes, references, words, out, put, info, after
                    )
                    if at < 0 or (info[_REASON] == _MATHS and name == _SVG):
                        result[1] = _MARKUP
                        return
                    inside = tags[inner, 2] if inner >= 0 else 0
                    if name == _TEMPLATE and inside & (_RAW | _TEXT_ONLY) and not closing:
                        at = _after_raw(page, at, first, last, what == _SCRIPT, size)
                        if at < 0:
                            result[1] = _MARKUP
                            return
                    stop = at
                    if what == name:
                        if closing:
                            level -= 1
                        elif name == _TEMPLATE or (name == _SVG and page[at - 2] != 47):
                            level += 1
                        elif name == _SELECT:
                            result[1] = _NESTING
                            return
                    elif name == _SELECT:
                        if what != _OPTION and not closing:
                            result[1] = _NESTING
                            return
                    elif name == _TEMPLATE:
                        pass
                    elif inside & _ENDS_DRAWING or (what == _SCRIPT and (page[first + 1] | 32) == 99):
                        result[1] = _NESTING
                        return
                    elif what == _SCRIPT and not closing:  # style: not text
                        at = _after_raw(page, at, first, last, False, size)
                        if at < 0:
                            result[1] = _MARKUP
                            return
                        stop = at
                if not depth:
                    continue
                out[put], out[put + 1] = 60, 47
                put += 2
                for index in range(start, end):
                    out[put] = _lower(page[index])
                    put += 1
                out[put] = 62
                put += 1
                continue
            if depth:
                out[put], out[put + 1] = 60, 47
                put += 2
                for index in range(start, end):
                    out[put] = _lower(page[index])
                    put += 1
                out[put] = 62
                put += 1
            while page[at] != 62:
                at += 1
            at += 1
            continue
        if name == _FORM:
            form = True
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = value, start, end - start
        stack[depth, 3], stack[depth, 4] = name, flags
        stack[depth, 5] = 2 if boxes else 1 if special else 0
        stack[depth, 6] = 0
        depth += 1
        _ = opening
    depth = _pop(0, True, page, stack, depth, out, put, result)
