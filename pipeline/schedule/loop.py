"""The driver's loop: starts tasks when their group is ready and there is room, and collects their receipts.

Decides which tasks are tried again, and when the run stops. Knows tasks and receipts; does not know what a
task computes, nor which are done already (``schedule.reuse``). It holds neither documents nor receipts, only
a few kilobytes for each part.

Where workers are idle, a second copy is started of a part that takes much longer than others
(``schedule.stragglers``).

If a worker dies, the task is tried again; after a second death it runs in a child process that finds the
document at fault. After a transient storage error it is tried twice more. Any other error is final for its
part. A full disk ends the run. What was committed stays, so a new start continues from there.

Files that are reused are verified: those that storage does not vouch for are read by tasks of their own, and
every task verifies what it reads. A damaged file is made again by the task that made it; the task that found
the damage waits for it.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Protocol

from pipeline.config.sections import Limits
from pipeline.execute.base import Executor
from pipeline.ledger.cache import Cache
from pipeline.ledger.commit import Ledger
from pipeline.ledger.receipts import DONE, FAILED, Receipt, load
from pipeline.schedule.copies import with_copies
from pipeline.schedule.packing import Packs
from pipeline.schedule.parts import Made
from pipeline.schedule.reuse import Split, packed, split
from pipeline.schedule.state import Group, State, task_name
from pipeline.schedule.stragglers import Pace
from pipeline.sealed import Damaged
from pipeline.tasks import check
from pipeline.tasks.base import Ended, Task
from pipeline.tasks.check import CheckTask
from pipeline.tasks.copy import CopyTask

DEATHS_BEFORE_ISOLATION = 2
TRIES = 3


class RunFailed(Exception):
    """The run cannot continue, or more failed than is allowed."""


class Progress(Protocol):
    """Receives the progress of a run."""

    def begin(self, group: Group, total: int, reused: int) -> None:
        """A group starts; ``reused`` of its tasks were done in an earlier run."""
        ...

    def start(self, group: Group, task: Task) -> None:
        """An attempt at a task starts, or waits for a worker."""
        ...

    def stop(self, task: Task) -> None:
        """The attempt has ended, in whatever way."""
        ...

    def end(self, group: Group, task: Task, receipt: Receipt) -> None:
        """A task is done, or has failed for good."""
        ...

    def doubled(self, task: Task, seconds: float, usual: float) -> None:
        """A second copy of a task starts, which has run so long; others took as long as is usual."""
        ...

    def damaged(self, damage: Damaged) -> None:
        """A file of the run is damaged and will be made again."""
        ...


@dataclass
class _Waiting:
    """A task that waits or runs; it is made when it starts, since many may wait."""

    make: Callable[[], Task]
    group: Group
    deaths: int = 0
    errors: int = 0
    #: The earlier result, if the task is done again because a file of that is damaged.
    mends: Made | None = None
    #: How many copies of it were started, when the first was, and how those ended that have.
    copies: int = 0
    began: float = 0.0
    ends: list[Ended] = field(default_factory=list)

    @cached_property
    def task(self) -> Task:
        """The task."""
        return self.make()

    @property
    def may_be_doubled(self) -> bool:
        """Whether a second copy may be started: it is a first attempt, needs no engine, and publishes."""
        first = self.copies == 1 and not (self.deaths or self.errors or self.mends)
        return first and not self.task.resources.lasting and not isinstance(self.task, CheckTask | CopyTask)


def _waiting(task: Task, group: Group) -> _Waiting:
    return _Waiting(lambda: task, group)


class Schedule:
    """One run of all groups. ``states`` holds their results, also while it runs."""

    def __init__(
        self,
        groups: Mapping[str, Group],
        ledger: Ledger,
        limits: Limits,
        progress: Progress,
        before_change: Callable[[], None] = lambda: None,
        retry_failed: bool = False,
        caches: Sequence[Cache] = (),
        packs: Packs | None = None,
    ) -> None:
        self.groups, self.ledger = dict(groups), ledger
        self.limits, self.progress = limits, progress
        #: Called before the first change to files that stats, card and blend are computed from.
        self.before_change = before_change
        #: Whether to do parts again in which documents failed.
        self.retry_failed = retry_failed
        #: Other outputs, from which parts are copied that would come out the same.
        self.caches = caches
        #: Where receipts are packed; None for an output that nothing is written to.
        self.packs = packs
        self.states: dict[str, State] = {}
        #: How often each file was found damaged, by path.
        self.damages: Counter[str] = Counter()
        self._mending: dict[
            str, list[_Waiting]
        ] = {}  # tasks that wait for a part that is made again, by its receipt
        self._left: Counter[str] = Counter()  # number of tasks that have not ended, by group
        self._queue: deque[_Waiting] = deque()
        self._running: dict[str, _Waiting] = {}
        self._pace = Pace()
        self._changing = False

    @property
    def changed(self) -> bool:
        """Whether anything was done, or was to be done."""
        return self._changing or bool(self.damages)

    def run(self, executor: Executor) -> None:
        """Run everything. RunFailed if it cannot continue or more failed than is allowed."""
        while True:
            while self._start_ready():
                pass
            while self._queue and len(self._running) < executor.slots:
                waiting = self._queue.popleft()
                if not isinstance(waiting.task, CheckTask):
                    self._begin_change(waiting.group)
                self._running[waiting.task.label] = waiting
                self.progress.start(waiting.group, waiting.task)
                waiting.copies, waiting.began, waiting.ends = 1, time.monotonic(), []
                executor.submit(waiting.task, waiting.deaths >= DEATHS_BEFORE_ISOLATION)
            if not self._running:
                break
            if not self._queue:
                self._double(executor)
            for ended in executor.wait(1.0):
                self._stop(ended, executor)
            if self._parts_exceeded() is not None:
                self._queue.clear()  # tasks that are running may end
        if (reason := self._exceeded()) is not None:
            raise RunFailed(reason)
        if self._queue or set(self.states) != set(self.groups):
            raise RunFailed("the executor takes no more tasks, and the run is not done")

    def survey(self) -> Iterator[tuple[Group, int | None, int]]:
        """Without running anything: each group, the number of its tasks (None if that depends on groups that
        are not done) and how many of them are done."""
        waiting = deque(self.groups.values())
        while waiting:
            group = waiting.popleft()
            if any(need not in self.states for need in group.needs(self.states)):
                yield group, None, 0
                continue
            state = State()
            found = split(group, self.ledger, self.states, state, self.retry_failed)
            yield group, found.tasks, found.tasks - len(found.todo)
            if not found.todo:
                self.states[group.key] = state
                waiting.extendleft(group.following(self.states))

    def _exceeded(self) -> str | None:
        """Which limit of the config is exceeded, and by what; None if none is."""
        if (reason := self._parts_exceeded()) is not None:
            return reason
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

    def _parts_exceeded(self) -> str | None:
        """As ``_exceeded``, for parts that failed as a whole. A number of inputs may fail, but no later part:
        its documents were counted as read and would be missing."""
        inputs = 0
        for key, state in self.states.items():
            if state.failures and not self.groups[key].reads:
                return f"{len(state.failures)} parts of {key} failed"
            inputs += len(state.failures)
        if inputs > self.limits.max_failed_parts:
            return f"{inputs} inputs failed (limits.max_failed_parts: {self.limits.max_failed_parts})"
        return None

    def _begin_change(self, group: Group) -> None:
        if not self._changing:
            self._changing = True
            self.ledger.check()
            self.before_change()
        if self.packs is not None:
            self.packs.open(group.receipts)

    def _start_ready(self) -> bool:
        """Start groups that are ready. True if another call may start more: some had no work to do."""
        if self.states and self._exceeded() is not None:
            return False  # the run will fail: start no more groups
        again = False
        for key, group in [*self.groups.items()]:
            if key in self.states or any(
                self._left[need] or need not in self.states for need in group.needs(self.states)
            ):
                continue
            state, found = self._split(group)
            self.states[key] = state
            state.reused = found.tasks - len(found.todo)
            self._left[key] = len(found.todo)
            tasks = with_copies(group, (todo.task for todo in found.todo), self.caches, self.retry_failed)
            self._queue.extend(_Waiting(task.make, group) for task in tasks)
            self._queue.extend(_waiting(task, group) for task in check.tasks(key, found.unsure))
            self.progress.begin(group, found.tasks, state.reused)
            if not found.todo:
                self._done(group)
                again = True
        return again

    def _split(self, group: Group) -> tuple[State, Split]:
        """The results of a group that are there, and what is to be done."""
        if self.packs is None:
            return self._looked(group, lambda state, name, receipt: None)
        if (whole := packed(group, self.ledger, self.states, self.packs, self.retry_failed)) is not None:
            return whole
        self.packs.begin(group)
        add = self.packs.add
        return self._looked(group, lambda state, name, receipt: add(group, state, name, receipt))

    def _looked(self, group: Group, reused: Callable[[State, str, Receipt], None]) -> tuple[State, Split]:
        state = State()
        found = split(
            group, self.ledger, self.states, state, self.retry_failed, reused=partial(reused, state)
        )
        return state, found

    def _double(self, executor: Executor) -> None:
        """Start second copies of parts that take much longer than others, as far as workers are idle."""
        idle = executor.workers - sum(
            waiting.copies - len(waiting.ends) for waiting in self._running.values()
        )
        now = time.monotonic()
        for waiting in self._running.values():
            key, seconds = waiting.group.key, now - waiting.began
            if idle > 0 and waiting.may_be_doubled and self._pace.straggles(key, self._left[key], seconds):
                idle -= 1
                waiting.copies += 1
                self.progress.doubled(waiting.task, seconds, self._pace.usual(key, self._left[key]) or 0.0)
                executor.submit(waiting.task, isolated=False)

    def _stop(self, ended: Ended, executor: Executor) -> None:
        """An attempt has ended. If another copy of the task runs, wait for that too, since it may be about to
        replace what this one has published."""
        waiting = self._running[ended.task.label]
        waiting.ends.append(ended)
        if len(waiting.ends) < waiting.copies and not ended.fatal:
            if ended.receipt is not None:
                executor.stop(ended.task)
            return
        del self._running[ended.task.label]
        self.progress.stop(ended.task)
        self._end(waiting, ended if waiting.copies == 1 or ended.fatal else self._winner(waiting))

    def _winner(self, waiting: _Waiting) -> Ended:
        """Of two copies that have ended, the one whose receipt is there, even if it was stopped before it
        said so. If none is, the task is tried again: one was stopped while it replaced what the other had
        published, or they disturbed each other."""
        path = self.ledger.path(waiting.task.receipt_name)
        _, there = next(load(self.ledger.storage, [path]))
        if there is not None and there.status == DONE and there.fingerprint == waiting.task.fingerprint:
            for ended in waiting.ends:
                if ended.receipt is not None:
                    return replace(ended, receipt=there)
        for ended in waiting.ends:
            if ended.damaged is not None:
                return ended
        if all(ended.died for ended in waiting.ends):
            return waiting.ends[0]  # as one that runs alone: a document may kill its worker
        errors = [ended.error for ended in waiting.ends if ended.error]
        return Ended(waiting.task, error="; ".join(errors), retryable=True)

    def _end(self, waiting: _Waiting, ended: Ended) -> None:
        receipt = ended.receipt
        if ended.fatal:
            raise RunFailed(ended.error)
        if ended.damaged is not None:
            self._mend(waiting, ended.damaged)
            return
        if ended.again is not None:
            waiting.task = ended.again
            self._queue.appendleft(waiting)
            return
        if receipt is None:
            waiting.deaths += ended.died
            waiting.errors += not ended.died
            again = waiting.deaths <= DEATHS_BEFORE_ISOLATION if ended.died else ended.retryable
            if again and waiting.errors < TRIES:
                self._queue.append(waiting)
                return
            if waiting.mends is not None or isinstance(waiting.task, CheckTask):
                raise RunFailed(f"{ended.task.label}: {ended.error}")
            receipt = Receipt(ended.task.fingerprint, FAILED, error=ended.error)
            receipt.attempts = waiting.deaths + waiting.errors
            receipt = self.ledger.commit(ended.task.receipt_name, receipt)
        if isinstance(waiting.task, CheckTask):
            return
        if waiting.mends is not None:
            self._mended(waiting, waiting.mends, receipt)
            return
        if not isinstance(ended.task, CopyTask):
            self._pace.add(waiting.group.key, time.monotonic() - waiting.began)
        state = self.states[waiting.group.key]
        state.add(ended.task, receipt)
        state.copied += isinstance(ended.task, CopyTask)
        if self.packs is not None:
            self.packs.add(waiting.group, state, task_name(ended.task), receipt)
        self._left[waiting.group.key] -= 1
        self.progress.end(waiting.group, ended.task, receipt)
        if not self._left[waiting.group.key] and self._parts_exceeded() is None:
            self._done(waiting.group)

    def _mend(self, waiting: _Waiting, damage: Damaged) -> None:
        """Do the task again that wrote the damaged file. ``waiting``, which found it, is run after that."""
        self.progress.damaged(damage)
        self.damages[damage.path] += 1
        made = self._maker(damage.path)
        if made is None or self.damages[damage.path] >= TRIES:
            raise RunFailed(
                f"{damage}; start again, or, if the file belongs to an earlier run, run that one again"
            )
        group, name = made
        receipt = group.receipt(name)
        if receipt not in self._mending:
            task = next(task for task in group.planned(self.states) if task.name == name)
            self._queue.appendleft(_Waiting(task.make, group, mends=self.states[group.key].made[name]))
        self._mending.setdefault(receipt, []).append(waiting)

    def _maker(self, path: str) -> tuple[Group, str] | None:
        """The group and the name of the task that wrote a file of this run."""
        for key, state in self.states.items():
            group = self.groups[key]
            for name, made in state.made.items():
                names = (group.receipt(name), *(file.name for file in made.files.values()))
                if path in map(self.ledger.path, names):
                    return group, name
        return None

    def _mended(self, waiting: _Waiting, before: Made, receipt: Receipt) -> None:
        now = {file.role: file.sha256 for file in receipt.files}
        if now != {role: file.sha256 for role, file in before.files.items()}:
            # results computed from the old files would not agree with the receipts
            raise RunFailed(f"{waiting.task.label}: computing it again gave a different result; start again")
        if self.packs is not None:
            self.packs.forget(waiting.group)
        self._queue.extend(self._mending.pop(waiting.group.receipt(task_name(waiting.task))))

    def _done(self, group: Group) -> None:
        """A group is done: pack its receipts, and add the groups that become known."""
        if self.packs is not None:
            self.packs.finish(group, self.states[group.key])
        self.groups |= {new.key: new for new in group.following(self.states)}
