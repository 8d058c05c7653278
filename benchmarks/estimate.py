"""Claim: from a dry run of some pages, ``nanocorpus estimate`` foretells what ten times as many other pages
take, in seconds of the processor and in bytes read, written and shuffled, within 15 %.

    python benchmarks/estimate.py FILE.warc.gz [--times 10] [--share 1.0] [--keep FOLDER]

Divides the captures of a WARC into two halves: of two that come after each other by size, a hash tells which
goes where, so that a byte of input means about as much in both. (A thousand pages that are drawn by chance
differ by more than a tenth in that, which is not the estimate's fault: its spread says so. The files of a
crawl have tens of thousands.) The dry run reads the pages of one half, in four files; the run reads the pages
of the other, ten times. Copies as they are would be duplicates; so in each
the words of every text have another order (``benchmarks.lib.warcs.with_other_order``), in those of the dry
run too: pages of one copy are as much alike as the real ones, and those of different copies are not, so
deduplication drops what it drops of other pages of a crawl. Pages in which words cannot be told apart are
left out. The chain is that of the bundled sample, but for what generates and for code, which has inputs of
its own.

Seconds and bytes read are what the system counts for the process of the run, with the start of Python; of
those read, what a dry run over one page of each file reads is taken off (Python, models). Bytes written and
shuffled are those of the files of the output. ``--share`` takes a part of the pages, for a quick look. Exits
1 if a number is off by more.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib import data as pages
from benchmarks.lib.warcs import captures, mixable, with_other_order

NEEDS = ("data:web/pages.warc.gz",)
CEILINGS = {"share by which an estimate is off": 0.15}
CEILING = CEILINGS["share by which an estimate is off"]
FILES = 4  # of the dry run
SETTINGS = (
    "limits.document_seconds=600",  # where loops are compiled on a busy machine
    "shards.tokens=1_000_000",
    "blend=[{phase: 1, weights: {english: 0.6, multilingual: 0.4}}]",
    *(f"datasets.{name}=null" for name in ("code", "generated", "phrases", "german")),
)


class Took(NamedTuple):
    """What a command printed, seconds of the processor, and bytes that its process read."""

    said: str
    seconds: float
    read: int


def command(*arguments: str) -> Took:
    """Call ``nanocorpus``."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "nanocorpus", *arguments],
            stdout=out, stderr=log, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its counts are there until the next call
        counted = re.search(r"rchar: (\d+)", Path(f"/proc/{process.pid}/io").read_text())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        log.seek(0)
        said = out.read()
        assert process.returncode == 0, f"failed: {process.args}\n{log.read()}"
    assert counted is not None
    return Took(said, usage.ru_utime + usage.ru_stime, int(counted[1]))


def prepare(warc: Path, folder: Path, times: int, share: float) -> None:
    """The inputs of the dry run and of the run."""
    halves: tuple[list[bytes], list[bytes]] = [], []
    chosen = [one for one in captures(warc.read_bytes()) if one[1] % 1000 < 1000 * share and mixable(one[0])]
    chosen.sort(key=lambda one: (len(one[0]), one[1]))
    for (first, number), (second, _) in zip(chosen[::2], chosen[1::2], strict=False):
        halves[number // 1000 % 2].append(first)
        halves[1 - number // 1000 % 2].append(second)
    for half in halves:
        half.sort(key=zlib.crc32)
    few = {number: halves[0][number::FILES] for number in range(FILES)}
    many = {1 + number: halves[1] for number in range(times)}
    for name, files in {"dry": few, "in": many}.items():
        (folder / name).mkdir(parents=True)
        for number, half in files.items():
            mixed = b"".join(with_other_order(one, number if name == "in" else 0) for one in half)
            (folder / name / f"{number:03}.warc.gz").write_bytes(mixed)


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
        if not (folder / "in").exists():
            prepare(options.warc, folder, options.times, options.share)
        return measure(folder)


def measure(folder: Path) -> int:
    """Dry run, estimate, run; what is off by how much."""

    def of(name: str) -> tuple[str, ...]:
        settings = (*SETTINGS, f"datasets.web.read.paths=['{folder}/{name}/*.warc.gz']")
        return ("--config", "sample.yaml", *(word for one in settings for word in ("--set", one)))

    inline, out = ("--executor", "inline"), f"output={folder}/out"
    # loops are compiled once for a machine, and not for a run
    command("run", *of("dry"), *inline, "--dry-run", "--records", "20", "--set", f"output={folder}/warm")
    least = command(
        "run", *of("dry"), *inline, "--dry-run", "--records", "1", "--set", f"output={folder}/least"
    )
    dry = command("run", *of("dry"), *inline, "--dry-run", "--records", "1000000", "--set", out)
    print(f"dry run: {dry.seconds:.1f} s of the processor", flush=True)
    said = command("estimate", *of("in"), "--set", out, "--cores", "1", "--json").said
    (folder / "estimate.json").write_text(said)
    totals: Mapping[str, Any] = json.loads(said)["totals"]
    took = command("run", *of("in"), *inline, "--set", out)
    output = folder / "out"
    stages = json.loads((output / "stats.json").read_text())["datasets"]["web"]["stages"]
    before = json.loads((output / "dry-run/stats.json").read_text())["datasets"]["web"]["stages"]
    for now, then in zip(stages, before, strict=True):
        if "dedup" in now["stage"]:
            shares = [sum(one["dropped"].values()) / one["rows_in"] for one in (then, now)]
            print(f"{now['stage']}: dropped {shares[0]:.1%} in the dry run, {shares[1]:.1%} in the run")
    good = True
    real = {
        "cpu_hours": took.seconds,
        "read": took.read - least.read,
        "written": written(output),
        "shuffled": shuffled(output),
    }
    print(f"{'':24}{'estimate':>14}{'took':>14}{'ratio':>8}{'ceiling':>9}  spread of its own")
    for name, value in real.items():
        total, unit = totals[name], 3600 if name == "cpu_hours" else 1
        ratio, low, high = (total[one] * unit / value for one in ("value", "low", "high"))
        label = "cpu_seconds" if name == "cpu_hours" else f"{name}_bytes"
        print(
            f"estimate.{label:15}{total['value'] * unit:14,.0f}{value:14,.0f}{ratio:8.3f}{CEILING:9}"
            f"  {low:.2f} to {high:.2f}"
        )
        good &= abs(ratio - 1) <= CEILING
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
