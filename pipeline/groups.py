"""Groups of like tasks: the parts of a segment, the shards of a dataset.

A group's tasks, with their fingerprints, follow from the plan and from what the groups before it made.
Knows what depends on what; does not know who runs the tasks or in which order groups are ready.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.exchange import KEYS
from pipeline.execute.base import Task
from pipeline.plan import Plan, Segment, child_part
from pipeline.rounds import FIRST, first_round, round_key, verdict_files
from pipeline.segment import FromInput, FromPart, PartTask, document_file, reject_file, run_file
from pipeline.shards import ShardTask, receipts, shard_file, shard_name
from pipeline.state import Group, State
from pipeline.steps import fingerprint
from stages.base import LAST, MIB, Resources

_MERGE = Resources(memory=512 * MIB)


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
            self.needs += (round_key(plan.segments[segment.parents[0]], LAST),)
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
            verdicts = verdict_files(self.plan.segments[segment.parents[0]], states)
            judged = states[self.needs[-1]].digest
        for parent in segment.parents:
            for index, (part, made) in enumerate(sorted(states[parent].made.items()), FIRST):
                if not made.done:
                    continue  # it is in the table of failures, and no documents came of it
                name = document_file(f"work/{parent}", part)
                source = FromPart(name, index if segment.judge else 0, verdicts, segment.judge)
                name = part if len(segment.parents) == 1 else child_part(parent, part)
                yield self._task(name, source, [made.digest, source.index, judged])

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        if self.segment.judged:
            yield first_round(self.segment)

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

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        return iter(())


#: Raise it when the same tokens give other shards.
SHARD_FORMAT = 1


def groups(plan: Plan, limit: int | None = None) -> dict[str, Group]:
    """The groups of a plan that are known beforehand, each after those it needs; the rounds of global stages
    follow as their counts become known. ``limit``: records of each input (dry run)."""
    found: list[Group] = []
    for segment in plan.segments.values():
        found.append(Parts(plan, segment, limit))
        if segment.name == "tokens":
            found.append(Shards(segment.dataset, plan.config.shards.tokens))
    return {group.key: group for group in found}


def _range(index: int, count: int) -> tuple[int, int]:
    return index * KEYS // count, (index + 1) * KEYS // count
