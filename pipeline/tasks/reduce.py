"""The tasks of the rounds of a global stage: reduce a range of keys, or join a part with the rows about it.

Knows the exchange and the ``Global`` contract; does not know what is decided, nor how many rounds there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import pyarrow as pa

from pipeline import layout
from pipeline.exchange.found import Found
from pipeline.exchange.positions import position, shifted
from pipeline.exchange.runs import BLOCK_BYTES, RunWriter, merge
from pipeline.ledger.receipts import Receipt
from pipeline.plan.recipe import Recipe, open_stage
from pipeline.sealed import ParquetFile, Stored
from pipeline.storage import Storage, StorageError
from pipeline.tasks.base import Context
from pipeline.tasks.beat import Beat
from pipeline.tasks.guard import Guard
from pipeline.tasks.outputs import Outputs, read_batches
from stages.base import MIB, Resources
from stages.global_stage import LAST, Reduced, Round, Summary

BATCH_ROWS = 1024

#: Size of blocks in merged files: large, since they have many rows and every reducer reads their index.
MERGED_BLOCK_BYTES = 2 * MIB


class Run(NamedTuple):
    """A run file: number of the part that it is about; its name relative to the output. For a file of an
    earlier run: its address, and the etag that it had when the plan was made."""

    part: int
    file: Stored
    etag: str = ""


Runs = tuple[Run, ...]


@dataclass(frozen=True)
class _Task:
    directory: str  # of the round, relative to the output
    name: str
    fingerprint: str
    runs: Runs
    resources: Resources
    round: Round
    block_bytes: ClassVar[int] = BLOCK_BYTES

    @property
    def label(self) -> str:
        return f"{layout.label(self.directory)}/{self.name}"

    @property
    def receipt_name(self) -> str:
        return layout.receipt(self.directory, self.name)

    def run(self, context: Context, storage: Storage, guard: Guard) -> Receipt:
        """Do the work and publish; see ``tasks.base.Task``. There are no deadlines for single rows."""
        file = layout.round_runs(self.directory, self.name)
        with Outputs(context.ledger(storage), self.receipt_name) as outputs:
            writer: RunWriter | None = None
            counts: Counter[str] = Counter()
            clusters: dict[str, int] = {}
            with outputs.clock.aside("opening"):
                self._open(context)
            if context.limit is not None and outputs.clock.first:
                with outputs.clock.aside("warming"):
                    for _ in self._tables(context, storage, guard, Counter(), {}):
                        pass
            outputs.clock.begin()
            for table in self._tables(context, storage, guard, counts, clusters):
                if len(table):
                    writer = writer or outputs.runs(file, table.schema, (), self.block_bytes)
                    writer.add(table)
            counts["rows"] = writer.rows if writer else 0
            made = Receipt(self.fingerprint, counts=dict(sorted(counts.items())), clusters=clusters)
            return outputs.publish(made)

    def _open(self, context: Context) -> None:
        """Load the stage, if the task has one."""

    def _tables(
        self,
        context: Context,
        storage: Storage,
        guard: Guard,
        counts: Counter[str],
        clusters: dict[str, int],
    ) -> Iterator[pa.Table]:
        raise NotImplementedError

    def _merged(
        self, context: Context, storage: Storage, guard: Guard, low: int, high: int
    ) -> Iterator[pa.Table]:
        for run in self.runs:
            info = storage.stat(run.file.path) if run.etag else None
            if run.etag and (info is None or info.etag != run.etag):
                raise StorageError(
                    f"{run.file.path}: the earlier run changed after the plan was made; start again"
                )
        files = [(run.part, run.file if run.etag else run.file.below(context.output)) for run in self.runs]
        return _watched(merge(storage, files, low, high, self.round.order, split=self.round.split), guard)


@dataclass(frozen=True)
class RegroupTask(_Task):
    """Merge the keys from ``low`` to ``high`` of all runs into one."""

    low: int
    high: int
    block_bytes: ClassVar[int] = MERGED_BLOCK_BYTES

    def _tables(
        self,
        context: Context,
        storage: Storage,
        guard: Guard,
        counts: Counter[str],
        clusters: dict[str, int],
    ) -> Iterator[pa.Table]:
        return self._merged(context, storage, guard, self.low, self.high)


@dataclass(frozen=True)
class ReduceTask(_Task):
    """Reduce the keys from ``low`` to ``high`` of all runs."""

    judge: Recipe
    low: int
    high: int

    def _open(self, context: Context) -> None:
        open_stage(self.judge, context.storage)

    def _tables(
        self,
        context: Context,
        storage: Storage,
        guard: Guard,
        counts: Counter[str],
        clusters: dict[str, int],
    ) -> Iterator[pa.Table]:
        stage = open_stage(self.judge, context.storage)
        groups = self._merged(context, storage, guard, self.low, self.high)
        for table in _counted(stage.reduce(self.round.name, groups), counts, clusters):
            yield (
                table.select(stage.verdicts.names).cast(stage.verdicts) if self.round.name == LAST else table
            )


@dataclass(frozen=True)
class JoinTask(_Task):
    """Join the rows about the documents of a part with the documents."""

    judge: Recipe
    documents: Stored  # Parquet file of the part, relative to the output
    index: int  # of the part
    schema: bytes  # of the columns that the stage reads, as an Arrow schema message
    earlier: bool = False  # the part is of an earlier run, and ``documents`` has an address

    def _open(self, context: Context) -> None:
        open_stage(self.judge, context.storage)

    def _tables(
        self,
        context: Context,
        storage: Storage,
        guard: Guard,
        counts: Counter[str],
        clusters: dict[str, int],
    ) -> Iterator[pa.Table]:
        stage = open_stage(self.judge, context.storage)
        schema = pa.ipc.read_schema(pa.py_buffer(self.schema))
        found = Found(self._merged(context, storage, guard, position(self.index), position(self.index + 1)))
        offset = 0
        documents = self.documents if self.earlier else self.documents.below(context.output)
        if self.earlier and not found.any():
            return
        parquet = ParquetFile(storage, documents)
        for batch in read_batches(parquet, schema, BATCH_ROWS):
            rows = found.rows(self.index, offset, offset + len(batch))
            if rows is not None and len(rows):
                yield shifted(stage.join(self.round.name, batch, rows), offset)
            offset += len(batch)


def _watched(tables: Iterator[pa.Table], guard: Guard) -> Iterator[pa.Table]:
    rows = 0
    for table in tables:
        rows += len(table)
        guard.beat = Beat(done=rows, unit="rows")
        yield table


def _counted(tables: Reduced, counts: Counter[str], clusters: dict[str, int]) -> Generator[pa.Table]:
    found = (yield from tables) or {}
    if isinstance(found, Summary):
        clusters.update(sorted(found.clusters.items()))
        found = found.counts
    counts.update(found)
