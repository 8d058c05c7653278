# mypy: allow-untyped-defs, allow-untyped-calls
"""Numbers distinct 64-bit keys, such as the hashes of a text's words, by when they first occur.

Knows keys. Does not know what they stand for.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled

_SPREAD, _ONE, _HALF = np.uint64(0xD6E8FEB86659FD93), np.uint64(1), np.uint64(32)


@compiled
def number(keys, count, slots, numbers, firsts, counts):
    """Number keys in the order in which they first occur; returns how many numbers there are.

    ``numbers[i]`` is the number of key ``i``; ``firsts`` and ``counts`` hold, for each number, where it first
    occurs and how often. ``slots`` has room for the smallest power of two that is at least 16 and at least
    twice ``count``.
    """
    size = 16
    while size < 2 * count:
        size *= 2
    for slot in range(size):
        slots[slot] = -1
    mask = np.uint64(size - 1)
    found = 0
    for item in range(count):
        key = keys[item]
        slot = (key * _SPREAD >> _HALF) & mask
        while slots[slot] >= 0 and keys[slots[slot]] != key:
            slot = (slot + _ONE) & mask
        if slots[slot] < 0:
            slots[slot] = item
            numbers[item] = found
            firsts[found], counts[found] = item, 1
            found += 1
        else:
            numbers[item] = numbers[slots[slot]]
            counts[numbers[item]] += 1
    return found
