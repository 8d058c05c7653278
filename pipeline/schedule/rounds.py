"""The rounds of a global stage as groups of tasks. Each is made when the counts of the one before are known.

If a round would have to open more files than a task should, *regroupings* come first: a pass that merges
files into fewer and, for rounds over documents, a pass that sorts files by range of positions, so that each
part opens only those about its own documents.

Knows which rows each round takes and how many ranges they are cut into; does not know what a round is for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, pairwise

import pyarrow as pa

from pipeline import layout
from pipeline.exchange.positions import position
from pipeline.exchange.runs import KEYS
from pipeline.ledger.receipts import DOCUMENTS, RUNS
from pipeline.plan.earlier import EarlierPart
from pipeline.plan.recipe import fingerprint, unopened
from pipeline.plan.segment import Segment
from pipeline.schedule.parts import Made
from pipeline.schedule.state import Group, Planned, State, made_at_once
from pipeline.tasks.base import Task
from pipeline.tasks.calls import StageError
from pipeline.tasks.reduce import JoinTask, ReduceTask, RegroupTask, Run, Runs
from stages.base import MIB, Resources
from stages.global_stage import LAST, OWN, Global, Round

#: Raise it when the same rows give different files.
FORMAT = 3
#: Index of the first part of this run in positions; those below are of earlier runs.
FIRST = OWN >> 32
#: Rows for one reducer. The number of buckets follows from the data alone.
BUCKET_ROWS = 16_000_000
#: Largest number of files that a task merges, and that a part reads for rows about its documents.
MOST_FILES, MOST_FILES_OF_PART = 512, 64
#: Largest number of files that the parts open together to find the rows about their documents.
MOST_OPENED = 1 << 16
#: Names that a round may not have, since they have another meaning.
RESERVED = ("map", "apply", "receipts", "rejects", "runs")
#: Stands for the parts of the next segment, which read the rows of the last round.
APPLY = Round("apply", (LAST,), documents=True)


@dataclass
class Chain:
    """The rounds of the global stage that ends ``segment``, as far as they are known yet."""

    segment: Segment
    known: dict[str, Round] = field(default_factory=dict)
    regrouped: dict[str, list[Regrouping]] = field(default_factory=dict)  # by the round that they prepare

    def __post_init__(self) -> None:
        assert self.segment.judged
        self.judge = self.segment.judged
        stage = unopened(self.judge)
        assert isinstance(stage, Global)
        self.columns = stage.needs(stage.config)
        self.resources = Resources(memory=512 * MIB + stage.requires(stage.config).memory)
        #: Identity of the stage, without settings that only the applying of verdicts uses.
        self._identity = replace(self.judge, unused=tuple(sorted(stage.applies))).identity
        self._rounds, self._rereads = stage.rounds(), stage.rereads

    def first(self) -> Round:
        """The round after the map."""
        with self._blamed():
            first = next(self._rounds)
        return self._take(first)

    def after(self, current: Round, state: State) -> Round | None:
        """The round that the stage asks for after one with the result ``state``."""
        counts: Counter[str] = Counter(rows=0)
        counts.update(state.counts)
        following = None
        with self._blamed(), suppress(StopIteration):
            following = self._rounds.send(counts)
        if following is not None:
            self._take(following)
        if (following is None) != (current.name == LAST):
            raise AssertionError(f"{self.segment.key}: the last round, and only the last, is named {LAST!r}")
        return following

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Reports what the code of a stage raises as a fault of that stage."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise StageError(f"{self.judge.label}: rounds(): {type(error).__name__}: {error}") from error

    def _take(self, current: Round) -> Round:
        taken = {*self.known, *RESERVED}
        if current.name in taken or not set(current.takes) <= {"map", *self.known}:
            raise AssertionError(
                f"{self.segment.key}: {current} exists already, or takes a round that does not"
            )
        self.known[current.name] = current
        return current

    def key(self, name: str) -> str:
        """Key of the group of a round."""
        return round_key(self.segment, name)

    def parts(self, states: Mapping[str, State]) -> Iterator[tuple[int, str, Made]]:
        """Index, name and result of all parts that are done."""
        for index, (part, made) in enumerate(states[self.segment.key].made.sorted(), FIRST):
            if made.done:
                yield index, part, made

    def runs(self, names: tuple[str, ...], states: Mapping[str, State]) -> Runs:
        """All run files of rounds, with the index of the part that they are about."""
        return tuple(run for name in names for run in self._runs(name, states))

    def _runs(self, name: str, states: Mapping[str, State]) -> Iterator[Run]:
        if name == "map":
            for index, earlier in enumerate(self.segment.earlier):
                yield Run(index, earlier.file, earlier.etag)
            for index, _, made in self.parts(states):
                if RUNS in made.files:
                    yield Run(index, made.files[RUNS].stored)
            return
        made_of = states[self.key(name)].made
        indices = {part: index for index, part, _ in self.parts(states)} if self.known[name].documents else {}
        indices |= {_earlier_part(index): index for index, _ in self.reread(self.known[name])}
        for task, made in made_of.sorted():
            if RUNS in made.files:
                yield Run(indices.get(task, FIRST), made.files[RUNS].stored)

    def reread(self, current: Round) -> Iterator[tuple[int, EarlierPart]]:
        """Index and files of the parts of earlier runs whose documents a round takes too."""
        if current.documents and current.name in self._rereads:
            yield from enumerate(self.segment.earlier)

    def _files(self, name: str, states: Mapping[str, State]) -> int:
        """How many run files a round wrote."""
        if name == "map":
            return len(self.segment.earlier) + states[self.segment.key].made.count(RUNS)
        return states[self.key(name)].made.count(RUNS)

    def rows(self, names: tuple[str, ...], states: Mapping[str, State]) -> int:
        """The number of rows that rounds wrote."""
        earlier = sum(part.rows for part in self.segment.earlier)
        return sum(
            states[self.segment.key].total("partials") + earlier
            if name == "map"
            else states[self.key(name)].total("rows")
            for name in names
        )

    def identity(self, current: Round, states: Mapping[str, State]) -> list[object]:
        """What the result of a round depends on."""
        earlier = [part.digest for part in self.segment.earlier]
        keys = [self.segment.key if name == "map" else self.key(name) for name in current.takes]
        return [FORMAT, self._identity, current, [states[key].digest(RUNS) for key in keys], earlier]

    def by_position(self, count: int, states: Mapping[str, State]) -> list[int]:
        """``count + 1`` edges between ranges of about equally many documents."""
        edges = _even(count)
        parts = [(index, part.documents) for index, part in enumerate(self.segment.earlier)]
        parts += [(index, made.counts.get("documents", 0)) for index, _, made in self.parts(states)]
        ends = list(accumulate(documents for _, documents in parts))
        for number in range(1, count):
            place = ends[-1] * number // count
            part = bisect_right(ends, place)
            index, documents = parts[part]
            edges[number] = position(index, place - ends[part] + documents)
        return edges

    def taken(self, consumer: Round, states: Mapping[str, State]) -> Runs:
        """The files that a round over keys merges."""
        if before := self.regrouped.get(consumer.name):
            return before[-1].runs(states)
        return self.runs(consumer.takes, states)

    def about(self, consumer: Round, states: Mapping[str, State]) -> Callable[[int], Runs]:
        """The files that hold rows about the documents of a part, by its index."""
        if consumer.name not in self.regrouped:
            runs = self.runs(consumer.takes, states)
            return lambda index: runs
        group = self.regrouped[consumer.name][-1]
        edges, made = group.edges(states), states[group.key].made
        files = [made[group.file(number)].files.get(RUNS) for number in range(len(edges) - 1)]

        def overlapping(index: int) -> Runs:
            low = bisect_right(edges, position(index)) - 1
            high = bisect_left(edges, position(index + 1))
            return tuple(Run(FIRST, file.stored) for file in files[low:high] if file)

        return overlapping

    def following(self, consumer: Round, states: Mapping[str, State]) -> Group | None:
        """The group of a round, or of a regrouping that must come before it; None if ``APPLY`` needs none."""
        files = sum(self._files(name, states) for name in consumer.takes)
        parts = len(states[self.segment.key].made) if consumer.documents else 0
        parts += sum(1 for _ in self.reread(consumer))
        before = self.regrouped.get(consumer.name, [])
        if files > MOST_FILES and not before:
            group = Regrouping(self, consumer, by_position=False)
        elif scattered(files, parts) and not (before and before[-1].by_position):
            group = Regrouping(self, consumer, by_position=True)
        else:
            return None if consumer is APPLY else RoundGroup(self, consumer)
        self.regrouped[consumer.name] = [*before, group]
        return group


class _Rows:
    """What the groups of a chain share: ``key``, directories, and dependencies."""

    reads = False

    def __init__(self, chain: Chain, key: str, consumer: Round) -> None:
        self.chain, self.key, self.dataset, self.consumer = chain, key, chain.segment.dataset, consumer
        self.directory = layout.work(key)
        self.directories: tuple[str, ...] = (self.directory,)
        self.receipts = layout.receipts(self.directory)

    def needs(self, states: Mapping[str, State]) -> tuple[str, ...]:
        """See ``state.Group``. None: a group of a chain is made when everything that it needs is done."""
        return ()

    def receipt(self, name: str) -> str:
        """See ``state.Group``."""
        return f"{self.receipts}/{name}.json"


class RoundGroup(_Rows):
    """One round: tasks for buckets of about equal size, or for the parts."""

    def __init__(self, chain: Chain, current: Round) -> None:
        super().__init__(chain, chain.key(current.name), current)

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        """The next round, or the regrouping before it."""
        current = self.chain.after(self.consumer, states[self.key]) or APPLY
        if (group := self.chain.following(current, states)) is not None:
            yield group

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        """See ``state.Group``."""
        return (one.make() for one in self.planned(states))

    def planned(self, states: Mapping[str, State]) -> Iterator[Planned]:
        """See ``state.Group``."""
        chain, current = self.chain, self.consumer
        if not chain.rows(current.takes, states):
            return
        if not current.documents:
            yield from made_at_once(self._buckets(states))
            return
        identity = chain.identity(current, states)
        schema = chain.segment.output
        columns = pa.schema([schema.field(name) for name in chain.columns]).serialize().to_pybytes()
        about = chain.about(current, states)
        for index, part, made in chain.parts(states):
            if made.counts.get("documents"):
                mark = fingerprint(*identity, made.digest(DOCUMENTS), index)
                join = partial(self._join, states, part, mark, index, about, columns)
                yield Planned(part, mark, join)
        for index, earlier in chain.reread(current):
            part, mark = _earlier_part(index), fingerprint(*identity, earlier.texts_digest, index)
            yield Planned(part, mark, partial(self._join, states, part, mark, index, about, columns))

    def _join(
        self,
        states: Mapping[str, State],
        part: str,
        mark: str,
        index: int,
        about: Callable[[int], Runs],
        columns: bytes,
    ) -> Task:
        chain = self.chain
        if index < FIRST:
            documents = chain.segment.earlier[index].texts
            assert documents is not None
        else:
            documents = states[chain.segment.key].made[part].files[DOCUMENTS].stored
        return JoinTask(
            self.directory,
            part,
            mark,
            about(index),
            chain.resources,
            self.consumer,
            chain.judge,
            documents,
            index,
            columns,
            index < FIRST,
        )

    def _buckets(self, states: Mapping[str, State]) -> Iterator[Task]:
        chain, current = self.chain, self.consumer
        rows = chain.rows(current.takes, states)
        identity = chain.identity(current, states)
        runs = chain.taken(current, states)
        count = 1 if current.whole else -(-rows // BUCKET_ROWS)
        for index, (low, high) in enumerate(pairwise(_even(count))):
            yield ReduceTask(
                self.directory,
                f"bucket-{index:05d}",
                fingerprint(*identity, low, high),
                runs,
                chain.resources,
                current,
                chain.judge,
                low,
                high,
            )


class Regrouping(_Rows):
    """A regrouping: the rows that a round takes, in fewer files or in files by range of positions."""

    def __init__(self, chain: Chain, consumer: Round, by_position: bool) -> None:
        how = "by-position" if by_position else "merged"
        super().__init__(chain, chain.key(f"{consumer.name}-{how}"), consumer)
        self.by_position = by_position
        self._before = chain.regrouped.get(consumer.name, [])

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        """The round that it prepares."""
        if (group := self.chain.following(self.consumer, states)) is not None:
            yield group

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        """Tasks that each merge some files as a whole, or a range of positions of all files."""
        chain = self.chain
        runs = chain.runs(self.consumer.takes, states)
        if self._before:
            runs = self._before[-1].runs(states)
        if self.by_position:
            pieces = [(runs, low, high) for low, high in pairwise(self.edges(states))]
        else:
            pieces = [(runs[i : i + MOST_FILES], 0, KEYS) for i in range(0, len(runs), MOST_FILES)]
        identity = chain.identity(self.consumer, states)
        for number, (taken, low, high) in enumerate(pieces):
            yield RegroupTask(
                self.directory,
                self.file(number),
                fingerprint(*identity, number, len(runs), MOST_FILES, low, high),
                taken,
                chain.resources,
                self.consumer,
                low,
                high,
            )

    def planned(self, states: Mapping[str, State]) -> Iterator[Planned]:
        """See ``state.Group``."""
        return made_at_once(self.tasks(states))

    def edges(self, states: Mapping[str, State]) -> list[int]:
        """Edges between the ranges of positions."""
        rows = self.chain.rows(self.consumer.takes, states)
        return self.chain.by_position(-(-rows // BUCKET_ROWS), states)

    def file(self, number: int) -> str:
        """Name of a group of files, or of a range."""
        return f"group-{number:05d}"

    def runs(self, states: Mapping[str, State]) -> Runs:
        """The files that it wrote; without those that would have no rows."""
        made = (made for _, made in states[self.key].made.sorted())
        return tuple(Run(FIRST, one.files[RUNS].stored) for one in made if RUNS in one.files)


def scattered(files: int, parts: int) -> bool:
    """Whether the rows about the documents of so many parts, in so many files, are sorted by part first."""
    return parts > 0 and (files > MOST_FILES_OF_PART or (files > 1 and files * parts > MOST_OPENED))


def _earlier_part(index: int) -> str:
    """What a part of an earlier run is called here; no part of a run has such a name."""
    return f"earlier-{index:05d}"


def round_key(segment: Segment, name: str) -> str:
    """Key of the group of a round."""
    return f"{segment.key}/{name}"


def _even(count: int) -> list[int]:
    """``count + 1`` edges between equal ranges of keys."""
    return [KEYS * number // count for number in range(count + 1)]
