# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code=assignment
"""One look at the sentences, tokens and lines of prose.

Knows code points and their classes. Does not know languages.
"""

from __future__ import annotations

import numpy as np

from stages.code.signals.characters import LOWER, SPACE, UPPER, WORD
from stages.code.signals.kernels import COUNT, NEWLINE, OFFSET, PRIME, class_of, hex_words, in_word
from stages.compiled import compiled, inlined

_FULL_BRACKETS = (0x3010, 0x3011)
_LINK = np.array(list(map(ord, "(http")), np.int64)


@compiled
def prose(codes, classes, bullets, marks, endings, hashes, row):
    """What texts of words are looked at for: sentences, tokens, lines, links and tags.

    ``bullets`` begin a line, ``marks`` end a sentence; ``endings`` is a row for each way that a line breaks
    off."""
    size = codes.size
    row[COUNT.all_hex_chars] = hex_words(codes, classes)
    place = np.int64(0)
    while place < size:  # sentences begin at an edge of a word
        if in_word(codes, classes, place - 1) == in_word(codes, classes, place) or _among(
            codes[place], marks
        ):
            place += 1
            continue
        row[COUNT.sentences] += 1
        place += 1
        while place < size and not _among(codes[place], marks):
            place += 1
        while place < size and _among(codes[place], marks):
            place += 1
    kind, start, upper, lower = 0, 0, False, False
    for place in range(size + 1):
        of = class_of(classes, codes[place]) if place < size else SPACE
        now = 0 if of & SPACE else 1 if of & WORD else 2
        if now != kind:
            if kind:
                row[COUNT.tokens] += 1
                row[COUNT.capital_tokens] += upper and not lower
                row[COUNT.bracket_tokens] += place - start == 1 and codes[start] in _FULL_BRACKETS
            kind, start, upper, lower = now, place, False, False
        upper |= (of & UPPER) != 0
        lower |= (of & LOWER) != 0
    start = lines = np.int64(0)
    for place in range(size):
        if codes[place] != NEWLINE and place + 1 < size:
            continue
        stop = place + 1
        begin, end = start, stop
        while begin < end and class_of(classes, codes[begin]) & SPACE:
            begin += 1
        while end > begin and class_of(classes, codes[end - 1]) & SPACE:
            end -= 1
        state = OFFSET
        for at in range(begin, end):
            state = (state ^ np.uint64(codes[at])) * PRIME
        row[COUNT.prose_line_chars] += end - begin
        if begin < end:
            row[COUNT.bullet_lines] += _among(codes[begin], bullets)
            row[COUNT.more_lines] += _breaks_off(codes, begin, end, endings)
            hashes[0, lines], hashes[1, lines] = state, np.uint64(end - begin)
            lines += 1
        row[COUNT.markup_chars] += _tags(codes, start, stop)
        start = stop
    row[COUNT.prose_lines] = lines
    row[COUNT.markup_chars] += _links(codes, classes)
    return lines


@inlined
def _among(point, points):
    for other in points:
        if point == other:
            return True
    return False


@compiled
def _breaks_off(codes, begin, end, endings):
    while end > begin and codes[end - 1] in (93, 0x3011, 41, 62, 0x300B):
        end -= 1
    for ending in endings:
        size = 0
        while size < ending.size and ending[size]:
            size += 1
        if end - begin >= size:
            same = True
            for offset in range(size):
                same &= codes[end - size + offset] == ending[offset]
            if same:
                return True
    return False


@compiled
def _tags(codes, start, stop):
    """Characters between angle brackets on a line."""
    total, opened = 0, -1
    for place in range(start, stop):
        if codes[place] == 60 and opened < 0:
            opened = place
        elif codes[place] == 62 and opened >= 0:
            total += place + 1 - opened
            opened = -1
    return total


@compiled
def _links(codes, classes):
    """Characters of addresses in parentheses, up to the last closing one before a blank."""
    total, place, size = np.int64(0), np.int64(0), codes.size
    while place < size:
        if codes[place] != 40 or not _exact(codes, place, _LINK):
            place += 1
            continue
        at = place + 5 + (place + 5 < size and codes[place + 5] == 115)
        if at + 3 >= size or codes[at] != 58 or codes[at + 1] != 47 or codes[at + 2] != 47:
            place += 1
            continue
        end, closing = at + 3, -1
        while end < size and not class_of(classes, codes[end]) & SPACE:
            if codes[end] == 41 and end > at + 3:
                closing = end
            end += 1
        if closing > 0:
            total += closing + 1 - place
            place = closing + 1
        else:
            place = end  # nothing in this run closes
    return total


@compiled
def _exact(codes, place, word):
    if place + word.size > codes.size:
        return False
    for offset in range(word.size):
        if codes[place + offset] != word[offset]:
            return False
    return True
