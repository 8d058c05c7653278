"""The files of one part: documents, rejects, run file, and their receipt, published in that order.

Knows Parquet and the commit protocol; does not know stages.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.exchange.cut import Cutter
from pipeline.exchange.runs import BLOCK_BYTES, RunWriter
from pipeline.ledger.commit import Ledger
from pipeline.ledger.receipts import RUNS, File, Receipt
from pipeline.sealed import ParquetFile, ParquetWriter
from pipeline.tasks.clock import Clock
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

#: A reader holds one row group in memory.
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
        self._writer = ParquetWriter(local, schema)

    def add(self, table: pa.Table) -> None:
        """Append rows."""
        self.rows += len(table)
        for piece in self._cutter.add(table):
            self._writer.write(piece)

    def close(self) -> tuple[int, str, str]:
        """Write the rest and the footer. Returns size, sha256 and digest of the foot."""
        for piece in self._cutter.rest():
            self._writer.write(piece)
        return self._writer.close()


class Outputs:
    """The files of one task. They are written locally and published together by ``publish``."""

    def __init__(self, ledger: Ledger, receipt_name: str) -> None:
        self.ledger, self.receipt_name = ledger, receipt_name
        self.clock = Clock(receipt_name.rpartition("/")[0])
        self._stack = contextlib.ExitStack()
        self._open: list[tuple[str, str, Path, TableWriter | RunWriter]] = []

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def table(self, role: str, name: str, schema: pa.Schema, **options: int) -> TableWriter:
        """A Parquet file, ``name`` relative to the output."""
        local = self._local(name)
        writer = TableWriter(local, schema, **options)
        self._open.append((role, name, local, writer))
        return writer

    def runs(
        self, name: str, schema: pa.Schema, order: Sequence[str], block_bytes: int = BLOCK_BYTES
    ) -> RunWriter:
        """A run file of the exchange."""
        local = self._local(name)
        file = self._stack.enter_context(local.open("wb"))
        writer = RunWriter(file, schema, order, block_bytes=block_bytes)
        self._open.append((RUNS, name, local, writer))
        return writer

    def publish(self, receipt: Receipt) -> Receipt:
        """Finish the files and commit them with their receipt."""
        staged = []
        for role, name, local, writer in self._open:
            staged.append((File(role, name, *writer.close()), local))
        receipt.peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        receipt.spent = self.clock.read()
        published = self.ledger.commit(self.receipt_name, receipt, staged)
        self.clock.published()
        return published

    def _local(self, name: str) -> Path:
        return self._stack.enter_context(self.ledger.storage.stage(self.ledger.path(name)))


def read_batches(parquet: ParquetFile, schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """A Parquet part in batches of at most ``rows``, in the columns and types of ``schema``; a column
    that the part lacks is null. A batch never spans two row groups, so its bytes are bounded."""
    names = [name for name in schema.names if name in parquet.schema.names]
    for group in range(parquet.metadata.num_row_groups):
        for batch in parquet.batches(group, names, rows):
            table = pa.Table.from_batches([batch])
            columns: Mapping[str, Any] = dict(zip(table.schema.names, table.columns, strict=True))
            yield pa.table(
                [columns.get(field.name, pa.nulls(len(table), field.type)) for field in schema],
                schema=schema,
            )
