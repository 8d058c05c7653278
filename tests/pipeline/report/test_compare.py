"""Two outputs compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import call, documents, launched, rejects, toy_config

from pipeline.report.compare import ABSENT, compare
from pipeline.storage import Storage

SHORTER = "datasets.web.stages.toys:AtLeast.chars=40"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("compare")
    path = toy_config(folder)
    launched(path)
    launched(path, SHORTER, f"output={folder}/other")
    return folder / "out", folder / "other"


def test_what_another_threshold_takes(runs: tuple[Path, Path]) -> None:
    found = compare(Storage(), *map(str, runs))
    assert found.settings == [("datasets.web.stages.toys:AtLeast.chars", "20", "40")]
    web = found.datasets["web"]
    before, after = ({row["id"] for row in documents(output, "web")} for output in runs)
    assert web.documents == (len(before), len(after))
    assert web.both == len(before & after)
    assert web.lost.counts.total() == len(before - after)
    assert web.gained.counts.total() == len(after - before)
    assert set(web.lost.counts) == {("at_least", "short")}
    gone = {row["id"].hex(): row["detail"] for row in rejects(runs[1], "web") if row["reason"] == "short"}
    for example in web.lost.examples["at_least", "short"]:
        assert gone[example["id"]] == example["detail"]
    short = [
        (old, new) for stage, reason, old, new in web.attrition if (stage, reason) == ("at_least", "short")
    ]
    assert short == [(sum(r["reason"] == "short" for r in rejects(runs[0], "web")), len(gone))]


def test_the_other_way_round_lost_is_gained(runs: tuple[Path, Path]) -> None:
    one, other = compare(Storage(), *map(str, runs)), compare(Storage(), *map(str, reversed(runs)))
    for name, data in one.datasets.items():
        assert data.lost == other.datasets[name].gained
        assert data.gained == other.datasets[name].lost
    # what comes from `web` was taken there, before it could be selected
    assert ("at_least", "short") in one.datasets["en"].lost.counts


def test_a_share_is_a_part_of_the_whole(runs: tuple[Path, Path]) -> None:
    whole = compare(Storage(), *map(str, runs)).datasets["web"]
    part = compare(Storage(), *map(str, runs), at_most=whole.documents[0] // 2).datasets["web"]
    assert part.share == pytest.approx(0.5, abs=0.02)
    assert 0 < part.lost.counts.total() < whole.lost.counts.total()


def test_the_command_prints_examples(runs: tuple[Path, Path], tmp_path: Path) -> None:
    said = call("diff", *runs).stdout
    assert "datasets.web.stages.toys:AtLeast.chars: 20 -> 40" in said
    assert "in the second at_least: short" in said
    same = call("diff", runs[0], runs[0]).stdout
    assert "same settings" in same
    assert ", 0 lost, 0 gained" in same
    assert "holds no finished run" in call("diff", runs[0], tmp_path, check=1).stderr


def test_an_input_more(tmp_path: Path) -> None:
    path = toy_config(tmp_path, bad=False)
    launched(path)
    (tmp_path / "in/d0.jsonl").unlink()
    launched(path, f"output={tmp_path}/other")
    found = compare(Storage(), str(tmp_path / "out"), str(tmp_path / "other")).datasets["web"]
    assert found.lost.counts[ABSENT] > 0
