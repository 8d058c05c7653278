"""What a token is when texts are compared, found in the UTF-8 of an Arrow column by compiled code.

A token needs no model and no dictionary, and means the same in every language:

- a *word*: a run of letters, marks and digits (``don't`` are two, ``3.14`` are two);
- one letter, with the marks on it, of a script that is written without blanks between words: Han, kana,
  Thai, Lao, Khmer, Burmese and the like (Hangul has blanks and makes words);
- a run of *symbols* (``+``, ``<``, ``€``, emoji), with blanks and punctuation among them or not: ``x < 3`` is
  not ``x > 3``, yet a rule of eighty ``=`` signs is one token and no passage.

Blanks, punctuation and control characters are not compared, nor is case; format characters (soft hyphen,
joiners, variation selectors) are looked through. Nothing is composed or decomposed: ``é`` as one code point
and as two are two words. Categories are those of the Unicode tables of the Python that runs.

Knows characters and bytes. Does not know passages, lines or documents.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.dedup.intrinsics import compiled

#: Classes of characters, in the upper 8 bits of a table entry.
BLANK, PUNCTUATION, WORD, LETTER, MARK, SYMBOL, IGNORED = range(7)

#: The table covers planes 0 and 1; planes 2 and 3 are Han, what is above is not compared.
_TABLED = 0x20000
_HAN = 0x40000
_CLASS, _FOLDED = 24, 0x1FFFFF

#: Scripts without blanks between words, as character names begin: those whose letters have the line
#: breaking classes ID, CJ or SA (UAX 14), but Hangul.
_UNSPACED = (
    "CJK", "KANGXI", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "IDEOGRAPHIC", "BOPOMOFO", "YI SYLLABLE",
    "HENTAIGANA", "THAI", "LAO", "KHMER", "MYANMAR", "NEW TAI LUE", "TAI LE", "TAI THAM", "TAI VIET", "AHOM",
    "NUSHU", "TANGUT",
)  # fmt: skip

# Odd constants: multipliers of splitmix64 (Steele et al. 2014) and of MurmurHash3's 64-bit finaliser.
_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0xC4CEB9FE1A85EC53)
SEED_A = np.uint64(0x9E3779B97F4A7C15)
SEED_B = np.uint64(0x243F6A8885A308D3)
_HALF = np.uint64(32)
_SHIFT = np.uint64(29)

Array = npt.NDArray[Any]


@cache
def table() -> npt.NDArray[np.uint32]:
    """For each code point of planes 0 and 1: its class << 24 | the code point it is compared as."""
    entries = np.zeros(_TABLED, np.uint32)
    for point in range(_TABLED):
        char = chr(point)
        folded = char.casefold()
        entries[point] = _class(char) << _CLASS | (ord(folded) if len(folded) == 1 else point)
    entries.flags.writeable = False
    return entries


def _class(char: str) -> int:
    category = unicodedata.category(char)
    if category == "Cf" or "\ufe00" <= char <= "\ufe0f":
        return IGNORED
    if category[0] in "LN":
        return LETTER if unicodedata.name(char, "").startswith(_UNSPACED) else WORD
    return {"M": MARK, "S": SYMBOL, "P": PUNCTUATION}.get(category[0], BLANK)


def joins(left: str, right: str) -> bool:
    """Whether two characters would be of one word if they stood side by side."""
    kinds = [WORD if ord(c) >= _TABLED else int(table()[ord(c)]) >> _CLASS for c in (left, right)]
    return kinds[0] in (WORD, MARK) and kinds[1] in (WORD, MARK)


def utf8(column: pa.ChunkedArray | pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of a string column, and where each row starts in them (rows + 1 offsets); no copy of bytes.

    Raises ValueError for a null: a document without text cannot be compared.
    """
    if column.null_count:
        raise ValueError("a document without text cannot be compared")
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, offsets, data = array.buffers()
    if not len(array) or offsets is None:
        starts = np.zeros(1, np.int64)
    else:
        starts = np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    # bytes() is read-only as Arrow's buffers are: kernels see one type
    return np.frombuffer(data if data is not None and data.size else b"\0", np.uint8), starts


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
    if 0xF0 <= lead and index + 4 <= stop:
        point = (lead & 0x7) << 18 | (np.int64(data[index + 1]) & 0x3F) << 12
        return point | (np.int64(data[index + 2]) & 0x3F) << 6 | np.int64(data[index + 3]) & 0x3F, index + 4
    return np.int64(0xFFFD), index + 1


@compiled
def look_up(table, point):  # type: ignore[no-untyped-def]
    """Class of a code point, and the code point it is compared as."""
    if point < _TABLED:
        entry = np.int64(table[point])
        return entry >> _CLASS, entry & _FOLDED
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
