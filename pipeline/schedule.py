"""The driver's loop: groups as they become ready, tasks as there is room, receipts as they come.

Decides what is reused, what is tried again and when to stop. Knows tasks and receipts; does not know
what a task computes. It holds no documents: a few hundred bytes per part are all its memory.

A death of the worker is met with another try, then with a child process that finds the document at
fault; storage that stumbles with two more tries; any other error is final for its part. A full disk
ends the run. What was committed stays, so starting again goes on from there.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.config import Limits
from pipeline.execute.base import Ended, Executor, Task
from pipeline.groups import Group, State, task_name
from pipeline.receipts import DONE, FAILED, Receipt, commit, load_all
from pipeline.storage import Storage, join

DEATHS_BEFORE_ISOLATION = 2
TRIES = 3


class RunFailed(Exception):
    """The run cannot go on, or more failed than is allowed."""


class Progress(Protocol):
    """Who wants to know how it goes."""

    def begin(self, group: Group, total: int, reused: int) -> None:
        """A group is ready; ``reused`` of its tasks were done in an earlier run."""
        ...

    def end(self, group: Group, task: Task, receipt: Receipt) -> None:
        """A task has ended."""
        ...

    def tick(self) -> None:
        """Called about once a second."""
        ...


@dataclass
class _Waiting:
    task: Task
    group: Group
    deaths: int = 0
    errors: int = 0


class Schedule:
    """One run of all groups. ``states`` holds what came of them, also while it runs."""

    def __init__(
        self,
        groups: Mapping[str, Group],
        storage: Storage,
        output: str,
        limits: Limits,
        progress: Progress,
        manifest: Sequence[str] = (),
    ) -> None:
        self.groups, self.storage, self.output = groups, storage, output
        self.limits, self.progress = limits, progress
        #: Files that speak of the whole: they go before anything under them changes.
        self.manifest = manifest
        self.states: dict[str, State] = {}
        self._left: Counter[str] = Counter()  # tasks of a group that have not ended
        self._queue: deque[_Waiting] = deque()
        self._running: dict[str, _Waiting] = {}
        self.computed = 0

    def run(self, executor: Executor) -> None:
        """Run everything; RunFailed when it cannot go on or more failed than is allowed."""
        while True:
            self._start_ready()
            while self._queue and len(self._running) < executor.slots:
                if not self.computed and not self._running:
                    for name in self.manifest:
                        self.storage.delete(join(self.output, name))
                waiting = self._queue.popleft()
                self._running[waiting.task.label] = waiting
                executor.submit(waiting.task, waiting.deaths >= DEATHS_BEFORE_ISOLATION)
            if not self._running:
                break
            for ended in executor.wait(1.0):
                self._end(ended)
            self.progress.tick()
        if (reason := self.exceeded()) is not None:
            raise RunFailed(reason)

    def exceeded(self) -> str | None:
        """What is beyond the limits of the config, if anything is."""
        failures = sum(len(state.failures) for state in self.states.values())
        if failures > self.limits.max_failed_parts:
            return f"{failures} parts failed (limits.max_failed_parts: {self.limits.max_failed_parts})"
        read: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for key, state in self.states.items():
            dataset = self.groups[key].dataset
            if state.tallies:
                read[dataset] = max(read[dataset], state.tallies[0].rows_in)
                failed[dataset] += sum(tally.failed.total() for tally in state.tallies)
        for dataset, count in sorted(failed.items()):
            if count > self.limits.max_failed * read[dataset]:
                share = f"{count} of {read[dataset]}"
                return f"{dataset}: {share} documents failed (limits.max_failed: {self.limits.max_failed:g})"
        return None

    def survey(self) -> Iterator[tuple[Group, int | None, int]]:
        """Without running: each group, its tasks (None: not known before those before it are done) and how
        many of them are done."""
        for key, group in self.groups.items():
            if any(need not in self.states for need in group.needs):
                yield group, None, 0
                continue
            state = State()
            tasks, open_tasks = self._sort_out(group, state)
            if not open_tasks:
                self.states[key] = state
            yield group, len(tasks), len(tasks) - len(open_tasks)

    def _start_ready(self) -> None:
        if self.states and self.exceeded() is not None:
            return  # what is running ends; nothing new is built on it
        for key, group in self.groups.items():
            if key in self.states or any(self._left[need] or need not in self.states for need in group.needs):
                continue
            state = self.states[key] = State()
            tasks, todo = self._sort_out(group, state)
            state.reused = len(tasks) - len(todo)
            self._left[key] = len(todo)
            self._queue.extend(_Waiting(task, group) for task in todo)
            self.progress.begin(group, len(tasks), state.reused)

    def _sort_out(self, group: Group, state: State) -> tuple[list[Task], list[Task]]:
        """All tasks of a group, and those that have no valid receipt; the others go into ``state``."""
        tasks = list(group.tasks(self.states))
        receipts = load_all(self.storage, join(self.output, group.receipts)) if tasks else {}
        sizes: dict[str, int] = {}
        directories = {name.rsplit("/", 1)[0] for receipt in receipts.values() for name in _names(receipt)}
        for directory in sorted(directories):
            sizes |= {info.path: info.size for info in self.storage.list(join(self.output, directory))}
        todo = []
        for task in tasks:
            receipt = receipts.get(task_name(task))
            if (
                receipt is not None
                and receipt.status == DONE
                and receipt.fingerprint == task.fingerprint
                and all(sizes.get(join(self.output, file.name)) == file.size for file in receipt.files)
            ):
                state.add(task, receipt)
            else:
                todo.append(task)
        return tasks, todo

    def _end(self, ended: Ended) -> None:
        waiting = self._running.pop(ended.task.label)
        receipt = ended.receipt
        if ended.fatal:
            raise RunFailed(ended.error)
        if receipt is None:
            waiting.deaths += ended.died
            waiting.errors += not ended.died
            again = waiting.deaths <= DEATHS_BEFORE_ISOLATION if ended.died else ended.retryable
            if again and waiting.errors < TRIES:
                self._queue.append(waiting)
                return
            receipt = Receipt(ended.task.fingerprint, FAILED, error=ended.error)
            receipt.attempts = waiting.deaths + waiting.errors
            commit(self.storage, join(self.output, ended.task.receipt_name), receipt)
        self.computed += 1
        self.states[waiting.group.key].add(ended.task, receipt)
        self._left[waiting.group.key] -= 1
        self.progress.end(waiting.group, ended.task, receipt)


def _names(receipt: Receipt) -> list[str]:
    return [file.name for file in receipt.files]
