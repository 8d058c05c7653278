"""What the characters and words of a page's blocks are: counts per block, by one pass over an array.

Knows scripts and the most frequent words of 16 languages. Does not know HTML, nor what counts are good
for. All texts are joined and looked at as one array of code points, so the cost per character is that of a
few table look-ups. A word is a run of letters, marks and digits, or one character of a script
written without spaces (Han, kana, Thai).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

#: Only so many words at the start of a block are kept for look-ups: "Related articles", "By ...".
EARLY = 8

#: Classes of characters, in the order of the columns of ``Words.classes``.
CLASSES = (
    "lower",
    "upper",
    "digit",
    "ideograph",
    "space",
    "stop",
    "comma",
    "money",
    "arrow",
    "quote",
    "at",
    "other",
)
LOWER, UPPER, DIGIT, IDEOGRAPH, SPACE, STOP, COMMA, MONEY, ARROW, QUOTE, AT, OTHER = range(12)
_MARKS = {
    STOP: ".!?。！？…؟।",
    COMMA: ",，、;；،؛:：",
    ARROW: "|›»<>/\\·•→←▶▼▲+*#=_~",
    QUOTE: "\"'“”‘’„«()（）[]{}【】「」『』-–—",
    AT: "@©®™",
}
_WITHOUT_SPACES = ((0x0E00, 0x0E80), (0x3040, 0x3100), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00))
_TABLE = 1 << 16  # tables are by code point of the BMP; above it are rare ideographs and symbols

_FUNCTION_WORDS = """
the of and to in a is that for it as was with be by on are this from at or an which you we have not but
der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat
el la de que y en los se del las un por con no una su para es al lo como más pero sus le
le et les des du un une dans est que pour qui pas sur au avec ce il sont plus par ne se son nous vous
il di che è e la un a per in una sono mi con ha si ma lo gli non del della nel alla dei più come anche
o a os as que e do da em um para com não uma se no na por mais dos como mas foi ao das
de het een en van ik te dat die in niet is op aan met voor zijn er maar om hem dan zou ook bij uit
w i na z do nie się to że jest o od za po dla jak ale co przez oraz czy są tym
och att det i en som är av för på den med har till inte om ett men var de så från kan
og i at er en til det den på de med af for ikke der som et har om men var fra kan vi
и в не на я что с он как это по к но из у за от так же для о его вы мы она бы все
في من على إلى عن هذا التي الذي مع هذه كان لا ما و أو قد بعد كل لم هو هي أن
이 그 및 등 수 것 있는 하는 있다 위해 대한 통해 때 더
的 了 是 在 和 有 我 不 这 就 也 与 为 对 从 而 到 之 這 個 们 他 着 被 把 于 以
の に は を が と で も し て た れ さ っ な ら い る か
ท ี ่ แ ล ะ ใ น ข อ ง ไ ม เ ป ็
"""
# Korean function words are suffixes: particles and endings of verbs.
_KOREAN_ENDINGS = "은는이가을를에의로도고다서과와며지게요"
_YEARS = range(1990, 2040)

_FLAG_BITS = 18
_LONGEST = 64  # characters of a word that make its hash


class Words(NamedTuple):
    """Counts for n blocks."""

    classes: Floats  # (n, len(CLASSES)) characters of each class
    chars: Floats  # (n,)
    tokens: Ints  # (n,) words
    function_words: Floats  # (n,)
    years: Floats  # (n,) words from "1990" to "2039"
    first: NDArray[np.uint8]  # (n,) class of the first character
    last: NDArray[np.uint8]  # (n,) and of the last
    early: Hashes  # of the first EARLY words of the blocks, in order; see ``word_hash``
    early_blocks: Ints  # the block of each


class _Tables(NamedTuple):
    """By code point."""

    classes: NDArray[np.uint8]
    values: Hashes  # of letters, equal for upper and lower case; 0 for what is not in words
    korean_endings: NDArray[np.bool_]


@cache
def _tables() -> _Tables:
    classes = np.full(_TABLE, OTHER, np.uint8)
    lower = np.arange(_TABLE, dtype=np.uint64)
    by_category = {"Lu": UPPER, "Sc": MONEY}
    by_category |= {"Ll": LOWER, "Lt": LOWER, "Lm": LOWER, "Lo": LOWER, "Mn": LOWER, "Mc": LOWER, "Me": LOWER}
    by_category |= {"Nd": DIGIT, "Nl": DIGIT, "No": DIGIT, "Zs": SPACE, "Zl": SPACE, "Zp": SPACE}
    for code in range(_TABLE):
        char = chr(code)
        classes[code] = by_category.get(unicodedata.category(char), OTHER)
        if classes[code] == UPPER and len(small := char.lower()) == 1:
            lower[code] = ord(small)
    classes[[9, 10, 11, 12, 13]] = SPACE
    for start, stop in _WITHOUT_SPACES:
        classes[start:stop] = IDEOGRAPH
    for kind, chars in _MARKS.items():
        classes[[ord(char) for char in chars]] = kind
    values = (lower + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
    values ^= values >> np.uint64(29)
    values[classes > IDEOGRAPH] = 0
    endings = np.zeros(_TABLE, bool)
    endings[[ord(char) for char in _KOREAN_ENDINGS]] = True
    return _Tables(classes, values, endings)


@cache
def _powers() -> Hashes:
    return np.multiply.accumulate(np.full(_LONGEST, 0x9E3779B97F4A7C15, np.uint64))


def _codes(text: str) -> NDArray[np.uint32]:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    if len(codes) and codes.max() >= _TABLE:
        # Plane 2 is ideographs; what else there is up there is mostly emoji.
        codes = np.where(codes < _TABLE, codes, np.where(codes >> 16 == 2, 0x4E00, 0x2600)).astype(np.uint32)
    return codes


def _hashes(codes: NDArray[np.uint32], starts: Ints) -> Hashes:
    """Hash of each word, given where words start: its letters' values times powers by position."""
    if not len(starts):
        return np.zeros(0, np.uint64)
    spans = np.diff(starts, append=len(codes))
    positions = np.arange(starts[0], len(codes)) - np.repeat(starts, spans)
    values = _tables().values.take(codes[starts[0] :])
    values *= _powers().take(np.minimum(positions, _LONGEST - 1, out=positions))
    return np.add.reduceat(values, starts - starts[0])


