"""One JSON object a line, in bounded memory.

Parsed, a line takes up to thirty times its length: ``[{},{},…`` is an object of 72 bytes in three. So the
values of a long line are counted before it is parsed.

It knows JSON. It knows nothing of what the keys mean.
"""

from __future__ import annotations

import json
import re
from typing import Any

from stages.base import MIB

#: Most values that a line may have, keys included: at worst some 220 MiB once parsed.
VALUES = 2_000_000
#: Lines up to this length take no more than half of that.
_SHORT = 4 * MIB

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class TooManyValues(Exception):
    """The line holds more than ``VALUES`` values."""


def parse(line: bytes) -> dict[str, Any]:
    """The object that a line is.

    Raises:
        ValueError: It is none.
        TooManyValues: It would take too much memory.
    """
    if len(line) > _SHORT and _values(line) > VALUES and _values_outside_strings(line) > VALUES:
        raise TooManyValues(f"more than {VALUES} values")
    try:
        found = json.loads(line)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _values(text: bytes) -> int:
    """At most how many values: each comes after one of these."""
    return sum(map(text.count, (b",", b":", b"[", b"{")))


def _values_outside_strings(line: bytes) -> int:
    """As ``_values``, of the line without its strings; stops counting when there are too many."""
    found = end = 0
    for string in _STRING.finditer(line):
        found += 1 + _values(line[end : string.start()])
        end = string.end()
        if found > VALUES:
            return found
    return found + _values(line[end:])
