"""The stage ``signals``: adds the columns of ``table.SCHEMA``.

Knows Arrow and ``measure``. Does not know thresholds: a rule file and the stage ``heuristics`` have them.
"""

from __future__ import annotations

import pyarrow as pa

from stages.base import MIB, Annotation, Annotator, Fault, Resources, StageConfig
from stages.signals.measuring import measure
from stages.signals.table import PREFIX, SCHEMA, SIGNALS


class Signals(Annotator):
    """Measures; a document with no text (null) is a ``no_text`` fault, an empty text is measured."""

    name = "signals"
    version = 1
    Config = StageConfig
    reads = ("text", "language")
    adds = SCHEMA
    resources = Resources(memory=640 * MIB)  # for a text of 5 million marks

    def open(self) -> None:
        """Loads tables and kernels, all of them: compiling is not for the first document to wait for."""
        measure(["This line is kept [1]."], ["en"])

    def annotate(self, batch: pa.Table) -> Annotation:
        texts, languages = batch["text"].to_pylist(), batch["language"].to_pylist()
        faults = {row: Fault("no_text") for row, text in enumerate(texts) if text is None}
        measured = measure([text or "" for text in texts], languages)
        missing = batch["text"].is_null().to_numpy()
        columns = {
            PREFIX + name: pa.array(values, SIGNALS[name].type, mask=missing)
            for name, values in measured.items()
        }
        return Annotation(columns, faults)
