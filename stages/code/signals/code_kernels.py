# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code=assignment
"""One look at the code of a text and at what its strings hold, one at its comments.

Knows code points and their classes. Does not know what is code and what is comment: ``split`` does.
"""

from __future__ import annotations

import numpy as np

from stages.code.signals.characters import SPACE, WORD
from stages.code.signals.kernels import COUNT, NEWLINE, OFFSET, PRIME, class_of, hex_words, lower, stands
from stages.compiled import compiled

_ASSERT, _TODO, _FIXME, _HERE = (
    np.array(list(map(ord, word)), np.int64) for word in ("assert", "todo", "fixme", "your code here")
)


@compiled
def code(codes, classes, hashes, quotes, row):
    """Lines of code, and what their strings hold.

    ``hashes`` has room for one a line; the lowest bit is set where a line can repeat another: not in lines of
    one character, nor in closing brackets with a comma. ``quotes`` has room for four places."""
    size = codes.size
    row[COUNT.code_chars] = size
    start = lines = np.int64(0)
    for place in range(size):
        if codes[place] != NEWLINE and place + 1 < size:
            continue
        stop = place + 1
        state, length, asserts, last = OFFSET, 0, False, 0
        for at in range(start, stop):
            point = codes[at]
            if not class_of(classes, point) & SPACE:
                state = (state ^ np.uint64(point)) * PRIME
                length += 1
                last = (last << 8 | min(point, 255)) & 0xFFFF
            if not asserts and lower(point) == 97 and stands(codes, at, stop, _ASSERT):
                asserts = True
        if length:
            # the lowest bit says whether it counts as a repetition
            trivial = length == 1 or (length == 2 and last == (125 << 8 | 44))
            hashes[lines] = (state | np.uint64(1)) ^ np.uint64(trivial)
            lines += 1
            row[COUNT.assert_lines] += asserts
            row[COUNT.concat_lines] += _concatenates(codes, classes, start, stop)
        start = stop
    row[COUNT.code_lines] = lines
    row[COUNT.hex_chars] = hex_words(codes, classes)
    _strings(codes, classes, quotes, row)
    return lines


@compiled
def _concatenates(codes, classes, start, stop):
    """Whether a line has ``= "…" + "…"``: a machine that is in several states at a time, one bit each."""
    state = 0
    for place in range(start, stop):
        point = codes[place]
        if point == NEWLINE:
            break
        blank = (class_of(classes, point) & SPACE) != 0
        quote = point == 34 or point == 39
        following = 1 if point == 61 else 0  # after =
        if state:
            if state & 1:
                following |= 1 if blank else 2 if quote else 0
            if state & 2:
                following |= 4  # one character of the first string
            if state & 4:
                following |= 4 | (8 if quote else 0)
            if state & 8:
                following |= 8 if blank else 16 if point == 43 else 0
            if state & 16:
                following |= 16 if blank else 32 if quote else 0
            if state & 32:
                following |= 64
            if state & 64:
                if quote:
                    return True
                following |= 64
        state = following
    return False


@compiled
def _strings(codes, classes, last, row):
    """Strings as OpenCoder finds them: between three quotes or one, the next of the kind ends it. First
    strings of one quote that may go on over lines, for their long lines; then those that may not, for their
    characters."""
    size = codes.size
    last[:] = -1  # of ''' """ ' "
    for place in range(size):
        point = codes[place]
        if point == 39 or point == 34:
            single = 2 if point == 39 else 3
            last[single] = place
            if place + 2 < size and codes[place + 1] == point and codes[place + 2] == point:
                last[single - 2] = place
    for across in (True, False):
        place = np.int64(0)
        while place < size:
            point = codes[place]
            if point != 39 and point != 34:
                place += 1
                continue
            single = 2 if point == 39 else 3
            triple = place + 2 < size and codes[place + 1] == point and codes[place + 2] == point
            begin, end = place, -1
            if triple and last[single - 2] >= place + 3:
                begin = place + 3
                end = begin
                while not (codes[end] == point and codes[end + 1] == point and codes[end + 2] == point):
                    end += 1
                after = end + 3
            elif last[single] > place:
                begin = place + 1
                end = begin
                while codes[end] != point and (across or codes[end] != NEWLINE):
                    end += 1
                after = end + 1
                if codes[end] != point:
                    end = -1
            if end < 0:
                place += 1
                continue
            if across:
                row[COUNT.long_string_lines] += _long_lines(codes, classes, begin, end)
            else:
                row[COUNT.string_chars] += end - begin
                row[COUNT.long_word_chars] += _long_words(codes, classes, begin, end)
            place = after


@compiled
def _long_lines(codes, classes, begin, end):
    """Lines of a string of more than 20 tokens."""
    long, tokens, kind = 0, 0, 0
    for place in range(begin, end + 1):
        point = codes[place] if place < end else NEWLINE
        of = class_of(classes, point)
        now = 0 if of & SPACE else 1 if of & WORD else 2
        tokens += now != kind and now != 0
        kind = now
        if point == NEWLINE:
            long += tokens > 20
            tokens = 0
    return long


@compiled
def _long_words(codes, classes, begin, end):
    """Characters of a string in words of more than 20, addresses aside."""
    total, start = 0, begin
    for place in range(begin, end + 1):
        if place == end or class_of(classes, codes[place]) & SPACE:
            if place - start > 20 and not _has_address(codes, start, place):
                total += place - start
            start = place + 1
    return total


@compiled
def _has_address(codes, start, stop):
    for place in range(start + 4, stop - 3):
        if codes[place] == 58 and codes[place + 1] == 47 and codes[place + 2] == 47:
            end = place
            if codes[end - 1] == 115:  # s
                end -= 1
            if (
                end - 4 >= start and codes[end - 4] == 104 and codes[end - 3] == 116
                and codes[end - 2] == 116 and codes[end - 1] == 112
            ):  # fmt: skip
                return True
    return False


@compiled
def prompts(codes, row):
    """Lines of comments that ask for work: todo, fixme, your code here."""
    met = False
    for place in range(codes.size):
        point = lower(codes[place])
        if point == NEWLINE:
            met = False
        elif not met and (
            (point == 116 and stands(codes, place, codes.size, _TODO))
            or (point == 102 and stands(codes, place, codes.size, _FIXME))
            or (point == 121 and stands(codes, place, codes.size, _HERE))
        ):  # fmt: skip
            met = True
            row[COUNT.prompt_lines] += 1
