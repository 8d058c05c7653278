"""What a clock says of a task: loading and warming apart from rows, and rows apart from the rest."""

from __future__ import annotations

import time

from pipeline.tasks.clock import Clock, hold, spent_by_tasks


def work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_seconds_are_told_apart() -> None:
    before = spent_by_tasks()
    clock = Clock("test_seconds_are_told_apart")
    assert clock.first
    with clock.aside("opening"):
        work(0.02)
    clock.begin()
    with clock.aside("warming"):
        work(0.03)
    work(0.04)
    found = clock.read()
    work(0.01)
    clock.published()
    assert found["opening"] >= 0.02
    assert found["warming"] >= 0.03
    assert found["rows"] >= 0.04
    assert found["cpu"] >= found["opening"] + found["warming"] + found["rows"] - 1e-3
    assert found["wall"] > 0
    assert found["before"] == 0
    assert spent_by_tasks() - before >= 0.1
    again = Clock("test_seconds_are_told_apart")
    assert not again.first
    said = again.read()  # a task without rows
    assert said["before"] == 1
    assert said["rows"] == 0
    assert said["publishing"] >= 0.01


def test_a_task_that_shares_a_processor_holds_a_part_of_it() -> None:
    clock = Clock("shared")
    hold(0.5)
    try:
        work(0.05)
        found = clock.read()
    finally:
        hold(1.0)
    assert found["cpu"] >= 0.05
    assert found["wall"] < clock.read()["wall"]
