"""Claim: the engine gives at least 3 times the tokens/s of transformers' ``generate`` in its best static
batching, and at the true width of Nemotron Nano 9B v2 decodes a single token no slower than transformers.

    python benchmarks/model_engine.py [--threads 2] [--rounds 3] [--only tiny|medium|width]

64 requests with prompts of 8 to 64 tokens and completions of 16 to 256, greedy, fp32, the same tensors on
both sides. transformers gets the requests sorted by length of completion, so that its batches waste least,
padded on the left; a batch of every size from 1 to 64 decodes some tokens, the best two sizes then run all
requests in turn with the engine. Its tokens are those asked for: what a batch generates past a request's end
does not count. The ratio is of median tokens/s, the better size against ours. Completions are compared too:
they must be equal, but for texts where rounding decides between two tokens. Width: see ``model_parity.py``.
About 4 GB for tiny and medium, 8 GB for width; some ten minutes in all on two idle cores.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from benchmarks.lib.engines import cast, sharing, timed
from benchmarks.model_parity import speed
from model.config import NANO_9B_V2, ModelConfig
from model.engine import Engine
from model.requests import Completion, Request
from model.tiny import TINY, random_network

NEEDS = ("torch", "transformers")
FLOORS = {"times transformers' tokens/s": 3.0, "times its step, 9B width": 1.0}
FLOOR = FLOORS["times transformers' tokens/s"]
REQUESTS = 64
SIZES = (1, 2, 4, 8, 16, 32, 64)
STEPS = 24

#: An eighth of the 9B network in width, a quarter in depth, with its proportions of weights to state.
MEDIUM = replace(
    NANO_9B_V2,
    pattern="M-M-M-M*-M-M*-M-",
    vocab_size=16_384,
    hidden_size=560,
    intermediate_size=1960,
    num_attention_heads=10,
    num_key_value_heads=2,
    head_dim=64,
    mamba_num_heads=16,
    n_groups=2,
    dtype="float32",
)


class Numbers:
    """Texts of no meaning: the networks are random."""

    def text_bytes(self, token_id: int) -> bytes:
        return b"%d " % token_id


def requests(config: ModelConfig) -> list[Request]:
    source = random.Random(0)
    made = []
    for number in range(REQUESTS):
        prompt = [source.randrange(3, config.vocab_size) for _ in range(source.randint(8, 64))]
        made.append(Request(str(number), prompt, source.randint(16, 256)))
    return made


def generate(theirs: Any, batch: Sequence[Request]) -> list[list[int]]:
    """One static batch of transformers: until its longest completion is done."""
    widest = max(len(request.prompt_ids) for request in batch)
    ids = torch.zeros((len(batch), widest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, request in enumerate(batch):
        ids[row, widest - len(request.prompt_ids) :] = torch.tensor(request.prompt_ids)
        mask[row, widest - len(request.prompt_ids) :] = 1
    longest = max(request.max_tokens for request in batch)
    out = theirs.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=longest,
        min_new_tokens=longest,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=None,
    )
    return [out[row, widest : widest + request.max_tokens].tolist() for row, request in enumerate(batch)]


def batches(asked: Sequence[Request], size: int) -> list[list[Request]]:
    ordered = sorted(asked, key=lambda request: request.max_tokens)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def survey(theirs: Any, asked: Sequence[Request]) -> list[int]:
    """Batch sizes, the quickest first, by what a step of a batch takes (the better of two tries) and the
    steps that all batches of the size take."""
    tokens = sum(request.max_tokens for request in asked)
    steps = dict.fromkeys(SIZES, float("inf"))
    for size in SIZES * 2:
        sample = [replace(request, max_tokens=STEPS) for request in asked[:size]]
        seconds = timed(lambda: generate(theirs, sample))  # noqa: B023 - called at once
        steps[size] = min(steps[size], seconds / STEPS)
    rates = {
        size: tokens / sum(max(r.max_tokens for r in batch) * step for batch in batches(asked, size))
        for size, step in steps.items()
    }
    print("  transformers, tokens/s by batch size: " + ", ".join(f"{s}: {r:.0f}" for s, r in rates.items()))
    return sorted(rates, key=lambda size: -rates[size])


def compare(name: str, config: ModelConfig, rounds: int) -> bool:
    network = random_network(config)
    theirs, engine, asked = sharing(network), Engine(network, Numbers(), max_length=512), requests(config)
    tokens = sum(request.max_tokens for request in asked)
    generate(theirs, asked[:2])
    best = survey(theirs, asked)[:2]
    ours: list[float] = []
    peers: dict[int, list[float]] = {size: [] for size in best}
    completions: list[Completion] = []
    texts: dict[str, list[int]] = {}

    def run_theirs(size: int) -> None:
        for batch in batches(asked, size):
            for request, ids in zip(batch, generate(theirs, batch), strict=True):
                texts[request.id] = ids

    engine.generate(asked)
    for _ in range(rounds):
        seconds = timed(lambda: completions.__setitem__(slice(None), engine.generate(asked)))
        ours.append(tokens / seconds)
        for size in best:
            peers[size].append(tokens / timed(lambda: run_theirs(size)))  # noqa: B023 - called at once
    equal = sum(list(completion.token_ids) == texts[completion.id] for completion in completions)
    size, peer = max(((size, statistics.median(rates)) for size, rates in peers.items()), key=lambda p: p[1])
    rate = statistics.median(ours)
    print(
        f"  {equal} of {len(asked)} completions equal, {tokens} tokens, transformers' best batch size {size}"
    )
    print(
        f"{name + ' tokens/s':24} {rate:8.0f}  transformers {peer:8.0f}  ratio {rate / peer:.2f}"
        f"  floor {FLOOR}",
        flush=True,
    )
    return rate >= FLOOR * peer and equal >= 0.9 * len(asked)


def width(rounds: int) -> bool:
    """Five layers at full width, one token of one sequence: fp32 and bf16."""
    network = random_network(replace(NANO_9B_V2, pattern="M-M*-", vocab_size=32_768))
    ids = torch.randint(3, 32_768, (1024,), generator=torch.Generator().manual_seed(1))
    fine = speed(network, sharing(network), ids, rounds, 8)
    network = cast(network, torch.bfloat16)
    return speed(network, sharing(network), ids, rounds, 8) and fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("tiny", "medium", "width"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    fine = True
    with torch.inference_mode():
        for name, config in (("tiny", TINY), ("medium", MEDIUM)):
            if options.only in (None, name):
                fine &= compare(name, config, options.rounds)
        if options.only in (None, "width"):
            fine &= width(options.rounds)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
