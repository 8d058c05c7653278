"""Triton kernels against the PyTorch functions that they replace.

On a machine with a GPU they run there. Elsewhere Triton's interpreter runs them on the CPU: it is asked for by
an environment variable, which must be set before Triton is imported and is gone again afterwards. What the
interpreter cannot show (whether a kernel compiles, and fits) is asked of the compiler, which needs no GPU.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from model import kernels, layers, sampling, scan
from model.layers import DecodeStep, Operations
from model.network import Network, PackedBatch
from model.noise import Settings
from model.requests import Request
from model.state import Slots, StatePool
from model.tiny import TINY, random_network, tiny_config

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
with pytest.MonkeyPatch.context() as environment:
    if DEVICE == "cpu":
        if "triton" in sys.modules:
            pytest.skip("Triton was imported before it could be asked to interpret", allow_module_level=True)
        environment.setenv("TRITON_INTERPRET", "1")
    pytest.importorskip("triton", reason="kernels need Triton (pip install triton)")
    from model.kernels import attention, host, rows, sequence, step

HALVES = [torch.bfloat16, torch.float16]
NAN = float("nan")


@pytest.fixture(autouse=True)
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton (3.9) looks at the variable again later. And its interpreter keeps bf16 as integers of the same
    bits, which ``tl.dot`` multiplies as integers, and cuts fp32 off to bf16 where compiled kernels round to
    nearest: here it does as they do."""
    if DEVICE == "cuda":
        return
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    import numpy as np
    import triton.language as tl
    from triton.runtime import interpreter

    multiply, convert = interpreter.InterpreterBuilder.create_dot, interpreter._convert_float

    def widened(handle: Any) -> Any:
        if handle.dtype.scalar != tl.bfloat16:
            return handle
        return interpreter.TensorHandle((handle.data.astype(np.uint32) << 16).view(np.float32), tl.float32)

    def create_dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        return multiply(self, widened(a), widened(b), *rest)

    def convert_float(values: Any, given: Any, wanted: Any, mode: Any) -> Any:
        if (given, wanted) != (tl.float32, tl.bfloat16):
            return convert(values, given, wanted, mode)
        bits = torch.from_numpy(np.array(values, dtype=np.float32)).bfloat16().view(torch.int16)
        return bits.numpy().view(np.uint16)

    monkeypatch.setattr(interpreter.InterpreterBuilder, "create_dot", create_dot)
    monkeypatch.setattr(interpreter, "_convert_float", convert_float)


