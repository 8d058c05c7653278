# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, arg-type, call-arg"
"""Triton kernel for the seeded choice of a token where neither top-k nor top-p limits it.

The noise of ``model.noise`` is a function of seed, step and token id, so it need not be stored: a program
computes it for a block of the vocabulary, adds it and keeps the block's best token. PyTorch would write and
read some twenty 64-bit arrays of [rows, vocab] for the same.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from model import noise
from model.kernels.sequence import row_stride

_GOLDEN, _MIX_1, _MIX_2 = (tl.constexpr(number) for number in (noise.GOLDEN, noise.MIX_1, noise.MIX_2))


@triton.jit
def _mix(bits):
    bits = (bits ^ ((bits >> 30) & 0x3FFFFFFFF)) * _MIX_1
    bits = (bits ^ ((bits >> 27) & 0x1FFFFFFFFF)) * _MIX_2
    return bits ^ ((bits >> 31) & 0x1FFFFFFFF)


@triton.jit
def _choose(logits, temperature, seeds, steps, best, chosen, stride, vocab, BLOCK: tl.constexpr):
    block, row = tl.program_id(0), tl.program_id(1).to(tl.int64)
    ids = block * BLOCK + tl.arange(0, BLOCK)
    scaled = tl.load(logits + row * stride + ids, mask=ids < vocab, other=float("-inf")).to(tl.float64)
    heat = tl.load(temperature + row)
    scaled = scaled / tl.where(heat > 0, heat, 1.0)
    stream = _mix(_mix(tl.load(seeds + row)) + tl.load(steps + row) * _GOLDEN)
    bits = _mix(stream + (ids.to(tl.int64) + 1) * _GOLDEN)
    uniform = (((bits >> 12) & 0xFFFFFFFFFFFFF).to(tl.float64) + 0.5) * 2.220446049250313e-16
    # log(1 - u) to full precision without log1p (Kahan): compensates the rounding of 1 - u
    rest = 1.0 - uniform
    lost = rest == 1.0
    exponential = tl.where(lost, uniform, -tl.log(rest) * (uniform / tl.where(lost, 1.0, 1.0 - rest)))
    scores = scaled - tl.log(exponential)
    top = tl.max(scores, axis=0)
    at = row * tl.num_programs(0) + block
    tl.store(best + at, top)
    tl.store(chosen + at, tl.min(tl.where(scores == top, ids, block * BLOCK + BLOCK), axis=0))


def choose(logits: Tensor, settings: noise.Settings) -> Tensor:
    """The seeded choice int64[n] from logits float32[n, vocab]; for greedy rows, and those with a NaN, the id
    has no meaning. Equal to ``model.sampling`` except for scores that agree to 15 digits."""
    n, vocab = logits.shape
    block = 1024
    blocks = triton.cdiv(vocab, block)
    best = torch.empty((n, blocks), device=logits.device, dtype=torch.float64)
    chosen = torch.empty((n, blocks), device=logits.device, dtype=torch.int64)
    with torch.cuda.device_of(logits):
        _choose[(blocks, n)](
            logits, settings.temperature, settings.seed, settings.step, best, chosen,
            row_stride(logits), vocab, BLOCK=block,
        )  # fmt: skip
    return chosen.gather(1, best.argmax(dim=1, keepdim=True)).squeeze(1)
