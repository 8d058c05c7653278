"""Row numbers: in a batch, in a part, and among all parts. All conversions between them are made here.

A *row* (uint32) counts within a batch or a part. A *position* (uint64) is the address of a document among all
parts: 32 bits for the part, 32 bits for the row. Knows numbers; does not know what the rows say.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def position(index: int, row: int = 0) -> int:
    """The address of a row of part ``index``."""
    return index << 32 | row


def shifted(rows: pa.Table, by: int) -> pa.Table:
    """Add ``by`` to ``row``: rows of a batch become rows of its part, or rows of a slice rows of its batch. A
    table without ``row`` is returned unchanged."""
    if "row" not in rows.schema.names:
        return rows
    return _replaced(rows, "row", "row", pc.add(rows.column("row"), pa.scalar(by, pa.uint32())))


def addressed(rows: pa.Table, index: int) -> pa.Table:
    """Replace ``row`` in part ``index`` by ``position``. A table without ``row`` is returned unchanged."""
    if "row" not in rows.schema.names:
        return rows
    positions = rows.column("row").to_numpy().astype(np.uint64) | np.uint64(position(index))
    return _replaced(rows, "row", "position", pa.array(positions))


def within(rows: pa.Table, index: int, start: int) -> pa.Table:
    """Replace the positions in ``key`` by ``row``, counted from document ``start`` of part ``index``."""
    numbers = (rows.column("key").to_numpy() - np.uint64(position(index, start))).astype(np.uint32)
    return rows.drop_columns("key").append_column("row", pa.array(numbers))


def _replaced(rows: pa.Table, old: str, new: str, column: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.schema.names.index(old), new, column)
