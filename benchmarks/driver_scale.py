"""Claim: one driver leads a run over 90,000 inputs in 1.5 GB and 2 ms of CPU a task, and knows within a
minute and 2,000 requests that a finished run is finished; its costs grow in proportion to the inputs.

    python benchmarks/driver_scale.py [--inputs 10000 30000 90000] [--real 300]

The config has every kind of global stage: exact and near duplicates, passages, contamination, a cut that is
fitted to all scores, token shards. It is run for real on three small inputs. What this leaves are the
templates for *stub tasks*: they come back from a process that stands for cluster and object store with a
receipt and files, without work, so that everything that is measured is the driver (``lib/stub_place.py``).
Counts are multiplied to those of captures of a snapshot, so that rounds have as many tasks as there.

Each start of the driver is a process of its own: the whole run, the finished run once more, and once more
with another threshold. Printed are its seconds of CPU for each task, its peak memory, its requests by kind,
and its seconds of wall clock. Then so many small inputs (``--real``; 0 for none) are really run, inline, on
an S3 server on loopback. Exits 1 over a ceiling.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NEEDS = ()
CEILINGS = {
    "GB of memory of the driver": 1.5,
    "ms of the driver a task": 2.0,
    "s to see that a run is finished": 60.0,
    "requests to see that a run is finished": 2000.0,
    "times the seconds a task of a ninth of the inputs": 1.25,
}
#: Captures of an input of a snapshot, and those of a template.
CAPTURES = 20_000
TEMPLATE_INPUTS = 3
GZIP = b"\x1f\x8b\x08"

CONFIG = """
name: driver
output: {output}
seed: 1
limits: {{max_failed: 0.5}}
storage: {storage}
datasets:
  web:
    read: {{format: warc, paths: ["{inputs}"], damaged: keep}}
    stages:
      - render: {{content: main}}
      - exact_dedup: {{}}
      - fuzzy_dedup: {{}}
      - passage_dedup: {{}}
      - signals: {{}}
      - fasttext: {{name: clean, model: {sample}/classifiers/clean.bin}}
      - fasttext: {{name: instructive, model: {sample}/classifiers/instructive.bin}}
      - decontaminate: {{benchmarks: {{sums: {sample}/benchmark.jsonl}}}}
      - ensemble: {{scores: [quality.clean, quality.instructive]}}
      - heuristics: {{rules: {rules}}}
tokenizer: {{path: {sample}/tokenizer.json}}
blend:
  - {{phase: 1, weights: {{web: 1.0}}}}
"""
RULES = "name: one\nsource: this benchmark\nrules:\n  words: {{signal: words, min: {least}}}\n"


def config(folder: Path, output: str, inputs: str, storage: str = "{}", least: int = 3) -> Path:
    """The config of a run. ``least``: words that a document must have, a threshold over what is measured."""
    sample = ROOT / "configs/sample"
    rules = folder / f"rules-{least}.yaml"
    rules.write_text(RULES.format(least=least))
    path = folder / f"config-{least}.yaml"
    text = CONFIG.format(output=output, inputs=inputs, storage=storage, sample=sample, rules=rules)
    path.write_text(text)
    return path


def small_inputs(count: int) -> list[bytes]:
    """WARC files of a few pages of the sample."""
    pieces = (ROOT / "configs/sample/sample.warc.gz").read_bytes().split(GZIP)[1:]
    head, *records = (GZIP + piece for piece in pieces if sound(GZIP + piece))
    size = 24
    return [
        head + b"".join(records[(number * 7 + i) % len(records)] for i in range(size))
        for number in range(count)
    ]


def sound(member: bytes) -> bool:
    """Whether it is a whole record: some of the sample's are damaged on purpose."""
    try:
        return gzip.decompress(member).startswith(b"WARC/1.")
    except (OSError, EOFError, zlib.error):
        return False


