"""The heartbeat of a task: while it runs, another thread says how far it is.

Knows threads; does not know what is done with a heartbeat, nor what a task does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.execute import base
from pipeline.tasks.beat import Beat
from pipeline.tasks.guard import Guard


@contextmanager
def beating(guard: Guard, hear: Callable[[Beat], None], seconds: float | None = None) -> Iterator[None]:
    """Within the block, calls ``hear`` every so many seconds (default: ``base.BEAT_SECONDS``)."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(base.BEAT_SECONDS if seconds is None else seconds):
            hear(guard.beat)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
