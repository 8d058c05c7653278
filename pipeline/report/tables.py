"""Output for people at the end of a run: tables of attrition and failures, and what they should know.

Knows states and how to print; does not know how anything runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from rich.table import Table

from pipeline.ledger.ownership import shown
from pipeline.ledger.tallies import Tally
from pipeline.report.progress import duration
from pipeline.schedule.state import State
from stages.global_stage import LAST


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


class Work(NamedTuple):
    """What a run took: parts computed, reused and copied from another output, seconds, and bytes of memory of
    the largest worker."""

    parts: int
    reused: int
    copied: int
    seconds: float
    stage_seconds: float
    peak_memory: int

    @classmethod
    def of(cls, states: Mapping[str, State], seconds: float) -> Work:
        """Of all groups."""
        made = sum(len(state.made) for state in states.values())
        reused = sum(state.reused for state in states.values())
        copied = sum(state.copied for state in states.values())
        busy: Counter[str] = Counter()
        for state in states.values():
            busy.update(state.seconds)
        peak = max((state.peak_memory for state in states.values()), default=0)
        return cls(made - reused - copied, reused, copied, round(seconds, 1), round(busy.total(), 1), peak)

    def __str__(self) -> str:
        copied = f", {self.copied} copied" if self.copied else ""
        return (
            f"{self.parts} parts computed, {self.reused} reused{copied}, in {duration(self.seconds)} "
            f"({self.stage_seconds:,.0f} s of stage time, largest worker {self.peak_memory / 2**20:,.0f} MiB)"
        )


def cells(table: Table) -> dict[str, Any]:
    """The content of a table, as text."""
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    return {
        "columns": [str(column.header) for column in table.columns],
        "rows": [*zip(*columns, strict=True)],
    }


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
