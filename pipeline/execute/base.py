"""The interface of executors.

Knows tasks, their heartbeat and how they end. What to do after a death or an error is decided in
``pipeline.schedule``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from pipeline.tasks.base import Ended, Task
from pipeline.tasks.beat import Beat
from stages.base import Resources

#: Receives the heartbeat of a task: its label, and how far it is. May be called from any thread.
Hear = Callable[[str, Beat], None]

#: Seconds between two heartbeats of a task.
BEAT_SECONDS = 1.0


def unheard(label: str, beat: Beat) -> None:
    """For runs that nobody watches."""


class Executor(Protocol):
    """Runs tasks, one or several at once."""

    hear: Hear

    def check(self, needs: Iterable[Resources]) -> None:
        """Raise an error if a task could never run here; called before any work."""
        ...

    @property
    def slots(self) -> int:
        """How many tasks to submit at once; some may wait until others end."""
        ...

    @property
    def workers(self) -> int:
        """How many run at once, if each needs one CPU."""
        ...

    def submit(self, task: Task, isolated: bool) -> None:
        """Start a task, or queue it; ``isolated``: in a child process that may die."""
        ...

    def stop(self, task: Task) -> None:
        """Stop what runs of a task, which ends as if its worker had died: another copy of it has ended."""
        ...

    def wait(self, seconds: float) -> list[Ended]:
        """Wait up to ``seconds`` and return the tasks that have ended, if any."""
        ...

    def close(self) -> None:
        """Stop everything that runs."""
        ...
