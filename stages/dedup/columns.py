"""Columns for all documents of a batch, made from rows about some of them.

Knows Arrow; does not know what a column says.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def places(found: pa.Table, documents: int) -> pa.Array:
    """int64[documents]: the row of ``found`` that is about each document of a batch, null where there is
    none.

    ``found`` has a ``row`` (index in the batch) and at most one row for each document; taking its columns by
    the result gives columns of the batch."""
    index = np.full(documents, -1)
    index[found.column("row").to_numpy()] = np.arange(len(found))
    return pa.array(index, mask=index < 0)
