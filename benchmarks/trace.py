"""Claim: what became of a page is told in seconds, also by a run of 10,000 parts.

    python benchmarks/trace.py [--parts 10000] [--asked 5]

Makes a run of that many parts (JSON Lines of 8 documents, some of them copies), and asks by address for pages
that were kept, dropped as too short, and dropped as copies, each in a process of its own, which includes the
start of Python. Prints the slowest answer, and for comparison the time that looking through all parts takes;
exits 1 above the ceiling, or if an answer is not what the run's own rejects say.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline import layout
from pipeline.report.trace_index import columns
from pipeline.storage import Storage

NEEDS = ()
CEILINGS = {"seconds for one answer": 3.0}
CEILING = CEILINGS["seconds for one answer"]
ROWS = 8

CONFIG = """
name: trace
output: {folder}/out
datasets:
  web:
    read: {{format: jsonl, paths: ["{folder}/in/*.jsonl"]}}
    stages:
      - length: {{min_chars: 30}}
      - exact_dedup: {{}}
"""


def page(part: int, row: int) -> dict[str, str]:
    """A page; the first of a part is too short, the second has a copy in another part."""
    text = f"What page {row} of part {part} says is long enough to stay."
    if row == 0:
        text = "Short."
    if row == 1:
        text = f"A text that two parts have in common, number {part // 2}."
    return {"text": text, "url": f"https://site-{part}.example/page-{row}"}


def command(*arguments: str) -> tuple[str, float]:
    """What ``nanocorpus`` prints, and the seconds that it takes."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "nanocorpus", *arguments],
        check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.stdout, time.monotonic() - started


def expected(part: int, row: int, copies: dict[str, str]) -> str:
    """How the way of a page ends."""
    if row == 0:
        return "dropped by length: too_short"
    return copies.get(page(part, row)["url"], "kept")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, default=10_000)
    parser.add_argument("--asked", type=int, default=5)
    options = parser.parse_args()
    wrong, slowest = 0, 0.0
    with tempfile.TemporaryDirectory(prefix="trace-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for part in range(options.parts):
            lines = [json.dumps(page(part, row)) + "\n" for row in range(ROWS)]
            (folder / "in" / f"{part}.jsonl").write_text("".join(lines))
        config = folder / "config.yaml"
        config.write_text(CONFIG.format(folder=folder))
        _, seconds = command("run", "-c", str(config), "--executor", "inline")
        print(f"{options.parts:,} parts in {seconds:.0f} s", flush=True)
        copies: dict[str, str] = {}
        for path in folder.glob("out/work/web/02-*/rejects/*.parquet"):
            for table in columns(Storage(), str(path), ["url", "stage", "reason"]):
                copies |= {
                    row["url"]: f"dropped by {row['stage']}: {row['reason']}" for row in table.to_pylist()
                }
        asked = range(0, options.parts, max(1, options.parts // options.asked))
        for part in asked:
            for row in (0, 1, 2):
                said, seconds = command("trace", page(part, row)["url"], "-c", str(config), "--json")
                found: dict[str, Any] = json.loads(said)
                outcomes = [capture["outcome"] for capture in found["captures"]]
                wrong += outcomes != [expected(part, row, copies)]
                slowest = max(slowest, seconds)
        index = list(folder.glob("out/work/receipts/trace-*"))
        print(f"index: {sum(p.stat().st_size for p in index):,} bytes for {options.parts * ROWS:,} documents")
        (folder / "out" / layout.STATS).unlink()  # what a run looks like that is not finished
        manifest = folder / "out" / layout.MANIFEST
        _without(manifest, layout.STATS)
        said, through = command("trace", page(0, 2)["url"], "-c", str(config), "--json")
        wrong += json.loads(said)["indexed"]
    print(f"trace.seconds  {slowest:.2f}  {through:.2f}  {through / slowest:.1f}  {CEILING}")
    return int(wrong > 0 or slowest > CEILING)


def _without(manifest: Path, name: str) -> None:
    from pipeline.sealed import seal, unseal

    data = unseal(manifest.read_bytes())
    del data["files"][name]
    manifest.write_bytes(seal(data))


if __name__ == "__main__":
    sys.exit(main())
