"""Reads tags of a page, and writes them as the parser would; a compiled part of ``regular``.

Knows the tokenizer of HTML (13.2.5). Does not know references (``text_kernels``), nor how elements nest
(``nesting_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import inner
from stages.render import nesting
from stages.render.markup_kernels import raw_end
from stages.render.text_kernels import NO, NONE, YES, hash_of, is_blank, look_up, lower, put_text

_IMG, _SCRIPT, _SELECT, _SVG, _TEMPLATE, _OPTION, _OTHER = map(
    np.int64,
    (
        nesting.IMG,
        nesting.SCRIPT,
        nesting.SELECT,
        nesting.SVG,
        nesting.TEMPLATE,
        nesting.OPTION,
        nesting.OTHER,
    ),
)
_RAW, _TEXT_ONLY, _ENDS_DRAWING, _NOTE_IN_DRAWING = map(
    np.int64, (nesting.RAW, nesting.TEXT_ONLY, nesting.ENDS_DRAWING, nesting.NOTE_IN_DRAWING)
)
_KEPT, _STYLE, _HIDDEN, _OPEN, _TYPE, _SIGN, _SOURCE = map(np.int64, nesting.ATTRIBUTES)
_OF_CLASS = nesting.OF_CLASS
_ATTRIBUTE_SIZES, _CLASS_SIZES = nesting.ATTRIBUTE_SIZES, nesting.CLASS_SIZES

#: Bytes of a character as it is written, at most.
_LONGEST = 6
#: Reasons to give up (``regular.REASONS``).
MARKUP, NESTING, MATHS, CODES, REFERENCE, MOVED = map(np.int64, range(1, 7))

#: Places in ``info``: what is known of a tag. After them, the place after what was written of it.
SEEN, DROPPED, REASON, CONCEALED, AS_BLOCK, AS_BOXES, OPENED, COLON, TYPED, EMPTY = range(10)
INFO = 10


@inner
def _contains(page: Any, at: Any, end: Any, words: Any) -> Any:
    """Whether one of the words (rows, in lower case, ended by zeros) is in the text, in any case."""
    while at < end:
        first = lower(page[at])
        for row in range(len(words)):
            if words[row, 0] == first:
                size = 1
                while words[row, size] and at + size < end and words[row, size] == lower(page[at + size]):
                    size += 1
                if not words[row, size]:
                    return True
        at += 1
    return False


@inner
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
                        info[REASON] = CODES
                elif (
                    value < end
                    and (page[value] | 32) == 98
                    and value + 2 < end
                    and (page[value + 1] | 32) == 114
                ):
                    info[REASON] = CODES  # break-spaces
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
        elif (first == 98 and second == 108 and third == 111 and fourth == 99) or (
            first == 108 and second == 105 and third == 115 and fourth == 116
        ):
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
    info[CONCEALED] |= concealed
    info[AS_BLOCK] = block
    info[AS_BOXES] = boxes


@inner
def _read_class(page: Any, at: Any, end: Any, classes: Any, info: Any) -> Any:
    """Gives up on classes of formulas and code."""
    while at < end:
        while at < end and is_blank(page[at]):
            at += 1
        start = at
        while at < end and not is_blank(page[at]):
            if (page[at] | 32) == 109 and at + 3 < end and (page[at + 3] | 32) == 104:
                if (page[at + 1] | 32) == 97 and (page[at + 2] | 32) == 116:
                    info[REASON] = MATHS
            at += 1
        if at > start and _CLASS_SIZES[page[start] & 127] >> min(at - start, 62) & 1:
            row = look_up(classes, hash_of(page, start, at, NO))
            if row >= 0:
                info[REASON] = classes[row, 1]


@inner
def read_tag(
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
        start = at
        while is_blank(page[at]) or page[at] == 47:
            at += 1
        if at >= size:
            return -1
        if page[at] == 62:
            info[EMPTY] = at > start and page[at - 1] == 47
            break
        start = at
        at += 1  # a name may begin with "="
        while page[at] != 61 and page[at] != 62 and page[at] != 47 and not is_blank(page[at]):
            at += 1
        stop = at
        while is_blank(page[at]):
            at += 1
        first = last = at
        if page[at] == 61:
            at += 1
            while is_blank(page[at]):
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
                while page[at] != 62 and not is_blank(page[at]):
                    at += 1
                last = at
        if at >= size:
            return -1
        row = NONE
        if _ATTRIBUTE_SIZES[lower(page[start]) & 127] >> min(stop - start, 62) & 1:
            row = look_up(attributes, hash_of(page, start, stop, YES))
        if row < 0:
            info[DROPPED] += 1
            continue
        bit = attributes[row, 2]
        if info[SEEN] & bit:
            continue  # the first one counts
        if put + stop - start + _LONGEST * (last - first) + 16 > len(out):
            info[REASON] = MARKUP
            break
        info[SEEN] |= bit
        what = attributes[row, 1]
        if what == _SIGN:
            info[REASON] = MATHS
        elif what == _STYLE:
            _read_style(page, first, last, info)
            info[DROPPED] += 1
        elif what == _HIDDEN:
            # hidden="until-found" is shown when it is searched for
            info[CONCEALED] |= not (last - first == 11 and page[first] == 117 and page[first + 6] == 102)
            info[DROPPED] += 1
        elif what == _OPEN:
            info[OPENED] = 1
            info[DROPPED] += 1
        elif what == _SOURCE:
            if name == _IMG and not (page[first] == 100 and page[first + 4] == 58):  # data:
                if _contains(page, first, min(last, first + 600), words):
                    info[REASON] = MATHS
            info[DROPPED] += 1
        else:
            if what == _TYPE:
                info[TYPED] = hash_of(page, first, last, YES)
                if name == _SCRIPT and last - first > 4 and page[first + 4] == 47:
                    info[REASON] = MATHS if (page[first] | 32) == 109 else info[REASON]
            if bit == 1 and name != _SCRIPT:
                _read_class(page, first, last, classes, info)
                if name == _IMG and _contains(page, first, last, words[:_OF_CLASS]):
                    info[REASON] = MATHS
            elif bit == 2:
                for index in range(first, last):
                    info[COLON] |= page[index] == 58
            elif bit == 4 and name == _IMG:
                dollars = 0
                for index in range(first, last):
                    dollars += page[index] == 36
                    if page[index] == 92 or dollars > 1:
                        info[REASON] = MATHS
                if last - first > 6 and (page[first] | 32) == 108 and page[first + 5] == 58:  # latex:
                    info[REASON] = MATHS
            out[put] = 32
            put += 1
            for index in range(start, stop):
                out[put] = lower(page[index])
                put += 1
            out[put], out[put + 1] = 61, 34
            end = put_text(page, first, last, YES, references, out, put + 2, after)
            if end < 0:
                info[REASON] = REFERENCE
            else:
                out[end] = 34
                put = end + 1
    if info[DROPPED]:  # how many there are matters
        out[put], out[put + 1], out[put + 2], out[put + 3], out[put + 4] = 32, 120, 61, 34, 34
        put += 5
    info[INFO] = put
    return at + 1


@inner
def skip_content(
    page: Any,
    at: Any,
    name: Any,
    tail: Any,
    tags: Any,
    attributes: Any,
    classes: Any,
    references: Any,
    words: Any,
    out: Any,
    put: Any,
    info: Any,
    after: Any,
    room: Any,
    result: Any,
) -> Any:
    """The place after a list of options, a drawing or a template whose content begins at ``at``. Writes the
    text in it, but not that of a template; ``result[0]`` is the place after that."""
    size = len(page) - tail
    stop = at
    level = 1
    while level:
        while stop < size and page[stop] != 60:
            stop += 1
        if stop >= size:
            result[1] = MARKUP
            return at
        if stop > at and name != _TEMPLATE:
            if put + 6 * (stop - at) > room:
                result[1] = MARKUP
                return at
            put = put_text(page, at, stop, NO, references, out, put, after)
            if put < 0:
                result[1] = REFERENCE
                return at
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
            result[1] = MARKUP
            return at
        last = first
        while not is_blank(page[last]) and page[last] != 47 and page[last] != 62:
            last += 1
        inner = look_up(tags, hash_of(page, first, last, YES))
        what = tags[inner, 1] if inner >= 0 else _OTHER
        at = read_tag(page, last, _OTHER, tail, attributes, classes, references, words, out, put, info, after)
        if at < 0 or (info[REASON] == MATHS and name == _SVG):
            result[1] = MARKUP
            return at
        inside = tags[inner, 2] if inner >= 0 else 0
        if name == _TEMPLATE and inside & (_RAW | _TEXT_ONLY) and not closing:
            at = raw_end(page, at, first, last, np.int64(what == _SCRIPT), size)
            if at >= size:
                result[1] = MARKUP
                return at
        stop = at
        if what == name:
            if closing:
                level -= 1
            elif name == _TEMPLATE or (name == _SVG and not info[EMPTY]):
                level += 1
            elif name == _SELECT:
                result[1] = NESTING
                return at
        elif name == _SELECT:
            if what != _OPTION and not closing:
                result[1] = NESTING
                return at
        elif name == _TEMPLATE:
            pass
        elif inside & _ENDS_DRAWING or (what == _SCRIPT and (page[first + 1] | 32) == 99):
            result[1] = NESTING
            return at
        elif what == _SCRIPT and not closing:  # style: not text
            at = raw_end(page, at, first, last, NO, size)
            if at >= size:
                result[1] = MARKUP
                return at
            stop = at
        elif inside & _NOTE_IN_DRAWING and not closing and not info[EMPTY]:
            while stop < size and page[stop] != 60:
                stop += 1
            if page[stop + 1] != 47 or (page[stop + 2] | 32) != (page[first] | 32):
                result[1] = NESTING
                return at
            stop = at
    result[0] = put
    return at
