"""What is computed from files depends on their roles and checksums."""

from __future__ import annotations

from pipeline.ledger.receipts import DOCUMENTS, REJECTS, File, Receipt
from pipeline.schedule.state import State


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
