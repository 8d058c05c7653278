"""What a config would do in an output, as text for people."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.report.compare import said
from pipeline.report.foreseen import EXAMPLES, Foreseen, Inputs


def lines(found: Foreseen) -> Iterator[str]:
    """Settings, inputs and parts; last what it comes to."""
    if found.name is not None:
        yield f"the output belongs to the run {found.name!r}: give the config that name, or another output"
    yield from said(found.settings)
    for dataset, inputs in found.inputs.items():
        yield from _inputs(dataset, inputs)
    yield ""
    reused = again = after = 0
    seconds = spared = 0.0
    for step in found.steps:
        reused, again, after = reused + step.reused, again + step.again.total(), after + step.after
        seconds, spared = seconds + step.seconds, spared + step.seconds_reused
        if step.reused:
            yield f"{step.key}: {step.reused:,} reused"
        for reason, count in step.again.most_common():
            yield f"{step.key}: {count:,} again: {reason}"
            yield from (f"    {path}" for path in step.examples.get(reason, ()))
        if step.after:
            yield f"{step.key}: {step.after:,} again if {step.because} comes out otherwise"
    yield from (f"{key}: not in the config any more; its parts are removed" for key in found.unneeded)
    yield ""
    yield f"{reused:,} parts reused, {again:,} computed again, {after:,} perhaps, depending on those"
    yield f"the last time the reused ones worked {spared:,.1f} s and the others {seconds:,.1f} s"


def _inputs(dataset: str, inputs: Inputs) -> Iterator[str]:
    if not (inputs.new or inputs.gone or inputs.changed):
        return
    counts = f"{len(inputs.new):,} new, {len(inputs.gone):,} gone, {len(inputs.changed):,} changed"
    yield f"inputs of {dataset}: {counts}, {inputs.same:,} as before"
    for what in ("new", "gone", "changed"):
        paths: list[str] = getattr(inputs, what)
        yield from (f"    {what} {path}" for path in paths[:EXAMPLES])
