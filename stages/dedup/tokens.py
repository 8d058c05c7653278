"""What a token is when texts are compared (and where the UTF-8 of an Arrow column is).

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

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.dedup.columns import as_array
from stages.dedup.kernels import (
    BLANK,
    CLASS,
    IGNORED,
    LETTER,
    MARK,
    PUNCTUATION,
    SYMBOL,
    TABLED,
    WORD,
)

#: Scripts without blanks between words, as character names begin: those whose letters have the line
#: breaking classes ID, CJ or SA (UAX 14), but Hangul.
_UNSPACED = (
    "CJK", "KANGXI", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "IDEOGRAPHIC", "BOPOMOFO", "YI SYLLABLE",
    "HENTAIGANA", "THAI", "LAO", "KHMER", "MYANMAR", "NEW TAI LUE", "TAI LE", "TAI THAM", "TAI VIET", "AHOM",
    "NUSHU", "TANGUT",
)  # fmt: skip


@cache
def table() -> npt.NDArray[np.uint32]:
    """For each code point of planes 0 and 1: its class << 24 | the code point it is compared as."""
    entries = np.zeros(TABLED, np.uint32)
    for point in range(TABLED):
        char = chr(point)
        folded = char.casefold()
        entries[point] = _class(char) << CLASS | (ord(folded) if len(folded) == 1 else point)
    entries.flags.writeable = False
    return entries


def _class(char: str) -> int:
    category = unicodedata.category(char)
    if category == "Cn":
        return WORD  # of a later Unicode: most of what is added is letters
    if category == "Cf" or "\ufe00" <= char <= "\ufe0f":
        return IGNORED
    if category[0] in "LN":
        return LETTER if unicodedata.name(char, "").startswith(_UNSPACED) else WORD
    return {"M": MARK, "S": SYMBOL, "P": PUNCTUATION}.get(category[0], BLANK)


def joins(left: str, right: str) -> bool:
    """Whether two characters would be of one word if they stood side by side."""
    kinds = [WORD if ord(c) >= TABLED else int(table()[ord(c)]) >> CLASS for c in (left, right)]
    return kinds[0] in (WORD, MARK) and kinds[1] in (WORD, MARK)


def utf8(column: pa.ChunkedArray | pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of a string column, and where each row starts in them (rows + 1 offsets); no copy of bytes
    where it is in one chunk.

    Raises ValueError for a null: a document without text cannot be compared.
    """
    if column.null_count:
        raise ValueError("a document without text cannot be compared")
    array = as_array(column)
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, offsets, data = array.buffers()
    if not len(array) or offsets is None:
        starts = np.zeros(1, np.int64)
    else:
        starts = np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    # bytes() is read-only as Arrow's buffers are: kernels see one type
    return np.frombuffer(data if data is not None and data.size else b"\0", np.uint8), starts
