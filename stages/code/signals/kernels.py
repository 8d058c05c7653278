# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code=assignment
"""One look at the characters of a text, one at its words, one at the code in it, one at its comments, one at
prose.

Knows code points and their classes. Does not know languages: what is code and what is comment comes from
``split``.

Counts go into ``COUNT`` fields of a row; ``table`` says what is made of them. Every loop takes time in
proportion to the text, whatever the text is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.code.signals.characters import ALPHA, DIGIT, SPACE, TABLED, WORD
from stages.compiled import compiled, inlined


class Count(NamedTuple):
    """Places of counts in a row."""

    chars: int = 0
    lines: int = 1
    longest_line: int = 2
    letters: int = 3
    digits: int = 4
    blanks: int = 5
    replacements: int = 6
    encoded_chars: int = 7
    longest_encoded: int = 8
    words: int = 9
    word_chars: int = 10
    top_2gram: int = 11  # and 3, 4, and repeated 5 to 10: nine places
    distinct_words: int = 20
    code_chars: int = 21
    code_lines: int = 22
    repeated_lines: int = 23
    assert_lines: int = 24
    concat_lines: int = 25
    string_chars: int = 26
    long_string_lines: int = 27
    long_word_chars: int = 28
    hex_chars: int = 29
    comment_chars: int = 30
    prompt_lines: int = 31
    sentences: int = 32
    tokens: int = 33
    capital_tokens: int = 34
    bracket_tokens: int = 35
    more_lines: int = 36
    bullet_lines: int = 37
    prose_lines: int = 38
    repeated_prose_lines: int = 39
    prose_line_chars: int = 40
    repeated_prose_chars: int = 41
    markup_chars: int = 42
    all_hex_chars: int = 43
    curly: int = 44
    alphanumerics: int = 45


COUNT = Count()
WIDTH = max(COUNT) + 1

OFFSET, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_MIX, _SHIFT = np.uint64(0xFF51AFD7ED558CCD), np.uint64(33)
NEWLINE, _FULL_BRACKETS = 10, (0x3010, 0x3011)


@inlined
def class_of(classes, point):
    return classes[min(point, TABLED)]


@inlined
def lower(point):
    return point + 32 if 65 <= point <= 90 else point


@inlined
def is_hex(point):
    return 48 <= point <= 57 or 65 <= point <= 70 or 97 <= point <= 102


@compiled
def stands(codes, place, stop, word):
    """Whether a word in lower case stands here, in any case of ASCII letters."""
    if place + word.size > stop:
        return False
    for offset in range(word.size):  # noqa: SIM110
        if lower(codes[place + offset]) != word[offset]:
            return False
    return True


@compiled
def characters(codes, classes, row):
    """Characters, lines and encoded data of a text."""
    size = codes.size
    row[COUNT.chars] = size
    start = np.int64(0)
    for place in range(size):
        point = codes[place]
        kind = class_of(classes, point)
        row[COUNT.letters] += (kind & ALPHA) != 0
        row[COUNT.alphanumerics] += (kind & WORD) != 0 and point != 95
        row[COUNT.digits] += (kind & DIGIT) != 0
        row[COUNT.blanks] += (kind & SPACE) != 0
        row[COUNT.replacements] += point == 0xFFFD
        row[COUNT.curly] += point == 123 or point == 125
        if point == NEWLINE:
            row[COUNT.lines] += 1
            row[COUNT.longest_line] = max(row[COUNT.longest_line], place + 1 - start)
            start = place + 1
    if start < size:
        row[COUNT.lines] += 1
        row[COUNT.longest_line] = max(row[COUNT.longest_line], size - start)
    _encoded(codes, classes, row)


@compiled
def _met(row, length):
    row[COUNT.encoded_chars] += length
    row[COUNT.longest_encoded] = max(row[COUNT.longest_encoded], length)


@compiled
def _encoded(codes, classes, row):
    """Base64 (64 of its characters and line feeds in a row), bytes in hexadecimal and escapes of Unicode (8
    in a row), as three patterns whose matches may overlap."""
    size = codes.size
    run = np.int64(0)
    for place in range(size + 1):
        point = codes[place] if place < size else 0
        if (
            48 <= point <= 57 or 65 <= point <= 90 or 97 <= point <= 122
            or point == 43 or point == 47 or point == NEWLINE or point == 61
        ):  # fmt: skip
            run += 1
        else:
            if run >= 64:
                _met(row, run)
            run = 0
    place = np.int64(0)
    while place < size:
        point = codes[place]
        end = place
        if is_hex(point) or point == 92:
            end = _hex_bytes(codes, classes, place)
            if end > place:
                _met(row, end - place)
        if end == place and point == 92:
            end = _escapes(codes, place)
            if end > place:
                _met(row, end - place)
        place = max(end, place + 1)


@inlined
def in_word(codes, classes, place):
    return 0 <= place < codes.size and (class_of(classes, codes[place]) & WORD) != 0


@compiled
def _hex_bytes(codes, classes, start):
    """Where eight or more bytes in hexadecimal end that start here; ``start`` if there are fewer."""
    place, units, end, size = start, 0, start, codes.size
    while True:
        if in_word(codes, classes, place - 1) == in_word(codes, classes, place):
            break
        here = place
        if here + 1 < size and (
            (codes[here] == 48 and codes[here + 1] == 120) or (codes[here] == 92 and codes[here + 1] == 120)
        ):
            here += 2
        if here + 1 >= size or not is_hex(codes[here]) or not is_hex(codes[here + 1]):
            break
        here += 2
        if here < size and codes[here] == 44:
            here += 1
        elif in_word(codes, classes, here):
            break
        else:
            while here < size and (class_of(classes, codes[here]) & SPACE) != 0:
                here += 1
        units += 1
        place = end = here
    return end if units >= 8 else start


@compiled
def _escapes(codes, start):
    place, units = start, 0
    while place + 6 <= codes.size and codes[place] == 92 and codes[place + 1] == 117:
        if not (
            is_hex(codes[place + 2]) and is_hex(codes[place + 3])
            and is_hex(codes[place + 4]) and is_hex(codes[place + 5])
        ):  # fmt: skip
            break
        place += 6
        units += 1
    return place if units >= 8 else start


@compiled
def words(codes, classes, plain, is_plain, hashes, lengths):
    """Hashes and lengths of the words of a text in its normal form, and how many there are: runs of letters,
    digits and underscores, and runs of what is neither these nor blanks. ``is_plain``: a text of ASCII, not
    yet in that form."""
    found, kind = 0, 0  # 1: letters and the like; 2: signs
    state, length = OFFSET, 0
    for place in range(codes.size + 1):
        point = 32
        if place < codes.size:
            point = np.int64(codes[place])
            if is_plain:
                point = np.int64(plain[point])
                if point == 255:
                    continue
        of = class_of(classes, point)
        now = 0 if of & SPACE else 1 if of & WORD else 2
        if now != kind:
            if kind:
                state = (state ^ state >> _SHIFT) * _MIX
                hashes[found], lengths[found] = state ^ state >> _SHIFT, length
                found += 1
            state, length, kind = OFFSET, 0, now
        if now:
            state = (state ^ np.uint64(point)) * PRIME
            length += 1
    return found


@compiled
def hex_words(codes, classes):
    """Characters of words like 0x1F."""
    total, place, size = np.int64(0), np.int64(0), codes.size
    while place + 2 < size:
        if (
            codes[place] == 48
            and (codes[place + 1] == 120 or codes[place + 1] == 88)
            and not in_word(codes, classes, place - 1)
        ):
            end = place + 2
            while end < size and is_hex(codes[end]):
                end += 1
            if end > place + 2 and not in_word(codes, classes, end):
                total += end - place
            place = end
        else:
            place += 1
    return total
