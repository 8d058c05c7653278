"""Inputs that are damaged, or need more memory than was declared."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import call, launched, stats, toy_config

from pipeline.schedule.loop import RunFailed


def test_a_damaged_input_is_a_failed_input(tmp_path: Path) -> None:
    path = toy_config(tmp_path, bad=False)
    text = path.read_text().replace('"toys:Lines"', '"toys:Cut"')
    path.write_text(text)
    with pytest.raises(RunFailed) as caught:
        launched(path)
    assert "1 inputs failed (limits.max_failed_parts: 0)" in str(caught.value)
    said = call("run", "-c", path, "--executor", "inline", check=1).stderr
    assert "d1.jsonl: 100 of 200 bytes were read" in said
    launched(path, "limits.max_failed_parts=1")
    assert stats(tmp_path / "out")["datasets"]["web"]["failed_inputs"] == ["d1.jsonl"]


def test_an_input_that_asks_for_memory_gets_it(tmp_path: Path) -> None:
    path = toy_config(tmp_path, bad=False)
    path.write_text(path.read_text().replace('"toys:Lines"', '"toys:Large"'))
    launched(path)
    assert stats(tmp_path / "out")["datasets"]["web"]["stages"][0]["rows_in"] == 240
