"""Claim: every Triton kernel gives what the PyTorch function gives that it replaces, in less time.

    python benchmarks/model_kernels.py [--batch 256] [--tokens 8192] [--length 1200] [--dtype bfloat16]

At the widths of Nemotron Nano 9B v2, one layer: a decoding step of ``--batch`` sequences, and prefill of
``--tokens`` tokens in prompts of ``--length``. For each kernel: relative distance from the reference computed
in fp32, and its limit; time (median, caches flushed); bytes that must be moved at least, and operations where
they matter, both per second and as a share of what a large copy and a large matrix product reach on the same
device in the same run; time of PyTorch over time of the kernel, whose floor is 1. Needs a CUDA device and
Triton; without them it says so and ends with 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import Tensor

from model import layers, sampling, scan
from model.config import NANO_9B_V2
from model.kernels import VARIABLE
from model.layers import DecodeStep
from model.noise import Settings
from model.state import Slots

NEEDS = ("torch", "triton", "cuda")
FLOORS = {"times PyTorch's time": 1.0}
FLOOR = FLOORS["times PyTorch's time"]
CONTEXT = 1500
#: Tokens that a slot holds before the prompts of prefill: those of a shared beginning.
EARLIER = 512


@dataclass(frozen=True)
class Case:
    """kernel and plain do the same and return the tensor to compare; moved: bytes; operations: floating-point
    operations of matrix products, 0 where there are none."""

    name: str
    kernel: Callable[[], Tensor]
    plain: Callable[[], Tensor]
    moved: int
    operations: int = 0
    within: float = 1e-5


def size_of(*tensors: Tensor) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def random(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, device="cuda").to(dtype)


def split(xbc: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    config = NANO_9B_V2
    x, B, C = xbc.split_with_sizes(
        [config.inner_size, *[config.n_groups * config.ssm_state_size] * 2], dim=-1
    )
    n = xbc.shape[0]
    by_group = (n, config.n_groups, config.ssm_state_size)
    return x.view(n, config.mamba_num_heads, config.mamba_head_dim), B.view(by_group), C.view(by_group)


def decay() -> tuple[Tensor, Tensor]:
    """A and D of every head."""
    heads = NANO_9B_V2.mamba_num_heads
    return -torch.rand(heads, device="cuda") * 7 - 0.5, random(heads)


def step_cases(n: int, dtype: torch.dtype) -> list[Case]:
    from model.kernels import rows, step
    from model.kernels import sampling as choice

    config = NANO_9B_V2
    inner, channels, past = config.inner_size, config.conv_size, config.conv_kernel - 1
    slots = Slots(torch.randperm(n + 1, device="cuda")[:n], ())
    projected = random(n, config.in_proj_size, dtype=dtype)
    z, xbc = projected[:, :inner], projected[:, inner : inner + channels]
    weight, bias = random(past + 1, channels), random(channels)
    conv = random(n + 1, past, channels, dtype=dtype)
    x, B, C = split(random(n, channels))
    A, D = decay()
    dt = torch.nn.functional.softplus(random(n, config.mamba_num_heads) - 2)
    kv = random(n, 2, config.num_key_value_heads, 2048, config.head_dim, dtype=dtype)
    q = random(n, config.num_attention_heads, config.head_dim, dtype=dtype)
    lengths = torch.full((n,), CONTEXT - 1, device="cuda")
    at = DecodeStep(Slots(torch.randperm(n, device="cuda"), ()), lengths, CONTEXT - 1, dtype)
    y, gate_weight = random(n, inner), random(inner)
    h, norm_weight = random(n, config.hidden_size, dtype=dtype), random(config.hidden_size, dtype=dtype)
    wide = random(n, config.intermediate_size, dtype=dtype)
    logits = random(n, config.vocab_size) * 3
    warm = torch.full((n,), 0.8, device="cuda", dtype=torch.float64)
    seeds = torch.arange(n, device="cuda")
    settings = Settings(warm, torch.zeros_like(seeds), torch.ones_like(warm), seeds, seeds)
    half = 1e-5 if dtype == torch.float32 else 5e-3
    cases = []
    for state_dtype in (torch.float32, torch.bfloat16):
        # Two pools, so that both go through the same states. Time makes no difference to the values, which
        # decay and are fed.
        shape = (n + 1, config.mamba_num_heads, config.mamba_head_dim, config.ssm_state_size)
        ours = random(*shape, dtype=state_dtype)
        theirs = ours.clone()
        name = f"state_step, {str(state_dtype).removeprefix('torch.')} state"
        given = (slots, x, dt, A, B, C, D, lengths)
        cases.append(
            Case(
                name,
                partial(step.state_step, ours, *given),
                partial(scan.state_step, theirs, *given),
                2 * n * size_of(ours[0]) + 2 * size_of(x) + size_of(B, C),
            )
        )
    conv_copy = conv.clone()
    cases += [
        Case(
            "conv_step",
            lambda: step.conv_step(conv, slots, xbc, weight, bias),
            lambda: scan.conv_step(conv_copy, slots, xbc, weight, bias),
            2 * n * size_of(conv[0]) + size_of(xbc) + n * channels * 4,
        ),
        Case(
            f"attend_step, {CONTEXT} keys",
            lambda: step.attend_step(kv, q, at),
            lambda: layers.attend_step(kv, q, at),
            size_of(kv) * CONTEXT // 2048,
            within=half,
        ),
        Case(
            "gated_norm",
            lambda: rows.gated_norm(y, z, gate_weight, config.n_groups, 1e-5),
            lambda: scan.gated_norm(y, z, gate_weight, config.n_groups, 1e-5),
            size_of(y, z, z),
            within=half,
        ),
        Case(
            "rms_norm",
            lambda: rows.rms_norm(h, norm_weight, 1e-5),
            lambda: scan.rms_norm(h, norm_weight, 1e-5),
            size_of(h, h),
            within=half,
        ),
        Case(
            "relu_squared",
            lambda: rows.relu_squared(wide),
            lambda: layers.relu_squared(wide),
            size_of(wide, wide),
            within=half,
        ),
        *(
            Case(
                f"sample, {name}",
                partial(choice.sample, logits, given, limited),
                partial(sampling.sample, logits, given, limited),
                size_of(logits),
                within=0,
            )
            for name, given, limited in (
                ("all tokens", settings, False),
                ("top-p", replace(settings, top_p=torch.full_like(warm, 0.95)), True),
            )
        ),
    ]
    return cases


def sequence_cases(tokens: int, length: int, dtype: torch.dtype) -> list[Case]:
    from model.kernels import attention, sequence

    config = NANO_9B_V2
    lengths = [length] * (tokens // length) + [tokens % length] * (tokens % length > 0)
    inner, channels, past = config.inner_size, config.conv_size, config.conv_kernel - 1
    heads, width, size = config.mamba_num_heads, config.mamba_head_dim, config.ssm_state_size
    projected = random(tokens, config.in_proj_size, dtype=dtype)
    xbc = projected[:, inner : inner + channels]
    weight, bias = random(past + 1, channels), random(channels)
    before = random(len(lengths), past, channels, dtype=dtype)
    x, B, C = split(random(tokens, channels, dtype=dtype))
    wide = x.float(), B.float(), C.float()
    A, D = decay()
    dt = torch.nn.functional.softplus(random(tokens, heads) - 2)
    initial = random(len(lengths), heads, width, size)
    chunk = sequence.CHUNK
    # per token and head, of the products in _outputs (scores and weights over half a chunk on average, and
    # the state) and in _states
    products = chunk // 2 * (size + width) + 2 * size * width
    half = 1e-5 if dtype == torch.float32 else 5e-3
    queries = random(tokens, config.num_attention_heads, config.head_dim, dtype=dtype)
    kv = random(len(lengths), 2, config.num_key_value_heads, EARLIER + length, config.head_dim, dtype=dtype)
    behind = (range(len(lengths)), [EARLIER] * len(lengths), lengths)
    pairs = sum(length * EARLIER + length * length // 2 for length in lengths)
    return [
        Case(
            f"attend_sequence, {EARLIER} before",
            lambda: attention.attend_sequence(kv, queries, *behind),
            lambda: layers.attend_sequence(kv, queries, *behind),
            size_of(kv, queries, queries),
            4 * config.query_size * pairs,
            within=half,
        ),
        Case(
            "conv_scan",
            lambda: sequence.conv_scan(xbc, weight, bias, lengths, before)[0],
            lambda: scan.conv_scan(xbc, weight, bias, lengths, before)[0],
            2 * size_of(xbc),
            within=half,
        ),
        Case(
            "chunk_scan",
            lambda: sequence.chunk_scan(x, dt, A, B, C, D, lengths, initial)[0],
            lambda: scan.chunk_scan(wide[0], dt, A, wide[1], wide[2], D, lengths, initial)[0],
            size_of(x, B, C, dt, initial, initial) + tokens * inner * 4,
            2 * tokens * heads * products,
            within=half,
        ),
    ]


def milliseconds(work: Callable[[], Any]) -> float:
    from triton.testing import do_bench

    return float(do_bench(work, warmup=50, rep=300, return_mode="median"))


def ceilings(dtype: torch.dtype) -> tuple[float, float]:
    """Bytes per second of a copy, and operations per second of a matrix product."""
    source = random(1 << 28)
    target = torch.empty_like(source)
    copied = 2 * size_of(source) / milliseconds(lambda: target.copy_(source)) * 1e3
    left, right = random(8192, 8192, dtype=dtype), random(8192, 8192, dtype=dtype)
    return copied, 2 * 8192**3 / milliseconds(lambda: left @ right) * 1e3


def report(case: Case, bandwidth: float, rate: float) -> bool:
    ours, expected = case.kernel().double(), case.plain().double()
    gap = float((ours - expected).norm() / expected.norm())
    mine, plain = milliseconds(case.kernel), milliseconds(case.plain)
    moved = case.moved / mine * 1e3
    line = f"{case.name:28} off {gap:.1e} limit {case.within:.0e}  {mine:8.3f} ms"
    line += f"  {moved / 1e9:6.0f} GB/s = {moved / bandwidth:4.0%} of a copy"
    if case.operations:
        done = case.operations / mine * 1e3
        line += f", {done / 1e12:.0f} TFLOP/s = {done / rate:.0%} of a product"
    print(f"{line}  PyTorch {plain:8.3f} ms  ratio {plain / mine:.2f}  floor {FLOOR}", flush=True)
    return gap <= case.within and plain / mine >= FLOOR


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=256, help="sequences of the decoding step")
    parser.add_argument("--tokens", type=int, default=8192, help="packed tokens of prefill")
    parser.add_argument("--length", type=int, default=1200, help="tokens of a prompt")
    parser.add_argument("--dtype", choices=["bfloat16", "float16", "float32"], default="bfloat16")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device: kernels can be timed on a GPU only", file=sys.stderr)
        return 2
    try:
        import triton
    except ModuleNotFoundError:
        print("no Triton: pip install triton", file=sys.stderr)
        return 2
    os.environ[VARIABLE] = "torch"  # for what the kernels, which are called by name, are compared with
    dtype = getattr(torch, options.dtype)
    torch.manual_seed(0)
    fine = True
    with torch.inference_mode():
        bandwidth, rate = ceilings(dtype)
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, triton {triton.__version__}")
        print(f"copy {bandwidth / 1e9:.0f} GB/s, {options.dtype} product {rate / 1e12:.0f} TFLOP/s")
        for case in step_cases(options.batch, dtype):
            fine &= report(case, bandwidth, rate)
        for case in sequence_cases(options.tokens, options.length, dtype):
            fine &= report(case, bandwidth, rate)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
