"""Stages that do what no stage should: one document pays for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import command, launched, rejects, stats, toy_config


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
    launched(toy_config(tmp_path), f"datasets.web.stages.toys:Poison.how={how}")
    failed = [r for r in rejects(tmp_path / "out", "web") if r["stage"] == "poison"]
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
        ("init", "stages of web/01-at_least-exits: RuntimeError: odd"),
    ],
)
def test_a_stage_that_is_wrong_is_named(tmp_path: Path, where: str, message: str) -> None:
    path = toy_config(tmp_path)
    path.write_text(path.read_text().replace("exact_dedup: {}", f"toys:Exits: {{where: {where}, how: odd}}"))
    done = command("run", "-c", path, "--executor", "inline", check=None)
    assert done.returncode == (2 if where == "init" else 1)
    assert message in done.stderr
