"""What a token is when texts are compared, and a hash of each.

A token needs no model and no dictionary, and means the same in every language:

- a *word*: a run of letters, marks and digits (``don't`` are two, ``3.14`` are two);
- one letter, with the marks on it, of a script that is written without blanks between words: Han, kana,
  Thai, Lao, Khmer, Burmese and the like (Hangul has blanks and makes words);
- a run of *symbols* (``+``, ``<``, ``€``, emoji), even with blanks and punctuation among them: ``x < 3``
  differs from ``x > 3``, yet a line of eighty ``=`` signs is one token and no passage.

Blanks, punctuation, control characters and case are not compared; format characters (soft hyphen, joiners,
variation selectors) are ignored. Nothing is composed or decomposed: ``é`` as one code point and as two are
two words. Categories are those of the Unicode tables of the Python that runs.

Knows characters and bytes. Does not know passages, lines or documents.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled
from stages.text.characters import BLANK, IGNORED, LETTER, MARK, PUNCTUATION, SYMBOL, WORD, decode, look_up

# Odd constants: multipliers of splitmix64 (Steele et al. 2014) and of MurmurHash3's 64-bit finaliser, and the
# fractional parts of the golden ratio and of pi.
_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0xC4CEB9FE1A85EC53)
SEED_A = np.uint64(0x9E3779B97F4A7C15)
SEED_B = np.uint64(0x243F6A8885A308D3)
_HALF = np.uint64(32)
_SHIFT = np.uint64(29)


@compiled
def mix(a, b, x, y):  # type: ignore[no-untyped-def]
    """Extend two independent 64-bit hashes of a sequence by one value. The step is a bijection of the hash
    before: sequences that differ only in their last value never have the same hash."""
    a = (a ^ x) * _A
    b = (b ^ y) * _B
    return a ^ a >> _HALF, b ^ b >> _SHIFT


@compiled
def tokenize(data, start, stop, table, first, second, begins, ends):  # type: ignore[no-untyped-def]
    """Tokens of ``data[start:stop]``; returns how many. Each output has room for as many as there are bytes,
    or no room if it is not needed: two 64-bit hashes of each token, and the code points, counted from
    ``start``, where it begins and ends."""
    hashed, placed = len(second) > 0, len(begins) > 0
    count, kind, number, index = 0, BLANK, 0, start
    a, b = SEED_A, SEED_B
    while index < stop:
        point, index = decode(data, index, stop)
        number += 1
        now, folded = look_up(table, point)
        if now == IGNORED:
            if kind != BLANK and placed:
                ends[count - 1] = number
            continue
        if now <= PUNCTUATION:
            # a run of symbols continues after it, nothing else does
            if kind != SYMBOL:
                kind = BLANK
            continue
        if now == MARK:
            now = kind if kind != BLANK else WORD
        elif now == LETTER or now != kind:
            kind = BLANK
        if kind == BLANK:
            kind = now
            a, b = SEED_A, SEED_B
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
