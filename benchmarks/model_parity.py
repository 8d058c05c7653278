"""Claim: five layers at the true width of Nemotron Nano 9B v2 give transformers' logits, and decode one token
of one sequence no slower than transformers does.

    python benchmarks/model_parity.py [--threads 2] [--rounds 5] [--pattern M-M*-] [--vocab 32768]

Both networks hold the same tensors: ours are random, theirs are views of them. In fp32, logits over a prompt
and the single steps after it must agree to 1e-4. Then in fp32 and in bf16 each decodes in turn, the same
tokens, ``--steps`` a round; the ratio is of median times per step, so whatever disturbs the machine disturbs
both. Also prefill, without a floor. transformers' scan runs without the lower limit on time steps which its
single step does not have (its pull request 48989). Takes about 8 GB and, on two idle cores, two minutes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from benchmarks.lib.engines import cast, sharing, timed
from model.config import NANO_9B_V2, ModelConfig
from model.network import Network, PackedBatch
from model.state import StatePool
from model.tiny import random_network

PROMPT = 256
MAX_LENGTH = 1024
WITHIN = 1e-4
NEEDS = ("torch", "transformers")
FLOORS = {"times transformers' step": 1.0}
FLOOR = FLOORS["times transformers' step"]


def decoders(
    network: Network, theirs: Any, ids: torch.Tensor
) -> tuple[Callable[[int], Any], Callable[[int], Any]]:
    """After prefill of the prompt on both sides: functions that decode the token at a place."""
    state = StatePool(network.config, 1, MAX_LENGTH, dtype=network.dtype)
    network.prefill(PackedBatch(ids[:PROMPT], [0], [0], [PROMPT]), state)
    cache = theirs(ids[None, :PROMPT], use_cache=True).past_key_values
    slot = torch.tensor([0])

    def ours_step(place: int) -> torch.Tensor:
        return network.decode(ids[place : place + 1], slot, torch.tensor([place]), state)

    def theirs_step(place: int) -> torch.Tensor:
        return (
            theirs(ids[None, place : place + 1], past_key_values=cache, use_cache=True).logits[:, -1].float()
        )

    return ours_step, theirs_step


def agreement(network: Network, theirs: Any, ids: torch.Tensor, steps: int) -> bool:
    expected = theirs(ids[None, :PROMPT]).logits[0]
    gaps = {"whole prompt": float((network.forward(ids[None, :PROMPT])[0] - expected).abs().max())}
    ours_step, theirs_step = decoders(network, theirs, ids)
    gaps["single steps"] = max(
        float((ours_step(place) - theirs_step(place)).abs().max()) for place in range(PROMPT, PROMPT + steps)
    )
    fine = True
    for name, gap in gaps.items():
        fine &= gap <= WITHIN
        print(f"{name:24} max |d logit| {gap:.1e}  limit {WITHIN:.0e}", flush=True)
    return fine


def speed(network: Network, theirs: Any, ids: torch.Tensor, rounds: int, steps: int) -> bool:
    ours_step, theirs_step = decoders(network, theirs, ids)
    times: dict[Callable[[int], Any], list[float]] = {ours_step: [], theirs_step: []}
    place = PROMPT
    for number in range(rounds + 1):
        for step, taken in times.items():
            for at in range(place, place + steps):
                elapsed = timed(lambda: step(at))  # noqa: B023 - called at once
                if number:  # the first round warms up
                    taken.append(elapsed)
        place += steps
    ours, peer = (statistics.median(taken) * 1e3 for taken in times.values())
    dtype = str(network.dtype).removeprefix("torch.")
    ratio = peer / ours
    print(f"{'step ms, ' + dtype:24} {ours:8.1f}  transformers {peer:8.1f}  ratio {ratio:.2f}  floor {FLOOR}")
    state = StatePool(network.config, 1, MAX_LENGTH, dtype=network.dtype)

    def prefill() -> None:
        state.reset(0)
        network.prefill(PackedBatch(ids[:PROMPT], [0], [0], [PROMPT]), state)

    both: list[list[float]] = [[], []]
    for _ in range(rounds):
        both[0].append(timed(prefill))
        both[1].append(timed(lambda: theirs(ids[None, :PROMPT], use_cache=True, logits_to_keep=1)))
    ours_rate, peer_rate = (PROMPT / statistics.median(taken) for taken in both)
    name = f"prefill tokens/s, {dtype}"
    print(
        f"{name:24} {ours_rate:8.0f}  transformers {peer_rate:8.0f}  ratio {ours_rate / peer_rate:.2f}",
        flush=True,
    )
    return ratio >= FLOOR


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="decoded tokens a round")
    parser.add_argument("--pattern", default="M-M*-", help="layers")
    parser.add_argument("--vocab", type=int, default=32_768, help="entries of embedding and head")
    options = parser.parse_args()
    if PROMPT + (options.rounds + 1) * options.steps > MAX_LENGTH:
        parser.error(f"rounds times steps must stay below {MAX_LENGTH - PROMPT}")
    torch.set_num_threads(options.threads)
    config: ModelConfig = replace(NANO_9B_V2, pattern=options.pattern, vocab_size=options.vocab)
    network = random_network(config)
    ids = torch.randint(3, config.vocab_size, (MAX_LENGTH,), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        theirs = sharing(network)
        fine = agreement(network, theirs, ids, options.steps)
        fine &= speed(network, theirs, ids, options.rounds, options.steps)
        del theirs
        network = cast(network, torch.bfloat16)
        fine &= speed(network, sharing(network), ids, options.rounds, options.steps)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
