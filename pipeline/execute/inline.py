"""The executor without workers: runs every task in this process, one after the other.

For debugging, tests and small runs. A document that kills the process ends the run; a new start continues
after the last finished part. Deadlines work for Python code only (see ``guard``).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from pipeline.execute.isolated import run_isolated
from pipeline.tasks.base import Context, Ended, Task, attempt
from pipeline.tasks.guard import Guard
from stages.base import Resources

#: Seconds between two signs of life of a part.
BEAT_SECONDS = 3.0


class InlineExecutor:
    """See ``execute.base.Executor``."""

    slots = 1

    def __init__(self, context: Context) -> None:
        self.context = context
        #: Called from a thread while a task runs: its label, and the documents that it has read so far.
        self.beat: Callable[[str, int], None] = lambda label, documents: None
        self._queue: deque[tuple[Task, bool]] = deque()

    def check(self, needs: Iterable[Resources]) -> None:
        """Nothing is checked: this process uses the resources that there are."""

    def submit(self, task: Task, isolated: bool) -> None:
        """Remember the task; ``wait`` runs it."""
        self._queue.append((task, isolated))

    def wait(self, seconds: float) -> list[Ended]:
        """Run the next task to its end, however long that takes."""
        if not self._queue:
            return []
        task, isolated = self._queue.popleft()
        if isolated:
            return [run_isolated(task, self.context)]
        guard = Guard(self.context.document_seconds)
        with self._beating(task.label, guard):
            return [attempt(task, self.context, guard)]

    @contextmanager
    def _beating(self, label: str, guard: Guard) -> Iterator[None]:
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(BEAT_SECONDS):
                self.beat(label, guard.documents)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def close(self) -> None:
        """There is nothing to stop: nothing runs between calls."""
