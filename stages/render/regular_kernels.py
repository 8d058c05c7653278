"""Builds the tree of a page whose markup is regular, from its source; the compiled half of ``regular``.

Goes through the page piece by piece, and gives up at the first that it cannot be sure of. Knows texts,
comments and closing tags. Does not know what a tag closes (``nesting_kernels``), what an opening tag does
(``opening_kernels``), how tags are read (``tag_kernels``), nor what is printed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled, inlined
from stages.render import nesting
from stages.render.attribute_kernels import MARKUP, NESTING, REFERENCE
from stages.render.byte_kernels import find, writes
from stages.render.nesting_kernels import (
    AT,
    BOXED,
    DEPTH,
    EMPTY_P,
    FORM_OPEN,
    MARKED,
    PENDING,
    REOPENED,
    closes,
    implied,
    in_table,
    pop,
)
from stages.render.opening_kernels import LONGEST_NAME, MARGIN, open_tag
from stages.render.tag_kernels import BROKEN, NOW, OPEN, PUT, ROOM, WHY, find_tag, name_end, read_tag
from stages.render.text_kernels import NO, YES, hash_of, is_blank, put_text

_BODY, _BR, _OTHER, _ROOT = map(np.int64, (nesting.BODY, nesting.BR, nesting.OTHER, nesting.ROOT))
_RAW, _REFUSED, _SPECIAL, _TEXT_ONLY, _VOID = map(
    np.int64, (nesting.RAW, nesting.REFUSED, nesting.SPECIAL, nesting.TEXT_ONLY, nesting.VOID)
)
_put_comment, _put_break, _put_p, _put_i = map(writes, (b"<!---->", b"<br>", b"<p></p>", b"<i></i>"))


@inlined
def _begins_markup(page: Any, at: Any) -> Any:
    """Whether the "<" at ``at`` begins a tag or a comment."""
    following = page[at + 1]
    return following == 47 or 97 <= (following | 32) <= 122 or following == 33 or following == 63


@compiled
def _read_text(page: Any, size: Any, body: Any, known: Any, out: Any, stack: Any, result: Any) -> Any:
    at, depth = result[NOW], result[OPEN]
    end = find(page, at + 1, size, 60)
    while end < size and not _begins_markup(page, end):
        end = find(page, end + 1, size, 60)
    result[NOW] = end
    first = at
    while first < end and is_blank(page[first]):
        first += 1
    if not depth:
        if first == end:
            return
        at = first
        result[OPEN] = implied(body, _BODY, _SPECIAL, page, stack, NO, out, result)
    elif first < end and in_table(stack, depth):
        result[WHY] = NESTING
        return
    if result[PUT] + 6 * (end - at) > result[ROOM]:
        result[WHY] = MARKUP
        return
    put = put_text(page, at, end, NO, known, out, result[PUT], stack[DEPTH])
    if put < 0:
        result[WHY] = REFERENCE
    result[PUT] = put


@compiled
def _read_comment(page: Any, size: Any, out: Any, result: Any) -> Any:
    at = result[NOW]
    if page[at + 1] == 33 and page[at + 2] == 45 and page[at + 3] == 45:
        first = at = at + 4
        # <!--> and <!--->
        if page[at] == 45 and page[at + 1] == 62:
            at += 1
        elif page[at] != 62:
            at = find(page, first + 2, size, 62)
            while at < size:
                last = at - 1 - (page[at - 1] == 33)  # --!>
                if page[last] == 45 and page[last - 1] == 45 and last > first:
                    break
                at = find(page, at + 1, size, 62)
    else:
        at = find(page, at, size, 62)
    result[NOW] = at + 1
    if result[OPEN]:
        result[PUT] = _put_comment(out, result[PUT])


@compiled
def _put_alone(what: Any, out: Any, stack: Any, result: Any) -> Any:
    """Writes an element that only a closing tag stands for, as a whole."""
    depth, put = result[OPEN], result[PUT]
    if stack[depth - 1, 5] > 1:
        result[WHY] = NESTING
    result[PUT] = stack[depth - 1, 8] = _put_break(out, put) if what == _BR else _put_p(out, put)


@compiled
def _close_tag(page: Any, tail: Any, known: Any, out: Any, stack: Any, info: Any, result: Any) -> Any:
    size, depth, after = len(page) - tail, result[OPEN], stack[DEPTH]
    start = result[NOW] + 2
    if not 97 <= (page[start] | 32) <= 122:  # </>: nothing; or else a comment
        result[NOW] = find(page, start, size, 62) + 1
        return
    end = name_end(page, start)
    if page[end] == 62 and end < size:
        result[NOW] = end + 1
    else:
        result[NOW] = read_tag(page, end, _OTHER, tail, known, out, result[PUT], info, after)
        if result[NOW] < 0:
            result[NOW] = size
            return
    value = hash_of(page, start, end, YES)
    row = find_tag(known, value)
    name, flags = (known[row, 1], known[row, 2]) if row >= 0 else (_OTHER, NO)
    if name == _BODY or name == _ROOT or flags & (_VOID | _RAW | _TEXT_ONLY):
        if name == _BR and depth:
            if in_table(stack, depth):
                result[WHY] = NESTING
            _put_alone(_BR, out, stack, result)
            result[BROKEN] = 1
        elif name == _BR or (name == _BODY and not depth):
            result[WHY] = NESTING
        return
    if not depth:
        return
    if flags & _REFUSED:
        result[WHY] = MARKUP
        return
    target = closes(name, flags, value, stack, depth, result)
    if target == EMPTY_P:
        _put_alone(NO, out, stack, result)
    if target >= 0:
        if result[PUT] + (LONGEST_NAME + 3) * (depth - target) > result[ROOM]:
            result[WHY] = MARKUP
            return
        result[OPEN] = pop(target, after[MARKED], page, stack, depth, out, result[PUT], result)
        if after[REOPENED]:
            result[PUT] = _put_i(out, result[PUT])


@compiled
def build(
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
    """Writes the body of ``page`` (uint8, with ``tail`` bytes after it that end every search) as the parser
    would write it, hidden elements and blocks marked.

    ``quirks``: 0 or 1 as the document type says, 2 if it is not known. ``hidden``: hash of that word.
    ``codes``: as ``note_code`` has it. ``result``: as ``tag_kernels`` has it.
    """
    size = len(page) - tail
    body = size + tail - 7
    after = stack[DEPTH]
    after[FORM_OPEN] = after[PENDING] = after[BOXED] = 0
    for index in range(len(result)):
        result[index] = 0
    result[ROOM] = len(out) - MARGIN
    while result[NOW] < size:
        if result[PUT] > result[ROOM]:
            result[WHY] = MARKUP
        if result[WHY]:
            return
        at = result[NOW]
        after[AT] = at
        following = page[at + 1]
        if page[at] != 60 or not _begins_markup(page, at):
            _read_text(page, size, body, known, out, stack, result)
        elif following == 47:
            _close_tag(page, tail, known, out, stack, info, result)
        elif following == 33 or following == 63:
            _read_comment(page, size, out, result)
        else:
            open_tag(page, tail, quirks, known, hidden, out, stack, info, codes, result)
    pop(NO, YES, page, stack, result[OPEN], out, result[PUT], result)
