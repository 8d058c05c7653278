"""Reads tags of a page, and writes them as the parser would; a compiled part of ``regular``.

Knows the tokenizer of HTML (13.2.5). Does not know references (``text_kernels``), nor how elements nest
(``nesting_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled, inlined
from stages.render import nesting
from stages.render.attribute_kernels import (
    COLON,
    CONCEALED,
    DROPPED,
    EMPTY,
    INFO,
    MARKUP,
    MATHS,
    NESTING,
    OPENED,
    REASON,
    REFERENCE,
    SEEN,
    TYPED,
    has_class_of_formula,
    is_address_of_formula,
    read_class,
    read_style,
)
from stages.render.byte_kernels import WIDTH, find, writes
from stages.render.markup_kernels import raw_end
from stages.render.text_kernels import NO, NONE, YES, hash_of, is_blank, look_up_in, lower, put_text

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
_ATTRIBUTE_SIZES = nesting.ATTRIBUTE_SIZES

#: Bytes of a character as it is written, at most.
_LONGEST = 6
#: Places in ``result``: where the output ends, the reason to give up, where in the page the text of the title
#: begins and ends, where in the output attributes of the body stand that came late, whether lines break in
#: code; where ``build`` is in the page, how many elements are open, and to where the output has room.
PUT, WHY, TITLE, TITLE_END, LATE, LATE_END, BROKEN, NOW, OPEN, ROOM = range(10)
RESULT = 10

_TAGS, _TAGS_SIZE = map(np.int64, nesting.TAGS)
_NAMES, _NAMES_SIZE = map(np.int64, nesting.ATTRIBUTE_NAMES)

_put_dropped = writes(b' x=""')


@inlined
def name_end(page: Any, at: Any) -> Any:
    """Where the name of a tag ends."""
    while not is_blank(page[at]) and page[at] != 47 and page[at] != 62:
        at += 1
    return at


@inlined
def find_tag(known: Any, value: Any) -> Any:
    """The row of a tag in ``nesting.KNOWN``, by its hash; -1 for one that has none."""
    return look_up_in(known, _TAGS, _TAGS_SIZE, value)


@compiled
def read_tag(
    page: Any,
    at: Any,
    name: Any,
    tail: Any,
    known: Any,
    out: Any,
    put: Any,
    info: Any,
    after: Any,
) -> Any:
    """Reads the attributes of a tag whose name ends at ``at``, and writes those that matter; returns the
    place after the tag, -1 if the page ends in it. ``info[INFO]`` is the place after what was written."""
    for index in range(INFO):
        info[index] = 0
    size = len(page) - tail
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
                last = find(page, first, size, quote)
                if last >= size:
                    return -1
                at = last + 1
            else:
                first = at
                while page[at] != 62 and not is_blank(page[at]):
                    at += 1
                last = at
        if at >= size:
            return -1
        row = NONE
        if _ATTRIBUTE_SIZES[lower(page[start]) & 127] >> min(stop - start, 62) & 1:
            row = look_up_in(known, _NAMES, _NAMES_SIZE, hash_of(page, start, stop, YES))
        if row < 0:
            info[DROPPED] += 1
            continue
        bit = known[row, 2]
        if info[SEEN] & bit:
            continue  # the first one counts
        if put + stop - start + _LONGEST * (last - first) + 2 * WIDTH > len(out):
            info[REASON] = MARKUP
            break
        info[SEEN] |= bit
        what = known[row, 1]
        kept = what == _KEPT or what == _TYPE
        # A value is judged as it is written, without its references, even if it is not written in the end.
        value, begins, ends = page, first, last
        if kept or find(page, first, last, 38) < last:
            value, begins = out, put + 3 + stop - start
            ends = put_text(page, first, last, YES, known, out, begins, after)
            if ends < 0:
                info[REASON] = REFERENCE
                continue
        info[DROPPED] += not kept
        if what == _SIGN:
            info[REASON] = MATHS
        elif what == _STYLE:
            read_style(value, begins, ends, info)
        elif what == _HIDDEN:
            # hidden="until-found" is shown when it is searched for
            info[CONCEALED] |= not (ends - begins == 11 and value[begins] == 117 and value[begins + 6] == 102)
        elif what == _OPEN:
            info[OPENED] = 1
        elif what == _SOURCE:
            if name == _IMG and not (value[begins] == 100 and value[begins + 4] == 58):  # data:
                if is_address_of_formula(value, begins, min(ends, begins + 600)):
                    info[REASON] = MATHS
        else:
            if what == _TYPE:
                info[TYPED] = hash_of(value, begins, ends, YES)
                if name == _SCRIPT and ends - begins > 4 and value[begins + 4] == 47:
                    info[REASON] = MATHS if (value[begins] | 32) == 109 else info[REASON]
            if bit == 1 and name != _SCRIPT:
                read_class(value, begins, ends, known, info)
                if name == _IMG and has_class_of_formula(value, begins, ends):
                    info[REASON] = MATHS
            elif bit == 2:
                info[COLON] |= find(value, begins, ends, 58) < ends
            elif bit == 4 and name == _IMG:
                dollars = 0
                for index in range(begins, ends):
                    dollars += value[index] == 36
                    if value[index] == 92 or dollars > 1:
                        info[REASON] = MATHS
                if ends - begins > 6 and (value[begins] | 32) == 108 and value[begins + 5] == 58:  # latex:
                    info[REASON] = MATHS
            out[put] = 32
            put += 1
            for index in range(start, stop):
                out[put] = lower(page[index])
                put += 1
            out[put], out[put + 1], out[ends] = 61, 34, 34
            put = ends + 1
    if info[DROPPED]:  # how many there are matters
        put = _put_dropped(out, put)
    info[INFO] = put
    return at + 1


@compiled
def skip_content(
    page: Any,
    at: Any,
    name: Any,
    tail: Any,
    known: Any,
    out: Any,
    put: Any,
    info: Any,
    after: Any,
    result: Any,
) -> Any:
    """The place after a list of options, a drawing or a template whose content begins at ``at``. Writes the
    text in it, but not that of a template; ``result[PUT]`` is the place after that."""
    size = len(page) - tail
    stop = at
    level = 1
    while level:
        stop = find(page, stop, size, 60)
        if stop >= size:
            result[WHY] = MARKUP
            return at
        if stop > at and name != _TEMPLATE:
            if put + 6 * (stop - at) > result[ROOM]:
                result[WHY] = MARKUP
                return at
            put = put_text(page, at, stop, NO, known, out, put, after)
            if put < 0:
                result[WHY] = REFERENCE
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
            result[WHY] = MARKUP
            return at
        last = name_end(page, first)
        inner = find_tag(known, hash_of(page, first, last, YES))
        what = known[inner, 1] if inner >= 0 else _OTHER
        at = read_tag(page, last, _OTHER, tail, known, out, put, info, after)
        if at < 0 or (info[REASON] == MATHS and name == _SVG):
            result[WHY] = MARKUP
            return at
        inside = known[inner, 2] if inner >= 0 else 0
        if name == _TEMPLATE and inside & (_RAW | _TEXT_ONLY) and not closing:
            at = raw_end(page, at, first, last, np.int64(what == _SCRIPT), size)
            if at >= size:
                result[WHY] = MARKUP
                return at
        stop = at
        if what == name:
            if closing:
                level -= 1
            elif name == _TEMPLATE or (name == _SVG and not info[EMPTY]):
                level += 1
            elif name == _SELECT:
                result[WHY] = NESTING
                return at
        elif name == _SELECT:
            if what != _OPTION and not closing:
                result[WHY] = NESTING
                return at
        elif name == _TEMPLATE:
            pass
        elif inside & _ENDS_DRAWING or (what == _SCRIPT and (page[first + 1] | 32) == 99):
            result[WHY] = NESTING
            return at
        elif what == _SCRIPT and not closing:  # style: not text
            at = raw_end(page, at, first, last, NO, size)
            if at >= size:
                result[WHY] = MARKUP
                return at
            stop = at
        elif inside & _NOTE_IN_DRAWING and not closing and not info[EMPTY]:
            while stop < size and page[stop] != 60:
                stop += 1
            if page[stop + 1] != 47 or (page[stop + 2] | 32) != (page[first] | 32):
                result[WHY] = NESTING
                return at
            stop = at
    result[PUT] = put
    return at
