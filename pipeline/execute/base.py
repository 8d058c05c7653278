"""The interface of executors.

Knows tasks and how they end. What to do after a death or an error is decided in ``pipeline.schedule``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pipeline.tasks.base import Ended, Task
from stages.base import Resources


class Executor(Protocol):
    """Runs tasks, several at once or one."""

    def check(self, needs: Iterable[Resources]) -> None:
        """Raise before any work if some task could never run here."""
        ...

    @property
    def slots(self) -> int:
        """How many tasks are worth submitting before the first has ended."""
        ...

    def submit(self, task: Task, isolated: bool) -> None:
        """Start a task, or queue it; ``isolated``: in a child process that may die."""
        ...

    def wait(self, seconds: float) -> list[Ended]:
        """What has ended, at the latest after ``seconds``; empty if nothing has."""
        ...

    def close(self) -> None:
        """Stop everything that runs."""
        ...
