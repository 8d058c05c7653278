"""Claim: what became of a page is told in seconds, also by a run of 10,000 parts.

    python benchmarks/trace.py [--parts 10000] [--asked 5]

Writes what a run of that many parts leaves (JSON Lines of 8 documents, some of them copies) without running
it, in one process and without waiting for the disk, and asks by address for pages that were kept, dropped as
too short, and dropped as copies, each in a process of its own, which includes the start of Python. For 40
parts it is first compared with a real run: every document, reject and answer must be the same. Prints the
slowest answer, and for comparison the time that looking through all parts takes; exits 1 above the ceiling,
or if an answer is not the page's fate.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.config import schema
from pipeline.launch import make_plan
from pipeline.ledger.commit import Ledger
from pipeline.ledger.ownership import Manifest
from pipeline.ledger.receipts import DOCUMENTS, REJECTS, File, Receipt
from pipeline.ledger.tallies import Tally
from pipeline.plan.recipe import open_stage
from pipeline.report import trace_index
from pipeline.report.trace_index import Origin
from pipeline.sealed.parquet import ParquetWriter
from pipeline.storage import Storage
from pipeline.tasks.outputs import REJECT

NEEDS = ()
CEILINGS = {"seconds for one answer": 3.0}
CEILING = CEILINGS["seconds for one answer"]
ROWS = 8
COPY = "dropped by exact_dedup: exact_duplicate"
COMPARED = 40  # parts of the real run

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


def inputs(folder: Path, parts: int) -> Path:
    """The inputs and the config of a run; returns the config."""
    (folder / "in").mkdir(parents=True)
    for part in range(parts):
        lines = [json.dumps(page(part, row)) + "\n" for row in range(ROWS)]
        (folder / "in" / f"{part}.jsonl").write_text("".join(lines))
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(folder=folder))
    return config


class Output:
    """The output of a run as it is left, written without running."""

    def __init__(self, config: Path) -> None:
        self.storage = Storage()
        self.plan = make_plan(schema.read(config, []), self.storage)
        self.ledger = Ledger(self.storage, self.plan.config.output, "made up", self.plan.config.name)
        self.read, self.short, self.copies = self.plan.segments.values()
        self.dropped: set[str] = set()

    def write(self) -> None:
        """Everything but the rounds and the accounts."""
        assert self.read.reader is not None
        reader = open_stage(self.read.reader, self.plan.config.storage)
        length = open_stage(self.short.steps[0], self.plan.config.storage)
        for segment in self.plan.segments.values():
            for directory in ("receipts", "rejects"):
                Path(self.ledger.path(f"{segment.directory}/{directory}")).mkdir(parents=True)
        tables = {}
        for part, item in self.plan.inputs["web"]:
            tables[part] = pa.concat_tables([batch.documents for batch in reader.read(item, self.storage)])
        copies = of_each_text(tables.values())
        origins = []
        for part, table in tables.items():
            files = self.part(self.read, part, table, [])
            origins.append(Origin(self.read.key, part, trace_index.origin_files(files)))
            lost = [(row, "length", fault) for row, fault in enumerate(length.judge(table)) if fault]
            table, rejects = split(table, [(row, at, fault.reason, fault.detail) for row, at, fault in lost])
            self.part(self.short, part, table, rejects)
            table, rejects = split(*judged(table, copies))
            self.dropped |= {row["url"] for row in rejects}
            self.part(self.copies, part, table.cast(self.copies.output), rejects)
        self.ledger.take_over()
        manifest = Manifest(self.plan.config.name, {})
        index = trace_index.make(self.storage, self.ledger.output, origins)
        plan = json.dumps(self.plan.as_json(), default=str).encode()
        manifest.put(self.ledger, {layout.PLAN: plan, layout.STATS: b"{}", **dict(index)})
        self.ledger.release()

    def fate(self, part: int, row: int) -> str:
        """How the way of a page ends."""
        if row == 0:
            return "dropped by length: too_short"
        return COPY if page(part, row)["url"] in self.dropped else "kept"

    def part(self, segment: Any, part: str, table: pa.Table, rejects: list[dict[str, Any]]) -> list[File]:
        """The files of a part and its receipt."""
        name = layout.documents(segment.directory, part)
        files = [File(DOCUMENTS, name, *self.table(name, table))]
        labels = [recipe.label for recipe in (segment.reader, segment.judge, *segment.steps) if recipe]
        tallies = [Tally(label, rows_in=len(table), kept=len(table)) for label in labels]
        if rejects:
            name = layout.rejects(segment.directory, part)
            files.append(File(REJECTS, name, *self.table(name, pa.Table.from_pylist(rejects, REJECT))))
            tallies[0].rows_in += len(rejects)
            tallies[0].dropped.update(row["reason"] for row in rejects)
        name = layout.receipt(segment.directory, part)
        receipt = Receipt("made up", run="trace", name=name, tallies=tallies, files=files)
        Path(self.ledger.path(name)).write_bytes(receipt.as_bytes())
        return files

    def table(self, name: str, table: pa.Table) -> tuple[int, str, str]:
        """A Parquet file as parts have it."""
        writer = ParquetWriter(Path(self.ledger.path(name)), table.schema)
        writer.write(table.combine_chunks())
        return writer.close()


def texts(table: pa.Table) -> tuple[list[str], list[bytes]]:
    """Texts and ids."""
    return table["text"].to_pylist(), table["id"].to_pylist()


def of_each_text(tables: Iterable[pa.Table]) -> dict[str, list[bytes]]:
    """Ids of the documents with a text, in order."""
    found: dict[str, list[bytes]] = {}
    for table in tables:
        for text, identity in zip(*texts(table), strict=True):
            found.setdefault(text, []).append(identity)
    return {text: sorted(ids) for text, ids in found.items()}


def judged(
    table: pa.Table, copies: dict[str, list[bytes]]
) -> tuple[pa.Table, list[tuple[int, str, str, str]]]:
    """What ``exact_dedup`` adds to documents, and which it drops."""
    lost, columns = [], list[tuple[bytes | None, int]]()
    for row, (text, identity) in enumerate(zip(*texts(table), strict=True)):
        first, number = copies[text][0], len(copies[text])
        columns.append((first if number > 1 else None, number))
        if identity != first:
            lost.append((row, "exact_dedup", "exact_duplicate", first.hex()))
    clusters, counts = zip(*columns, strict=True)
    for name, column in (
        ("dedup.exact_cluster", pa.array(clusters, pa.binary(16))),
        ("dedup.exact_copies", pa.array(counts, pa.int64())),
    ):
        table = table.append_column(name, column)
    return table, lost


def split(table: pa.Table, lost: list[tuple[int, str, str, str]]) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Documents that stay, and rejects of the rows that do not."""
    rejects = []
    for row, stage, reason, detail in lost:
        known = table.slice(row, 1).select(["id", "url", "provenance"]).to_pylist()[0]
        rejects.append({**known, "stage": stage, "kind": "dropped", "reason": reason, "detail": detail})
    gone = {row for row, *_ in lost}
    return table.take([row for row in range(len(table)) if row not in gone]), rejects


