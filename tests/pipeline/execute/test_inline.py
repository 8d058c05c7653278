"""The executor without workers shows that it works."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from runs import hashes, launched, toy_config

from pipeline.execute import inline


def test_a_part_shows_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("quiet", "beating"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(inline, "BEAT_SECONDS", 600)
    assert ": running, " not in launched(toy_config(tmp_path / "quiet"))
    monkeypatch.setattr(inline, "BEAT_SECONDS", 1e-4)
    said = launched(toy_config(tmp_path / "beating"))
    assert "/00-read-Poison-AtLeast/part-" in said
    assert re.search(r"/part-[0-9a-f]+: running, \d+ documents read\n", said)
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
    quiet, beating = (
        {name: sha for name, sha in hashes(tmp_path / run / "out").items() if name.endswith(".parquet")}
        for run in ("quiet", "beating")
    )
    assert quiet == beating
