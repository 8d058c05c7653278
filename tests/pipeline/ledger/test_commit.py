"""Nothing that is not the run's own is replaced, and no run publishes after another took over."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.ledger.commit import Foreign, Ledger, Superseded
from pipeline.ledger.receipts import DOCUMENTS, File, Receipt
from pipeline.storage import Storage, StorageError

NAME, RECEIPT = "work/web/00-read/part-1.parquet", "work/web/00-read/receipts/part-1.json"


def _staged(tmp_path: Path, name: str, content: bytes) -> tuple[File, Path]:
    local = tmp_path / f"staged-{content.decode()}"
    local.write_bytes(content)
    return File(DOCUMENTS, name, len(content), hashlib.sha256(content).hexdigest(), ""), local


def _ledger(tmp_path: Path, token: str = "mine") -> Ledger:
    ledger = Ledger(Storage(), str(tmp_path / "out"), token, "toy")
    ledger.take_over()
    return ledger


def test_a_superseded_run_publishes_nothing(tmp_path: Path) -> None:
    old, new = (Ledger(Storage(), str(tmp_path), token) for token in ("old", "new"))
    old.take_over()
    old.commit("r.json", Receipt("of the old"))
    new.take_over()
    with pytest.raises(Superseded, match="another run has taken"):
        old.commit("r.json", Receipt("too late"))
    new.commit("r.json", Receipt("of the new"))
    assert Receipt.from_bytes((tmp_path / "r.json").read_bytes()).fingerprint == "of the new"


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
