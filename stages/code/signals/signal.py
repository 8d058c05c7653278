"""What a signal of code is, and the ways in which most of them are computed.

Knows counts of a text and what of a file is not in its text. Does not know the signals: ``table`` lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa

from stages.code.signals.kernels import COUNT
from stages.code.signals.measuring import Measured

OPENCODER = "OpenCoder (Huang et al. 2024), opc_data_filtering"
OWN = "own"

Value = float | int | None


class File(NamedTuple):
    """What of a file is not in its text."""

    path: str
    size: int | None  # bytes
    text: str


class Signal(NamedTuple):
    """One column. ``of`` computes it; None where there is nothing to measure, and no rule has a say then."""

    name: str
    type: pa.DataType
    unit: str
    definition: str
    source: str
    of: Callable[[Measured, File], Value]
    nullable: bool = True


Of = Callable[[Measured, File], Value]


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def count(name: str, place: int, unit: str, definition: str) -> Signal:
    return Signal(name, pa.int32(), unit, definition, OPENCODER, lambda of, file: int(of.counts[place]))


def ratio(name: str, part: int, whole: int, unit: str, definition: str, empty: float | None = None) -> Signal:
    def of(found: Measured, file: File) -> Value:
        total = found.counts[whole]
        return float(found.counts[part] / total) if total else empty

    return Signal(name, pa.float32(), unit, definition, OPENCODER, of)


def of_prose_only(signal: Signal) -> Signal:
    return signal._replace(of=lambda found, file: signal.of(found, file) if found.prose else None)


def visible(place: int, empty: float) -> Of:
    def of(found: Measured, file: File) -> Value:
        visible = found.counts[COUNT.chars] - found.counts[COUNT.blanks]
        return float(found.counts[place] / visible) if visible else empty

    return of


def lined(get: Callable[[Measured], float | None]) -> Of:
    """A count, by lines of code."""

    def of(found: Measured, file: File) -> Value:
        part = get(found)
        return None if part is None else share(part, int(found.counts[COUNT.code_lines]))

    return of
