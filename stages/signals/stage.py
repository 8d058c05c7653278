"""The stage ``signals``: adds the columns of ``table.SCHEMA``.

Knows Arrow and ``measure``. Does not know thresholds: a rule file and the stage ``heuristics`` have them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stages.base import MIB, Annotation, Annotator, Fault, Resources, StageConfig
from stages.signals.measuring import measure
from stages.signals.table import PREFIX, SCHEMA, SIGNALS


class Signals(Annotator):
    """Measures; a document with no text (null) is a ``no_text`` fault, an empty text is measured."""

    name = "signals"
    version = 2
    Config = StageConfig
    reads = ("text", "language")
    adds = SCHEMA
    resources = Resources(memory=640 * MIB)  # for a text of 5 million marks

    def open(self) -> None:
        """Loads the tables and every kernel, or compiles them: the deadline of the first document has no room
        for that."""
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
