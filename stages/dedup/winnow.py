"""Winnowing (Schleimer, Wilkerson and Aiken 2003): few fingerprints of a text, and none of a shared passage missed.

A text of tokens t1 t2 t3 … has a hash for every k tokens in a row (a k-gram). Of every w neighbouring hashes
the smallest is selected (in the order of a scrambled value, the leftmost of equal ones): on average one
of (w + 1) / 2. A passage of k + w - 1 tokens has w k-grams, so a selected one; which one depends on the passage
alone, so it is the same wherever the passage stands. Two texts that share a passage of that length share the
hash of a selected k-gram. So do two passages in one text: the leftmost smallest of both has the same place within
each, hence two places in the text.

Knows hashes of tokens. Does not know documents beyond where each starts, nor what a shared passage means.
"""

from __future__ import annotations

from typing import Any, NamedTuple


import numpy as np
import numpy.typing as npt

from stages.dedup.intrinsics import compiled
from stages.dedup.tokens import SEED_A, SEED_B, mix, table, tokenize

_BASE = np.uint64(0x9FB21C651E98DF25)
_ORDER = np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)


class Windows(NamedTuple):
    """Passages of exactly the least length: where they start, and a hash of their tokens."""

    row: npt.NDArray[np.uint32]  # index of the text
    offset: npt.NDArray[np.uint32]  # token that the passage starts with
    high: npt.NDArray[np.uint64]  # 128 bits, in two independent halves
    low: npt.NDArray[np.uint64]


def gram_size(tokens: int) -> int:
    """k for passages of ``tokens`` tokens; w is ``tokens`` - k + 1.

    A longer gram is rarer in other contexts, a wider window selects fewer. Half of the passage is the
    measured compromise (``benchmarks/passages.py --grams``)."""
    return max(1, tokens // 2)


def fingerprints(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], tokens: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
    """Row and fingerprint of what is selected from each text (``tokens.utf8``) for passages of ``tokens``
    tokens, sorted. A fingerprint is there twice for a row if it is selected in two places or more."""
    rows, keys = _empty(starts, np.uint32), _empty(starts, np.uint64)
    count = _fingerprints(data, starts, table(), gram_size(tokens), tokens, rows, keys)
    rows, keys = rows[:count], keys[:count]
    order = np.lexsort((keys, rows))
    rows, keys = rows[order], keys[order]
    third = np.zeros(count, bool)
    third[2:] = (rows[2:] == rows[:-2]) & (keys[2:] == keys[:-2])
    return rows[~third], keys[~third]


def windows(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    tokens: int,
    rows: npt.NDArray[np.uint32],
    keys: npt.NDArray[np.uint64],
) -> Windows:
    """All passages of ``tokens`` tokens whose own selected fingerprint is among ``keys`` of their text.
    ``rows`` (sorted) says which text each key is of; keys are sorted within a row."""
    size = int(np.diff(starts)[np.unique(rows)].sum())
    found = Windows(*(np.empty(size, kind) for kind in (np.uint32, np.uint32, np.uint64, np.uint64)))
    places = np.searchsorted(rows, np.arange(len(starts), dtype=np.uint32))
    count = _windows(data, starts, table(), gram_size(tokens), tokens, places, keys, *found)
    return Windows(*(column[:count].copy() for column in found))


def _empty(starts: npt.NDArray[np.int64], kind: Any) -> npt.NDArray[Any]:
    # as many as there are bytes: more than ever needed, but what is not written to takes no memory
    return np.empty(int(starts[-1] - starts[0]), kind)


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
def _fingerprints(data, starts, table, size, tokens, rows, keys):  # type: ignore[no-untyped-def]
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    hashes, order, values = (
        np.empty(longest, np.uint64),
        np.empty(longest, np.uint64),
        np.empty(longest, np.uint64),
    )
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
def _windows(data, starts, table, size, tokens, places, wanted, rows, offsets, high, low):  # type: ignore[no-untyped-def]
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
                a, b = SEED_A, SEED_B
                for index in range(start, start + tokens):
                    a, b = mix(a, b, first[index], second[index])
                rows[found], offsets[found], high[found], low[found] = row, start, a, b
                found += 1
    return found
