"""Output for people: progress while a run works, tables of attrition and failures at its end.

Knows states and how to print; does not know how anything runs. Only this module measures time for people, and
nothing that it prints goes into a result.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipeline.ledger.ownership import shown
from pipeline.ledger.receipts import FAILED, Receipt
from pipeline.ledger.tallies import Tally
from pipeline.schedule.state import Group, State
from pipeline.sealed import Damaged
from pipeline.tasks.base import Task
from stages.global_stage import LAST

LOG_SECONDS = 5.0


@dataclass
class _Line:
    """Progress of one group."""

    group: Group
    total: int
    reused: int
    started: float = field(default_factory=time.monotonic)
    ended: int = 0
    failed: int = 0
    documents: int = 0
    running: int = 0  # documents that the part has read which is running

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        seconds = max(time.monotonic() - self.started, 1e-3)
        left = self.total - self.reused - self.ended
        eta = "" if not left else f"{_duration(left * seconds / self.ended)}" if self.ended else "…"
        parts = f"{self.reused + self.ended}/{self.total}" + (
            f" ({self.failed} failed)" if self.failed else ""
        )
        rate = f"{self.documents / seconds:,.0f}" if self.ended else ""
        return self.group.key, parts, f"{self.documents + self.running:,}", rate, eta


class Board:
    """Shows progress: a live table on a terminal, or a line every few seconds in a log.

    See ``schedule.Progress``. Use as a context manager.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._lines: dict[str, _Line] = {}
        self._live = Live(console=console, refresh_per_second=2) if console.is_terminal else None
        self._said = time.monotonic()

    def __enter__(self) -> Board:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._live:
            self._live.stop()

    def begin(self, group: Group, total: int, reused: int) -> None:
        """A group starts."""
        self._lines[group.key] = _Line(group, total, reused)
        if not self._live and total == reused:
            self._say(self._lines[group.key])

    def end(self, group: Group, task: Task, receipt: Receipt) -> None:
        """A task has ended."""
        line = self._lines[group.key]
        line.ended, line.running = line.ended + 1, 0
        line.failed += receipt.status == FAILED
        line.documents += (
            receipt.tallies[0].rows_in if receipt.tallies else receipt.counts.get("documents", 0)
        )
        if not self._live and line.reused + line.ended == line.total:
            self._say(line)
        if receipt.status == FAILED:
            self.console.print(f"{task.label}: failed: {receipt.error}", style="red", markup=False)

    def beat(self, label: str, documents: int) -> None:
        """A sign of life of a part that is running; called from another thread."""
        key = label.rpartition("/")[0]
        if self._live:
            if line := self._lines.get(key):
                line.running = documents
            self._live.update(self._table())
        else:
            said = f"{label}: running, {documents:,} documents read"
            self.console.print(said, markup=False, highlight=False, soft_wrap=True)

    def damaged(self, damage: Damaged) -> None:
        """A file of the run is damaged."""
        text = f"damaged: {damage}; its part is made again"
        self.console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def tick(self) -> None:
        """Show the progress."""
        if self._live:
            self._live.update(self._table())
        elif time.monotonic() - self._said >= LOG_SECONDS:
            for line in self._lines.values():
                if line.reused + line.ended < line.total:
                    self._say(line)

    def _say(self, line: _Line) -> None:
        self._said = time.monotonic()
        key, parts, documents, rate, eta = line.cells
        text = f"{key}: {parts} parts"
        if line.reused:
            text += f", {line.reused} reused"
        if line.documents:
            text += f", {documents} documents, {rate}/s"
        self.console.print(
            text + (f", ETA {eta}" if eta else ""), markup=False, highlight=False, soft_wrap=True
        )

    def _table(self) -> Table:
        table = Table(box=None, header_style="dim")
        for name in ("segment", "parts", "documents", "per second", "ETA"):
            table.add_column(name, justify="left" if name == "segment" else "right")
        for line in self._lines.values():
            table.add_row(*line.cells)
        return table


