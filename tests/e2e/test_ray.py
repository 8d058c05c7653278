"""The same runs on a real local Ray cluster: same bytes, and what happens when workers die."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs import command, hashes, launched, rejects, stats, toy_config

from pipeline.schedule import stragglers


def test_one_worker_gives_the_same_bytes(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    launched(config)
    command("run", "-c", config, "--workers", "1", "--set", f"output={tmp_path / 'ray'}")
    assert hashes(tmp_path / "ray") == hashes(tmp_path / "out")


def test_a_worker_lost_by_accident_leaves_the_same_bytes(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    once = tmp_path / "was-here"
    poison = f"datasets.web.stages.toys:Poison={{how: kill, once: {once}}}"
    once.touch()
    launched(config, poison)
    once.unlink()
    command("run", "-c", config, "--workers", "2", "--set", poison, "--set", f"output={tmp_path / 'ray'}")
    assert once.exists()
    assert hashes(tmp_path / "ray") == hashes(tmp_path / "out")


def test_poisonous_documents_cost_themselves_alone(tmp_path: Path) -> None:
    """One kills its worker, one takes for ever, and one does so with the interpreter lock held."""
    config = toy_config(tmp_path, bad=False)
    expected = {
        "kill": ("worker_died", "signal SIGKILL"),
        "sleep": ("deadline", "more than 1 seconds"),
        "hang": ("deadline", "more than 1 seconds"),
    }
    for number, how in enumerate(expected):
        file = tmp_path / "in" / f"d{number}.jsonl"
        lines = file.read_text().splitlines()
        lines[30] = json.dumps({"id": how, "text": f"a poison text that does {how}"})
        file.write_text("\n".join(lines) + "\n")
    launched(
        config, "execution.executor=ray", "execution.workers=2",
        "datasets.web.stages.toys:Poison.how=said", "limits.document_seconds=1",
    )  # fmt: skip
    failed = [row for row in rejects(tmp_path / "out", "web") if row["stage"] == "poison"]
    found = {row["provenance"]["file"]: (row["reason"], row["detail"]) for row in failed}
    assert found == {f"d{number}.jsonl": answer for number, answer in enumerate(expected.values())}
    tallies = {s["stage"]: s for s in stats(tmp_path / "out")["datasets"]["web"]["stages"]}
    assert tallies["poison"]["kept"] == 237


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
