"""Compiled loops of training: counting words, initialising a matrix, gradient descent.

Knows arrays and numbers. Does not know which rows a text has (``kernels.py``), nor how words are ordered.
"""

from __future__ import annotations

import math

import numpy as np

from stages.compiled import allocating, compiled
from stages.fasttext.kernels import (
    EOS,
    LABEL,
    ONE,
    begins,
    features,
    find,
    index,
    mean,
    room,
    softmax,
    token,
)

_MIX_A, _MIX_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_MIX_C, _MIX_D = np.uint64(0x94D049BB133111EB), np.uint64(0xD1342543DE82EF95)


@allocating
def _longer(values):  # type: ignore[no-untyped-def]
    found = np.empty(2 * len(values), np.int64)
    for place in range(len(values)):
        found[place] = values[place]
    return found


@allocating
def count_words(data, starts):  # type: ignore[no-untyped-def]
    """For every distinct word of the texts: where it first occurs, its bytes and its count; and the total
    number of tokens. ``</s>`` and words that look like labels are left out."""
    slots = np.zeros((1 << 16, 2), np.uint64)
    place, size = np.empty(len(slots) // 2, np.int64), np.empty(len(slots) // 2, np.int64)
    count = np.empty(len(slots) // 2, np.int64)
    words = tokens = 0
    for text in range(len(starts) - 1):
        position, stop = starts[text], starts[text + 1]
        while True:
            first, position, number, key = token(data, position, stop)
            if first == stop or (position - first == len(EOS) and begins(data, first, position, EOS)):
                break
            if begins(data, first, position, LABEL):
                continue
            tokens += 1
            slot = find(slots, number, key)
            if slots[slot, 1] != 0:
                count[slots[slot, 1] - ONE] += 1
                continue
            place[words], size[words], count[words] = first, position - first, 1
            words += 1
            slots[slot, 0], slots[slot, 1] = key, words
            if words == len(place):  # half of the slots are taken
                place, size, count = _longer(place), _longer(size), _longer(count)
                slots = np.zeros((2 * len(slots), 2), np.uint64)
                index(data, place[:words], size[:words], slots)
    return place[:words], size[:words], count[:words], tokens


@compiled
def scatter(matrix, seed):  # type: ignore[no-untyped-def]
    """Fill a matrix with uniform numbers from -1 / columns to 1 / columns, determined by their place and the
    seed."""
    flat = matrix.reshape(-1)
    scale = np.float32(2.0 / matrix.shape[1] / (1 << 24))
    for place in range(len(flat)):
        # SplitMix64 (Steele, Lea and Flood 2014) as a function of the place
        value = np.uint64(seed) * _MIX_D + np.uint64(place + 1) * _MIX_A
        value = (value ^ (value >> np.uint64(30))) * _MIX_B
        value = (value ^ (value >> np.uint64(27))) * _MIX_C
        value ^= value >> np.uint64(31)
        flat[place] = np.float32(np.int64(value >> np.uint64(40)) - (1 << 23)) * scale


@allocating
def descend(data, starts, targets, known, input, output, epochs, rate, losses):  # type: ignore[no-untyped-def]
    """Stochastic gradient descent, one text at a time in the order given, with a learning rate that falls
    linearly to zero; the mean loss of each epoch goes to ``losses``."""
    texts, dim, labels = len(starts) - 1, input.shape[1], len(output)
    longest = 0
    for text in range(texts):
        longest = max(longest, starts[text + 1] - starts[text])
    most, tokens = room(longest, known.word_ngrams, known.min_chars, known.max_chars)
    rows, hashes = np.empty(most, np.int64), np.empty(tokens, np.uint64)
    spelled = np.empty(longest + 2, np.uint8)
    hidden, change = np.empty(dim, np.float32), np.empty(dim, np.float32)
    outputs = np.empty(labels, np.float32)
    for epoch in range(epochs):
        total = 0.0
        for text in range(texts):
            count = features(data, starts[text], starts[text + 1], known, rows, hashes, spelled)
            mean(rows, count, input.ctypes.data, dim, hidden)
            for label in range(labels):
                outputs[label] = 0
                for column in range(dim):
                    outputs[label] += hidden[column] * output[label, column]
            softmax(outputs)
            total -= math.log(max(outputs[targets[text]], 1e-5))
            now = rate * (1.0 - (epoch * texts + text) / (epochs * texts))
            for column in range(dim):
                change[column] = 0
            for label in range(labels):
                step = np.float32(now * ((label == targets[text]) - outputs[label]))
                for column in range(dim):
                    change[column] += step * output[label, column]
                    output[label, column] += step * hidden[column]
            for column in range(dim):
                change[column] *= np.float32(1.0 / count)
            for place in range(count):
                row = input[rows[place]]
                for column in range(dim):
                    row[column] += change[column]
        losses[epoch] = total / texts
