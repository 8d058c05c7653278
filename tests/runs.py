"""Helpers of whole-run tests: toy inputs and configs, the command as a user calls it, hashes of outputs."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from pipeline import launch
from pipeline.cli import app
from pipeline.config import schema

ROOT = Path(__file__).resolve().parent.parent

TOY = """
name: toy
output: {output}
limits: {{max_failed: 0.2, document_seconds: 5}}
datasets:
  web:
    read: {{format: "toys:Lines", paths: ["{inputs}/*.jsonl"]}}
    stages:
      - toys:Poison: {{}}
      - toys:AtLeast: {{chars: 20}}
      - exact_dedup: {{}}
  en:
    from: web
    where: language = 'en'
  twice:
    from: [en, web]
    where: toy.chars > 60
    stages:
      - toys:Echo: {{}}
"""


def toy_inputs(folder: Path, files: int = 4, rows: int = 60, bad: bool = True) -> Path:
    """JSON lines with duplicates in and across files, one poisonous text and one line that is no JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        lines = [
            json.dumps(
                {
                    "id": f"{number}-{i}",
                    "text": f"text number {i % 40} " + "x" * i,
                    "language": "en" if i % 3 else "de",
                }
            )
            for i in range(rows)
        ]
        if bad and number == 1:
            lines[30] = json.dumps({"id": "poison", "text": "a poison text that is long enough"})
        if bad and number == 2:
            lines.append("no json")
        (folder / f"d{number}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def toy_config(tmp_path: Path, **inputs: Any) -> Path:
    """The toy run below ``tmp_path``: config file ``toy.yaml``, output ``out``."""
    folder = toy_inputs(tmp_path / "in", **inputs)
    path = tmp_path / "toy.yaml"
    path.write_text(TOY.format(output=tmp_path / "out", inputs=folder))
    return path


def command(
    *arguments: str | Path, check: int | None = 0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """``nanocorpus`` with arguments, in a process of its own; asserts the exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        **options,
    )
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done


def call(*arguments: str | Path, check: int = 0) -> Result:
    """``nanocorpus`` with arguments in this process, which takes a fraction of the time; asserts the exit
    code."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == check, f"exit {done.exit_code}\n{done.stdout}\n{done.stderr}"
    return done


def launched(path: Path, *overrides: str) -> str:
    """``launch.run`` of a config in this process; what it printed."""
    said = io.StringIO()
    settings = schema.read(path, ["execution.executor=inline", *overrides])
    launch.run(settings, Console(file=said, width=300))
    return said.getvalue()


def flip(path: Path, bit: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def hashes(output: Path) -> dict[str, str]:
    """sha256 of every file that must be the same in every run: parts, rejects, shards, and what speaks of
    the whole. Receipts, packed or not, and the plan hold times and paths."""
    files = [
        path
        for path in output.rglob("*")
        if path.is_file()
        and path.parent.name != "receipts"
        and path.suffix != ".pack"
        and path.name != "plan.json"
    ]
    return {str(p.relative_to(output)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(files)}


def stats(output: Path) -> dict[str, Any]:
    """``stats.json``."""
    return json.loads((output / "stats.json").read_text())


def rejects(output: Path, dataset: str) -> list[dict[str, Any]]:
    """All rejected rows of a dataset."""
    paths = sorted((output / "work" / dataset).glob("*/rejects/*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def documents(output: Path, dataset: str) -> list[dict[str, Any]]:
    """The documents of a dataset: those of its last segment."""
    segments = sorted(p for p in (output / "work" / dataset).glob("[0-9][0-9]-*") if p.is_dir())
    return [row for path in sorted(segments[-1].glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
