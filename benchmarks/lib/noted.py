"""The engine in NumPy, which writes a line for each request that it begins with.

A config names it ``backend: benchmarks.lib.noted:make``; the environment names the file: ``NOTED_ENGINE``.
Knows nothing of runs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from model.requests import Completion, Request
from stages.synthesis import backends


class Noted:
    """An engine around another."""

    def __init__(self, engine: backends.Engine, file: str) -> None:
        self._engine, self._file = engine, file

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        with open(self._file, "a", encoding="ascii") as file:
            file.writelines(f"{request.id}\n" for request in requests)
        return self._engine.generate(requests)


def make(config: Any) -> Noted:
    """As ``complete`` makes its engine."""
    return Noted(backends.reference(config), os.environ["NOTED_ENGINE"])
