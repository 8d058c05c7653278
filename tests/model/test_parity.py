"""Logits of small networks against those of transformers' own implementation, in fp32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")
pytest.importorskip(
    "transformers",
    minversion="5.20",
    reason="the reference is transformers 5.20 or later, which is not installed",
)

import torch
import transformers
from torch import Tensor

from model import checkpoint
from model.config import ModelConfig
from model.network import Network, PackedBatch
from model.state import StatePool
from model.tiny import random_network, tiny_config

LENGTHS = [1, 2, 3, 17, 64, 127, 128, 129, 300]
STEPS = 8
WITHIN = 1e-4

CONFIGS = {
    "tiny": tiny_config(),
    "three groups, odd widths": tiny_config(
        pattern="*M-MM*-M",
        vocab_size=301,
        hidden_size=72,
        intermediate_size=104,
        num_attention_heads=6,
        num_key_value_heads=3,
        head_dim=20,
        mamba_num_heads=12,
        mamba_head_dim=10,
        n_groups=3,
        ssm_state_size=24,
        chunk_size=128,
    ),
    "one group, as many key heads as heads": tiny_config(
        pattern="MM*-*",
        num_key_value_heads=4,
        n_groups=1,
        mamba_num_heads=6,
        conv_kernel=3,
        chunk_size=64,
        norm_eps=1e-3,
    ),
    "a group per head": tiny_config(
        pattern="M-*M", n_groups=8, num_key_value_heads=1, ssm_state_size=8, chunk_size=16
    ),
}


def reference(folder: Path) -> Any:
    """transformers' network. Its scan over a whole sequence lets no time step be below ``time_step_min``, which
    its single step, the published kernels and other engines do not do (transformers pull request 48989); without
    that limit."""
    network = transformers.NemotronHForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for module in network.modules():
        if hasattr(module, "time_step_limit"):
            module.time_step_limit = (0.0, float("inf"))
    return network


@pytest.fixture(scope="module", params=list(CONFIGS))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Any]:
    """The same checkpoint, written by us, in both."""
    folder = tmp_path_factory.mktemp("checkpoint")
    checkpoint.save(random_network(CONFIGS[request.param], seed=7), folder)
    return checkpoint.load(folder), reference(folder)


def prompts(config: ModelConfig) -> list[Tensor]:
    generator = torch.Generator().manual_seed(11)
    return [torch.randint(3, config.vocab_size, (length + STEPS,), generator=generator) for length in LENGTHS]


@pytest.fixture(scope="module")
def expected(pair: tuple[Network, Any]) -> list[Tensor]:
    ours, theirs = pair
    with torch.no_grad():
        return [theirs(ids[None]).logits[0] for ids in prompts(ours.config)]


def close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= WITHIN


def test_the_pass_for_training(pair: tuple[Network, Any], expected: list[Tensor]) -> None:
    network, _ = pair
    with torch.no_grad():
        for ids, logits in zip(prompts(network.config), expected, strict=True):
            close(network.forward(ids[None])[0], logits)


def test_prefill_packed_and_alone_then_decoding(pair: tuple[Network, Any], expected: list[Tensor]) -> None:
    network, _ = pair
    ids = prompts(network.config)
    n = len(ids)
    state = StatePool(network.config, n, 320, dtype=torch.float32)
    for layer in (*state.ssm, *state.conv, *state.kv):
        layer.fill_(float("nan"))
    after_prompt = torch.stack([logits[length - 1] for logits, length in zip(expected, LENGTHS, strict=True)])

    def reset() -> None:
        for slot in range(n):
            state.reset(slot)

    reset()
    for slot, (prompt, length) in enumerate(zip(ids, LENGTHS, strict=True)):
        alone = network.prefill(PackedBatch(prompt[:length], [slot], [0], [length]), state)
        close(alone[0], after_prompt[slot])
    reset()
    packed = torch.cat([prompt[:length] for prompt, length in zip(ids, LENGTHS, strict=True)])
    close(network.prefill(PackedBatch(packed, range(n), [0] * n, LENGTHS), state), after_prompt)
    for step in range(STEPS):
        at = [length + step for length in LENGTHS]
        tokens = torch.stack([prompt[place] for prompt, place in zip(ids, at, strict=True)])
        logits = network.decode(tokens, torch.arange(n), torch.tensor(at), state)
        close(logits, torch.stack([rows[place] for rows, place in zip(expected, at, strict=True)]))


@pytest.mark.parametrize("part", [1, 64, 100, 128])
def test_prefill_in_parts(pair: tuple[Network, Any], expected: list[Tensor], part: int) -> None:
    network, _ = pair
    prompt = prompts(network.config)[-1][:300] if part > 1 else prompts(network.config)[3][:17]
    whole = expected[-1] if part > 1 else expected[3]
    state = StatePool(network.config, 1, 320, dtype=torch.float32)
    for start in range(0, len(prompt), part):
        piece = prompt[start : start + part]
        logits = network.prefill(PackedBatch(piece, [0], [start], [len(piece)]), state)
        close(logits[0], whole[start + len(piece) - 1])


def test_greedy_texts(pair: tuple[Network, Any]) -> None:
    network, theirs = pair
    chosen = [1, 17, 128]
    ids = dict(zip(LENGTHS, prompts(network.config), strict=True))
    texts = []
    for length in chosen:
        out = theirs.generate(
            ids[length][None, :length],
            max_new_tokens=32,
            min_new_tokens=32,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=None,
        )
        texts.append(out[0, length:])
    state = StatePool(network.config, 3, 170, dtype=torch.float32)
    packed = torch.cat([ids[length][:length] for length in chosen])
    logits = network.prefill(PackedBatch(packed, [0, 1, 2], [0, 0, 0], chosen), state)
    tokens = [logits.argmax(-1)]
    for step in range(31):
        logits = network.decode(tokens[-1], torch.arange(3), torch.tensor(chosen) + step, state)
        tokens.append(logits.argmax(-1))
    assert torch.equal(torch.stack(tokens, dim=1), torch.stack(texts))


def test_checkpoints_of_transformers_are_read(pair: tuple[Network, Any], tmp_path: Path) -> None:
    network, theirs = pair
    theirs.save_pretrained(tmp_path)
    for name, tensor in checkpoint.load(tmp_path).tensors().items():
        assert torch.equal(tensor, network.tensors()[name]), name


def test_time_steps_below_the_limit_of_training_are_not_raised() -> None:
    config = tiny_config(pattern="MM")
    network = random_network(config)
    for name, tensor in network.tensors().items():
        if name.endswith("dt_bias"):
            tensor.copy_(torch.linspace(-12, -5, tensor.numel()))
    ids = torch.arange(3, 40)
    state = StatePool(config, 1, 64, dtype=torch.float32)
    for place in range(len(ids)):
        at = torch.tensor([place])
        logits = network.decode(ids[place : place + 1], torch.tensor([0]), at, state)
    with torch.no_grad():
        close(logits[0], network.forward(ids[None])[0, -1])
