"""The formula of the engine's memory against what is allocated while it runs on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")

import torch

from model import layers, memory
from model.config import NANO_9B_V2
from model.graphs import Decoder
from model.memory import PREFILL_TOKENS, attention_rows, pass_bytes, step_bytes
from model.network import PackedBatch
from model.requests import Request
from model.sampling import Sampler
from model.state import StatePool
from model.tiny import random_network, tiny_config
from tests.model.allocated import peak_bytes

MAX_LENGTH = 4096
#: Configurations in which one part of a network outgrows the others.
WIDEST = {
    "mixer": {"mamba_num_heads": 32, "mamba_head_dim": 24},
    "state": {"ssm_state_size": 128, "mamba_head_dim": 64},
    "MLP": {"intermediate_size": 4096},
    "attention": {"num_attention_heads": 32, "head_dim": 64},
}
TOKENS = PREFILL_TOKENS["cpu"]
#: Lengths and starts of the prompts of a pass.
PASSES = [
    ([TOKENS], 0),
    ([TOKENS], MAX_LENGTH - TOKENS),
    ([memory.GRAIN] * (TOKENS // memory.GRAIN), 0),
    ([TOKENS - 200, 3, 197], 1024),
]


@pytest.mark.parametrize("part", WIDEST)
@pytest.mark.parametrize(("lengths", "start"), PASSES)
def test_a_pass_takes_no_more_than_the_formula_says(part: str, lengths: Sequence[int], start: int) -> None:
    network = random_network(tiny_config(**WIDEST[part]))
    state = StatePool(network.config, len(lengths), MAX_LENGTH, dtype=network.dtype)
    tokens = torch.arange(sum(lengths)) % network.config.vocab_size
    batch = PackedBatch(tokens, range(len(lengths)), [start] * len(lengths), lengths)
    network.prefill(batch, state)  # fills what is kept between calls
    taken = peak_bytes(lambda: network.prefill(batch, state))
    formula = pass_bytes(network.config, MAX_LENGTH, device="cpu")
    assert 0.2 * formula < taken <= formula


@pytest.mark.parametrize("part", [*WIDEST, "head"])
def test_a_step_takes_no_more_than_the_formula_says(part: str) -> None:
    rows = 32
    network = random_network(tiny_config(**WIDEST.get(part, {"vocab_size": 65_536})))
    config = network.config
    state = StatePool(config, rows, MAX_LENGTH, dtype=network.dtype)
    decoder, sampler = Decoder(network, state), Sampler(rows, config.vocab_size, "cpu")
    for slot in range(rows):
        kind: dict[str, float] = [
            {},
            {"temperature": 1.0},
            {"temperature": 0.7, "top_p": 0.9},
            {"temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.2},
        ][slot % 4]
        sampler.admit(slot, Request(str(slot), [3], 5, seed=slot, **kind))  # type: ignore[arg-type]

    def step() -> None:
        tokens = torch.arange(3, 3 + rows)
        sampler.sample(decoder.step(tokens, [MAX_LENGTH - 1] * rows), range(rows))

    step()
    taken = peak_bytes(step)
    formula = step_bytes(config, MAX_LENGTH, rows, device="cpu")
    assert taken <= formula
    assert part != "head" or taken > 0.2 * formula


def test_attention_behind_a_long_beginning_is_done_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    heads, start, length = 4, 300, 200
    some = torch.Generator().manual_seed(0)
    q, kv = (torch.randn(shape, generator=some) for shape in ((length, heads, 16), (2, 2, 2, 512, 16)))
    whole = layers.attend_sequence(kv, q, [1], [start], [length])
    limits: list[int] = []

    def few(heads: int, keys: int) -> int:
        limits.append(heads * keys)
        return 7

    monkeypatch.setattr(layers, "attention_rows", few)
    assert torch.allclose(layers.attend_sequence(kv, q, [1], [start], [length]), whole, atol=1e-6)
    assert limits == [heads * (start + length)]


def test_scores_are_bounded() -> None:
    assert attention_rows(4, 512) == memory.ATTENTION_ROWS
    assert attention_rows(40, 32_768) * 40 * 32_768 <= memory.SCORES
    assert attention_rows(40, 1 << 20) == 16
    # the whole of a long prompt at once would take 20 GiB a tensor
    assert pass_bytes(NANO_9B_V2, 32_768) < 4 << 30
