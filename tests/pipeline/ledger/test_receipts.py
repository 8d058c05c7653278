from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger.commit import Ledger
from pipeline.ledger.receipts import DOCUMENTS, File, Receipt, load_all
from pipeline.ledger.tallies import ConservationError, Tally, add_tallies
from pipeline.sealed import seal
from pipeline.storage import Storage


def test_clusters_of_an_earlier_version_are_found_among_the_counts() -> None:
    data = asdict(Receipt("f", counts={"cluster 00ff": 3, "clusters": 1}))
    del data["clusters"]
    receipt = Receipt.from_bytes(seal(data))
    assert (receipt.counts, receipt.clusters) == ({"clusters": 1}, {"00ff": 3})


@given(
    st.integers(0, 99),
    st.dictionaries(st.text(max_size=5), st.integers(1, 9), max_size=3),
    st.text(max_size=9),
)
def test_round_trip(rows: int, reasons: dict[str, int], error: str) -> None:
    tally = Tally("s", rows, 1, 2, Counter(reasons), Counter(reasons))
    files = [File(DOCUMENTS, "a", 1, "00", "f")]
    receipt = Receipt("f", tallies=[tally], files=files, clusters=reasons, error=error)
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


def test_a_changed_receipt_is_none() -> None:
    data = Receipt("f", counts={"documents": 120}).as_bytes()
    assert Receipt.from_bytes(data).counts == {"documents": 120}
    with pytest.raises(ValueError, match="not what was written"):
        Receipt.from_bytes(data.replace(b"120", b"121"))
