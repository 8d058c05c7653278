from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.receipts import (
    ConservationError,
    File,
    Ledger,
    Receipt,
    Superseded,
    Tally,
    add_tallies,
    check_chain,
    load_all,
    merge_steps,
)
from pipeline.storage import Storage


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


@given(
    st.integers(0, 99),
    st.dictionaries(st.text(max_size=5), st.integers(1, 9), max_size=3),
    st.text(max_size=9),
)
def test_round_trip(rows: int, reasons: dict[str, int], error: str) -> None:
    tally = Tally("s", rows, 1, 2, Counter(reasons), Counter(reasons))
    receipt = Receipt("f", tallies=[tally], files=[File("a", 1, "00")], error=error)
    assert Receipt.from_bytes(receipt.as_bytes()) == receipt
    total: list[Tally] = []
    add_tallies(total, receipt.tallies)
    add_tallies(total, receipt.tallies)
    assert total[0].rows_in == 2 * rows
    with pytest.raises(ConservationError, match="differ in their stages"):
        add_tallies(total, [Tally("another")])


def test_half_a_receipt_is_none(tmp_path: Path) -> None:
    storage = Storage()
    ledger = Ledger(storage, str(tmp_path), "mine")
    ledger.take_over()
    ledger.commit("receipts/good.json", Receipt("f"))
    (tmp_path / "receipts/half.json").write_bytes(Receipt("f").as_bytes()[:40])
    (tmp_path / "receipts/other.json").write_bytes(b'{"tallies": [], "files": []}')
    assert [name for name, _ in load_all(storage, str(tmp_path / "receipts"))] == ["good"]


def test_a_superseded_run_publishes_nothing(tmp_path: Path) -> None:
    old, new = (Ledger(Storage(), str(tmp_path), token) for token in ("old", "new"))
    old.take_over()
    old.commit("r.json", Receipt("of the old"))
    new.take_over()
    with pytest.raises(Superseded, match="another run has taken"):
        old.commit("r.json", Receipt("too late"))
    new.commit("r.json", Receipt("of the new"))
    assert Receipt.from_bytes((tmp_path / "r.json").read_bytes()).fingerprint == "of the new"


def test_digest_is_of_what_was_made() -> None:
    one = Receipt("f", files=[File("a", 1, "00")], seconds={"x": 1.0})
    assert one.digest == Receipt("g", files=[File("a", 1, "00")]).digest
    assert one.digest != Receipt("f", files=[File("a", 1, "01")]).digest
    assert one.digest != Receipt("f", status="failed", files=[File("a", 1, "00")]).digest
