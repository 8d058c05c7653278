"""What a run would ask of its models, from a dry run that asked a few requests.

Scales what the dry run counted (``pipeline.tasks.dry``): of each kind of request by the rows that were not
picked, and all by the bytes of the inputs that were not read. Knows receipts; does not know which stages
there are, nor what a column means. Global stages are what it cannot scale: of more documents more are
duplicates.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from rich.table import Table

from pipeline.plan.recipe import located
from pipeline.plan.segment import Plan, Segment
from pipeline.schedule.state import State
from stages.base import Input, Resources, Streamer

#: Requests below which a forecast is little more than a guess: they are those of a document or two.
_ENOUGH = 32


class Line(NamedTuple):
    """A kind of requests of a dataset."""

    dataset: str
    kind: str
    asked: int  # in the dry run
    requests: float
    sums: dict[str, float]
    hours: float  # of workers


class Forecast(NamedTuple):
    """A segment with an expensive stage. ``scaled``: for all inputs, not only for the records read."""

    dataset: str
    stage: str
    resources: Resources
    scaled: bool
    lines: list[Line]


def sizes(inputs: Iterable[tuple[str, Input]]) -> dict[str, float]:
    """Bytes of the input of each part, 1 at least; of a file that several parts read, by the rows of each."""
    items = list(inputs)
    rows: dict[str, int] = {}
    for _, item in items:
        rows[item.path] = max(rows.get(item.path, 0), item.stop or 0)
    found = {}
    for part, item in items:
        size = float(sum(member.size for member in item.members) if item.members else item.size)
        if item.stop is not None:
            size *= (item.stop - item.start) / max(rows[item.path], 1)
        found[part] = max(size, 1.0)
    return found


def forecasts(
    plan: Plan, states: Mapping[str, State], read: Mapping[str, Mapping[str, float]] | None = None
) -> Iterator[Forecast]:
    """For every segment of which a dry run asked a few rows. Arguments as of ``Scales``."""
    scales = Scales(plan, states, read)
    for key, segment in plan.segments.items():
        kinds = _kinds(states[key])
        if not segment.steps or not kinds:
            continue
        cls, _ = located(segment.steps[0])
        assert issubclass(cls, Streamer)
        scale = scales.before(segment)
        yield Forecast(
            segment.dataset,
            segment.steps[0].label,
            segment.resources,
            scale is not None,
            _lines(segment, cls, kinds, scale or 1.0, states[key].seconds[segment.steps[0].label]),
        )


def forecast(plan: Plan, states: Mapping[str, State]) -> Iterator[Table | str]:
    """A table of the forecasts, and what to know about it; nothing if no requests were asked."""
    found = [one for one in forecasts(plan, states) if one.lines]
    if not found:
        return
    yield table(found)
    yield (
        "Requests and tokens are those of the few that were asked, by the bytes of the inputs that were not "
        "read. Hours are an upper bound: with few requests at once an engine is slower. Duplicates in what "
        "was not read are not known yet."
    )
    for one in found:
        if (asked := sum(line.asked for line in one.lines)) < _ENOUGH:
            yield f"{one.dataset}: {asked} requests say little about the rest; try more with --records"
    for name in sorted({one.dataset for one in found if not one.scaled}):
        yield f"{name}: what share of the inputs was read is not known; its lines are for the records read"


def table(found: list[Forecast]) -> Table:
    """A line for each kind, and a sum where a stage has several."""
    columns = list(dict.fromkeys(name for one in found for line in one.lines for name in line.sums))
    shown = Table(
        title="forecast for all inputs",
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    heads = [name.rsplit(".", 1)[-1].replace("_", " ") for name in columns]
    for name in ("dataset", "request", "asked", "requests", *heads, "time"):
        justify: Literal["left", "right"] = "left" if name in ("dataset", "request") else "right"
        shown.add_column(name, justify=justify, no_wrap=True)
    for one in found:
        lines = one.lines
        if len(lines) > 1:
            lines = [*lines, _total(one, columns)]
        for number, line in enumerate(lines):
            shown.add_row(
                one.dataset if number == 0 else "",
                line.kind,
                f"{line.asked:,}",
                _rough(line.requests),
                *(_rough(line.sums[name]) if name in line.sums else "" for name in columns),
                _time(line.hours, one.resources),
            )
    return shown


def _total(one: Forecast, columns: list[str]) -> Line:
    sums = {name: sum(line.sums.get(name, 0.0) for line in one.lines) for name in columns}
    requests, hours = sum(line.requests for line in one.lines), sum(line.hours for line in one.lines)
    return Line(one.dataset, "=", sum(line.asked for line in one.lines), requests, sums, hours)


def _kinds(state: State) -> dict[str, Counter[str]]:
    """Sums of ``kinds`` over all parts."""
    found: dict[str, Counter[str]] = {}
    for _, dry in sorted(state.dry.items()):
        for kind, counts in dry.get("kinds", {}).items():
            found.setdefault(kind, Counter()).update(counts)
    return found


def _lines(
    segment: Segment, cls: type[Streamer], kinds: Mapping[str, Counter[str]], scale: float, seconds: float
) -> list[Line]:
    cost = cls.cost or "asked"
    spent = sum(counts[cost] for counts in kinds.values())
    if not spent:  # nothing came back
        cost, spent = "asked", sum(counts["asked"] for counts in kinds.values())
    made = []
    for kind, counts in sorted(kinds.items()):
        if not counts["picked"]:
            continue
        times = scale * counts["rows"] / counts["picked"]
        hours = seconds * counts[cost] / spent * times / 3600 if spent else 0.0
        sums = {name: counts[name] * times for name in cls.sums}
        made.append(Line(segment.dataset, kind, counts["asked"], counts["asked"] * times, sums, hours))
    return made


class Scales:
    """By how much the rows of segments are fewer than without a dry run; None if that is not known."""

    def __init__(
        self,
        plan: Plan,
        states: Mapping[str, State],
        read: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        """``plan``: with the inputs that were read. ``read``: their bytes, if they are not among those that
        ``plan.sizes`` has, by dataset and part."""
        self._plan, self._states = plan, states
        self._sizes = plan.sizes if read is None else read
        self._after: dict[str, float | None] = {}

    def before(self, segment: Segment) -> float | None:
        """Of the rows that come into a segment."""
        if segment.reader is not None:
            return self._read(segment)
        parents = [self._plan.segments[key] for key in segment.parents]
        scales = [self.after(parent) for parent in parents]
        rows = [self._states[parent.key].total("documents") for parent in parents]
        known = [(scale, count) for scale, count in zip(scales, rows, strict=True) if count]
        if not known or any(scale is None for scale, _ in known):
            return None
        return sum((scale or 0.0) * count for scale, count in known) / sum(count for _, count in known)

    def after(self, segment: Segment) -> float | None:
        """Of the rows that it puts out."""
        if segment.key not in self._after:
            scale = self.before(segment)
            kinds = _kinds(self._states[segment.key]).values()
            if scale is not None and (picked := sum(counts["picked"] for counts in kinds)):
                scale *= sum(counts["rows"] for counts in kinds) / picked
            self._after[segment.key] = scale
        return self._after[segment.key]

    def _read(self, segment: Segment) -> float | None:
        """All bytes of a dataset's inputs, by those that were read."""
        read = 0.0
        state = self._states[segment.key]
        sizes = self._sizes[segment.dataset]
        for part, _ in self._plan.inputs[segment.dataset]:
            if part not in state.made or not state.made[part].done:
                continue
            if (share := state.dry.get(part, {}).get("share", 1.0)) is None:
                return None
            read += share * sizes[part]
        return sum(self._plan.sizes[segment.dataset].values()) / read if read else None


def _rough(number: float) -> str:
    """Three digits of a number: a forecast has no more."""
    if number < 1000:
        return f"{number:,.0f}"
    digits = 2 - math.floor(math.log10(number))
    return f"{round(number, digits):,.0f}"


def _time(hours: float, resources: Resources) -> str:
    """GPU-hours, or hours of a core where no GPU is asked for."""
    if resources.gpus:
        return f"{_short(hours * resources.gpus)} GPU-hours"
    return f"{_short(hours * resources.cpus)} CPU-hours"


def _short(value: float) -> str:
    return f"{value:.2g}" if value < 100 else _rough(value)
