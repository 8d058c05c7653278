"""The compiled loops over tokens and lines of documents: fingerprints, windows, spans, lines.

Knows bytes, code points and hashes. The modules that call the loops say what the results mean: ``winnow``,
``spans``, ``lines``.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import allocating, compiled
from stages.dedup.tokens import SEED_A, SEED_B, mix, tokenize
from stages.text.characters import BLANK, IGNORED, decode, look_up

_LINE_BREAK = 10

# Odd constants of the hash of grams, and of the order in which these are selected.
_BASE = np.uint64(0x9FB21C651E98DF25)
_ORDER = np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)


@compiled
def _grams(hashes, count, size, order, values):  # type: ignore[no-untyped-def]
    """Hash of every ``size`` consecutive tokens, and the value that it is ordered by. The two are
    independent, so that the selected hashes are spread over all values."""
    power = np.uint64(1)
    for _ in range(size):
        power *= _BASE
    value = np.uint64(0)
    for index in range(count):
        value = value * _BASE + hashes[index]
        if index >= size:
            value -= hashes[index - size] * power
        if index >= size - 1:
            scrambled = (value ^ value >> _HALF) * _ORDER
            order[index - size + 1] = scrambled ^ scrambled >> _HALF
            values[index - size + 1] = value
    return count - size + 1


@compiled
def _smallest(order, start, width, last):  # type: ignore[no-untyped-def]
    """Index of the leftmost minimum of ``order[start:start + width]``, given that of the previous window (or
    -1)."""
    if last >= start:
        new = start + width - 1
        return new if order[new] < order[last] else last
    last = start
    for index in range(start + 1, start + width):
        if order[index] < order[last]:
            last = index
    return last


@allocating
def fingerprints(data, starts, table, size, tokens, rows, keys):  # type: ignore[no-untyped-def]
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    hashes = np.empty(longest, np.uint64)
    order, values = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    none, nowhere = np.empty(0, np.uint64), np.empty(0, np.int64)
    width, found = tokens - size + 1, 0
    for row in range(len(starts) - 1):
        count = tokenize(data, starts[row], starts[row + 1], table, hashes, none, nowhere, nowhere)
        if count < tokens:
            continue
        _grams(hashes, count, size, order, values)
        last = before = -1
        for start in range(count - tokens + 1):
            last = _smallest(order, start, width, last)
            if last != before:
                rows[found], keys[found] = row, values[last]
                found += 1
                before = last
    return found


@allocating
def windows(data, starts, table, size, tokens, places, wanted, rows, offsets, high, low):  # type: ignore[no-untyped-def]
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    first, second = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    order, values = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    nowhere = np.empty(0, np.int64)
    width, found = tokens - size + 1, 0
    for row in range(len(starts) - 1):
        some = wanted[places[row] : places[row + 1]]
        if len(some) == 0:
            continue
        count = tokenize(data, starts[row], starts[row + 1], table, first, second, nowhere, nowhere)
        _grams(first, count, size, order, values)
        last, before, shared = -1, -1, False
        for start in range(count - tokens + 1):
            last = _smallest(order, start, width, last)
            if last != before:
                shared = _is_among(some, values[last])
                before = last
            if shared:
                a, b = SEED_A, SEED_B
                for index in range(start, start + tokens):
                    a, b = mix(a, b, first[index], second[index])
                rows[found], offsets[found], high[found], low[found] = row, start, a, b
                found += 1
    return found


@allocating
def spans(data, starts, table, places, first, stop, rows, begin, end, tokens, totals):  # type: ignore[no-untyped-def]
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    hashes, none = np.empty(longest, np.uint64), np.empty(0, np.uint64)
    begins, ends = np.empty(longest, np.int64), np.empty(longest, np.int64)
    found = 0
    for row in range(len(starts) - 1):
        if places[row] == places[row + 1]:
            continue
        count = tokenize(data, starts[row], starts[row + 1], table, hashes, none, begins, ends)
        totals[row] = count
        change = np.zeros(count + 1, np.int64)
        for place in range(places[row], places[row + 1]):
            change[first[place]] += 1
            change[stop[place]] -= 1
        depth = 0
        for index in range(count):
            before = depth
            depth += change[index]
            if depth and not before:
                rows[found], begin[found], tokens[found] = row, begins[index], 0
                found += 1
            if depth:
                end[found - 1] = ends[index]
                tokens[found - 1] += 1
    return found


@compiled
def _is_among(ordered, value):  # type: ignore[no-untyped-def]
    first, stop = 0, len(ordered)
    while first < stop:
        middle = (first + stop) // 2
        if ordered[middle] < value:
            first = middle + 1
        else:
            stop = middle
    return first < len(ordered) and ordered[first] == value


@compiled
def find_lines(data, starts, table, breaks, least, rows, high, low, begin, end):  # type: ignore[no-untyped-def]
    found = 0
    for row in range(len(starts) - 1):
        index, stop, number = starts[row], starts[row + 1], 0
        # of the line so far: how many characters are compared, where it begins and ends, and the line breaks
        # and blanks after it; of the next line: where the ignored characters before it begin
        chars, first, last = 0, 0, 0
        broken, blank, ignored = 0, False, -1
        a, b = SEED_A, SEED_B
        while index < stop:
            point, index = decode(data, index, stop)
            number += 1
            now, _ = look_up(table, point)
            fresh = broken >= breaks or chars == 0
            if now == BLANK:
                blank = True
                if point == _LINE_BREAK:
                    broken, ignored = broken + 1, -1
                continue
            if fresh and now == IGNORED:
                if ignored < 0:
                    ignored = number - 1
                continue
            if fresh:
                if chars >= least:
                    rows[found], high[found], low[found], begin[found], end[found] = row, a, b, first, last
                    found += 1
                chars, first = 0, number - 1 if ignored < 0 else ignored
                a, b = SEED_A, SEED_B
            elif blank:
                a, b = mix(a, b, np.uint64(32), np.uint64(32))
                chars += 1
            broken, blank, ignored = 0, False, -1
            value = np.uint64(point)
            a, b = mix(a, b, value, value)
            chars, last = chars + 1, number
        if chars >= least:
            rows[found], high[found], low[found], begin[found], end[found] = row, a, b, first, last
            found += 1
    return found
