"""The index: which n-grams identify which item, and which items can be identified by n-grams at all.

Knows texts and hashes. Does not know files, documents or thresholds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.decontaminate import kernels
from stages.decontaminate.items import Item
from stages.decontaminate.kernels import LETTER
from stages.decontaminate.words import table
from stages.text.utf8 import pieces

#: An n-gram that occurs in more items than this identifies none. GPT-3 left out what was in more than ten
#: documents.
COMMON = 10
#: Minimum bits of the bitmap per gram: at most one in 16 grams that are not in the index passes it.
_BITS = 16

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]


class Index(NamedTuple):
    """All items. Tokens and grams are 64-bit hashes; items and grams are identified by their row."""

    names: list[tuple[str, str]]  #: benchmark and name of each item
    #: For each benchmark, how many rows are ``checked``, or ``empty``, ``short``, ``repeated`` (equal to an
    #: earlier item) or ``common`` (with only common n-grams).
    counts: dict[str, Counter[str]]
    starts: Counts  #: where the tokens of each item start, and the end
    tokens: Hashes
    kinds: npt.NDArray[np.uint8]  #: of each token; 0 for one that is not counted
    sizes: Counts  #: tokens of a gram: ``ngram``, and ``shortest`` if it differs and has items
    bitmap: npt.NDArray[np.uint8]  #: a bit is set for each gram, by the low bits of its hash
    directory: Rows  #: by the high bits of a hash: where in ``grams`` such hashes start
    grams: Hashes  #: sorted
    posts: Rows  #: where the places of each gram start, and the end
    item: Rows  #: of a place
    place: Rows  #: the token of the item at which the gram starts


def build(benchmarks: Mapping[str, Sequence[Item]], ngram: int, shortest: int) -> Index:
    """Index the items; benchmarks are taken in the order of their names, so that the first of equal items
    does not depend on the order of the mapping."""
    counts = {benchmark: Counter[str]() for benchmark in sorted(benchmarks)}
    labels = [(benchmark, item.name) for benchmark in counts for item in benchmarks[benchmark]]
    items = [item for benchmark in counts for item in benchmarks[benchmark]]
    tokens, kinds, starts = _tokens(items, shortest)
    sizes = _sizes(kinds, starts, ngram, shortest)
    before: set[bytes] = set()
    for row, (benchmark, _) in enumerate(labels):
        key = tokens[starts[row] : starts[row + 1]].tobytes()
        if not key or not sizes[row] or key in before:
            counts[benchmark]["empty" if not key else "repeated" if sizes[row] else "short"] += 1
            sizes[row] = 0
        before.add(key)

    grams, item, place = _specific(tokens, starts, sizes)
    begins = starts[item] + place
    depth = np.bincount(begins, minlength=len(tokens) + 1)
    depth -= np.bincount(begins + sizes[item], minlength=len(tokens) + 1)
    kinds[np.cumsum(depth[:-1]) == 0] = 0
    # for a gram that an item has twice, the first place is enough
    first = _changes(grams) | _changes(item)
    grams, item, place = grams[first], item[first], place[first]
    new = np.flatnonzero(_changes(grams))
    for row in np.flatnonzero(sizes).tolist():
        counts[labels[row][0]]["checked" if kinds[starts[row] : starts[row + 1]].any() else "common"] += 1

    return Index(
        names=labels,
        counts=counts,
        starts=starts,
        tokens=tokens,
        kinds=kinds,
        sizes=np.unique(sizes[sizes > 0]),
        bitmap=_bitmap(grams[new]),
        directory=_directory(grams[new]),
        grams=grams[new],
        posts=np.append(new, len(grams)).astype(np.int32),
        item=item.astype(np.int32),
        place=place.astype(np.int32),
    )


def _tokens(items: Sequence[Item], shortest: int) -> tuple[Hashes, npt.NDArray[np.uint8], Counts]:
    """Tokens of all items, their kinds, and where those of each item start; items with too few tokens are
    extended by ``more``."""
    texts = [item.text for item in items]
    tokens, kinds, starts = _tokenize(texts)
    short = np.flatnonzero(_evidence(kinds, starts) < shortest).tolist()
    if more := {row: items[row].more for row in short if texts[row] and items[row].more}:
        texts = [f"{text}\n{more[row]}" if row in more else text for row, text in enumerate(texts)]
        tokens, kinds, starts = _tokenize(texts)
    return tokens, kinds, starts


def _tokenize(texts: Sequence[str]) -> tuple[Hashes, npt.NDArray[np.uint8], Counts]:
    ((data, starts),) = pieces(texts)
    hashes, kinds = np.empty(len(data), np.uint64), np.empty(len(data), np.uint8)
    offsets = np.empty(len(starts), np.int64)
    kernels.tokenize_all(data, starts, table(), hashes, kinds, offsets)
    return hashes[: offsets[-1]].copy(), kinds[: offsets[-1]].copy(), offsets


def _evidence(kinds: npt.NDArray[np.uint8], starts: Counts) -> npt.NDArray[np.float64]:
    """Number of words of each item: two letters of a script without blanks count as about one word."""
    return np.diff(starts) - _sums(kinds == LETTER, starts) / 2


def _sizes(kinds: npt.NDArray[np.uint8], starts: Counts, ngram: int, shortest: int) -> Counts:
    """Tokens of a gram of each item; 0 for an item that is too short."""
    sizes = np.where(np.diff(starts) >= ngram, ngram, shortest)
    return np.where(_evidence(kinds, starts) >= shortest, sizes, 0)


def _specific(tokens: Hashes, starts: Counts, sizes: Counts) -> tuple[Hashes, Counts, Counts]:
    """Hashes of all grams that occur in few items, sorted; the item of each, and the token at which it
    starts."""
    grams = np.empty(len(tokens), np.uint64)
    items, places = np.empty(len(tokens), np.int64), np.empty(len(tokens), np.int64)
    count = kernels.item_grams(tokens, starts, sizes, grams, items, places)
    order = np.argsort(grams[:count], kind="stable")
    grams, items, places = grams[order], items[order], places[order]
    new = _changes(grams)
    gram = np.cumsum(new) - 1
    few = np.bincount(gram, new | _changes(items))[gram] <= COMMON
    return grams[few], items[few], places[few]


def _changes(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a value differs from the one before."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def _bitmap(grams: Hashes) -> npt.NDArray[np.uint8]:
    bits = 1 << max(6, (_BITS * len(grams) - 1).bit_length())
    flags = np.zeros(bits, bool)
    flags[grams & np.uint64(bits - 1)] = True
    return np.packbits(flags, bitorder="little")


def _directory(grams: Hashes) -> Rows:
    """For 2^k buckets, about as many as there are grams, where those of each start in ``grams``."""
    power = max(1, len(grams).bit_length() - 1)
    edges = np.arange(1 << power, dtype=np.uint64) << np.uint64(64 - power)
    return np.append(np.searchsorted(grams, edges), len(grams)).astype(np.int32)


def _sums(flags: npt.NDArray[np.bool_], starts: Counts) -> Counts:
    """Number of flags set for each item."""
    before: Counts = np.append(0, np.cumsum(flags))
    return before[starts[1:]] - before[starts[:-1]]
