"""An estimate: the costs of a snapshot summed up, how uncertain they are, and what they mean on a cluster.

Knows costs of groups, parts and how to count; does not know how a cost is found (``report.costs``), nor how
it is shown (``report.estimate_text``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from pipeline import layout
from pipeline.plan.segment import Plan
from pipeline.report.costs import Cost, Model
from pipeline.report.measured import Did, Measured
from pipeline.report.spread import deviation, t95

HOUR = 3600.0
#: Totals that are sums of bytes.
BYTES = ("inputs", "read", "written", "shuffled", "disk")


@dataclass(frozen=True)
class Cluster:
    """What the snapshot is to run on. Prices are for an hour, in whatever currency."""

    nodes: int = 1
    cores: int = 1  # of a node
    gpus: int = 0  # of a node
    node_hour: float | None = None
    gpu_hour: float | None = None


class Total(NamedTuple):
    """A number; nine times of ten it is between ``low`` and ``high``, as far as the parts tell."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Estimate:
    """``parts``, ``share``: what was measured, of the inputs. Memory in bytes, of the largest worker: as
    measured, and as Ray sets aside. ``took``: the same totals as the run took them, if it is finished."""

    basis: str
    parts: int
    share: float
    totals: dict[str, Total]
    costs: list[Cost]
    peak: int
    asked: int
    notes: list[str] = field(default_factory=list)
    took: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "basis": {"output": self.basis, "parts": self.parts, "share_of_inputs": self.share},
            "totals": {name: total._asdict() for name, total in self.totals.items()},
            "memory": {"largest_worker_bytes": self.peak, "set_aside_bytes": self.asked},
            "groups": [asdict(cost) | {"needs": cost.needs._asdict()} for cost in self.costs],
            "took": self.took,
            "notes": self.notes,
        }


def estimate(plan: Plan, basis: Measured, cluster: Cluster, ran: Measured | None = None) -> Estimate:
    """What the inputs of a plan will cost. ``ran``: the finished run of the same inputs, to compare with.

    NotMeasured if the basis is of other stages.
    """
    model = Model(plan, basis)
    costs = list(model.costs())
    read = {name: basis.read(name, key) for name, key in _readers(plan).items()}
    size = {name: sum(plan.sizes[name].values()) for name in read}
    known = sum(sum(one.values()) for one in read.values())
    spreads = {what: _spread(model, read, what) for what in ("rows", "written")}
    values = _values(model, costs, cluster, sum(size.values()) / known if known else 1.0)
    totals = {}
    for name, value in values.items():
        spread = spreads["written" if name in BYTES else "rows"]
        certain = name == "inputs" or spread is None
        totals[name] = Total(value) if certain else Total(value, *_around(value, spread or 0.0))
    return Estimate(
        basis.output,
        sum(len(one) for one in read.values()),
        known / sum(size.values()) if size else 1.0,
        totals,
        costs,
        max((did.peak for tasks in basis.tasks.values() for did in tasks), default=0),
        max((cost.needs.memory for cost in costs), default=0),
        list(_notes(model, plan)),
        _took(plan, ran, cluster) if ran is not None else {},
    )


def _values(model: Model, costs: Sequence[Cost], cluster: Cluster, scale: float) -> dict[str, float]:
    driver, tasks = model.basis.driver, sum(cost.tasks for cost in costs)
    before = max(sum(len(one) for one in model.basis.tasks.values()), 1)
    own = driver.get("start", 0.0) + driver.get("finish", 0.0) * scale
    own += driver.get("tasks", 0.0) / before * tasks
    cores = cluster.nodes * cluster.cores
    # a process loads its stages once; with the inline executor, the driver is the process that does
    alone = model.basis.driver.get("workers") == 1 and cores == 1
    loaders = 0 if alone else min(cores, max((cost.tasks for cost in costs), default=0))
    loading = loaders * model.once()
    cpu = own + sum(cost.cpu for cost in costs) + loading
    whole = model.basis.whole * scale
    written = sum(cost.written for cost in costs) + whole
    seconds = own + sum(_seconds(cost, cluster) for cost in costs) + (model.once() if loaders else 0.0)
    found = {
        "cpu_hours": cpu / HOUR,
        "core_hours": (sum(cost.held for cost in costs) + own + loading) / HOUR,
        "gpu_hours": sum(cost.gpu for cost in costs) / HOUR,
        "inputs": sum(sum(one.values()) for one in model.plan.sizes.values()),
        "read": sum(cost.read for cost in costs),
        "written": written,
        "shuffled": sum(cost.shuffled for cost in costs),
        "disk": written,
        "hours": seconds / HOUR,
    }
    price = 0.0
    if cluster.node_hour is not None:
        price += cluster.node_hour * cluster.nodes * found["hours"]
    if cluster.gpu_hour is not None:
        price += cluster.gpu_hour * found["gpu_hours"]
    if cluster.node_hour is not None or cluster.gpu_hour is not None:
        found["price"] = price
    return found


