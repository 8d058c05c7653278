"""How far a run is: its phase, the groups at work, their running parts and when they will be done.

``Board`` collects it (see ``schedule.Progress``) and passes on what happens to a view: a terminal
(``report.screen``) or a log (``report.log``). Only here is time measured for people, and nothing of it goes
into a result. Knows groups, tasks and heartbeats; does not know how anything is shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from rich.table import Table

from pipeline.ledger.receipts import FAILED, Receipt
from pipeline.schedule.state import Group
from pipeline.sealed import Damaged
from pipeline.tasks.base import Task
from pipeline.tasks.beat import Beat


def now() -> float:
    """Seconds of a clock that only runs forward."""
    return time.monotonic()


class Event(NamedTuple):
    """Something that happened, as a sentence and as values. ``style``: as of Rich."""

    name: str
    text: str
    facts: Mapping[str, Any] = {}
    style: str | None = None


class View(Protocol):
    """Shows a board."""

    def open(self, board: Board) -> None:
        """Start to show it, from now on also by itself."""
        ...

    def close(self) -> None:
        """Show it a last time."""
        ...

    def event(self, event: Event) -> None:
        """Something happened."""
        ...

    def result(self, name: str, shown: Table, facts: Mapping[str, Any]) -> None:
        """A table at the end of a run, and its values."""
        ...


@dataclass
class Part:
    """A task that runs."""

    label: str
    name: str
    started: float = field(default_factory=lambda: now())
    beat: Beat = field(default_factory=Beat)

    @property
    def seconds(self) -> float:
        """Since it started."""
        return now() - self.started

    @property
    def eta(self) -> float | None:
        """Seconds until it is done; None if that cannot be told yet."""
        return _left(self.beat.share, self.seconds)

    def facts(self) -> dict[str, Any]:
        """For a log that programs read."""
        beat = self.beat._asdict()
        return {"part": self.name, **beat, **_times(self.seconds, self.eta)}


@dataclass
class Line:
    """Progress of a group."""

    key: str
    total: int
    reused: int
    started: float = field(default_factory=lambda: now())
    took: float | None = None  # seconds, when it is done
    ended: int = 0
    failed: int = 0
    documents: int = 0  # of the parts that have ended
    parts: dict[str, Part] = field(default_factory=dict)  # that run, by label

    @property
    def done(self) -> bool:
        """Whether none of its tasks is left."""
        return self.reused + self.ended >= self.total and not self.parts

    @property
    def seconds(self) -> float:
        """Since it started, until it was done."""
        return max(now() - self.started if self.took is None else self.took, 1e-3)

    @property
    def read(self) -> int:
        """Documents that were read, also by parts that still run."""
        return self.documents + sum(part.beat.documents for part in self.parts.values())

    @property
    def eta(self) -> float | None:
        """Seconds until it is done; None if that cannot be told yet."""
        todo = self.total - self.reused
        passed = self.ended + sum(part.beat.share or 0.0 for part in self.parts.values())
        return _left(passed / todo, self.seconds) if todo else 0.0

    def oldest(self) -> list[Part]:
        """Its running parts, the one that started first first."""
        return sorted(self.parts.values(), key=lambda part: (part.started, part.name))

    def facts(self, most: int) -> dict[str, Any]:
        """For a log that programs read, with the ``most`` oldest parts."""
        return {
            "group": self.key,
            "parts": self.total,
            "reused": self.reused,
            "done": self.ended,
            "failed": self.failed,
            "running": len(self.parts),
            "documents": self.read,
            "per_second": round(self.read / self.seconds, 1),
            **_times(self.seconds, self.eta),
            "oldest": [part.facts() for part in self.oldest()[:most]],
        }


class Board:
    """Collects the progress of a run. Use as a context manager: within it, the view is open."""

    def __init__(self, view: View) -> None:
        self.view = view
        #: Held while the lines are changed or looked at: heartbeats come from other threads.
        self.lock = threading.RLock()
        self.lines: dict[str, Line] = {}
        #: What happens while no part runs, and since when.
        self.doing: tuple[str, float] | None = None
        self._of: dict[str, Line] = {}  # the group of each running task, by label

    def __enter__(self) -> Board:
        self.view.open(self)
        return self

    def __exit__(self, *error: Any) -> None:
        self.view.close()

    def phase(self, text: str) -> None:
        """From now on the run does this, where it does not work on parts."""
        with self.lock:
            self.doing = text, now()
        self.view.event(Event("phase", text, {"phase": text}))

    def doing_for(self) -> float:
        """Seconds since the phase began."""
        return now() - self.doing[1] if self.doing else 0.0

    def note(self, text: str, style: str | None = None) -> None:
        """Something that people should know."""
        self.view.event(Event("note", text, {"text": text}, style))

    def begin(self, group: Group, total: int, reused: int) -> None:
        """See ``schedule.Progress``, also for the others."""
        with self.lock:
            line = self.lines[group.key] = Line(group.key, total, reused)
        if total == reused:
            self._group_done(line)

    def start(self, group: Group, task: Task) -> None:
        with self.lock:
            line = self._of[task.label] = self.lines[group.key]
            line.parts[task.label] = Part(task.label, task.label.rpartition("/")[2])

    def stop(self, task: Task) -> None:
        with self.lock:
            del self._of.pop(task.label).parts[task.label]

    def end(self, group: Group, task: Task, receipt: Receipt) -> None:
        failed = receipt.status == FAILED
        with self.lock:
            line = self.lines[group.key]
            line.ended += 1
            line.failed += failed
            line.documents += (
                receipt.tallies[0].rows_in if receipt.tallies else receipt.counts.get("documents", 0)
            )
        if failed:
            facts = {"part": task.label, "error": receipt.error}
            self.view.event(Event("part_failed", f"{task.label}: failed: {receipt.error}", facts, "red"))
        if line.done:
            self._group_done(line)

    def _group_done(self, line: Line) -> None:
        line.took = line.seconds
        self.view.event(Event("group_done", told(line), line.facts(0)))

    def beat(self, label: str, beat: Beat) -> None:
        """A sign of life of a task that runs."""
        with self.lock:
            if (line := self._of.get(label)) is not None:
                line.parts[label].beat = beat

    def doubled(self, task: Task, seconds: float, usual: float) -> None:
        text = f"{task.label} has run for {duration(seconds)}, where others took {duration(usual)}"
        facts = {"part": task.label, "seconds": round(seconds, 1), "usual_seconds": round(usual, 1)}
        self.view.event(Event("doubled", f"{text}; a second copy of it starts", facts))

    def damaged(self, damage: Damaged) -> None:
        text = f"damaged: {damage}; its part is made again"
        self.view.event(Event("damaged", text, {"path": damage.path, "what": damage.what}, "yellow"))

    def active(self) -> list[Line]:
        """The groups that are not done, those with running parts first."""
        lines = [line for line in self.lines.values() if not line.done]
        return sorted(lines, key=lambda line: not line.parts)


def told(line: Line) -> str:
    """A group in one line."""
    text = f"{line.key}: {line.reused + line.ended}/{line.total} parts"
    for count, what in ((len(line.parts), "running"), (line.reused, "reused"), (line.failed, "failed")):
        text += f", {count} {what}" if count else ""
    if line.read:
        text += f", {line.read:,} documents, {line.read / line.seconds:,.0f}/s"
    return text + ("" if line.done else f", {_until(line.eta)}")


def told_part(part: Part) -> str:
    """A running part in one line."""
    beat = part.beat
    said = [f"{beat.documents:,} documents" if beat.documents else "", amount(beat)]
    said += [f"at {beat.stage}" if beat.stage else "", duration(part.seconds), _until(part.eta)]
    return f"{part.label}: " + ", ".join(filter(None, said))


def amount(beat: Beat) -> str:
    """How much of how much is done; empty if that is not known."""
    if not beat.total:
        return f"{beat.done:,} {beat.unit}" if beat.unit else ""
    if beat.unit != "bytes":
        return f"{beat.done:,} of {beat.total:,} {beat.unit}"
    digits = 1 if beat.total < 1e8 else 0
    return f"{beat.done / 1e6:,.{digits}f} of {beat.total / 1e6:,.{digits}f} MB"


def duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _until(eta: float | None) -> str:
    return "ETA unknown" if eta is None else f"ETA {duration(eta)}"


def _left(share: float | None, seconds: float) -> float | None:
    return seconds * (1 - share) / share if share else None


def _times(seconds: float, eta: float | None) -> dict[str, float | None]:
    return {"seconds": round(seconds, 1), "eta_seconds": None if eta is None else round(eta, 1)}