def templates(folder: Path) -> Any:
    """Receipts of a real run over three small inputs."""
    from benchmarks.lib.stub_place import Templates

    (folder / "in").mkdir(parents=True)
    for number, data in enumerate(small_inputs(TEMPLATE_INPUTS)):
        (folder / "in" / f"{number}.warc.gz").write_bytes(data)
    path = config(folder, str(folder / "out"), str(folder / "in/*.warc.gz"))
    command = [sys.executable, "-m", "nanocorpus", "run", "-c", str(path), "--executor", "inline"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    output = folder / "out"
    parts = {path.stem: path.stat().st_size for path in output.glob("work/web/tokens/runs/part-*.runs")}
    part = max(sorted(parts), key=lambda name: parts[name])
    documents = json.loads((output / f"work/web/00-read-render/receipts/{part}.json").read_text())
    captures = documents["tallies"][0]["rows_in"]
    found = Templates.of(output, part, max(1, CAPTURES // captures))
    found.tasks["parts"] = TEMPLATE_INPUTS
    return found


def serve(found: Any, count: int, address: str) -> None:
    """The process of the place."""
    from benchmarks.lib.stub_place import Place, inputs

    place = Place(found, count)
    inputs(place, count)
    place.serve(address)


def drive(path: str, address: str) -> None:
    """One start of the driver, in this process; prints what it took."""
    from rich.console import Console

    from benchmarks.lib.stub_place import Stub, StubExecutor
    from pipeline import launch
    from pipeline.config import schema
    from pipeline.storage import store

    made: list[Any] = []

    def stub(settings: Any) -> Any:
        made.append(Stub(address))
        return made[-1]

    executors: list[StubExecutor] = []

    def executor(_: Any, context: Any, remote: bool) -> StubExecutor:
        executors.append(StubExecutor(context, address))
        return executors[-1]

    store.SCHEMES["stub"] = stub
    launch._executor = executor  # type: ignore[assignment]
    started, cpu = time.monotonic(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        launch.run(schema.read(Path(path), []), Console(file=io.StringIO()))
    requests = sum((one.requests for one in made), start=type(made[0].requests)())
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "cpu": time.process_time() - cpu,
        "wall": time.monotonic() - started,
        "memory": usage.ru_maxrss * 1024,
        "requests": dict(requests),
        "tasks": sum(one.tasks for one in executors),
    }
    print(json.dumps(found))


def measured(path: Path, address: str) -> dict[str, Any]:
    """What a start of the driver took, in a process of its own."""
    command = [sys.executable, __file__, "--drive", str(path), address]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def shown(what: str, count: int, found: dict[str, Any]) -> None:
    """One line."""
    tasks = max(found["tasks"], 1)
    requests = ", ".join(f"{number:,} {kind}" for kind, number in sorted(found["requests"].items()))
    print(
        f"{count:6,} inputs, {what:18} {found['tasks']:8,} tasks  {found['cpu']:7.1f} s of CPU "
        f"({found['cpu'] / tasks * 1e3:6.2f} ms a task)  {found['wall']:6.1f} s  "
        f"{found['memory'] / 1e9:5.2f} GB  requests: {requests}",
        flush=True,
    )


def scaled(folder: Path, found: Any, count: int) -> dict[str, dict[str, Any]]:
    """The three starts over so many inputs."""
    from benchmarks.lib.stub_place import ROOT as PLACE

    here = folder / f"{count}"
    here.mkdir()
    address = str(here / "socket")
    process = multiprocessing.get_context("fork").Process(
        target=serve, args=(found, count, address), daemon=True
    )
    process.start()
    while not Path(address).exists():
        time.sleep(0.1)
    results = {}
    try:
        for what, least in (("whole run", 3), ("finished run", 3), ("another threshold", 4)):
            path = config(here, f"{PLACE}out", f"{PLACE}in/*.warc.gz", least=least)
            results[what] = measured(path, address)
            shown(what, count, results[what])
    finally:
        process.terminate()
        process.join()
    return results


def real(folder: Path, count: int) -> None:
    """Real tasks on a server on loopback, with the requests that a finished run takes."""
    from tests.s3_server import ENVIRONMENT, FaultProxy, S3Server

    os.environ.update(ENVIRONMENT)
    with S3Server() as server, FaultProxy(server.endpoint) as proxy:
        place, client = server.make_bucket("driver"), server.client()
        for number, data in enumerate(small_inputs(count)):
            client.put_object(Bucket="driver", Key=f"in/{number:05d}.warc.gz", Body=data)
        storage = f"{{s3: {{endpoint: {proxy.endpoint!r}}}}}"
        for what, least in (("whole run", 3), ("finished run", 3), ("another threshold", 4)):
            path = config(folder, f"{place}/out", f"{place}/in/*.warc.gz", storage, least)
            before, started = len(proxy.handled), time.monotonic()
            command = [sys.executable, "-m", "nanocorpus", "run", "-c", str(path), "--executor", "inline"]
            subprocess.run(
                command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
            )
            print(
                f"{count:6,} real inputs on S3, {what:18} {time.monotonic() - started:6.1f} s, "
                f"{len(proxy.handled) - before:,} requests",
                flush=True,
            )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, nargs="+", default=[10_000, 30_000, 90_000])
    parser.add_argument("--real", type=int, default=300)
    parser.add_argument("--drive", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        drive(*options.drive)
        return 0
    found: dict[int, dict[str, dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="driver-") as name:
        folder = Path(name)
        left = templates(folder / "template")
        for count in options.inputs:
            found[count] = scaled(folder, left, count)
        if options.real:
            real(folder, options.real)
    least, most = min(found), max(found)
    whole, again = found[most]["whole run"], found[most]["finished run"]
    each = {count: one["whole run"]["cpu"] / one["whole run"]["tasks"] for count, one in found.items()}
    numbers = {
        "memory": max(one["memory"] for one in found[most].values()) / 1e9,
        "task": whole["cpu"] / whole["tasks"] * 1e3,
        "finished": again["wall"],
        "requests": sum(again["requests"].values()),
        "growth": each[most] / each[least],
    }
    good = True
    for (what, number), (about, ceiling) in zip(numbers.items(), CEILINGS.items(), strict=True):
        good &= number <= ceiling
        print(f"driver_scale.{what}  {number:.2f}  -  {number / ceiling:.2f}  {ceiling:g}  ({about})")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
