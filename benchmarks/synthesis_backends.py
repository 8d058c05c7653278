"""Claim: one config gives equal rows whoever answers: engine, reference, server, vLLM, or stored answers.

    NANOCORPUS_VLLM=PYTHON python benchmarks/synthesis_backends.py

The sample's checkpoint does its tasks about some of the sample's pages, greedily in fp32, by one config of
which only `backend` and its address change. ``NANOCORPUS_VLLM`` names a Python that has vLLM for the CPU, and
nanocorpus; the same Python serves the checkpoint for `endpoint`. Compared are the texts of all documents that
were made, by parent and task, and the rows that each stage kept and dropped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib.generation import SAMPLE
from benchmarks.lib.generation import config as generation

NEEDS = ("torch",)
CEILINGS = {"backends whose rows differ": 0}
MODEL = {"model": f"{SAMPLE}/checkpoint"}
ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "OMP_NUM_THREADS": "1"}


def run(folder: Path, name: str, python: str, **settings: Any) -> float:
    """Seconds of a run with these settings of ``synthesize``."""
    config = folder / f"{name}.yaml"
    config.write_text(generation(800, **{"dtype": "float32", "temperature": 0, **settings}))
    command = [python, "-m", "pipeline", "run", "-c", str(config), "--set", f"output={folder / name}"]
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--executor", "inline"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name}: exit {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}")
    return time.monotonic() - started


def rows(output: Path) -> dict[tuple[str, str], list[str]]:
    """Texts of the documents that were made, by parent and task."""
    found: dict[tuple[str, str], list[str]] = {}
    last = max(path for path in (output / "work" / "generated").iterdir() if "assemble" in path.name)
    for part in sorted(last.glob("*.parquet")):
        table = pq.read_table(part, columns=["parent", "synthetic.task", "text"])
        for row in table.to_pylist():
            found.setdefault((row["parent"].hex(), row["synthetic.task"]), []).append(row["text"])
    return {key: sorted(texts) for key, texts in found.items()}


def attrition(output: Path) -> list[Any]:
    """What each stage kept and dropped."""
    stages = json.loads((output / "stats.json").read_text())["datasets"]["generated"]["stages"]
    return [(one["stage"], one["kept"], one["dropped"], one["failed"]) for one in stages]


@contextmanager
def served(python: str) -> Iterator[str]:
    """Address of a server of the checkpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(SAMPLE / "checkpoint")]
    options = ["--served-model-name", "toy", "--port", str(port), "--max-model-len", "512"]
    options += ["--dtype", "float32", "--enforce-eager"]
    options += ["--mamba-ssm-cache-dtype", "float32", "--no-enable-prefix-caching"]
    server = subprocess.Popen(
        [*command, *options], env=os.environ | ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        for _ in range(300):
            if server.poll() is not None:
                assert server.stderr is not None
                raise RuntimeError(f"the server ended: {server.stderr.read().decode()[-2000:]}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def main() -> int:
    """Print a line for each backend; 1 if one differs."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    here, other = sys.executable, os.environ.get("NANOCORPUS_VLLM")
    folder = Path(tempfile.mkdtemp(prefix="synthesis-backends-"))
    seconds = {name: run(folder, name, here, backend=name, **MODEL) for name in ("embedded", "reference")}
    stored = [f"{folder}/embedded/work/generated/01-complete"]
    seconds["replay"] = run(folder, "replay", here, backend="replay", against=stored, **MODEL)
    if other is None:
        print("vllm and endpoint are left out: NANOCORPUS_VLLM does not name a Python that has vLLM")
    else:
        seconds["vllm"] = run(folder, "vllm", other, backend="vllm", **MODEL)
        with served(other) as url:
            server = {"url": url, "name": "toy"}
            seconds["endpoint"] = run(folder, "endpoint", here, backend="endpoint", endpoint=server)
    expected = rows(folder / "embedded")
    documents = sum(map(len, expected.values()))
    differ = 0
    for name, took in seconds.items():
        same = rows(folder / name) == expected and attrition(folder / name) == attrition(folder / "embedded")
        differ += not same
        verdict = "equal" if same else "DIFFERENT"
        print(f"synthesis_backends/{name}  {verdict}  {documents} documents  {took:.1f} s", flush=True)
    shutil.rmtree(folder)
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
