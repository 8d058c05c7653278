"""One JSON object per line, in bounded memory.

A parsed line takes up to thirty times its length: ``[{},{},…`` has an object of 72 bytes for every three
bytes. So the values of a long line are counted before it is parsed.

It knows JSON. It does not know what the keys mean.
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
    """The object on a line.

    Raises:
        ValueError: The line is not an object. TooManyValues: It would take too much memory.
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
    """Upper bound on the number of values: each comes after one of these characters."""
    return sum(map(text.count, (b",", b":", b"[", b"{")))


def _values_outside_strings(line: bytes) -> int:
    """The same for the line without its strings; stops counting when there are too many."""
    found = end = 0
    for string in _STRING.finditer(line):
        found += 1 + _values(line[end : string.start()])
        end = string.end()
        if found > VALUES:
            return found
    return found + _values(line[end:])
