"""Claim: on the sample's checkpoint the network in NumPy gives the logits of the engine and writes its texts,
and writes at least as quickly as transformers' ``generate`` does.

    python benchmarks/model_reference.py [--requests 64] [--rounds 3] [--checkpoint configs/sample/checkpoint]

Requests are the sample's tasks about held-out sentences, greedy, in fp32; torch and NumPy have one thread
each. Ours is the reference; the others are the embedded engine and transformers, in static batches of 32,
sorted by length of completion and padded on the left, on the same tensors. Rates are tokens asked for by
second of CPU time, medians of rounds in turn. Logits are those after every token of 32 prompts with their
completions; each side is also compared with the reference in float64, which shows whose rounding a difference
is. Texts count as equal only where all tokens are. transformers' scan runs without the lower limit on time
steps which its single step does not have (its pull request 48989). Less than a minute of one core.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "configs" / "sample")]

import numpy as np
import torch
from lessons.mix import TASKS, held_out
from lessons.prompts import Prompts

from benchmarks.lib.engines import sharing
from benchmarks.model_engine import batches, generate
from model import checkpoint, reference
from model.backends.reference import Reference
from model.chat import Tokenizer
from model.engine import Engine
from model.network import Network
from model.requests import Backend, Completion, Request

NEEDS = ("torch", "transformers")
FLOORS = {"times transformers' tokens/s": 1.0, "texts equal to those of the engine": 1.0}
CEILINGS = {"|d logit|, reference and engine": 1e-4}
BATCH = 32
LENGTH = 512


def asked(words: Tokenizer, count: int) -> list[Request]:
    """As many requests of each task, mixed."""
    prompts = Prompts(words)
    texts = {task: held_out(task, -(-count // len(TASKS)), 3) for task in TASKS}
    tasks = [TASKS[number % len(TASKS)] for number in range(count)]
    return [
        prompts.prompt(task, texts[task][number // len(TASKS)][0]).request(str(number), 240)
        for number, task in enumerate(tasks)
    ]


def gaps(path: Path, network: Network, theirs: Any, texts: Sequence[Sequence[int]]) -> dict[str, float]:
    """Largest differences of logits over texts of token ids, by pair of sides."""
    ours, exact = reference.Network.load(path), reference.Network.load(path, np.float64)
    found: dict[str, float] = {"largest logit": 0.0}
    for text in texts:
        ids = np.array([text])
        sides = {
            "float64": exact.forward(ids, exact.state(*ids.shape)),
            "reference": ours.forward(ids, ours.state(*ids.shape)),
            "engine": network.forward(torch.tensor(ids)).numpy(),
            "transformers": theirs(torch.tensor(ids)).logits.numpy(),
        }
        found["largest logit"] = max(found["largest logit"], float(np.abs(sides["float64"]).max()))
        for one, other in (
            ("reference", "engine"),
            ("reference", "transformers"),
            ("reference", "float64"),
            ("engine", "float64"),
            ("transformers", "float64"),
        ):
            pair = f"|d logit|, {one} and {other}"
            found[pair] = max(found.get(pair, 0.0), float(np.abs(sides[one] - sides[other]).max()))
    return found


def cpu(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "configs" / "sample" / "checkpoint")
    options = parser.parse_args()
    path: Path = options.checkpoint
    torch.set_num_threads(1)
    words, network = Tokenizer.load(path), checkpoint.load(path, dtype=torch.float32)
    requests, theirs = asked(words, options.requests), sharing(network)
    backends: dict[str, Backend] = {
        "reference": Reference.load(path, max_length=LENGTH),
        "engine": Engine(network, words, max_length=LENGTH),
    }
    completions: dict[str, list[Completion]] = {}
    times: dict[str, list[float]] = {name: [] for name in (*backends, "transformers")}
    with torch.inference_mode():
        for number in range(options.rounds + 1):
            for name, backend in backends.items():
                seconds = cpu(lambda: completions.__setitem__(name, backend.generate(requests)))  # noqa: B023
                times[name].append(seconds)
            if not number:  # transformers is told how long the texts are
                lengths = [completion.completion_tokens for completion in completions["engine"]]
                exact = [
                    Request(request.id, request.prompt_ids, length)
                    for request, length in zip(requests, lengths, strict=True)
                ]
            times["transformers"].append(
                cpu(lambda: [generate(theirs, batch) for batch in batches(exact, BATCH)])  # noqa: B023
            )
        texts = [
            [*request.prompt_ids, *completion.token_ids]
            for request, completion in zip(requests, completions["engine"], strict=True)
        ]
        differences = gaps(path, network, theirs, texts[:32])
    rates = {name: sum(lengths) / statistics.median(taken[1:]) for name, taken in times.items()}
    for name, gap in differences.items():
        limit = f"  limit {CEILINGS[name]:.0e}" if name in CEILINGS else ""
        print(f"{name:40} {gap:8.2g}{limit}")
    equal = sum(one == other for one, other in zip(*completions.values(), strict=True)) / len(requests)
    same = "texts equal to those of the engine"
    print(f"{same:40} {equal:8.3f}  floor {FLOORS[same]}")
    fine = equal >= FLOORS[same] and all(differences[name] <= limit for name, limit in CEILINGS.items())
    for peer, floor in (("transformers", FLOORS["times transformers' tokens/s"]), ("engine", None)):
        ratio = rates["reference"] / rates[peer]
        needed = "" if floor is None else f"  floor {floor}"
        print(
            f"{'tokens/s':24} {rates['reference']:8.0f}  {peer} {rates[peer]:8.0f}  ratio {ratio:.2f}{needed}"
        )
        fine &= floor is None or ratio >= floor
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
