"""Compiles every Triton kernel for a GPU that need not be there, at the widths of Nemotron Nano 9B.

    python tests/model/compiled_kernels.py CAPABILITY [DTYPE]     e.g. 90 bfloat16

The interpreter takes Python which the compiler refuses, and does not know shared memory or registers. So the
wrappers are called on CPU tensors, but what would be launched is compiled and dropped; one line of JSON per
kernel tells name, shared memory and stack of a thread, both in bytes. A program of its own, because a process
either interprets kernels or compiles them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from model.config import NANO_9B_V2
from model.kernels import attention, rows, sampling, sequence, step
from model.layers import DecodeStep
from model.noise import Settings
from model.state import Slots

TYPES = {
    torch.float32: "fp32",
    torch.bfloat16: "bf16",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.float64: "fp64",
}
TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"


def compile_for(capability: int) -> Any:
    """A stand-in for ``JITFunction.run``."""

    def run(self: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        given = dict(zip(self.arg_names, args, strict=False)) | kwargs
        options = {name: given.pop(name) for name in list(given) if name not in self.arg_names}
        signature, constants, attributes = {}, {}, {}
        for place, parameter in enumerate(self.params):
            value = given[parameter.name]
            if parameter.is_constexpr:
                kind = "constexpr"
                constants[(place,)] = value
            elif isinstance(value, torch.Tensor):
                kind = "*" + TYPES[value.dtype]
            else:
                kind = "i32" if isinstance(value, int) else "fp32"
            if kind[0] == "*" or (kind == "i32" and value % 16 == 0):
                attributes[(place,)] = [["tt.divisibility", 16]]
            signature[parameter.name] = kind
        source = ASTSource(fn=self, signature=signature, constexprs=constants, attrs=attributes)
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(compiled.asm["cubin"])
            file.flush()
            command = [str(TOOLS / "cuobjdump"), "-res-usage", file.name]
            usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        stack = int(usage.split("STACK:")[1].split()[0])
        print(json.dumps([self.fn.__name__, compiled.metadata.shared, stack]), flush=True)

    return run


def call_all(dtype: torch.dtype) -> None:
    config, wide = NANO_9B_V2, torch.float32
    heads, width, size, groups = (
        config.mamba_num_heads,
        config.mamba_head_dim,
        config.ssm_state_size,
        config.n_groups,
    )
    inner, channels, taps = config.inner_size, config.conv_size, config.conv_kernel

    def some(*shape: int, of: torch.dtype = dtype) -> torch.Tensor:
        return torch.zeros(shape, dtype=of)

    def split(xbc: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x, B, C = xbc.split([inner, groups * size, groups * size], dim=-1)
        n = xbc.shape[0]
        return x.view(n, heads, width), B.view(n, groups, size), C.view(n, groups, size)

    per_head, weights = some(heads, of=wide), (some(taps, channels, of=wide), some(channels, of=wide))
    lengths = [100, 300]
    projected = some(sum(lengths), config.in_proj_size)
    xbc, _ = sequence.conv_scan(
        projected[:, inner : inner + channels], *weights, lengths, some(2, taps - 1, channels)
    )
    x, B, C = split(xbc)
    dt = some(sum(lengths), heads, of=wide)
    sequence.chunk_scan(x, dt, per_head, B, C, per_head, lengths, some(2, heads, width, size, of=wide))
    n = 2
    slots = Slots(torch.arange(n), ())
    xbc = step.conv_step(
        some(3, taps - 1, channels), slots, projected[:n, inner : inner + channels], *weights
    )
    x, B, C = split(xbc)
    given = (slots, x, dt[:n], per_head, B, C, per_head, some(n, of=torch.int64), 5)
    step.state_step(some(3, heads, width, size, of=wide), *given)
    step.state_step(some(3, heads, width, size, of=torch.bfloat16), *given)
    kv = some(3, 2, config.num_key_value_heads, 1024, config.head_dim)
    queries = some(n, config.query_size + 2 * config.key_value_size)[:, : config.query_size]
    queries = queries.view(n, config.num_attention_heads, config.head_dim)
    step.attend_step(kv, queries, DecodeStep(slots, torch.zeros(n, dtype=torch.long), 1023, dtype))
    prompts = some(sum(lengths), config.num_attention_heads, config.head_dim)
    attention.attend_sequence(kv, prompts, [2, 0], [0, 512], lengths)
    rows.gated_norm(some(n, inner, of=wide), projected[:n, :inner], some(inner, of=wide), groups, 1e-5)
    rows.rms_norm(some(n, config.hidden_size), some(config.hidden_size), 1e-5)
    rows.relu_squared(some(n, config.intermediate_size))
    whole = some(n, of=torch.int64)
    real = some(n, of=torch.float64)
    sampling.sample(some(n, config.vocab_size, of=wide), Settings(real, whole, real, whole, whole), True)


if __name__ == "__main__":
    triton.JITFunction.run = compile_for(int(sys.argv[1]))
    call_all(getattr(torch, sys.argv[2] if len(sys.argv) > 2 else "bfloat16"))