def word_hash(word: str) -> np.uint64:
    """The hash by which ``Words.early`` names a word; 64 bits, the same in upper and lower case."""
    return np.uint64(_hashes(_codes(word), np.array([0]))[0])


@cache
def _flags() -> NDArray[np.uint8]:
    """By the first bits of a hash: 1 function word, 2 year. One word in 400 of all others shares bits with
    one of these, which does not matter to a density; an exact look-up would take as long as all else here."""
    flags = np.zeros(1 << _FLAG_BITS, np.uint8)
    for flag, words in ((1, _FUNCTION_WORDS.split()), (2, map(str, _YEARS))):
        for word in words:
            flags[int(word_hash(word)) >> (64 - _FLAG_BITS)] |= flag
    return flags


def find(values: Hashes, table: Hashes) -> tuple[Ints, NDArray[np.bool_]]:
    """Where each value would be in a sorted table that is not empty, and whether it is there."""
    at = np.minimum(np.searchsorted(table, values), len(table) - 1)
    return at, table[at] == values


def _count(owners: Ints, which: Any, n: int) -> Floats:
    return np.bincount(owners[which], minlength=n).astype(np.float32)


def count(texts: Sequence[str]) -> Words:
    """Counts for the texts of blocks, at least one; a text may be empty."""
    n = len(texts)
    tables = _tables()
    # One line break after every text keeps words apart and makes every slice non-empty.
    codes = _codes("\n".join(texts) + "\n")
    classes = tables.classes.take(codes)
    lengths = np.array([len(text) for text in texts], np.int64)
    ends = np.cumsum(lengths + 1) - 1
    owners = np.repeat(np.arange(n), lengths + 1)
    counts = np.bincount(owners * len(CLASSES) + classes, minlength=n * len(CLASSES))
    per_class: Floats = counts.reshape(n, len(CLASSES)).astype(np.float32)
    per_class[:, SPACE] -= 1

    ideograph = classes == IDEOGRAPH
    joined = (classes <= IDEOGRAPH) & ~ideograph
    # Words start where letters do, and at every ideograph; they end before what is not joined to them.
    edges = joined[1:] != joined[:-1]
    is_start, is_end = ideograph.copy(), ideograph
    is_start[0] |= joined[0]
    is_start[1:] |= edges & joined[1:]
    is_end[:-1] |= edges & joined[:-1]  # the last character is a line break
    starts, word_ends = np.flatnonzero(is_start), np.flatnonzero(is_end)
    hashes = _hashes(codes, starts)
    blocks = owners[starts]
    tokens = np.bincount(blocks, minlength=n)
    flags = _flags().take((hashes >> np.uint64(64 - _FLAG_BITS)).astype(np.int64))
    is_function = (flags & 1).astype(bool) | tables.korean_endings[codes[word_ends]]
    early = np.arange(len(starts)) - (np.cumsum(tokens) - tokens)[blocks] < EARLY
    return Words(
        per_class,
        lengths.astype(np.float32),
        tokens,
        _count(blocks, is_function, n),
        _count(blocks, flags & 2 > 0, n),
        classes[ends - lengths],
        classes[ends - (lengths > 0)],
        hashes[early],
        blocks[early],
    )
