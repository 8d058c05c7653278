"""Claim: code_v1.yaml makes shards of mirrors at 2 MB/s of one core, loses no file, and gives the same bytes.

Usage: ``python benchmarks/code_chain.py MIRRORS [--kills 10] [--ways inline,ray,killed]``: a folder with
``owner/name.git``. The recipe is run as it is but for its inputs, the tokenizer of the sample, and smaller
shards, and without questions, which need a model:

- inline: MB of files that were read per second of CPU, that of ``git`` included, by stage and as a whole, and
  what became of the files of each language. Every entry of every tree must be a document or one reject.
- on Ray with two workers, and on Ray struck by SIGKILL at random moments (driver, a worker, or all at once)
  and started again each time: sha256 over all parts, shards and reports must be those of the first.

Loops are compiled before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
NEEDS = ("git!", "ray", "data:code/mirrors")
FLOORS = {"MB/s of one core": 2.0}
CEILINGS = {"files that are not accounted for": 0, "ways that give other bytes": 0}
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

from chaos import run_with_kills
from runs import hashes, stats

from benchmarks.lib import data

#: Languages of which the attrition is printed, the largest first.
SHOWN = 16
_MB = 1e6


def options(folder: Path, mirrors: Path, name: str) -> list[str]:
    """Arguments of a run of the recipe over ``mirrors``."""
    settings = {
        "datasets.code.read.paths": f"['{mirrors}']",
        "tokenizer.path": str(ROOT / "configs/sample/tokenizer.json"),
        "shards.tokens": "2_000_000",
        "datasets.code_questions": "null",
        "blend.0.weights": "{code: 1.0}",
        "output": str(folder / name),
    }
    found = ["run", "--config", "code_v1.yaml"]
    for key, value in settings.items():
        found += ["--set", f"{key}={value}"]
    return found


def run(arguments: list[str], check: bool = True) -> None:
    """``nanocorpus`` with arguments. RuntimeError with what it said if it fails and that matters."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr[-3000:]}")


