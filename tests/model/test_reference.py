"""The network in NumPy: against itself in other orders, transformers, and the engine; without torch where it can be."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import reference
from model.checkpoint import CheckpointError, StoredTensor
from model.reference import Network
from tests.model import numpy_checkpoint
from tests.model.numpy_checkpoint import CONFIG
from tests.model.plain_noise import plain_gumbel

ROOT = Path(__file__).resolve().parents[2]


def network(dtype: str = "float64", **changes: object) -> Network:
    config = replace(CONFIG, **changes)  # type: ignore[arg-type]
    return Network(config, numpy_checkpoint.weights(config), dtype)


def tokens(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CONFIG.vocab_size, shape)


def whole(net: Network, ids: np.ndarray) -> np.ndarray:
    return net.forward(ids, net.state(*ids.shape))


@pytest.mark.parametrize("cuts", [[1] * 150, [150], [64, 64, 22], [1, 63, 65, 21], [130, 20], [3, 2, 1, 144]])
def test_prompts_and_single_tokens_are_the_same_arithmetic(cuts: list[int]) -> None:
    net, ids = network(), tokens(2, 150)
    state = net.state(2, 150)
    parts, start = [], 0
    for cut in cuts:
        parts.append(net.forward(ids[:, start : start + cut], state))
        start += cut
    assert np.abs(np.concatenate(parts, axis=1) - whole(net, ids)).max() < 1e-12
    assert state.length.tolist() == [150, 150]


def test_only_the_last_logits() -> None:
    net, ids = network(), tokens(3, 70)
    last = net.forward(ids, net.state(3, 70), last=True)
    assert last.shape == (3, 1, CONFIG.vocab_size)
    # On some processors the products of few rows are added up in another order than those of many.
    assert np.abs(last - whole(net, ids)[:, -1:]).max() < 1e-12


def test_rows_know_nothing_of_each_other_and_of_who_was_there_before() -> None:
    net = network()
    state = net.state(3, 60)
    for array in (state.conv, state.ssm, state.keys, state.values):
        array[:] = np.nan
    prompts = [tokens(1, length, seed=length) for length in (9, 1, 33)]
    for row, ids in enumerate(prompts):
        state.clear(row)
        net.forward(ids, state, slice(row, row + 1))
    state.move(2, 0)
    step = net.forward(tokens(2, 1), state, slice(0, 2), last=True)
    for row, ids in enumerate((prompts[2], prompts[1])):
        alone = whole(net, np.concatenate([ids, tokens(2, 1)[row : row + 1]], axis=1))
        assert np.abs(step[row, 0] - alone[0, -1]).max() < 1e-12


def test_float32_is_near_float64() -> None:
    ids = tokens(2, 200)
    exact = whole(network(), ids)
    near = whole(network("float32"), ids)
    assert near.dtype == np.float32
    assert np.abs(near - exact).max() < 1e-5 * np.abs(exact).max()


def test_a_checkpoint_is_read_without_torch(tmp_path: Path) -> None:
    stored = numpy_checkpoint.write(tmp_path)
    net = Network.load(tmp_path, "float64")
    ids = tokens(1, 20)
    assert np.array_equal(whole(net, ids), whole(Network(CONFIG, stored, "float64"), ids))
    code = (
        "import sys; sys.modules['torch'] = sys.modules['safetensors'] = None\n"
        "from model.backends.reference import Reference\n"
        "from model.requests import Request\n"
        f"print(Reference.load({str(tmp_path)!r}).generate([Request('a', [5, 6], 4)])[0].token_ids)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(eval(out.stdout)) == 4


def test_a_checkpoint_that_does_not_fit_its_configuration(tmp_path: Path) -> None:
    numpy_checkpoint.write(tmp_path)
    text = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(
        text.replace('"intermediate_size": 160', '"intermediate_size": 161')
    )
    with pytest.raises(CheckpointError, match="up_proj"):
        Network.load(tmp_path)


@pytest.mark.parametrize(
    ("dtype", "raw"),
    [
        ("F64", np.array([1.5, -2.25, 1e-300], "<f8").tobytes()),
        ("F32", np.array([1.5, -2.25, 1e-30], "<f4").tobytes()),
        ("F16", np.array([1.5, -2.25, 6e-8], "<f2").tobytes()),
        ("BF16", bytes.fromhex("c03f10c0a20d")),
    ],
)
def test_numbers_of_every_dtype(dtype: str, raw: bytes, tmp_path: Path) -> None:
    file = tmp_path / "numbers"
    file.write_bytes(b"before" + raw + b"after")
    read = StoredTensor(file, dtype, (1, 3), 6).read()
    assert read.shape == (1, 3)
    assert read[0, :2].tolist() == [1.5, -2.25]
    small = {"F64": 1e-300, "F32": 1e-30, "F16": 2.0**-24, "BF16": 1e-30}[dtype]
    assert read[0, 2] == pytest.approx(small, rel=0.01)
    assert read.dtype == (np.float64 if dtype == "F64" else np.float32)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**31), st.integers(1, 300))
def test_the_noise_is_that_of_the_definition(seed: int, step: int, count: int) -> None:
    noise = reference.gumbel(seed, step, count)
    for token in {0, count // 2, count - 1}:
        assert noise[token] == pytest.approx(plain_gumbel(seed, step, token), rel=1e-13)


def test_what_is_chosen() -> None:
    logits = np.array([0.0, 3.0, 3.0, 1.0, -1.0], np.float32)
    assert reference.choose(logits) == 1
    drawn = {reference.choose(logits, 2.0, seed=seed) for seed in range(300)}
    assert drawn == {0, 1, 2, 3, 4}
    # both of the tokens that tie for the first place
    assert {reference.choose(logits, 2.0, top_k=1, seed=seed) for seed in range(50)} == {1, 2}
    assert {reference.choose(logits, 2.0, top_p=0.01, seed=seed) for seed in range(50)} == {1, 2}
    assert {reference.choose(logits, 2.0, top_k=3, seed=seed) for seed in range(200)} == {1, 2, 3}
    for bad in (np.nan, np.inf):
        assert reference.choose(np.array([0, bad, 1], np.float32)) == -1
    assert reference.choose(np.full(3, -np.inf, np.float32), 1.0) == -1


def test_a_penalty_makes_what_was_seen_less_likely() -> None:
    logits = np.array([2.0, 2.0, -2.0, -2.0], np.float32)
    seen = np.array([True, False, True, False])
    assert reference.penalise(logits, seen, 2.0).tolist() == [1.0, 2.0, -4.0, -2.0]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.floats(0.05, 3),
    st.integers(0, 40),
    st.floats(0.05, 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 500),
)
def test_choices_are_those_of_the_engine(
    numbers: int, temperature: float, top_k: int, top_p: float, seed: int, step: int
) -> None:
    torch = pytest.importorskip("torch", reason="the engine needs torch (pip install 'nanocorpus[model]')")
    from model.noise import Settings
    from model.sampling import sample

    logits = np.random.default_rng(numbers).standard_normal(200).astype(np.float32) * 3
    row = Settings(
        torch.tensor([temperature], dtype=torch.float64),
        torch.tensor([top_k]),
        torch.tensor([top_p], dtype=torch.float64),
        torch.tensor([seed]),
        torch.tensor([step]),
    )
    theirs = int(sample(torch.tensor(logits)[None], row))
    assert reference.choose(logits, temperature, top_k, top_p, seed, step) == theirs


@pytest.mark.parametrize("length", [1, 2, 17, 128, 200])
def test_logits_of_transformers(length: int) -> None:
    torch = pytest.importorskip("torch", reason="transformers needs torch")
    transformers = pytest.importorskip("transformers", minversion="5.20", reason="the peer of this test")
    for changes in (
        {},
        {"pattern": "*M-MM*-M", "mamba_num_heads": 12, "mamba_head_dim": 10, "n_groups": 3, "head_dim": 20},
        {"pattern": "MM*-*", "num_key_value_heads": 4, "n_groups": 1, "conv_kernel": 3, "norm_eps": 1e-3},
    ):
        config = replace(CONFIG, dtype="float32", **changes)
        weights = numpy_checkpoint.weights(config)
        theirs = transformers.NemotronHForCausalLM(transformers.NemotronHConfig(**config.to_dict())).eval()
        theirs.load_state_dict(
            {name.replace("backbone.", "model.", 1): torch.tensor(array) for name, array in weights.items()}
        )
        for module in theirs.modules():
            if hasattr(module, "time_step_limit"):  # its single step has none
                module.time_step_limit = (0.0, float("inf"))
        ids = tokens(2, length)
        with torch.inference_mode():
            expected = theirs(torch.tensor(ids)).logits.numpy()
        assert np.abs(whole(Network(config, weights), ids) - expected).max() < 1e-4
