"""Counts of characters and words per block of a page, by one pass over an array.

Knows scripts and the most frequent words of 16 languages. Does not know HTML, nor what counts are used for.
All texts are in one array, so the cost per character is a few table look-ups. A word
is a run of letters, marks and digits, or one character of a script written without spaces (Han, kana, Thai).
Words of class names are found in the same way, but also end where the case changes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.compiled import compiled
from stages.text.characters import decode

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

#: Number of words at the start of a block that are kept for look-ups: "Related articles", "By ...".
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
#: Languages of the lines above.
_SPOKEN = ("en", "de", "es", "fr", "it", "pt", "nl", "pl", "sv", "da", "ru", "ar", "ko", "zh", "ja", "th")
# Korean function words are suffixes: particles and endings of verbs.
_KOREAN_ENDINGS = "은는이가을를에의로도고다서과와며지게요"
_YEARS = range(1990, 2040)

_CLASSES = len(CLASSES)
_FLAG_BITS = 18
_LONGEST = 64  # leading characters of a word that its hash covers


#: Columns of ``Words.counts`` after those of the classes: words; among them function words, and those from
#: "1990" to "2039"; the classes of the first and of the last character, SPACE where there is none; all
#: characters; and how many texts are the same, itself included.
TOKENS, FUNCTION_WORDS, YEARS, FIRST, LAST, CHARS, ALIKE = range(len(CLASSES), len(CLASSES) + 7)


class Words(NamedTuple):
    """Counts for n texts."""

    counts: Ints  # (n, len(CLASSES) + 7) characters of each class, and what is named above
    early: Hashes  # of the first EARLY words of the texts, in order; see ``word_hashes``
    early_blocks: Ints  # the text of each


class _Tables(NamedTuple):
    """By code point."""

    classes: Bytes
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


@compiled
def _plane_0(code: int) -> int:
    """A code point within the tables. Plane 2 is ideographs; the rest above the BMP is mostly emoji."""
    if code < _TABLE:
        return code
    return 0x4E00 if code >> 16 == 2 else 0x2600


@compiled
def _hash(text: Bytes, start: int, end: int, position: int, values: Hashes, powers: Hashes) -> np.uint64:
    """Sum of the letters' values, each times a power by position."""
    total = np.uint64(0)
    while start < end:
        code, start = decode(text, start, end)
        total += values[_plane_0(code)] * powers[min(position, _LONGEST - 1)]
        position += 1
    return total


@compiled
def _hash_all(text: Bytes, ends: Ints, values: Hashes, powers: Hashes, hashes: Hashes) -> None:
    start = 0
    for word in range(len(ends)):
        hashes[word] = _hash(text, start, ends[word], 0, values, powers)
        start = ends[word]


def word_hashes(words: Sequence[str]) -> Hashes:
    """The hashes by which ``Words.early`` names words; 64 bits, the same in upper and lower case."""
    written = [word.encode("utf-8", "surrogatepass") for word in words]
    text = np.frombuffer(bytearray(b"".join(written) + b"\0"), np.uint8)
    hashes = np.empty(len(words), np.uint64)
    ends = np.cumsum(np.fromiter(map(len, written), np.int64, len(written)))
    _hash_all(text, ends, _tables().values, _powers(), hashes)
    return hashes


@cache
def function_words(language: str) -> list[str]:
    """The most frequent words of one of ``_SPOKEN``. Raises KeyError for another language."""
    return dict(zip(_SPOKEN, _FUNCTION_WORDS.strip().splitlines(), strict=True))[language].split()


@cache
def _flags() -> Bytes:
    """By the first bits of a hash: 1 function word, 2 year. One in 400 other words shares bits with one of
    these, which does not matter for a density."""
    flags = np.zeros(1 << _FLAG_BITS, np.uint8)
    for flag, words in ((1, _FUNCTION_WORDS.split()), (2, [str(year) for year in _YEARS])):
        flags[word_hashes(words) >> np.uint64(64 - _FLAG_BITS)] |= flag
    return flags


