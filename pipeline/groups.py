"""Groups of like tasks: the parts of a segment, the buckets of a global stage, the shards of a dataset.

A group's tasks, with their fingerprints, follow from the plan and from what the groups before it made.
Knows what depends on what; does not know who runs the tasks or in which order groups are ready.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pipeline.exchange import KEYS
from pipeline.execute.base import Task
from pipeline.plan import Plan, Segment, child_part
from pipeline.receipts import DONE, Receipt, Tally, add_tallies
from pipeline.reduce import BUCKET_ROWS, ReduceTask, verdict_file
from pipeline.segment import FromInput, FromPart, PartTask, document_file, reject_file, run_file
from pipeline.shards import ShardTask, receipts, shard_file, shard_name
from pipeline.steps import fingerprint
from stages.base import MIB, Resources

_MERGE = Resources(memory=512 * MIB)


class Made(NamedTuple):
    """What later groups need to know of a finished task; the receipt itself is on storage."""

    digest: str
    done: bool
    counts: Mapping[str, int]


@dataclass
class State:
    """Sums over the receipts of a group, and per task the little that others need."""

    made: dict[str, Made] = field(default_factory=dict)
    tallies: list[Tally] = field(default_factory=list)
    languages: dict[str, Counter[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    peak_memory: int = 0

    def add(self, task: Task, receipt: Receipt) -> None:
        """Count one receipt."""
        name = task_name(task)
        self.made[name] = Made(receipt.digest, receipt.status == DONE, receipt.counts)
        if receipt.status != DONE:
            self.failures[task.label] = receipt.error or "failed"
        add_tallies(self.tallies, receipt.tallies)
        for language, counts in receipt.languages.items():
            self.languages.setdefault(language, Counter()).update(counts)
        self.seconds.update(receipt.seconds)
        self.peak_memory = max(self.peak_memory, receipt.peak_memory)

    @property
    def digest(self) -> str:
        """Of all that the group made, part by part."""
        return fingerprint([(name, made.digest) for name, made in sorted(self.made.items())])

    def total(self, count: str) -> int:
        """Sum of a count over all parts."""
        return sum(made.counts.get(count, 0) for made in self.made.values())


class Group(Protocol):
    """Tasks that do not depend on each other."""

    key: str
    dataset: str
    needs: tuple[str, ...]
    reads: bool  # its tasks read inputs
    directories: tuple[str, ...]  # where its files are
    receipts: str

    def files(self, name: str) -> list[str]:
        """All files that the task of a name may have made, its receipt included."""
        ...

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        """Its tasks, once all that it needs is done. Names are unique and in the order of parts."""
        ...


class Parts:
    """The parts of a segment."""

    def __init__(self, plan: Plan, segment: Segment, limit: int | None) -> None:
        self.plan, self.segment, self.limit = plan, segment, limit
        self.key, self.dataset = segment.key, segment.dataset
        self.reads = segment.reader is not None
        self.directories: tuple[str, ...] = (segment.directory,)
        self.receipts = f"{segment.directory}/receipts"
        self.needs = segment.parents
        if segment.judge:
            self.needs += (f"{segment.parents[0]}/verdicts",)
        self._recipe, self._schema = segment.recipe, segment.schema.serialize().to_pybytes()

    def files(self, name: str) -> list[str]:
        names = [place(self.segment.directory, name) for place in (document_file, reject_file, run_file)]
        return [*names, f"{self.receipts}/{name}.json"]

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        segment = self.segment
        if segment.reader:
            for part, item in self.plan.inputs[segment.dataset]:
                identity = [item.name, item.size, item.etag, item.start, item.stop, self.limit]
                yield self._task(part, FromInput(segment.reader, item), identity)
            return
        verdicts: tuple[str, ...] = ()
        judged = ""
        if segment.judge:
            state = states[self.needs[-1]]
            directory = f"work/{self.needs[-1]}"
            verdicts = tuple(
                verdict_file(directory, bucket)
                for bucket, made in sorted(state.made.items())
                if made.counts.get("verdicts")
            )
            judged = state.digest
        for parent in segment.parents:
            for index, (part, made) in enumerate(sorted(states[parent].made.items())):
                if not made.done:
                    continue  # it is in the table of failures, and no documents came of it
                source = FromPart(
                    document_file(f"work/{parent}", part),
                    index if segment.judge else 0,
                    verdicts,
                    segment.judge.label if segment.judge else "",
                )
                name = part if len(segment.parents) == 1 else child_part(parent, part)
                yield self._task(name, source, [made.digest, source.index, judged])

    def _task(self, part: str, source: FromInput | FromPart, identity: list[object]) -> Task:
        segment = self.segment
        return PartTask(
            segment.directory,
            part,
            fingerprint(self._recipe, identity),
            source,
            self._schema,
            segment.steps,
            segment.resources,
            segment.where.text if segment.where else None,
        )


class Buckets:
    """The buckets of the global stage that ends a segment."""

    def __init__(self, segment: Segment) -> None:
        assert segment.mapped
        self.segment, self.judge = segment, segment.mapped
        self.key, self.dataset = f"{segment.key}/verdicts", segment.dataset
        self.reads = False
        self.directory = f"work/{self.key}"
        self.directories: tuple[str, ...] = (self.directory,)
        self.receipts = f"{self.directory}/receipts"
        self.needs: tuple[str, ...] = (segment.key,)

    def files(self, name: str) -> list[str]:
        return [verdict_file(self.directory, name), f"{self.receipts}/{name}.json"]

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        parts = sorted(states[self.segment.key].made.items())
        runs = tuple(
            (index, run_file(self.segment.directory, part))
            for index, (part, made) in enumerate(parts)
            if made.counts.get("partials")
        )
        count = -(-states[self.segment.key].total("partials") // BUCKET_ROWS)
        digest = states[self.segment.key].digest
        for index in range(count):
            yield ReduceTask(
                self.directory,
                f"bucket-{index:05d}",
                fingerprint(self.segment.recipe, digest, index, count),
                self.judge,
                runs,
                *_range(index, count),
                _MERGE,
            )


class Shards:
    """The token shards of a blended dataset."""

    def __init__(self, dataset: str, tokens: int) -> None:
        self.dataset, self.tokens = dataset, tokens
        self.key = f"{dataset}/shards"
        self.reads = False
        self.receipts = receipts(dataset)
        self.directories: tuple[str, ...] = (f"corpus/{dataset}", self.receipts)
        self.needs: tuple[str, ...] = (f"{dataset}/tokens",)

    def files(self, name: str) -> list[str]:
        return [shard_file(self.dataset, name), f"{self.receipts}/{name}.json"]

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        state = states[self.needs[0]]
        parts = sorted(state.made.items())
        runs = tuple(
            run_file(f"work/{self.needs[0]}", part) for part, made in parts if made.counts.get("partials")
        )
        count = max(1, round(state.total("tokens") / self.tokens)) if runs else 0
        for index in range(count):
            name = shard_name(index, count)
            low, high = _range(index, count)
            yield ShardTask(
                self.dataset,
                name,
                fingerprint(SHARD_FORMAT, state.digest, index, count),
                runs,
                low,
                high,
                _MERGE,
            )


#: Raise it when the same tokens give other shards.
SHARD_FORMAT = 1


def groups(plan: Plan, limit: int | None = None) -> dict[str, Group]:
    """All groups of a plan, each after those it needs. ``limit``: records of each input (dry run)."""
    found: list[Group] = []
    for segment in plan.segments.values():
        found.append(Parts(plan, segment, limit))
        if segment.mapped:
            found.append(Buckets(segment))
        if segment.name == "tokens":
            found.append(Shards(segment.dataset, plan.config.shards.tokens))
    return {group.key: group for group in found}


def task_name(task: Task) -> str:
    """The last part of a task's receipt name: part, bucket or shard."""
    return task.receipt_name.rsplit("/", 1)[1].removesuffix(".json")


def _range(index: int, count: int) -> tuple[int, int]:
    return index * KEYS // count, (index + 1) * KEYS // count
