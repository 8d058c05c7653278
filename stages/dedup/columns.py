"""Columns of documents: as one array, and made from what is known about some of the documents.

Knows Arrow; does not know what a column says.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def as_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column as one array, copied only where it is in several chunks.

    Raises ArrowInvalid where strings are too many for one array (2 GiB)."""
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column


def places(found: pa.Table, documents: int) -> pa.Array:
    """int64[documents]: which row of ``found`` is about each document of a batch, null where none is.

    ``found`` has a ``row`` (index in the batch) and is about each document at most once; its columns, taken
    by this, are columns of the batch."""
    index = np.full(documents, -1)
    index[found.column("row").to_numpy()] = np.arange(len(found))
    return pa.array(index, mask=index < 0)
