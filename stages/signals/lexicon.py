"""Words and phrases that signals look for, as hash tables for the kernels.

Knows the lists of stop words, and the boilerplate phrases of C4 and Nemotron-CC. Does not know texts.

Words are found by a 64-bit polynomial hash of their code points (``word_hash``; the kernels compute the same
one on the fly), in tables with open addressing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).parent

#: Base of the hash and the multiplier that spreads it over slots; odd numbers without structure.
BASE = 0x9E3779B97F4A7C55
SPREAD = 0xD6E8FEB86659FD93
_MASK = (1 << 64) - 1

#: Lengths above which nothing is looked up: exceptions and units of the English tokenizer, words of lists.
LONGEST_EXCEPTION, LONGEST_UNIT, LONGEST_LISTED = 12, 5, 24
#: Slots of the tables that rule out exceptions for most words (``exceptions.hint``), and phrases at most
#: places.
HINTS, OPENINGS = 4096, 4096

LANGUAGES = ("ar", "da", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "th", "zh")
#: Lists in the table of words that do not belong to a language.
GOPHER, UNSAFE, COUNTER = range(len(LANGUAGES), len(LANGUAGES) + 3)

#: Rae et al. 2021, appendix A.1.1.
GOPHER_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")

#: Nouns of counters such as "3 likes", the only example that RefinedWeb gives.
_COUNTED = """
like likes view views comment comments share shares vote votes point points reply replies follower followers
subscriber subscribers retweet retweets repost reposts reaction reactions rating ratings review reviews
download downloads answer answers post posts member members photo photos video videos
"""

# Kinds of phrases, as bits. All are searched for in lower case and anywhere, even inside words.
LOREM_IPSUM, PLACEHOLDER, JAVASCRIPT, POLICY, BOILERPLATE = 1, 2, 4, 8, 16
NAV_FIRST, NAV_LAST, NAV_INSIDE, READ_MORE = 32, 64, 128, 256
PHRASES: Mapping[str, int] = {
    "lorem ipsum": LOREM_IPSUM | PLACEHOLDER,
    "lorem-ipsum": PLACEHOLDER,
    "loremipsum": PLACEHOLDER,
    "dolor sit amet": PLACEHOLDER,
    "placeholder text": PLACEHOLDER,
    "your text here": PLACEHOLDER,
    "javascript": JAVASCRIPT,
    # C4's reference code, as in datatrove
    **dict.fromkeys(("terms of use", "privacy policy", "cookie policy"), POLICY | BOILERPLATE),
    **dict.fromkeys(("uses cookies", "use of cookies", "use cookies"), POLICY | BOILERPLATE),
    # Curator has these in addition, and five long consent texts, each of which contains one of these phrases
    **dict.fromkeys(("privacy overview", "privacy & cookies policy"), BOILERPLATE),
    **dict.fromkeys(("privacy and cookies policy", "necessary cookies"), BOILERPLATE),
    "changing your cookie settings": BOILERPLATE,
    # RefinedWeb names sign-in, "read more..." and "items in cart" as examples
    **dict.fromkeys(("sign in", "sign-in", "sign up", "log in", "login", "register", "skip to"), NAV_FIRST),
    **dict.fromkeys(("read more...", "read more…", "learn more", "see more"), NAV_LAST),
    **dict.fromkeys(("read more", "read more.."), NAV_LAST | READ_MORE),  # Curator counts them as ellipses
    **dict.fromkeys(("items in cart", "add to cart", "shopping cart", "all rights reserved"), NAV_INSIDE),
}


class Table(NamedTuple):
    """A hash table: keys (0: empty) and values, both with a power of two slots."""

    keys: npt.NDArray[np.uint64]
    values: npt.NDArray[np.int32]


class Phrases(NamedTuple):
    """Phrases sorted by first character: those of ASCII code ``c`` are ``first[c]`` to ``first[c + 1]``.
    ``openings[h]`` says whether the first four characters of any phrase have the hash h
    (``describe.search``)."""

    codes: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    openings: npt.NDArray[np.bool_]


def word_hash(word: str) -> int:
    """Polynomial in ``BASE``, modulo 2**64."""
    value = 1
    for character in word:
        value = (value * BASE + ord(character)) & _MASK
    return value


def list_hash(word: str, which: int) -> int:
    """The key of a word in the list with the given number."""
    return word_hash(word) ^ ((which + 1) * SPREAD & _MASK)


def table(items: Mapping[int, int]) -> Table:
    """A table of values by hash."""
    slots = 1 << (4 * len(items)).bit_length()
    made = Table(np.zeros(slots, np.uint64), np.zeros(slots, np.int32))
    for key, value in items.items():
        slot = (key * SPREAD & _MASK) >> 32 & (slots - 1)
        while made.keys[slot]:
            slot = slot + 1 & (slots - 1)
        made.keys[slot], made.values[slot] = key, value
    return made


def _lines(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@cache
def words() -> tuple[Table, int]:
    """All lists of words in one table, whose values number the entries; and how many entries there are."""
    lists: dict[int, Iterable[str]] = {GOPHER: GOPHER_WORDS, COUNTER: _COUNTED.split()}
    lists[UNSAFE] = _lines(HERE / "unsafe.txt")
    for which, language in enumerate(LANGUAGES):
        lists[which] = _lines(HERE / "stopwords" / f"{language}.txt")
    keys = {list_hash(word, which): None for which in sorted(lists) for word in lists[which]}
    return table({key: number for number, key in enumerate(keys)}), len(keys)


@cache
def phrases() -> Phrases:
    """``PHRASES`` prepared for the search."""
    ordered = sorted(PHRASES)
    initials = [ord(phrase[0]) for phrase in ordered]
    openings = np.zeros(OPENINGS, dtype=bool)
    for phrase in ordered:
        openings[(int.from_bytes(phrase[:4].encode(), "big") * SPREAD & _MASK) >> 32 & (OPENINGS - 1)] = True
    return Phrases(
        np.array([ord(character) for phrase in ordered for character in phrase], np.uint32),
        np.cumsum([0, *map(len, ordered)]),
        np.array([PHRASES[phrase] for phrase in ordered]),
        np.searchsorted(initials, np.arange(129)),
        openings,
    )
