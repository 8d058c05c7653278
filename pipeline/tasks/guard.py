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

from stages.base import Fault

#: The watchdog waits this much longer than the alarm, which ends a call in an orderly way.
HARD_FACTOR, HARD_EXTRA = 2.0, 5.0

WHOLE_BATCH = -1
#: In place of the number of a step: the reader is at work, or nothing is.
READING = -1
#: Deadline for reading a batch, which may wait for storage requests that are retried.
READ_SECONDS = 1800.0
_ENTRY = struct.Struct("<qqqd")


class DeadlineExceeded(BaseException):
    """Not derived from Exception, so that ``except Exception`` in a stage does not catch it."""


@dataclass(frozen=True)
class Suspects:
    """What is known from earlier deaths on a part: batches to process row by row, and rows to leave out."""

    batches: frozenset[int] = frozenset()
    rows: dict[tuple[int, int, int], Fault] = field(default_factory=dict)


class Guard:
    """Watches the calls of one part. ``killable``: this process is a worker and may be ended."""

    def __init__(
        self,
        seconds: float,
        killable: bool = False,
        journal: Path | None = None,
        suspects: Suspects | None = None,
    ) -> None:
        self.seconds = seconds
        self.killable = killable
        self.suspects = suspects or Suspects()
        self._journal = _map(journal) if journal else None
        # signals reach the main thread only
        self._alarm = threading.current_thread() is threading.main_thread()

    def by_row(self, batch: int) -> bool:
        """True if this batch killed a worker and must be processed row by row."""
        return batch in self.suspects.batches

    def poison(self, batch: int, step: int, row: int) -> Fault | None:
        """The fault of a row that killed a worker before, else None."""
        return self.suspects.rows.get((batch, step, row))

    @contextlib.contextmanager
    def watch(self, batch: int, step: int, row: int = WHOLE_BATCH) -> Iterator[None]:
        """Wraps one call. Raises DeadlineExceeded if it takes longer than ``seconds`` (``READ_SECONDS`` for a
        reader)."""
        seconds = READ_SECONDS if step == READING else self.seconds
        self._note(batch, step, row)
        if self.killable:
            sink = _devnull()
            faulthandler.dump_traceback_later(seconds * HARD_FACTOR + HARD_EXTRA, exit=True, file=sink)
        previous = signal.signal(signal.SIGALRM, _raise) if self._alarm else None
        try:
            if self._alarm:
                signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:
            if self._alarm:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, previous)
            if self.killable:
                faulthandler.cancel_dump_traceback_later()
            self._note(batch, READING, WHOLE_BATCH)  # no document is blamed for what happens between calls

    def _note(self, batch: int, step: int, row: int) -> None:
        if self._journal is not None:
            self._journal[: _ENTRY.size] = _ENTRY.pack(batch, step, row, time.monotonic())


def last_entry(journal: Path) -> tuple[int, int, int, float] | None:
    """Batch, step, row (WHOLE_BATCH for all) and monotonic start of the last call; None if there was none."""
    entry = _ENTRY.unpack(journal.read_bytes()[: _ENTRY.size])
    return entry if entry[3] else None


def _map(journal: Path) -> mmap.mmap:
    # a shared mapping survives the death of the process without a flush
    with journal.open("r+b") as file:
        return mmap.mmap(file.fileno(), _ENTRY.size)


def new_journal(path: Path) -> None:
    """An empty journal file."""
    path.write_bytes(bytes(_ENTRY.size))


def _raise(signum: int, frame: FrameType | None) -> None:
    raise DeadlineExceeded


_sink: int | None = None


def _devnull() -> int:
    global _sink
    if _sink is None:
        _sink = os.open(os.devnull, os.O_WRONLY)
    return _sink
