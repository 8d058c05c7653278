"""The compiled loops over the UTF-8 of documents: tokens, fingerprints, windows, spans, lines.

One module, because they call one another.

Knows bytes, code points and hashes. What the results mean is said where the loops are called: ``tokens``,
``winnow``, ``spans``, ``lines``.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled

#: Classes of characters, in the upper 8 bits of an entry of ``tokens.table``.
BLANK, PUNCTUATION, WORD, LETTER, MARK, SYMBOL, IGNORED = range(7)
CLASS, _FOLDED = 24, 0x1FFFFF

#: The table covers planes 0 and 1; planes 2 and 3 are Han, what is above is not compared.
TABLED = 0x20000
_HAN = 0x40000

_LINE_BREAK = 10

# Odd constants: multipliers of splitmix64 (Steele et al. 2014) and of MurmurHash3's 64-bit finaliser, and the
# fraction of the golden ratio and of pi.
_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0xC4CEB9FE1A85EC53)
_SEED_A = np.uint64(0x9E3779B97F4A7C15)
_SEED_B = np.uint64(0x243F6A8885A308D3)
_BASE = np.uint64(0x9FB21C651E98DF25)
_ORDER = np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)
_SHIFT = np.uint64(29)


@compiled
def decode(data, index, stop):  # type: ignore[no-untyped-def]
    """The code point at a byte, and the byte after it. Broken UTF-8 is U+FFFD, byte by byte."""
    lead = np.int64(data[index])
    if lead < 0x80:
        return lead, index + 1
    if 0xC0 <= lead < 0xE0 and index + 2 <= stop:
        return (lead & 0x1F) << 6 | np.int64(data[index + 1]) & 0x3F, index + 2
    if 0xE0 <= lead < 0xF0 and index + 3 <= stop:
        point = (lead & 0xF) << 12 | (np.int64(data[index + 1]) & 0x3F) << 6
        return point | np.int64(data[index + 2]) & 0x3F, index + 3
    if lead >= 0xF0 and index + 4 <= stop:
        point = (lead & 0x7) << 18 | (np.int64(data[index + 1]) & 0x3F) << 12
        return point | (np.int64(data[index + 2]) & 0x3F) << 6 | np.int64(data[index + 3]) & 0x3F, index + 4
    return np.int64(0xFFFD), index + 1


@compiled
def look_up(table, point):  # type: ignore[no-untyped-def]
    """Class of a code point, and the code point it is compared as."""
    if point < TABLED:
        entry = np.int64(table[point])
        return entry >> CLASS, entry & _FOLDED
    return (LETTER if point < _HAN else BLANK), point


@compiled
def mix(a, b, x, y):  # type: ignore[no-untyped-def]
    """Two independent 64-bit hashes of sequences, each one value further. The step is a bijection of the hash
    before: sequences that part in their last value only never have the same hash."""
    a = (a ^ x) * _A
    b = (b ^ y) * _B
    return a ^ a >> _HALF, b ^ b >> _SHIFT


@compiled
def tokenize(data, start, stop, table, first, second, begins, ends):  # type: ignore[no-untyped-def]
    """Tokens of ``data[start:stop]``; returns how many. Each output has room for as many as there are
    bytes, or for none where it is not wanted: two 64-bit hashes of each token, and the code points, counted
    from ``start``, where it begins and ends."""
    hashed, placed = len(second) > 0, len(begins) > 0
    count, kind, number, index = 0, BLANK, 0, start
    a, b = _SEED_A, _SEED_B
    while index < stop:
        point, index = decode(data, index, stop)
        number += 1
        now, folded = look_up(table, point)
        if now == IGNORED:
            if kind != BLANK and placed:
                ends[count - 1] = number
            continue
        if now <= PUNCTUATION:
            # a run of symbols goes on after it, nothing else does
            if kind != SYMBOL:
                kind = BLANK
            continue
        if now == MARK:
            now = kind if kind != BLANK else WORD
        elif now == LETTER or now != kind:
            kind = BLANK
        if kind == BLANK:
            kind = now
            a, b = _SEED_A, _SEED_B
            if placed:
                begins[count] = number - 1
            count += 1
        a, b = mix(a, b, np.uint64(folded), np.uint64(folded))
        first[count - 1] = a
        if hashed:
            second[count - 1] = b
        if placed:
            ends[count - 1] = number
    return count


@compiled
def _grams(hashes, count, size, order, values):  # type: ignore[no-untyped-def]
    """Hash of every ``size`` tokens in a row, and what it is ordered by: apart from the hash itself, so that
    the selected hashes are spread over all values."""
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
    """Leftmost smallest of ``order[start:start + width]``, given that of the window one before (or -1)."""
    if last >= start:
        new = start + width - 1
        return new if order[new] < order[last] else last
    last = start
    for index in range(start + 1, start + width):
        if order[index] < order[last]:
            last = index
    return last


@compiled
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


@compiled
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
                place = np.searchsorted(some, values[last])
                shared = place < len(some) and some[place] == values[last]
                before = last
            if shared:
                a, b = _SEED_A, _SEED_B
                for index in range(start, start + tokens):
                    a, b = mix(a, b, first[index], second[index])
                rows[found], offsets[found], high[found], low[found] = row, start, a, b
                found += 1
    return found


@compiled
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
def find_lines(data, starts, table, breaks, least, rows, high, low, begin, end):  # type: ignore[no-untyped-def]
    found = 0
    for row in range(len(starts) - 1):
        index, stop, number = starts[row], starts[row + 1], 0
        # of the line so far: characters compared, where it begins and ends; line breaks and blanks after it;
        # and of the next where the ignored characters begin that are before it
        chars, first, last = 0, 0, 0
        broken, blank, ignored = 0, False, -1
        a, b = _SEED_A, _SEED_B
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
                a, b = _SEED_A, _SEED_B
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
