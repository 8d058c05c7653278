"""The interface of executors.

Knows tasks and how they end. What to do after a death or an error is decided in ``pipeline.schedule``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pipeline.tasks.base import Ended, Task
from stages.base import Resources


class Executor(Protocol):
    """Runs tasks, one or several at once."""

    def check(self, needs: Iterable[Resources]) -> None:
        """Raise an error if a task could never run here; called before any work."""
        ...

    @property
    def slots(self) -> int:
        """How many tasks to submit at once."""
        ...

    def submit(self, task: Task, isolated: bool) -> None:
        """Start a task, or queue it; ``isolated``: in a child process that may die."""
        ...

    def wait(self, seconds: float) -> list[Ended]:
        """Wait up to ``seconds`` and return the tasks that have ended, if any."""
        ...

    def close(self) -> None:
        """Stop everything that runs."""
        ...
