"""An estimate as lines for people. Knows how to print numbers, and no more than the estimate says."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.report.estimate import BYTES, Cluster, Estimate, Total

_NAMES = {
    "cpu_hours": "core-hours of work",
    "core_hours": "core-hours with waiting",
    "gpu_hours": "GPU-hours",
    "inputs": "bytes of inputs",
    "read": "bytes read",
    "written": "bytes written",
    "shuffled": "of these, shuffled",
    "disk": "disk needed",
    "hours": "duration",
    "price": "price",
}
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def lines(found: Estimate, cluster: Cluster, groups: bool = False) -> Iterator[str]:
    """The totals with their spread, what was taken where the run is finished, and what it rests on."""
    took = bool(found.took)
    yield (
        f"{'':26}{'estimate':>12}  {'nine times of ten':20}{'took':>12}{'off':>8}".rstrip()
        if took
        else (f"{'':26}{'estimate':>12}  nine times of ten")
    )
    for name, total in found.totals.items():
        if name == "gpu_hours" and not total.value:
            continue
        label = _NAMES[name]
        if name == "hours":
            label += f" on {cluster.nodes} × {cluster.cores} cores"
            label += f", {cluster.gpus} GPUs" if cluster.gpus else ""
        line = f"{label:26}{_shown(name, total.value):>12}  {_between(name, total):20}"
        if name in found.took:
            before = found.took[name]
            off = f"{100 * (total.value / before - 1):+.0f} %" if before else ""
            line += f"{_shown(name, before):>12}{off:>8}"
        yield line.rstrip()
    yield f"{'largest worker':26}{_bytes(found.peak):>12}  measured; Ray sets {_bytes(found.asked)} aside"
    if groups:
        yield ""
        yield f"{'group':44}{'tasks':>9}{'rows':>12}{'core-hours':>12}{'read':>10}{'written':>10}"
        for cost in found.costs:
            rows = f"{cost.rows:,.0f}" if cost.rows else ""
            hours = _number(cost.cpu / 3600)
            yield (
                f"{cost.key:44}{cost.tasks:>9,}{rows:>12}{hours:>12}{_bytes(cost.read):>10}"
                f"{_bytes(cost.written):>10}"
            )
    yield ""
    share = f"{100 * found.share:.2g} %" if found.share <= 1 else f"{found.share:.3g} times"
    yield f"From {found.parts} parts in {found.basis}, {share} of the bytes of the inputs."
    if found.totals["cpu_hours"].low is None:
        yield "From one part it is not known how much parts differ: --inputs 4 in the dry run tells."
    else:
        yield "The spread is that between the parts that were measured."
    yield from found.notes


def _between(name: str, total: Total) -> str:
    if total.low is None or total.high is None:
        return ""
    return f"{_shown(name, total.low)} – {_shown(name, total.high)}"


def _shown(name: str, value: float) -> str:
    if name in BYTES:
        return _bytes(value)
    if name == "hours":
        return _duration(value)
    return _number(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _duration(hours: float) -> str:
    if hours >= 48:
        return f"{hours / 24:.3g} days"
    if hours >= 1:
        return f"{hours:.3g} h"
    return f"{hours * 60:.2g} min" if hours * 60 >= 1 else f"{hours * 3600:.2g} s"


def _bytes(value: float) -> str:
    unit = 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"
