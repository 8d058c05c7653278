"""Measures the signals of texts by passes over characters, words, lines and n-grams.

Knows how texts are laid out for the kernels and how each language is segmented. Does not know Arrow.

The texts of a group are one array of code points. The tokens, words and phrases found in them are also arrays
over the whole group, with the bounds of each text's share; kernels count into one row per text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.signals import c4, describe, lexicon, lines, segment
from stages.signals.characters import classes, lower_case
from stages.signals.counts import COUNT
from stages.signals.exceptions import exceptions, units
from stages.signals.grams import repetitions
from stages.signals.table import signals

#: Code points that are measured at a time, unless one text has more: few enough for the processor's cache. In
#: the worst case, a text of marks only, the arrays take 130 bytes for each.
CODES_PER_CALL = 1 << 18

Array = npt.NDArray[Any]


class Spans(NamedTuple):
    """Where pieces start and stop, in order; those of text ``i`` are ``bounds[i]`` to ``bounds[i + 1]``."""

    starts: Array
    stops: Array
    bounds: Array


def measure(texts: Sequence[str], languages: Sequence[str | None]) -> dict[str, npt.NDArray[np.generic]]:
    """Every signal of ``table.SIGNALS`` by name: one value per text, in the signal's type.

    ``languages`` are ISO 639-1 codes, one per text. For None, or a language without a list of stop words,
    there are no stop words, and words are assumed to be separated by blanks. Raises ValueError if there are
    not as many languages as texts.
    """
    if len(texts) != len(languages):
        raise ValueError(f"{len(texts)} texts, but {len(languages)} languages: one for each is needed")
    rows = np.zeros((len(texts), len(COUNT)), dtype=np.int64)
    for group in _groups(texts):
        _count(texts[group], languages[group], rows[group])
    return signals(rows)


def _groups(texts: Sequence[str]) -> Iterator[slice]:
    first = codes = 0
    for place, text in enumerate(texts):
        if codes and codes + len(text) > CODES_PER_CALL:
            yield slice(first, place)
            first, codes = place, 0
        codes += len(text)
    yield slice(first, len(texts))


def _count(texts: Sequence[str], languages: Sequence[str | None], rows: npt.NDArray[np.int64]) -> None:
    codes = np.frombuffer(bytearray("".join(texts).encode("utf-32-le", "surrogatepass")), dtype="<u4")
    bounds = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    modes = np.array([_mode(language) for language in languages], dtype=np.int64)
    numbers = {code: number for number, code in enumerate(lexicon.LANGUAGES)}
    lists = np.array([numbers.get(code or "", -1) for code in languages], dtype=np.int64)
    kinds, lower, (vocabulary, entries) = classes(), lower_case(), lexicon.words()

    tokens, chunks = _tokenize(codes, bounds, modes)
    words = _words(tokens, chunks, modes)
    hit_starts, hit_ends, hit_kinds = np.empty((3, codes.size), dtype=np.int64)
    hits = (hit_starts, hit_ends, hit_kinds, np.empty_like(bounds))
    describe.search(codes, bounds, *lexicon.phrases(), *hits, rows)

    describe.characters(codes, bounds, np.empty(128, dtype=np.int64), rows)
    hashes, seen = np.empty(codes.size, dtype=np.uint64), np.full(entries, -1)
    scratch = _scratch(max(map(len, texts), default=0) + 1)
    grams = *scratch, np.empty_like(scratch[-1])
    describe.tokens(codes, *tokens, kinds, lower, *vocabulary, lists, seen, hashes, rows)
    repetitions(hashes, *tokens, True, *grams, COUNT.top_2gram_chars, rows)
    describe.nemotron_words(codes, *words, kinds, *vocabulary, hashes, rows)
    repetitions(hashes, *words, False, *grams, COUNT.nemotron_top_2gram_chars, rows)

    lines.lines(codes, bounds, kinds, lower, *vocabulary, *tokens, *words, *hits, *scratch, rows)
    places = hit_starts, hit_kinds, hits[-1]
    lines.paragraphs(codes, bounds, kinds, *places, *scratch, rows)
    edited, (owners, ends) = np.empty_like(codes), np.empty((2, codes.size + 1), dtype=np.int64)
    cited = c4.split_lines(codes, bounds, kinds, *tokens, *chunks, *places, edited, ends, owners, rows)
    if cited:
        owners, ends = owners[:cited], ends[: cited + 1]
        tokens, _ = _tokenize(edited[: ends[-1]], ends, modes[owners])
        c4.cited_sentences(edited, kinds, *tokens, owners, rows)


def _scratch(size: int) -> tuple[Array, ...]:
    """Arrays for ``grams.number``: keys, slots, numbers, first places, counts; and one further number for
    each key."""
    int32 = [np.empty(size, dtype=np.int32) for _ in range(3)]
    slots = np.empty(max(16, 1 << (2 * size).bit_length()), dtype=np.int32)
    return np.empty(size, dtype=np.uint64), slots, *int32, np.empty(size, dtype=np.int64)


def _mode(language: str | None) -> int:
    if language in ("ja", "th", "zh"):
        return segment.WORDS_ARE_TOKENS | segment.KANJI_RUNS * (language == "ja")
    return segment.ENGLISH * (language == "en")


def _tokenize(codes: Array, bounds: Array, modes: Array) -> tuple[Spans, Spans]:
    """Tokens and chunks."""
    starts, stops = np.empty((2, 2, codes.size), dtype=np.int64)
    tokens, chunks = (Spans(starts[kind], stops[kind], np.empty_like(bounds)) for kind in range(2))
    tables, suffixes = (*exceptions(), *units()), np.empty(codes.size, dtype=np.int64)
    segment.tokenize(codes, bounds, modes, classes(), *tables, suffixes, *tokens, *chunks)
    return tokens, chunks


def _words(tokens: Spans, chunks: Spans, modes: Array) -> Spans:
    """Nemotron-CC's words of each text: its chunks, or its tokens if the language has no blanks."""
    if not np.any(modes & segment.WORDS_ARE_TOKENS):
        return chunks
    chosen = [tokens if mode & segment.WORDS_ARE_TOKENS else chunks for mode in modes]
    parts = [slice(*spans.bounds[text : text + 2]) for text, spans in enumerate(chosen)]
    starts = np.concatenate([spans.starts[part] for spans, part in zip(chosen, parts, strict=True)])
    stops = np.concatenate([spans.stops[part] for spans, part in zip(chosen, parts, strict=True)])
    return Spans(starts, stops, np.cumsum([0, *(part.stop - part.start for part in parts)]))
