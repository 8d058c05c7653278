"""Progress on a terminal: a table that changes in place and is never higher than the window.

Groups that are done share one line. Those at work have a line each, and below it their running parts, the
oldest first, as far as there is room. Knows boards and windows; does not know runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.report.progress import Board, Event, Line, Part, amount, duration

_PER_SECOND = 2
_COLUMNS = ("segment", "parts", "documents", "per second", "ETA")


class Screen:
    """See ``progress.View``."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None

    def open(self, board: Board) -> None:
        def now() -> RenderableType:
            with board.lock:
                return rendered(board, self.console.size.height - 1)

        self._live = Live(get_renderable=now, console=self.console, refresh_per_second=_PER_SECOND)
        self._live.start(refresh=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()

    def event(self, event: Event) -> None:
        if event.name not in ("phase", "group_done"):  # these are in the table
            self.console.print(event.text, style=event.style, markup=False, highlight=False, soft_wrap=True)

    def result(self, name: str, shown: Table, facts: Mapping[str, Any]) -> None:
        self.console.print(shown)


def rendered(board: Board, height: int) -> RenderableType:
    """The board in at most ``height`` lines."""
    shown: list[RenderableType] = []
    done = [line for line in board.lines.values() if line.done]
    active = board.active()
    if done:
        shown.append(_done(done))
    if board.doing is not None and not any(line.parts for line in active):
        shown.append(_text(f"{board.doing[0]} {duration(board.doing_for())}"))
    if active:
        shown.append(_table(active, max(height - len(shown) - 1, 1)))
    return Group(*shown)


def _table(lines: list[Line], rows: int) -> Table:
    """``rows``: at most, apart from the header."""
    table = Table(box=None, header_style="dim", pad_edge=False, expand=False)
    for name in _COLUMNS:
        # of all columns only that of the segments, whose texts do not wrap either, may become narrower
        first = name == "segment"
        table.add_column(name, justify="left" if first else "right", no_wrap=not first)
    hidden = len(lines) - rows + 1 if len(lines) > rows else 0
    lines = lines[: len(lines) - hidden]
    places = _places(lines, rows - len(lines) - bool(hidden))
    for line in lines:
        failed = f" ({line.failed} failed)" if line.failed else ""
        parts = f"{line.reused + line.ended:,}/{line.total:,}{failed}"
        rate = f"{line.read / line.seconds:,.0f}" if line.read else ""
        eta = "" if line.eta is None else duration(line.eta)
        table.add_row(_text(line.key), parts, f"{line.read:,}", rate, eta or "…")
        running = line.oldest()
        for part in running[: places[line.key]]:
            table.add_row(*_cells(part), style="dim")
    if hidden:
        table.add_row(_text(f"… and {hidden} more segments"), "", "", "", "")
    return table


def _places(lines: list[Line], rows: int) -> dict[str, int]:
    """How many running parts of each group are shown, if there are so many rows: by turns."""
    places = dict.fromkeys((line.key for line in lines), 0)
    while rows > 0:
        wanting = [line for line in lines if places[line.key] < len(line.parts)]
        if not wanting:
            break
        for line in wanting[:rows]:
            places[line.key] += 1
        rows -= len(wanting[:rows])
    return places


def _cells(part: Part) -> tuple[Text | str, ...]:
    beat = part.beat
    name = f"  {part.name[:13]} {duration(part.seconds)}" + (f" {beat.stage}" if beat.stage else "")
    rate = f"{beat.documents / max(part.seconds, 1e-3):,.0f}" if beat.documents else ""
    eta = "…" if part.eta is None else duration(part.eta)
    return _text(name), amount(beat), f"{beat.documents:,}", rate, eta


def _done(lines: list[Line]) -> Text:
    reused, failed = sum(line.reused for line in lines), sum(line.failed for line in lines)
    text = f"{len(lines)} segments done: {sum(line.total for line in lines):,} parts"
    text += f", {reused:,} of them reused" if reused else ""
    text += f", {failed:,} failed" if failed else ""
    return _text(f"{text}; last {lines[-1].key}", "dim")


def _text(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
