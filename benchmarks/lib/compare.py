"""The seconds of two calls that take turns. Knows clocks, not what is called."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.lib.pages import settle


def compare(
    ours: Callable[[], object], peer: Callable[[], object], rounds: int
) -> tuple[float, float, float]:
    """Median seconds of both, and the median of how many times as long the peer takes."""
    times: list[tuple[float, float]] = []
    for call in (ours, peer):
        call()
    settle()
    for _ in range(rounds):
        marks = [time.perf_counter()]
        for call in (ours, peer):
            call()
            marks.append(time.perf_counter())
        times.append((marks[1] - marks[0], marks[2] - marks[1]))
    mine, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    return mine, theirs, statistics.median(theirs / mine for mine, theirs in times)