@compiled
def _scan(
    text: Bytes,
    starts: Ints,
    ends: Ints,
    classes: Bytes,
    values: Hashes,
    powers: Hashes,
    endings: NDArray[np.bool_],
    flags: Bytes,
    counts: Ints,
    early: Hashes,
    early_blocks: Ints,
    keys: Hashes,
    firsts: Ints,
    table: Ints,
) -> int:
    """Fills ``counts``, ``early`` and ``early_blocks``; returns how many of these there are. ``table``: of
    zeros, a power of two and at least twice the texts."""
    kept = 0
    last = len(table) - 1
    for block in range(len(starts)):
        i, end = starts[block], ends[block]
        key = np.uint64(end - i)
        row = counts[block]
        kind = SPACE
        small = 0  # lower-case letters: to count most characters in memory would take twice the time
        row[FIRST] = SPACE
        if i < end:
            row[FIRST] = classes[_plane_0(decode(text, i, end)[0])]
        while i < end:
            code, i = decode(text, i, end)
            code = _plane_0(code)
            kind = classes[code]
            if kind == LOWER:
                small += 1
            else:
                row[kind] += 1
                if kind > IDEOGRAPH:
                    continue
            word = values[code] * powers[0]
            position = 1
            ending = code
            while kind < IDEOGRAPH and i < end:
                code = np.int64(text[i])
                after = i + 1
                if code >= 128:
                    code, after = decode(text, i, end)
                    code = _plane_0(code)
                following = classes[code]
                if following >= IDEOGRAPH:
                    break
                kind = following
                if kind == LOWER:
                    small += 1
                else:
                    row[kind] += 1
                word += values[code] * powers[min(position, _LONGEST - 1)]
                position += 1
                ending = code
                i = after
            flag = flags[word >> np.uint64(64 - _FLAG_BITS)]
            row[FUNCTION_WORDS] += (flag & 1) | endings[ending]
            row[YEARS] += flag >> 1
            key = key * powers[0] + word
            if row[TOKENS] < EARLY:
                early[kept] = word
                early_blocks[kept] = block
                kept += 1
            row[TOKENS] += 1
        row[LAST] = kind
        row[LOWER] = small
        for each in range(_CLASSES):
            row[CHARS] += row[each]
        # The first of the texts that are the same counts them; texts of different keys are different.
        keys[block] = key
        slot = np.int64(key >> np.uint64(1)) & last
        while table[slot] and not (
            keys[table[slot] - 1] == key and _are_same(text, starts, ends, block, table[slot] - 1)
        ):
            slot = (slot + 1) & last
        if not table[slot]:
            table[slot] = block + 1
        firsts[block] = table[slot] - 1
        counts[firsts[block], ALIKE] += 1
    for block in range(len(starts)):
        counts[block, ALIKE] = counts[firsts[block], ALIKE]
    return kept


@compiled
def _are_same(text: Bytes, starts: Ints, ends: Ints, one: int, other: int) -> bool:
    start, before, size = starts[one], starts[other], ends[one] - starts[one]
    if ends[other] - before != size:
        return False
    same = 0
    while same < size and text[start + same] == text[before + same]:
        same += 1
    return bool(same == size)


def count(text: Bytes, starts: Ints, ends: Ints) -> Words:
    """Counts for texts, each in UTF-8 between two places of ``text``; one may be empty."""
    n = len(starts)
    tables = _tables()
    counts = np.zeros((n, ALIKE + 1), np.int64)
    early, owners = np.empty(EARLY * n, np.uint64), np.empty(EARLY * n, np.int64)
    kept = _scan(
        *(
            text,
            np.ascontiguousarray(starts),
            np.ascontiguousarray(ends),
            tables.classes,
            tables.values,
            _powers(),
        ),
        *(tables.korean_endings, _flags(), counts, early, owners, np.empty(n, np.uint64)),
        *(np.empty(n, np.int64), np.zeros(1 << (2 * n).bit_length(), np.int64)),
    )
    return Words(counts, early[:kept], owners[:kept])


