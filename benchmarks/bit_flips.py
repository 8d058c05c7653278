"""Claim: no flipped bit in a file of a run goes unnoticed; what is noticed is made again, or named.

Runs the bundled sample, then flips single bits at random places of documents, rejects, run files and shards,
one at a time. After each, by turns: the run is started again as it is; it is started again when all that was
made of that file is gone, so that it is read; the corpus is read as for training, and verified on its own.
*Silent* is a flip after which some value differs and nothing said so.

    python benchmarks/bit_flips.py [--flips 200]

Prints one line per kind of file: flips, mended, named, silent, ceiling 0; exits 1 if any was silent.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: What it needs, and the most that there may be.
NEEDS = ()
CEILINGS = {"silent flips": 0}
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

from rich.console import Console
from runs import hashes

from pipeline import launch
from pipeline.blend.reader import BlendedReader
from pipeline.config import schema
from pipeline.ledger.verify import verify
from pipeline.sealed import Damaged
from pipeline.storage import Storage


def run(output: Path) -> str:
    said = io.StringIO()
    overrides = [f"output={output}", "execution.executor=inline"]
    launch.run(schema.read(schema.find("sample.yaml"), overrides), Console(file=said, width=300))
    return said.getvalue()


def train(output: Path) -> list[bytes]:
    return [row.tobytes() for row in BlendedReader(str(output), sequence_length=128, eos="none")]


def kind(path: Path, output: Path) -> str:
    name = path.relative_to(output).as_posix()
    if name.startswith("corpus/"):
        return "shards"
    if name.startswith("work/receipts/"):
        return "index"
    return "run files" if path.suffix == ".runs" else "rejects" if "/rejects/" in name else "documents"


def flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    bit = rng.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def again(path: Path, output: Path, before: dict[str, str], drop: bool) -> str:
    """Start the run again; without what was made of the file, if it is to be read."""
    if drop and kind(path, output) not in ("index", "shards"):
        segment = path.relative_to(output / "work").parts[:2]
        dataset = output / "work" / segment[0]
        for later in sorted(dataset.iterdir()):
            if later.name > segment[1]:
                shutil.rmtree(later)
    said = run(output)
    if hashes(output) != before:
        return "silent"
    return "mended" if str(path) in said else "silent"


def read(path: Path, output: Path, sequences: list[bytes]) -> str:
    try:
        same = train(output) == sequences
    except Damaged as damage:
        return "named" if path.name in str(damage) else "silent"
    damages = verify(Storage(), str(output / "corpus" if "corpus" in path.parts else output)).damages
    if same and any(str(path) in str(damage) for damage in damages):
        return "named"
    return "silent"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--flips", type=int, default=250)
    options = parser.parse_args()
    rng = random.Random(0)
    found: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "out"
        run(output)
        before, sequences = hashes(output), train(output)
        kinds = ["documents", "run files", "shards", "rejects", "index"]
        for number in range(options.flips):
            files = [p for p in sorted(output.rglob("*")) if p.suffix in (".parquet", ".runs")]
            path = rng.choice([p for p in files if kind(p, output) == kinds[number % 5]])
            flip(path, rng)
            way = number // 5 % 3
            came = read(path, output, sequences) if way == 2 else again(path, output, before, way == 1)
            found.setdefault(kind(path, output), Counter())[came] += 1
            if way == 2:
                run(output)
            if came == "silent":
                print(f"silent: {path.relative_to(output)}, way {way}", flush=True)
    for name_of, counts in found.items():
        line = "   ".join(f"{what} {counts[what]}" for what in ("mended", "named", "silent"))
        print(f"{name_of:10} flips {counts.total()}   {line}   ceiling {CEILINGS['silent flips']}")
    sys.exit(any(counts["silent"] for counts in found.values()))


if __name__ == "__main__":
    main()
