"""Texts and languages in, counts out: the order of looking.

Knows which kernel is given what. Does not know Arrow, nor what is made of counts (``table``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.code.signals import code_kernels, kernels, page, patterns, prose_kernels, python
from stages.code.signals.characters import classes, normal, plain
from stages.code.signals.grams import repetitions
from stages.code.signals.kernels import COUNT, WIDTH
from stages.code.signals.split import split
from stages.code.signals.syntax import coded
from stages.text.numbering import number

Codes = npt.NDArray[np.uint32]

_BULLETS = np.array(
    [
        *map(ord, "\u2022\u2023\u2043\u204c\u204d\u2219\u25d8\u25d9\u25ef\u2611\u2612\u29be"),
        *map(ord, "\u2b1b\u2b1c\u2b1e\u2b1f\u2b24"),
        *range(0x25A0, 0x25B0),
        *range(0x25C6, 0x25CC),
        *range(0x25CF, 0x25D7),
        *range(0x25E2, 0x25E7),
    ],
    np.uint32,
)
_MARKS = np.array(list(map(ord, ".!?。！？؟")), np.uint32)
_ENDINGS = (
    "...",
    "…",
    "全文",
    "详情",
    "详细",
    "更多",
    "المزيد",
    "تفاصيل",
    "اقرأ المزيد",
    "もっと",
    "詳細",
    "もっと読む",
)


class Measured(NamedTuple):
    """Of one text: counts of ``COUNT``, and what only some languages have (None in others)."""

    counts: npt.NDArray[np.int64]
    entropy: float
    prose: bool
    found: patterns.Counts | None
    parsed: python.Parsed | None
    lines: python.Lines | None
    text_chars: int | None


def _endings() -> Codes:
    rows = np.zeros((len(_ENDINGS), 12), np.uint32)
    for row, ending in enumerate(_ENDINGS):
        rows[row, : len(ending)] = list(map(ord, ending))
    return rows


def parts(text: str, language: str | None) -> tuple[str, str, int]:
    """Code, comments, and characters of comments (without what parts them)."""
    codes = _codes(text)
    code, comments, counted = _split(codes, language)
    return _text(code), _text(comments), counted


def measure(
    text: str, language: str | None, prose: bool = False, given: tuple[str, str] | None = None
) -> Measured:
    """Everything of one text. ``prose``: its sentences and lists are looked at as well. ``given`` are its
    code and comments where somebody else has parted them."""
    codes, kinds = _codes(text), classes()
    row = np.zeros(WIDTH, np.int64)
    kernels.characters(codes, kinds, row)
    entropy = _words(text, codes, row)
    if given is None:
        code, comments, row[COUNT.comment_chars] = _split(codes, language)
    else:
        code, comments = map(_codes, given)
        row[COUNT.comment_chars] = len(given[1])
    hashes = np.empty(int(row[COUNT.lines]) + 2, np.uint64)
    lines = code_kernels.code(code, kinds, hashes, np.empty(4, np.int64), row)
    row[COUNT.repeated_lines] = _repeated(hashes[:lines], None)[0]
    code_kernels.prompts(comments, row)
    if prose:
        pairs = np.empty((2, int(row[COUNT.lines]) + 2), np.uint64)
        lines = prose_kernels.prose(codes, kinds, _BULLETS, _MARKS, _endings(), pairs, row)
        row[COUNT.repeated_prose_lines], row[COUNT.repeated_prose_chars] = _repeated(
            pairs[0, :lines], pairs[1, :lines]
        )
    look = patterns.LANGUAGES.get(language or "")
    is_python = language == "Python"
    said = _text(code) if look or is_python else ""
    return Measured(
        counts=row,
        entropy=entropy,
        prose=prose,
        found=look(said) if look else None,
        parsed=python.parse(text) if is_python else None,
        lines=python.lines(said) if is_python else None,
        text_chars=_text_chars(text) if language == "HTML" else None,
    )


def _text_chars(text: str) -> int:
    return int(page.text_chars(_codes(page.without_references(text))))


def _codes(text: str) -> Codes:
    # writable, as what kernels put out: one kind of array is one compiled kernel
    return np.frombuffer(bytearray(text.encode("utf-32-le", "surrogatepass")), np.uint32)


def _text(codes: Codes) -> str:
    return codes.tobytes().decode("utf-32-le", "surrogatepass")


def _split(codes: Codes, language: str | None) -> tuple[Codes, Codes, int]:
    syntax = coded(language)
    if syntax is None:
        return codes, codes[:0], 0
    code, comments = np.empty(codes.size, np.uint32), np.empty(2 * codes.size + 1, np.uint32)
    of_code, of_comments, counted = split(codes, *syntax, code, comments)
    return code[:of_code], comments[:of_comments], counted


def _words(text: str, codes: Codes, row: npt.NDArray[np.int64]) -> float:
    """Counts of words and of what they repeat; their entropy."""
    ascii_only = text.isascii()
    if not ascii_only:
        codes = _codes(normal(text))
    hashes, lengths = np.empty(codes.size, np.uint64), np.empty(codes.size, np.int32)
    count = kernels.words(codes, classes(), plain(), ascii_only, hashes, lengths)
    row[COUNT.words], row[COUNT.word_chars] = count, lengths[:count].sum(dtype=np.int64)
    if not count:
        return 0.0
    slots = np.empty(max(16, 1 << (2 * count).bit_length()), np.int64)
    entropy: float = repetitions(
        hashes, lengths, count, slots, row[COUNT.top_2gram : COUNT.distinct_words + 1]
    )
    return entropy


def _repeated(hashes: npt.NDArray[np.uint64], lengths: npt.NDArray[np.uint64] | None) -> tuple[int, int]:
    """Lines that occur more than once, all of them, and their characters. Of lines without ``lengths`` those
    count only whose lowest bit is set."""
    count = len(hashes)
    slots = np.empty(max(16, 1 << (2 * count).bit_length()), np.int64)
    numbers, firsts, counts = np.empty((3, max(1, count)), np.int64)
    number(hashes, count, slots, numbers, firsts, counts)
    met = counts[numbers[:count]] > 1
    if lengths is None:
        return int((met & (hashes & np.uint64(1) == 1)).sum()), 0
    return int(met.sum()), int(lengths[met].sum())