class Lexicon:
    """Ids of words by their hashes: a table with open addressing, at most half full."""

    def __init__(self, words: Sequence[str]) -> None:
        """``words``: distinct words; the id is the position."""
        self._bits = max(len(words), 1).bit_length() + 1
        self._keys = np.zeros(1 << self._bits, np.uint64)
        self._ids = np.full(1 << self._bits, -1, np.int64)
        for index, key in enumerate(word_hashes(words).tolist()):
            slot = key >> (64 - self._bits)
            while self._ids[slot] >= 0:
                slot = (slot + 1) % len(self._ids)
            self._keys[slot], self._ids[slot] = key, index

    def early(self, words: Words) -> tuple[Ints, Ints]:
        """Ids of those of ``words.early`` that are known, and the block of each."""
        ids, owners = np.empty_like(words.early_blocks), np.empty_like(words.early_blocks)
        size = _known(words.early, words.early_blocks, self._keys, self._ids, self._bits, ids, owners)
        return ids[:size], owners[:size]

    def names(self, text: Bytes, places: Ints, tokens: int, longest: int) -> tuple[Ints, Ints, Ints]:
        """For each tag and its class names: the id of ``"<tag>"``, -1 if it is unknown; the ids of the known
        words in the names, once each; and how many those are.

        ``places``: where in ``text`` the names begin, the tag that follows them, and where that ends. Only
        the first ``tokens`` names are used, and only words of two to ``longest`` letters.
        """
        tables = _tables()
        tags = np.empty(len(places), np.int64)
        sizes = np.zeros(len(places), np.int64)
        lengths = places[:, 1] - places[:, 0]
        found = np.empty(int(lengths.sum()) // 2 + 1, np.int64)  # a word has at least two letters
        size = _scan_names(
            *(text, places, tokens, longest, _letters(), tables.values, _powers()),
            *(self._keys, self._ids, self._bits, tags, found, sizes, np.zeros(len(self._ids), np.int64)),
        )
        return tags, found[:size], sizes


@compiled
def _find(word: np.uint64, keys: Hashes, ids: Ints, bits: int) -> np.int64:
    slot = np.int64(word >> np.uint64(64 - bits))
    while ids[slot] >= 0 and keys[slot] != word:
        slot = (slot + 1) % len(ids)
    index: np.int64 = ids[slot]
    return index


@compiled
def _known(hashes: Hashes, owners: Ints, keys: Hashes, ids: Ints, bits: int, found: Ints, of: Ints) -> int:
    size = 0
    for i in range(len(hashes)):
        index = _find(hashes[i], keys, ids, bits)
        if index >= 0:
            found[size] = index
            of[size] = owners[i]
            size += 1
    return size


# Classes of characters for splitting class names into words.
_SIGN, _BLANK, _SMALL, _CAPITAL, _LETTER = range(5)


@cache
def _letters() -> Bytes:
    """By code point: capitals and small letters of ASCII, other letters, white space, and the rest."""
    kinds = np.full(_TABLE, _SIGN, np.uint8)
    for code in range(_TABLE):
        char = chr(code)
        if char.isspace():
            kinds[code] = _BLANK
        elif char.isalnum() and not char.isdecimal():
            kinds[code] = _LETTER if code > 127 else _SMALL if char.islower() else _CAPITAL
    return kinds


@compiled
def _scan_names(
    text: Bytes,
    places: Ints,
    tokens: int,
    longest: int,
    kinds: Bytes,
    values: Hashes,
    powers: Hashes,
    keys: Hashes,
    ids: Ints,
    bits: int,
    tags: Ints,
    found: Ints,
    sizes: Ints,
    seen: Ints,
) -> int:
    """Fills ``tags``, ``found`` and ``sizes``; returns how many were found. ``seen``: of zeros, for one more
    than the last text with each word."""
    size = 0
    for row in range(len(places)):
        i, end = places[row, 0], places[row, 1]
        tags[row] = _find(_hash(text, end, places[row, 2], 1, values, powers), keys, ids, bits)
        left = tokens
        within = False  # a name
        while i < end:
            code, after = decode(text, i, end)
            kind = kinds[_plane_0(code)]
            if kind == _BLANK:
                within = False
            elif not within:
                if not left:
                    break
                left -= 1
                within = True
            start, i = i, after
            if kind < _SMALL:
                continue
            letters = 1
            while i < end:
                code, after = decode(text, i, end)
                if kinds[_plane_0(code)] != kind:
                    break
                letters += 1
                i = after
            if kind == _CAPITAL and i < end and text[i] < 128 and kinds[text[i]] == _SMALL:
                # "Post", or the first word of "XMLFeed".
                if letters > 1:
                    letters -= 1
                    i -= 1
                else:
                    while i < end and text[i] < 128 and kinds[text[i]] == _SMALL:
                        letters += 1
                        i += 1
            if not 1 < letters <= longest:
                continue
            index = _find(_hash(text, start, i, 0, values, powers), keys, ids, bits)
            if index >= 0 and seen[index] <= row:
                seen[index] = row + 1
                found[size] = index
                size += 1
                sizes[row] += 1
    return size
