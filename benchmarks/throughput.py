"""Claim: from WARC to token shards, two workers do at least 1.7 times the work of one and 0.9 times what two
runs of their own do, and neither driver nor worker needs a gigabyte, whatever the size of the input file.

    python benchmarks/throughput.py FILE.warc.gz [--copies 8] [--rounds 5]

Runs the bundled sample's config, but for what generates, over copies of a WARC: inline, on Ray
with one worker, and with two. The copies differ in their record ids, so that the documents that survive
deduplication come from all of them, as in a crawl. Prints captures per second of wall clock, from when the
run looks for work (Ray has started and stages are loaded by then) until it stops its executor, as the start
and the end of Ray take as long with any number of workers; the peak memory of driver and
workers; and whether the rows balance.

Two cores seldom do twice the work of one: they share caches and memory, and a virtual machine its processor
with others. So in every round half of the copies is also run inline, alone and beside the other half: two
runs that know nothing of each other. What two workers do is compared with that, too. Exits 1 if the median of
the rounds is under a floor.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib import data as pages
from benchmarks.lib.warcs import with_other_ids
from benchmarks.lib.watched import watched

NEEDS = ("ray", "data:web/pages.warc.gz")
FLOORS = {"times one worker": 1.7, "of two runs of their own": 0.9}
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


def side_by_side(folder: Path, halves: list[list[str]]) -> float:
    """How much more two inline runs do at once than one alone, each over a half of the copies."""

    def seconds(half: int) -> float:
        output = folder / f"half{half}"
        shutil.rmtree(output, ignore_errors=True)
        run = watched([*RUN, "--executor", "inline", "--set", f"output={output}", *halves[half]])
        return run.working

    alone = seconds(0)
    with ThreadPoolExecutor(2) as pool:
        return 2 * alone / max(pool.map(seconds, range(2)))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = pages.find("web/pages.warc.gz")
    parser.add_argument("warc", type=Path, nargs="?" if default else None, default=default)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.copies < 2 or options.copies % 2:
        parser.error("--copies: an even number, as half of the copies is also run alone")
    folder = Path(tempfile.mkdtemp(prefix="throughput-"))
    (folder / "in").mkdir()
    data = options.warc.read_bytes()
    for number in range(options.copies):
        (folder / "in" / f"{number % 2}-{number}.warc.gz").write_bytes(with_other_ids(data, number))
    common = ["--set", "shards.tokens=10_000_000", "--set", BLEND]
    for dataset in ("generated", "phrases", "german"):  # generating takes as long as all the rest
        common += ["--set", f"datasets.{dataset}=null"]

    def over(copies: str) -> list[str]:
        return [*common, "--set", f"datasets.web.read.paths=['{folder}/in/{copies}.warc.gz']"]

    rates: dict[str, float] = {}
    good = True
    ratios: list[float] = []
    bounds: list[float] = []  # what two runs of their own do
    ways = {
        "inline": ("--executor", "inline"),
        "ray, 1 worker": ("--workers", "1"),
        "ray, 2 workers": ("--workers", "2"),
    }
    for name, how in [*ways.items(), *[*ways.items()][1:] * (options.rounds - 1)]:
        shutil.rmtree(folder / name, ignore_errors=True)
        output = ("--set", f"output={folder / name}")
        seconds, _, driver = watched([*RUN, *output, *over("*"), *how])
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
            bounds.append(side_by_side(folder, [over("0-*"), over("1-*")]))
            print(
                f"{'':15} {ratios[-1]:.2f} times one worker; two runs of their own {bounds[-1]:.2f}",
                flush=True,
            )
    shutil.rmtree(folder)
    shares = [ratio / bound for ratio, bound in zip(ratios, bounds, strict=True)]
    lines = {
        "times one worker": (rates["ray, 2 workers"], rates["ray, 1 worker"], ratios),
        "of two runs of their own": (statistics.median(ratios), statistics.median(bounds), shares),
    }
    for name, (ours, peer, rounds) in lines.items():
        median, floor = statistics.median(rounds), FLOORS[name]
        good &= median >= floor
        print(f"throughput, 2 workers, {name}  {ours:.2f}  {peer:.2f}  ratio {median:.2f}  floor {floor}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
