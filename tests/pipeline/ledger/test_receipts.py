from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger.commit import Foreign, Ledger, Superseded
from pipeline.ledger.receipts import DOCUMENTS, REJECTS, File, Receipt, load_all
from pipeline.ledger.tallies import ConservationError, Tally, add_tallies, check_chain, merge_steps
from pipeline.schedule.state import State
from pipeline.sealed import seal
from pipeline.storage import Storage, StorageError


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


def test_a_superseded_run_publishes_nothing(tmp_path: Path) -> None:
    old, new = (Ledger(Storage(), str(tmp_path), token) for token in ("old", "new"))
    old.take_over()
    old.commit("r.json", Receipt("of the old"))
    new.take_over()
    with pytest.raises(Superseded, match="another run has taken"):
        old.commit("r.json", Receipt("too late"))
    new.commit("r.json", Receipt("of the new"))
    assert Receipt.from_bytes((tmp_path / "r.json").read_bytes()).fingerprint == "of the new"


class _Task:
    receipt_name = "work/web/00-read/receipts/part-1.json"
    label = "web/00-read/part-1"


def _state(*files: File, status: str = "done") -> State:
    state = State()
    state.add(_Task(), Receipt("f", status, files=list(files)))  # type: ignore[arg-type]
    return state


def test_what_is_computed_from_files_depends_on_role_and_checksum() -> None:
    one = _state(File(DOCUMENTS, "a", 1, "00", "f"))
    assert one.digest(DOCUMENTS) == _state(File(DOCUMENTS, "elsewhere", 1, "00", "g")).digest(DOCUMENTS)
    assert one.digest(DOCUMENTS) != _state(File(DOCUMENTS, "a", 1, "01", "f")).digest(DOCUMENTS)
    assert one.digest(DOCUMENTS) != _state(status="failed").digest(DOCUMENTS)
    both = _state(File(DOCUMENTS, "a", 1, "00", "f"), File(REJECTS, "b", 1, "07", "f"))
    assert one.digest(DOCUMENTS) == both.digest(DOCUMENTS)
    assert one.digest(REJECTS) != both.digest(REJECTS)


def test_a_changed_receipt_is_none() -> None:
    data = Receipt("f", counts={"documents": 120}).as_bytes()
    assert Receipt.from_bytes(data).counts == {"documents": 120}
    with pytest.raises(ValueError, match="not what was written"):
        Receipt.from_bytes(data.replace(b"120", b"121"))


def _staged(tmp_path: Path, name: str, content: bytes) -> tuple[File, Path]:
    local = tmp_path / f"staged-{content.decode()}"
    local.write_bytes(content)
    return File(DOCUMENTS, name, len(content), hashlib.sha256(content).hexdigest(), ""), local


def _ledger(tmp_path: Path, token: str = "mine") -> Ledger:
    ledger = Ledger(Storage(), str(tmp_path / "out"), token, "toy")
    ledger.take_over()
    return ledger


NAME, RECEIPT = "work/web/00-read/part-1.parquet", "work/web/00-read/receipts/part-1.json"


def test_files_that_no_receipt_names_are_not_replaced(tmp_path: Path) -> None:
    ledger, path = _ledger(tmp_path), tmp_path / "out" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(b"of the user")
    for _ in range(2):  # the first try has named the file as one to come
        with pytest.raises(Foreign, match="was not written by this run"):
            ledger.commit(RECEIPT, Receipt("f"), [_staged(tmp_path, NAME, b"ours")])
        assert path.read_bytes() == b"of the user"
    path.write_bytes(b"ours")  # as after a receipt was deleted by hand
    ledger.commit(RECEIPT, Receipt("f"), [_staged(tmp_path, NAME, b"ours")])
    ledger.commit(RECEIPT, Receipt("g"), [_staged(tmp_path, NAME, b"newer")])
    assert path.read_bytes() == b"newer"
    ledger.commit(RECEIPT, Receipt("h"))
    assert not path.exists()


def test_a_writer_that_is_held_up_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, path = _ledger(tmp_path, "old"), tmp_path / "out" / NAME
    new: list[Ledger] = []

    def held_up(self: Storage, local: Path, target: str, expect: str | None = None) -> str:
        if not new:
            new.append(_ledger(tmp_path, "new"))
            new[0].commit(RECEIPT, Receipt("of the new"), [_staged(tmp_path, NAME, b"new")])
        return publish(self, local, target, expect)

    publish = Storage.publish
    monkeypatch.setattr(Storage, "publish", held_up)
    with pytest.raises(Superseded):
        old.commit(RECEIPT, Receipt("of the old"), [_staged(tmp_path, NAME, b"old")])
    assert path.read_bytes() == b"new"
    assert Receipt.from_bytes((tmp_path / "out" / RECEIPT).read_bytes()).fingerprint == "of the new"


def test_links_inside_an_output_are_not_followed(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/work/web").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="links inside an output are not followed"):
        ledger.commit(RECEIPT, Receipt("f"), [_staged(tmp_path, NAME, b"ours")])
    assert not list((tmp_path / "elsewhere").rglob("*.parquet"))
