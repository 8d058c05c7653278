"""Tallies: how many rows each stage kept, dropped and failed, by reason. They must balance.

Knows counts and how to sum them; does not know parts or files.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class ConservationError(Exception):
    """Rows were lost or gained. This is an error in a stage or in this software, not in the data."""


@dataclass
class Tally:
    """Counts of the rows that reached one stage: kept, dropped and failed by reason."""

    stage: str
    rows_in: int = 0
    generated: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """ConservationError unless rows in + generated = kept + dropped + failed."""
        out = self.kept + self.dropped.total() + self.failed.total()
        if self.rows_in + self.generated != out:
            raise ConservationError(
                f"stage {self.stage}: {self.rows_in} rows in + {self.generated} generated, but "
                f"{self.kept} kept + {self.dropped.total()} dropped + {self.failed.total()} failed"
            )

    def add(self, other: Tally) -> None:
        """Sum with the same stage of another part."""
        self.rows_in += other.rows_in
        self.generated += other.generated
        self.kept += other.kept
        self.dropped.update(other.dropped)
        self.failed.update(other.failed)

    def follow(self, other: Tally) -> None:
        """Add a later step of the same stage over the same rows (measure, then decide)."""
        if other.rows_in != self.kept:
            raise ConservationError(f"stage {self.stage}: {self.kept} rows kept, {other.rows_in} arrived")
        self.generated += other.generated
        self.kept = other.kept
        self.dropped.update(other.dropped)
        self.failed.update(other.failed)

    def as_json(self) -> dict[str, Any]:
        """Plain values with sorted reasons."""
        return {
            **vars(self),
            "dropped": dict(sorted(self.dropped.items())),
            "failed": dict(sorted(self.failed.items())),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        """The inverse of ``as_json``."""
        return cls(**{**data, "dropped": Counter(data["dropped"]), "failed": Counter(data["failed"])})


def check_chain(tallies: Sequence[Tally]) -> None:
    """ConservationError unless each stage balances and all rows that it kept reach the next."""
    for tally in tallies:
        tally.check()
    for before, after in itertools.pairwise(tallies):
        if before.kept != after.rows_in:
            raise ConservationError(
                f"{before.stage} kept {before.kept} rows, but {after.rows_in} reached {after.stage}"
            )


def add_tallies(total: list[Tally], tallies: Sequence[Tally]) -> None:
    """Add those of one more part of a segment to ``total``, stage by stage."""
    for i, tally in enumerate(tallies):
        if i == len(total):
            total.append(Tally(tally.stage))
        if total[i].stage != tally.stage:
            raise ConservationError(f"parts of one segment differ in their stages: {total[i]}, {tally}")
        total[i].add(tally)


def merge_steps(tallies: Iterable[Tally]) -> Iterator[Tally]:
    """One tally for each stage: consecutive tallies of the same name are steps of one stage."""
    current: Tally | None = None
    for tally in tallies:
        if current is not None and current.stage == tally.stage:
            current.follow(tally)
            continue
        if current is not None:
            yield current
        current = Tally(tally.stage)
        current.add(tally)
    if current is not None:
        yield current
