"""The stage ``code_signals``: measures what rules for source code look at.

Knows Arrow and ``measure``; the columns are those of ``table.SCHEMA``. Does not know thresholds: these are in
rule files, which the stage ``heuristics`` reads.
"""

from __future__ import annotations

import pyarrow as pa

from stages.base import MIB, Annotation, Annotator, Fault, Resources, StageConfig
from stages.code.signals.measuring import measure
from stages.code.signals.table import PREFIX, SCHEMA, SIGNALS, File, Value


class CodeSignals(Annotator):
    """Signals of some languages only, and those that need something that a file does not have (lines, words),
    are null for the others. ``code_language`` comes before it: the language tells code from comments. A file
    without text (null) fails with ``no_text``."""

    name = "code_signals"
    version = 1
    Config = StageConfig
    reads = ("text", "path", "bytes", "code_language", "code_type")
    adds = SCHEMA
    resources = Resources(memory=768 * MIB)  # for a file of 3 MB and its syntax tree

    def open(self) -> None:
        """Loads every kernel, or compiles them: the deadline of the first file has no room for that."""
        measure("x = 'a'  # todo\n" * 3, "Python", prose=True)
        measure("<p>α<!-- ä --></p>\n", "HTML")

    def annotate(self, batch: pa.Table) -> Annotation:
        rows = zip(*(batch[name].to_pylist() for name in self.reads), strict=True)
        columns: dict[str, list[Value]] = {name: [] for name in SIGNALS}
        faults: dict[int, Fault] = {}
        for row, (text, path, size, language, kind) in enumerate(rows):
            if text is None:
                faults[row] = Fault("no_text")
                for values in columns.values():
                    values.append(None)
                continue
            found = measure(text, language, prose=kind == "prose")
            file = File(path or "", size, text)
            for name, signal in SIGNALS.items():
                columns[name].append(signal.of(found, file))
        return Annotation(
            {PREFIX + name: pa.array(values, SIGNALS[name].type) for name, values in columns.items()}, faults
        )
