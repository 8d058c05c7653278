"""Tokens as the documentation defines them, in plain Python, and words of many scripts.

Written apart from the compiled code, by ranges of scripts and not by names of characters.
"""

from __future__ import annotations

import random
import re
import unicodedata

import pyarrow as pa

UNSPACED = re.compile(
    "[\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46"  # Thai
    "\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"  # Lao
    "\u1000-\u102a\u103f\u1780-\u17b3"  # Burmese, Khmer
    "\u3005\u3007\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe\uff66-\uff9f"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufad9\U00020000-\U0002a6df]"
)

Token = tuple[str, int, int]


def tokens(text: str) -> list[Token]:
    """What is compared, and where it begins and ends."""
    found: list[list[object]] = []
    open_kind = ""
    for place, char in enumerate(text):
        category = unicodedata.category(char)
        if category == "Cf" or "\ufe00" <= char <= "\ufe0f":
            if open_kind:
                found[-1][2] = place + 1
            continue
        kind = {"L": "word", "N": "word", "S": "symbol", "M": open_kind or "word"}.get(category[0], "")
        if UNSPACED.match(char):
            kind, open_kind = "letter", ""
        if not kind:
            open_kind = open_kind if open_kind == "symbol" else ""
            continue
        folded = char.casefold() if len(char.casefold()) == 1 else char
        if kind != open_kind:
            found.append([folded, place, place + 1])
        else:
            found[-1][0] = str(found[-1][0]) + folded
            found[-1][2] = place + 1
        open_kind = kind
    return [(str(value), int(str(begin)), int(str(end))) for value, begin, end in found]


def values(text: str) -> list[str]:
    return [value for value, _, _ in tokens(text)]


def _range(first: str, last: str) -> str:
    return "".join(map(chr, range(ord(first), ord(last) + 1)))


LATIN = _range("a", "z")
#: Letters to make words of, and what is between words, for the languages of the corpus.
LANGUAGES = {
    "en": (LATIN, " "),
    "ar": (_range("ا", "غ"), " "),
    "da": (LATIN + "æøå", " "),
    "de": (LATIN + "äöüß", " "),
    "es": (LATIN + "áéñ¿", " "),
    "fr": (LATIN + "àçéœ", " "),
    "it": (LATIN + "àèìò", " "),
    "ja": (_range("ぁ", "ん") + _range("ア", "ロ") + _range("一", "七"), ""),
    "ko": (_range("가", "깋"), " "),
    "nl": (LATIN + "ëï", " "),
    "pl": (LATIN + "ąćłż", " "),
    "pt": (LATIN + "ãçõ", " "),
    "ru": (_range("а", "я"), " "),
    "sv": (LATIN + "åäö", " "),
    "th": (_range("ก", "ฮ") + "ิีุู่้", ""),
    "zh": (_range("丁", "龥"), ""),
    "hi": (_range("अ", "ह") + "ािीुे्", " "),
    "emoji": ("😀a😁b😂c👍🏽d", " "),
}


def passage(rng: random.Random, language: str, length: int) -> str:
    """A text of exactly ``length`` tokens."""
    letters, gap = LANGUAGES[language]
    while True:
        text = gap.join("".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(length))
        found = tokens(text)
        if len(found) >= length:
            return text[: found[length - 1][2]] if length else ""


def documents(
    texts: list[str], ids: list[int] | None = None, urls: list[str | None] | None = None
) -> pa.Table:
    """Documents with ids by number."""
    numbers = ids if ids is not None else list(range(len(texts)))
    return pa.table(
        {
            "id": pa.array([number.to_bytes(16, "big") for number in numbers], pa.binary(16)),
            "text": pa.array(texts, pa.string()),
            "url": pa.array(urls if urls is not None else [None] * len(texts), pa.string()),
        }
    )
