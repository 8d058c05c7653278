"""The executor without workers: runs every task in this process, one after the other.

For debugging, tests and small runs. A document that kills the process ends the run; a new start continues
after the last finished part. Deadlines work for Python code only (see ``guard``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import partial

from pipeline.execute.base import Hear, unheard
from pipeline.execute.beating import beating
from pipeline.execute.isolated import run_isolated
from pipeline.tasks.base import Context, Ended, Task, attempt
from pipeline.tasks.guard import Guard
from stages.base import Resources


class InlineExecutor:
    """See ``execute.base.Executor``."""

    slots = workers = 1

    def __init__(self, context: Context) -> None:
        self.context = context
        self.hear: Hear = unheard
        self._queue: deque[tuple[Task, bool]] = deque()

    def check(self, needs: Iterable[Resources]) -> None:
        """Nothing is checked: this process uses the resources that there are."""

    def submit(self, task: Task, isolated: bool) -> None:
        """Remember the task; ``wait`` runs it."""
        self._queue.append((task, isolated))

    def stop(self, task: Task) -> None:
        """There is nothing to stop: nothing runs between calls."""

    def wait(self, seconds: float) -> list[Ended]:
        """Run the next task to its end, however long that takes."""
        if not self._queue:
            return []
        task, isolated = self._queue.popleft()
        hear = partial(self.hear, task.label)
        if isolated:
            return [run_isolated(task, self.context, hear)]
        guard = Guard(self.context.document_seconds)
        with beating(guard, hear):
            return [attempt(task, self.context, guard)]

    def close(self) -> None:
        """There is nothing to stop: nothing runs between calls."""
