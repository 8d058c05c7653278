"""The ways through the network agree with one another: whole, in parts, token by token, packed, reused."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")

import torch
from torch import Tensor

from model import network as network_module
from model.config import NANO_9B_V2, NANO_12B_V2, ModelConfig
from model.network import Network, PackedBatch
from model.state import Slots, StatePool
from model.tiny import random_network, tiny_config

LENGTHS = [129, 1, 64, 2, 40]
WITHIN = 2e-5


@pytest.fixture(scope="module")
def network() -> Network:
    return random_network(tiny_config(pattern="M-*MM*-", n_groups=2))


@pytest.fixture(scope="module")
def prompts() -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(3, 512, (length + 12,), generator=generator) for length in LENGTHS]


@pytest.fixture(scope="module")
def whole(network: Network, prompts: list[Tensor]) -> list[Tensor]:
    """Logits after every token, from the pass without state."""
    with torch.no_grad():
        return [network.forward(prompt[None])[0] for prompt in prompts]


def pool(network: Network, slots: int, max_length: int = 160) -> StatePool:
    return StatePool(network.config, slots, max_length, dtype=network.dtype)


def prefill(network: Network, state: StatePool, parts: Sequence[Tensor], slots: Sequence[int]) -> Tensor:
    lengths = [len(part) for part in parts]
    return network.prefill(PackedBatch(torch.cat(list(parts)), slots, [0] * len(parts), lengths), state)


def close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= WITHIN


@pytest.mark.parametrize("slots", [[0, 1, 2, 3, 4], [5, 0, 3, 1, 4]], ids=["neighbours", "scattered"])
@pytest.mark.parametrize("as_runs", [True, False], ids=["runs", "index"])
@pytest.mark.parametrize("dirty", [False, True], ids=["fresh", "after NaN"])
def test_packed_prefill_and_decoding(
    network: Network,
    prompts: list[Tensor],
    whole: list[Tensor],
    slots: list[int],
    as_runs: bool,
    dirty: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not as_runs:  # how it goes on accelerators
        monkeypatch.setattr(network_module.Slots, "of", lambda index: Slots(index, ()))
    state = pool(network, 6)
    if dirty:
        for layer in (*state.ssm, *state.conv, *state.kv):
            layer.fill_(float("nan"))
        for slot in slots:
            state.reset(slot)
    logits = prefill(network, state, [p[:n] for p, n in zip(prompts, LENGTHS, strict=True)], slots)
    close(logits, torch.stack([rows[n - 1] for rows, n in zip(whole, LENGTHS, strict=True)]))
    lengths = torch.tensor(LENGTHS)
    for offset in range(12):
        tokens = torch.stack([p[n + offset] for p, n in zip(prompts, LENGTHS, strict=True)])
        logits = network.decode(tokens, torch.tensor(slots), lengths + offset, state)
        close(logits, torch.stack([rows[n + offset] for rows, n in zip(whole, LENGTHS, strict=True)]))


@pytest.mark.parametrize("parts", [[64, 65], [1, 128], [128, 1], [5, 1, 11, 112], [43, 43, 43]])
def test_prefill_in_parts(
    network: Network, prompts: list[Tensor], whole: list[Tensor], parts: list[int]
) -> None:
    state = pool(network, 2)
    start = 0
    for length in parts:
        batch = PackedBatch(prompts[0][start : start + length], [1], [start], [length])
        last = start + length == sum(parts)
        logits = network.prefill(batch, state, None if last else [])
        assert logits.shape == (int(last), network.config.vocab_size)
        start += length
    close(logits[0], whole[0][128])


def test_parts_of_some_prompts_among_whole_ones(
    network: Network, prompts: list[Tensor], whole: list[Tensor]
) -> None:
    state = pool(network, 3)
    network.prefill(PackedBatch(prompts[0][:50], [2], [0], [50]), state, [])
    batch = PackedBatch(
        torch.cat((prompts[2][:30], prompts[0][50:90], prompts[4][:7])), [0, 2, 1], [0, 50, 0], [30, 40, 7]
    )
    logits = network.prefill(batch, state, [1, 0])
    close(logits, torch.stack((whole[0][89], whole[2][29])))
    logits = network.decode(
        torch.stack((prompts[4][7], prompts[0][90])), torch.tensor([1, 2]), torch.tensor([7, 90]), state
    )
    close(logits, torch.stack((whole[4][7], whole[0][90])))


def test_a_prefix_is_shared(network: Network, prompts: list[Tensor], whole: list[Tensor]) -> None:
    state = pool(network, 3)
    prefill(network, state, [prompts[0][:64]], [0])
    saved = state.snapshot(0, 64)
    for _ in range(2):  # a snapshot is not used up
        state.restore(saved, 2)
        logits = network.prefill(PackedBatch(prompts[0][64:100], [2], [64], [36]), state)
        close(logits[0], whole[0][99])


def test_padding_rows_change_nothing(network: Network, prompts: list[Tensor], whole: list[Tensor]) -> None:
    state = pool(network, 2)
    prefill(network, state, [prompts[0][:20]], [0])
    padding = [state.scratch] * 3
    for offset in range(20, 24):
        tokens = torch.cat((prompts[0][offset][None], torch.zeros(3, dtype=torch.long)))
        lengths = torch.tensor([offset, 0, 0, 0])
        logits = network.decode(tokens, torch.tensor([0, *padding]), lengths, state, longest=100)
        close(logits[0], whole[0][offset])
    assert all((layer[1] == 0).all() for layer in (*state.ssm, *state.conv, *state.kv))


def test_no_more_tokens_than_a_slot_holds(network: Network, prompts: list[Tensor]) -> None:
    state = pool(network, 2, 30)
    with pytest.raises(ValueError, match="31 tokens in slots of 30"):
        prefill(network, state, [prompts[0][:31]], [0])
    prefill(network, state, [prompts[0][:30]], [0])
    with pytest.raises(ValueError, match="31 tokens in slots of 30"):
        network.decode(prompts[0][:1], torch.tensor([0]), torch.tensor([30]), state)


def test_batches_that_are_none() -> None:
    tokens = torch.zeros(4, dtype=torch.long)
    for slots, starts, lengths in (
        ([0], [0], [3]),
        ([0], [0], [2, 2]),
        ([0, 0], [0, 0], [2, 2]),
        ([], [], []),
        ([0, 1], [0, 0], [4, 0]),
    ):
        with pytest.raises(ValueError, match=r"batch|lengths"):
            PackedBatch(tokens, slots, starts, lengths)


@pytest.mark.parametrize("state_dtype", [torch.float32, torch.bfloat16])
def test_16_bits_stay_close_to_fp32(prompts: list[Tensor], state_dtype: torch.dtype) -> None:
    config = tiny_config(pattern="M-M*-M-M*-", hidden_size=128, intermediate_size=320)
    exact, rounded = random_network(config), random_network(config, dtype=torch.bfloat16)
    state = StatePool(config, 1, 160, dtype=torch.bfloat16, state_dtype=state_dtype)
    with torch.no_grad():
        expected = exact.forward(prompts[0][None])[0].log_softmax(-1)
        pieces = [prefill(rounded, state, [prompts[0][:60]], [0])]
        for t in range(60, len(prompts[0])):
            length = torch.tensor([t])
            pieces.append(rounded.decode(prompts[0][t : t + 1], torch.tensor([0]), length, state))
        stepwise = torch.cat(pieces).log_softmax(-1)
        whole = rounded.forward(prompts[0][None])[0].log_softmax(-1)
    for ours, theirs in ((whole, expected), (stepwise, expected[59:])):
        divergence = (theirs.exp() * (theirs - ours)).sum(-1)
        assert divergence.mean() <= 0.01


def test_whole_sequences_together_are_each_alone(prompts: list[Tensor]) -> None:
    network = random_network()
    ids = torch.stack([prompt[:13] for prompt in prompts if len(prompt) >= 13])
    logits = network.forward(ids)
    for row, alone in zip(logits, ids, strict=True):
        close(row, network.forward(alone[None])[0])
    where = torch.rand(ids.shape, generator=torch.Generator().manual_seed(2)) < 0.3
    close(network.forward(ids, where), logits[where])


def test_training(prompts: list[Tensor]) -> None:
    network = random_network(tiny_config(vocab_size=64)).trainable()
    ids = torch.stack([prompt[:13] % 64 for prompt in prompts])
    parameters = network.parameters()
    optimiser = torch.optim.AdamW(parameters.values(), lr=3e-3)
    losses = []
    for _ in range(15):
        logits = network.forward(ids[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        assert all(tensor.grad is not None and tensor.grad.isfinite().all() for tensor in parameters.values())
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
    # what was trained is what decodes, whether or not it was frozen
    with torch.no_grad():
        expected = network.forward(ids[:1])[0]
    for trained in (network, copy.deepcopy(network).freeze()):
        state = pool(trained, 1)
        prefill(trained, state, [ids[0, :-1]], [0])
        close(trained.decode(ids[0, -1:], torch.tensor([0]), torch.tensor([12]), state)[0], expected[-1])


def test_gradients_of_the_whole_network_against_differences() -> None:
    network = random_network(tiny_config(vocab_size=32, hidden_size=16, intermediate_size=24)).trainable()
    ids = torch.arange(3, 24)[None]

    def loss() -> Tensor:
        logits = network.forward(ids[:, :-1])
        return torch.nn.functional.cross_entropy(logits[0], ids[0, 1:])

    loss().backward()
    generator = torch.Generator().manual_seed(4)
    for name, tensor in network.parameters().items():
        direction = torch.randn(tensor.shape, generator=generator)
        direction /= direction.norm()
        ends = []
        for step in (-5e-3, 5e-3):
            with torch.no_grad():
                tensor += step * direction
                ends.append(loss().double())
                tensor -= step * direction
        difference = (ends[1] - ends[0]) / 1e-2
        assert tensor.grad is not None
        slope = (tensor.grad * direction).sum()
        assert abs(slope - difference) <= 2e-3 + 0.02 * abs(difference), name


@pytest.mark.parametrize(("config", "count"), [(NANO_9B_V2, 8_888_227_328), (NANO_12B_V2, 12_310_001_152)])
def test_the_published_models_in_full(config: ModelConfig, count: int) -> None:
    network = Network(config, device="meta")
    assert sum(tensor.numel() for tensor in network.parameters().values()) == count
    assert {name: tuple(tensor.shape) for name, tensor in network.tensors().items()} == config.tensor_shapes()
