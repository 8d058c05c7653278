"""Builds the tree of a page whose markup is regular, from its source; the compiled half of ``regular``.

Goes through the page tag by tag, and gives up at the first that it cannot be sure of. Knows where a body
begins and what a hidden element is. Does not know what a tag closes (``nesting_kernels``), how it is read
(``tag_kernels``), nor what is printed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import nesting
from stages.render.markup_kernels import raw_end
from stages.render.nesting_kernels import (
    AT,
    BOXED,
    DEPTH,
    EMPTY_P,
    FORM_OPEN,
    IGNORED,
    MARKED,
    PENDING,
    REOPENED,
    closes,
    implied,
    in_table,
    note_code,
    opens,
    pop,
)
from stages.render.tag_kernels import (
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
    read_tag,
    skip_content,
)
from stages.render.text_kernels import NO, NONE, YES, hash_of, is_blank, look_up, lower, put_closing, put_text

(
    _BODY,
    _BR,
    _CELL,
    _COL,
    _COLGROUP,
    _DIALOG,
    _FORM,
    _INPUT,
    _OF_HEAD,
    _OTHER,
    _PRE,
    _RAW,
    _REFUSED,
    _ROOT,
    _SCRIPT,
    _SELECT,
    _SPECIAL,
    _SVG,
    _TABLE,
    _TBODY,
    _TEMPLATE,
    _TEXT_ONLY,
    _TITLE,
    _TR,
    _VOID,
) = map(
    np.int64,
    (
        nesting.BODY,
        nesting.BR,
        nesting.CELL,
        nesting.COL,
        nesting.COLGROUP,
        nesting.DIALOG,
        nesting.FORM,
        nesting.INPUT,
        nesting.OF_HEAD,
        nesting.OTHER,
        nesting.PRE,
        nesting.RAW,
        nesting.REFUSED,
        nesting.ROOT,
        nesting.SCRIPT,
        nesting.SELECT,
        nesting.SPECIAL,
        nesting.SVG,
        nesting.TABLE,
        nesting.TBODY,
        nesting.TEMPLATE,
        nesting.TEXT_ONLY,
        nesting.TITLE,
        nesting.TR,
        nesting.VOID,
    ),
)
#: Places in ``result``: bytes written, the reason to give up, where in the page the text of the title begins
#: and ends, where in the output attributes of the body stand that came late, and whether lines break in code.
RESULT = 7
#: Letters of the longest name of an element.
_NAME = 40
#: Room that one tag may need in the output, besides its attributes and text.
ROOM = 256


@compiled
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
    codes: Any,
    result: Any,
) -> Any:
    """Writes the body of ``page`` (uint8, with ``tail`` bytes after it that end every search) as the parser
    would write it, hidden elements and blocks marked.

    ``quirks``: 0 or 1 as the document type says, 2 if it is not known. ``hidden``: hash of that word.
    ``codes``: as ``note_code`` has it. ``result``: bytes written, the reason to give up (0: it did not), and
    where the text of the title is.
    """
    size = len(page) - tail
    tbody, tr, colgroup, body = size + tail - 25, size + tail - 19, size + tail - 16, size + tail - 7
    at, put, depth = NO, NO, NO
    titled = False
    after = stack[DEPTH]
    after[FORM_OPEN] = after[PENDING] = after[BOXED] = 0
    result[1:] = 0
    room = len(out) - ROOM
    while at < size:
        if put > room:
            result[1] = MARKUP
        if result[1]:
            return
        after[AT] = at
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
                if not is_blank(page[index]):
                    blank = False
                    break
            if not depth:
                if blank:
                    at = end
                    continue
                while is_blank(page[at]):
                    at += 1
                result[0] = put
                depth = implied(body, _BODY, _SPECIAL, page, stack, NO, out, result)
                put = result[0]
            elif not blank and in_table(stack, depth):
                result[1] = NESTING
                return
            if put + 6 * (end - at) > room:
                result[1] = MARKUP
                return
            put = put_text(page, at, end, NO, references, out, put, after)
            if put < 0:
                result[1] = REFERENCE
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
            while not is_blank(page[end]) and page[end] != 47 and page[end] != 62:
                end += 1
            if page[end] == 62 and end < size:
                at = end + 1
            else:
                at = read_tag(
                    page, end, _OTHER, tail, attributes, classes, references, words, out, put, info, after
                )
                if at < 0:
                    at = size
                    continue
            value = hash_of(page, start, end, YES)
            row = look_up(tags, value)
            name, flags = (tags[row, 1], tags[row, 2]) if row >= 0 else (_OTHER, 0)
            if name == _BODY or name == _ROOT or flags & (_VOID | _RAW | _TEXT_ONLY):
                if name == _BR and depth:
                    if in_table(stack, depth) or stack[depth - 1, 5] > 1:
                        result[1] = NESTING
                    for letter in (60, 98, 114, 62):
                        out[put] = letter
                        put += 1
                    stack[depth - 1, 8] = put
                    result[6] = 1
                elif name == _BR or (name == _BODY and not depth):
                    result[1] = NESTING
                continue
            if not depth:
                continue
            if flags & _REFUSED:
                result[1] = MARKUP
                return
            target = closes(name, flags, value, stack, depth, result)
            if target == EMPTY_P:
                if stack[depth - 1, 5] > 1:
                    result[1] = NESTING
                for letter in (60, 112, 62, 60, 47, 112, 62):
                    out[put] = letter
                    put += 1
                stack[depth - 1, 8] = put
            if target >= 0:
                if put + (_NAME + 3) * (depth - target) > room:
                    result[1] = MARKUP
                    return
                depth = pop(target, after[MARKED], page, stack, depth, out, put, result)
                put = result[0]
                if after[REOPENED]:
                    for letter in (60, 105, 62, 60, 47, 105, 62):
                        out[put] = letter
                        put += 1
            continue
        # Opening tags ----------------------------------------------------------------------------------
        start = at + 1
        end = start
        while not is_blank(page[end]) and page[end] != 47 and page[end] != 62:
            end += 1
        if end >= size:
            break  # the page ends in a tag, and the parser ignores it
        value = hash_of(page, start, end, YES)
        row = look_up(tags, value)
        name, flags = (tags[row, 1], tags[row, 2]) if row >= 0 else (_OTHER, 0)
        if flags & _REFUSED or depth >= DEPTH - 8 or end - start > _NAME:
            result[1] = MARKUP
            return
        if row < 0:
            for index in range(start, end - 2):
                first, second = page[index] | 32, page[index + 1] | 32
                if first == 109 and ((second == 97 and (page[index + 2] | 32) == 116) or second == 106):
                    result[1] = MATHS  # math-field, mjx-container
                    return
                if first == 116 and second == 101 and (page[index + 2] | 32) == 120:
                    if (page[index + 3] | 32) != 116:  # tex-math, but not text-body
                        result[1] = MATHS
                        return
        # Where it may stand.
        if not depth and not flags & _OF_HEAD and name != _ROOT and name != _BODY:
            result[0] = put
            depth = implied(body, _BODY, _SPECIAL, page, stack, NO, out, result)
            put = result[0]
        ignored = name == _ROOT or (name == _BODY and depth)
        target = NONE
        if depth and not ignored:
            target = opens(name, flags, quirks, stack, depth, result)
            ignored = target == IGNORED
        if target >= 0:
            if put + (_NAME + 3) * (depth - target) > room:
                result[1] = MARKUP
                return
            depth = pop(target, after[MARKED], page, stack, depth, out, put, result)
            put = result[0]
        if depth and not ignored:
            top = stack[depth - 1, 3]
            result[0] = put
            if name == _TR and top == _TABLE:
                depth = implied(tbody, _TBODY, _SPECIAL, page, stack, depth, out, result)
            elif name == _CELL and (top == _TABLE or top == _TBODY):
                if top == _TABLE:
                    depth = implied(tbody, _TBODY, _SPECIAL, page, stack, depth, out, result)
                depth = implied(tr, _TR, _SPECIAL, page, stack, depth, out, result)
            elif name == _COL and top == _TABLE:
                depth = implied(colgroup, _COLGROUP, _SPECIAL, page, stack, depth, out, result)
            put = result[0]
        # The tag itself.
        before = put
        out[put] = 60
        put += 1
        for index in range(start, end):
            out[put] = lower(page[index])
            put += 1
        at = read_tag(page, end, name, tail, attributes, classes, references, words, out, put, info, after)
        if at < 0:
            result[0] = before
            at = size
            put = before
            continue
        if info[REASON]:
            result[1] = info[REASON]
            return
        put = info[INFO]
        if put > room:
            result[1] = MARKUP
            return
        letter = 0
        if ignored or (not depth and flags & _OF_HEAD):
            put = before
            if name == _BODY and info[SEEN] | info[DROPPED]:
                # The body has begun without its tag, whose attributes still count.
                if stack[0, 1] != body or result[4]:
                    result[1] = NESTING
                    return
                first = before + 1 + end - start
                result[4], result[5] = len(out) - (info[INFO] - first), len(out)
                if result[4] < info[INFO] + ROOM:
                    result[1] = MARKUP
                    return
                for index in range(info[INFO] - first):
                    out[result[4] + index] = out[first + index]
                room = min(room, result[4] - ROOM)
        elif name != _BODY:
            if name == _INPUT and info[TYPED] != hidden and in_table(stack, depth):
                result[1] = NESTING
                return
            if info[CONCEALED] or (name == _DIALOG and not info[OPENED]):
                letter = 115
                if info[COLON] or name == _TABLE:
                    result[1] = MOVED
                    return
            elif name == _TEMPLATE and info[COLON]:
                result[1] = MOVED
                return
            elif info[AS_BLOCK] or stack[depth - 1, 5] > 1:
                letter = 98
            if letter:
                out[put], out[put + 1], out[put + 2], out[put + 3] = 32, 47, 61, 34
                out[put + 4], out[put + 5], out[put + 6] = letter, 48, 34
                put += 7
            boxes = info[AS_BOXES] and not info[CONCEALED] and not info[AS_BLOCK] and name != _BODY
        if boxes:
            after[BOXED] = 1
            if after[PENDING]:  # text that goes on would be a box
                result[1] = NESTING
                return
        if not ignored and (depth or not flags & _OF_HEAD):
            out[put] = 62
            put += 1
        if flags & _VOID:
            if depth:
                stack[depth - 1, 8] = put
            continue
        if ignored:
            continue
        # Content that is not markup.
        if flags & (_RAW | _TEXT_ONLY) or name == _SELECT or name == _SVG or name == _TEMPLATE:
            if flags & (_RAW | _TEXT_ONLY):
                stop = raw_end(page, at, start, end, np.int64(name == _SCRIPT), size)
                if stop >= size:
                    result[1] = MARKUP
                    return
                if name == _TITLE and not titled:
                    result[2], result[3] = at, stop
                    titled = True
                if depth and flags & _TEXT_ONLY:
                    if put + 6 * (stop - at) > room:
                        result[1] = MARKUP
                        return
                    put = put_text(page, at, stop, NO, references, out, put, after)
                    if put < 0:
                        result[1] = REFERENCE
                        return
                at = stop
            else:
                if name != _SVG or not info[EMPTY]:  # <svg/> is empty
                    at = skip_content(
                        *(page, at, name, tail, tags, attributes, classes, references, words),
                        *(out, put, info, after, room, result),
                    )
                    if result[1]:
                        return
                    put = result[0]
                if not depth:
                    continue
                put = put_closing(page, start, end, out, put)
                stack[depth - 1, 8] = put
                continue
            if depth:
                put = put_closing(page, start, end, out, put)
                stack[depth - 1, 8] = put
            while page[at] != 62:
                at += 1
            at += 1
            continue
        if name == _FORM:
            after[FORM_OPEN] = 1
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = value, start, end - start
        stack[depth, 3], stack[depth, 4] = name, flags
        stack[depth, 5] = 2 if boxes else 1 if letter else 0
        stack[depth, 6] = stack[depth, 8] = 0
        stack[depth, 7] = before
        if name == _PRE:
            note_code(before, stack, depth, codes, result)
            if page[at] == 38 and page[at + 1] == 35:  # perhaps to a line break
                result[1] = REFERENCE
            if page[at] == 13:  # the first line break is not part of the text
                at += 2 if page[at + 1] == 10 else 1
            elif page[at] == 10:
                at += 1
        depth += 1
    depth = pop(NO, YES, page, stack, depth, out, put, result)
