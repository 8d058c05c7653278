# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, arg-type, call-arg"
"""Triton kernels for one token of n sequences: convolution, state update, attention, in slots of a pool.

Decoding at large batch is bound by the recurrent state, which is read and written once per token: 5 MiB per
layer and sequence at the width of Nemotron Nano. So the state is never gathered or copied: a program finds
its slot by the row's index and updates it in place. Convolution and state update are two separate kernels,
because all heads of a group read the convolution state of B and C that one of them would overwrite; the data
passed between the kernels is a hundredth of the state's bytes.

A row whose slot is negative is padding: it is not processed, and its results are zero. Slots of the other
rows must differ. No kernel needs information from the host about the content of a batch, so a graph of them
can be captured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl
from torch import Tensor

from model import noise
from model.kernels.sequence import row_stride
from model.memory import SPLIT
from model.state import Slots

if TYPE_CHECKING:
    from model.layers import DecodeStep


_PRIME_1, _PRIME_2 = (tl.constexpr(number) for number in (noise.PRIME_1, noise.PRIME_2))


@triton.jit
def _conv_step(
    conv, slots, x, weight, bias, out, x_stride, channels, KERNEL: tl.constexpr, BLOCK: tl.constexpr
):
    row = tl.program_id(1).to(tl.int64)
    slot = tl.load(slots + row).to(tl.int64)
    columns = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < channels
    total = tl.zeros([BLOCK], tl.float32)
    if slot >= 0:
        window = conv + slot * (KERNEL - 1) * channels + columns
        newest = tl.load(x + row * x_stride + columns, mask=inside, other=0)
        total += tl.load(bias + columns, mask=inside, other=0)
        tap_weight = tl.load(weight + (KERNEL - 1) * channels + columns, mask=inside, other=0)
        total += newest.to(tl.float32) * tap_weight
        for tap in tl.static_range(KERNEL - 1):
            value = tl.load(window + tap * channels, mask=inside, other=0)
            total += value.to(tl.float32) * tl.load(weight + tap * channels + columns, mask=inside, other=0)
            if tap > 0:
                tl.store(window + (tap - 1) * channels, value, mask=inside)
        tl.store(window + (KERNEL - 2) * channels, newest, mask=inside)
    tl.store(out + row * channels + columns, total * tl.sigmoid(total), mask=inside)


def conv_step(conv: Tensor, slots: Slots, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``model.scan.conv_step``."""
    n, (kernel, channels) = x.shape[0], weight.shape
    out = torch.empty((n, channels), device=x.device, dtype=torch.float32)
    block = 512
    with torch.cuda.device_of(x):
        _conv_step[(triton.cdiv(channels, block), n)](
            conv, slots.index, x, weight, bias, out, row_stride(x), channels, KERNEL=kernel, BLOCK=block
        )
    return out


