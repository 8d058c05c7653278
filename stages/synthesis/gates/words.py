# ruff: noqa: E501 (tables of words)
"""Words, figures and names of texts, in the forms in which two texts are compared.

Knows letters, figures and capitals; does not know tasks or thresholds.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from stages.synthesis.languages import STOP

#: A word, or a character of a script that is written without spaces.
_WORD = re.compile(
    r"[\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff]|[^\W\d_\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff]+(?:['’][^\W\d_]+)?|\d+"
)
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff]")
_FIRST_UNSPACED = "\u0e00"
_NUMBER = re.compile(r"\d(?:[\d]|[.,'’\u00a0\u202f](?=\d))*")
_GROUPED = re.compile(r"\d{1,3}(?:[.,'’\u00a0\u202f]\d{3})+")
#: A capital within a sentence: after something that ends none, and not at the start of a line.
_NAME = re.compile(
    r"(?<=[^\s.!?:;…\"“”«»(\[{•*>)\-–—/|=][ \u00a0])[A-ZÀ-ÖØ-ÞА-ЯŁŚŻŹĆŃĘĄ][^\W\d_]*(?:[-'’][^\W\d_]+)*"
)
_ACRONYM = re.compile(r"\b[A-Z]{2,}[A-Z0-9]*\b")
STEM = 5
_ENDINGS = ("ingly", "edly", "ings", "ing", "ies", "ed", "es", "ly", "s", "e", "y")
_NOT_NAMES = frozenset(("I", "A", "B", "C", "D", "E", "X", "Y", "Z", "OK", "NONE"))

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000}  # fmt: skip
_TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
NUMBER_WORDS = (
    {word: str(value) for value, word in enumerate(_SMALL)}
    | {word: str(value) for value, word in enumerate(_TEENS, 13)}
    | {word: str(value) for word, value in _TENS.items()}
)
#: Counts up to this are often of things that a text does not count itself.
_COUNTED = 3


def words(text: str) -> list[str]:
    """Lower-case words; single characters of scripts without spaces."""
    return _WORD.findall(text.lower())


def content(found: list[str], language: str) -> list[str]:
    """Stems of the words that carry meaning, in order; of scripts without spaces pairs of characters."""
    function = STOP.get(language, _NO_WORDS)
    stems: list[str] = []
    before = ""
    for word in found:
        if word[0] >= _FIRST_UNSPACED and _UNSPACED.match(word):
            if before:
                stems.append(before + word)
            before = word
            continue
        before = ""
        if len(word) > 2 and word not in function and not word.isdigit():
            stems.append(stem(word))
    return stems


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The beginning of a word without common endings, so that forms of a word are alike."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return (f"{word[:-1]}y" if word.endswith("i") else word)[:STEM]


_NO_WORDS: frozenset[str] = frozenset()


@lru_cache(maxsize=65536)
def forms(number: str) -> frozenset[str]:
    """Spellings of one figure: with a point for decimals, without separators of thousands."""
    text = number if number.isascii() else _ascii(number)
    found = {text.replace(",", ".").strip(".")}
    if _GROUPED.fullmatch(text):
        found.add(re.sub(r"\D", "", text))
    for one in tuple(found):
        if "." in one and one.count(".") == 1:
            found.add(one.rstrip("0").rstrip("."))
        if one.isdigit():
            found.add(one.lstrip("0") or "0")
    return frozenset(found)


def _ascii(number: str) -> str:
    """Figures of other scripts as 0 to 9."""
    spelled = (str(unicodedata.digit(c)) if c.isdigit() else c for c in number)
    return "".join(spelled).replace("\u00a0", ",").replace("\u202f", ",").replace("’", ",")


def numbers(text: str) -> list[str]:
    """Figures of a text as they stand there."""
    return _NUMBER.findall(text)


def number_words(found: list[str]) -> list[str]:
    """English words for numbers above three: smaller ones often count what a text does not."""
    return [word for word in found if word in NUMBER_WORDS and int(NUMBER_WORDS[word]) > _COUNTED]


def names(text: str) -> list[str]:
    """Words with a capital within a sentence, and words of capitals anywhere."""
    found = dict.fromkeys((*_NAME.findall(text), *_ACRONYM.findall(text)))
    return [name for name in found if name not in _NOT_NAMES]
