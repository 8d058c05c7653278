"""Killed at random moments and started again: the same bytes as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos import run_with_kills
from runs import hashes, launched, toy_config

from pipeline.storage import TEMP_PREFIX


@pytest.mark.parametrize(("executor", "kills", "window"), [("inline", 6, 1.0), ("ray", 2, 7.0)])
def test_kills_leave_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: str, kills: int, window: float
) -> None:
    config = toy_config(tmp_path)
    if executor == "inline":  # Ray's sockets need a short path
        (tmp_path / "scratch").mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    launched(config)
    expected = hashes(tmp_path / "out")
    arguments = ["run", "-c", str(config), "--executor", executor, "--workers", "2",
                 "--set", f"output={tmp_path / 'again'}"]  # fmt: skip
    assert run_with_kills(arguments, kills, seed=1, window=window).starts > 1
    assert hashes(tmp_path / "again") == expected
    assert not list(tmp_path.rglob(f"{TEMP_PREFIX}*"))