def answers(config: Path, parts: Iterable[int]) -> Iterator[tuple[int, int, dict[str, Any], float]]:
    """Part, row, what is told of the page, and the seconds until then."""
    for part in parts:
        for row in (0, 1, 2):
            said, seconds = command("trace", page(part, row)["url"], "-c", str(config), "--json")
            yield part, row, json.loads(said), seconds


def compared(folder: Path) -> int:
    """How much of a made-up output is not as a real run leaves it."""
    real, made = (inputs(folder / name, COMPARED) for name in ("real", "made"))
    command("run", "-c", str(real), "--executor", "inline")
    Output(made).write()
    wrong = 0
    tables = [
        {str(path.relative_to(config.parent)): pq.read_table(path)
         for path in config.parent.glob("out/work/*/*/**/part-*.parquet")}
        for config in (real, made)
    ]  # fmt: skip
    wrong += tables[0] != tables[1] or len(tables[0]) < 3 * COMPARED
    for one, other in zip(*(answers(config, (0, 1)) for config in (real, made)), strict=True):
        wrong += one[2] != other[2]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, default=10_000)
    parser.add_argument("--asked", type=int, default=5)
    options = parser.parse_args()
    slowest = 0.0
    with tempfile.TemporaryDirectory(prefix="trace-") as name:
        folder = Path(name)
        wrong = compared(folder)
        print(f"{COMPARED} parts as a run leaves them: {'no' if wrong else 'yes'}", flush=True)
        started, busy = time.monotonic(), time.process_time()
        config = inputs(folder / "large", options.parts)
        output = Output(config)
        output.write()
        started, busy = time.monotonic() - started, time.process_time() - busy
        print(f"{options.parts:,} parts written in {started:.0f} s, {busy:.0f} s of CPU", flush=True)
        asking, busy = 0, os.times()
        asked = range(0, options.parts, max(1, options.parts // options.asked))
        for part, row, found, seconds in answers(config, asked):
            outcomes = [capture["outcome"] for capture in found["captures"]]
            wrong += outcomes != [output.fate(part, row)] or not found["indexed"]
            slowest = max(slowest, seconds)
            asking += 1
        now = os.times()
        busy = now.children_user + now.children_system - busy.children_user - busy.children_system
        print(f"{asking} answers, {busy / asking:.2f} s of CPU each", flush=True)
        index = list(config.parent.glob("out/work/receipts/trace-*"))
        print(f"index: {sum(p.stat().st_size for p in index):,} bytes for {options.parts * ROWS:,} documents")
        (config.parent / "out" / layout.STATS).unlink()  # what a run looks like that is not finished
        _without(config.parent / "out" / layout.MANIFEST, layout.STATS)
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
