"""The rounds of a global stage as groups of tasks, each made when the counts of the one before are known.

Knows which rows each round takes and into how many ranges they are cut; does not know what a round is for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise

import pyarrow as pa

from pipeline.exchange import KEYS, position
from pipeline.execute.base import Task
from pipeline.plan import Segment
from pipeline.reduce import BUCKET_ROWS, JoinTask, ReduceTask, Runs, round_file
from pipeline.segment import document_file, run_file
from pipeline.state import Group, Made, State
from pipeline.steps import fingerprint, unopened
from stages.base import LAST, MIB, OWN, Global, Resources, Round

#: Raise it when the same rows give other files.
FORMAT = 1
#: Index of the first part of this run, in positions.
FIRST = OWN >> 32


class RoundGroup:
    """One round of the global stage that ends ``segment``."""

    reads = False

    def __init__(self, segment: Segment, earlier: Mapping[str, Round], current: Round, plan: _Rounds) -> None:
        assert segment.judged
        self.segment, self.judge, self.round = segment, segment.judged, current
        self.key, self.dataset = round_key(segment, current.name), segment.dataset
        self.directory = f"work/{self.key}"
        self.directories: tuple[str, ...] = (self.directory,)
        self.receipts = f"{self.directory}/receipts"
        self.needs = (segment.key, *(round_key(segment, name) for name in earlier))
        self._earlier, self._plan = earlier, plan

    def files(self, name: str) -> list[str]:
        """See ``state.Group``."""
        return [round_file(self.directory, name), f"{self.receipts}/{name}.json"]

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        """The next round."""
        if (current := self._plan.after(self.round, states[self.key])) is not None:
            yield RoundGroup(
                self.segment, {**self._earlier, self.round.name: self.round}, current, self._plan
            )

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        """Buckets of about equal size, or the parts."""
        runs: Runs = tuple(run for name in self.round.takes for run in self._runs(name, states))
        rows = sum(self._rows(name, states) for name in self.round.takes)
        digests = [self._digest(name, states) for name in self.round.takes]
        identity = [FORMAT, self.judge.identity, self.round, digests]
        resources = Resources(memory=512 * MIB + unopened(self.judge).resources.memory)
        if not rows:
            return
        if self.round.documents:
            columns = self.segment.output
            names = unopened(self.judge).needs(unopened(self.judge).config)
            schema = pa.schema([columns.field(name) for name in names]).serialize().to_pybytes()
            for index, part, made in self._parts(states):
                if made.counts.get("documents"):
                    yield JoinTask(
                        self.directory,
                        part,
                        fingerprint(*identity, made.digest, index),
                        self.judge,
                        self.round,
                        runs,
                        resources,
                        document_file(self.segment.directory, part),
                        index,
                        schema,
                    )
            return
        count = 1 if self.round.whole else -(-rows // BUCKET_ROWS)
        for index, (low, high) in enumerate(self._ranges(count, states)):
            yield ReduceTask(
                self.directory,
                f"bucket-{index:05d}",
                fingerprint(*identity, index, count),
                self.judge,
                self.round,
                runs,
                resources,
                low,
                high,
            )

    def _parts(self, states: Mapping[str, State]) -> Iterator[tuple[int, str, Made]]:
        """Index, name and what was made of it, of all parts that were done."""
        for index, (part, made) in enumerate(sorted(states[self.segment.key].made.items()), FIRST):
            if made.done:
                yield index, part, made

    def _runs(self, name: str, states: Mapping[str, State]) -> Iterator[tuple[int, str]]:
        if name == "map":
            for index, run in enumerate(self.segment.earlier):
                yield index, run.file
            for index, part, made in self._parts(states):
                if made.counts.get("partials"):
                    yield index, run_file(self.segment.directory, part)
            return
        directory = f"work/{round_key(self.segment, name)}"
        made_of = states[round_key(self.segment, name)].made
        if self._earlier[name].documents:
            for index, part, _ in self._parts(states):
                if part in made_of and made_of[part].counts["rows"]:
                    yield index, round_file(directory, part)
        else:
            for bucket, made in sorted(made_of.items()):
                if made.counts["rows"]:
                    yield FIRST, round_file(directory, bucket)

    def _rows(self, name: str, states: Mapping[str, State]) -> int:
        if name == "map":
            return states[self.segment.key].total("partials") + sum(run.rows for run in self.segment.earlier)
        return states[round_key(self.segment, name)].total("rows")

    def _digest(self, name: str, states: Mapping[str, State]) -> str:
        if name == "map":
            return fingerprint(states[self.segment.key].digest, [run.digest for run in self.segment.earlier])
        return states[round_key(self.segment, name)].digest

    def _ranges(self, count: int, states: Mapping[str, State]) -> Iterator[tuple[int, int]]:
        edges = [KEYS * index // count for index in range(count + 1)]
        if self.round.positions:
            parts = [(index, run.documents) for index, run in enumerate(self.segment.earlier)]
            parts += [(index, made.counts.get("documents", 0)) for index, _, made in self._parts(states)]
            ends = list(accumulate(documents for _, documents in parts))
            for number in range(1, count):
                place = ends[-1] * number // count
                part = bisect_right(ends, place)
                index, documents = parts[part]
                edges[number] = position(index, place - ends[part] + documents)
        return pairwise(edges)


class _Rounds:
    """The stage's own coroutine of rounds, fed with counts."""

    def __init__(self, segment: Segment) -> None:
        assert segment.judged
        self.segment = segment
        stage = unopened(segment.judged)
        assert isinstance(stage, Global)
        self._rounds = stage.rounds()

    def first(self) -> Round:
        return next(self._rounds)

    def after(self, current: Round, state: State) -> Round | None:
        counts: Counter[str] = Counter(rows=0)
        for made in state.made.values():
            counts.update(made.counts)
        try:
            following = self._rounds.send(counts)
        except StopIteration:
            following = None
        if (following is None) != (current.name == LAST):
            raise AssertionError(f"{self.segment.key}: the last round, and only the last, is named {LAST!r}")
        return following


def first_round(segment: Segment) -> RoundGroup:
    """The first round after the map of a segment."""
    plan = _Rounds(segment)
    return RoundGroup(segment, {}, plan.first(), plan)


def round_key(segment: Segment, name: str) -> str:
    """Key of the group of a round."""
    return f"{segment.key}/{name}"


def verdict_files(segment: Segment, states: Mapping[str, State]) -> tuple[str, ...]:
    """The run files of the last round that hold any rows, relative to the output."""
    key = round_key(segment, LAST)
    made = sorted(states[key].made.items())
    return tuple(round_file(f"work/{key}", name) for name, task in made if task.counts["rows"])
