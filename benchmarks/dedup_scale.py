"""Claim: band keys of millions of documents become clusters and verdicts in bounded memory and time.

    python benchmarks/dedup_scale.py [--documents 1250000 2500000 5000000] [--ways one-process stars]

The documents are synthetic and so are their band keys, 20 each: a document shares each band of its
cluster's with probability s^13, s = 0.95. Cluster sizes have a heavy tail (Zipf, exponent 2; the largest
holds some 2 % of all). Everything after that is the real thing: run files, exchange, rounds, verdicts, by the
inline executor on one core, in a process that may not have more than 2 GiB of data (``RLIMIT_DATA``).

Prints, per number of documents and way: seconds from the first round to the last verdict (in brackets those
of the map before and of the applying after it, which read and write documents), peak memory, bytes written
to the exchange, documents that stay; and the seconds of each round. Fails where a run needs more than the
limit, grows faster than the corpus, or keeps another number of documents than connected components of all
keys in memory would.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).parent)]

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import schema as configuration
from pipeline.execute.inline import InlineExecutor
from pipeline.ledger.commit import Ledger
from pipeline.ledger.receipts import Receipt
from pipeline.plan import build as planning
from pipeline.schedule.groups import groups
from pipeline.schedule.loop import Schedule
from pipeline.schedule.state import Group
from pipeline.storage import Storage
from pipeline.tasks.base import Context, Task
from stages.base import DOCUMENT, Batch, Input, Reader, StageConfig
from stages.base import Storage as ReaderStorage
from stages.dedup.fuzzy import FuzzyDedup

#: What it needs, and the most that there may be.
NEEDS = ("scipy",)
CEILINGS = {"GiB": 2, "times the seconds for twice the documents": 2.6, "documents kept wrongly": 0}
LIMIT = CEILINGS["GiB"] << 30
PART = 100_000
BANDS, SHARED = 20, 0.95**13
GROWTH = CEILINGS["times the seconds for twice the documents"]
WAYS = {"one-process": 20_000_000, "stars": 0}

CONFIG = """
name: scale
output: {output}
execution: {{executor: inline}}
datasets:
  web:
    read: {{format: "dedup_scale:Synthetic", documents: {documents}}}
    stages:
      - dedup_scale:Keyed: {{single_process_edges: {edges}}}
"""


def clusters(first: int, count: int, documents: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """uint64[count]: the cluster of each document from ``first`` on; most clusters have one document."""
    noise = _hash(np.arange(first, first + count, dtype=np.uint64), 1)
    uniform = (noise >> np.uint64(11)) / float(1 << 53)
    # inverse of the tail of a Zipf law over cluster numbers: number k with probability about 1 / k^2 above 50
    ranks = (50 / np.maximum(uniform, 1e-12)).astype(np.uint64)
    alone = np.arange(first, first + count, dtype=np.uint64) + np.uint64(1 << 40)
    return np.where(_hash(alone, 2) % np.uint64(10) < 4, ranks, alone)


def keys(first: int, count: int, documents: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """uint64[count, 20]: band keys."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    cluster = clusters(first, count, documents)
    columns = []
    for band in range(BANDS):
        drawn = (_hash(numbers, 100 + band) >> np.uint64(11)) / float(1 << 53) < SHARED
        columns.append(_hash(np.where(drawn, cluster, numbers + np.uint64(1 << 50)), 200 + band))
    return np.stack(columns, axis=1)


