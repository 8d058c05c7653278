"""The interface of groups, and the state of a group: the results that later groups need.

Knows receipts and how to sum them; does not know which groups there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

from pipeline.ledger import given_ids
from pipeline.ledger.receipts import DONE, Receipt
from pipeline.ledger.tallies import Tally, add_tallies
from pipeline.plan.recipe import fingerprint
from pipeline.schedule.parts import Made, Parts
from pipeline.tasks.base import Task
from pipeline.tasks.census import Census
from pipeline.tasks.projects import Projects


@dataclass
class State:
    """Sums over the receipts of a group, and for each task what later groups need."""

    made: Parts = field(default_factory=Parts)
    tallies: list[Tally] = field(default_factory=list)
    languages: dict[str, Counter[str]] = field(default_factory=dict)
    sums: dict[str, Counter[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    clusters: Counter[str] = field(default_factory=Counter)
    given: given_ids.Sketch = field(default_factory=dict)
    #: Of documents that became tokens: projects of all parts; of parts that counted more, those again.
    projects: Projects = field(default_factory=Projects)
    sources: Projects = field(default_factory=Projects)
    census: Census = field(default_factory=Census)
    #: By task; see ``pipeline.tasks.dry``.
    dry: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    copied: int = 0  # from another output, in this run
    seconds: Counter[str] = field(default_factory=Counter)
    peak_memory: int = 0
    _digests: dict[str, str] = field(default_factory=dict)

    def add(self, task: Task, receipt: Receipt) -> None:
        """Add the receipt of a task."""
        self.put(task_name(task), receipt, task.label)

    def put(self, name: str, receipt: Receipt, label: str = "") -> None:
        """Add one receipt, by the name of its task; ``label`` is for messages if it failed."""
        files = {file.role: file for file in receipt.files}
        self.made.put(name, Made(receipt.status == DONE, files, receipt.counts))
        self._digests.clear()
        if receipt.status != DONE:
            self.failures[label] = receipt.error or "failed"
        add_tallies(self.tallies, receipt.tallies)
        self.counts.update(receipt.counts)
        self.clusters.update(receipt.clusters)
        for label, sums in receipt.sums.items():
            self.sums.setdefault(label, Counter()).update(sums)
        if receipt.given:
            given_ids.add(self.given, receipt.given)
        if receipt.dry:
            self.dry[name] = receipt.dry
        if receipt.status == DONE:
            self.projects.add(receipt.projects)
            if receipt.census:
                self.sources.add(receipt.projects)
                self.census.add(receipt.census)
        for language, counts in receipt.languages.items():
            self.languages.setdefault(language, Counter()).update(counts)
        self.seconds.update(receipt.seconds)
        self.peak_memory = max(self.peak_memory, receipt.peak_memory)

    def digest(self, role: str) -> str:
        """A hash of all files of a role that the group wrote, part by part."""
        if role not in self._digests:
            self._digests[role] = fingerprint([*self.made.digests(role)])
        return self._digests[role]

    def total(self, count: str) -> int:
        """Sum of a count over all parts."""
        return self.counts[count]

    def as_json(self) -> dict[str, Any]:
        """The sums as plain values, without what is kept of each task."""
        return {
            "tallies": [tally.as_json() for tally in self.tallies],
            **{name: getattr(self, name) for name in _PLAIN},
            "projects": self.projects.rows(),
            "sources": self.sources.rows(),
            "census": self.census.as_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], made: Parts) -> State:
        """The inverse of ``as_json``, with what was kept of each task."""
        found = cls(made, [Tally.from_json(tally) for tally in data["tallies"]])
        for name in ("languages", "sums"):
            setattr(found, name, {key: Counter(counts) for key, counts in data[name].items()})
        for name in ("counts", "clusters", "seconds"):
            setattr(found, name, Counter(data[name]))
        found.given = {key: (rows, identity, said) for key, (rows, identity, said) in data["given"].items()}
        found.peak_memory = data["peak_memory"]
        found.projects.add(data["projects"])
        found.sources.add(data["sources"])
        found.census.add(data["census"])
        return found


#: Fields of a state that are plain values.
_PLAIN = ("languages", "sums", "counts", "clusters", "given", "seconds", "peak_memory")


class Planned(NamedTuple):
    """A task that is made only if it is needed."""

    name: str
    fingerprint: str
    make: Callable[[], Task]


class Group(Protocol):
    """A group of tasks that do not depend on each other."""

    key: str
    dataset: str
    reads: bool  # whether its tasks read inputs
    directories: tuple[str, ...]  # where its files are
    receipts: str  # where its receipts are

    def needs(self, states: Mapping[str, State]) -> tuple[str, ...]:
        """Keys of the groups that must be done before, as far as they are known yet."""
        ...

    def receipt(self, name: str) -> str:
        """Name of the receipt of a task, relative to the output."""
        ...

    def tasks(self, states: Mapping[str, State]) -> Iterator[Task]:
        """Its tasks; called when all groups that it needs are done. Names are unique, in order of parts."""
        ...

    def planned(self, states: Mapping[str, State]) -> Iterator[Planned]:
        """The same tasks, before they are made."""
        ...

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        """Groups that become known when this one is done. Called once."""
        ...


def made_at_once(tasks: Iterator[Task]) -> Iterator[Planned]:
    """For groups of few tasks."""
    for task in tasks:
        yield Planned(task_name(task), task.fingerprint, partial(_same, task))


def _same(task: Task) -> Task:
    return task


def task_name(task: Task) -> str:
    """The last component of the name of a task's receipt: part, bucket or shard."""
    return task.receipt_name.rsplit("/", 1)[1].removesuffix(".json")
