# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, arg-type, call-arg"
"""Triton kernel for causal attention of whole prompts, or of parts of them behind what a slot already holds.

PyTorch's fast kernels take a causal mask only where queries and keys begin together. Behind an earlier part,
or a shared beginning, it needs a mask, and then keeps a score for every query and key of every head: 20 GiB
in fp32 for 4,096 tokens after 28,672 at 40 heads. Here scores live in registers (Dao 2023, flash attention
2), the only memory is the result, and one launch serves all sequences of a batch.

A program takes a block of queries of one head and walks along the keys of its sequence, which it finds where
they lie, in the pool or side by side. Blocks of keys that every one of its queries may see come first and
need no mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from model.kernels.sequence import chunk_table, row_stride
from model.transfers import to_device

#: Queries and keys of a block: at a head of 128, 16-bit tiles of both take 80 KiB of shared memory.
ROWS, STEP = 64, 64

_SEQUENCE, _BEGIN, _PLACE, _LEFT = (tl.constexpr(column) for column in range(4))


@lru_cache(maxsize=8)
def _origins(places: tuple[int, ...], starts: tuple[int, ...], device: torch.device) -> Tensor:
    """int64[sequences, 2]: row of the keys' tensor where a sequence's are, and how many precede its queries.
    Cached, since all layers need the same."""
    return to_device(list(zip(places, starts, strict=True)), device)


@triton.jit
def _walk(
    queries, total, peak, weight, keys_at, values_at, begin, end, first, place_stride, scale,
    WIDTH: tl.constexpr, ROWS: tl.constexpr, D: tl.constexpr, STEP: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    d = tl.arange(0, D)
    wide = d < WIDTH
    for start in range(begin, end, STEP):
        at = start + tl.arange(0, STEP)
        real = at < end
        offsets = at.to(tl.int64) * place_stride
        keys = tl.load(keys_at + offsets[None, :] + d[:, None], mask=real[None, :] & wide[:, None], other=0)
        scores = tl.dot(queries, keys, input_precision="tf32x3") * scale
        if MASKED:
            seen = at[None, :] <= first + tl.arange(0, ROWS)[:, None]
            scores = tl.where(seen & real[None, :], scores, float("-inf"))
        higher = tl.maximum(peak, tl.max(scores, axis=1))
        shrink = tl.exp2(peak - higher)
        chances = tl.exp2(scores - higher[:, None])
        values = tl.load(
            values_at + offsets[:, None] + d[None, :], mask=real[:, None] & wide[None, :], other=0
        )
        total *= shrink[:, None]
        total = tl.dot(chances.to(values.dtype), values, acc=total, input_precision="tf32x3")
        weight = weight * shrink + tl.sum(chances, axis=1)
        peak = higher
    return total, peak, weight


@triton.jit
def _attend(
    kv, q, out, table, origins, q_stride, row_step, head_step, place_stride, value_offset, scale,
    HEADS: tl.constexpr, SHARED: tl.constexpr, WIDTH: tl.constexpr,
    ROWS: tl.constexpr, D: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    # heads first: those that share keys run at about the same time and find them in the cache
    head, block = tl.program_id(0), tl.program_id(1)
    sequence = tl.load(table + block * 4 + _SEQUENCE).to(tl.int64)
    begin = tl.load(table + block * 4 + _BEGIN).to(tl.int64)
    size = tl.minimum(tl.load(table + block * 4 + _LEFT), ROWS)
    first = tl.load(origins + sequence * 2 + 1).to(tl.int32) + tl.load(table + block * 4 + _PLACE)
    keys_at = kv + tl.load(origins + sequence * 2) * row_step + head // SHARED * head_step
    values_at = keys_at + value_offset
    rows, d = tl.arange(0, ROWS), tl.arange(0, D)
    inside = (rows < size)[:, None] & (d < WIDTH)[None, :]
    queries = tl.load(
        q + (begin + rows)[:, None] * q_stride + head * WIDTH + d[None, :], mask=inside, other=0
    )
    total = tl.zeros([ROWS, D], tl.float32)
    peak = tl.full([ROWS], float("-inf"), tl.float32)
    weight = tl.zeros([ROWS], tl.float32)
    clear = (first + 1) // STEP * STEP  # keys that the first query, and so every one, may see
    total, peak, weight = _walk(
        queries, total, peak, weight, keys_at, values_at, 0, clear, first, place_stride, scale,
        WIDTH, ROWS, D, STEP, False,
    )  # fmt: skip
    total, peak, weight = _walk(
        queries, total, peak, weight, keys_at, values_at, clear, first + size, first, place_stride, scale,
        WIDTH, ROWS, D, STEP, True,
    )  # fmt: skip
    goal = out + ((begin + rows)[:, None] * HEADS + head) * WIDTH + d[None, :]
    tl.store(goal, total / weight[:, None], mask=inside)


def attend_sequence(
    kv: Tensor, q: Tensor, slots: Sequence[int] | None, starts: Sequence[int], lengths: Sequence[int]
) -> Tensor:
    """``model.layers.attend_sequence``."""
    tokens, heads, width = q.shape
    table, _ = chunk_table(tuple(lengths), ROWS, q.device)
    if slots is None:
        places = [sum(lengths[:number]) for number in range(len(lengths))]
        kv_heads, value_offset, head_step, place_stride = kv.shape[2], *kv.stride()[1:3], kv.stride(0)
    else:
        places = list(slots)
        kv_heads, value_offset, head_step, place_stride = kv.shape[2], *kv.stride()[1:4]
    origins = _origins(tuple(places), tuple(starts), q.device)
    out = torch.empty((tokens, heads, width), device=q.device, dtype=q.dtype)
    with torch.cuda.device_of(q):
        _attend[(heads, table.shape[0])](
            kv, q, out, table, origins, row_stride(q), kv.stride(0), head_step, place_stride, value_offset,
            width**-0.5 * 1.4426950408889634,  # 1 / log(2): powers of two are cheaper
            HEADS=heads, SHARED=heads // kv_heads, WIDTH=width,
            ROWS=ROWS, D=max(16, triton.next_power_of_2(width)), STEP=STEP, num_warps=4, num_stages=2,
        )  # fmt: skip
    return out
