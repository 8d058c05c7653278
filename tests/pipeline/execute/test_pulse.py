"""Heartbeats of tasks in other processes: workers of Ray, and children that may die."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from pipeline.execute import base
from pipeline.execute.isolated import run_isolated
from pipeline.ledger.receipts import Receipt
from pipeline.storage import Storage, StorageSettings
from pipeline.tasks.base import Context, Task
from pipeline.tasks.beat import Beat
from pipeline.tasks.guard import Guard
from stages.base import MIB, Resources

BEAT = Beat(12, 300, 1000, "bytes")


@dataclass(frozen=True)
class Busy:
    """Says how far it is, and waits until ``heard`` is there."""

    heard: str
    lasting: bool = False
    fingerprint: ClassVar[str] = ""
    receipt_name: ClassVar[str] = ""

    @property
    def label(self) -> str:
        return f"toy/{self.lasting}/part-1"

    @property
    def resources(self) -> Resources:
        return Resources(memory=MIB, lasting=self.lasting)

    def run(self, context: Context, storage: Storage, guard: Guard) -> Receipt:
        guard.beat = BEAT
        until = time.monotonic() + 60
        while not Path(self.heard).exists() and time.monotonic() < until:
            time.sleep(0.01)
        return Receipt("")


def context(output: Path) -> Context:
    return Context(str(output), "", StorageSettings(), 0, 10.0)


def test_workers_of_ray_are_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.execute.on_ray import RayExecutor

    monkeypatch.setattr(base, "BEAT_SECONDS", 0.05)
    heard: dict[str, Beat] = {}

    def hear(label: str, beat: Beat) -> None:
        if beat.documents:
            heard[label] = beat
            (tmp_path / label.split("/")[1]).touch()

    executor = RayExecutor(context(tmp_path), workers=2)
    executor.hear = hear
    tasks: list[Task] = [Busy(str(tmp_path / str(lasting)), lasting) for lasting in (False, True)]
    try:
        for task in tasks:
            executor.submit(task, isolated=False)
        ended = []
        while len(ended) < 2:
            ended += executor.wait(0.1)
    finally:
        executor.close()
    assert [one.receipt is not None for one in ended] == [True, True]
    assert heard == {task.label: BEAT for task in tasks}


def test_a_child_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "BEAT_SECONDS", 0.05)
    heard: set[Beat] = set()

    def hear(beat: Beat) -> None:
        heard.add(beat)
        if beat.documents:
            (tmp_path / "heard").touch()

    ended = run_isolated(Busy(str(tmp_path / "heard")), context(tmp_path), hear)
    assert ended.receipt is not None, ended.error
    assert BEAT in heard
