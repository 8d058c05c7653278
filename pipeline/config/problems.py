"""Error messages for a config: turns pydantic's errors into lines with the place and a suggestion.

Knows pydantic's errors and positions in a file; does not know what the keys mean.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pipeline.config.located import KeyPath, Located


def explain(error: ValidationError, source: Located, key: KeyPath, model: type[BaseModel]) -> Iterator[str]:
    for item in error.errors(include_url=False):
        place = tuple(_existing(item["loc"], source, key))
        if item["type"] == "extra_forbidden":
            known = fields_at(model, place[:-1])
            what = f"unknown key{suggest(str(place[-1]), known)}"
            if "did you mean" not in what and known:
                what += f"; there are: {', '.join(sorted(known))}"
        elif item["type"] == "missing":
            place, what = place[:-1], f"`{place[-1]}` is missing"
        else:
            given = repr(item["input"])
            what = item["msg"].removeprefix("Value error, ")
            what = what[0].lower() + what[1:]
            if item["type"] == "model_type":
                what = "keys and values are expected here"
            if len(given) < 80 and item["type"] != "value_error":
                what += f" (given: {given})"
            if item["type"] == "string_type" and isinstance(item["input"], _UNQUOTED):
                what += "; YAML reads it as something else, so put it in quotes"
        while place and place[-1] in ("str", "list", "int", "float"):
            place = place[:-1]
        yield source.problem((*key, *place), what)


#: Types that YAML gives to unquoted text such as ``no``, ``2025``, ``1:30`` or ``2025-01-01``.
_UNQUOTED = (bool, int, float, datetime.date)


def _existing(location: tuple[str | int, ...], source: Located, key: KeyPath) -> Iterator[str | int]:
    """The keys of a location, without the type names in brackets that pydantic inserts for unions."""
    place: KeyPath = key
    for part in location:
        if isinstance(part, str) and "[" in part and (*place, part) not in source.marks:
            continue
        place = (*place, part)
        yield part


def fields_at(model: type[BaseModel], place: KeyPath) -> list[str]:
    """The keys of a nested model."""
    current: Any = model
    for part in place:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = next((f for n, f in current.model_fields.items() if part in (n, f.alias)), None)
            current = field.annotation if field else None
        if current is None:
            return []
        inner = [a for a in get_args(current) if isinstance(a, type) and issubclass(a, BaseModel)]
        current = inner[0] if inner else current
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []


def suggest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(str(name), [str(item) for item in known], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
