"""Stages that do what no stage should: one document pays for it, and the run says what happened."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console
from runs import call, command, rejects, stats, toy_config, toy_inputs

from pipeline import launch
from pipeline.config import schema
from pipeline.execute import memory
from pipeline.execute.isolated import run_isolated
from pipeline.schedule.loop import RunFailed
from pipeline.tasks.base import Context, Ended, Task, attempt
from pipeline.tasks.guard import Guard


def run(path: Path, *overrides: str) -> str:
    said = io.StringIO()
    launch.run(schema.read(path, ["execution.executor=inline", *overrides]), Console(file=said, width=300))
    return said.getvalue()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("exit", "SystemExit"),
        ("memory", "MemoryError"),
        ("import", "ModuleNotFoundError"),
        ("base", "BaseException"),
    ],
)
def test_whatever_a_stage_raises_costs_one_document(tmp_path: Path, how: str, reason: str) -> None:
    run(toy_config(tmp_path), f"datasets.web.stages.toys:Poison.how={how}")
    failed = [r for r in rejects(tmp_path / "out", "web") if r["stage"] == "Poison"]
    assert [r["reason"] for r in failed] == [reason]
    assert stats(tmp_path / "out")["datasets"]["web"]["stages"][1]["kept"] == 239


@pytest.mark.parametrize("where", ["init", "open", "rounds", "reduce", "apply"])
def test_an_exit_elsewhere_in_a_stage_ends_the_run_with_an_error(tmp_path: Path, where: str) -> None:
    path = toy_config(tmp_path)
    text = path.read_text().replace("exact_dedup: {}", f"toys:Exits: {{where: {where}}}")
    path.write_text(text)
    done = command("run", "-c", path, "--executor", "inline", check=None)
    assert done.returncode in (1, 2)
    assert "SystemExit" in done.stderr or "sys.exit" in done.stderr
    assert not (tmp_path / "out/stats.json").exists()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("map", "exits gave None to the exchange"),
        ("rounds", "rounds(): RuntimeError: odd"),
        ("init", "stages of web/01-AtLeast-Exits: RuntimeError: odd"),
    ],
)
def test_a_stage_that_is_wrong_is_named(tmp_path: Path, where: str, message: str) -> None:
    path = toy_config(tmp_path)
    path.write_text(path.read_text().replace("exact_dedup: {}", f"toys:Exits: {{where: {where}, how: odd}}"))
    done = command("run", "-c", path, "--executor", "inline", check=None)
    assert done.returncode == (2 if where == "init" else 1)
    assert message in done.stderr


def test_a_document_that_fills_the_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LIMIT", 0.0)
    monkeypatch.setattr(memory, "LEAST", 700 << 20)

    def after_two_deaths(task: Task, context: Context, guard: Guard) -> Ended:
        alone = task.label.startswith("web/00-")
        return run_isolated(task, context) if alone else attempt(task, context, guard)

    monkeypatch.setattr("pipeline.execute.inline.attempt", after_two_deaths)
    run(
        toy_config(tmp_path, files=2),
        "datasets.web.stages.toys:Poison.how=fill",
        "limits.document_seconds=30",
    )
    failed = [r for r in rejects(tmp_path / "out", "web") if r["stage"] == "Poison"]
    assert [r["reason"] for r in failed] == ["out_of_memory"]
    assert "MiB of the machine were in use" in failed[0]["detail"]


def test_a_failed_run_says_why_and_leaves_its_accounts(tmp_path: Path) -> None:
    path = toy_config(tmp_path)
    shutil.rmtree(tmp_path / "in")
    toy_inputs(tmp_path / "in", files=2, bad=False)
    many = [f'{{"id": "p{i}", "text": "a poison text that is long enough {i}"}}' for i in range(30)]
    (tmp_path / "in/d9.jsonl").write_text("\n".join([*many, "no json"]) + "\n")
    with pytest.raises(RunFailed) as caught:
        run(path, "limits.max_failed=0.1")
    first, second = str(caught.value).splitlines()
    assert first == "web: 31 of 151 documents failed (limits.max_failed: 0.1)"
    assert second.startswith("web: failed most often in Poison: ValueError, 30 documents, for example ")
    assert "d9.jsonl: poisoned" in second
    assert second.endswith(f"all of them are in {tmp_path}/out/work/web/00-read-Poison-AtLeast/rejects")
    said = call("report", "-c", path).stdout
    assert "not finished: web: 31 of 151 documents failed" in said
    assert "ValueError\u00a030" in said
    run(path, "limits.max_failed=0.5")
    assert "not finished" not in call("report", "-c", path).stdout
    assert not (tmp_path / "out/work/account.json").exists()


def test_a_damaged_input_is_a_failed_input(tmp_path: Path) -> None:
    path = toy_config(tmp_path, bad=False)
    text = path.read_text().replace('"toys:Lines"', '"toys:Cut"')
    path.write_text(text)
    with pytest.raises(RunFailed) as caught:
        run(path)
    assert "1 inputs failed (limits.max_failed_parts: 0)" in str(caught.value)
    said = call("run", "-c", path, "--executor", "inline", check=1).stderr
    assert "d1.jsonl: 100 of 200 bytes were read" in said
    run(path, "limits.max_failed_parts=1")
    assert stats(tmp_path / "out")["datasets"]["web"]["failed_inputs"] == ["d1.jsonl"]


def test_an_input_that_asks_for_memory_gets_it(tmp_path: Path) -> None:
    path = toy_config(tmp_path, bad=False)
    path.write_text(path.read_text().replace('"toys:Lines"', '"toys:Large"'))
    run(path)
    assert stats(tmp_path / "out")["datasets"]["web"]["stages"][0]["rows_in"] == 240
