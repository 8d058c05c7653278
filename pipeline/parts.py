"""Files of one part: documents, rejects, run file, and their receipt, published in that order.

Knows Parquet and the commit protocol; does not know stages.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.cut import Cutter
from pipeline.exchange import BLOCK_BYTES, RunWriter
from pipeline.receipts import File, Ledger, Receipt
from stages.base import MIB, PROVENANCE

REJECT = pa.schema(
    [
        ("id", pa.binary(16)),
        ("url", pa.string()),
        ("stage", pa.string()),
        ("kind", pa.string()),  # "dropped" by a decision or "failed" by an error
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("provenance", PROVENANCE),
    ]
)

#: Row groups are what a reader holds in memory at once.
GROUP_BYTES, GROUP_ROWS = 16 * MIB, 4096


class TableWriter:
    """A Parquet file whose bytes depend on its rows alone."""

    def __init__(
        self,
        local: Path,
        schema: pa.Schema,
        group_bytes: int = GROUP_BYTES,
        group_rows: int = GROUP_ROWS,
    ) -> None:
        self.rows = 0
        self._cutter = Cutter(group_bytes, group_rows)
        self._writer = pq.ParquetWriter(local, schema, compression="zstd", compression_level=3)

    def add(self, table: pa.Table) -> None:
        """Append rows."""
        self.rows += len(table)
        for piece in self._cutter.add(table):
            self._writer.write_table(piece, row_group_size=len(piece))

    def close(self) -> None:
        """Write what waits, and the footer."""
        for piece in self._cutter.rest():
            self._writer.write_table(piece, row_group_size=len(piece))
        self._writer.close()


class Outputs:
    """The files of one task. They are written locally and published together by ``publish``."""

    def __init__(self, ledger: Ledger, receipt_name: str) -> None:
        self.ledger, self.receipt_name = ledger, receipt_name
        self._stack = contextlib.ExitStack()
        self._open: list[tuple[str, Path, Any]] = []
        self._raw: list[BinaryIO] = []

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *error: Any) -> None:
        # after publish() nothing is left on the stack; an error lets every temporary file go
        self._stack.__exit__(*error)

    def table(self, name: str, schema: pa.Schema, **options: int) -> TableWriter:
        """A Parquet file, ``name`` relative to the output."""
        local = self._local(name)
        writer = TableWriter(local, schema, **options)
        self._open.append((name, local, writer))
        return writer

    def runs(
        self, name: str, schema: pa.Schema, order: Sequence[str], block_bytes: int = BLOCK_BYTES
    ) -> RunWriter:
        """A run file of the exchange."""
        local = self._local(name)
        file = self._stack.enter_context(local.open("wb"))
        writer = RunWriter(file, schema, order, block_bytes=block_bytes)
        self._open.append((name, local, writer))
        self._raw.append(file)
        return writer

    def publish(self, receipt: Receipt, possible: Sequence[str]) -> Receipt:
        """Commit: old receipt away, files in place, new receipt. ``possible`` are all names that this
        task may write; those left from an earlier config and not written now are deleted."""
        for _, _, writer in self._open:
            writer.close()
        for file in self._raw:
            file.close()
        receipt.peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        receipt.files = [File.of(local, name) for name, local, _ in self._open]
        self.ledger.check()
        for name in (self.receipt_name, *sorted(set(possible) - {name for name, _, _ in self._open})):
            self.ledger.storage.delete(self.ledger.path(name))
        self._stack.close()
        self.ledger.commit(self.receipt_name, receipt)
        return receipt

    def _local(self, name: str) -> Path:
        return self._stack.enter_context(self.ledger.storage.create(self.ledger.path(name)))


def read_batches(file: BinaryIO, schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """A Parquet part in batches of at most ``rows``, in the columns and types of ``schema``; a column
    that the part lacks is null. No batch goes over the end of a row group, whose bytes are bounded."""
    parquet = pq.ParquetFile(file, pre_buffer=False)
    names = [name for name in schema.names if name in parquet.schema_arrow.names]
    for group in range(parquet.num_row_groups):
        for batch in parquet.iter_batches(rows, row_groups=[group], columns=names, use_threads=False):
            table = pa.Table.from_batches([batch])
            columns: Mapping[str, Any] = dict(zip(table.schema.names, table.columns, strict=True))
            yield pa.table(
                [columns.get(field.name, pa.nulls(len(table), field.type)) for field in schema],
                schema=schema,
            )
