"""Reads text and references of a page, and writes them as the parser would; a compiled part of ``regular``.

Knows characters and the names of references. Does not know tags (``tag_kernels``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled, inlined
from stages.render import nesting
from stages.render.byte_kernels import WIDTH, copy, eight, first_of, writes
from stages.render.hashes import FACTOR

#: Numba compiles a function anew for each constant that is written in a call; these are values.
NONE, NO, YES = map(np.int64, (-1, 0, 1))
#: What numbers from 0x80 on mean in references (HTML 13.2.5.80): characters of Windows-1252; 0 for none.
_WINDOWS = np.array([ord(bytes([code]).decode("cp1252", "ignore") or "\0") for code in range(0x80, 0xA0)])

_REFERENCES, _REFERENCES_SIZE = map(np.int64, nesting.REFERENCES)
#: Of eight bytes at a time: their lower bits and their highest; what makes the highest that of letters from
#: "A" on, or beyond "Z"; and how far that bit is from the one that makes a letter small.
_LOW, _HIGH = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x8080808080808080)
_FROM_A, _BEYOND_Z, _TO_SMALL = np.uint64(0x3F3F3F3F3F3F3F3F), np.uint64(0x2525252525252525), np.uint64(2)
_ONE, _MIDDLE, _FACTOR = np.uint64(1), np.uint64(29), np.uint64(FACTOR)

#: Characters of text that the parser writes in another way, or that end a page's being regular.
_special = first_of(b'\0\r&<>"')
_put_amp, _put_lt, _put_gt, _put_quot = map(writes, (b"&amp;", b"&lt;", b"&gt;", b"&quot;"))


@inlined
def lower(byte: Any) -> Any:
    return byte + 32 if 65 <= byte <= 90 else byte


@inlined
def is_blank(byte: Any) -> Any:
    return byte == 32 or byte == 10 or byte == 9 or byte == 12 or byte == 13


@compiled
def look_up_in(tables: Any, first: Any, size: Any, value: Any) -> Any:
    """Row of a hash in a table with open addressing, of ``size`` rows from ``first`` on; -1 for none."""
    last = size - 1
    row = value & last
    while tables[first + row, 0] != value:
        if tables[first + row, 0] == 0:
            return -1
        row = (row + 1) & last
    return first + row


@inlined
def look_up(table: Any, value: Any) -> Any:
    """The same in a single table."""
    return look_up_in(table, NO, len(table), value)


@inlined
def _find_reference(known: Any, value: Any) -> Any:
    return look_up_in(known, _REFERENCES, _REFERENCES_SIZE, value)


@compiled
def hash_of(page: Any, at: Any, end: Any, fold: Any) -> Any:
    """Of the text from ``at`` to ``end``; ``fold``: of its small letters."""
    value = np.uint64(end - at)
    while at < end:
        part = eight(page, at)
        if end - at < 8:
            part &= (_ONE << np.uint64(8 * (end - at))) - _ONE
        if fold:
            seven = part & _LOW
            part |= ((seven + _FROM_A) & ~(seven + _BEYOND_Z) & ~part & _HIGH) >> _TO_SMALL
        value = (value ^ part) * _FACTOR
        value ^= value >> _MIDDLE
        at += 8
    return np.int64(value >> _ONE)


@compiled
def _put_letter(letter: Any, out: Any, put: Any) -> Any:
    """Writes a code point as the parser would write it; returns the place after it."""
    if letter == 38:
        return _put_amp(out, put)
    if letter == 60:
        return _put_lt(out, put)
    if letter == 62:
        return _put_gt(out, put)
    if letter == 34:
        return _put_quot(out, put)
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


@compiled
def _put_reference(
    page: Any, at: Any, end: Any, in_value: Any, known: Any, out: Any, put: Any, after: Any
) -> Any:
    """Writes what the reference at ``at`` stands for; -1 for one that few pages have. ``after``: the place
    after it."""
    stop = at + 1
    if stop < end and page[stop] == 35:
        stop += 1
        number: Any = NO
        base = 10
        if stop < end and (page[stop] | 32) == 120:
            base = 16
            stop += 1
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
        if stop == first:
            return -1
        if number < 32 or number == 0x7F or 0xD800 <= number < 0xE000 or number >= 0x110000:
            if number != 10 and number != 9:
                return -1
        if 0x80 <= number < 0xA0:
            number = _WINDOWS[number - 0x80]
            if not number:
                return -1
        after[0] = stop + 1 if stop < end and page[stop] == 59 else stop
        return _put_letter(number, out, put)
    while stop < end and stop < at + 40 and (48 <= page[stop] <= 57 or 97 <= (page[stop] | 32) <= 122):
        stop += 1
    if stop < end and page[stop] == 59 and stop > at + 1:
        row = _find_reference(known, hash_of(page, at + 1, stop, NO))
        if row >= 0 and known[row, 3]:
            after[0] = stop + 1
            put = _put_letter(known[row, 1], out, put)
            return _put_letter(known[row, 2], out, put) if known[row, 2] else put
    # Some names need no semicolon; in values of attributes they do if a letter or "=" follows.
    for size in range(min(6, stop - at - 1), 1, -1):
        row = _find_reference(known, hash_of(page, at + 1, at + 1 + size, NO))
        if row >= 0 and known[row, 3] > 1:
            following = page[at + 1 + size]
            if in_value and (following == 61 or 48 <= following <= 57 or 97 <= (following | 32) <= 122):
                break
            after[0] = at + 1 + size
            return _put_letter(known[row, 1], out, put)
    after[0] = at + 1
    return _put_letter(38, out, put)


@compiled
def put_text(page: Any, at: Any, end: Any, in_value: Any, known: Any, out: Any, put: Any, after: Any) -> Any:
    """Writes text as the parser would; returns the place after it, -1 to give up."""
    while at < end:
        copy(page, at, out, put)
        count = _special(page, at)
        if count >= end - at:
            return put + end - at
        if count == WIDTH:
            at += WIDTH
            put += WIDTH
            continue
        at += count
        put += count
        byte = page[at]
        if byte == 38:
            put = _put_reference(page, at, end, in_value, known, out, put, after)
            if put < 0:
                return -1
            at = after[0]
        elif byte == 13:
            out[put] = 10
            put += 1
            at += 2 if page[at + 1] == 10 and at + 1 < end else 1
        elif byte:
            put = _put_letter(np.int64(byte), out, put)
            at += 1
        else:
            return -1
    return put


@compiled
def put_closing(page: Any, at: Any, end: Any, out: Any, put: Any) -> Any:
    """Writes the closing tag of the element whose name is at ``at``; returns the place after it."""
    out[put], out[put + 1] = 60, 47
    put += 2
    for index in range(at, end):
        out[put] = lower(page[index])
        put += 1
    out[put] = 62
    return put + 1
