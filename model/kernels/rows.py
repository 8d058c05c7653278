# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, arg-type, call-arg"
"""Triton kernels that read a matrix once, row by row: RMS norm, gated group norm, squared ReLU.

In PyTorch each takes several passes over memory, and as many launches (a norm has eight), which at small
batches take longer than the passes themselves. Same results as the functions of ``model/scan.py`` and
``model/layers.py`` that they replace, with all arithmetic in fp32. Not differentiable.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from model.kernels.sequence import row_stride


@triton.jit
def _rms_norm(x, weight, out, x_stride, eps, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < WIDTH
    values = tl.load(x + row * x_stride + columns, mask=inside, other=0).to(tl.float32)
    scale = 1 / tl.sqrt(tl.sum(values * values, axis=0) / WIDTH + eps)
    y = values * scale * tl.load(weight + columns, mask=inside).to(tl.float32)
    tl.store(out + row * WIDTH + columns, y, mask=inside)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """``model.scan.rms_norm`` of x [n, width]."""
    n, width = x.shape
    out = torch.empty((n, width), device=x.device, dtype=x.dtype)
    block = triton.next_power_of_2(width)
    with torch.cuda.device_of(x):
        _rms_norm[(n,)](x, weight, out, row_stride(x), eps, WIDTH=width, BLOCK=block, num_warps=_warps(block))
    return out


@triton.jit
def _gated_norm(
    y, z, weight, out, y_stride, z_stride, eps,
    GROUPS: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row, group = tl.program_id(0).to(tl.int64), tl.program_id(1)
    columns = group * WIDTH + tl.arange(0, BLOCK)
    inside = tl.arange(0, BLOCK) < WIDTH
    gate = tl.load(z + row * z_stride + columns, mask=inside, other=0).to(tl.float32)
    values = tl.load(y + row * y_stride + columns, mask=inside, other=0) * (gate * tl.sigmoid(gate))
    scale = 1 / tl.sqrt(tl.sum(values * values, axis=0) / WIDTH + eps)
    values = values * scale * tl.load(weight + columns, mask=inside)
    tl.store(out + row * GROUPS * WIDTH + columns, values, mask=inside)


def gated_norm(y: Tensor, z: Tensor, weight: Tensor, groups: int, eps: float) -> Tensor:
    """``model.scan.gated_norm``."""
    n, width = y.shape
    out = torch.empty((n, width), device=y.device, dtype=z.dtype)
    each = width // groups
    block = triton.next_power_of_2(each)
    with torch.cuda.device_of(y):
        _gated_norm[(n, groups)](
            y, z, weight, out, row_stride(y), row_stride(z), eps,
            GROUPS=groups, WIDTH=each, BLOCK=block, num_warps=_warps(block),
        )  # fmt: skip
    return out


@triton.jit
def _relu_squared(x, out, total, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    values = tl.maximum(tl.load(x + at, mask=at < total, other=0).to(tl.float32), 0)
    tl.store(out + at, values * values, mask=at < total)


def relu_squared(x: Tensor) -> Tensor:
    """max(x, 0)², elementwise."""
    x = x.contiguous()
    out = torch.empty_like(x)
    with torch.cuda.device_of(x):
        _relu_squared[(triton.cdiv(x.numel(), 1024),)](x, out, x.numel(), BLOCK=1024)
    return out


def _warps(block: int) -> int:
    """Number of warps for some 16 numbers per thread."""
    return min(16, max(1, block // 512))
