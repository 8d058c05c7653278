"""The signals of code, all of them: name, type, unit, definition, source, and how it is computed.

Rule files name signals by these names; the columns of a document are ``signal.<name>``. Knows no texts.

What OpenCoder's pipeline measures has its definition, but for those that its defects spoil: there are two of
these, one as it is meant, and one as it is there (``code_opencoder_…``), to compare with.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from stages.code.signals.general import general, of_code
from stages.code.signals.signal import File, Signal, Value
from stages.code.signals.specific import of_languages, of_prose

__all__ = ["PREFIX", "SCHEMA", "SIGNALS", "File", "Signal", "Value"]

PREFIX = "signal."

SIGNALS: Mapping[str, Signal] = {
    signal.name: signal for family in (general, of_code, of_languages, of_prose) for signal in family()
}

#: The columns that the stage adds.
SCHEMA = pa.schema([(PREFIX + signal.name, signal.type) for signal in SIGNALS.values()])


def markdown() -> str:
    """The table of all signals, as it stands in ``README.md``."""
    rows = [
        f"| `{signal.name}` | {signal.type.to_pandas_dtype().__name__} | {signal.unit} | {signal.definition} "
        f"| {signal.source} |"
        for signal in SIGNALS.values()
    ]
    return "\n".join(["| signal | type | unit | definition | source |", "|---|---|---|---|---|", *rows, ""])
