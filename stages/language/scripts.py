"""Which script a text is written in, by ISO 15924, and which one a language should be in.

Knows what Unicode calls its letters. Does not know words, nor which language a text is in. Only letters
count, not marks, digits or punctuation, and only those of the Basic Multilingual Plane: that leaves out
rare ideographs, and the letters of formulas.

Han ideographs and kana are one script here, as in a Japanese text: ``Jpan`` when there is kana enough among
them, otherwise ``Hani``.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

#: The script of each of the languages of the Nemotron corpus.
WRITTEN_IN = {
    **dict.fromkeys(("da", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "sv"), "Latn"),
    "ar": "Arab",
    "ja": "Jpan",
    "ko": "Hang",
    "ru": "Cyrl",
    "th": "Thai",
    "zh": "Hani",
}

#: Kana among kana and ideographs from which on they are Japanese.
KANA = 0.1

_NAMES = (
    "ARABIC Arab ARMENIAN Armn BENGALI Beng BOPOMOFO Bopo CJK Hani CYRILLIC Cyrl DEVANAGARI Deva ETHIOPIC Ethi "
    "GEORGIAN Geor GREEK Grek GUJARATI Gujr GURMUKHI Guru HANGUL Hang HEBREW Hebr HIRAGANA Jpan IDEOGRAPHIC Hani "
    "KANNADA Knda KATAKANA Jpan KATAKANA-HIRAGANA Jpan KHMER Khmr LAO Laoo LATIN Latn MALAYALAM Mlym "
    "MONGOLIAN Mong MYANMAR Mymr ORIYA Orya SINHALA Sinh SYRIAC Syrc TAMIL Taml TELUGU Telu THAANA Thaa THAI Thai "
    "TIBETAN Tibt"
).split()
_CODE_OF = dict(zip(_NAMES[::2], _NAMES[1::2], strict=True))
#: Zzzz is any other script. Its place is after the others, which have theirs in the order of their codes.
CODES = (*sorted(set(_CODE_OF.values())), "Zzzz")
_HANI, _JPAN = CODES.index("Hani"), CODES.index("Jpan")


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Place in ``CODES`` of each code point up to U+FFFF; ``len(CODES)`` for what is no letter."""
    places = np.full(1 << 16, len(CODES), np.uint8)
    for point in range(1 << 16):
        letter = chr(point)
        if letter.isalpha() and not 0xD800 <= point < 0xE000:
            name, _, rest = unicodedata.name(letter).partition(" ")
            if name in ("FULLWIDTH", "HALFWIDTH"):
                name = rest.partition(" ")[0]
            places[point] = CODES.index(_CODE_OF.get(name, "Zzzz"))
    return places


def letters(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """How many letters of each of ``CODES`` the texts have: int64[texts, scripts]."""
    width = len(CODES) + 1
    points = np.frombuffer("".join(texts).encode(f"utf-32-{sys.byteorder[0]}e"), np.uint32)
    rows = np.repeat(np.arange(len(texts)) * width, [len(text) for text in texts])
    counts = np.bincount(rows + _table()[np.minimum(points, 0xFFFF)], minlength=len(texts) * width)
    found = counts.reshape(len(texts), width)[:, :-1]
    together = found[:, _HANI] + found[:, _JPAN]
    japanese = found[:, _JPAN] > KANA * together
    found[:, _HANI], found[:, _JPAN] = np.where(japanese, 0, together), np.where(japanese, together, 0)
    return found
