"""What a snapshot will cost, from what a dry run (or another run) measured of itself.

Each group of tasks costs so much for its rows, which grow with the bytes of the inputs, and so much for each
task, however small. Both were measured apart (``pipeline.tasks.clock``), so parts of a hundred records tell
what parts of forty thousand take. What a dry run did to a few rows only is scaled as in ``report.forecast``.

What cannot be known from a sample: of more documents, more are duplicates. So what lies behind a global stage
is an upper bound. Knows plans, receipts and rounds; does not know which stages there are.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from pipeline.ledger.receipts import DOCUMENTS, REJECTS, RUNS
from pipeline.ledger.receipts import SHARD as SHARD_ROLE
from pipeline.plan.segment import Plan, Segment
from pipeline.report.forecast import Forecast, Scales, forecasts
from pipeline.report.measured import Measured, NotMeasured
from pipeline.schedule.groups import MERGED, MERGED_BYTES
from pipeline.schedule.rounds import APPLY, BUCKET_ROWS, MOST_FILES, Chain, scattered
from pipeline.schedule.state import State
from pipeline.sealed import ParquetWriter
from pipeline.tasks.outputs import REJECT
from pipeline.tasks.shards import SHARD, WITH_TEXT
from stages.base import Resources
from stages.global_stage import LAST, Round

#: Tasks that a process did later, from which on those that it did first are not counted on.
_ENOUGH = 3


@dataclass(frozen=True)
class Cost:
    """Of a group of tasks in the snapshot. Seconds of cores: ``cpu`` that compute, ``held`` with waiting."""

    key: str
    tasks: int
    rows: float  # documents that it puts out; 0 for rounds
    cpu: float
    held: float
    gpu: float  # seconds of GPUs
    read: float  # bytes, of inputs and of files of the run
    written: float
    shuffled: float  # of these, bytes that go through the exchange
    needs: Resources


def parts(plan: Plan) -> dict[str, int]:
    """By segment, the number of its parts as far as the inputs tell: those of which nothing fails."""
    found: dict[str, int] = {}
    for key, segment in plan.segments.items():
        own = len(plan.inputs.get(segment.dataset, ())) if segment.reader else 0
        found[key] = own + sum(found[parent] for parent in segment.parents)
    return found


class Model:
    """The costs of a plan, from a basis that was measured. NotMeasured if the basis is of other stages."""

    def __init__(self, plan: Plan, basis: Measured) -> None:
        self.plan, self.basis = plan, basis
        changed = [key for key, one in plan.segments.items() if basis.recipes.get(key) != one.recipe]
        if changed:
            raise NotMeasured(
                f"{basis.output} was made by other stages: {changed[0]} is not there, or has other settings "
                f"({len(changed)} of {len(plan.segments)} segments); do the dry run again"
            )
        self.states = {key: basis.states.get(key, State()) for key in plan.segments} | basis.states
        taken = replace(plan, inputs=basis.inputs)
        self._scales = Scales(taken, self.states, basis.sizes)
        self._asked = {
            f"{one.dataset}/{one.stage}": one for one in forecasts(taken, self.states, basis.sizes)
        }
        self._tasks = parts(plan)
        self._files: dict[str, dict[str, float]] = {}  # by segment and role
        #: Datasets of which it is not known what share of the inputs was read.
        self.unknown: set[str] = set()

    def costs(self) -> Iterator[Cost]:
        """Of every group, in the order of the plan."""
        for segment in self.plan.segments.values():
            yield self._segment(segment)
            if segment.judged:
                yield from self._rounds(segment)
            if segment.name == "tokens":
                yield from self._shards(segment)

    def scale(self, segment: Segment, after: bool = True) -> float:
        """How many times the rows of the basis come out of a segment, or go into it."""
        found = self._scales.after(segment) if after else self._scales.before(segment)
        if found is None:
            self.unknown.add(segment.dataset)
        return found or 1.0

    def once(self) -> float:
        """Seconds of the processor that each process takes to load stages and for its first batches."""
        return sum(max((did.once for did in tasks), default=0.0) for tasks in self.basis.tasks.values())

    def weighed(self, key: str) -> float:
        """By how much the seconds for rows of a group are too many, because a process was slow at first."""
        tasks = self.basis.tasks.get(key, [])
        warm = [did.rows for did in tasks if did.spent["before"] or did.spent["warming"]]
        if not warm or len(warm) < min(len(tasks), _ENOUGH):
            return 1.0
        return min(sum(warm) / len(warm) * len(tasks) / max(sum(did.rows for did in tasks), 1e-9), 1.0)

    def _segment(self, segment: Segment) -> Cost:
        key = segment.key
        before, after = self.scale(segment, after=False), self.scale(segment)
        tasks = self._tasks[key]
        files = self._sizes(
            key, tasks, {DOCUMENTS: after, RUNS: after, REJECTS: before},
            {DOCUMENTS: segment.output, REJECTS: REJECT},
        )  # fmt: skip
        read = sum(self.plan.sizes[segment.dataset].values()) if segment.reader else 0.0
        read += sum(self._files[parent].get(DOCUMENTS, 0.0) for parent in segment.parents)
        if segment.judge:
            read += self._files[f"{segment.parents[0]}/{LAST}"].get(RUNS, 0.0)
        # of a stage that a dry run tried on a few rows, the seconds are those of these few
        asked = self._asked.get(f"{segment.dataset}/{segment.steps[0].label}") if segment.steps else None
        rows = self.states[key].total("documents") * after
        cost = self._cost(key, tasks, rows, after if asked else before, read, files, segment.resources)
        return cost if asked is None else _with_hours(cost, asked)

    def _rounds(self, segment: Segment) -> Iterator[Cost]:
        """The rounds of the global stage that ends a segment, with regroupings of many files."""
        scale, chain = self.scale(segment), Chain(segment)
        parts = self._tasks[segment.key]
        count = {"map": parts}
        sizes = {"map": self._files[segment.key].get(RUNS, 0.0)}
        current: Round | None = chain.first()
        while current is not None:
            key = chain.key(current.name)
            state = self.states.get(key, State())
            rows = chain.rows(current.takes, self.states) * scale if state.made else 0.0
            tasks = parts if current.documents else 1 if current.whole else math.ceil(rows / BUCKET_ROWS)
            taken = sum(sizes[name] for name in current.takes)
            yield from self._regrouped(chain, current, sum(count[n] for n in current.takes), taken, scale)
            files = self._sizes(key, tasks, {RUNS: scale}, {})
            read = taken + (self._files[segment.key].get(DOCUMENTS, 0.0) if current.documents else 0.0)
            yield self._cost(key, tasks, 0.0, scale, read, files, chain.resources)
            count[current.name], sizes[current.name] = tasks, files.get(RUNS, 0.0)
            if not state.made:
                break  # there were no rows, and what would follow is not known
            current = chain.after(current, state)
        self._files.setdefault(chain.key(LAST), {})
        yield from self._regrouped(chain, APPLY, count.get(LAST, 0), sizes.get(LAST, 0.0), scale)

    def _regrouped(
        self, chain: Chain, consumer: Round, files: int, size: float, scale: float
    ) -> Iterator[Cost]:
        """The passes that a dry run with few files does not need. Their seconds, where none was measured, are
        those of the round itself, which merges the same rows and does more."""
        parts = self._tasks[chain.segment.key] if consumer.documents else 0
        passes = ["merged"] if files > MOST_FILES else []
        passes += ["by-position"] if scattered(files, parts) else []
        for name in passes:
            key = chain.key(f"{consumer.name}-{name}")
            alike = (
                key if key in self.basis.tasks else chain.key(LAST if consumer is APPLY else consumer.name)
            )
            tasks = -(-files // MOST_FILES)
            cost = self._cost(alike, tasks, 0.0, scale, size, {RUNS: size}, chain.resources)
            yield replace(cost, key=key)

    def _shards(self, tokens: Segment) -> Iterator[Cost]:
        key = f"{tokens.dataset}/shards"
        scale, shards = self.scale(tokens), self.plan.config.shards
        tasks = max(1, round(self.states[tokens.key].total("tokens") * scale / shards.tokens))
        files = self._sizes(
            key, tasks, {SHARD_ROLE: scale}, {SHARD_ROLE: WITH_TEXT if shards.text else SHARD}
        )
        read = self._files[tokens.key].get(RUNS, 0.0)
        rows = self.states[tokens.key].total("documents") * scale
        cost = self._cost(key, tasks, rows, scale, read, files, Resources())
        if (parts := self._tasks[tokens.key]) > MOST_FILES:  # its seconds, as those of ``_regrouped``
            merges = max(-(-parts // MOST_FILES), math.ceil(read / MERGED_BYTES))
            merged = self._cost(key, merges, 0.0, scale, read, {RUNS: read}, Resources())
            yield replace(merged, key=f"{tokens.key}/{MERGED}")
        yield cost

    def _cost(
        self,
        key: str,
        tasks: int,
        rows: float,
        scale: float,
        read: float,
        files: Mapping[str, float],
        needs: Resources,
    ) -> Cost:
        done = self.basis.tasks.get(key, [])
        cpu = sum(did.rows for did in done) * self.weighed(key) * scale
        cpu += tasks * sum(did.around for did in done) / max(len(done), 1)
        waits = sum(did.spent["wall"] for did in done) / max(sum(did.spent["cpu"] for did in done), 1e-9)
        held = cpu * max(waits, 1.0) * needs.cpus
        written = sum(files.values())
        return Cost(key, tasks, rows, cpu, held, 0.0, read, written, files.get(RUNS, 0.0), needs)

    def _sizes(
        self, key: str, tasks: int, scales: Mapping[str, float], schemas: Mapping[str, pa.Schema]
    ) -> dict[str, float]:
        """Bytes of a group's files by role: what a file has anyway does not grow with its rows."""
        found: dict[str, float] = {}
        for role, scale in scales.items():
            files = [did.files[role] for did in self.basis.tasks.get(key, ()) if role in did.files]
            empty = min(_empty(schemas[role]), *files) if role in schemas and files else 0
            share = len(files) / max(len(self.basis.tasks.get(key, ())), 1)
            found[role] = (sum(files) - empty * len(files)) * scale + empty * share * tasks
        self._files[key] = found
        return found


def _with_hours(cost: Cost, asked: Forecast) -> Cost:
    """The cost of a stage that was tried on a few rows: its hours are forecast by kinds of requests."""
    hours = sum(line.hours for line in asked.lines)
    if not asked.resources.gpus:
        return cost
    return replace(cost, held=hours * 3600 * asked.resources.cpus, gpu=hours * 3600 * asked.resources.gpus)


def _empty(schema: pa.Schema) -> int:
    """Bytes of a Parquet part that has next to no rows: its footer."""
    with tempfile.TemporaryDirectory(prefix="nanocorpus-") as folder:
        writer = ParquetWriter(Path(folder, "empty"), schema)
        writer.write(pa.table([pa.nulls(1, field.type) for field in schema], schema=schema))
        return writer.close()[0]
