"""Claim: from WARC to token shards, two workers do at least 1.7 times the work of one, and neither driver
nor worker needs a gigabyte, whatever the size of the input file.

    python benchmarks/throughput.py FILE.warc.gz [--copies 8] [--rounds 5]

Runs the bundled sample's config, but for what generates, over copies of a WARC: inline, on Ray
with one worker, and with two. The copies differ in their record ids, so that the documents that survive
deduplication come from all of them, as in a crawl. Prints captures per second of wall clock, from when the
run looks for work (Ray has started and stages are loaded by then) until it stops its executor, as the start
and the end of Ray take as long with any number of workers; the peak memory of driver and
workers; and whether the rows balance. Exits 1 if the median of the rounds is under the floor.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib import data as pages
from benchmarks.lib.warcs import with_other_ids
from benchmarks.lib.watched import watched

NEEDS = ("ray", "data:web/pages.warc.gz")
FLOORS = {"times one worker": 1.7}
FLOOR = FLOORS["times one worker"]
GIB = 1 << 30
RUN = (sys.executable, "-m", "pipeline", "run", "--config", "sample.yaml")
BLEND = "blend=[{phase: 1, weights: {english: 0.6, multilingual: 0.3, code: 0.1}}]"


def rows(output: Path) -> tuple[int, int, int]:
    """Captures read, rows that do not balance, and the peak memory of a worker, from stats and receipts."""
    datasets: dict[str, Any] = json.loads((output / "stats.json").read_text())["datasets"]
    missing = 0
    for dataset in datasets.values():
        for stage in dataset["stages"]:
            out = stage["kept"] + sum(stage["dropped"].values()) + sum(stage["failed"].values())
            missing += abs(stage["rows_in"] + stage["generated"] - out)
    receipts = output.glob("work/*/*/receipts/*.json")
    peak = max(json.loads(receipt.read_text())["peak_memory"] for receipt in receipts)
    return datasets["web"]["stages"][0]["rows_in"], missing, peak


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = pages.find("web/pages.warc.gz")
    parser.add_argument("warc", type=Path, nargs="?" if default else None, default=default)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="throughput-"))
    (folder / "in").mkdir()
    data = options.warc.read_bytes()
    for number in range(options.copies):
        (folder / "in" / f"{number}.warc.gz").write_bytes(with_other_ids(data, number))
    inputs = f"datasets.web.read.paths=['{folder}/in/*.warc.gz']"
    common = ["--set", inputs, "--set", "shards.tokens=10_000_000", "--set", BLEND]
    for dataset in ("generated", "phrases", "german"):  # generating takes as long as all the rest
        common += ["--set", f"datasets.{dataset}=null"]
    rates: dict[str, float] = {}
    good = True
    ratios: list[float] = []
    ways = {
        "inline": ("--executor", "inline"),
        "ray, 1 worker": ("--workers", "1"),
        "ray, 2 workers": ("--workers", "2"),
    }
    for name, how in [*ways.items(), *[*ways.items()][1:] * (options.rounds - 1)]:
        shutil.rmtree(folder / name, ignore_errors=True)
        output = ("--set", f"output={folder / name}")
        seconds, _, driver = watched([*RUN, *output, *common, *how])
        captures, missing, worker = rows(folder / name)
        rates[name] = captures / seconds
        largest = driver if name == "inline" else max(driver, worker)
        good &= missing == 0 and largest < GIB
        print(
            f"{name:15} {captures} captures  {seconds:6.1f} s  {rates[name]:6.1f} captures/s  "
            f"driver {driver >> 20} MiB  worker {worker >> 20} MiB  {missing} rows unaccounted for",
            flush=True,
        )
        if name == "ray, 2 workers":
            ratios.append(rates[name] / rates["ray, 1 worker"])
    shutil.rmtree(folder)
    one, two, ratio = rates["ray, 1 worker"], rates["ray, 2 workers"], statistics.median(ratios)
    print(f"throughput  2 workers {two:.1f}/s  1 worker {one:.1f}/s  ratio {ratio:.2f}  floor {FLOOR}")
    return 0 if good and ratio >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
