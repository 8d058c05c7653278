"""Counts that do not balance are an error."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.ledger.tallies import ConservationError, Tally, check_chain, merge_steps


def test_a_lost_row_is_an_error() -> None:
    Tally("a", 10, 2, 9, Counter(short=2), Counter(error=1)).check()
    with pytest.raises(ConservationError, match="10 rows in"):
        Tally("a", 10, 0, 9).check()
    with pytest.raises(ConservationError, match="kept 5 rows, but 4 reached b"):
        check_chain([Tally("a", 5, 0, 5), Tally("b", 4, 0, 4)])


def test_steps_of_one_stage_are_one_line() -> None:
    measured = Tally("language", 10, 0, 9, failed=Counter(ValueError=1))
    decided = Tally("language", 9, 0, 7, dropped=Counter(language=2))
    (merged, other) = merge_steps([measured, decided, Tally("length", 7, 0, 7)])
    assert (merged.rows_in, merged.kept, other.stage) == (10, 7, "length")
    merged.check()
