"""From ranges of token numbers to spans of characters.

Knows tokens and code points; does not know why some of them are marked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.dedup import kernels
from stages.text.characters import table


class Spans(NamedTuple):
    """Runs of marked tokens, by row and place; and the number of tokens of each text that was looked at."""

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
    """The union of ranges of tokens, ``first`` to ``stop``, of ``rows`` (sorted) of ``utf8``."""
    places = np.searchsorted(rows, np.arange(len(starts), dtype=np.uint32))
    # no two spans touch, so they are no more than the ranges
    found = Spans(
        np.empty(len(rows), np.uint32),
        np.empty(len(rows), np.int64),
        np.empty(len(rows), np.int64),
        np.empty(len(rows), np.int32),
        np.zeros(len(starts) - 1, np.int32),
    )
    count = kernels.spans(data, starts, table(), places, first, stop, *found)
    return Spans._make([*(column[:count] for column in found[:4]), found.totals])
