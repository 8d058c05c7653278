"""The interface of groups, and the state of a group: the results that later groups need.

Knows receipts and how to sum them; does not know which groups there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pipeline.ledger import given_ids
from pipeline.ledger.receipts import DONE, File, Receipt
from pipeline.ledger.tallies import Tally, add_tallies
from pipeline.plan.recipe import fingerprint
from pipeline.tasks.base import Task


class Made(NamedTuple):
    """What later groups need to know of a finished task. The receipt itself is in storage."""

    done: bool
    files: Mapping[str, File]  # by role
    counts: Mapping[str, int]
    clusters: Mapping[str, int]

    def digest(self, role: str) -> str:
        """sha256 of its file of a role, "" if it has none. Results depend on this, not on names."""
        return self.files[role].sha256 if role in self.files else ""


@dataclass
class State:
    """Sums over the receipts of a group, and for each task what later groups need."""

    made: dict[str, Made] = field(default_factory=dict)
    tallies: list[Tally] = field(default_factory=list)
    languages: dict[str, Counter[str]] = field(default_factory=dict)
    sums: dict[str, Counter[str]] = field(default_factory=dict)
    given: given_ids.Sketch = field(default_factory=dict)
    #: By task; see ``pipeline.tasks.dry``.
    dry: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    copied: int = 0  # from another output, in this run
    seconds: Counter[str] = field(default_factory=Counter)
    peak_memory: int = 0

    def add(self, task: Task, receipt: Receipt) -> None:
        """Add one receipt."""
        name = task_name(task)
        files = {file.role: file for file in receipt.files}
        self.made[name] = Made(receipt.status == DONE, files, receipt.counts, receipt.clusters)
        if receipt.status != DONE:
            self.failures[task.label] = receipt.error or "failed"
        add_tallies(self.tallies, receipt.tallies)
        for label, sums in receipt.sums.items():
            self.sums.setdefault(label, Counter()).update(sums)
        given_ids.add(self.given, receipt.given)
        if receipt.dry:
            self.dry[name] = receipt.dry
        for language, counts in receipt.languages.items():
            self.languages.setdefault(language, Counter()).update(counts)
        self.seconds.update(receipt.seconds)
        self.peak_memory = max(self.peak_memory, receipt.peak_memory)

    def digest(self, role: str) -> str:
        """A hash of all files of a role that the group wrote, part by part."""
        made = sorted(self.made.items())
        return fingerprint([(name, one.done, one.digest(role)) for name, one in made])

    def total(self, count: str) -> int:
        """Sum of a count over all parts."""
        return sum(made.counts.get(count, 0) for made in self.made.values())


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

    def following(self, states: Mapping[str, State]) -> Iterator[Group]:
        """Groups that become known when this one is done. Called once."""
        ...


def task_name(task: Task) -> str:
    """The last component of the name of a task's receipt: part, bucket or shard."""
    return task.receipt_name.rsplit("/", 1)[1].removesuffix(".json")
