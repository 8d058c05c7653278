"""Classes of characters, by which texts in every language are split into words.

A character is part of a *word* (letters and digits), a *letter* of a script that is written without blanks
between words (Han, kana, Thai, Lao, Khmer, Burmese and the like; Hangul has blanks and makes words), a *mark*
on what it follows, a *symbol*, *punctuation* or a *blank*; format characters (soft hyphen, joiners, variation
selectors) are *ignored*. Categories are those of the Unicode tables of the Python that runs.

Knows characters and UTF-8. Does not know what is made of words.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

from stages.compiled import compiled

#: Classes of characters, in the upper 8 bits of an entry of ``table``.
BLANK, PUNCTUATION, WORD, LETTER, MARK, SYMBOL, IGNORED = range(7)
CLASS, _FOLDED = 24, 0x1FFFFF

#: The table covers planes 0 and 1; planes 2 and 3 are Han, code points above are not compared.
TABLED = 0x20000
_HAN = 0x40000

#: Scripts without blanks between words, as the beginnings of character names: those whose letters have the
#: line breaking classes ID, CJ or SA (UAX 14), except Hangul.
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
    """Whether two characters would belong to one word if they stood side by side."""
    kinds = [WORD if ord(c) >= TABLED else int(table()[ord(c)]) >> CLASS for c in (left, right)]
    return kinds[0] in (WORD, MARK) and kinds[1] in (WORD, MARK)


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
    if lead >= 0xF0 and index + 4 <= stop:
        point = (lead & 0x7) << 18 | (np.int64(data[index + 1]) & 0x3F) << 12
        return point | (np.int64(data[index + 2]) & 0x3F) << 6 | np.int64(data[index + 3]) & 0x3F, index + 4
    return np.int64(0xFFFD), index + 1


@compiled
def look_up(table, point):  # type: ignore[no-untyped-def]
    """Class of a code point, and the code point it is compared as."""
    if point < TABLED:
        entry = np.int64(table[point])
        return entry >> CLASS, entry & _FOLDED
    return (LETTER if point < _HAN else BLANK), point
