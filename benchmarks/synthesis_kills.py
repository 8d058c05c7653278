"""Claim: generating that is killed twenty times each way ends with the same bytes, and generates twice at
most the batch that each worker had open.

    python benchmarks/synthesis_kills.py [--kills 20] [--ways inline,1,2]

The sample's checkpoint does its tasks about some of the sample's pages (greedy, in NumPy), and is struck by
SIGKILL at random moments (driver, a worker, or all at once) and started again each time: inline, and on Ray
with one and two workers. A run that is done before it was struck often enough is followed by another one.
Compares sha256 over all parts, shards and reports to those of a run that nobody disturbed; a wrapper around
the engine writes down what it is asked.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDS = ("ray",)
CEILINGS = {"runs that give other bytes": 0, "answers generated twice, of the most that may be": 1}
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

from chaos import run_with_kills
from runs import hashes

from benchmarks.lib.generation import SAMPLE
from benchmarks.lib.generation import config as settings

#: Answers that are sealed together, and that are generated together.
BATCH = 16


def main() -> int:
    """Print a line for each way; 1 if one is beyond its bounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--ways", default="inline,1,2", help="inline, or workers on Ray")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="synthesis-kills-"))
    notes, config = folder / "notes", folder / "kills.yaml"
    os.environ["NOTED_ENGINE"] = str(notes)
    engine = {"backend": "benchmarks.lib.noted:make", "model": f"{SAMPLE}/checkpoint"}
    config.write_text(settings(850, **engine, batch=BATCH, slots=BATCH))

    def into(name: str) -> list[str]:
        return ["run", "--config", str(config), "--set", f"output={folder / name}"]

    whole = [sys.executable, "-m", "pipeline", *into("whole"), "--executor", "inline"]
    subprocess.run(whole, check=True, stdout=subprocess.DEVNULL)
    expected, requests = hashes(folder / "whole"), set(notes.read_text().split())
    wrong = 0
    for way in asked.ways.split(","):
        executor = ["--executor", "inline"] if way == "inline" else ["--workers", way]
        window, workers = (8.0, 1) if way == "inline" else (20.0, int(way))
        started, kills, runs, same = time.monotonic(), 0, 0, True
        while kills < asked.kills:
            notes.write_text("")
            name = f"{way}-{runs}"
            run = [*into(name), *executor]
            struck = run_with_kills(run, asked.kills - kills, seed=7 + runs, window=window)
            counts = Counter(notes.read_text().split())
            twice, most = counts.total() - len(counts), struck.kills * workers * BATCH
            same &= hashes(folder / name) == expected and set(counts) == requests and twice <= most
            kills, runs = kills + struck.kills, runs + 1
            print(
                f"    {way}: {struck.kills} kills, {twice} of {len(counts)} asked again, at most {most}",
                flush=True,
            )
            shutil.rmtree(folder / name)
        wrong += not same
        seconds = time.monotonic() - started
        verdict = "same" if same else "DIFFERENT"
        print(f"synthesis_kills/{way}  {verdict}  {kills} kills in {runs} runs, {seconds:.0f} s", flush=True)
    shutil.rmtree(folder)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
