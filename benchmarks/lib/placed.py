"""A stage whose work is to wait, and which writes down where it did: ``benchmarks.lib.placed:Placed``.

Knows nothing of runs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import pyarrow as pa
import ray

from stages.base import Fault, Filter, StageConfig


class PlacedConfig(StageConfig):
    """Settings of ``Placed``."""

    #: To wait for each batch of documents.
    seconds: float
    #: The file to write to.
    notes: str


class Placed(Filter):
    """Keeps every document; writes a line with the id of the node for each batch."""

    name = "placed"
    version = 1
    Config = PlacedConfig
    reads = ("text",)

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "-"
        with open(self.config.notes, "a", encoding="ascii") as file:
            file.write(f"{node} {batch['text'][0].as_py().split()[0]}\n")
        time.sleep(self.config.seconds)
        return [None] * len(batch)
