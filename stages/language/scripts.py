"""Which script a text is written in, by ISO 15924, and which one a language should be in.

Knows the Unicode names of letters. Does not know words, nor which language a text is in. Only letters count,
not marks, digits or punctuation, and only those of the Basic Multilingual Plane: that leaves out rare
ideographs, and the letters of formulas.

Han ideographs and kana count as one script here, as in a Japanese text: ``Jpan`` if enough of them are kana,
otherwise ``Hani``.
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

#: Share of kana among kana and ideographs above which a text is Japanese: in 136 real pages and 124 sentences
#: it is 0.2 or more in Japanese, and 0 in Chinese except for one that quotes a shop sign.
KANA = 0.1

#: Sufficient share of letters in a language's own script if most are Latin: code, names and formulas bring
#: Latin letters into any page. The smallest share in 239 real pages in languages of other scripts is 0.076
#: (Chinese, about containers).
PRESENT = 0.05

#: First words of the Unicode names of letters.
_NAMES = {
    "Arab": "ARABIC",
    "Armn": "ARMENIAN",
    "Beng": "BENGALI",
    "Cyrl": "CYRILLIC",
    "Deva": "DEVANAGARI",
    "Ethi": "ETHIOPIC",
    "Geor": "GEORGIAN",
    "Grek": "GREEK",
    "Gujr": "GUJARATI",
    "Guru": "GURMUKHI",
    "Hang": "HANGUL",
    "Hani": "CJK IDEOGRAPHIC BOPOMOFO",
    "Hebr": "HEBREW",
    "Jpan": "HIRAGANA KATAKANA KATAKANA-HIRAGANA",
    "Khmr": "KHMER",
    "Knda": "KANNADA",
    "Laoo": "LAO",
    "Latn": "LATIN",
    "Mlym": "MALAYALAM",
    "Mong": "MONGOLIAN",
    "Mymr": "MYANMAR",
    "Orya": "ORIYA",
    "Sinh": "SINHALA",
    "Syrc": "SYRIAC",
    "Taml": "TAMIL",
    "Telu": "TELUGU",
    "Thaa": "THAANA",
    "Thai": "THAI",
    "Tibt": "TIBETAN",
}
_SCRIPT = {name: code for code, names in _NAMES.items() for name in names.split()}
#: Zzzz is any other script.
CODES = (*sorted(_NAMES), "Zzzz")
_HANI, _JPAN = CODES.index("Hani"), CODES.index("Jpan")


#: Indices of marks and of non-letters, after those of ``CODES``.
_MARK, _OTHER = len(CODES), len(CODES) + 1


@cache
def _table() -> npt.NDArray[np.uint8]:
    """For each code point up to U+FFFF its index in ``CODES``, or one of the indices after them."""
    places = np.full(1 << 16, _OTHER, np.uint8)
    for point in range(1 << 16):
        letter = chr(point)
        if unicodedata.category(letter)[0] == "M":
            places[point] = _MARK
        elif letter.isalpha() and not 0xD800 <= point < 0xE000:
            name, _, rest = unicodedata.name(letter).partition(" ")
            if name in ("FULLWIDTH", "HALFWIDTH"):
                name = rest.partition(" ")[0]
            places[point] = CODES.index(_SCRIPT.get(name, "Zzzz"))
    return places


def measure(
    texts: Sequence[str], languages: Sequence[str | None]
) -> tuple[list[str | None], list[float | None]]:
    """For each text the script of most letters, None without letters; and the share of letters that are in
    the script of its language, None for a language that ``WRITTEN_IN`` does not list."""
    counts = _letters(texts)
    most = [CODES[row.argmax()] if row.any() else None for row in counts]
    shares: list[float | None] = []
    for row, language in zip(counts, languages, strict=True):
        own = WRITTEN_IN.get(language or "")
        shares.append(round(float(row[CODES.index(own)] / max(row.sum(), 1)), 4) if own else None)
    return most, shares


def fits(language: str | None, script: str | None, share: float | None) -> bool:
    """Whether the result of ``measure`` is compatible with the language: most letters are in its own script,
    or are Latin with enough letters in its own script."""
    own = WRITTEN_IN.get(language or "")
    return own is None or script == own or (script == "Latn" and (share or 0.0) >= PRESENT)


def without_rare(text: str) -> str:
    """The text with blanks for letters, and marks on them, of scripts that have less than ``PRESENT`` of the
    letters: these are names of languages, places and people, and mixed with them an identifier takes a text
    for another language."""
    points, places = _points(text)
    counts = np.bincount(places, minlength=_OTHER + 1)
    counts[_MARK:] = 0
    rare = counts < PRESENT * counts.sum()
    rare[[_HANI, _JPAN]] = counts[_HANI] + counts[_JPAN] < PRESENT * counts.sum()
    rare &= counts > 0
    if not rare.any():
        return text
    gone = rare[places]
    # a mark is treated like the letter that it is on
    marks = places == _MARK
    gone |= marks & gone[np.maximum.accumulate(np.where(marks, 0, np.arange(len(points))))]
    return np.where(gone, np.uint32(ord(" ")), points).tobytes().decode(_UTF_32)


_UTF_32 = f"utf-32-{sys.byteorder[0]}e"


def _points(text: str) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """The code points of a text, and their indices in the table."""
    points = np.frombuffer(text.encode(_UTF_32), np.uint32)
    return points, _table()[np.minimum(points, 0xFFFF)]


def _letters(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Number of letters of each of ``CODES`` in the texts: int64[texts, scripts]."""
    counts = [np.bincount(_points(text)[1], minlength=_OTHER + 1) for text in texts]
    found = np.array(counts, np.int64).reshape(len(texts), _OTHER + 1)[:, : len(CODES)]
    together = found[:, _HANI] + found[:, _JPAN]
    japanese = found[:, _JPAN] > KANA * together
    found[:, _HANI], found[:, _JPAN] = np.where(japanese, 0, together), np.where(japanese, together, 0)
    return found
