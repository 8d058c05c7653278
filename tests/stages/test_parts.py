"""Loops that are compiled as parts of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.compiled import compiled


@pytest.fixture
def loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, Any]:
    """Three loops, each of which calls the one before."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))

    @compiled
    def summed(numbers: Any) -> Any:
        total = 0
        for number in numbers:
            total += number
        return total

    @compiled
    def times(numbers: Any, factor: Any) -> Any:
        return factor * summed(numbers)

    @compiled
    def five_times(numbers: Any) -> Any:
        return times(numbers, 2) + times(numbers, 3)

    return summed, times, five_times


def kept(folder: Path) -> set[str]:
    """Loops of which there is machine code on disk."""
    return {path.name.split("-")[0].rpartition(".")[2] for path in folder.rglob("*.nbi")}


def test_what_only_loops_call_is_compiled_in_them(loops: tuple[Any, Any, Any], tmp_path: Path) -> None:
    _, _, five_times = loops
    assert five_times(np.arange(4)) == 30
    assert kept(tmp_path) == {"five_times"}


def test_python_calls_a_loop_that_was_a_part(loops: tuple[Any, Any, Any], tmp_path: Path) -> None:
    numbers = np.arange(4)
    summed, times, five_times = loops
    assert five_times(numbers) == 30
    assert (summed(numbers), times(numbers, 5)) == (6, 30)
    assert five_times(numbers) == 30
    assert kept(tmp_path) == {"five_times", "summed", "times"}
    assert five_times(numbers.astype(np.float64)) == 30.0
    assert times(numbers.astype(np.float64), 5) == 30.0


def test_a_loop_that_python_called_becomes_a_part(loops: tuple[Any, Any, Any]) -> None:
    numbers = np.arange(4)
    summed, times, five_times = loops
    assert (times(numbers, 5), five_times(numbers), times(numbers, 5), summed(numbers)) == (30, 30, 30, 6)
