# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code=assignment
"""What of a text repeated words make up.

Knows hashes and lengths of words. Does not know what a word is.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import allocating
from stages.text.numbering import number

LARGEST, LARGEST_TOP = 10, 4


@allocating
def repetitions(hashes, lengths, count, slots, out):
    """Of the words of a text: characters of the most frequent 2-, 3- and 4-gram, as often as it occurs (the
    first of several; 0 if none occurs twice), and of all words in 5- to 10-grams that occur more than once,
    each word once: ``out[0:9]``; then ``out[9]`` distinct words. Entropy of words in nats: the value."""
    keys, numbers = np.empty(count, np.uint64), np.empty(count, np.int64)
    firsts, counts, places = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    ends = np.zeros(count + 1, np.int64)
    out[:10] = 0
    for word in range(count):
        ends[word + 1] = ends[word] + lengths[word]
        places[word], keys[word] = word, hashes[word]
    found = number(keys, count, slots, numbers, firsts, counts)
    out[9] = found
    entropy = 0.0
    for word in range(found):
        share = counts[word] / count
        entropy -= share * np.log(share)
    here = count
    for n in range(2, min(LARGEST, count) + 1):
        kept = np.int64(0)  # what is repeated is made of what is
        for item in range(here):
            if counts[numbers[item]] > 1:
                places[kept], numbers[kept] = places[item], numbers[item]
                kept += 1
        pairs = np.int64(0)
        for item in range(kept - 1):
            if places[item + 1] == places[item] + 1:
                keys[pairs] = np.uint64(numbers[item]) << np.uint64(32) | np.uint64(numbers[item + 1])
                places[pairs] = places[item]
                pairs += 1
        here = pairs
        found = number(keys, here, slots, numbers, firsts, counts)
        if n <= LARGEST_TOP:
            best, place = 1, 0
            for gram in range(found):
                if counts[gram] > best:
                    best, place = counts[gram], places[firsts[gram]]
            if best > 1:
                out[n - 2] = best * (ends[place + n] - ends[place])
        else:
            free = 0
            for item in range(here):
                if counts[numbers[item]] > 1:
                    place = places[item]
                    out[n - 2] += ends[place + n] - ends[max(place, free)]
                    free = place + n
    return entropy
