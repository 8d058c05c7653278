"""The executor without workers shows that it works."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from runs import hashes, launched, toy_config

from pipeline import layout
from pipeline.config.located import ConfigError
from pipeline.execute import base
from pipeline.execute.inline import InlineExecutor
from pipeline.execute.on_ray import ClusterError
from pipeline.report import log
from pipeline.report.progress import Board
from pipeline.schedule.loop import RunFailed
from pipeline.tasks.base import Ended, Task
from pipeline.tasks.beat import Beat
from pipeline.tasks.part import OpenTask


def test_a_part_shows_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("quiet", "beating"):
        (tmp_path / name).mkdir()
    for seconds, quiet in ((base, "BEAT_SECONDS"), (log, "LOG_SECONDS")):
        monkeypatch.setattr(seconds, quiet, 600)
    assert " documents, 200 of " not in launched(toy_config(tmp_path / "quiet"))
    heard: list[tuple[str, Beat]] = []

    def hear(board: Board, label: str, beat: Beat) -> None:
        heard.append((label, beat))

    monkeypatch.setattr(base, "BEAT_SECONDS", 1e-3)
    monkeypatch.setattr(Board, "beat", hear)
    launched(toy_config(tmp_path / "beating"))
    assert not any(thread.name in ("heartbeat", "log") for thread in threading.enumerate())
    read = [beat for label, beat in heard if re.match(r"web/00-read-poison-at_least/part-[0-9a-f]+", label)]
    assert {"bytes"} == {beat.unit for beat in read if beat.documents}
    assert any(0 < beat.documents <= 60 and 0 < beat.done <= beat.total for beat in read)
    assert {beat.stage for beat in read} & {"read", "poison", "at_least"}
    judged = [beat for label, beat in heard if label.startswith("web/01-")]
    assert {"rows"} == {beat.unit for beat in judged if beat.documents}


def test_heartbeats_do_not_change_what_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for number, seconds in enumerate((600.0, 1e-3)):
        (tmp_path / str(number)).mkdir()
        monkeypatch.setattr(base, "BEAT_SECONDS", seconds)
        launched(toy_config(tmp_path / str(number)))
        files = hashes(tmp_path / str(number) / "out")
        found.append({name: sha for name, sha in files.items() if name.endswith(".parquet")})
    assert found[0] == found[1]


def test_the_log_moves_while_a_part_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(log, "LOG_SECONDS", 0.01)
    path = toy_config(tmp_path, files=1, rows=600, bad=False)
    path.write_text(path.read_text().replace("toys:Poison: {}", "toys:Slow: {}"))
    said = launched(path).splitlines()
    parts = [line for line in said if re.search(r"web/00-\S+/part-[0-9a-f]+: ", line)]
    form = (
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ web/00-read-slow-at_least/part-[0-9a-f]+: [1-9]\d* documents, "
        r"0\.\d of 0\.\d MB, at (read|slow|at_least), \d+:\d\d, ETA (unknown|\d+:\d\d)"
    )
    assert any(re.fullmatch(form, line) for line in parts), said


@pytest.mark.parametrize("deaths", [2, 100])
def test_a_worker_that_dies_while_it_loads_stages_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    left = deaths
    waits = InlineExecutor.wait

    def wait(executor: InlineExecutor, seconds: float) -> list[Ended]:
        nonlocal left
        ended = waits(executor, seconds)
        if left and ended and isinstance(ended[0].task, OpenTask):
            left -= 1
            return [Ended(ended[0].task, error="the worker died", died=True)]
        return ended

    monkeypatch.setattr(InlineExecutor, "wait", wait)
    if deaths == 2:
        launched(toy_config(tmp_path))
        assert not left
    else:
        with pytest.raises(ConfigError, match=r"stages of web/.*: the worker died"):
            launched(toy_config(tmp_path))


def test_a_cluster_that_is_lost_leaves_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submits = InlineExecutor.submit

    def submit(executor: InlineExecutor, task: Task, isolated: bool) -> None:
        if not isinstance(task, OpenTask):
            raise ClusterError("no node is alive")
        submits(executor, task, isolated)

    monkeypatch.setattr(InlineExecutor, "submit", submit)
    with pytest.raises(RunFailed, match="no node is alive"):
        launched(toy_config(tmp_path))
    assert "no node is alive" in (tmp_path / "out" / layout.ACCOUNT).read_text()
