"""Claim: from a dry run of some pages, ``nanocorpus estimate`` foretells what ten times as many bytes of
other pages take, in seconds of the processor and in bytes, within 15 %.

    python benchmarks/estimate.py FILE.warc.gz [--times 10] [--share 1.0] [--keep FOLDER]

Divides the captures of a WARC by a hash into two halves. The dry run reads two files with the pages of one
half; the run reads files with the pages of the other, ten times, each time with the words of every text in
another order, so that they are no duplicates. Files of the run are larger than those of the dry run. The
chain renders, filters, deduplicates, measures, tokenizes and writes shards, inline. Seconds are those that
the system counts for the process of the run, with the start of Python; bytes are those of all files of the
output. ``--share`` takes a part of the pages, for a quick look. Exits 1 if a number is off by more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib import data as pages
from benchmarks.lib.warcs import captures, with_other_order

NEEDS = ("data:web/pages.warc.gz",)
CEILINGS = {"share by which an estimate is off": 0.15}
CEILING = CEILINGS["share by which an estimate is off"]

CONFIG = """
name: estimate
output: {folder}/out
limits: {{max_failed: 0.2}}
datasets:
  web:
    read: {{format: warc, paths: ["{folder}/in/*.warc.gz"], damaged: keep}}
    stages:
      - render: {{content: main}}
      - length: {{min_chars: 200}}
      - language: {{min_score: 0.3}}
      - exact_dedup: {{}}
      - fuzzy_dedup: {{}}
      - signals: {{}}
      - pii: {{}}
      - heuristics: {{rules: {root}/configs/rules/nemotron_cc_multilingual.yaml}}
tokenizer: {{path: {root}/configs/sample/tokenizer.json}}
shards: {{tokens: 1_000_000}}
blend:
  - {{phase: 1, weights: {{web: 1.0}}}}
"""


def command(*arguments: str) -> tuple[str, float]:
    """What ``nanocorpus`` prints, and the seconds of the processor that it takes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nanocorpus", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"failed: {process.args}"
    return said, usage.ru_utime + usage.ru_stime


def prepare(warc: Path, folder: Path, times: int, share: float) -> None:
    """The inputs of the dry run and of the run."""
    halves: tuple[list[bytes], list[bytes]] = [], []
    for capture, number in captures(warc.read_bytes()):
        if number % 1000 < 1000 * share:
            halves[number // 1000 % 2].append(capture)
    for name in ("dry", "in"):
        (folder / name).mkdir(parents=True)
    for number in range(2):
        few = b"".join(with_other_order(one, 0) for one in halves[0][number::2])
        (folder / "dry" / f"{number}.warc.gz").write_bytes(few)
    for number in range(times):
        many = b"".join(with_other_order(one, 1 + number) for one in halves[1])
        (folder / "in" / f"{number:03}.warc.gz").write_bytes(many)


def written(output: Path) -> int:
    """Bytes of all files of an output, without its dry run and its copies of models."""
    files = (path for path in output.rglob("*") if path.is_file())
    below = ((path, path.relative_to(output).parts) for path in files)
    return sum(
        path.stat().st_size for path, parts in below if parts[0] != "dry-run" and ".assets" not in parts
    )


def shuffled(output: Path) -> int:
    """Bytes of the files that go through the exchange."""
    return sum(path.stat().st_size for path in output.glob("work/**/*.runs"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = pages.find("web/pages.warc.gz")
    parser.add_argument("warc", type=Path, nargs="?" if default else None, default=default)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="estimate-") as name:
        folder = (options.keep or Path(name)).resolve()
        if not (folder / "config.yaml").exists():
            prepare(options.warc, folder, options.times, options.share)
            (folder / "config.yaml").write_text(CONFIG.format(folder=folder, root=ROOT))
        return measure(folder)


def measure(folder: Path) -> int:
    """Dry run, estimate, run; what is off by how much."""
    common = ("--config", str(folder / "config.yaml"))
    few = ("--set", f"datasets.web.read.paths=['{folder}/dry/*.warc.gz']", "--executor", "inline")
    # loops are compiled once for a machine, and not for a run
    command("run", *common, *few, "--dry-run", "--records", "20", "--set", f"output={folder}/warm")
    _, seconds = command("run", *common, *few, "--dry-run", "--records", "1000000")
    print(f"dry run: {seconds:.1f} s of the processor", flush=True)
    said, _ = command("estimate", *common, "--cores", "1", "--json")
    totals: Mapping[str, Any] = json.loads(said)["totals"]
    _, seconds = command("run", *common, "--executor", "inline")
    output = folder / "out"
    stages = json.loads((output / "stats.json").read_text())["datasets"]["web"]["stages"]
    for stage in stages:
        if "dedup" in stage["stage"]:
            print(f"{stage['stage']}: {sum(stage['dropped'].values()):,} of {stage['rows_in']:,} dropped")
    good = True
    real = {"cpu_hours": seconds, "written": written(output), "shuffled": shuffled(output)}
    for name, took in real.items():
        total, unit = totals[name], 3600 if name == "cpu_hours" else 1
        ratio = total["value"] * unit / took
        low, high = total["low"] * unit / took, total["high"] * unit / took
        label = "cpu_seconds" if name == "cpu_hours" else f"{name}_bytes"
        print(
            f"estimate.{label}  {total['value'] * unit:.6g}  {took:.6g}  {ratio:.3f}  {CEILING}"
            f"   (its own spread: {low:.2f} to {high:.2f})"
        )
        good &= abs(ratio - 1) <= CEILING
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
