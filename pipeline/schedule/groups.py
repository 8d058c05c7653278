"""Groups of tasks of one kind: the parts of a segment, the shards of a dataset.

The tasks of a group and their fingerprints follow from the plan and the results of the groups before. Knows
what depends on what; does not know who runs the tasks, or when a group starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from pipeline import layout
from pipeline.config.sections import Shards
from pipeline.config.told import told
from pipeline.exchange.runs import KEYS
from pipeline.ledger.receipts import DOCUMENTS, RUNS, File
from pipeline.plan.recipe import fingerprint
from pipeline.plan.segment import Plan, Segment
from pipeline.schedule.parts import Made
from pipeline.schedule.rounds import APPLY, FIRST, MOST_FILES, Chain
from pipeline.schedule.state import Group, Planned, State, made_at_once
from pipeline.tasks import dry
from pipeline.tasks.base import Task
from pipeline.tasks.calls import TOKEN_ORDER
from pipeline.tasks.part import FromInput, FromPart, PartTask
from pipeline.tasks.reduce import RegroupTask, Run, Runs
from pipeline.tasks.shards import ShardTask
from stages.base import MIB, Resources
from stages.global_stage import LAST, Round

_MERGE = Resources(memory=512 * MIB)
#: Last part of the key of a ``MergeGroup``, and the most that one of its files has.
MERGED, MERGED_BYTES = "merged", 8192 * MIB
_IN_ORDER = Round("shards", (), order=TOKEN_ORDER)


class PartGroup:
    """The parts of a segment."""

    def __init__(self, plan: Plan, segment: Segment, limit: int | None, chains: Mapping[str, Chain]) -> None:
        self.plan, self.segment, self.limit = plan, segment, limit
        #: Rounds of the global stage that ends the segment, and of the one before, whose verdicts it applies.
        self.chain = chains.get(segment.key)
        self.judged = chains.get(segment.parents[0]) if segment.judge else None
        self.key, self.dataset = segment.key, segment.dataset
        self.reads = segment.reader is not None
        self.directories: tuple[str, ...] = (segment.directory,)
        self.receipts = layout.receipts(segment.directory)
        self._told = told(plan.config, segment.dataset) if segment.name == "tokens" else ()
        #: The shards that are made of its tokens.
        self.shards: ShardGroup | None = None
        self._recipe, self._schema = segment.recipe, segment.schema.serialize().to_pybytes()

    def needs(self, states: Mapping[str, State]) -> tuple[str, ...]:
        if self.judged is None:
            return self.segment.parents
        regrouped = self.judged.regrouped.get(APPLY.name, [])
        return (*self.segment.parents, self.judged.key(LAST), *(group.key for group in regrouped))

    def receipt(self, name: str) -> str:
        return f"{self.receipts}/{name}.json"

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        return (one.make() for one in self.planned(states))

    def planned(self, states: Mapping[str, State]) -> Iterator[Planned]:
        segment = self.segment
        if segment.reader:
            for part, item in self.plan.inputs[segment.dataset]:
                identity = [item.name, item.size, item.etag, item.start, item.stop, self.limit]
                yield self._planned(part, identity, partial(FromInput, segment.reader, item))
            return
        judged = states[self.judged.key(LAST)].digest(RUNS) if self.judged else ""
        about = self.judged.about(APPLY, states) if self.judged else None
        few = self._few(states)
        for parent in segment.parents:
            made, dataset = states[parent].made, parent.split("/")[0]
            for index, (part, done, digest) in enumerate(made.digests(DOCUMENTS), FIRST):
                if not done:
                    continue  # it failed, as the table of failures shows, and has no documents
                name = part if len(segment.parents) == 1 else layout.child_part(dataset, part)
                source = partial(self._source, made, part, index, about)
                identity = [digest, index if about else 0, judged]
                if few is None:
                    yield self._planned(name, identity, source)
                else:
                    count = few.get((parent, part), 0)
                    yield self._planned(name, [*identity, "few", count], source, count)

    def _source(
        self, made: Mapping[str, Made], part: str, index: int, about: Callable[[int], Runs] | None
    ) -> FromPart:
        documents = made[part].files[DOCUMENTS].stored
        if about is None:
            return FromPart(documents)
        return FromPart(documents, index, tuple(run.file for run in about(index)), self.segment.judge)

    def _few(self, states: Mapping[str, State]) -> dict[tuple[str, str], int] | None:
        """How many rows of each kind are taken of the parts of the parents in a dry run; None for all."""
        if self.limit is None or not dry.samples(self.segment.steps):
            return None
        rows = {
            (parent, part): made.counts.get("documents", 0)
            for parent in self.segment.parents
            for part, made in states[parent].made.sorted()
            if made.done
        }
        return dry.spread(rows)

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        if self.chain and (group := self.chain.following(self.chain.first(), states)):
            yield group
        if self.shards and (merging := self.shards.merging(states)):
            yield merging

    def _planned(
        self,
        part: str,
        identity: list[object],
        source: Callable[[], FromInput | FromPart],
        few: int | None = None,
    ) -> Planned:
        mark = fingerprint(self._recipe, identity)
        return Planned(part, mark, partial(self._task, part, mark, source, few))

    def _task(
        self, part: str, mark: str, source: Callable[[], FromInput | FromPart], few: int | None
    ) -> Task:
        segment = self.segment
        return PartTask(
            segment.directory,
            part,
            mark,
            source(),
            self._schema,
            segment.steps,
            segment.resources,
            segment.where.text if segment.where else None,
            few,
            self._told,
        )


class ShardGroup:
    """The token shards of a blended dataset."""

    def __init__(self, dataset: str, shards: Shards) -> None:
        self.dataset, self.tokens, self.text = dataset, shards.tokens, shards.text
        self.key = f"{dataset}/shards"
        self.reads = False
        self.receipts = layout.receipts(layout.shards(dataset))
        self.directories: tuple[str, ...] = (layout.corpus(dataset), self.receipts)
        self._merging: MergeGroup | None = None

    def needs(self, states: Mapping[str, State]) -> tuple[str, ...]:
        tokens = (f"{self.dataset}/tokens",)
        return (*tokens, self._merging.key) if self._merging else tokens

    def merging(self, states: Mapping[str, State]) -> MergeGroup | None:
        """The merge that must come before, now that the tokens are there; None if there are few files."""
        files = states[f"{self.dataset}/tokens"].made.count(RUNS)
        self._merging = MergeGroup(self.dataset) if files > MOST_FILES else None
        return self._merging

    def receipt(self, name: str) -> str:
        return f"{self.receipts}/{name}.json"

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        tokens = f"{self.dataset}/tokens"
        state = states[tokens]
        made = states[self._merging.key].made if self._merging else state.made
        runs = tuple(one.files[RUNS].stored for _, one in made.sorted() if RUNS in one.files)
        count = max(1, round(state.total("tokens") / self.tokens)) if runs else 0
        digest = state.digest(RUNS)
        for index in range(count):
            name = layout.shard_name(index, count)
            low, high = _range(index, count)
            yield ShardTask(
                self.dataset,
                name,
                fingerprint(SHARD_FORMAT, digest, index, count),
                runs,
                low,
                high,
                _MERGE,
                self.text,
            )

    def planned(self, states: Mapping[str, State]) -> Iterator[Planned]:
        return made_at_once(self.tasks(states))

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        return iter(())


class MergeGroup:
    """The tokens of many parts in fewer files, each in the order of shards: a shard has a few documents of
    every part, and would open all of their files for them."""

    reads = False

    def __init__(self, dataset: str) -> None:
        self.dataset, self.key = dataset, f"{dataset}/tokens/{MERGED}"
        self.directory = layout.work(self.key)
        self.directories: tuple[str, ...] = (self.directory,)
        self.receipts = layout.receipts(self.directory)

    def needs(self, states: Mapping[str, State]) -> tuple[str, ...]:
        return (f"{self.dataset}/tokens",)

    def receipt(self, name: str) -> str:
        return f"{self.receipts}/{name}.json"

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        made = states[f"{self.dataset}/tokens"].made.sorted()
        files = (one.files[RUNS] for _, one in made if RUNS in one.files)
        for number, piece in enumerate(_pieces(files)):
            yield RegroupTask(
                self.directory,
                f"group-{number:05d}",
                fingerprint(SHARD_FORMAT, [file.sha256 for file in piece]),
                tuple(Run(FIRST, file.stored) for file in piece),
                _MERGE,
                _IN_ORDER,
                0,
                KEYS,
            )

    def planned(self, states: Mapping[str, State]) -> Iterator[Planned]:
        return made_at_once(self.tasks(states))

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        return iter(())


def _pieces(files: Iterable[File]) -> Iterator[list[File]]:
    """Files that are merged into one: not too many, and not too large together for a worker's disk."""
    piece: list[File] = []
    size = 0
    for file in files:
        if len(piece) == MOST_FILES or (piece and size + file.size > MERGED_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(file)
        size += file.size
    if piece:
        yield piece


#: Raise it when the same tokens give different shards.
SHARD_FORMAT = 3


def groups(plan: Plan, limit: int | None = None) -> dict[str, Group]:
    """The groups of a plan that are known beforehand, each after those that it needs. The rounds of global
    stages follow when counts become known. ``limit``: records of each input (dry run)."""
    found: list[Group] = []
    chains = {segment.key: Chain(segment) for segment in plan.segments.values() if segment.judged}
    for segment in plan.segments.values():
        parts = PartGroup(plan, segment, limit, chains)
        found.append(parts)
        if segment.name == "tokens":
            parts.shards = ShardGroup(segment.dataset, plan.config.shards)
            found.append(parts.shards)
    return {group.key: group for group in found}


def _range(index: int, count: int) -> tuple[int, int]:
    return index * KEYS // count, (index + 1) * KEYS // count
