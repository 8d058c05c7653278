"""A document that fills the memory is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import launched, rejects, toy_config

from pipeline.execute import memory
from pipeline.execute.isolated import run_isolated
from pipeline.tasks.base import Context, Ended, Task, attempt
from pipeline.tasks.guard import Guard


def test_a_document_that_fills_the_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LIMIT", 0.0)
    monkeypatch.setattr(memory, "LEAST", 700 << 20)

    def after_two_deaths(task: Task, context: Context, guard: Guard) -> Ended:
        alone = task.label.startswith("web/00-")
        return run_isolated(task, context, lambda beat: None) if alone else attempt(task, context, guard)

    monkeypatch.setattr("pipeline.execute.inline.attempt", after_two_deaths)
    launched(
        toy_config(tmp_path, files=2),
        "datasets.web.stages.toys:Poison.how=fill",
        "limits.document_seconds=30",
    )
    failed = [r for r in rejects(tmp_path / "out", "web") if r["stage"] == "poison"]
    assert [r["reason"] for r in failed] == ["out_of_memory"]
    assert "MiB of the machine were in use" in failed[0]["detail"]
