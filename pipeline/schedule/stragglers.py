"""Which parts take much longer than others: where workers are idle, a second copy of those is started.

A node may have a failing disk, a slow network or a neighbour that takes its CPUs, and a run is as fast as its
slowest part. Both copies compute the same bytes. The one that ends first wins, and the other is stopped.

Knows how long parts took. Does not know tasks, nor what else is to be done.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import median

#: A part takes much longer if it takes so many times as long as half of its group; Spark's value for
#: ``spark.speculation.multiplier``.
TIMES = 3.0
#: No part takes much longer before it has taken so many seconds.
SECONDS = 30.0
#: The share of a group that has to be done before it is known how long its parts take.
DONE = 0.75


class Pace:
    """How long the parts of each group took, in seconds."""

    def __init__(self) -> None:
        self._took: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, group: str, seconds: float) -> None:
        """A part is done."""
        self._took[group].append(seconds)

    def usual(self, group: str, left: int) -> float | None:
        """How long half of the parts took at most; None before enough are done. ``left``: that are not."""
        took = self._took[group]
        return median(took) if took and len(took) >= DONE * (len(took) + left) else None

    def straggles(self, group: str, left: int, seconds: float) -> bool:
        """Whether a part that has taken so long already takes much longer than others."""
        if seconds < SECONDS:
            return False
        usual = self.usual(group, left)
        return usual is not None and seconds > TIMES * usual