class Noise:
    """Random tensors on the device."""

    def __init__(self, seed: int = 0) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.randn(shape, generator=self._generator).to(DEVICE, dtype)

    def apart(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Rows that are part of longer ones, as the parts of a projection are; NaN between them."""
        width = math.prod(shape[1:])
        whole = torch.full((shape[0], width + 7), NAN, device=DEVICE, dtype=dtype)
        whole[:, 3 : 3 + width] = self(shape[0], width, dtype=dtype)
        return whole[:, 3 : 3 + width].view(shape)


def gap(ours: Tensor, theirs: Tensor) -> float:
    """How far, relative to the size of what is expected; infinite for a NaN."""
    assert ours.shape == theirs.shape
    distance = (ours.double() - theirs.double()).norm() / theirs.double().norm().clamp(min=1e-30)
    return float(distance) if distance.isfinite() else math.inf


def slots_of(*slots: int) -> Slots:
    """Without runs, as on a GPU."""
    return Slots(torch.tensor(slots, device=DEVICE), ())


def scan_inputs(
    lengths: list[int], heads: int, groups: int, width: int, size: int, dtype: torch.dtype, seed: int = 0
) -> dict[str, Any]:
    some, total = Noise(seed), sum(lengths)
    return {
        "x": some.apart(total, heads, width, dtype=dtype),
        "dt": torch.nn.functional.softplus(some(total, heads) - 1),
        "A": -torch.exp(some(heads)),
        "B": some.apart(total, groups, size, dtype=dtype),
        "C": some.apart(total, groups, size, dtype=dtype),
        "D": some(heads),
        "initial": some(len(lengths), heads, width, size),
    }


def in_fp32(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: value.float() for name, value in inputs.items()}


CASES = [
    ([1], 4, 2, 5, 7),
    ([127], 2, 2, 16, 16),
    ([128], 3, 1, 8, 24),
    ([129], 2, 1, 80, 128),  # width of a head and size of the state of the 9B network
    ([300, 1, 128], 4, 2, 5, 7),
]


@pytest.mark.parametrize(("lengths", "heads", "groups", "width", "size"), CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_chunk_scan(
    lengths: list[int], heads: int, groups: int, width: int, size: int, dtype: torch.dtype
) -> None:
    inputs = scan_inputs(lengths, heads, groups, width, size, dtype)
    ours = sequence.chunk_scan(**inputs, lengths=lengths)
    theirs = scan.chunk_scan(**in_fp32(inputs), lengths=lengths)
    for mine, expected in zip(ours, theirs, strict=True):
        assert mine.dtype == torch.float32
        assert gap(mine, expected) < (1e-5 if dtype == torch.float32 else 5e-3)


@settings(max_examples=8, deadline=None, database=None)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=4),
    chunk=st.sampled_from([16, 64]),
    seed=st.integers(0, 2**32),
)
def test_chunk_scan_of_any_lengths(lengths: list[int], chunk: int, seed: int) -> None:
    inputs = scan_inputs(lengths, 2, 1, 3, 5, torch.float32, seed)
    ours = sequence.chunk_scan(**inputs, lengths=lengths, chunk=chunk)
    for mine, expected in zip(ours, scan.chunk_scan(**inputs, lengths=lengths), strict=True):
        assert gap(mine, expected) < 1e-5


def test_packing_changes_no_bit() -> None:
    lengths = [130, 1, 40]
    inputs = scan_inputs(lengths, 2, 2, 5, 7, torch.float32)
    y, final = sequence.chunk_scan(**inputs, lengths=lengths)
    begin = 0
    for number, length in enumerate(lengths):
        span = slice(begin, begin + length)
        part = {name: inputs[name] if name in "AD" else inputs[name][span] for name in ("x", "dt", *"ABCD")}
        alone = sequence.chunk_scan(**part, lengths=[length], initial=inputs["initial"][number, None])
        assert torch.equal(alone[0], y[span])
        assert torch.equal(alone[1][0], final[number])
        begin += length


def test_strong_decay_gives_no_infinities() -> None:
    inputs = scan_inputs([100], 2, 1, 4, 4, torch.float32)
    inputs["dt"] += 40
    ours = sequence.chunk_scan(**inputs, lengths=[100])
    for mine, expected in zip(ours, scan.chunk_scan(**inputs, lengths=[100]), strict=True):
        assert gap(mine, expected) < 1e-5


@pytest.mark.parametrize("lengths", [[1], [2, 1, 5], [127, 128, 1], [129]])
@pytest.mark.parametrize("kernel", [2, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_conv_scan(lengths: list[int], kernel: int, dtype: torch.dtype) -> None:
    some, channels = Noise(), 140
    inputs = {
        "x": some.apart(sum(lengths), channels, dtype=dtype),
        "weight": some(kernel, channels),
        "bias": some(channels),
        "lengths": lengths,
        "initial": some(len(lengths), kernel - 1, channels, dtype=dtype),
    }
    y, final = sequence.conv_scan(**inputs)
    expected, expected_final = scan.conv_scan(**inputs)
    assert y.dtype == dtype
    assert gap(y, expected) < (1e-6 if dtype == torch.float32 else 2e-3)
    assert torch.equal(final, expected_final)


ROWS = [(2,), (3, 1, 0), (4, -1, 5, 0, -1)]


@pytest.mark.parametrize("slots", ROWS)
@pytest.mark.parametrize("kernel", [2, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_conv_step(slots: tuple[int, ...], kernel: int, dtype: torch.dtype) -> None:
    some, channels = Noise(), 530
    used = [slot for slot in slots if slot >= 0]
    live = [row for row, slot in enumerate(slots) if slot >= 0]
    pool = torch.full((7, kernel - 1, channels), NAN, device=DEVICE, dtype=dtype)
    pool[used] = some(len(used), kernel - 1, channels, dtype=dtype)
    expected_pool = pool.clone()
    x, weight, bias = some.apart(len(slots), channels, dtype=dtype), some(kernel, channels), some(channels)
    y = step.conv_step(pool, slots_of(*slots), x, weight, bias)
    expected = scan.conv_step(expected_pool, slots_of(*used), x[live], weight, bias)
    assert y.dtype == torch.float32
    assert gap(y[live], expected) < 1e-6
    assert torch.equal(pool.nan_to_num(123), expected_pool.nan_to_num(123))
    assert not y[[row for row in range(len(slots)) if row not in live]].any()


@pytest.mark.parametrize("slots", ROWS)
@pytest.mark.parametrize(("heads", "groups", "width", "size"), [(6, 3, 5, 7), (4, 1, 80, 128)])
@pytest.mark.parametrize("state_dtype", [torch.float32, *HALVES])
def test_state_step(
    slots: tuple[int, ...], heads: int, groups: int, width: int, size: int, state_dtype: torch.dtype
) -> None:
    used = [slot for slot in slots if slot >= 0]
    live = [row for row, slot in enumerate(slots) if slot >= 0]
    inputs = scan_inputs([1] * len(slots), heads, groups, width, size, torch.float32)
    initial = inputs.pop("initial")
    pool = torch.full((7, heads, width, size), NAN, device=DEVICE, dtype=state_dtype)
    pool[used] = initial[live].to(state_dtype)
    expected_pool = pool.clone()
    positions = torch.arange(len(slots), device=DEVICE) * 1000 + 7
    y = step.state_step(pool, slots_of(*slots), **inputs, positions=positions, salt=3)
    inputs = {name: value if name in "AD" else value[live] for name, value in inputs.items()}
    expected = scan.state_step(expected_pool, slots_of(*used), **inputs, positions=positions[live], salt=3)
    assert gap(y[live], expected) < 1e-6
    # a sum in another order may round to the neighbouring 16-bit number
    assert gap(pool[used], expected_pool[used]) < (1e-6 if state_dtype == torch.float32 else 5e-4)
    assert pool[[slot for slot in range(7) if slot not in used]].isnan().all()  # untouched
    assert not y[[row for row in range(len(slots)) if row not in live]].any()


@pytest.mark.parametrize("slots", ROWS)
@pytest.mark.parametrize(("heads", "kv_heads", "width"), [(4, 2, 24), (5, 1, 128)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attend_step(
    slots: tuple[int, ...], heads: int, kv_heads: int, width: int, dtype: torch.dtype, monkeypatch: Any
) -> None:
    monkeypatch.setattr(step, "SPLIT", 128)
    some, max_length = Noise(), 300
    lengths = [0, 299, 127, 128, 63][: len(slots)]
    used = [slot for slot in slots if slot >= 0]
    live = [row for row, slot in enumerate(slots) if slot >= 0]
    kv = torch.full((7, 2, kv_heads, max_length, width), NAN, device=DEVICE, dtype=dtype)
    for row in live:
        shape = (2, kv_heads, lengths[row] + 1, width)
        kv[slots[row], :, :, : lengths[row] + 1] = some(*shape, dtype=dtype)
    q = some.apart(len(slots), heads, width, dtype=dtype)
    where = torch.tensor(lengths, device=DEVICE)
    ours = step.attend_step(kv, q, DecodeStep(slots_of(*slots), where, max_length - 1, dtype))
    # the reference multiplies what it masks by zero, and so must not meet a NaN
    expected = layers.attend_step(
        kv.nan_to_num().float(),
        q[live].float(),
        DecodeStep(slots_of(*used), where[live], max(lengths), torch.float32),
    )
    assert ours.dtype == dtype
    assert gap(ours[live], expected) < (1e-5 if dtype == torch.float32 else 5e-3)
    assert not ours[[row for row in range(len(slots)) if row not in live]].any()


@pytest.mark.parametrize(("heads", "kv_heads", "width"), [(4, 2, 24), (5, 1, 128)])
@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attend_sequence(heads: int, kv_heads: int, width: int, pooled: bool, dtype: torch.dtype) -> None:
    some, max_length = Noise(), 300
    lengths, starts = [1, 65, 1, 130, 64, 3], [0, 0, 299, 128, 63, 64] if pooled else [0] * 6
    q = some.apart(sum(lengths), heads, width, dtype=dtype)
    slots = [5, 2, 0, 3, 1, 6] if pooled else None
    if slots is None:
        kv = some.apart(sum(lengths), 2, kv_heads, width, dtype=dtype)
    else:  # beyond what a slot holds, nothing may be read
        kv = torch.full((7, 2, kv_heads, max_length, width), NAN, device=DEVICE, dtype=dtype)
        for slot, start, length in zip(slots, starts, lengths, strict=True):
            kv[slot, :, :, : start + length] = some(2, kv_heads, start + length, width, dtype=dtype)
    ours = attention.attend_sequence(kv, q, slots, starts, lengths)
    expected = layers.attend_sequence(kv.float(), q.float(), slots, starts, lengths)
    assert ours.dtype == dtype
    assert gap(ours, expected) < (1e-5 if dtype == torch.float32 else 5e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norms_and_relu_squared(dtype: torch.dtype) -> None:
    some = Noise()
    within = 1e-6 if dtype == torch.float32 else 2e-3
    x, weight = some.apart(5, 70, dtype=dtype), some(70, dtype=dtype)
    normed = rows.rms_norm(x, weight, 1e-5)
    assert normed.dtype == dtype
    assert gap(normed, scan.rms_norm(x, weight, 1e-5)) < within
    y, z, scale = some(5, 48), some.apart(5, 48, dtype=dtype), some(48)
    for groups in (1, 8, 16):
        gated = rows.gated_norm(y, z, scale, groups, 1e-5)
        assert gated.dtype == dtype
        assert gap(gated, scan.gated_norm(y, z, scale, groups, 1e-5)) < within
    many = some(40, 77, dtype=dtype)
    assert torch.equal(rows.relu_squared(many), layers.relu_squared(many))


def sampled_both_ways(
    logits: Tensor, given_: Settings, limited: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[Tensor, Tensor]:
    both = []
    for chosen in (True, False):
        monkeypatch.setattr(kernels, "chosen", lambda device, chosen=chosen: chosen)
        both.append(sampling.sample(logits, given_, limited))
    return both[0], both[1]


def settings_of(n: int, **columns: Any) -> Settings:
    """Of n rows with seeds of their own: columns are numbers or one for each row."""
    generator = torch.Generator().manual_seed(5)
    given_ = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "step": torch.arange(n)} | columns
    types = {"temperature": torch.float64, "top_p": torch.float64}
    return Settings(
        seed=torch.randint(-(2**63), 2**63 - 1, (n,), generator=generator).to(DEVICE),
        **{
            name: torch.as_tensor(value).to(DEVICE, types.get(name, torch.int64)).expand(n).contiguous()
            for name, value in given_.items()
        },
    )


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")
@pytest.mark.parametrize("limited", [False, True])
def test_seeded_choice(limited: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    n, vocab = 24, 3000
    logits = Noise().apart(n, vocab)
    logits[3, ::2] = -math.inf
    logits[4, 77] = NAN
    logits[5, 2999] = math.inf
    logits[6] = -math.inf
    logits[7, 100:200] = logits[7].max()  # of equals the lowest, where greedy
    heat = torch.linspace(0, 3, n, dtype=torch.float64)
    heat[7:9] = 0
    ours, expected = sampled_both_ways(logits, settings_of(n, temperature=heat), limited, monkeypatch)
    assert ours.tolist() == expected.tolist()
    assert expected[4:8].tolist() == [-1, -1, -1, 100]
    assert len(set(expected.tolist())) > n // 2


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("kind", ["peaked", "flat", "ties", "negative"])
def test_thresholds(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    n, vocab = 36, 2500
    logits = Noise(1)(n, vocab) * {"peaked": 4.0, "flat": 0.01, "ties": 4.0, "negative": 1.0}[kind]
    if kind == "ties":
        logits = logits.round()
        logits[:, 5] = -0.0
    if kind == "negative":
        logits = -logits.abs() - 1e-3
        logits[1, 10:] = -math.inf
    given_ = settings_of(
        n,
        temperature=torch.tensor([0.3, 0.6, 1.0, 2.0]).repeat(9),
        top_k=torch.tensor([0, 1, 5, 1300, 2500, 4000]).repeat(6),
        top_p=torch.tensor([0.95, 0.5, 1.0, 1e-9, 0.9999999, 0.7, 0.3, 0.99, 0.05]).repeat(4),
    )
    ours, expected = sampled_both_ways(logits, given_, True, monkeypatch)
    assert ours.tolist() == expected.tolist()


class Launches(TorchDispatchMode):
    """Counts what would be launched on a device, and what would wait for it; kernels of Triton are counted
    and not run."""

    #: Operations that do nothing on the device.
    FREE = (
        "view",
        "slice",
        "select",
        "squeeze",
        "expand",
        "alias",
        "detach",
        "empty",
        "t.default",
        "_to_copy",
    )
    WAITS = ("nonzero", "_local_scalar_dense", "is_nonzero", "equal")

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.kernels = self.operations = self.waits = 0

        def count(function: Any, *rest: Any, **named: Any) -> None:
            self.kernels += 1

        from triton.runtime.interpreter import InterpretedFunction
        from triton.runtime.jit import JITFunction

        for runs in (InterpretedFunction, JITFunction):
            monkeypatch.setattr(runs, "__getitem__", lambda function, grid: partial(count, function))

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(function)
        self.waits += any(wait in name for wait in self.WAITS)
        self.operations += not any(free in name for free in self.FREE)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "kinds",
    [
        [{}],
        [{"temperature": 1.0}],
        [{"temperature": 0.6, "top_p": 0.95}],
        [{}, {"temperature": 1.0}, {"temperature": 0.6, "top_p": 0.95}, {"temperature": 1.0, "top_k": 40}],
        [{}, {"temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.2}],
    ],
    ids=["greedy", "temperature", "top-p", "mixed", "with penalties"],
)
def test_few_launches_and_no_waiting(
    kinds: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    n, vocab = 256, 4096
    sampler = sampling.Sampler(n, vocab, DEVICE)
    for slot in range(n):
        sampler.admit(slot, Request(str(slot), [1, 2], 4, seed=slot, **kinds[slot % len(kinds)]))
    logits = Noise()(n, vocab)
    monkeypatch.setattr(kernels, "chosen", lambda device: True)
    with torch.inference_mode(), Launches(monkeypatch) as count:
        sampler.sample(logits, range(n))
    with capsys.disabled():
        print(f" {count.kernels} kernels, {count.operations} operations, {count.waits} waits ", end="")
    assert 0 < count.kernels + count.operations <= 20
    assert count.waits == 0


def logits_of(network: Network, operations: Operations) -> Tensor:
    """Prompts in two parts, then decoding with padding among the rows."""
    network.operations = operations
    state = StatePool(network.config, 3, 64, device=DEVICE, dtype=network.dtype)
    tokens = torch.randint(3, network.config.vocab_size, (64,), generator=torch.Generator().manual_seed(1))
    tokens = tokens.to(DEVICE)
    for slot in (2, 0):
        state.reset(slot)
    out = [network.prefill(PackedBatch(tokens[:11], [2, 0], [0, 0], [10, 1]), state)]
    out += [network.prefill(PackedBatch(tokens[11:20], [0, 2], [1, 10], [3, 6]), state)]
    slots = slots_of(2, -1, 0)
    for number in range(2):
        lengths = torch.tensor([16 + number, 0, 4 + number], device=DEVICE)
        logits = network.decode(tokens[40 + number : 43 + number], slots, lengths, state, 63)
        out.append(logits[[0, 2]])
    return torch.cat(out)


@torch.inference_mode()
@pytest.mark.parametrize("config", [TINY, tiny_config(n_groups=1, mamba_head_dim=20, ssm_state_size=24)])
def test_the_network_with_kernels(config: Any) -> None:
    network = random_network(config, device=DEVICE)
    exact = logits_of(network, Operations())
    assert (logits_of(network, kernels.triton_operations()) - exact).abs().max() < 1e-4


@torch.inference_mode()
def test_the_network_with_kernels_in_bf16() -> None:
    exact = logits_of(random_network(TINY, device=DEVICE), Operations())
    network = random_network(TINY, device=DEVICE, dtype=torch.bfloat16)

    def divergence(logits: Tensor) -> float:
        ours, theirs = logits.log_softmax(-1), exact.log_softmax(-1)
        return float((theirs.exp() * (theirs - ours)).sum(-1).mean())

    assert divergence(logits_of(network, kernels.triton_operations())) < 0.01


def test_which_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Operations()
    assert kernels.operations("cpu") == Operations(state_step=host.state_step) != plain
    assert kernels.operations("cuda") == kernels.triton_operations() != plain
    monkeypatch.setenv(kernels.VARIABLE, "torch")
    assert kernels.operations("cuda") == kernels.operations("cpu") == plain
    monkeypatch.setenv(kernels.VARIABLE, "fast")
    with pytest.raises(ValueError, match="'fast'; expected triton or torch"):
        kernels.operations("cpu")


def test_training_keeps_to_what_has_gradients() -> None:
    network = random_network(TINY, device=DEVICE)
    network.operations = kernels.triton_operations()
    ids = torch.arange(3, 20, device=DEVICE)[None]
    network.trainable().forward(ids).sum().backward()
    assert all(tensor.grad is not None for tensor in network.parameters().values())


def test_rows_must_be_contiguous_inside() -> None:
    with pytest.raises(ValueError, match="not contiguous"):
        rows.rms_norm(torch.zeros(4, 6, device=DEVICE).t(), torch.ones(4, device=DEVICE), 1e-5)


@pytest.mark.parametrize(("capability", "shared_memory"), [(86, 99 << 10), (90, 227 << 10)])
def test_kernels_compile_and_fit(capability: int, shared_memory: int, tmp_path: Path) -> None:
    """Shared memory of a block: CUDA C++ programming guide, technical specifications. 8.6 has the least."""
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("compiled_kernels.py")), str(capability)],
        env=os.environ | {"TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    compiled = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len({name for name, _, _ in compiled}) == 15
    for name, shared, stack in compiled:
        assert shared <= shared_memory, name
        assert stack == 0, f"{name} spills registers"
