"""From tokens by number to spans of characters.

Knows tokens and code points; does not know why some of them are marked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.dedup.intrinsics import compiled
from stages.dedup.tokens import table, tokenize


class Spans(NamedTuple):
    """Runs of marked tokens, by row and place; and how many tokens each text has that was looked at."""

    row: npt.NDArray[np.uint32]
    begin: npt.NDArray[np.int64]  # code point
    end: npt.NDArray[np.int64]  # the code point after it
    tokens: npt.NDArray[np.int32]
    totals: npt.NDArray[np.int32]  # per text, 0 where nothing is marked


def spans(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    rows: npt.NDArray[np.uint32],
    first: npt.NDArray[np.uint32],
    stop: npt.NDArray[np.uint32],
) -> Spans:
    """The union of ranges of tokens (``first`` to ``stop``) of texts (``tokens.utf8``), sorted by ``rows``."""
    places = np.searchsorted(rows, np.arange(len(starts), dtype=np.uint32))
    # no two spans touch, so they are no more than the ranges
    found = Spans(
        np.empty(len(rows), np.uint32),
        np.empty(len(rows), np.int64),
        np.empty(len(rows), np.int64),
        np.empty(len(rows), np.int32),
        np.zeros(len(starts) - 1, np.int32),
    )
    count = _spans(data, starts, table(), places, first, stop, *found)
    return Spans(*(column[:count] for column in found[:4]), found.totals)


@compiled
def _spans(data, starts, table, places, first, stop, rows, begin, end, tokens, totals):  # type: ignore[no-untyped-def]
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    hashes, begins, ends = np.empty(longest, np.uint64), np.empty(longest, np.int64), np.empty(longest, np.int64)
    none = np.empty(0, np.uint64)
    found = 0
    for row in range(len(starts) - 1):
        if places[row] == places[row + 1]:
            continue
        count = tokenize(data, starts[row], starts[row + 1], table, hashes, none, begins, ends)
        totals[row] = count
        change = np.zeros(count + 1, np.int64)
        for place in range(places[row], places[row + 1]):
            change[first[place]] += 1
            change[stop[place]] -= 1
        depth = 0
        for index in range(count):
            before = depth
            depth += change[index]
            if depth and not before:
                rows[found], begin[found], tokens[found] = row, begins[index], 0
                found += 1
            if depth:
                end[found - 1] = ends[index]
                tokens[found - 1] += 1
    return found
