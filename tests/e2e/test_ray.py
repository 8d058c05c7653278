"""The same runs on a real local Ray cluster: same bytes, and what happens when workers die."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import command, hashes, launched, rejects, stats, toy_config

from pipeline.schedule import stragglers


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("inline")
    config = toy_config(folder)
    command("run", "-c", config, "--executor", "inline")
    return config, hashes(folder / "out")


@pytest.mark.parametrize("workers", [1, 2])
def test_ray_is_inline(reference: tuple[Path, dict[str, str]], tmp_path: Path, workers: int) -> None:
    config, expected = reference
    command("run", "-c", config, "--workers", str(workers), "--set", f"output={tmp_path / 'out'}")
    assert hashes(tmp_path / "out") == expected


@pytest.mark.parametrize(
    ("how", "reason", "detail"),
    [
        ("kill", "worker_died", "signal SIGKILL"),
        ("sleep", "deadline", "more than 1 seconds"),
        ("hang", "deadline", "more than 1 seconds"),  # with the interpreter lock held
    ],
)
def test_a_poisonous_document_costs_itself_alone(tmp_path: Path, how: str, reason: str, detail: str) -> None:
    config = toy_config(tmp_path)
    command(
        "run", "-c", config, "--workers", "2",
        "--set", f"datasets.web.stages.toys:Poison.how={how}", "--set", "limits.document_seconds=1",
    )  # fmt: skip
    failed = [r for r in rejects(tmp_path / "out", "web") if r["stage"] == "poison"]
    assert [(r["reason"], r["detail"]) for r in failed] == [(reason, detail)]
    found = {s["stage"]: s for s in stats(tmp_path / "out")["datasets"]["web"]["stages"]}
    assert found["poison"]["kept"] == 239


def test_a_worker_lost_by_accident_loses_nothing(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    command(
        "run", "-c", config, "--workers", "2",
        "--set", f"datasets.web.stages.toys:Poison={{how: kill, once: {tmp_path / 'was-here'}}}",
    )  # fmt: skip
    found = {s["stage"]: s for s in stats(tmp_path / "out")["datasets"]["web"]["stages"]}
    assert found["poison"]["kept"] == 240
    assert (tmp_path / "was-here").exists()


def test_a_part_that_takes_much_longer_is_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toy_config(tmp_path)
    monkeypatch.setattr(stragglers, "SECONDS", 2.0)
    monkeypatch.setattr(stragglers, "TIMES", 1.0)
    said = launched(
        config,
        "execution.executor=ray", "execution.workers=2", "limits.document_seconds=600",
        f"datasets.web.stages.toys:Poison={{how: sleep, once: {tmp_path / 'was-here'}}}",
    )  # fmt: skip
    assert "a second copy of it starts" in said
    assert (tmp_path / "was-here").exists()
    found = {s["stage"]: s for s in stats(tmp_path / "out")["datasets"]["web"]["stages"]}
    assert found["poison"]["kept"] == 240


def test_no_cluster_at_that_address(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    done = command("run", "-c", config, "--set", "execution.address=127.0.0.1:1", check=2)
    assert "no Ray cluster at 127.0.0.1:1" in done.stderr