def _seconds(cost: Cost, cluster: Cluster) -> float:
    """From the first task of a group to the last, as if groups never ran side by side."""
    if cost.gpu:
        slots = cluster.nodes * max(cluster.gpus, 1) / cost.needs.gpus
        return cost.gpu / cost.needs.gpus / max(min(slots, cost.tasks), 1.0)
    slots = cluster.nodes * cluster.cores / cost.needs.cpus
    return cost.held / cost.needs.cpus / max(min(slots, cost.tasks), 1.0)


def _readers(plan: Plan) -> dict[str, str]:
    """By dataset, the segment that reads its inputs."""
    return {one.dataset: one.key for one in plan.segments.values() if one.reader is not None}


def _spread(model: Model, read: Mapping[str, Mapping[str, float]], what: str) -> float | None:
    """Half the width of the interval, relative to the sum; None if parts do not tell."""
    costs = {name: dict.fromkeys(parts, 0.0) for name, parts in read.items()}
    for key, did, (dataset, part) in _traced(model):
        scale = model.scale(model.plan.segments[key])
        costs[dataset][part] += scale * float(getattr(did, what))
    square, least = 0.0, math.inf
    for name, parts in costs.items():
        sizes = [read[name][part] for part in parts]
        if (error := deviation(sizes, list(parts.values()))) is None:
            return None
        square, least = square + error**2, min(least, len(parts) - 1)
    total = sum(sum(parts.values()) for parts in costs.values())
    return t95(int(least)) * math.sqrt(square) / total if total else None


def _traced(model: Model) -> Iterator[tuple[str, Did, tuple[str, str]]]:
    """Tasks of parts and of rounds over documents, with segment, and dataset and part of the input."""
    origins: dict[str, dict[str, tuple[str, str]]] = {}
    for key, segment in model.plan.segments.items():
        found: dict[str, tuple[str, str]] = {}
        if segment.reader is not None:
            found = {part: (segment.dataset, part) for part, _ in model.basis.inputs[segment.dataset]}
        for parent in segment.parents:
            for part, origin in origins[parent].items():
                several = len(segment.parents) > 1
                found[layout.child_part(parent.split("/")[0], part) if several else part] = origin
        origins[key] = found
        for group, tasks in model.basis.tasks.items():
            if group == key or group.rpartition("/")[0] == key:
                yield from ((key, did, found[did.name]) for did in tasks if did.name in found)


def _around(value: float, spread: float) -> tuple[float, float]:
    return value / (1 + spread), value * (1 + spread)


def _notes(model: Model, plan: Plan) -> Iterator[str]:
    for name in sorted(model.unknown):
        yield f"{name}: what share of the inputs was read is not known; its costs are for the records read"
    if any(segment.judged for segment in plan.segments.values()):
        yield (
            "Of more documents, more are duplicates: what is behind a stage that compares all documents is "
            "an upper bound."
        )
    old = [key for key, one in model.states.items() if one.made and key not in model.basis.tasks]
    if old:
        yield f"{old[0]} and {len(old) - 1} more were computed by an earlier version, which measured less"


def _took(plan: Plan, ran: Measured, cluster: Cluster) -> dict[str, float]:
    """The totals as they were. None of a run of other inputs."""
    if {name: [p for p, _ in items] for name, items in ran.inputs.items()} != {
        name: [p for p, _ in items] for name, items in plan.inputs.items()
    }:
        return {}
    model = Model(plan, ran)
    values = _values(model, list(model.costs()), cluster, 1.0)
    needs = {cost.key: cost.needs for cost in model.costs()}
    done = [(needs.get(key), did) for key, tasks in ran.tasks.items() for did in tasks]
    own = sum(ran.driver.get(name, 0.0) for name in ("start", "tasks", "finish"))
    values["cpu_hours"] = (sum(d.spent["cpu"] + d.spent["publishing"] for _, d in done) + own) / HOUR
    values["core_hours"] = (sum(d.spent["wall"] * (n.cpus if n else 1) for n, d in done) + own) / HOUR
    values["gpu_hours"] = sum(d.spent["wall"] * n.gpus for n, d in done if n) / HOUR
    values["written"] = values["disk"] = float(sum(did.written for _, did in done) + ran.whole)
    values["shuffled"] = float(sum(did.files.get("runs", 0) for _, did in done))
    return {name: values[name] for name in values if name not in ("hours", "price")}
