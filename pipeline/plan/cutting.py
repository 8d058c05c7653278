"""Cuts the stages of a dataset into segments: sequences of stages that go over the documents once.

A segment ends where a global stage needs all parts, between measuring and deciding, and where work on GPUs or
of a ``Streamer`` begins or ends. Measurements are written first, so that after a change of a threshold no
WARC is read again, and after a change in ranking no classifier runs again.

Knows the kinds of stages. Does not know settings, inputs or other datasets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.plan.columns import output_columns, output_schema
from pipeline.plan.earlier import EarlierPart
from pipeline.plan.recipe import Recipe, Role, located
from pipeline.plan.segment import Segment
from stages.base import Stage, Streamer


@dataclass
class Cutter:
    """The segment of a dataset to which stages are being added, and how many were cut before it."""

    make: Callable[..., Segment]  #: puts a segment into the plan
    schema: pa.Schema  #: of the rows before its first step
    origin: dict[str, Any]  #: where its rows come from: parents, and reader, where or judge
    columns: pa.Schema = field(init=False)  #: of the rows after its last step
    steps: list[Recipe] = field(default_factory=list)
    number: int = 0
    on_gpu: bool = False

    def __post_init__(self) -> None:
        self.columns = self.schema

    def begin(self, stage: type[Stage], on_gpu: bool) -> None:
        """Cut before a stage that must not share a segment with what is there."""
        reading = self.origin.get("reader") is not None
        alone = issubclass(stage, Streamer)
        # other work never waits on a machine with GPUs, nor a language model for other work
        moved = (alone or on_gpu != self.on_gpu) and (self.steps or (alone and reading))
        generated = any(step.role == "generate" for step in self.steps)
        if moved or (stage.together and (reading or generated)):
            self.cut()
        self.on_gpu = on_gpu

    def before(self, role: Role) -> None:
        """Cut before a role that decides what the segment has measured."""
        measured = any(step.role in ("annotate", "generate") for step in self.steps)
        reading = self.origin.get("reader") is not None
        if (role == "filter" and (measured or reading)) or (role == "map" and measured):
            self.cut()

    def add(self, step: Recipe) -> None:
        self.steps.append(step)
        self.columns = output_schema(self.columns, [step])

    def judge(self, judged: Recipe, earlier: tuple[EarlierPart, ...]) -> None:
        """Cut after the map of a global stage: ``judged`` is what it decides once all parts are mapped."""
        self.cut(judged=judged, earlier=earlier)
        self.columns = self.schema

    def end(self, stage: type[Stage]) -> None:
        """Cut after a stage that nothing may follow in its segment."""
        if issubclass(stage, Streamer):
            self.cut()

    def close(self) -> None:
        """Cut what is left; a dataset has one segment at least."""
        if self.steps or self.number == 0 or self.origin.get("judge"):
            self.cut()

    def cut(self, **judging: Any) -> None:
        segment = self.make(self._name(), steps=self.steps, schema=self.schema, **self.origin, **judging)
        self.schema = output_schema(self.schema, self.steps)
        if segment.judged:
            self.schema = output_columns(self.schema, *located(segment.judged))
        self.origin = {"parents": (segment.key,), "judge": segment.judged}
        self.steps, self.number = [], self.number + 1

    def _name(self) -> str:
        names = [step.label for step in self.steps]
        judge = self.origin.get("judge")
        if judge is not None:
            names.insert(0, judge.label)
        elif self.origin.get("reader") is not None:
            names.insert(0, "read")
        # a stage that measures and decides is part of two segments, and named in both
        return f"{self.number:02d}-{'-'.join(dict.fromkeys(names or ['select']))}"
