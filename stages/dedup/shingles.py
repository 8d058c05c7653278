"""Shingles: the overlapping pieces of a text by whose overlap two texts are compared, and a hash of each.

A text of u1 u2 u3 … has the shingles u1…un, u2…un+1 and so on, n units each. A unit is

- a *character*: one code point. The shingle is the UTF-8 of n of them in a row, as they stand.
- or a *word*: a run of letters, marks, digits and underscores; or one letter, with the marks on it, of a
  script that has no blanks between words (Han, kana, Thai, Lao, Khmer, Burmese and the like). The shingle
  is the UTF-8 of n of them with one blank between each two, whatever stood between them. All else separates
  words; format characters (soft hyphen, joiners) are left out of them.

A text of fewer than n units is one shingle: all of it; of characters as it stands, of words with the blanks
set, and without a word in it as it stands again. Only the empty text has none. Nothing is folded: who wants
case, white space or composed characters to make no difference normalises before.

The hash takes 16 bytes a step with one multiplication of 64 by 64 bits whose halves are xored, a way to hash
known from wyhash; it is computed anew for each shingle. A rolling hash has less to do for very long shingles
only, and for those of 24 characters the few independent multiplications are as fast and mix far better.

Knows characters and bytes. Does not know signatures, nor what documents are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.dedup.intrinsics import compiled, fold, load_word
from stages.dedup.tokens import IGNORED, LETTER, MARK, WORD, decode, look_up, utf8

# Odd, and of no other meaning: the fractions of the square roots of 2, 3, 5 and 7.
_START = np.uint64(0x6A09E667F3BCC909)
_LEFT = np.uint64(0xBB67AE8584CAA73B)
_RIGHT = np.uint64(0x3C6EF372FE94F82B)
_LAST = np.uint64(0xA54FF53A5F1D36F1)
_HALF, _BYTE, _ZERO = np.uint64(32), np.uint64(8), np.uint64(0)

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
#: Texts as a list or as a column; a chunked column is never put together.
Texts = Sequence[str] | pa.Array | pa.ChunkedArray


def shingle_hash(shingle: bytes) -> int:
    """The 32-bit hash of a shingle's bytes; what ``datasketch.MinHash`` takes as ``hashfunc``.

    The upper half of a 64-bit hash. No seed: the same everywhere and always.
    """
    return int(hash_bytes(np.frombuffer(shingle, np.uint8), 0, len(shingle)) >> _HALF)


def pieces(texts: Texts) -> Iterator[tuple[Bytes, Offsets]]:
    """UTF-8 of the texts and where each starts in it (one more at the end), for a list at once and
    for a column chunk by chunk, without a copy. Lone surrogates in a list are encoded as such.

    Raises ValueError for a text that is null, TypeError for anything but texts.
    """
    if isinstance(texts, pa.ChunkedArray):
        for chunk in texts.chunks:
            yield from pieces(chunk)
    elif isinstance(texts, pa.Array):
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
            raise TypeError(f"texts are strings, not {texts.type}")
        yield utf8(texts)
    elif isinstance(texts, str):
        raise TypeError("one text was given where a sequence of texts was expected")
    else:
        if any(text is None for text in texts):
            raise ValueError("a document without text cannot be compared")
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        starts = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=starts[1:])
        yield np.frombuffer(b"".join(encoded) or b"\0", np.uint8), starts


@compiled
def hash_bytes(data, start, stop):  # type: ignore[no-untyped-def]
    """64-bit hash of ``data[start:stop]``. Reads nothing outside of it."""
    length = stop - start
    state = _START ^ np.uint64(length)
    if length >= 16:
        while stop - start > 16:
            state = fold(load_word(data, start) ^ _LEFT, load_word(data, start + 8) ^ state)
            start += 16
        # the last 16 bytes, of which the step before may have had some
        left, right = load_word(data, stop - 16), load_word(data, stop - 8)
    elif length >= 8:
        left, right = load_word(data, start), load_word(data, stop - 8)
    else:
        left, right = _ZERO, _RIGHT
        for index in range(start, stop):
            left = left << _BYTE | np.uint64(data[index])
    return fold(fold(left ^ _LEFT, right ^ state) ^ _RIGHT, _LAST)


@compiled
def characters(data, start, stop, starts):  # type: ignore[no-untyped-def]
    """Put into ``starts`` where each character of ``data[start:stop]`` starts, and ``stop``; how many
    characters. Room for one more than there are bytes. A character is a byte that continues none, and those
    that do: right for any UTF-8, and any bytes have some."""
    count = 0
    for index in range(start, stop):
        starts[count] = index
        count += index == start or data[index] & 0xC0 != 0x80
    starts[count] = stop
    return count


@compiled
def words(data, start, stop, table, spelled, starts):  # type: ignore[no-untyped-def]
    """Put the words of ``data[start:stop]`` into ``spelled``, a blank after each, and into ``starts`` where each
    starts there, and the end; how many words. Room for two bytes a byte, and one more start than bytes."""
    count, end, inside, index = 0, 0, False, start
    while index < stop:
        first = index
        point, index = decode(data, index, stop)
        kind = np.int64(WORD) if point == 0x5F else look_up(table, point)[0]
        if kind == IGNORED:
            continue
        if kind != WORD and kind != LETTER and kind != MARK:
            inside = False
            continue
        # a mark belongs to what it stands on; a word ends before a letter that is one, and after it
        if kind == LETTER or not inside:
            if count:
                spelled[end] = 0x20
                end += 1
            starts[count] = end
            count += 1
        ...
    return count
