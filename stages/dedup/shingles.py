"""Shingles, the overlapping pieces of a text, and a hash of each; two texts are compared by the shingles that
they share.

A text of u1 u2 u3 … has the shingles u1…un, u2…un+1 and so on, n units each. A unit is

- a *character*: one code point. The shingle is the UTF-8 of n consecutive ones, unchanged.
- or a *word*: a run of letters, marks, digits and underscores; or one letter, with the marks on it, of a
  script that has no blanks between words (Han, kana, Thai, Lao, Khmer, Burmese and the like). The shingle is
  the UTF-8 of n of them with one blank between each two, whatever stood between them in the text. All other
  characters separate words; format characters (soft hyphen, joiners) inside words are left out.

A text of fewer than n units has one shingle, which is all of it: unchanged if units are characters or if the
text has no word, otherwise its words with one blank between them. Only the empty text has none. Nothing is
folded: if case, white space or composed characters should make no difference, normalise the text before.

The hash takes 16 bytes per step with one multiplication of 64 by 64 bits whose halves are xored, as wyhash
does; it is computed anew for each shingle. A rolling hash would do less work only for very long shingles; for
24 characters the few independent multiplications are as fast and mix far better.

Knows characters and bytes. Does not know signatures, nor what documents are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.compiled import compiled, inlined
from stages.dedup.intrinsics import fold, load_byte, load_word
from stages.text.characters import IGNORED, LETTER, MARK, WORD, decode, look_up, table
from stages.text.utf8 import Offsets, Texts, pieces

# Odd constants without further meaning: the fractional parts of the square roots of 2, 3, 5 and 7.
_START = np.uint64(0x6A09E667F3BCC909)
_LEFT = np.uint64(0xBB67AE8584CAA73B)
_RIGHT = np.uint64(0x3C6EF372FE94F82B)
_LAST = np.uint64(0xA54FF53A5F1D36F1)
_HALF, _BYTE, _ZERO = np.uint64(32), np.uint64(8), np.uint64(0)

_OUTSIDE = -1
_NO_TABLE = np.empty(0, np.uint32)
_NO_TABLE.flags.writeable = False

Hashes = npt.NDArray[np.uint64]


def shingle_hashes(texts: Texts, ngram: int = 24, *, words: bool = False) -> tuple[Hashes, Offsets]:
    """64-bit hashes of all shingles, in order and with repeats, and where those of each text start (with the
    end as last entry). Takes eight bytes a character, so it is meant for a few documents at a time."""
    hashes: list[Hashes] = [np.empty(0, np.uint64)]
    counts: list[Offsets] = [np.zeros(1, np.int64)]
    for data, starts in pieces(texts):
        longest = int(np.diff(starts).max(initial=0))
        spelled, places = np.empty(2 * longest + 2, np.uint8), np.empty(longest + 1, np.int64)
        some, sizes = np.empty(starts[-1] - starts[0], np.uint64), np.empty(len(starts) - 1, np.int64)
        end = _all_hashes(data, starts, ngram, character_table(words), spelled, places, some, sizes)
        hashes.append(some[:end])
        counts.append(sizes)
    return np.concatenate(hashes), np.cumsum(np.concatenate(counts))


def shingle_hash(shingle: bytes) -> int:
    """The 32-bit hash of a shingle's bytes; usable as ``hashfunc`` of ``datasketch.MinHash``.

    It is the upper half of a 64-bit hash, without a seed, so it is the same in every run.
    """
    return int(_hash_array(np.frombuffer(shingle, np.uint8)) >> _HALF)


def character_table(words: bool) -> npt.NDArray[np.uint32]:
    """The argument ``table`` of the kernels: classes of characters if units are words, empty if they are
    characters."""
    return table() if words else _NO_TABLE


@compiled
def _all_hashes(data, starts, ngram, table, spelled, places, hashes, sizes):  # type: ignore[no-untyped-def]
    """Fills ``hashes`` and, for each text, ``sizes``; returns the number of hashes."""
    end = 0
    for text in range(len(sizes)):
        sizes[text] = shingle(
            data, starts[text], starts[text + 1], ngram, table, spelled, places, hashes[end:]
        )
        end += sizes[text]
    return end


@inlined
def hash_bytes(address, length):  # type: ignore[no-untyped-def]
    """64-bit hash of the ``length`` bytes at an address. Reads nothing outside of them.

    Takes an address, because references to an array argument are counted in every call."""
    state = _START ^ np.uint64(length)
    end = address + length
    if length >= 16:
        if length > 16:  # before the loop, which most shingles do not come to
            state = fold(load_word(address) ^ _LEFT, load_word(address + 8) ^ state)
        for place in range(address + 16, end - 16, 16):
            state = fold(load_word(place) ^ _LEFT, load_word(place + 8) ^ state)
        # the last 16 bytes, which may overlap those of the step before
        left, right = load_word(end - 16), load_word(end - 8)
    elif length >= 8:
        left, right = load_word(address), load_word(end - 8)
    else:
        left, right = _ZERO, _RIGHT
        for place in range(address, end):
            left = left << _BYTE | load_byte(place)
    return fold(fold(left ^ _LEFT, right ^ state) ^ _RIGHT, _LAST)


@compiled
def _hash_array(data):  # type: ignore[no-untyped-def]
    return hash_bytes(data.ctypes.data, len(data))


@compiled
def characters(data, start, stop, starts):  # type: ignore[no-untyped-def]
    """Write into ``starts`` where each character of ``data[start:stop]`` starts, and then ``stop``; returns
    the number of characters. ``starts`` needs room for one more than there are bytes. A character is a byte
    that is no continuation byte, with the continuation bytes after it: right for valid UTF-8, and defined for
    any bytes."""
    count = 0
    for index in range(start, stop):
        starts[count] = index
        count += index == start or data[index] & 0xC0 != 0x80
    starts[count] = stop
    return count


@compiled
def words(data, start, stop, table, spelled, starts):  # type: ignore[no-untyped-def]
    """Write the words of ``data[start:stop]`` into ``spelled``, with a blank after each, and into ``starts``
    where each starts in ``spelled``, and then the end; returns the number of words. Needs room for two bytes
    per input byte, and for one more start than there are bytes."""
    count, end, state, index = 0, 0, _OUTSIDE, start
    while index < stop:
        first = index
        point, index = decode(data, index, stop)
        kind = WORD if point == 0x5F else look_up(table, point)[0]  # the underscore is punctuation to Unicode
        if kind == IGNORED:
            continue
        if kind != WORD and kind != LETTER and kind != MARK:
            state = _OUTSIDE
            continue
        if kind == MARK and state != _OUTSIDE:
            kind = state  # it belongs to the character it is on
        elif kind == LETTER or kind != state:
            if count:
                spelled[end] = 0x20
                end += 1
            starts[count] = end
            count += 1
            state = LETTER if kind == LETTER else WORD
        for byte in range(first, index):
            spelled[end] = data[byte]
            end += 1
    starts[count] = end + 1
    return count


@compiled
def shingle(data, start, stop, ngram, table, spelled, starts, hashes):  # type: ignore[no-untyped-def]
    """Write the 64-bit hashes of the shingles of ``data[start:stop]`` into ``hashes``, in order and with
    repeats; returns how many. The units are words if ``table`` is not empty. Needs room as for ``words``, and
    for one hash per byte."""
    if len(table):
        count = words(data, start, stop, table, spelled, starts)
        if count:
            return _hash_units(spelled, starts, count, 1, ngram, hashes)
    elif start < stop:
        count = characters(data, start, stop, starts)
        return _hash_units(data, starts, count, 0, ngram, hashes)
    if start < stop:
        hashes[0] = hash_bytes(data.ctypes.data + start, stop - start)
        return 1
    return 0


@compiled
def _hash_units(data, starts, count, gap, ngram, hashes):  # type: ignore[no-untyped-def]
    """Hash every ``ngram`` consecutive ones of ``count`` units; the last ``gap`` bytes before the next unit
    do not belong to a unit."""
    size, address = min(ngram, count), data.ctypes.data
    stops = starts[size:]
    for unit in range(count - size + 1):
        hashes[unit] = hash_bytes(address + starts[unit], stops[unit] - gap - starts[unit])
    return count - size + 1
