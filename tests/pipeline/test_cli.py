"""The command itself, and ``nanocorpus model inspect``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from runs import call

from model.config import NANO_9B_V2


def test_inspect_counts_the_published_parameters(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(NANO_9B_V2.to_dict()))
    shown = call("model", "inspect", tmp_path, "--memory", "80").stdout
    assert "8,888,227,328" in shown
    assert "56: 27 Mamba-2, 25 MLP, 4 attention" in shown
    assert "batch in 80 GiB" in shown
    assert "batch in 24 GiB" not in shown


def test_inspect_answers_what_is_no_checkpoint(tmp_path: Path) -> None:
    assert "nowhere" in call("model", "inspect", tmp_path / "nowhere", check=2).stderr
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert call("model", "inspect", tmp_path, check=2).stderr.startswith("nanocorpus: ")


def test_a_command_starts_without_what_others_need() -> None:
    """An answer of ``trace`` takes no longer than what it reads."""
    code = "import sys, pipeline.cli, pipeline.report.trace; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "pipeline.report.trace" in loaded
    assert not {"pipeline.launch", "pipeline.plan.build", "pandas", "ray", "numba", "rich"} & loaded
