"""What a task took, so that a later estimate can tell what grows with its rows from what does not.

Of the seconds of the processor that a task used, some load stages (once for a process), some go through rows,
and some are the same for any task, large or small. A process is slower at its first task of a kind, when
libraries fill their tables: a dry run does its first batch twice, so that few rows are timed as many will be.
Knows clocks and the process; does not know what a task does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

#: In this process, by kind: tasks that went before.
_before: Counter[str] = Counter()
#: Seconds of the processor for all tasks of this process, and for publishing the last of them.
_spent = {"all": 0.0, "publishing": 0.0}
#: Of a processor, that the tasks of this process hold while they run.
_share = [1.0]


def hold(share: float) -> None:
    """The tasks of this process share a processor with others from now on: each holds ``share`` of it."""
    _share[0] = share


def spent_by_tasks() -> float:
    """Seconds of the processor that the tasks of this process took so far."""
    return _spent["all"]


class Clock:
    """Begins with a task of a kind: a segment or a round."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        self._aside = {"opening": 0.0, "warming": 0.0}
        self._begun: float | None = None  # when the first row was asked for
        self._ended = 0.0

    @property
    def first(self) -> bool:
        """Whether the process has done no task of the kind yet."""
        return not _before[self._kind]

    @contextmanager
    def aside(self, what: str) -> Iterator[None]:
        """Around ``opening`` (the loading of stages) or ``warming`` (work that is done once more later)."""
        started = time.process_time()
        yield
        took = time.process_time() - started
        self._aside[what] += took
        if self._begun is not None:
            self._begun += took

    def begin(self) -> None:
        """From now on, rows are worked on."""
        self._begun = time.process_time()

    def read(self) -> dict[str, float]:
        """For the receipt, when all files are written and before they are published:

        ``cpu`` and ``wall``: seconds so far, in which it computed and in which it held a processor. Of
        ``cpu``: ``opening``, ``warming`` and ``rows``; the rest does not depend on rows. ``publishing``:
        seconds of the processor for publishing the task before this one in the process. ``before``: how many
        tasks of the kind the process had done.
        """
        self._ended = time.process_time()
        found = {
            "cpu": self._ended - self._cpu,
            "wall": (time.perf_counter() - self._wall) * _share[0],
            **self._aside,
            "rows": self._ended - (self._ended if self._begun is None else self._begun),
            "publishing": _spent["publishing"],
            "before": _before[self._kind],
        }
        _before[self._kind] += 1
        return {name: round(value, 4) for name, value in found.items()}

    def published(self) -> None:
        """The files and the receipt are published."""
        now = time.process_time()
        _spent["publishing"] = now - self._ended
        _spent["all"] += now - self._cpu


class DriverClock:
    """Seconds of the processor that a driver takes, without the tasks that it runs itself. ``workers``: tasks
    that run at once."""

    _until: ClassVar[float] = 0.0  # what this process spent on earlier runs

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._before = self._begun = self._ended = 0.0

    def begin(self) -> None:
        """The stages are opened, and tasks start."""
        self._before, self._begun = spent_by_tasks(), time.process_time()

    def end(self) -> None:
        """The tasks are done."""
        self._ended = time.process_time()

    def read(self) -> dict[str, float]:
        """``start``: to the first task; with the inline executor with what opening stages takes. ``tasks``:
        to start tasks and collect their receipts. ``finish``: what came after the tasks."""
        own = spent_by_tasks() - self._before
        start, now = self._begun - DriverClock._until, time.process_time()
        DriverClock._until = now
        return {
            "workers": self._workers,
            "start": round(start, 3),
            "tasks": round(max(self._ended - self._begun - own, 0.0), 3),
            "finish": round(now - self._ended, 3),
        }
