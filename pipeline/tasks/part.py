"""One part through one segment: reads, runs the stages, counts every row, writes documents and rejects.

Knows the contracts of ``stages.base`` and how to count; does not know which stages there are, nor who runs
the task.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import layout
from pipeline.exchange.found import Found
from pipeline.exchange.positions import position, shifted
from pipeline.exchange.runs import KEYS, merge
from pipeline.ledger import given_ids
from pipeline.ledger.receipts import DOCUMENTS, DOMAINS, REJECTS, Receipt
from pipeline.ledger.tallies import Tally, check_chain
from pipeline.plan.columns import output_schema
from pipeline.plan.recipe import Recipe, open_stage
from pipeline.sealed import ParquetFile, Stored
from pipeline.storage import Storage, StorageError
from pipeline.tasks import census
from pipeline.tasks.base import Again, Context
from pipeline.tasks.beat import Beat, Watched
from pipeline.tasks.calls import TOKEN_ORDER, Result, apply, judged
from pipeline.tasks.census import Census
from pipeline.tasks.dry import Few, share
from pipeline.tasks.guard import READING, Guard
from pipeline.tasks.journal import PartJournal
from pipeline.tasks.outputs import REJECT, Outputs, read_batches
from pipeline.tasks.projects import Projects
from pipeline.tasks.stream import streamed, whole_groups
from stages import where
from stages.base import Fault, Input, Journal, MoreMemory, Resources, Streamer, Told
from stages.collecting import settled

BATCH_ROWS = 256


@dataclass(frozen=True)
class FromInput:
    """The part is read from an input."""

    reader: Recipe
    item: Input


@dataclass(frozen=True)
class FromPart:
    """The part comes from a part of another segment, whose documents a global stage may have judged."""

    file: Stored  # Parquet, relative to the output
    index: int = 0  # of the part, in the positions that verdicts refer to
    verdicts: tuple[Stored, ...] = ()  # run files, relative to the output
    judge: Recipe | None = None  # the global stage whose verdicts they are


@dataclass(frozen=True)
class PartTask:
    """One part of one segment."""

    directory: str  # of the segment, relative to the output
    part: str
    fingerprint: str
    source: FromInput | FromPart
    schema: bytes  # of the rows that the source gives, as an Arrow schema message
    steps: tuple[Recipe, ...]
    resources: Resources
    where: str | None = None  # only rows for which this is true are taken
    few: int | None = None  # dry run: about so many rows of each kind are taken, see ``pipeline.tasks.dry``
    told: tuple[Told, ...] = ()  # what is counted of documents that become tokens

    @property
    def label(self) -> str:
        return f"{layout.label(self.directory)}/{self.part}"

    @property
    def receipt_name(self) -> str:
        return layout.receipt(self.directory, self.part)

    def run(self, context: Context, storage: Storage, guard: Guard) -> Receipt:
        """Run the part; see ``execute.base.Task``."""
        try:
            return _Run(self, context, storage, guard).run()
        except MoreMemory as error:
            raise Again(self._larger(error.bytes)) from None

    def _larger(self, memory: int) -> PartTask:
        """The same task, with this much more memory for its input."""
        assert isinstance(self.source, FromInput)
        item = self.source.item
        if item.memory >= memory:
            raise StorageError(f"{item.path}: asks for {memory} bytes of memory, which it was given already")
        source = FromInput(self.source.reader, item._replace(memory=memory))
        resources = self.resources._replace(memory=self.resources.memory + memory)
        return replace(self, source=source, resources=resources)


@dataclass(frozen=True)
class OpenTask:
    """Opens the stages of a segment and does nothing else, to find out early if they fail."""

    segment: str
    steps: tuple[Recipe, ...]
    resources: Resources
    fingerprint: str = ""
    receipt_name: str = ""

    @property
    def label(self) -> str:
        return f"stages of {self.segment}"

    def run(self, context: Context, storage: Storage, guard: Guard) -> Receipt:
        """Open them; the receipt holds their notes and is not published."""
        opened = [(step.label, open_stage(step, context.storage)) for step in self.steps]
        notes = [f"{label}: {note}" for label, stage in opened for note in stage.notes]
        return Receipt(self.fingerprint, notes=notes)


class _Run:
    """The state of one task while it runs."""

    def __init__(self, task: PartTask, context: Context, storage: Storage, guard: Guard) -> None:
        self.task, self.context, self.storage, self.guard = task, context, storage, guard
        self.tallies: list[Tally] = []
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.counts: Counter[str] = Counter()
        self.sums: dict[str, Counter[str]] = {}
        self.languages: dict[str, Counter[str]] = {}
        self.projects = Projects()
        self.census = Census(task.told)
        self.given: given_ids.Sketch = {}
        self.dry: dict[str, Any] = {}
        self.few: Few | None = None
        self.rejects: list[dict[str, Any]] = []
        self.batch = -1
        #: Documents that were read, and how far that is.
        self.documents = 0
        self.progress: Callable[[], Beat] = lambda: Beat(self.documents)

    def run(self) -> Receipt:
        task = self.task
        schema = pa.ipc.read_schema(pa.py_buffer(task.schema))
        result_schema = output_schema(schema, task.steps)
        with Outputs(self.context.ledger(self.storage), task.receipt_name) as outputs:
            with outputs.clock.aside("opening"):
                stages = self._opened()
            documents = runs = rejects = None
            if not any(recipe.role == "tokens" for recipe in task.steps):
                name = layout.documents(task.directory, task.part)
                documents = outputs.table(DOCUMENTS, name, result_schema)
            if task.few is not None:
                self.few = Few(stages[0], task.few)
            source = self._source(schema)
            tallies = [self._tally(recipe.label) for recipe in task.steps]
            outputs.clock.begin()
            for table, first in self._entering(source, stages, tallies):
                if self.context.limit is not None and self.batch == 0 and outputs.clock.first:
                    with outputs.clock.aside("warming"):
                        self._warm(stages, table, first)
                for number, (recipe, stage) in enumerate(zip(task.steps, stages, strict=True)):
                    if number < first:
                        continue
                    result = self._step(number, recipe, stage, tallies[number], table)
                    table = result.table
                    if result.partials is not None:
                        order = TOKEN_ORDER if recipe.role == "tokens" else ()
                        name = layout.runs(task.directory, task.part)
                        runs = runs or outputs.runs(name, result.partials.schema, order)
                        runs.add(result.partials)
                if documents:
                    documents.add(table.select(result_schema.names).cast(result_schema))
                self._count(table)
                if self.rejects:
                    name = layout.rejects(task.directory, task.part)
                    rejects = rejects or outputs.table(REJECTS, name, REJECT)
                    rejects.add(pa.Table.from_pylist(self.rejects, schema=REJECT))
                    self.rejects.clear()
            tokens = documents is None
            if tokens:
                name = layout.domains(task.directory, task.part)
                outputs.table(DOMAINS, name, census.DOMAINS).add(self.census.domains())
            check_chain(self.tallies)
            self.counts["partials"] = runs.rows if runs else 0
            receipt = Receipt(
                task.fingerprint,
                tallies=self.tallies,
                counts=dict(sorted(self.counts.items())),
                sums={label: dict(sorted(sums.items())) for label, sums in sorted(self.sums.items())},
                given=dict(sorted(self.given.items())),
                languages={name: dict(count) for name, count in sorted(self.languages.items())},
                projects=self.projects.rows(),
                census=self.census.as_json() if tokens else {},
                dry=self.dry | ({"kinds": self.few.found} if self.few else {}),
                seconds={name: round(value, 3) for name, value in self.seconds.items()},
            )
            return outputs.publish(receipt)

    def _warm(self, stages: list[Any], table: pa.Table, first: int) -> None:
        """Do what the steps do to a batch, and nothing with the results."""
        for number, (recipe, stage) in enumerate(zip(self.task.steps, stages, strict=True)):
            if number >= first:
                table = apply(recipe, stage, table, self.context.seed, self.guard, self.batch, number).table

    def _opened(self) -> list[Any]:
        """The stages of the steps; also those that read or judge are loaded now."""
        source = self.task.source
        reads = source.reader if isinstance(source, FromInput) else source.judge
        for recipe in (reads,) if reads else ():
            open_stage(recipe, self.context.storage)
        opened = [open_stage(recipe, self.context.storage) for recipe in self.task.steps]
        settled()
        return opened

    def _tally(self, label: str) -> Tally:
        self.tallies.append(Tally(label))
        return self.tallies[-1]

    # Reading rows

    def _source(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """The rows for the first step. Tallies are created at once, in the order that rows go through."""
        source = self.task.source
        if isinstance(source, FromInput):
            tables = self._read(source, self._tally(source.reader.label))
        else:
            tables = self._part(source, self._tally(source.judge.label) if source.judge else None, schema)
        if self.task.where:
            tables = self._selected(tables, where.parse(self.task.where), self._tally("where"))
        if self.few:
            tables = self.few.picked(tables, self._tally("dry run"))
        return self._timed(tables, schema)

    def _timed(self, tables: Iterator[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
        while True:
            started = time.perf_counter()
            with self.guard.watch(self.batch + 1, READING):
                table = next(tables, None)
            self.seconds["read"] += time.perf_counter() - started
            if table is None:
                return
            self.batch += 1
            self.documents += len(table)
            self.guard.beat = self.progress()
            yield table.select(schema.names).cast(schema)

    def _read(self, source: FromInput, tally: Tally) -> Iterator[pa.Table]:
        reader = open_stage(source.reader, self.context.storage)
        etag = reader.current(source.item, self.storage)
        if etag is None:
            raise StorageError(f"{source.item.path}: the input is gone, or cannot be seen from this machine")
        if etag != source.item.etag:
            raise StorageError(f"{source.item.path}: the input changed after the plan was made; start again")
        last = None
        watched = Watched(self.storage, source.item)
        self.progress = lambda: watched.beat(self.documents, tally.rows_in)
        for batch in reader.read(source.item, watched, self.context.limit):
            last = batch
            tally.rows_in += len(batch.documents) + len(batch.rejects)
            tally.kept += len(batch.documents)
            for reject in batch.rejects:
                (tally.failed if reject.failed else tally.dropped)[reject.fault.reason] += 1
                self.rejects.append(
                    _reject(tally.stage, reject.failed, reject.fault)
                    | {"id": reject.id, "url": reject.url, "provenance": reject.provenance}
                )
            if reader.gives_ids:
                given_ids.add_rows(self.given, batch.documents)
            yield batch.documents
        if self.context.limit is not None:
            self.dry["share"] = share(
                reader, source.item, self.storage, tally.rows_in, self.context.limit, last
            )

    def _part(self, source: FromPart, tally: Tally | None, schema: pa.Schema) -> Iterator[pa.Table]:
        judge = open_stage(source.judge, self.context.storage) if source.judge else None
        files = [file.below(self.context.output) for file in source.verdicts]
        low, high = position(source.index), position(source.index + 1)
        shared = all_rows(self.storage, files, judge.verdicts) if judge and judge.shared else None
        about = merge(self.storage, enumerate(files), low, high)
        found = Found(about, judge.verdicts if judge else None)
        offset = 0
        parquet = ParquetFile(self.storage, source.file.below(self.context.output))
        rows_there = parquet.metadata.num_rows
        self.progress = lambda: Beat(self.documents, offset, rows_there, "rows", "read")
        for table in read_batches(parquet, schema, BATCH_ROWS):
            stop = offset + len(table)
            if tally is not None:
                rows = found.rows(source.index, offset, stop) if shared is None else shared
                table = self._account(tally, table, judged(judge, table, rows))
            offset = stop
            yield table

    def _selected(
        self, tables: Iterator[pa.Table], condition: where.Where, tally: Tally
    ) -> Iterator[pa.Table]:
        """The rows that ``where`` selects. The others are counted, but not recorded as rejects: they never
        belonged to this dataset."""
        for table in tables:
            rows = condition.select(table)
            tally.rows_in += len(table)
            tally.kept += len(rows)
            if len(rows) < len(table):
                tally.dropped["not_selected"] += len(table) - len(rows)
            yield rows

    # Running stages

    def _entering(
        self, source: Iterator[pa.Table], stages: list[Any], tallies: list[Tally]
    ) -> Iterator[tuple[pa.Table, int]]:
        """The rows, and the number of the first step that still has to process them: a ``Streamer``, which is
        the first step of its segment, has already processed them."""
        if stages and isinstance(stages[0], Streamer):
            stage, label = stages[0], self.task.steps[0].label
            journal = self._journal(stage)
            started, read = time.perf_counter(), self.seconds["read"]
            for before, result in streamed(stage, source, journal, self.guard, 0):
                self.seconds[label] += time.perf_counter() - started - (self.seconds["read"] - read)
                self._sum(stage, label, result.table)
                if self.few:
                    self.few.count(before, result.table)
                yield self._account(tallies[0], before, result), 1
                started, read = time.perf_counter(), self.seconds["read"]
            return
        column = next((stage.together for stage in stages if stage.together), None)
        for table in source if column is None else whole_groups(source, column):
            yield table, 0

    def _journal(self, stage: Streamer) -> Journal:
        ledger = self.context.ledger(self.storage)
        added = stage.added(stage.config)
        kept = pa.schema([added.field(name) for name in stage.keeps])
        return PartJournal(ledger, self.task.directory, self.task.part, kept)

    def _step(self, number: int, recipe: Recipe, stage: Any, tally: Tally, table: pa.Table) -> Result:
        started = time.perf_counter()
        self.guard.beat = self.guard.beat._replace(stage=recipe.label)
        result = apply(recipe, stage, table, self.context.seed, self.guard, self.batch, number)
        self.seconds[recipe.label] += time.perf_counter() - started
        self._account(tally, table, result)
        self._sum(stage, recipe.label, result.table)
        if result.partials is not None and recipe.role == "map":
            result = result._replace(partials=shifted(result.partials, self.counts["documents"]))
        return result

    # Counting

    def _account(self, tally: Tally, before: pa.Table, result: Result) -> pa.Table:
        tally.rows_in += len(before)
        tally.kept += len(result.table)
        tally.generated += result.generated
        for loss in result.losses:
            (tally.failed if loss.failed else tally.dropped)[loss.fault.reason] += 1
        recorded = [loss for loss in result.losses if loss.recorded]
        if recorded:
            rows = (
                before.select(["id", "url", "provenance"]).take([loss.row for loss in recorded]).to_pylist()
            )
            for loss, row in zip(recorded, rows, strict=True):
                self.rejects.append(_reject(tally.stage, loss.failed, loss.fault) | row)
        return result.table

    def _sum(self, stage: Any, label: str, table: pa.Table) -> None:
        """Add up the columns that a stage wants to be added up."""
        for column in stage.sums:
            self.sums.setdefault(label, Counter())[column] += int(pc.sum(table.column(column)).as_py() or 0)

    def _count(self, table: pa.Table) -> None:
        self.counts["documents"] += len(table)
        self.counts["text_bytes"] += pc.sum(pc.binary_length(table.column("text"))).as_py() or 0
        tokens = "n_tokens" in table.schema.names
        if tokens:
            self.counts["tokens"] += pc.sum(table.column("n_tokens")).as_py() or 0
            self.projects.count(table)
            self.census.count(table)
        named = pa.table(
            {
                "language": pc.fill_null(table.column("language"), "und"),
                "n_tokens": table.column("n_tokens") if tokens else pa.nulls(len(table), pa.int32()),
            }
        )
        sums = named.group_by("language").aggregate([("n_tokens", "sum"), ("language", "count")]).to_pylist()
        for group in sums:
            count = self.languages.setdefault(group["language"], Counter())
            count["documents"] += group["language_count"]
            if tokens:
                count["tokens"] += group["n_tokens_sum"]


def all_rows(storage: Storage, files: Sequence[Stored], schema: pa.Schema) -> pa.Table:
    """All rows of a last round that is ``shared``."""
    tables = merge(storage, enumerate(files), 0, KEYS)
    return pa.concat_tables([schema.empty_table(), *(table.select(schema.names) for table in tables)])


def _reject(stage: str, failed: bool, fault: Fault) -> dict[str, Any]:
    kind = "failed" if failed else "dropped"
    return {"stage": stage, "kind": kind, "reason": fault.reason, "detail": fault.detail}