def _hash(values: np.ndarray[Any, np.dtype[np.uint64]], salt: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """splitmix64 (Steele et al. 2014)."""
    start = np.uint64(salt * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    value = (values + start) * np.uint64(0xD6E8FEB86659FD93)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


class SyntheticConfig(StageConfig):
    """How many documents in all."""

    source: str = ""
    documents: int


class Synthetic(Reader):
    """Documents whose text is their number."""

    name = "synthetic"
    Config = SyntheticConfig

    def list(self, storage: ReaderStorage) -> list[Input]:
        """Inputs of ``PART`` documents each."""
        here = storage.glob(__file__)[0]
        starts = range(0, self.config.documents, PART)
        return [Input(here.path, "synthetic", here.size, here.etag, start, start + PART) for start in starts]

    def read(self, item: Input, storage: ReaderStorage, limit: int | None = None) -> Iterator[Batch]:
        """In batches of 10,000."""
        assert item.stop is not None
        for start in range(item.start, min(item.stop, self.config.documents), 10_000):
            numbers = np.arange(start, min(start + 10_000, item.stop, self.config.documents), dtype=np.uint64)
            halves = np.stack([_hash(numbers, 3), numbers], axis=1).astype(">u8")
            ids = pa.Array.from_buffers(pa.binary(16), len(numbers), [None, pa.py_buffer(halves)])
            columns: dict[str, Any] = {field.name: pa.nulls(len(numbers), field.type) for field in DOCUMENT}
            columns |= {"id": ids, "text": pa.array(numbers).cast(pa.string())}
            yield Batch(pa.table(columns, schema=DOCUMENT))


class Keyed(FuzzyDedup):
    """Fuzzy dedup of which only the band keys are made up."""

    name = "keyed"
    documents: ClassVar[int] = 0

    def map(self, batch: pa.Table) -> pa.Table:
        """See ``keys``."""
        numbers = batch.column("text").cast(pa.uint64()).to_numpy()
        found = keys(int(numbers[0]), len(numbers), 0)
        assert int(numbers[-1]) == int(numbers[0]) + len(numbers) - 1
        rows = np.repeat(np.arange(len(numbers), dtype=np.uint32), BANDS)
        return pa.table({"key": found.reshape(-1), "row": rows})


class Watch:
    """When groups began and ended, what they wrote to the exchange, and the largest memory."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.shuffled = self.peak = 0

    def begin(self, group: Group, total: int, reused: int) -> None:
        """See ``schedule.Progress``."""
        self.began[group.key] = self.ended[group.key] = time.perf_counter()

    def end(self, group: Group, task: Task, receipt: Receipt) -> None:
        """See ``schedule.Progress``."""
        self.ended[group.key] = time.perf_counter()
        self.shuffled += sum(file.size for file in receipt.files if file.name.endswith(".runs"))
        self.peak = max(self.peak, receipt.peak_memory)

    def start(self, group: Any, task: Any) -> None:
        """Nothing to show."""

    def stop(self, task: Any) -> None:
        """Nothing to show."""

    def doubled(self, task: Any, seconds: float, usual: float) -> None:
        """Nothing to show."""


def measure(documents: int, way: str, folder: str) -> dict[str, Any]:
    """One run, in this process, which gets the limit."""
    path = Path(folder) / "scale.yaml"
    output = Path(folder) / "out"
    path.write_text(CONFIG.format(output=output, documents=documents, edges=WAYS[way]))
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    config = configuration.read(path)
    storage = Storage(config.storage)
    plan = planning.build(config, storage)
    ledger = Ledger(storage, config.output, "benchmark")
    ledger.take_over()
    watch = Watch()
    context = Context(config.output, ledger.token, config.storage, config.seed, 600.0)
    schedule = Schedule(groups(plan), ledger, config.limits, watch)
    schedule.run(InlineExecutor(context))
    names = list(watch.began)
    first = next(i for i, name in enumerate(names) if name.endswith("/edges"))
    kept = sum(pq.read_metadata(file).num_rows for file in output.glob("work/web/01-*/*.parquet"))
    rounds = {n.rpartition("/")[2]: round(watch.ended[n] - watch.began[n], 1) for n in names[first:-1]}
    return {
        "seconds": watch.ended[names[-2]] - watch.began[names[first]],
        "map": watch.ended[names[0]] - watch.began[names[0]],
        "apply": watch.ended[names[-1]] - watch.began[names[-1]],
        "peak": watch.peak,
        "shuffled": watch.shuffled,
        "kept": kept,
        "rounds": rounds,
    }


def expected(documents: int) -> int:
    """How many documents stay, from all keys in memory at once, by an algorithm that shares nothing."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    found = np.concatenate([keys(s, min(PART, documents - s), 0) for s in range(0, documents, PART)])
    left, right = [], []
    for band in range(BANDS):
        order = np.argsort(found[:, band], kind="stable")
        same = found[order[1:], band] == found[order[:-1], band]
        left.append(order[1:][same].astype(np.int32))
        right.append(order[:-1][same].astype(np.int32))
    edges = (np.concatenate(left), np.concatenate(right))
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(documents, documents))
    return int(connected_components(graph, directed=False, return_labels=False))


def _run(function: Any, *arguments: Any) -> Any:
    """In a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def main() -> int:
    """Run all sizes and ways."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--documents", type=int, nargs="+", default=[1_250_000, 2_500_000, 5_000_000])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options = parser.parse_args()
    failed = False
    before: dict[str, float] = {}
    print(
        "documents  way          seconds  (map apply)  keys/s  peak MiB  exchange MiB  bytes/document  kept"
    )
    for documents in options.documents:
        wanted = _run(expected, documents)
        for way in options.ways:
            with tempfile.TemporaryDirectory() as folder:
                found = _run(measure, documents, way, folder)
            seconds, shuffled = found["seconds"], found["shuffled"]
            print(
                f"{documents:<9,}  {way:<11}  {seconds:7.1f}  ({found['map']:.0f} {found['apply']:.0f})  "
                f"{documents * BANDS / seconds / 1e6:4.2f} M  {found['peak'] / 2**20:8,.0f}  "
                f"{shuffled / 2**20:12,.0f}  {shuffled / documents:14,.0f}  {found['kept']:,}"
            )
            print(f"           {json.dumps(found['rounds'])}")
            growth = seconds / before[way] if way in before else 0.0
            before[way] = seconds
            if found["kept"] != wanted:
                print(f"FAILED: {wanted:,} documents should stay")
                failed = True
            if found["peak"] > LIMIT or growth > GROWTH:
                print(f"FAILED: peak memory, or {growth:.2f} x the seconds of the size before")
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
