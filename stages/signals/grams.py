# mypy: allow-untyped-defs, allow-untyped-calls
"""Repeated n-grams of a text's words, for n from 2 to 10, in time linear in the number of words.

Knows words as hashes and lengths. Does not know characters.

An n-gram can occur twice only if both (n-1)-grams in it do. So for each size only the places are examined
where the size before found two repeated ones side by side. An n-gram is represented by the pair of their
numbers, which is exact: no two n-grams share a number unless two words share a 64-bit hash. Prose has few
repeated pairs and hardly any repeated 5-gram, so all sizes together cost little more than numbering the
words.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled
from stages.text.numbering import number

LARGEST_TOP, LARGEST = 4, 10


@compiled
def repetitions(
    hashes, starts, stops, bounds, greedy, keys, slots, numbers, firsts, counts, places, ends, column, rows
):
    """Characters of the most frequent 2-, 3- and 4-gram, and of repeated 5- to 10-grams: nine columns of
    ``rows`` from ``column`` on.

    The most frequent n-gram (the first of equally frequent ones) counts with the blanks between its words, as
    often as it occurs. Repeated n-grams: with ``greedy`` (datatrove) the scan skips an n-gram that it has met
    before, and blanks do not count. Otherwise (Curator) every second and later occurrence counts, with
    blanks, and overlapping characters count once.
    """
    for text in range(rows.shape[0]):
        first = bounds[text]
        here = count = bounds[text + 1] - first
        ends[0] = 0
        for word in range(count):
            ends[word + 1] = ends[word] + stops[first + word] - starts[first + word]
            places[word] = word
            keys[word] = hashes[first + word]
        number(keys, count, slots, numbers, firsts, counts)
        for n in range(2, min(LARGEST, count) + 1):
            here = _keep_repeated(places, numbers, counts, here)
            pairs = np.int64(0)
            for item in range(here - 1):
                if places[item + 1] == places[item] + 1:
                    keys[pairs] = np.uint64(numbers[item]) << np.uint64(32) | np.uint64(numbers[item + 1])
                    places[pairs] = places[item]
                    pairs += 1
            here = pairs
            found = number(keys, pairs, slots, numbers, firsts, counts)
            if n <= LARGEST_TOP:
                best, place = 1, 0
                for gram in range(found):
                    if counts[gram] > best:
                        best, place = counts[gram], places[firsts[gram]]
                rows[text, column + n - 2] = best * (ends[place + n] - ends[place] + n - 1)
            else:
                rows[text, column + n - 2] = _repeated(places, numbers, here, n, ends, counts, greedy)


@compiled
def _keep_repeated(places, numbers, counts, count):
    """Move items that occur more than once to the front; returns how many there are."""
    kept = 0
    for item in range(count):
        if abs(counts[numbers[item]]) > 1:
            places[kept], numbers[kept] = places[item], numbers[item]
            kept += 1
    return kept


@compiled
def _repeated(places, numbers, here, n, ends, counts, greedy):
    """Characters of repeated n-grams; an n-gram that was met is marked by a negative count."""
    chars, free = 0, 0
    for item in range(here):
        place, gram = places[item], numbers[item]
        if abs(counts[gram]) < 2 or (greedy and place < free):
            continue
        if counts[gram] > 0:
            counts[gram] = -counts[gram]
            continue
        begin = max(place, free)
        chars += ends[place + n] - ends[begin]
        if not greedy:
            chars += min(place + n - begin, n - 1)
        free = place + n
    return chars
