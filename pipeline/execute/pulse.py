"""Heartbeats on Ray: workers tell an actor how far their tasks are, and the driver asks it.

The actor needs no CPU and holds the last heartbeat of each task that runs. Nothing depends on it: if its node
is lost, Ray makes another, and heartbeats until then are missing. Knows Ray; does not know what tasks do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pipeline.execute import base
from pipeline.execute.base import Hear
from pipeline.tasks.beat import Beat

#: How many heartbeats a second the actor gets at most: with more tasks, each beats less often.
MOST = 500.0


class Pulse:
    """The driver's side."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        made = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)(_class())
        #: Given to every task, see ``telling``.
        self.actor = made.remote()
        self._asked: Any = None
        self._heard = 0.0

    def seconds(self, running: int) -> float:
        """Between two heartbeats of a task, if so many run."""
        return max(base.BEAT_SECONDS, running / MOST)

    def listen(self, hear: Hear) -> None:
        """Pass on what has come since the last call; never waits."""
        if self._asked is None:
            if time.monotonic() - self._heard >= base.BEAT_SECONDS / 2:
                self._asked = self.actor.taken.remote()
            return
        done, _ = self._ray.wait([self._asked], timeout=0)
        if not done:
            return
        asked, self._asked, self._heard = self._asked, None, time.monotonic()
        try:
            found = self._ray.get(asked)
        except self._ray.exceptions.RayError:
            return  # its node was lost
        for label, beat in found.items():
            hear(label, Beat(*beat))


def telling(actor: Any, label: str) -> Callable[[Beat], None]:
    """In a worker: tells the actor about a task."""

    def tell(beat: Beat) -> None:
        actor.beat.options(num_returns=0).remote(label, tuple(beat))

    return tell


def _class() -> type[Any]:
    """A class that Ray sends as code, since it is local to this function: the actor needs nothing of this
    package."""

    class Heartbeats:
        def __init__(self) -> None:
            self._beats: dict[str, tuple[Any, ...]] = {}

        def beat(self, label: str, beat: tuple[Any, ...]) -> None:
            self._beats[label] = beat

        def taken(self) -> dict[str, tuple[Any, ...]]:
            beats, self._beats = self._beats, {}
            return beats

    return Heartbeats