@triton.jit(do_not_specialize=["salt"])
def _state_step(
    ssm, slots, x, dt, A, B, C, D, positions, y, salt, x_stride, dt_stride, b_stride, c_stride,
    HEADS: tl.constexpr, PER_GROUP: tl.constexpr, WIDTH: tl.constexpr, SIZE: tl.constexpr,
    P: tl.constexpr, N: tl.constexpr, BY_CHANCE: tl.constexpr,
):  # fmt: skip
    # neighbouring programs take neighbouring memory: parts of a head, then heads, then sequences
    head = tl.program_id(1)
    row = tl.program_id(2).to(tl.int64)
    slot = tl.load(slots + row).to(tl.int64)
    p = tl.program_id(0) * P + tl.arange(0, P)
    n = tl.arange(0, N)
    wide, deep = p < WIDTH, n < SIZE
    result = tl.zeros([P], tl.float32)
    if slot >= 0:
        where = ssm + (slot * HEADS + head) * WIDTH * SIZE + p[:, None] * SIZE + n[None, :]
        inside = wide[:, None] & deep[None, :]
        state = tl.load(where, mask=inside, other=0).to(tl.float32)
        group = head // PER_GROUP * SIZE
        inputs = tl.load(x + row * x_stride + head * WIDTH + p, mask=wide, other=0).to(tl.float32)
        keys = tl.load(B + row * b_stride + group + n, mask=deep, other=0).to(tl.float32)
        queries = tl.load(C + row * c_stride + group + n, mask=deep, other=0).to(tl.float32)
        time = tl.load(dt + row * dt_stride + head).to(tl.float32)
        state = state * tl.exp(time * tl.load(A + head)) + (time * inputs)[:, None] * keys[None, :]
        kept = state
        if BY_CHANCE:
            position = tl.load(positions + row).to(tl.uint32)
            key = position * _PRIME_1 + salt.to(tl.uint32) * _PRIME_2
            key = (key ^ (key >> 15)) * _PRIME_2
            place = ((head * WIDTH + p[:, None]) * SIZE + n[None, :]).to(tl.uint32)
            bits = (place ^ key) * _PRIME_1
            bits = (bits ^ (bits >> 15)) * _PRIME_2
            chance = (bits ^ (bits >> 13)) & 0xFFFF
            kept = (state.to(tl.uint32, bitcast=True) + chance) & 0xFFFF0000
            kept = kept.to(tl.float32, bitcast=True)
        tl.store(where, kept, mask=inside)
        result += tl.sum(state * queries[None, :], axis=1) + tl.load(D + head) * inputs
    tl.store(y + (row * HEADS + head) * WIDTH + p, result, mask=wide)


def state_step(
    ssm: Tensor,
    slots: Slots,
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    positions: Tensor,
    salt: int = 0,
) -> Tensor:
    """``model.scan.state_step``; y is fp32."""
    n, heads, width = x.shape
    groups, size = B.shape[1:]
    y = torch.empty((n, heads, width), device=x.device, dtype=torch.float32)
    deep = triton.next_power_of_2(size)
    part = 16  # 8 KiB of fp32 state at size 128; divides 64, 80 and 128
    with torch.cuda.device_of(x):
        _state_step[(triton.cdiv(width, part), heads, n)](
            ssm, slots.index, x, dt, A, B, C, D, positions, y, salt,
            row_stride(x), row_stride(dt), row_stride(B), row_stride(C),
            HEADS=heads, PER_GROUP=heads // groups, WIDTH=width, SIZE=size, P=part, N=deep,
            BY_CHANCE=ssm.dtype == torch.bfloat16,
        )  # fmt: skip
    return y


