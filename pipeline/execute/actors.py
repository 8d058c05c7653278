"""Ray actors for tasks whose stages take minutes to load: one loads them, and does one task after the other.

An actor serves the tasks of one segment. As many are made as there is work and room for, and one that has
nothing to do is ended, so that its GPU is free for what comes next. Knows Ray's actors; does not know what
tasks do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipeline.tasks.base import Task

#: Arguments of ``on_ray``'s function for workers.
Call = tuple[Any, ...]


@dataclass(frozen=True)
class Running:
    """A task in an actor."""

    task: Task
    kind: str
    actor: Any


@dataclass
class _Kind:
    """The actors of a segment, and the tasks that wait for one."""

    options: dict[str, Any]
    most: int
    idle: list[Any] = field(default_factory=list)
    waiting: deque[tuple[Task, Call]] = field(default_factory=deque)
    busy: int = 0


class Actors:
    """Starts, uses and ends actors."""

    def __init__(self, ray: Any, caller: Callable[..., Any]) -> None:
        self._ray = ray
        self._class = _actor_class(caller)
        self._kinds: dict[str, _Kind] = {}
        #: By the reference of its result.
        self.running: dict[Any, Running] = {}

    def submit(self, task: Task, call: Call, options: dict[str, Any], most: int) -> None:
        """Queue a task for an actor of its segment, of which there are ``most`` at once."""
        name = task.label.rpartition("/")[0] if "/part-" in task.label else task.label
        kind = self._kinds.setdefault(name, _Kind(options, most))
        kind.most = most
        kind.waiting.append((task, call))
        self._start(name, kind)

    def begin(self) -> None:
        """Everything that was to be submitted has been: those that have nothing to do end."""
        for name, kind in [*self._kinds.items()]:
            self._start(name, kind)
            for actor in kind.idle:
                self._ray.kill(actor)
            kind.idle.clear()
            if not kind.busy and not kind.waiting:
                del self._kinds[name]

    def end(self, ref: Any, sound: bool) -> None:
        """A task has ended; an actor that is not ``sound`` is of no more use."""
        done = self.running.pop(ref)
        kind = self._kinds[done.kind]
        kind.busy -= 1
        if sound:
            kind.idle.append(done.actor)
        else:
            self._ray.kill(done.actor)
        self._start(done.kind, kind)

    def _start(self, name: str, kind: _Kind) -> None:
        while kind.waiting and (kind.idle or kind.busy < kind.most):
            task, call = kind.waiting.popleft()
            if kind.idle:
                actor = kind.idle.pop()
            else:
                made = self._ray.remote(max_restarts=0, max_task_retries=0)(self._class)
                actor = made.options(**kind.options).remote()
            kind.busy += 1
            self.running[actor.run.remote(*call)] = Running(task, name, actor)


def _actor_class(caller: Callable[..., Any]) -> type[Any]:
    """A class that Ray sends as code, since it is local to this function: nothing of this package may be
    imported before ``caller`` has set the path."""

    class Actor:
        def run(self, *call: Any) -> Any:
            """See ``on_ray``."""
            return caller(*call)

    return Actor