def attrition(stats: Mapping[str, Any]) -> Table:
    """A table of what every stage of every dataset kept, dropped and failed, from ``stats.json``."""
    stages = [stage for dataset in stats["datasets"].values() for stage in dataset["stages"]]
    numbers = ["rows in", "generated", "kept", "dropped", "failed"]
    if not any(stage["generated"] for stage in stages):
        numbers.remove("generated")
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("dataset", "stage", *numbers):
        justify: Literal["left", "right"] = "right" if name in numbers else "left"
        table.add_column(name, justify=justify, no_wrap=True)
    table.add_column("why", overflow="fold")
    for name, dataset in stats["datasets"].items():
        for i, stage in enumerate(dataset["stages"]):
            tally = Tally.from_json(stage)
            # no-break spaces keep a reason and its count on one line
            why = [f"{reason}\u00a0{count:,}" for reason, count in tally.dropped.most_common()]
            why += [f"{reason}\u00a0{count:,}\u00a0(failed)" for reason, count in tally.failed.most_common()]
            values = {
                "rows in": tally.rows_in,
                "generated": tally.generated,
                "kept": tally.kept,
                "dropped": tally.dropped.total(),
                "failed": tally.failed.total(),
            }
            cells = [f"{values[number]:,}" for number in numbers]
            table.add_row(name if i == 0 else "", tally.stage, *cells, ", ".join(why))
        said = "documents"
        if dataset["tokens"] is not None:
            said += f", {dataset['tokens']:,} tokens, shards: {len(dataset['shards'])}"
        cells = [f"{dataset['documents']:,}" if number == "kept" else "" for number in numbers]
        table.add_row("", "=", *cells, said)
    return table


def clusters(stats: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[Table]:
    """For every stage that finds clusters: their number by size, and the largest. ``texts``: by id."""
    for name, dataset in stats["datasets"].items():
        for stage, rounds in dataset["rounds"].items():
            counts = rounds.get(LAST, {})
            sizes = [key for key in counts if key.startswith("clusters of ")]
            if not sizes:
                continue
            table = Table(title=f"{name}: {stage}", title_justify="left", box=None, pad_edge=False)
            table.add_column("clusters", justify="right")
            table.add_column("documents in each")
            table.add_column("the one that stays", overflow="fold")
            for key in sorted(sizes, key=lambda key: int(key.split()[2].split("-")[0])):
                table.add_row(f"{counts[key]:,}", key.removeprefix("clusters of "))
            for cluster in dataset["largest_clusters"].get(stage, ()):
                text = " ".join(texts.get(cluster["id"], "").split())
                table.add_row("1", f"{cluster['documents']:,}", f"{cluster['id']}  {text}")
            yield table


def failures(states: Iterable[State], most: int = 20) -> Table:
    """The parts that failed, with their errors."""
    found = {label: error for state in states for label, error in state.failures.items()}
    table = Table(
        box=None,
        header_style="bold",
        pad_edge=False,
        title=f"{len(found)} failed parts",
        title_justify="left",
    )
    table.add_column("part")
    table.add_column("error", overflow="fold")
    for label, error in sorted(found.items())[:most]:
        table.add_row(label, error)
    if len(found) > most:
        table.add_row("…", f'and {len(found) - most} more; their receipts have status "failed"')
    return table


def work(states: Mapping[str, State], seconds: float) -> str:
    """One line: parts computed and reused, time, and the memory of the largest worker."""
    made = sum(len(state.made) for state in states.values())
    reused = sum(state.reused for state in states.values())
    busy: Counter[str] = Counter()
    for state in states.values():
        busy.update(state.seconds)
    peak = max((state.peak_memory for state in states.values()), default=0)
    return (
        f"{made - reused} parts computed, {reused} reused, in {_duration(seconds)} "
        f"({busy.total():,.0f} s of stage time, largest worker {peak / 2**20:,.0f} MiB)"
    )


def notices(
    output: str,
    found: Mapping[str, Any],
    damages: Iterable[str],
    kept: Sequence[str],
    left: Sequence[str],
) -> Iterator[str]:
    """What people should know about an output, apart from the tables.

    found: the content of ``stats.json``. damages: damaged files that were made again. kept: files that were
    not written because others are there. left: files that do not belong to the run.
    """
    for name, dataset in found["datasets"].items():
        if dataset["repeated_ids"]:
            what = "being of the same source, id and text; `exact_dedup` removes such"
            yield f"{name}: {dataset['repeated_ids']:,} documents have the id of another, {what}"
        if given := dataset["repeated_given_ids"]:
            what = f"about {given['share']:.0%} of its rows share their id in the input with other texts"
            yield f"{name}: {what} ({shown(given['example'])}); documents are told apart by their texts"
    if mended := sorted(damages):
        yield f"{len(mended)} damaged files were made again: {_some(mended)}"
    for name in kept:
        what = "is not as this run wrote it and was left alone; remove it and start again for a new one"
        yield f"{output}/{name} {what}"
    if left:
        yield f"{len(left)} files in {output} are not of this run and were left alone: {_some(left)}"


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(map(shown, names[:most])) + (
        f" and {len(names) - most} more" if len(names) > most else ""
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
