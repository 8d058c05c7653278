"""The loops of scoring: the entries of a dictionary, the rows of a text, the probabilities of labels.

**From a text to rows of the input matrix**, as the library does it (its ``src/dictionary.cc``):

- Tokens end only at ASCII white space and at NUL. Every text ends with the token ``</s>``; if it occurs in
  the text itself, the text ends there. Line breaks are ordinary white space; callers of the library, which
  takes one line, get the same by replacing them.
- A word of the dictionary has the row of its number. Labels, and words that look like one, are ignored.
- Character n-grams (``max_chars`` above 0) of ``<word>``: row ``words + hash % buckets``.
- Word n-grams of two and more neighbours, whether the dictionary has them or not: the hashes of the words
  as *signed* numbers, ``h = h * 116049371 + next`` modulo 2^64, row ``words + h % buckets``.
- The hash is FNV-1a of 32 bits, except that a byte over 127 counts as a negative number.

A word is looked up by a second hash, of 64 bits, and its bytes are not compared, which would mean waiting for
three more memory accesses: of 10^12 words that are not in a dictionary of four million, 0.2 are expected to
be mistaken for one that is.

The text is the mean of its rows. Sums are computed in a fixed order, and the exponential function is
implemented here instead of taken from the C library, so the results are the same on every machine.

Knows arrays and numbers. Does not know files, Arrow or what a label means.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.compiled import allocating, compiled, inlined
from stages.fasttext.intrinsics import load_float, prefetch

#: Values of ``Lookup.loss`` that the kernels distinguish.
TREE, SOFTMAX, EACH = 0, 1, 2

_SHORT_START, _SHORT_PRIME = np.uint64(2166136261), np.uint64(16777619)
_LONG_START, _LONG_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
_NEGATIVE = np.uint64(0xFFFFFF00)
_LOW = np.uint64(0xFFFFFFFF)
ONE = np.uint64(1)
_WORD_NGRAM = np.uint64(116049371)
EOS = np.frombuffer(b"</s>", np.uint8)
LABEL = np.frombuffer(b"__label__", np.uint8)
#: Number of rows that are prefetched ahead of the one that is added.
_AHEAD = 12

#: The library's table of the logistic function, 512 steps from -8 to 8; models were trained with these steps.
_STEPS, _RANGE = 512, np.float32(8)
_LOGISTIC = (1 / (1 + np.exp(8 - np.arange(_STEPS + 1) * (16 / _STEPS)))).astype(np.float32)

# ln 2 in two parts, so that the product of the larger part and a small whole number is exact
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10


class Lookup(NamedTuple):
    """A dictionary and the settings that say which rows a text has."""

    slots: npt.NDArray[np.uint64]  # of ``index``
    moved: npt.NDArray[np.int32]  # bucket to row after the words, -1: none; empty: identity
    words: int
    word_ngrams: int
    buckets: int
    min_chars: int
    max_chars: int


# The dictionary -----------------------------------------------------------------------------------------


@compiled
def scan_entries(data, start, size, count, kind):  # type: ignore[no-untyped-def]
    """Fill in the entries of a file's dictionary at ``data``; returns where they end, -1 if the data ends
    first."""
    position = 0
    for entry in range(len(start)):
        start[entry] = position
        while position < len(data) and data[position] != 0:
            position += 1
        if position + 10 > len(data):
            return -1
        size[entry] = position - start[entry]
        number = np.uint64(0)
        for byte in range(8):
            number |= np.uint64(data[position + 1 + byte]) << np.uint64(8 * byte)
        count[entry] = np.int64(number)
        kind[entry] = data[position + 9]
        position += 10
    return position


@compiled
def index(text, start, size, slots):  # type: ignore[no-untyped-def]
    """Fill ``slots``, zeros of uint64[a power of two over the entries, 2], with the key of each entry and
    its number + 1."""
    for entry in range(len(start)):
        number, key = _SHORT_START, _LONG_START
        for position in range(start[entry], start[entry] + size[entry]):
            number, key = _hash_on(number, text[position]), _key_on(key, text[position])
        slot = find(slots, number, key)
        slots[slot, 0], slots[slot, 1] = key, entry + 1


@inlined
def _hash_on(value, byte):  # type: ignore[no-untyped-def]
    signed = np.uint64(byte) | (_NEGATIVE if byte & 0x80 else np.uint64(0))
    return ((value ^ signed) * _SHORT_PRIME) & _LOW


@inlined
def _key_on(value, byte):  # type: ignore[no-untyped-def]
    return (value ^ np.uint64(byte)) * _LONG_PRIME


@inlined
def find(slots, number, key):  # type: ignore[no-untyped-def]
    """The slot that has a key, or is free for it; probing starts at the slot given by the hash ``number``."""
    last = np.uint64(len(slots) - 1)
    slot = number & last
    while slots[slot, 1] != 0 and slots[slot, 0] != key:
        slot = (slot + ONE) & last
    return slot


@inlined
def token(data, position, stop):  # type: ignore[no-untyped-def]
    """Start, end, hash and key of the next token; start == stop if there is none."""
    while position < stop and _is_space(data[position]):
        position += 1
    start, number, key = position, _SHORT_START, _LONG_START
    while position < stop and not _is_space(data[position]):
        number, key = _hash_on(number, data[position]), _key_on(key, data[position])
        position += 1
    return start, position, number, key


@inlined
def _is_space(byte):  # type: ignore[no-untyped-def]
    return byte <= 32 and (byte == 32 or 9 <= byte <= 13 or byte == 0)


@compiled
def begins(data, start, end, text):  # type: ignore[no-untyped-def]
    same = 0
    while same < len(text) and start + same < end and data[start + same] == text[same]:
        same += 1
    return same == len(text)


# From a text to rows ------------------------------------------------------------------------------------


@compiled
def room(bytes, word_ngrams, min_chars, max_chars):  # type: ignore[no-untyped-def]
    """Upper bounds on the rows and tokens of a text with the given number of bytes."""
    tokens = bytes // 2 + 2
    chars = (bytes + 2 * tokens) * max(max_chars - max(min_chars, 1) + 1, 0)
    return tokens * max(word_ngrams, 1) + chars, tokens


@compiled
def features(data, start, stop, known, rows, hashes, spelled):  # type: ignore[no-untyped-def]
    """Write the rows of the text in ``data[start:stop]`` into ``rows``; returns how many."""
    count = tokens = 0
    position, ends = start, False
    while not ends:
        first, position, number, key = token(data, position, stop)
        ends = first == stop or (position - first == len(EOS) and begins(data, first, position, EOS))
        if first == stop:
            _, _, number, key = token(EOS, 0, len(EOS))
        entry = np.int64(known.slots[find(known.slots, number, key), 1]) - 1  # -1: it is none
        if entry >= known.words or (entry < 0 and begins(data, first, position, LABEL)):
            continue
        if entry >= 0:
            rows[count] = entry
            count += 1
        if known.max_chars > 0 and not ends:
            count = _characters(data, first, position, known, rows, count, spelled)
        hashes[tokens] = number
        tokens += 1
    for word in range(tokens if known.word_ngrams > 1 else 0):
        value = np.uint64(np.int64(np.int32(hashes[word])))
        for other in range(word + 1, min(word + known.word_ngrams, tokens)):
            value = value * _WORD_NGRAM + np.uint64(np.int64(np.int32(hashes[other])))
            count = _bucket(np.int64(value % np.uint64(known.buckets)), known, rows, count)
    return count


@compiled
def _characters(data, first, end, known, rows, count, spelled):  # type: ignore[no-untyped-def]
    """Add the rows of the n-grams of ``<word>``; n-grams of the brackets alone do not count."""
    size = end - first + 2
    spelled[0], spelled[size - 1] = ord("<"), ord(">")
    for place in range(first, end):
        spelled[place - first + 1] = data[place]
    for start in range(size):
        if spelled[start] & 0xC0 == 0x80:
            continue
        place, value = start, _SHORT_START
        for length in range(1, known.max_chars + 1):
            if place == size:
                break
            value = _hash_on(value, spelled[place])
            place += 1
            while place < size and spelled[place] & 0xC0 == 0x80:
                value = _hash_on(value, spelled[place])
                place += 1
            if length >= known.min_chars and not (length == 1 and (start == 0 or place == size)):
                count = _bucket(np.int64(value % np.uint64(known.buckets)), known, rows, count)
    return count


@inlined
def _bucket(bucket, known, rows, count):  # type: ignore[no-untyped-def]
    """Add the row of a bucket, if it has one."""
    if len(known.moved) > 0:
        bucket = known.moved[bucket]
        if bucket < 0:
            return count
    rows[count] = known.words + bucket
    return count + 1


# Probabilities ------------------------------------------------------------------------------------------


@compiled
def exponential(x):  # type: ignore[no-untyped-def]
    """e^x for x up to 0 or a little more, to 1e-15, the same on every machine."""
    if x < -700.0:
        return 0.0
    power = math.floor(x / _LN2_HIGH + 0.5)
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    total = 1.0
    for term in range(13, 0, -1):
        total = 1.0 + total * rest * (1.0 / term)
    return math.ldexp(total, int(power))


@compiled
def softmax(values):  # type: ignore[no-untyped-def]
    """float32 outputs to probabilities, in place."""
    top, total = values[0], 0.0
    for label in range(1, len(values)):
        top = max(top, values[label])
    for label in range(len(values)):
        values[label] = exponential(float(values[label] - top))
        total += values[label]
    for label in range(len(values)):
        values[label] /= total


@compiled
def _logistic(x):  # type: ignore[no-untyped-def]
    """1 / (1 + e^-x) by the table; NaN of NaN."""
    if abs(x) <= _RANGE:
        return _LOGISTIC[int((x + _RANGE) * np.float32(_STEPS / 2) / _RANGE)]
    return x if x != x else np.float32(x > 0)


@inlined
def mean(rows, count, matrix, dim, hidden):  # type: ignore[no-untyped-def]
    """The mean of ``rows[:count]`` of the matrix at an address, to ``hidden``."""
    width = 4 * dim
    for column in range(dim):
        hidden[column] = 0
    for place in range(count):
        # rows are scattered over a matrix larger than any cache: waiting for them takes half of the time
        if place + _AHEAD < count:
            for line in range(0, width, 64):
                prefetch(matrix + rows[place + _AHEAD] * width + line)
        row = matrix + rows[place] * width
        for column in range(dim):
            hidden[column] += load_float(row, column)
    for column in range(dim):
        hidden[column] *= np.float32(1.0 / count)


@allocating
def score(data, starts, known, input, output, dim, loss, left, right, found):  # type: ignore[no-untyped-def]
    """The probability of each label in ``found``, float32[texts, labels]; NaN for a text without rows.

    ``input`` and ``output`` are addresses. ``left`` and ``right`` are the children of the inner nodes of
    the tree; nodes are numbered from the leaves, which are the labels, to the root.
    """
    labels = found.shape[1]
    longest = 0
    for text in range(len(starts) - 1):
        longest = max(longest, starts[text + 1] - starts[text])
    most, tokens = room(longest, known.word_ngrams, known.min_chars, known.max_chars)
    rows, hashes = np.empty(most, np.int64), np.empty(tokens, np.uint64)
    spelled = np.empty(longest + 2, np.uint8)
    hidden, outputs = np.empty(dim, np.float32), np.empty(labels, np.float32)
    nodes = np.empty(2 * labels - 1, np.float64)
    for text in range(len(starts) - 1):
        count = features(data, starts[text], starts[text + 1], known, rows, hashes, spelled)
        if count == 0:
            for label in range(labels):
                found[text, label] = np.nan
            continue
        mean(rows, count, input, dim, hidden)
        for label in range(labels - 1 if loss == TREE else labels):
            row, total = output + 4 * dim * label, np.float32(0)
            for column in range(dim):
                total += hidden[column] * load_float(row, column)
            outputs[label] = total
        if loss == SOFTMAX:
            softmax(outputs)
            for label in range(labels):
                found[text, label] = outputs[label]
        elif loss == TREE:
            nodes[2 * labels - 2] = 1.0
            for node in range(labels - 2, -1, -1):
                whole, value = nodes[labels + node], float(outputs[node])
                small = exponential(-abs(value))
                share = (1.0 if value > 0 else small) / (1.0 + small)
                nodes[left[node]], nodes[right[node]] = whole * (1.0 - share), whole * share
            for label in range(labels):
                found[text, label] = nodes[label]
        else:
            for label in range(labels):
                found[text, label] = _logistic(outputs[label])
