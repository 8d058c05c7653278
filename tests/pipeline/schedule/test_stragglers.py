"""Parts that take much longer than others are done twice, and count once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from runs import hashes, launched, stats, toy_config

from pipeline.execute.inline import InlineExecutor
from pipeline.ledger.receipts import BEGUN, Receipt
from pipeline.schedule import stragglers
from pipeline.schedule.stragglers import Pace
from pipeline.storage import Storage
from pipeline.tasks.base import Context, Ended, Task, attempt
from pipeline.tasks.guard import Guard


def test_how_long_parts_take_is_known_when_most_are_done() -> None:
    pace = Pace()
    assert pace.usual("a", 0) is None
    for seconds in (10.0, 20.0, 90.0):
        pace.add("a", seconds)
    assert pace.usual("a", 2) is None
    assert pace.usual("a", 1) == 20.0
    assert [pace.straggles("a", 1, seconds) for seconds in (59.0, 61.0)] == [False, True]
    assert not pace.straggles("b", 1, 61.0)


def test_short_parts_do_not_straggle() -> None:
    pace = Pace()
    for _ in range(9):
        pace.add("a", 0.1)
    assert [pace.straggles("a", 1, seconds) for seconds in (29.0, 31.0)] == [False, True]


class Slow(InlineExecutor):
    """Has two workers. The first copy of one part goes on until it is stopped, and then ends in some way."""

    workers = slots = 2

    def __init__(self, context: Context, how: str) -> None:
        super().__init__(context)
        self.how, self.submitted, self.stopped = how, list[str](), list[str]()
        self.slow: list[Task] | None = None

    def submit(self, task: Task, isolated: bool) -> None:
        self.submitted.append(task.label)
        if self.slow is None and task.label.startswith("web/00-read-poison-at_least/part-"):
            self.slow = [task]
        else:
            super().submit(task, isolated)

    def stop(self, task: Task) -> None:
        self.stopped.append(task.label)

    def wait(self, seconds: float) -> list[Ended]:
        if not self.stopped or not self.slow:
            time.sleep(0.0 if self._queue else 0.01)
            return super().wait(seconds)
        return [self._late(self.slow.pop())]

    def _late(self, task: Task) -> Ended:
        storage = Storage()
        if self.how == "ended":  # before it was stopped
            return attempt(task, self.context, Guard(60.0))
        if self.how == "published":  # and was stopped before it said so
            attempt(task, self.context, Guard(60.0))
        if self.how == "began":  # it had begun to replace what the other published
            path = f"{self.context.output}/{task.receipt_name}"
            receipt = Receipt.from_bytes(storage.read(path))
            receipt.status, receipt.named = BEGUN, receipt.files
            storage.write(path, receipt.as_bytes(), None)
        return Ended(task, error="stopped", died=True)


@pytest.mark.parametrize(("how", "copies"), [("died", 2), ("ended", 2), ("published", 2), ("began", 3)])
def test_two_copies_are_one_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, copies: int
) -> None:
    path = toy_config(tmp_path, bad=False)
    launched(path)
    expected = hashes(tmp_path / "out")
    made: list[Slow] = []

    def executor(context: Context, *_: Any, **__: Any) -> Slow:
        made.append(Slow(context, how))
        return made[0]

    monkeypatch.setattr("pipeline.launch.InlineExecutor", executor)
    monkeypatch.setattr(stragglers, "SECONDS", 0.1)
    said = launched(path, f"output={tmp_path / 'again'}")
    assert "where others took 0:00; a second copy of it starts" in said
    assert hashes(tmp_path / "again") == expected
    assert stats(tmp_path / "again")["datasets"]["web"]["stages"][0]["rows_in"] == 240
    (late,) = made[0].stopped
    assert made[0].submitted.count(late) == copies
