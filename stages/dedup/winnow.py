"""Winnowing (Schleimer, Wilkerson and Aiken 2003): few fingerprints of a text, no shared passage missed.

A text of tokens t1 t2 t3 … has a hash for every k tokens in a row (a k-gram). Of every w neighbouring hashes
the smallest is selected (in the order of a scrambled value, the leftmost of equal ones): on average one of (w
+ 1) / 2. A passage of k + w - 1 tokens has w k-grams, so at least one of them is selected; which one depends
on the passage alone, so it is the same wherever the passage stands. Two texts that share a passage of that
length therefore share the hash of a selected k-gram. The same holds for two occurrences in one text: the
selected k-gram is at the same offset in both, hence at two places of the text.

Knows hashes of tokens. Does not know documents beyond where each starts, nor what a shared passage means.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.dedup import kernels
from stages.text.characters import table


class Windows(NamedTuple):
    """Passages of exactly the minimum length: where they start, and a hash of their tokens."""

    row: npt.NDArray[np.uint32]  # index of the text
    offset: npt.NDArray[np.uint32]  # token that the passage starts with
    high: npt.NDArray[np.uint64]  # 128 bits, in two independent halves
    low: npt.NDArray[np.uint64]


def gram_size(tokens: int) -> int:
    """k for passages of ``tokens`` tokens; w is ``tokens`` - k + 1.

    A longer gram is rarer in other contexts, a wider window selects fewer grams. On real pages, k of about
    half the passage gives the exchange the fewest bytes: 1.27, 1.25, 1.25 and 1.29 for each byte of text with
    k = 20, 25, 30 and 35 of 50 tokens (2,104 pages; the passages found are the same)."""
    return max(1, tokens // 2)


def fingerprints(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], tokens: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
    """Row and fingerprint of the grams selected from each text (``utf8``) for passages of ``tokens`` tokens,
    sorted. A fingerprint occurs twice for a row if it is selected in two places or more."""
    rows, keys = _empty(starts, np.uint32), _empty(starts, np.uint64)
    count = kernels.fingerprints(data, starts, table(), gram_size(tokens), tokens, rows, keys)
    rows, keys = rows[:count], keys[:count]
    order = np.lexsort((keys, rows))
    rows, keys = rows[order], keys[order]
    third = np.zeros(count, bool)
    third[2:] = (rows[2:] == rows[:-2]) & (keys[2:] == keys[:-2])
    return rows[~third], keys[~third]


def windows(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    tokens: int,
    rows: npt.NDArray[np.uint32],
    keys: npt.NDArray[np.uint64],
) -> Windows:
    """All passages of ``tokens`` tokens whose own selected fingerprint is among the ``keys`` of their text.
    ``rows`` (sorted) is the text of each key; keys are sorted within a row."""
    size = int(np.diff(starts)[np.unique(rows)].sum())
    found = Windows._make(np.empty(size, kind) for kind in (np.uint32, np.uint32, np.uint64, np.uint64))
    places = np.searchsorted(rows, np.arange(len(starts), dtype=np.uint32))
    count = kernels.windows(data, starts, table(), gram_size(tokens), tokens, places, keys, *found)
    return Windows._make(column[:count].copy() for column in found)


def _empty(starts: npt.NDArray[np.int64], kind: Any) -> npt.NDArray[Any]:
    # as many as there are bytes: more than ever needed, but pages of memory that are never written to take no
    # space
    return np.empty(int(starts[-1] - starts[0]), kind)