@triton.jit
def _attend_split(
    kv, slots, lengths, q, partial, peaks, sums, q_stride, max_length, scale,
    KV_HEADS: tl.constexpr, SHARED: tl.constexpr, WIDTH: tl.constexpr,
    Q: tl.constexpr, D: tl.constexpr, LENGTH: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    split, head, row = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    slot = tl.load(slots + row).to(tl.int64)
    length = tl.load(lengths + row).to(tl.int32) + 1
    first = split * LENGTH
    if (slot >= 0) & (first < length):
        d, heads = tl.arange(0, D), tl.arange(0, Q)
        wide, shared = d < WIDTH, heads < SHARED
        queries = q + row * q_stride + (head * SHARED + heads)[:, None] * WIDTH + d[None, :]
        queries = tl.load(queries, mask=shared[:, None] & wide[None, :], other=0)
        keys_at = kv + (slot * 2 * KV_HEADS + head) * max_length * WIDTH
        values_at = kv + ((slot * 2 + 1) * KV_HEADS + head) * max_length * WIDTH
        total = tl.zeros([Q, D], tl.float32)
        peak = tl.full([Q], float("-inf"), tl.float32)
        weight = tl.zeros([Q], tl.float32)
        for start in range(first, tl.minimum(first + LENGTH, length), STEP):
            at = start + tl.arange(0, STEP)
            real = at < length
            keys = keys_at + at[None, :] * WIDTH + d[:, None]
            keys = tl.load(keys, mask=real[None, :] & wide[:, None], other=0)
            scores = tl.dot(queries, keys, input_precision="tf32x3") * scale
            scores = tl.where(real[None, :], scores, float("-inf"))
            higher = tl.maximum(peak, tl.max(scores, axis=1))
            shrink = tl.exp(peak - higher)
            chances = tl.exp(scores - higher[:, None])
            values = values_at + at[:, None] * WIDTH + d[None, :]
            values = tl.load(values, mask=real[:, None] & wide[None, :], other=0)
            total *= shrink[:, None]
            total = tl.dot(chances.to(values.dtype), values, acc=total, input_precision="tf32x3")
            weight = weight * shrink + tl.sum(chances, axis=1)
            peak = higher
        here = (row * KV_HEADS + head) * tl.num_programs(0) + split
        goal = partial + (here * SHARED + heads)[:, None] * WIDTH + d[None, :]
        tl.store(goal, total, mask=shared[:, None] & wide[None, :])
        tl.store(peaks + here * SHARED + heads, peak, mask=shared)
        tl.store(sums + here * SHARED + heads, weight, mask=shared)


@triton.jit
def _attend_join(
    slots, lengths, partial, peaks, sums, out, splits,
    KV_HEADS: tl.constexpr, SHARED: tl.constexpr, WIDTH: tl.constexpr, D: tl.constexpr, LENGTH: tl.constexpr,
):  # fmt: skip
    head, row = tl.program_id(0), tl.program_id(1).to(tl.int64)
    d = tl.arange(0, D)
    wide = d < WIDTH
    result = tl.zeros([D], tl.float32)
    if tl.load(slots + row) >= 0:
        used = tl.load(lengths + row).to(tl.int32) // LENGTH + 1
        total = tl.zeros([D], tl.float32)
        peak = tl.full([], float("-inf"), tl.float32)
        weight = tl.zeros([], tl.float32)
        for split in range(0, used):
            here = ((row * KV_HEADS + head // SHARED) * splits + split) * SHARED + head % SHARED
            its_peak = tl.load(peaks + here)
            higher = tl.maximum(peak, its_peak)
            shrink, its_shrink = tl.exp(peak - higher), tl.exp(its_peak - higher)
            total = total * shrink + tl.load(partial + here * WIDTH + d, mask=wide, other=0) * its_shrink
            weight = weight * shrink + tl.load(sums + here) * its_shrink
            peak = higher
        result += total / weight
    tl.store(out + (row * KV_HEADS * SHARED + head) * WIDTH + d, result, mask=wide)


def attend_step(kv: Tensor, q: Tensor, step: DecodeStep) -> Tensor:
    """``model.layers.attend_step``, which reads only the keys that each slot has.

    Sequences are split into pieces of ``SPLIT`` keys; attention is computed for each as in flash attention,
    and the pieces are joined by their softmax sums (Dao et al. 2023, flash-decoding)."""
    n, heads, width = q.shape
    kv_heads, max_length = kv.shape[2:4]
    shared = heads // kv_heads
    splits = step.longest // SPLIT + 1
    side = max(16, triton.next_power_of_2(width))

    def empty(*shape: int) -> Tensor:
        return torch.empty(shape, device=q.device, dtype=torch.float32)

    partial = empty(n, kv_heads, splits, shared, width)
    peaks, sums = empty(n, kv_heads, splits, shared), empty(n, kv_heads, splits, shared)
    out = torch.empty((n, heads, width), device=q.device, dtype=q.dtype)
    with torch.cuda.device_of(q):
        _attend_split[(splits, kv_heads, n)](
            kv, step.slots.index, step.lengths, q, partial, peaks, sums,
            row_stride(q), max_length, width**-0.5,
            KV_HEADS=kv_heads, SHARED=shared, WIDTH=width,
            Q=max(16, triton.next_power_of_2(shared)), D=side, LENGTH=SPLIT, STEP=64, num_stages=2,
        )  # fmt: skip
        _attend_join[(heads, n)](
            step.slots.index, step.lengths, partial, peaks, sums, out, splits,
            KV_HEADS=kv_heads, SHARED=shared, WIDTH=width, D=side, LENGTH=SPLIT,
        )  # fmt: skip
    return out
