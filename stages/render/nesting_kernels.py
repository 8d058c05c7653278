"""Which elements a tag opens and closes; a compiled part of ``regular``.

Knows the elements that are open. Does not know attributes nor text (``tag_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import nesting
from stages.render.attribute_kernels import CODES, NESTING
from stages.render.tag_kernels import BROKEN, PUT, WHY
from stages.render.text_kernels import NO, NONE, hash_of, put_closing

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
    _NOTE_IN_DRAWING,
) = map(np.int64, nesting.FLAGS)
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
    _PRE,
) = map(np.int64, nesting.NAMES)

#: Columns of ``stack``: hash, place and length of the name, name, flags, what its style says (1: something of
#: itself, 2: its children are blocks), whether it was closed while others were open in it, where it begins in
#: the output, and where the last element in it ends there.
STACK = 9
#: Open elements at most. The row after them is for small results.
DEPTH = 400
#: Places in that row: after a reference, where ``build`` is, and what ``closes`` and ``opens`` say.
AFTER, AT, MARKED, REOPENED, FORM_OPEN, PENDING, BOXED = range(7)

#: What ``closes`` and ``opens`` return instead of a place.
IGNORED, EMPTY_P = map(np.int64, (-2, -3))


@compiled
def pop(target: Any, marked: Any, page: Any, stack: Any, depth: Any, out: Any, put: Any, result: Any) -> Any:
    """Closes open elements down to the one at ``target``; ``result[PUT]`` is the place after that.
    ``marked``: what was open in them need not be opened again. Returns how many elements are open."""
    while depth > target or (depth and stack[depth - 1, 6]):
        depth -= 1
        visible = stack[depth, 3] == _A or stack[depth, 3] == _CODE or stack[depth, 5]
        if depth > target and not marked and stack[depth, 4] & _FORMATTING:
            stack[DEPTH, PENDING] = 1  # it goes on in the next element
            if visible or stack[DEPTH, BOXED]:
                result[WHY] = NESTING
        start = stack[depth, 1]
        put = put_closing(page, start, start + stack[depth, 2], out, put)
        if depth:
            stack[depth - 1, 8] = put
    result[PUT] = put
    return depth


@compiled
def _find(name: Any, value: Any, stack: Any, depth: Any, barrier: Any, other: Any) -> Any:
    """Place of the innermost open element of this name (and hash, if that is not 0), if no element with the
    flag ``barrier``, or the name ``other``, is open in it; else -1."""
    for index in range(depth - 1, -1, -1):
        if stack[index, 3] == name and (not value or stack[index, 0] == value):
            return -1 if stack[index, 6] else index
        if stack[index, 4] & barrier or stack[index, 3] == other:
            return -1
    return -1


@compiled
def implied(at: Any, name: Any, flags: Any, page: Any, stack: Any, depth: Any, out: Any, result: Any) -> Any:
    """Opens an element for which the page has no tag; its name is at ``at``."""
    put = result[PUT]
    size = 0
    while page[at + size] != 32:
        size += 1
    out[put] = 60
    for index in range(size):
        out[put + 1 + index] = page[at + index]
    out[put + 1 + size] = 62
    result[PUT] = put + 2 + size
    stack[depth, 0] = hash_of(page, at, at + size, NO)
    stack[depth, 1], stack[depth, 2], stack[depth, 3], stack[depth, 4] = at, size, name, flags
    stack[depth, 5] = stack[depth, 6] = stack[depth, 8] = 0
    stack[depth, 7] = put
    return depth + 1


@compiled
def note_code(begins: Any, stack: Any, depth: Any, codes: Any, result: Any) -> Any:
    """Notes where a ``<pre>`` begins in the output, and where the element before it ends (0: there is none);
    then the same for the elements around it up to the body, and -1. ``codes``: two columns, and in their last
    row how many rows there are."""
    last = len(codes) - 1
    row = codes[last, 0]
    if stack[DEPTH, PENDING] or row + depth + 1 > last:
        result[WHY] = CODES  # something that began before goes on around it
        return
    for index in range(depth, 0, -1):
        codes[row, 0] = begins if index == depth else stack[index, 7]
        codes[row, 1] = stack[index - 1, 8]
        row += 1
        if stack[index - 1, 6]:
            result[WHY] = CODES
    codes[row, 0] = -1
    codes[last, 0] = row + 1


@compiled
def in_table(stack: Any, depth: Any) -> Any:
    """Whether only parts of a table may stand here."""
    top = stack[depth - 1, 3]
    return top == _TABLE or top == _TBODY or top == _TR or top == _COLGROUP


@compiled
def closes(name: Any, flags: Any, value: Any, stack: Any, depth: Any, result: Any) -> Any:
    """The place of the outermost element that a closing tag closes; ``IGNORED`` for none, ``EMPTY_P`` for a
    ``</p>`` that closes none."""
    row = stack[DEPTH]
    row[MARKED], row[REOPENED] = 0, 0
    table = in_table(stack, depth)
    target = NONE
    if name == _TABLE or name == _TBODY or name == _TR or name == _CELL or name == _CAPTION:
        row[MARKED] = 1
        barred = _TABLE if name != _TABLE else NONE
        return _find(name, value if name == _TBODY or name == _CELL else NO, stack, depth, NO, barred)
    if name == _COLGROUP:
        return depth - 1 if stack[depth - 1, 3] == _COLGROUP else IGNORED
    if name == _P:
        target = _find(_P, NO, stack, depth, _SCOPE, _BUTTON)
        if target < 0 and table:
            result[WHY] = NESTING
        return target if target >= 0 else EMPTY_P
    if name == _FORM:
        is_open = row[FORM_OPEN]
        row[FORM_OPEN] = 0
        if table or not is_open:
            return IGNORED
        target = _find(_FORM, NO, stack, depth, _SCOPE, NONE)
        inner = depth - 1
        while inner > target >= 0 and stack[inner, 4] & _IMPLIED:
            inner -= 1
        if inner > target >= 0:  # ends with what is open in it
            stack[target, 6] = 1
            return inner + 1 if inner + 1 < depth else IGNORED
        return target
    if table:
        return IGNORED
    if name == _LI or name == _DD or name == _HEADING:
        barred = _LIST if name == _LI else NONE
        return _find(name, value if name == _DD else NO, stack, depth, _SCOPE, barred)
    special = NO
    formatting = boxes = other = False
    innermost = depth
    barrier = _SCOPE if flags & (_ENDS_BLOCK | _FORMATTING) else _SPECIAL
    for index in range(depth - 1, -1, -1):
        if stack[index, 0] == value and not stack[index, 6]:
            target = np.int64(index)
            break
        if stack[index, 4] & barrier:
            target = IGNORED
            break
        if stack[index, 4] & _SPECIAL:
            special += 1
            innermost = np.int64(index) if innermost == depth else innermost
        elif special and not stack[index, 4] & _FORMATTING:
            other = True  # would be closed before what is in it
        formatting |= (stack[index, 4] & _FORMATTING) != 0
        boxes |= stack[index, 5] > 1
    if target >= 0 and flags & _FORMATTING and (special or formatting):
        if name == _CODE or stack[target, 5] or boxes or other or (special and name == _A):
            result[WHY] = NESTING
        elif special:  # what is not special is closed in all that goes on
            stack[target, 6] = 1
            if special > 7:
                result[WHY] = NESTING
            first = innermost + 1
            if first < depth and stack[first, 4] & _FORMATTING:  # goes on after it
                row[PENDING] = 1
                if stack[first, 3] == _A or stack[first, 3] == _CODE or stack[first, 5] or row[BOXED]:
                    result[WHY] = NESTING
            target = innermost + 1 if innermost + 1 < depth else IGNORED
        row[REOPENED] = 1  # what was open in it goes on after it
    elif target < 0 and flags & _FORMATTING and row[PENDING]:
        # It may close one that goes on here, and what is open in that goes on after it.
        for index in range(depth - 1, -1, -1):
            if stack[index, 4] & _SPECIAL:
                break
            if stack[index, 3] == _A or stack[index, 3] == _CODE or stack[index, 5]:
                result[WHY] = NESTING
    return target


@compiled
def opens(name: Any, flags: Any, quirks: Any, stack: Any, depth: Any, result: Any) -> Any:
    """The place of the outermost element that an opening tag closes first; -1 for none, ``IGNORED`` if the
    tag itself counts for nothing."""
    row = stack[DEPTH]
    row[MARKED] = 0
    target = NONE
    if (
        name == _TBODY
        or name == _TR
        or name == _CELL
        or name == _CAPTION
        or name == _COLGROUP
        or name == _COL
    ):
        # Ends the cell or caption that is open, and then what cannot contain it.
        table = _find(_TABLE, NO, stack, depth, NO, NONE)
        if table < 0:
            return IGNORED
        keep = table + 1
        if name == _TR or name == _CELL or name == _COL:
            if depth > keep and stack[keep, 3] == (_COLGROUP if name == _COL else _TBODY):
                keep += 1
            if name == _CELL and depth > keep and stack[keep, 3] == _TR:
                keep += 1
        for index in range(table + 1, depth):
            if stack[index, 6]:
                result[WHY] = NESTING
        row[MARKED] = 1
        return keep if depth > keep else NONE
    if in_table(stack, depth):
        if name == _TABLE:
            row[MARKED] = 1
            return _find(_TABLE, NO, stack, depth, NO, NONE)
        if name == _FORM:
            row[FORM_OPEN] = 1
            return IGNORED
        if name != _SCRIPT and name != _INPUT and name != _TEMPLATE:
            result[WHY] = NESTING
        return NONE
    if flags & _CLOSES_P or name == _TABLE:
        if name == _FORM and row[FORM_OPEN]:
            return IGNORED
        if name == _LI or name == _DD:
            for index in range(depth - 1, -1, -1):
                if stack[index, 3] == name:
                    target = np.int64(index)
                    break
                if stack[index, 4] & _SPECIAL and stack[index, 3] != _DIV and stack[index, 3] != _P:
                    break
        paragraph = _find(_P, NO, stack, depth, _SCOPE, _BUTTON)
        if paragraph >= 0 and name == _TABLE and quirks:
            if quirks > 1:
                result[WHY] = NESTING
            return NONE
        if paragraph >= 0 and (target < 0 or paragraph < target):
            target = paragraph
        last = depth - 1 if target < 0 else target - 1
        if name == _HEADING and last >= 0 and stack[last, 3] == _HEADING:
            target = last
        return target
    if name == _BUTTON:
        return _find(_BUTTON, NO, stack, depth, _SCOPE, NONE)
    if name == _A:
        target = _find(_A, NO, stack, depth, _SCOPE, NONE)
        if 0 <= target < depth - 1:
            result[WHY] = NESTING
        return target
    if name == _BR and _find(_CODE, NO, stack, depth, _SCOPE, NONE) >= 0:
        result[BROKEN] = 1
    return NONE
