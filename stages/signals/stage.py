"""The stage ``signals``: measures the quantities that quality rules use, in one pass over the text.

Knows Arrow and ``measure``; the columns are those of ``table.SCHEMA``. Does not know thresholds: these are in
rule files, which the stage ``heuristics`` reads.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stages.base import MIB, Annotation, Annotator, Fault, Resources, StageConfig
from stages.signals.measuring import measure
from stages.signals.table import PREFIX, SCHEMA, SIGNALS


class Signals(Annotator):
    """A document without text (null) fails with ``no_text``; an empty text is measured."""

    name = "signals"
    version = 2
    Config = StageConfig
    reads = ("text", "language")
    adds = SCHEMA
    resources = Resources(memory=640 * MIB)  # for a text of 5 million marks

    def open(self) -> None:
        """Loads the tables and loads or compiles every kernel, since the deadline of the first document
        leaves no time for that."""
        measure(["This line is kept [1]."], ["en"])

    def annotate(self, batch: pa.Table) -> Annotation:
        texts, languages = batch["text"].to_pylist(), batch["language"].to_pylist()
        missing = np.array([text is None for text in texts], dtype=bool)
        faults = {int(row): Fault("no_text") for row in np.flatnonzero(missing)}
        measured = measure([text or "" for text in texts], languages)
        columns = {
            PREFIX + name: pa.array(values, SIGNALS[name].type, mask=missing)
            for name, values in measured.items()
        }
        return Annotation(columns, faults)
