"""``nanocorpus model inspect``."""

from __future__ import annotations

import json
from pathlib import Path

from runs import command

from model.config import NANO_9B_V2


def test_inspect_counts_the_published_parameters(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(NANO_9B_V2.to_dict()))
    shown = command("model", "inspect", tmp_path, "--memory", "80").stdout
    assert "8,888,227,328" in shown
    assert "56: 27 Mamba-2, 25 MLP, 4 attention" in shown
    assert "batch in 80 GiB" in shown
    assert "batch in 24 GiB" not in shown


def test_inspect_answers_what_is_no_checkpoint(tmp_path: Path) -> None:
    assert "nowhere" in command("model", "inspect", tmp_path / "nowhere", check=2).stderr
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert command("model", "inspect", tmp_path, check=2).stderr.startswith("nanocorpus: ")
