"""Deadlines for calls of stages, and a record of the current call in case the process dies.

There are three layers, each for what the one before cannot catch. An alarm raises ``DeadlineExceeded`` in a
stage that runs too long in Python. If the process may be killed (a worker, never the user's own process), a
watchdog in C ends it when a call hangs outside Python. And a journal says, after the process died, in which
batch, step and row.

Knows processes and clocks; does not know what the calls do.
"""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
import signal
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

from pipeline.tasks.beat import Beat
from stages.base import Fault

#: The watchdog waits this much longer than the alarm, which ends a call in an orderly way.
HARD_FACTOR, HARD_EXTRA = 2.0, 5.0

WHOLE_BATCH = -1
#: In place of the number of a step: the reader is at work, or nothing is.
READING = -1
#: Deadline for reading a batch, which may wait for storage requests that are retried.
READ_SECONDS = 1800.0
_ENTRY = struct.Struct("<qqqqd")
_UNIT = 8
_BEAT = struct.Struct(f"<qqq{_UNIT}s")


class DeadlineExceeded(BaseException):
    """Not derived from Exception, so that ``except Exception`` in a stage does not catch it."""


@dataclass(frozen=True)
class Suspects:
    """What is known from earlier deaths on a part: batches to process row by row, rows to leave out, and for
    batches of a ``Streamer`` the rows before which they are cut."""

    batches: frozenset[int] = frozenset()
    rows: dict[tuple[int, int, int], Fault] = field(default_factory=dict)
    cuts: dict[int, frozenset[int]] = field(default_factory=dict)


class Entry(NamedTuple):
    """What a process was doing: a call on ``rows`` rows from ``row`` on (WHOLE_BATCH for all), since
    ``started`` (monotonic)."""

    batch: int
    step: int
    row: int
    rows: int
    started: float


class Guard:
    """Watches the calls of one part. ``killable``: this process is a worker and may be ended."""

    def __init__(
        self,
        seconds: float,
        killable: bool = False,
        journal: Path | None = None,
        suspects: Suspects | None = None,
    ) -> None:
        self._beat = Beat()
        self.seconds = seconds
        self.killable = killable
        self.suspects = suspects or Suspects()
        self._path = journal
        self._journal = _map(journal) if journal else None
        # signals reach the main thread only
        self._alarm = threading.current_thread() is threading.main_thread()
        self._calls: list[_Call] = []  # calls in progress; reading may continue inside a call
        self._previous: Any = None

    @property
    def beat(self) -> Beat:
        """How far the part is, for those who watch it from another thread."""
        return self._beat

    @beat.setter
    def beat(self, beat: Beat) -> None:
        self._beat = beat
        if self._journal is not None:
            unit = beat.unit.encode()[:_UNIT]
            self._journal[_ENTRY.size :] = _BEAT.pack(beat.documents, beat.done, beat.total, unit)

    def by_row(self, batch: int) -> bool:
        """True if this batch killed a worker and must be processed row by row."""
        return batch in self.suspects.batches

    def poison(self, batch: int, step: int, row: int) -> Fault | None:
        """The fault of a row that killed a worker before, else None."""
        return self.suspects.rows.get((batch, step, row))

    @property
    def careful(self) -> bool:
        """Whether this process was started to find out what kills workers."""
        return self._journal is not None

    @contextlib.contextmanager
    def watch(
        self, batch: int, step: int, row: int = WHOLE_BATCH, rows: int = 1, seconds: float | None = None
    ) -> Iterator[None]:
        """Wraps one call. Raises DeadlineExceeded if it takes longer than ``seconds`` (default: those of a
        document, ``READ_SECONDS`` for a reader). Another call may be watched inside it; the alarm is then set
        for the inner call."""
        if seconds is None:
            seconds = READ_SECONDS if step == READING else self.seconds
        call = _Call((batch, step, row, rows), time.monotonic() + seconds, seconds)
        if self._alarm and not self._calls:
            self._previous = signal.signal(signal.SIGALRM, _raise)
        self._calls.append(call)
        self._note(*call.place)
        self._arm()
        try:
            yield
        finally:
            self._calls.remove(call)
            self._arm()
            if self._calls:
                self._note(*self._calls[-1].place)
            else:
                if self._alarm:
                    signal.signal(signal.SIGALRM, self._previous)
                # no document is blamed for what happens between calls
                self._note(batch, READING, WHOLE_BATCH, 0)

    def give_up(self, why: str) -> NoReturn:
        """End this process, which cannot continue, as if it had died at the current call."""
        assert self._path is not None, "only a process that was started to be careful ends itself"
        _words(self._path).write_text(why, encoding="utf-8", errors="replace")
        os._exit(1)

    def _arm(self) -> None:
        """Set the alarm and the watchdog for the innermost call."""
        call = self._calls[-1] if self._calls else None
        left = max(call.until - time.monotonic(), 0.001) if call else 0.0
        if self.killable:
            if call:
                hard = left + call.seconds * (HARD_FACTOR - 1) + HARD_EXTRA
                faulthandler.dump_traceback_later(hard, exit=True, file=_devnull())
            else:
                faulthandler.cancel_dump_traceback_later()
        if self._alarm:
            signal.setitimer(signal.ITIMER_REAL, left)

    def _note(self, batch: int, step: int, row: int, rows: int) -> None:
        if self._journal is not None:
            self._journal[: _ENTRY.size] = _ENTRY.pack(batch, step, row, rows, time.monotonic())


class _Call(NamedTuple):
    place: tuple[int, int, int, int]
    until: float  # monotonic
    seconds: float


def last_entry(journal: Path) -> Entry | None:
    """The last call; None if there was none."""
    entry = Entry(*_ENTRY.unpack(journal.read_bytes()[: _ENTRY.size]))
    return entry if entry.started else None


def last_beat(journal: Path) -> Beat:
    """How far the part was when it was last looked at."""
    documents, done, total, unit = _BEAT.unpack(journal.read_bytes()[_ENTRY.size :])
    return Beat(documents, done, total, unit.rstrip(b"\0").decode())


def last_words(journal: Path) -> str:
    """Why the process ended itself; empty if it did not."""
    place = _words(journal)
    return place.read_text(encoding="utf-8") if place.exists() else ""


def _words(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.why")


def _map(journal: Path) -> mmap.mmap:
    # a shared mapping survives the death of the process without a flush
    with journal.open("r+b") as file:
        return mmap.mmap(file.fileno(), _ENTRY.size + _BEAT.size)


def new_journal(path: Path) -> None:
    """An empty journal file."""
    path.write_bytes(bytes(_ENTRY.size + _BEAT.size))
    _words(path).unlink(missing_ok=True)


def _raise(signum: int, frame: FrameType | None) -> None:
    raise DeadlineExceeded


_sink: int | None = None


def _devnull() -> int:
    global _sink
    if _sink is None:
        _sink = os.open(os.devnull, os.O_WRONLY)
    return _sink
