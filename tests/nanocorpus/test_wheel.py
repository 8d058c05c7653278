"""The package as it is installed: a wheel that is really built, in an environment of its own.

What it depends on is taken from the environment that the tests run in: here the question is what the wheel
holds, and what it makes of the folder where a user stands.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from runs import ROOT, stats

STAGE = """\
from stages.base import Fault, Filter


class Mine(Filter):
    name = "mine"
    reads = ("text",)

    def judge(self, batch):
        return [None if text.startswith("keep") else Fault("other") for text in batch["text"].to_pylist()]
"""

CONFIG = """\
name: own
output: out
datasets:
  web:
    read: {format: jsonl, paths: [in.jsonl]}
    stages:
      - my_stages:Mine: {}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # without isolation, so that nothing is fetched; from a copy, so that no build/ is left in the checkout
    copied = [
        "nanocorpus",
        "configs",
        "model",
        "pipeline",
        "stages",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    ]
    source = folder / "source"
    source.mkdir()
    subprocess.run(
        ["cp", "-a", *(str(ROOT / name) for name in copied if (ROOT / name).exists()), source], check=True
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, source],
        check=True, capture_output=True,
    )  # fmt: skip
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin/`` of an environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # a .pth file within a folder that a .pth file names is not read: no editable checkout comes in
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    (folder / "bin" / "nanocorpus").write_text(
        f"#!{folder}/bin/python\nfrom nanocorpus.__main__ import main\n\nmain()\n"
    )
    (folder / "bin" / "nanocorpus").chmod(0o755)
    return folder / "bin"


def call(
    installed: Path, where: Path, *arguments: str, code: int = 0, path: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [installed / "nanocorpus", *arguments],
        cwd=where, env=environment | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stage of the user's own, beside folders that are called as packages of nanocorpus are."""
    for name in ("pipeline", "stages"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "my_stages.py").write_text(STAGE)
    (tmp_path / "own.yaml").write_text(CONFIG)
    lines = (f'{{"id": "{i}", "text": "{"keep" if i % 2 else "drop"} {i}"}}\n' for i in range(20))
    (tmp_path / "in.jsonl").write_text("".join(lines))
    return tmp_path


def test_the_wheel_has_the_configs_and_what_they_need(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    top = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"model", "nanocorpus", "pipeline", "stages"}
    assert {f"{name}/py.typed" for name in top} <= names
    # all but the scripts that make the sample
    here = (p for p in (ROOT / "configs").rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc"))
    wanted = {str(p.relative_to(ROOT)) for p in here if "generator" not in p.parts}
    assert {name.partition("/")[2] for name in names if name.startswith("nanocorpus/configs/")} == wanted
    code = {
        str(p.relative_to(ROOT))
        for top in ("model", "pipeline", "stages")
        for p in (ROOT / top).rglob("*.py")
    }
    assert code <= names


def test_bundled_configs_are_found_from_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    assert "web: 1 inputs" in call(installed, tmp_path, "plan", "--config", "sample.yaml").stdout


def test_a_stage_of_ones_own_beside_folders_of_our_names(installed: Path, folder: Path) -> None:
    call(installed, folder, "run", "-c", "own.yaml", "--workers", "1")
    assert stats(folder / "out")["datasets"]["web"]["stages"][-1]["dropped"] == {"other": 10}
    # started again, as a module, with the folder on the path by hand: nothing is left to do
    again = subprocess.run(
        [installed / "python", "-m", "nanocorpus", "status", "-c", "own.yaml", "--json"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert '"parts": 1, "done": 1' in again.stdout


def test_a_stage_below_one_of_our_names_is_explained(installed: Path, folder: Path) -> None:
    (folder / "own.yaml").write_text(CONFIG.replace("my_stages:", "stages.mine:"))
    said = call(installed, folder, "plan", "-c", "own.yaml", code=2).stderr
    assert "'stages' is a package of nanocorpus itself" in said


def test_a_folder_that_hides_ours_is_named(installed: Path, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    said = call(installed, elsewhere, "plan", "-c", "sample.yaml", code=2, path=str(folder)).stderr
    assert f"its package `pipeline` is hidden by {folder}/pipeline" in said
