"""What ``import nanocorpus`` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from runs import call, hashes, toy_config

import nanocorpus


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, nanocorpus; nanocorpus.__version__; dir(nanocorpus); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = ["model", "numpy", "pipeline", "pyarrow", "ray", "stages", "torch"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_the_one_it_stands_for() -> None:
    from pipeline.blend import BlendedReader
    from stages.render import render

    assert nanocorpus.render is render
    assert nanocorpus.BlendedReader is BlendedReader
    assert set(nanocorpus.__all__) <= set(dir(nanocorpus))
    with pytest.raises(AttributeError, match="has no attribute 'rnder'"):
        nanocorpus.rnder  # noqa: B018


def test_engine_says_what_it_needs() -> None:
    pytest.importorskip("torch", reason="needs torch")
    assert nanocorpus.Engine.__name__ == "Engine"


def test_run_does_what_the_command_does(tmp_path: Path) -> None:
    config = toy_config(tmp_path, files=2)
    found = nanocorpus.run(config, executor="inline", overrides=[f"output={tmp_path / 'called'}"])
    assert found["datasets"]["web"]["documents"] > 0
    call("run", "-c", config, "--executor", "inline")
    assert hashes(tmp_path / "called") == hashes(tmp_path / "out")


def test_version() -> None:
    assert call("--version").stdout.strip() == nanocorpus.__version__
