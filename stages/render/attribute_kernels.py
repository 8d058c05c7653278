"""What the values of attributes say of an element, and what in them ends a page's being regular; a compiled
part of ``regular``.

Knows styles, classes and addresses. Does not know tags (``tag_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled
from stages.render import nesting
from stages.render.byte_kernels import WIDTH, first_of, says
from stages.render.text_kernels import NO, hash_of, look_up_in

#: Reasons to give up (``regular.REASONS``).
MARKUP, NESTING, MATHS, CODES, REFERENCE, MOVED = map(np.int64, range(1, 7))

#: Places in ``info``: what is known of a tag. After them, the place after what was written of it.
SEEN, DROPPED, REASON, CONCEALED, AS_BLOCK, AS_BOXES, OPENED, COLON, TYPED, EMPTY = range(10)
INFO = 10
_CLASSES, _CLASSES_SIZE = map(np.int64, nesting.CLASSES)
_CLASS_SIZES = nesting.CLASS_SIZES

_says_white_space, _says_p, _says_line, _says_break = map(says, (b"white-space", b"p", b"-l", b"br"))
_says_display, _says_float, _says_left, _says_right = map(says, (b"display", b"float", b"left", b"righ"))
_says_none, _says_block, _says_list, _says_flow = map(says, (b"none", b"bloc", b"list", b"flow"))
_says_table, _says_flex, _says_grid, _says_math = map(says, (b"tabl", b"flex", b"grid", b"math"))
_says_equation, _says_formula, _says_ql = map(says, (b"equation", b"formula", b"ql-img"))
_says_tex, _says_img, _says_er, _says_n = map(says, (b"tex", b"2img", b"er", b".n"))
_says_cht, _says_codecogs, _says_image = map(says, (b"cht=tx", b"codecogs", b".image?"))
_says_thtex, _says_metex, _says_upmath = map(says, (b"thtex", b"metex", b"upmath"))
_begins_address = first_of(b".CcMmTtUu")
_begins_style, _letter_m, _blank = map(first_of, (b"dDfFwW", b"mM", b" \t\n\f\r"))


@compiled
def has_class_of_formula(page: Any, at: Any, end: Any) -> Any:
    """Whether the class of an image says that it may be a formula."""
    for place in range(at, end):
        if _says_equation(page, place) or _says_formula(page, place) or _says_ql(page, place):
            return True
    return False


@compiled
def is_address_of_formula(page: Any, at: Any, end: Any) -> Any:
    """Whether the address of an image says that it may be a formula."""
    while at < end:
        count = _begins_address(page, at)
        if count == WIDTH:
            at += WIDTH
            continue
        at += count
        if at >= end:
            break
        if _says_tex(page, at):
            letter = page[at + 3]
            if letter == 63 or letter == 46 or _says_img(page, at + 3) or _says_er(page, at + 3):
                return True
        elif _says_math(page, at):
            if page[at + 4] == 63 or _says_n(page, at + 4):
                return True
        elif _says_cht(page, at) or _says_codecogs(page, at) or _says_image(page, at):
            return True
        elif _says_thtex(page, at) or _says_metex(page, at) or _says_upmath(page, at):
            return True
        at += 1
    return False


@compiled
def _keeps_lines(page: Any, at: Any, end: Any) -> Any:
    """Whether a value of ``white-space`` keeps white space: pre and pre-wrap, but not pre-line."""
    while at < end and (page[at] <= 32 or page[at] == 58):
        at += 1
    if at + 2 < end and _says_p(page, at):
        return at + 4 >= end or not _says_line(page, at + 3)
    return at + 2 < end and _says_break(page, at)


@compiled
def read_style(page: Any, at: Any, end: Any, info: Any) -> Any:
    """What a style says of the element's box (``hidden``), and whether it keeps white space (``code``)."""
    info[AS_BLOCK] = info[AS_BOXES] = 0
    while at < end:
        count = _begins_style(page, at)
        if count == WIDTH:
            at += WIDTH
            continue
        at += count
        if at >= end:
            break
        if at + 10 < end and _says_white_space(page, at) and _keeps_lines(page, at + 11, end):
            info[REASON] = CODES
        display = at + 7 < end and _says_display(page, at)
        floats = at + 5 < end and _says_float(page, at)
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
        if floats:
            info[AS_BLOCK] |= _says_left(page, value) or _says_right(page, value)
        elif _says_none(page, value):
            info[CONCEALED] = 1
        elif _says_block(page, value) or _says_list(page, value) or _says_flow(page, value):
            info[AS_BLOCK] = 1
        elif _says_table(page, value):
            after = page[value + 5] if value + 5 < end else 32
            info[AS_BLOCK] |= not (
                48 <= after <= 57 or 97 <= (after | 32) <= 122 or after == 95 or after > 127
            )
        elif _says_flex(page, value) or _says_grid(page, value):
            info[AS_BOXES] = 1


@compiled
def read_class(page: Any, at: Any, end: Any, known: Any, info: Any) -> Any:
    """Gives up on classes of formulas and code."""
    place = at
    while place < end:
        count = _letter_m(page, place)
        if count == WIDTH:
            place += WIDTH
            continue
        place += count
        if place + 3 < end and _says_math(page, place):
            info[REASON] = MATHS
        place += 1
    while at < end:
        start = at
        while at < end:
            count = _blank(page, at)
            if count < WIDTH:
                at += count
                break
            at += WIDTH
        stop = min(at, end)
        if stop > start and _CLASS_SIZES[page[start] & 127] >> min(stop - start, 62) & 1:
            row = look_up_in(known, _CLASSES, _CLASSES_SIZE, hash_of(page, start, stop, NO))
            if row >= 0:
                info[REASON] = known[row, 1]
        at += 1
