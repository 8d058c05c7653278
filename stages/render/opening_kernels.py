"""What an opening tag does to the tree of a regular page; a compiled part of ``regular``.

Knows where a body begins, what a hidden element is, and what is not markup. Does not know what a tag closes
(``nesting_kernels``) nor how it is read (``tag_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import nesting
from stages.render.attribute_kernels import (
    AS_BLOCK,
    AS_BOXES,
    COLON,
    CONCEALED,
    DROPPED,
    EMPTY,
    INFO,
    MARKUP,
    MATHS,
    MOVED,
    NESTING,
    OPENED,
    REASON,
    REFERENCE,
    SEEN,
    TYPED,
)
from stages.render.byte_kernels import find, says, writes
from stages.render.markup_kernels import raw_end
from stages.render.nesting_kernels import (
    BOXED,
    DEPTH,
    FORM_OPEN,
    IGNORED,
    MARKED,
    PENDING,
    implied,
    in_table,
    note_code,
    opens,
    pop,
)
from stages.render.tag_kernels import (
    LATE,
    LATE_END,
    NOW,
    OPEN,
    PUT,
    ROOM,
    TITLE,
    TITLE_END,
    WHY,
    find_tag,
    name_end,
    read_tag,
    skip_content,
)
from stages.render.text_kernels import NO, YES, hash_of, lower, put_closing, put_text

(
    _BODY,
    _CELL,
    _COL,
    _COLGROUP,
    _DIALOG,
    _FORM,
    _INPUT,
    _OTHER,
    _PRE,
    _ROOT,
    _SCRIPT,
    _SELECT,
    _SVG,
    _TABLE,
    _TBODY,
    _TEMPLATE,
    _TITLE,
    _TR,
) = map(
    np.int64,
    (
        nesting.BODY,
        nesting.CELL,
        nesting.COL,
        nesting.COLGROUP,
        nesting.DIALOG,
        nesting.FORM,
        nesting.INPUT,
        nesting.OTHER,
        nesting.PRE,
        nesting.ROOT,
        nesting.SCRIPT,
        nesting.SELECT,
        nesting.SVG,
        nesting.TABLE,
        nesting.TBODY,
        nesting.TEMPLATE,
        nesting.TITLE,
        nesting.TR,
    ),
)
_OF_HEAD, _RAW, _REFUSED, _SPECIAL, _TEXT_ONLY, _VOID = map(
    np.int64,
    (
        nesting.OF_HEAD,
        nesting.RAW,
        nesting.REFUSED,
        nesting.SPECIAL,
        nesting.TEXT_ONLY,
        nesting.VOID,
    ),
)
#: Letters of the longest name of an element.
LONGEST_NAME = 40
#: Room that one tag may need in the output, besides its attributes and text.
MARGIN = 256
_says_mat, _says_mj, _says_tex, _says_text = map(says, (b"mat", b"mj", b"tex", b"text"))
_put_hidden, _put_block = writes(b' /="s0"'), writes(b' /="b0"')


@compiled
def _is_of_formula(page: Any, start: Any, end: Any) -> Any:
    """Whether the name of an element says so: math-field, mjx-container, tex-math, but not text-body."""
    for index in range(start, end - 2):
        if _says_mat(page, index) or _says_mj(page, index):
            return True
        if _says_tex(page, index) and not _says_text(page, index):
            return True
    return False


@compiled
def _make_place(
    name: Any, flags: Any, quirks: Any, page: Any, tail: Any, out: Any, stack: Any, result: Any
) -> Any:
    """Opens and closes what the tag implies; whether the tag itself counts for nothing."""
    after = stack[DEPTH]
    last = len(page)
    depth = result[OPEN]
    if not depth and not flags & _OF_HEAD and name != _ROOT and name != _BODY:
        depth = implied(last - 7, _BODY, _SPECIAL, page, stack, NO, out, result)
    ignored = name == _ROOT or (name == _BODY and depth > 0)
    if depth and not ignored:
        target = opens(name, flags, quirks, stack, depth, result)
        ignored = target == IGNORED
        if target >= 0:
            if result[PUT] + (LONGEST_NAME + 3) * (depth - target) > result[ROOM]:
                result[WHY] = MARKUP
                return True
            depth = pop(target, after[MARKED], page, stack, depth, out, result[PUT], result)
    if depth and not ignored:
        top = stack[depth - 1, 3]
        if top == _TABLE and (name == _TR or name == _CELL):
            depth = implied(last - 25, _TBODY, _SPECIAL, page, stack, depth, out, result)
            top = _TBODY
        if top == _TBODY and name == _CELL:
            depth = implied(last - 19, _TR, _SPECIAL, page, stack, depth, out, result)
        elif top == _TABLE and name == _COL:
            depth = implied(last - 16, _COLGROUP, _SPECIAL, page, stack, depth, out, result)
    result[OPEN] = depth
    return ignored


@compiled
def _keep_late(first: Any, body: Any, out: Any, stack: Any, info: Any, result: Any) -> Any:
    """The body has begun without its tag, whose attributes, from ``first`` on, still count."""
    size = info[INFO] - first
    begins = len(out) - size
    if stack[0, 1] != body or result[LATE]:
        result[WHY] = NESTING
    elif begins < info[INFO] + MARGIN:
        result[WHY] = MARKUP
    else:
        result[LATE], result[LATE_END] = begins, len(out)
        for index in range(size):
            out[begins + index] = out[first + index]
        result[ROOM] = min(result[ROOM], begins - MARGIN)


@compiled
def _mark(name: Any, hidden: Any, put: Any, out: Any, stack: Any, info: Any, result: Any) -> Any:
    """Marks an element that is hidden or a block; returns the place after that."""
    depth = result[OPEN]
    if name == _INPUT and info[TYPED] != hidden and in_table(stack, depth):
        result[WHY] = NESTING
    elif info[CONCEALED] or (name == _DIALOG and not info[OPENED]):
        if info[COLON] or name == _TABLE:
            result[WHY] = MOVED
        return _put_hidden(out, put)
    elif name == _TEMPLATE and info[COLON]:
        result[WHY] = MOVED
    elif info[AS_BLOCK] or stack[depth - 1, 5] > 1:
        return _put_block(out, put)
    return put


@compiled
def _skip(
    page: Any,
    start: Any,
    end: Any,
    name: Any,
    flags: Any,
    tail: Any,
    known: Any,
    out: Any,
    stack: Any,
    info: Any,
    result: Any,
) -> Any:
    """Goes on after an element whose content is not markup, or not that of a page."""
    size, depth = len(page) - tail, result[OPEN]
    at, put = result[NOW], result[PUT]
    if flags & (_RAW | _TEXT_ONLY):
        stop = raw_end(page, at, start, end, np.int64(name == _SCRIPT), size)
        if stop >= size:
            result[WHY] = MARKUP
            return
        if name == _TITLE and not result[TITLE_END]:
            result[TITLE], result[TITLE_END] = at, stop
        if depth and flags & _TEXT_ONLY:
            if put + 6 * (stop - at) > result[ROOM]:
                result[WHY] = MARKUP
                return
            put = put_text(page, at, stop, NO, known, out, put, stack[DEPTH])
            if put < 0:
                result[WHY] = REFERENCE
                return
        result[NOW] = find(page, stop, size, 62) + 1
    elif name != _SVG or not info[EMPTY]:  # <svg/> is empty
        result[NOW] = skip_content(page, at, name, tail, known, out, put, info, stack[DEPTH], result)
        if result[WHY]:
            return
        put = result[PUT]
    if depth:
        result[PUT] = stack[depth - 1, 8] = put_closing(page, start, end, out, put)


@compiled
def open_tag(
    page: Any,
    tail: Any,
    quirks: Any,
    known: Any,
    hidden: Any,
    out: Any,
    stack: Any,
    info: Any,
    codes: Any,
    result: Any,
) -> Any:
    """Reads the opening tag at ``result[NOW]``, and writes it."""
    size, after = len(page) - tail, stack[DEPTH]
    start = result[NOW] + 1
    end = name_end(page, start)
    if end >= size:
        result[NOW] = size  # the page ends in a tag, and the parser ignores it
        return
    value = hash_of(page, start, end, YES)
    row = find_tag(known, value)
    name, flags = (known[row, 1], known[row, 2]) if row >= 0 else (_OTHER, NO)
    if flags & _REFUSED or result[OPEN] >= DEPTH - 8 or end - start > LONGEST_NAME:
        result[WHY] = MARKUP
        return
    if row < 0 and _is_of_formula(page, start, end):
        result[WHY] = MATHS
        return
    ignored = _make_place(name, flags, quirks, page, tail, out, stack, result)
    if result[WHY] == MARKUP:
        return
    depth, before = result[OPEN], result[PUT]
    put = before + 1
    out[before] = 60
    for index in range(start, end):
        out[put] = lower(page[index])
        put += 1
    first = put
    at = read_tag(page, end, name, tail, known, out, put, info, after)
    if at < 0:
        result[NOW] = size
        return
    result[NOW] = at
    put = info[INFO]
    if info[REASON]:
        result[WHY] = info[REASON]
    elif put > result[ROOM]:
        result[WHY] = MARKUP
    if result[WHY]:
        return
    if ignored:
        if name == _BODY and info[SEEN] | info[DROPPED]:
            _keep_late(first, len(page) - 7, out, stack, info, result)
        return
    marked = boxes = False
    if depth or not flags & _OF_HEAD:
        if name != _BODY:
            put = _mark(name, hidden, put, out, stack, info, result)
            marked = put > info[INFO]
            boxes = info[AS_BOXES] and not info[CONCEALED] and not info[AS_BLOCK]
        if boxes:
            after[BOXED] = 1
            if after[PENDING]:  # text that goes on would be a box
                result[WHY] = NESTING
        if result[WHY]:
            return
        out[put] = 62
        result[PUT] = put + 1
    if flags & _VOID:
        if depth:
            stack[depth - 1, 8] = result[PUT]
        return
    if flags & (_RAW | _TEXT_ONLY) or name == _SELECT or name == _SVG or name == _TEMPLATE:
        _skip(page, start, end, name, flags, tail, known, out, stack, info, result)
        return
    if name == _FORM:
        after[FORM_OPEN] = 1
    entry = stack[depth]
    entry[0], entry[1], entry[2], entry[3], entry[4] = value, start, end - start, name, flags
    entry[5] = 2 if boxes else 1 if marked else 0
    entry[6], entry[7], entry[8] = 0, before, 0
    if name == _PRE:
        note_code(before, stack, depth, codes, result)
        if page[at] == 38 and page[at + 1] == 35:  # perhaps to a line break
            result[WHY] = REFERENCE
        # The first line break is not part of the text.
        if page[at] == 13 and page[at + 1] == 10:
            result[NOW] = at + 2
        elif page[at] == 13 or page[at] == 10:
            result[NOW] = at + 1
    result[OPEN] = depth + 1
