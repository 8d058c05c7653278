"""Claim: the WARC reader, with damage checks, character sets and Arrow batches, beats warcio's bare loop.

Usage: ``python benchmarks/warc_reader.py FILE.warc.gz`` (extra ``[bench]``). Both sides run in turn in
this process on one core; the rates are responses per second of CPU time, best of five. warcio only
finds the responses and reads their payloads. Also printed, without a floor: fastwarc's bare loop,
which is the limit for a reader that is built on it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fastwarc.warc import ArchiveIterator, WarcRecordType

from benchmarks.lib import data
from benchmarks.lib.pages import OneFile
from stages.read.warc import Warc, WarcConfig

NEEDS = ("warcio", "data:web/pages.warc.gz")
FLOORS = {"times warcio": 1.2}
FLOOR = FLOORS["times warcio"]
ROUNDS = 5


def ours(path: str) -> int:
    """Records that the reader accounts for."""
    reader = Warc(WarcConfig(paths=[path]))
    storage = OneFile()
    (item,) = reader.list(storage)
    return sum(batch.documents.num_rows + len(batch.rejects) for batch in reader.read(item, storage))


def fastwarc(path: str) -> int:
    """Responses whose payloads were read."""
    responses = 0
    with open(path, "rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
            record.reader.read()
            responses += 1
    return responses


def warcio(path: str) -> int:
    """Responses whose payloads were read."""
    from warcio.archiveiterator import ArchiveIterator as WarcioIterator

    responses = 0
    with open(path, "rb") as file:
        for record in WarcioIterator(file):
            if record.rec_type == "response":
                record.content_stream().read()
                responses += 1
    return responses


def main() -> int:
    """Print the ratios; 1 if the one to warcio is under its floor."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = data.find("web/pages.warc.gz")
    parser.add_argument(
        "file", help="a WARC file, gzip per record", nargs="?" if default else None, default=default
    )
    path = str(parser.parse_args().file)
    if importlib.util.find_spec("warcio") is None:
        print("warcio is not installed: pip install 'nanocorpus[bench]'", file=sys.stderr)
        return 2
    sides: dict[str, Callable[[str], int]] = {"ours": ours, "warcio": warcio, "fastwarc": fastwarc}
    best = dict.fromkeys(sides, 0.0)
    for _ in range(ROUNDS):
        for name, side in sides.items():
            start = time.process_time()
            responses = side(path)
            best[name] = max(best[name], responses / (time.process_time() - start))
    for peer, floor in (("warcio", FLOOR), ("fastwarc", 0.0)):
        ratio = best["ours"] / best[peer]
        print(f"warc_reader/{peer}  {best['ours']:.0f}/s  {best[peer]:.0f}/s  {ratio:.2f}  {floor:.2f}")
    return int(best["ours"] / best["warcio"] < FLOOR)


if __name__ == "__main__":
    sys.exit(main())
