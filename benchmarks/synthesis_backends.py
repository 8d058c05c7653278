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
NEEDS = ("torch",)
CEILINGS = {"backends whose rows differ": 0}
SAMPLE = ROOT / "configs" / "sample"
TASKS = ", ".join(f"{SAMPLE}/tasks/{name}.md" for name in ("qa", "list", "distill", "rephrase"))
CONFIG = """
name: backends
output: out
limits: {{max_failed: 0.05}}
datasets:
  pages:
    read: {{format: warc, paths: [{sample}/sample.warc.gz], damaged: keep}}
    stages:
      - render: {{content: main}}
      - language: {{keep: [en], min_score: 0.3}}
      - exact_dedup: {{}}
  generated:
    from: pages
    where: render.chars > 700 and render.chars < 800 and render.equations = 0 and render.code_blocks = 0
    stages:
      - synthesize:
          task: [{tasks}]
          backend: {backend}
          {model}
          tokenizer: {sample}/checkpoint
          rules: {rules}
          device: cpu
          dtype: float32
          temperature: 0
          context: 512
          memory: 500_000_000
"""
MODEL = f"model: {SAMPLE}/checkpoint"
RULES = SAMPLE / "tasks" / "rules.yaml"
ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "OMP_NUM_THREADS": "1"}


def run(folder: Path, name: str, python: str, rules: Path = RULES, **settings: str) -> float:
    """Seconds of a run with these settings of ``synthesize``."""
    given = {"sample": str(SAMPLE), "tasks": TASKS, "rules": str(rules), "model": MODEL, **settings}
    config = folder / f"{name}.yaml"
    config.write_text(CONFIG.format(**given))
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
    seconds = {"embedded": run(folder, "embedded", here, backend="embedded")}
    seconds["reference"] = run(folder, "reference", here, backend="reference")
    stored = f"{MODEL}\n          against: [{folder}/embedded/work/generated/01-complete]"
    seconds["replay"] = run(folder, "replay", here, backend="replay", model=stored)
    if other is None:
        print("vllm and endpoint are left out: NANOCORPUS_VLLM does not name a Python that has vLLM")
    else:
        seconds["vllm"] = run(folder, "vllm", other, backend="vllm")
        with served(other) as url:
            model = f"endpoint: {{url: '{url}', name: toy}}"
            seconds["endpoint"] = run(folder, "endpoint", here, backend="endpoint", model=model)
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
