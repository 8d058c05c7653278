"""Finds the settings of a stage that name inputs, assets or earlier runs: fields whose type has a mark.

Knows pydantic's annotations; does not know what callers use the marks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel


def each(value: Any, call: Callable[[str, tuple[str | int, ...]], Any]) -> Any:
    """Apply ``call`` to every string in the value of a marked field (a string, or a list or mapping of
    strings), together with its place in the value."""
    if isinstance(value, str):
        return call(value, ())
    if isinstance(value, Mapping):
        return {key: call(item, (key,)) for key, item in value.items()}
    found = [call(item, (index,)) for index, item in enumerate(value)]
    return tuple(found) if isinstance(value, tuple) else found


def marked(model: type[BaseModel], mark: type) -> Iterator[str]:
    """Names of the fields whose type carries a mark, directly or inside a list, mapping or union."""

    def carries(annotation: Any, metadata: Any) -> bool:
        if any(isinstance(item, mark) for item in metadata):
            return True
        if hasattr(annotation, "__metadata__"):
            return carries(annotation.__origin__, annotation.__metadata__)
        return any(carries(argument, ()) for argument in get_args(annotation))

    for name, field in model.model_fields.items():
        if carries(field.annotation, field.metadata):
            yield name
