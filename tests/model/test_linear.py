"""Weights packed for the CPU: the same products, the same weights back, the same completions."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")

import torch
import torch.nn.functional as F

from model import checkpoint, linear
from model.engine import Engine
from model.network import PackedBatch
from model.requests import Request
from model.state import StatePool
from model.tiny import random_network, tiny_config, write_checkpoint
from tests.model.small_tokenizer import content


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "LEAST", 0)


@pytest.mark.parametrize("rows", [0, 1, 3, 64, 65])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@torch.inference_mode()
def test_products(rows: int, dtype: torch.dtype) -> None:
    some = torch.Generator().manual_seed(rows)
    weight, wide, h = (
        torch.randn(shape, generator=some).to(dtype) for shape in ((70, 33), (rows, 40), (rows, 70))
    )
    x, packed = wide[:, :33], linear.packed(weight)
    assert torch.equal(linear.plain(packed), weight)
    within = 1e-5 if dtype == torch.float32 else 0.1
    for ours, expected in (
        (linear.linear(x, packed), F.linear(x.float(), weight.float())),
        (linear.add_linear(h, x, packed), h.float() + F.linear(x.float(), weight.float())),
    ):
        assert ours.dtype == dtype
        assert torch.allclose(ours.float(), expected, atol=within, rtol=within)


def test_a_packed_network_has_the_same_weights_logits_and_gradients() -> None:
    network, packed = random_network(), random_network().pack()
    assert packed.lm_head.is_mkldnn == linear._packs(torch.float32)
    for name, weight in network.tensors().items():
        assert torch.equal(weight, packed.tensors()[name]), name
    tokens = torch.arange(3, 43)
    logits = []
    for one in (network, packed):
        state = StatePool(one.config, 2, 64, dtype=torch.float32)
        first = one.prefill(PackedBatch(tokens, [0, 1], [0, 0], [10, 30]), state)
        second = one.decode(tokens[:2], torch.arange(2), torch.tensor([10, 30]), state)
        logits.append(torch.cat([first, second]))
    assert (logits[0] - logits[1]).abs().max() < 1e-5
    packed.trainable().forward(tokens[None]).sum().backward()
    assert all(weight.grad is not None for weight in packed.parameters().values())


def test_a_small_matrix_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "LEAST", 10_000)
    assert not linear.packed(torch.zeros(99, 100)).is_mkldnn
    assert linear.packed(torch.zeros(100, 100)).is_mkldnn == linear._packs(torch.float32)


def test_the_engine_packs_and_completes_as_before(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, tiny_config(), seed=3)
    (tmp_path / "tokenizer.json").write_text(content(), encoding="utf-8")
    engine = Engine.load(tmp_path, max_length=256, slots=4)
    assert engine._machine.network.lm_head.is_mkldnn == linear._packs(torch.float32)
    network = checkpoint.load(tmp_path)
    prompts = [[5], [40, 41, 42], list(range(20, 170)), [7, 8] * 40]
    for prompt, completion in zip(
        prompts,
        engine.generate([Request(str(n), prompt, 8) for n, prompt in enumerate(prompts)]),
        strict=True,
    ):
        ids = list(prompt)
        for _ in range(8):
            ids.append(int(network.forward(torch.tensor([ids]))[0, -1].argmax()))
        assert list(completion.token_ids) == ids[len(prompt) :]
