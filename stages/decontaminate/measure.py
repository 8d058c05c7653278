"""Compares documents with an index: finds the item with the largest overlap in each.

Knows texts and an index. Does not know what happens to a document.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.decontaminate import kernels
from stages.decontaminate.index import Index
from stages.decontaminate.words import table
from stages.text.utf8 import pieces


class Found(NamedTuple):
    """For each document the item with the largest overlap; of equal ones the item with more tokens, then the
    first."""

    item: npt.NDArray[np.int64]  # -1 if there is no gram of any item
    overlap: npt.NDArray[np.float32]  # 0 to 1
    tokens: npt.NDArray[np.int32]  # of the item: the overlap is a share of these


def measure(texts: pa.Array | pa.ChunkedArray, index: Index) -> Found:
    """Search for all items in texts, which must not be null."""
    found = Found(np.full(len(texts), -1), np.zeros(len(texts), np.float32), np.zeros(len(texts), np.int32))
    done = 0
    for data, starts in pieces(texts):
        _measure(data, starts, index, Found._make(column[done:] for column in found))
        done += len(starts) - 1
    return found


def _measure(data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], index: Index, found: Found) -> None:
    room = int(starts[-1] - starts[0]) * len(index.sizes)  # pages never written to take no memory
    hits = tuple(np.empty(room, np.int64) for _ in range(3))
    count = kernels.scan(
        data, starts, table(), index.sizes, index.bitmap, index.directory, index.grams, *hits
    )
    if not count:
        return
    rows, grams, at = (column[:count] for column in hits)
    several = index.posts[grams + 1] - index.posts[grams]
    before = np.cumsum(several) - several
    posts = np.arange(several.sum()) + np.repeat(index.posts[grams] - before, several)
    row, item, place = np.repeat(rows, several), index.item[posts], index.place[posts]
    at = np.repeat(at, several)
    order = np.lexsort((at, item, row))
    row, item, place, at = row[order], item[order], place[order], at[order]
    first = np.flatnonzero((np.diff(row, prepend=-1) != 0) | (np.diff(item, prepend=-1) != 0))
    groups = np.append(first, len(row))
    row, item = row[first], item[first]
    shares = np.zeros(len(row))
    own = index.starts, index.tokens, index.kinds
    kernels.overlaps(data, starts, table(), row, item, groups, place, at, *own, shares)
    tokens = np.array([np.count_nonzero(index.kinds[index.starts[i] : index.starts[i + 1]]) for i in item])
    order = np.lexsort((item, -tokens, -shares, row))
    best = order[np.diff(row[order], prepend=-1) != 0]
    row = row[best]
    found.item[row], found.overlap[row], found.tokens[row] = item[best], shares[best], tokens[best]
