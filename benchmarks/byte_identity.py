"""Claim: the corpus is the same bytes whatever the executor, the workers, the storage and the accidents.

Runs the bundled sample, as several input files, inline; on Ray with one worker and with two; on Ray and
struck by SIGKILL at random moments (driver, a worker, or all at once), started again each time; inline and
on Ray over an S3 endpoint on loopback that refuses requests and drops connections; and as a job submitted
to a cluster. Compares sha256 over every Parquet part and shard, blend.json, stats.json and the card.

    python benchmarks/byte_identity.py [--copies 6] [--kills 20]

Prints one line per way; exits 1 if any differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: What it needs, and the most that there may be.
NEEDS = ("moto", "flask", "ray")
CEILINGS = {"ways that give other bytes": 0}
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

from chaos import run_with_kills
from runs import command, hashes
from s3_server import ENVIRONMENT, FaultProxy, S3Server

from pipeline.storage import Storage, StorageSettings


def prepare(folder: Path, copies: int) -> list[str]:
    """The sample as ``copies`` files; the options that make a run read them."""
    inputs = folder / "in"
    inputs.mkdir()
    for number in range(copies):
        shutil.copy(ROOT / "configs/sample/sample.warc.gz", inputs / f"sample-{number}.warc.gz")
    return ["run", "--config", "sample.yaml", "--set", f"datasets.web.read.paths=['{inputs}/*.warc.gz']"]


def over_s3(folder: Path, run: list[str], name: str, executor: list[str]) -> str:
    """A run from and to S3 through a proxy that spoils a fifth of the requests; its output is copied back."""
    os.environ |= ENVIRONMENT
    with S3Server() as server:
        server.make_bucket("corpus")
        client = server.client()
        for path in (folder / "in").iterdir():
            client.upload_file(str(path), "corpus", f"in/{path.name}")
        with FaultProxy(server.endpoint, unavailable=0.1, cut=0.1, seed=1) as proxy:
            command(
                *run, *executor, "--set", "output=s3://corpus/out",
                "--set", f"storage.s3.endpoint={proxy.endpoint}", "--set", "datasets.web.read.paths=['s3://corpus/in/*.warc.gz']",
            )  # fmt: skip
            spoilt = proxy.faults.total()
        storage = Storage(StorageSettings.model_validate({"s3": {"endpoint": server.endpoint}}))
        for info in storage.list("s3://corpus/out"):
            path = folder / name / info.path.removeprefix("s3://corpus/out/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(storage.read(info.path))
    return f"{spoilt} requests spoilt"


def as_job(run: list[str], output: Path) -> str:
    """``ray job submit`` to a head node started for it, with token authentication."""
    ray = str(Path(sys.executable).parent / "ray")
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
    environment.pop("PYTHONPATH")
    head = [
        ray,
        "start",
        "--head",
        "--port=6399",
        "--dashboard-port=8299",
        "--num-cpus=2",
        "--disable-usage-stats",
    ]
    subprocess.run(head, check=True, capture_output=True, env=environment)
    try:
        submit = [
            ray,
            "job",
            "submit",
            "--address",
            "http://127.0.0.1:8299",
            "--working-dir",
            str(ROOT),
            "--",
        ]
        job = [sys.executable, "pipeline/run.py", *run[1:], "--set", f"output={output}"]
        subprocess.run([*submit, *job], check=True, capture_output=True, env=environment)
    finally:
        subprocess.run([ray, "stop", "--force"], check=False, capture_output=True, env=environment)
    return "token authentication"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--copies", type=int, default=6)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="byte-identity-"))
    run = prepare(folder, options.copies)
    expected: dict[str, str] = {}
    wrong = 0

    def output(name: str) -> list[str]:
        return ["--set", f"output={folder / name}"]

    def plain(name: str, *more: str) -> str:
        command(*run, *more, *output(name))
        return ""

    def killed(name: str) -> str:
        struck = run_with_kills([*run, "--workers", "2", *output(name)], options.kills, seed=2, window=9.0)
        return f"{struck.kills} kills, {struck.starts} starts"

    ways: dict[str, Callable[[str], str]] = {
        "inline": lambda name: plain(name, "--executor", "inline"),
        "ray, 1 worker": lambda name: plain(name, "--workers", "1"),
        "ray, 2 workers": lambda name: plain(name, "--workers", "2"),
        "ray, killed": killed,
        "s3, inline": lambda name: over_s3(folder, run, name, ["--executor", "inline"]),
        "s3, ray": lambda name: over_s3(folder, run, name, ["--workers", "2"]),
        "ray job submit": lambda name: as_job(run, folder / name),
    }
    for way, go in ways.items():
        started = time.monotonic()
        note = go(way)
        found = hashes(folder / way)
        expected = expected or found
        same = found == expected
        wrong += not same
        whole = hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]
        seconds = time.monotonic() - started
        verdict = "same" if same else "DIFFERENT"
        print(f"{way:15} {len(found):3} files  {whole}  {verdict}  {seconds:5.1f} s  {note}", flush=True)
    shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