def cpu() -> float:
    """Seconds of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def entries(mirrors: Path) -> int:
    """Names in all trees, as git counts them."""
    total = 0
    for head in sorted(mirrors.glob("*/*.git/HEAD")):
        git = ["git", "-c", "safe.directory=*", "-C", str(head.parent), "ls-tree", "-r", "-z", "HEAD"]
        total += subprocess.run(git, check=True, capture_output=True).stdout.count(b"\0")
    return total


def documents(output: Path) -> list[tuple[bytes, str, int]]:
    """Id, language and bytes of every document that was read."""
    first = next(path for path in sorted((output / "work/code").iterdir()) if path.name.startswith("00-"))
    rows: list[tuple[bytes, str, int]] = []
    for path in sorted(first.glob("*.parquet")):
        table = pq.read_table(path, columns=["id", "code_language", "bytes"])
        names = [name or "(unknown)" for name in table["code_language"].to_pylist()]
        rows += zip(table["id"].to_pylist(), names, table["bytes"].to_pylist(), strict=True)
    return rows


def rejects(output: Path) -> list[tuple[bytes, str]]:
    """Id and reason of every reject."""
    rows: list[tuple[bytes, str]] = []
    for path in sorted((output / "work/code").glob("*/rejects/*.parquet")):
        table = pq.read_table(path, columns=["id", "stage", "reason"]).to_pylist()
        rows += ((row["id"], f"{row['stage']}/{row['reason']}") for row in table)
    return rows


def account(output: Path, mirrors: Path) -> int:
    """Print what became of the files; how many are not accounted for."""
    read, gone = documents(output), rejects(output)
    of = {id_: language for id_, language, _ in read}
    files, bytes_ = Counter(of.values()), Counter[str]()
    for _, language, size in read:
        bytes_[language] += size
    lost = Counter((of.get(id_), reason) for id_, reason in gone)
    kept = files - Counter(of[id_] for id_, _ in gone if id_ in of)
    print(f"{'language':20} {'files':>6} {'MB':>6} {'kept':>6}  dropped by")
    for language, size in bytes_.most_common(SHOWN):
        reasons = Counter({reason: n for (name, reason), n in lost.items() if name == language})
        shown = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common(5))
        print(f"{language:20} {files[language]:6} {size / _MB:6.1f} {kept[language]:6}  {shown}")
    unread = Counter({reason: n for (name, reason), n in lost.items() if name is None})
    print(
        f"{'(no document)':20} {sum(unread.values()):6}  " + ", ".join(f"{r} {n}" for r, n in unread.items())
    )
    ends = Counter(id_ for id_, _ in gone)
    again = sum(n - 1 for n in ends.values())
    missing = entries(mirrors) - len(read) - sum(unread.values())
    final = stats(output)["datasets"]["code"]["stages"][-1]["kept"]
    wrong = abs(missing) + again + abs(final - (len(read) - sum(id_ in of for id_ in ends)))
    print(
        f"code_chain/unaccounted  {wrong}  -  -  at most 0 (of {entries(mirrors)} entries, {final} documents)"
    )
    return wrong


def stages(output: Path) -> None:
    """Print the rows of every stage."""
    for stage in stats(output)["datasets"]["code"]["stages"]:
        why = {**stage["dropped"], **stage["failed"]}
        shown = ", ".join(f"{reason} {n}" for reason, n in sorted(why.items(), key=lambda one: -one[1]))
        print(f"  {stage['stage']:18} {stage['rows_in']:7} -> {stage['kept']:7}  {shown[:160]}")


def inline(folder: Path, mirrors: Path) -> tuple[float, int]:
    """MB/s of one core, and how many files are not accounted for."""
    small = folder / "small"
    one = min(mirrors.glob("*/*.git"), key=lambda path: sum(f.stat().st_size for f in path.rglob("*.pack")))
    (small / one.parent.name).mkdir(parents=True)
    (small / one.parent.name / one.name).symlink_to(one.resolve())
    run([*options(folder, small, "warm"), "--executor", "inline"], check=False)  # it may leave no tokens
    before, wall = cpu(), time.perf_counter()
    run([*options(folder, mirrors, "inline"), "--executor", "inline"])
    seconds, wall = cpu() - before, time.perf_counter() - wall
    output = folder / "inline"
    stages(output)
    wrong = account(output, mirrors)
    size = sum(bytes_ for _, _, bytes_ in documents(output)) / _MB
    floor = FLOORS["MB/s of one core"]
    rate = size / seconds
    note = f"{size:.1f} MB in {seconds:.0f} s of CPU, {wall:.0f} s of wall time"
    print(f"code_chain/rate  {rate:.2f} MB/s  -  {rate / floor:.2f}  {floor:.1f} MB/s ({note})", flush=True)
    return rate, wrong


def main() -> int:
    """Print the figures; 1 if one is beyond its bound."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mirrors", nargs="?", type=Path, default=data.find("code/mirrors"))
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--ways", default="inline,ray,killed")
    parser.add_argument("--window", type=float, default=25.0, help="seconds between two kills at most")
    asked = parser.parse_args()
    if asked.mirrors is None:
        parser.error(data.missing("code/mirrors"))
    mirrors = asked.mirrors.absolute()
    folder = Path(tempfile.mkdtemp(prefix="code-chain-"))
    rate, wrong = inline(folder, mirrors)
    expected = hashes(folder / "inline")
    others = 0
    for way in asked.ways.split(",")[1:]:
        arguments = [*options(folder, mirrors, way), "--workers", "2"]
        if way == "killed":
            struck = run_with_kills(arguments, asked.kills, seed=3, window=asked.window, patience=3600)
            note = f"{struck.kills} kills, {struck.starts} starts"
        else:
            run(arguments)
            note = "2 workers"
        found = hashes(folder / way)
        others += found != expected
        print(f"code_chain/{way}  {'same' if found == expected else 'DIFFERENT'}  {len(found)} files  {note}")
    shutil.rmtree(folder)
    return int(rate < FLOORS["MB/s of one core"] or wrong > 0 or others > 0)


if __name__ == "__main__":
    sys.exit(main())
