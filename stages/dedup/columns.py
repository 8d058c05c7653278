"""Columns of documents, made from what is known about some of them.

Knows Arrow; does not know what a column says.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def places(found: pa.Table, documents: int) -> pa.Array:
    """int64[documents]: which row of ``found`` is about each document of a batch, null where none is.

    ``found`` has a ``row`` (index in the batch) and is about each document at most once; its columns, taken
    by this, are columns of the batch."""
    index = np.full(documents, -1)
    index[found.column("row").to_numpy()] = np.arange(len(found))
    return pa.array(index, mask=index < 0)
