"""Groups of tasks of one kind: the parts of a segment, the shards of a dataset.

The tasks of a group and their fingerprints follow from the plan and the results of the groups before. Knows
what depends on what; does not know who runs the tasks, or when a group starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline import layout
from pipeline.config.sections import Shards
from pipeline.config.told import told
from pipeline.exchange.runs import KEYS
from pipeline.ledger.receipts import DOCUMENTS, RUNS
from pipeline.plan.recipe import fingerprint
from pipeline.plan.segment import Plan, Segment
from pipeline.schedule.rounds import APPLY, FIRST, Chain
from pipeline.schedule.state import Group, State
from pipeline.tasks import dry
from pipeline.tasks.base import Task
from pipeline.tasks.part import FromInput, FromPart, PartTask
from pipeline.tasks.shards import ShardTask
from stages.base import MIB, Resources
from stages.global_stage import LAST

_MERGE = Resources(memory=512 * MIB)


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
        self._recipe, self._schema = segment.recipe, segment.schema.serialize().to_pybytes()

    def needs(self, states: Mapping[str, State]) -> tuple[str, ...]:
        if self.judged is None:
            return self.segment.parents
        regrouped = self.judged.regrouped.get(APPLY.name, [])
        return (*self.segment.parents, self.judged.key(LAST), *(group.key for group in regrouped))

    def receipt(self, name: str) -> str:
        return f"{self.receipts}/{name}.json"

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        segment = self.segment
        if segment.reader:
            for part, item in self.plan.inputs[segment.dataset]:
                identity = [item.name, item.size, item.etag, item.start, item.stop, self.limit]
                yield self._task(part, FromInput(segment.reader, item), identity)
            return
        judged = states[self.judged.key(LAST)].digest(RUNS) if self.judged else ""
        about = self.judged.about(APPLY, states) if self.judged else None
        few = self._few(states)
        for parent in segment.parents:
            for index, (part, made) in enumerate(sorted(states[parent].made.items()), FIRST):
                if not made.done:
                    continue  # it failed, as the table of failures shows, and has no documents
                documents = made.files[DOCUMENTS].stored
                if about:
                    verdicts = tuple(run.file for run in about(index))
                    source = FromPart(documents, index, verdicts, segment.judge)
                else:
                    source = FromPart(documents)
                dataset = parent.split("/")[0]
                name = part if len(segment.parents) == 1 else layout.child_part(dataset, part)
                identity = [made.digest(DOCUMENTS), source.index, judged]
                if few is None:
                    yield self._task(name, source, identity)
                else:
                    count = few.get((parent, part), 0)
                    yield self._task(name, source, [*identity, "few", count], count)

    def _few(self, states: Mapping[str, State]) -> dict[tuple[str, str], int] | None:
        """How many rows of each kind are taken of the parts of the parents in a dry run; None for all."""
        if self.limit is None or not dry.samples(self.segment.steps):
            return None
        rows = {
            (parent, part): made.counts.get("documents", 0)
            for parent in self.segment.parents
            for part, made in sorted(states[parent].made.items())
            if made.done
        }
        return dry.spread(rows)

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        if self.chain and (group := self.chain.following(self.chain.first(), states)):
            yield group

    def _task(
        self, part: str, source: FromInput | FromPart, identity: list[object], few: int | None = None
    ) -> Task:
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

    def needs(self, states: Mapping[str, State]) -> tuple[str, ...]:
        return (f"{self.dataset}/tokens",)

    def receipt(self, name: str) -> str:
        return f"{self.receipts}/{name}.json"

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        tokens = f"{self.dataset}/tokens"
        state = states[tokens]
        parts = sorted(state.made.items())
        runs = tuple(made.files[RUNS].stored for _, made in parts if RUNS in made.files)
        count = max(1, round(state.total("tokens") / self.tokens)) if runs else 0
        for index in range(count):
            name = layout.shard_name(index, count)
            low, high = _range(index, count)
            yield ShardTask(
                self.dataset,
                name,
                fingerprint(SHARD_FORMAT, state.digest(RUNS), index, count),
                runs,
                low,
                high,
                _MERGE,
                self.text,
            )

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        return iter(())


#: Raise it when the same tokens give different shards.
SHARD_FORMAT = 3


def groups(plan: Plan, limit: int | None = None) -> dict[str, Group]:
    """The groups of a plan that are known beforehand, each after those that it needs. The rounds of global
    stages follow when counts become known. ``limit``: records of each input (dry run)."""
    found: list[Group] = []
    chains = {segment.key: Chain(segment) for segment in plan.segments.values() if segment.judged}
    for segment in plan.segments.values():
        found.append(PartGroup(plan, segment, limit, chains))
        if segment.name == "tokens":
            found.append(ShardGroup(segment.dataset, plan.config.shards))
    return {group.key: group for group in found}


def _range(index: int, count: int) -> tuple[int, int]:
    return index * KEYS // count, (index + 1) * KEYS // count
