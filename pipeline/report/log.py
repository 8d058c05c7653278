"""Progress as a log: lines with a clock, for people (``text``) or one JSON object a line (``json``).

The form is stable: docs/operations.md has it. While parts run, each group at work says every few seconds how
far it is; if it has few running parts, each of them does too. Knows boards and clocks; does not know runs.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from pipeline.report.progress import Board, Event, duration, told, told_part

#: Seconds without a line after which the log says how far the run is.
LOG_SECONDS = 3.0
#: A group with more running parts than this does not name them; as many are named in JSON.
NAMED = 4


def stamp() -> str:
    """The time now, as lines of the log begin."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(name: str, facts: Mapping[str, Any]) -> str:
    """A line of the log for programs."""
    return json.dumps({"time": stamp(), "event": name, **facts}, ensure_ascii=False, default=str)


class Log:
    """See ``progress.View``."""

    def __init__(self, console: Console, form: Literal["text", "json"] = "text") -> None:
        self._console, self._json = console, form == "json"
        self._said = time.monotonic()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, board: Board) -> None:
        if self._console.quiet:
            return
        self._thread = threading.Thread(target=self._watch, args=(board,), name="log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def event(self, event: Event) -> None:
        self._say(event)

    def result(self, name: str, shown: Table, facts: Mapping[str, Any]) -> None:
        if self._json:
            self._say(Event(name, "", facts))
        else:
            self._console.print(shown)

    def _watch(self, board: Board) -> None:
        while not self._closed.wait(max(self._said + LOG_SECONDS - time.monotonic(), 0.01)):
            if time.monotonic() - self._said < LOG_SECONDS:
                continue
            with board.lock:
                events = self._now(board)
            for event in events:
                self._say(event)
            self._said = time.monotonic()

    def _now(self, board: Board) -> list[Event]:
        lines = [line for line in board.active() if line.parts]
        if not lines and board.doing is not None:
            text, seconds = board.doing[0], board.doing_for()
            facts = {"phase": text, "seconds": round(seconds, 1)}
            return [Event("phase", f"{text}, {duration(seconds)}", facts)]
        events = []
        for line in lines:
            if self._json:
                events.append(Event("progress", "", line.facts(NAMED)))
                continue
            parts = line.oldest() if len(line.parts) <= NAMED else []
            if line.total > 1 or not parts:
                events.append(Event("progress", told(line)))
            events += [Event("progress", told_part(part)) for part in parts]
        return events

    def _say(self, event: Event) -> None:
        self._said = time.monotonic()
        if self._json:
            self._console.out(as_json(event.name, event.facts), highlight=False)
        else:
            self._console.out(f"{stamp()} {event.text}", style=event.style, highlight=False)
