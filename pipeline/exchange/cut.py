"""Cuts a stream of tables into pieces whose borders depend on the rows alone.

Row groups, run files and shards must have the same bytes however the rows were batched, so everything that is
written passes through a ``Cutter``. Knows the sizes of Arrow values and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


class Cutter:
    """Collects rows and returns them in pieces. A piece ends with the row that fills it."""

    def __init__(self, max_bytes: int, max_rows: int = 1 << 30) -> None:
        self.max_bytes, self.max_rows = max_bytes, max_rows
        self._waiting: list[pa.Table] = []
        self._bytes = self._rows = 0

    def add(self, table: pa.Table) -> Iterator[pa.Table]:
        """Add rows; returns the pieces that are full now. Each has at most ``max_rows`` rows, and exceeds
        ``max_bytes`` by its last row only."""
        sizes = np.cumsum(row_bytes(table))
        start = taken = 0
        while start < len(table):
            by_bytes = int(np.searchsorted(sizes, taken + self.max_bytes - self._bytes)) + 1
            stop = min(by_bytes, start + self.max_rows - self._rows, len(table))
            self._waiting.append(table.slice(start, stop - start))
            self._bytes += int(sizes[stop - 1]) - taken
            self._rows += stop - start
            start, taken = stop, int(sizes[stop - 1])
            if self._bytes >= self.max_bytes or self._rows >= self.max_rows:
                yield self._piece()

    def rest(self) -> Iterator[pa.Table]:
        """The last piece, if there are rows left."""
        if self._waiting:
            yield self._piece()

    def _piece(self) -> pa.Table:
        # one chunk for each column, since Parquet pages and IPC batches end where chunks do
        piece = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._bytes, self._rows = [], 0, 0
        return piece


def row_bytes(table: pa.Table) -> npt.NDArray[np.int64]:
    """Bytes of the values of each row, int64[rows]. Does not depend on how the table is chunked."""
    sizes = np.full(len(table), 8, np.int64)
    for column in table.columns:
        start = 0
        for chunk in column.chunks:
            sizes[start : start + len(chunk)] += _bytes(chunk)
            start += len(chunk)
    return sizes


_SIZED = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


def _bytes(values: pa.Array) -> npt.NDArray[np.int64]:
    """Bytes of each value; 8 for those of a fixed size."""
    kind = values.type
    if pa.types.is_struct(kind):
        fields = [_bytes(field) for field in values.flatten()]  # null where the struct is null
        return np.sum([np.full(len(values), 8, np.int64), *fields], axis=0, dtype=np.int64)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy().astype(np.int64)
        if pa.types.is_primitive(kind.value_type):
            return lengths * np.int64(kind.value_type.bit_width // 8)
        inner = np.concatenate([[0], np.cumsum(_bytes(values.flatten()))])  # a null list has no values
        ends = np.cumsum(lengths)
        return np.asarray(inner[ends] - inner[ends - lengths], np.int64)
    if any(test(kind) for test in _SIZED):
        return pc.fill_null(pc.binary_length(values), 0).to_numpy().astype(np.int64)
    return np.full(len(values), 8, np.int64)
