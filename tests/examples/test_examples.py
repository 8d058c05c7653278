"""Every example as its README says, in this process where it can be. (``training`` reads the corpus of the
sample: ``tests/e2e/test_sample.py``.)"""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import pytest
from runs import ROOT, call, documents, rejects

EXAMPLES = ROOT / "examples"


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example's folder, where its user stands."""
    copy = tmp_path / request.param
    shutil.copytree(EXAMPLES / request.param, copy, ignore=shutil.ignore_patterns("out", "__pycache__"))
    monkeypatch.chdir(copy)
    monkeypatch.syspath_prepend(str(copy))
    return copy


@pytest.mark.parametrize("folder", ["own_stage"], indirect=True)
def test_a_stage_of_ones_own(folder: Path) -> None:
    call("run", "-c", "run.yaml")
    kept = documents(folder / "out", "notes")
    assert [round(row["capitals.share"], 2) for row in kept] == [0.03, 0.03, 0.17]
    gone = {row["reason"]: (row["kind"], row["detail"]) for row in rejects(folder / "out", "notes")}
    assert gone == {"capitals": ("dropped", "1.00 > 0.5"), "no_letters": ("failed", "")}


@pytest.mark.parametrize("folder", ["own_reader"], indirect=True)
def test_a_reader_of_ones_own(folder: Path) -> None:
    (folder / "notes" / "odd.md").write_bytes(b"# Good\nfine enough to be read\n# Bad\n\xff\xfe\n")
    call("run", "-c", "run.yaml", "--set", "limits.max_failed=0.5")
    titles = sorted(row["notes.title"] for row in documents(folder / "out", "notes"))
    assert titles == ["Beans", "Good", "Low tide", "Timetable"]
    gone = sorted((row["kind"], row["reason"]) for row in rejects(folder / "out", "notes"))
    assert gone == [("dropped", "too_short"), ("failed", "not_utf8")]


def test_generation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="the engine needs torch (pip install 'nanocorpus[model]')")
    pytest.importorskip("safetensors", reason="checkpoints need safetensors")
    monkeypatch.setattr(sys, "argv", ["generate.py", "--max-tokens", "4"])
    runpy.run_path(str(EXAMPLES / "generation" / "generate.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert [line.partition(":")[0] for line in said.splitlines()[::2]] == ["harbour", "ferry", "garden"]
    assert said.count("4 tokens") == 3
