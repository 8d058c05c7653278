"""Claim: another threshold costs a small part of the first run: what was measured is read again, and no WARC.

    python benchmarks/rethreshold.py FILE.warc.gz [--copies 4]

Runs render, language, signals and the rules of Nemotron-CC over copies of a WARC, changes one number in
the rule file, and runs again. Prints for each segment how many parts were done again, and the seconds of both
runs; exits 1 if a segment that measures was done again, or under the floor.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib import data as pages
from benchmarks.lib.warcs import with_other_ids

ROOT = Path(__file__).resolve().parent.parent
NEEDS = ("data:web/pages.warc.gz",)
FLOORS = {"times the seconds of the second run": 8.0}
FLOOR = FLOORS["times the seconds of the second run"]

CONFIG = """
name: rethreshold
output: {folder}/out
limits: {{max_failed: 0.1}}
datasets:
  web:
    read: {{format: warc, paths: ["{folder}/in/*.warc.gz"]}}
    stages:
      - render: {{content: main}}
      - language: {{min_score: 0.3}}
      - signals: {{}}
      - heuristics: {{rules: rules.yaml}}
"""


def run(config: Path) -> float:
    started = time.monotonic()
    command = [sys.executable, "-m", "pipeline", "run", "--config", str(config), "--executor", "inline"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    return time.monotonic() - started


def parts(output: Path) -> dict[str, dict[Path, int]]:
    """Parquet files of documents by segment, with the time that each was written."""
    found: dict[str, dict[Path, int]] = {}
    for path in sorted(output.glob("work/web/*/part-*.parquet")):
        found.setdefault(path.parent.name, {})[path] = path.stat().st_mtime_ns
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = pages.find("web/pages.warc.gz")
    parser.add_argument("warc", type=Path, nargs="?" if default else None, default=default)
    parser.add_argument("--copies", type=int, default=4)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="rethreshold-"))
    (folder / "in").mkdir()
    data = options.warc.read_bytes()
    for number in range(options.copies):
        (folder / "in" / f"{number}.warc.gz").write_bytes(with_other_ids(data, number))
    config, rules = folder / "config.yaml", folder / "rules.yaml"
    config.write_text(CONFIG.format(folder=folder))
    text = (ROOT / "configs/rules/nemotron_cc_en.yaml").read_text()
    rules.write_text(text)
    run_first = run(config)
    before = parts(folder / "out")
    changed = re.sub(r"(signal: nemotron_words, min: )\d+", r"\g<1>60", text)
    assert changed != text, "the rule that is to change is not there"
    rules.write_text(changed)
    run_second = run(config)
    after = parts(folder / "out")
    assert list(before) == list(after)
    measured_again = False
    for index, (segment, written) in enumerate(after.items()):
        again = [path for path in written if before[segment].get(path) != written[path]]
        size = sum(path.stat().st_size for path in again)
        print(f"{segment:32} {len(written)} parts, {len(again)} done again, {size:,} bytes written")
        measured_again |= bool(again) and index < len(after) - 1
    read = sum(path.stat().st_size for path in list(after.values())[-2])
    print(f"inputs {len(data) * options.copies:,} bytes; the second run read {read:,} bytes of documents")
    ratio = run_first / run_second
    print(f"rethreshold.seconds  {run_second:.1f}  {run_first:.1f}  {ratio:.1f}  {FLOOR}")
    shutil.rmtree(folder)
    return int(measured_again or ratio < FLOOR)


if __name__ == "__main__":
    sys.exit(main())
