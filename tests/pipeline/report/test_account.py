"""A run that failed says why, and keeps its accounts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from runs import call, launched, toy_config, toy_inputs

from pipeline.schedule.loop import RunFailed


def test_a_failed_run_says_why_and_leaves_its_accounts(tmp_path: Path) -> None:
    path = toy_config(tmp_path)
    shutil.rmtree(tmp_path / "in")
    toy_inputs(tmp_path / "in", files=2, bad=False)
    many = [f'{{"id": "p{i}", "text": "a poison text that is long enough {i}"}}' for i in range(30)]
    (tmp_path / "in/d9.jsonl").write_text("\n".join([*many, "no json"]) + "\n")
    with pytest.raises(RunFailed) as caught:
        launched(path, "limits.max_failed=0.1")
    first, second = str(caught.value).splitlines()
    assert first == "web: 31 of 151 documents failed (limits.max_failed: 0.1)"
    assert second.startswith("web: failed most often in poison: ValueError, 30 documents, for example ")
    assert "d9.jsonl: poisoned" in second
    assert second.endswith(
        f"all failures are listed in {tmp_path}/out/work/web/00-read-poison-at_least/rejects"
    )
    said = call("report", "-c", path).stdout
    assert "not finished: web: 31 of 151 documents failed" in said
    assert "ValueError\u00a030" in said
    launched(path, "limits.max_failed=0.5")
    assert "not finished" not in call("report", "-c", path).stdout
    assert not (tmp_path / "out/work/account.json").exists()
