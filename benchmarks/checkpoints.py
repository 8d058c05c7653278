"""Claim: a part that keeps pieces of itself would spend more than it saves, unless workers die within hours.

    python benchmarks/checkpoints.py [FILE.warc.gz] [--pages 30000] [--every 60]

A part that is killed is done again from its start, so a kill costs half a part on average. A part that kept a
piece every minute would lose half a minute, and would have to write every piece durably and, since its files
have the same bytes however often it was killed, to read the pieces back and write them as one file. This
runs a part (reading, rendering, language) and then does that extra work with its documents; the write of the
whole file is not counted, since that is done anyway. Prints the CPU seconds of a part of so many pages, the
share that pieces would add to it, and how often a worker has to die, in hours, for pieces to pay; exits 1 if
they would pay with workers that live for longer than the ceiling.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console

from benchmarks.lib import data as pages
from pipeline import launch
from pipeline.config import schema
from pipeline.sealed import ParquetFile, Stored
from pipeline.storage import Storage
from pipeline.tasks.outputs import TableWriter, read_batches

NEEDS = ("data:web/pages.warc.gz",)
CEILINGS = {"hours between deaths of a worker at which pieces begin to pay": 4.0}
CEILING = CEILINGS["hours between deaths of a worker at which pieces begin to pay"]
BATCH_ROWS = 256

CONFIG = """
name: checkpoints
output: {folder}/out
datasets:
  web:
    read: {{format: warc, paths: ["{file}"]}}
    stages:
      - render: {{content: main}}
      - language: {{min_score: 0.3}}
"""


def extra(part: Path, folder: Path, pieces: int) -> tuple[float, int]:
    """CPU seconds to write the documents of a part in pieces that survive, and to read those back; and their
    bytes."""
    storage = Storage()
    documents = ParquetFile(storage, Stored(str(part)))
    rows = documents.metadata.num_rows
    tables = list(read_batches(documents, documents.schema, BATCH_ROWS))
    started, written = time.process_time(), 0
    paths = []
    for number in range(pieces):
        path = folder / f"piece-{number}.parquet"
        writer = TableWriter(path, documents.schema)
        while tables and writer.rows < rows / pieces:
            writer.add(tables.pop(0))
        written += writer.close()[0]
        with path.open("rb") as file:
            os.fsync(file.fileno())
        paths.append(path)
    for path in paths:
        piece = ParquetFile(storage, Stored(str(path)))
        for _ in read_batches(piece, piece.schema, BATCH_ROWS):
            pass
    return time.process_time() - started, written


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--pages", type=int, default=30_000)
    parser.add_argument("--every", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="checkpoints-") as name:
        folder = Path(name)
        config = folder / "config.yaml"
        file = options.file or pages.need("web/pages.warc.gz")
        config.write_text(CONFIG.format(folder=folder, file=file))
        started = time.process_time()
        found = launch.run(schema.read(config, ["execution.executor=inline"]), Console(quiet=True))
        seconds = time.process_time() - started
        read = found["datasets"]["web"]["stages"][0]["kept"]
        part = next(folder.glob("out/work/web/00-*/part-*.parquet"))
        whole = seconds * options.pages / read
        more, size = extra(part, folder, max(1, round(seconds / options.every)))
    share = more / seconds
    saved = (whole - options.every) / 2
    hours = saved / share / 3600
    print(f"{read:,} pages in {seconds:.1f} s of CPU; {size / 1e6:.1f} MB of pieces took {more:.2f} s")
    print(f"a part of {options.pages:,} pages: {whole:.0f} s; a kill costs {whole / 2:.0f} s on average")
    print(f"checkpoints.share_%  {100 * share:.2f}  -  -  -")
    print(f"checkpoints.hours  {hours:.1f}  -  -  {CEILING}")
    for often, label in ((1, "an hour"), (24, "a day"), (720, "a month")):
        without, kept = (100 * lost / 2 / 3600 / often for lost in (whole, options.every))
        print(f"one death {label}: {without:.3f} % of the work is lost; with pieces {kept:.3f} %")
    return int(hours > CEILING)


if __name__ == "__main__":
    sys.exit(main())
