"""JSON Lines in which every line must be valid: lists of questions, training examples.

Knows that a line is one object, but not which keys it should have. Corpora are read by ``tables`` instead,
which records a damaged line and goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from stages.base import MoreMemory
from stages.files.lines import Break, Line, lines
from stages.files.source import Source


def objects(source: Source, cap: int) -> Iterator[dict[str, Any]]:
    """The object of every line that is not blank. ValueError names the first line that is no object, is
    longer than ``cap`` bytes, or is lost with all that follows because the compressed file is damaged."""
    for line in _lines(source, cap):
        if isinstance(line, Break):
            raise ValueError(f"line {line.number} and all after: damaged: {line.detail}")
        if line.data is None:
            raise ValueError(f"line {line.number}: longer than {cap} bytes")
        data = line.data.removeprefix(b"\xef\xbb\xbf")
        if not data.strip():
            continue
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {line.number}: {error}") from None
        if not isinstance(found, dict):
            raise ValueError(f"line {line.number}: no JSON object")
        yield found


def _lines(source: Source, cap: int) -> Iterator[Line | Break]:
    try:
        yield from lines(source, cap)
    except MoreMemory as more:
        raise ValueError(f"{more}; compress it again without --long") from None
