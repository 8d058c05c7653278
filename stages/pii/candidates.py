"""Finds places where personal data could be: one compiled pass over the bytes of all texts of a batch.

Knows UTF-8 and a cheap necessary condition for each recogniser. Does not know what is personal data: most
candidates are not.

A text of 5 kB has about six candidates, so the cost of recognisers per candidate hardly matters, and a text
without candidates is never decoded. The pass keeps one small state per kind of run (digits, hexadecimal
digits, characters of tokens) and looks at every byte once: hostile input takes as long as any other.

Kinds of candidates, with positions in code points of the text:

- AT: an ``@``, also full-width, or the opening bracket of ``(at)``, ``[at]`` or ``{at}``;
- NUMBER: digits with at most three separators between two of them, at least seven digits or three dots
  each between two digits;
- COLON: four hexadecimal digits, the first of them 2 or 3, and a colon: IPv6 global unicast is 2000::/3;
- IBAN: two capital letters and two digits;
- BLOB: at least 16 characters of base64, base64url or a dotted token, with a digit or without a small letter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.compiled import compiled, inlined

AT, NUMBER, COLON, IBAN, BLOB = range(5)

LEAST_DIGITS = 7
LEAST_BLOB = 16
#: Code points between two digits of one number, as in ``+49 (0) 30`` or ``089 / 12``.
WIDEST_GAP = 3

_DIGIT, _UPPER, _LOWER, _HEX, _BLOB, _GAP = 1, 2, 4, 8, 16, 32


def _classes() -> npt.NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for first, last, bits in (
        ("0", "9", _DIGIT | _HEX | _BLOB),
        ("A", "Z", _UPPER | _BLOB),
        ("a", "z", _LOWER | _BLOB),
        ("A", "F", _HEX),
        ("a", "f", _HEX),
    ):
        table[ord(first) : ord(last) + 1] |= bits
    table[list(b"+/=._-")] |= _BLOB
    table[list(b" .-/()")] |= _GAP
    table[[0xC2, 0xE2, 0xEF]] |= _GAP  # no-break space; narrow spaces and dashes; full-width signs
    return table


_CLASSES = _classes()


def candidates(texts: pa.Array) -> npt.NDArray[np.int64]:
    """All candidates of a string array as rows (row, kind, start, end), in the order of their ends.

    For AT, COLON and IBAN ``end`` equals ``start``: the recogniser finds their extent.
    """
    texts = texts.cast(pa.large_string()).fill_null("")
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = texts.buffers()[2]
    if data is None or not len(texts):
        return np.empty((0, 4), np.int64)
    raw = np.frombuffer(data, np.uint8)
    found = np.empty((64 * len(texts) + 64, 4), np.int64)
    count = _scan(raw, offsets, _CLASSES, found)
    if count > len(found):
        found = np.empty((count, 4), np.int64)
        _scan(raw, offsets, _CLASSES, found)
    return found[:count]


@inlined
def _put(found, count, row, which, start, end):  # type: ignore[no-untyped-def]
    """Add a candidate if there is room; returns the new number of candidates."""
    if count < len(found):
        found[count] = row, which, start, end
    return count + 1


@compiled
def _scan(raw, offsets, classes, found):  # type: ignore[no-untyped-def]
    """Fills ``found`` as far as there is room; returns how many candidates there are."""
    count = 0
    for row in range(len(offsets) - 1):
        stop = offsets[row + 1]
        at = -1  # index of the code point
        digits = dots = gap = number_start = number_end = 0
        dotted = False  # one dot, and nothing else, since the last digit
        most_dots = 0
        hexadecimal = hex_start = 0
        hex_first = 0
        blob = blob_start = blob_digits = blob_letters = blob_lower = 0
        for i in range(offsets[row], stop + 1):
            # the byte after the last one ends all runs
            byte = raw[i] if i < stop else 0
            if 0x80 <= byte < 0xC0:
                # within a code point: only digits of other scripts and a full-width @ matter
                two = raw[i - 1]
                digit = (two == 0xD9 and 0xA0 <= byte <= 0xA9) or (two == 0xDB and 0xB0 <= byte <= 0xB9)
                if i - 2 >= offsets[row] and two == 0xBC and raw[i - 2] == 0xEF:
                    digit = 0x90 <= byte <= 0x99
                    if byte == 0xA0:
                        count = _put(found, count, row, AT, at, at)
                if not digit:
                    continue
                kind = _DIGIT
                if digits and gap:
                    gap -= 1  # its first byte was counted
            else:
                at += 1
                kind = classes[byte]

            if kind & _DIGIT:
                if digits == 0:
                    number_start = at
                    dots = most_dots = 0
                elif gap == 0 or (gap == 1 and dotted):
                    dots += gap
                else:
                    dots = 0
                most_dots = max(most_dots, dots)
                digits += 1
                number_end = at + 1
                gap = 0
                dotted = False
            elif digits:
                # D9 and DB begin a digit of Arabic script, or else a letter, which ends the run below
                if gap < WIDEST_GAP and (kind & _GAP or byte == 0xD9 or byte == 0xDB):
                    gap += 1
                    dotted = gap == 1 and byte == 0x2E
                else:
                    if digits >= LEAST_DIGITS or most_dots >= 3:
                        count = _put(found, count, row, NUMBER, number_start, number_end)
                    digits = gap = 0

            if kind & _BLOB:
                if blob == 0:
                    blob_start = at
                    blob_digits = blob_letters = blob_lower = 0
                blob += 1
                blob_digits += kind & _DIGIT
                blob_letters += (kind & (_UPPER | _LOWER)) != 0
                blob_lower += (kind & _LOWER) != 0
            elif blob:
                if blob >= LEAST_BLOB and blob_letters >= 4 and (blob_digits > 0 or blob_lower == 0):
                    count = _put(found, count, row, BLOB, blob_start, at)
                blob = 0

            start, which = -1, AT
            if kind & _HEX:
                if hexadecimal == 0:
                    hex_start, hex_first = at, byte
                hexadecimal += 1
            else:
                if byte == 0x3A and hexadecimal == 4 and (hex_first == 0x32 or hex_first == 0x33):
                    start, which = hex_start, COLON
                hexadecimal = 0
            if byte == 0x40:
                start, which = at, AT
            elif (byte == 0x29 or byte == 0x5D or byte == 0x7D) and i - 3 >= offsets[row]:
                opening = raw[i - 3]
                if (
                    raw[i - 1] | 0x20 == 0x74
                    and raw[i - 2] | 0x20 == 0x61
                    and (opening == 0x28 or opening == 0x5B or opening == 0x7B)
                ):
                    start, which = at - 3, AT
            elif (
                kind & _DIGIT
                and i - 3 >= offsets[row]
                and classes[raw[i - 1]] & _DIGIT
                and classes[raw[i - 2]] & classes[raw[i - 3]] & _UPPER
            ):
                start, which = at - 3, IBAN
            if start >= 0:
                count = _put(found, count, row, which, start, start)
    return count
