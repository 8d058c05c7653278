# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, arg-type, call-arg"
"""Triton kernels for whole sequences: convolution and selective scan by chunks, over packed prompts.

The mathematics is in ``model/scan.py``; here it is divided into programs that do not wait for each other.
With a_t the running sum of dt A since the chunk's start, a chunk of L tokens from state S_0 gives

    y_t = sum_{s<=t} exp(a_t - a_s) (C_t . B_s) dt_s x_s  +  exp(a_t) S_0 C_t  +  D x_t
    S_L = exp(a_L) S_0 + sum_s exp(a_L - a_s) dt_s x_s B_s'

This takes three kernels, of which only the second is sequential, and only from chunk to chunk:

    _decays   a and dt of every chunk and head, side by side in memory, 0 where the last chunk has no tokens
              (dt = 0 neither adds to a state nor lets it decay, so nothing later asks where a chunk ends)
    _states   one program per sequence, head and part of the state walks along the chunks: it writes the
              state before each chunk and goes on to the next with one matrix product. The published
              implementation (Dao and Gu 2024) computes all chunks' own contributions first and adds them up
              in a second pass; the walk keeps the state in registers and moves half the bytes. It has
              heads x sequences x parts programs, which fills a GPU from one sequence on (128 heads).
    _outputs  one program per chunk, head and block of rows t: the state's contribution, then the blocks of
              columns s <= t as in flash attention, with decay for softmax. The scores C_t . B_s are the same
              for all heads of a group; computing them again for each is cheaper than keeping them.

Every sequence has a chunk grid of its own: the kernels know about packing only through a table of four
numbers per chunk. Products take operands in the dtype of x and add in fp32 (a product in fp32 is made of
three in tf32, with about the same error); a, dt, decays and carried states are fp32. Tiles are of sizes at
which the 16-bit kernels spill no registers and fit into 99 KiB of shared memory. Not differentiable.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from model.transfers import to_device

#: Tokens per chunk: that of the published implementation. Longer chunks move fewer states and multiply more.
CHUNK = 128

_SEQUENCE, _BEGIN, _PLACE, _LEFT = (tl.constexpr(column) for column in range(4))


@lru_cache(maxsize=8)
def chunk_table(lengths: tuple[int, ...], chunk: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The chunks of packed sequences, and the index of each sequence's first one.

    int32[chunks, 4]: sequence; the chunk's first token among the packed ones; the same token's place in its
    sequence; tokens from there to the sequence's end. int32[sequences + 1]. Cached, since every layer of the
    network needs the same table.
    """
    table: list[tuple[int, int, int, int]] = []
    firsts, begin = [0], 0
    for sequence, length in enumerate(lengths):
        table += [(sequence, begin + place, place, length - place) for place in range(0, length, chunk)]
        firsts.append(len(table))
        begin += length
    return to_device(table, device, torch.int32), to_device(firsts, device, torch.int32)


def row_stride(rows: Tensor) -> int:
    """Elements from one row to the next of a tensor whose rows may lie apart but are contiguous inside."""
    if not rows[0].is_contiguous():
        raise ValueError(f"rows of shape {tuple(rows.shape[1:])}, strides {rows.stride()}: not contiguous")
    return rows.stride(0)


@triton.jit
def _conv(
    x, weight, bias, initial, out, final, table, x_stride, channels,
    KERNEL: tl.constexpr, LENGTH: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    entry = table + tl.program_id(2) * 4
    sequence = tl.load(entry + _SEQUENCE).to(tl.int64)
    begin = tl.load(entry + _BEGIN).to(tl.int64)
    place = tl.load(entry + _PLACE)
    left = tl.load(entry + _LEFT)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    inside = columns < channels
    used = (rows < tl.minimum(left, LENGTH))[:, None] & inside[None, :]
    earlier = initial + sequence * (KERNEL - 1) * channels
    total = tl.zeros([ROWS, COLUMNS], tl.float32) + tl.load(bias + columns, mask=inside)[None, :]
    for tap in tl.static_range(KERNEL):
        at = place + rows + tap - (KERNEL - 1)  # in the sequence; before its start the carried state is used
        old = (at < 0)[:, None]
        inputs = x + (begin + at - place)[:, None] * x_stride + columns[None, :]
        values = tl.load(inputs, mask=used & ~old, other=0)
        carried = earlier + (at + KERNEL - 1)[:, None] * channels + columns[None, :]
        values += tl.load(carried, mask=used & old, other=0).to(values.dtype)
        total += values.to(tl.float32) * tl.load(weight + tap * channels + columns, mask=inside)[None, :]
    y = out + (begin + rows)[:, None] * channels + columns[None, :]
    tl.store(y, total * tl.sigmoid(total), mask=used)
    if (tl.program_id(1) == 0) & (left <= LENGTH):  # the last chunk writes the last inputs
        for tap in tl.static_range(KERNEL - 1):
            end = place + left + tap - (KERNEL - 1)
            goal = final + (sequence * (KERNEL - 1) + tap) * channels + columns
            if end >= 0:
                tl.store(
                    goal, tl.load(x + (begin + end - place) * x_stride + columns, mask=inside), mask=inside
                )
            else:
                past = earlier + (end + KERNEL - 1) * channels + columns
                tl.store(goal, tl.load(past, mask=inside), mask=inside)


def conv_scan(
    x: Tensor, weight: Tensor, bias: Tensor, lengths: Sequence[int], initial: Tensor
) -> tuple[Tensor, Tensor]:
    """``model.scan.conv_scan``, but the result has the dtype of x, as an operand for ``chunk_scan``."""
    kernel, channels = weight.shape
    table, _ = chunk_table(tuple(lengths), CHUNK, x.device)
    out = torch.empty(x.shape, device=x.device, dtype=x.dtype)
    initial = initial.contiguous()
    final = torch.empty_like(initial)
    rows, columns = 16, 128
    grid = (triton.cdiv(channels, columns), triton.cdiv(min(CHUNK, max(lengths)), rows), table.shape[0])
    with torch.cuda.device_of(x):
        _conv[grid](
            x, weight, bias, initial, out, final, table, row_stride(x), channels,
            KERNEL=kernel, LENGTH=CHUNK, ROWS=rows, COLUMNS=columns,
        )  # fmt: skip
    return out, final


@triton.jit
def _decays(
    dt, A, dt_out, a_out, table, dt_stride,
    HEADS: tl.constexpr, LENGTH: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    chunk = tl.program_id(1).to(tl.int64)
    begin = tl.load(table + chunk * 4 + _BEGIN).to(tl.int64)
    left = tl.load(table + chunk * 4 + _LEFT)
    rows = tl.arange(0, LENGTH)
    heads = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = (heads < HEADS)[None, :]
    at = (begin + rows)[:, None] * dt_stride + heads[None, :]
    values = tl.load(dt + at, mask=inside & (rows < left)[:, None], other=0).to(tl.float32)
    a = tl.cumsum(values * tl.load(A + heads, mask=heads < HEADS, other=0)[None, :], axis=0)
    goal = (chunk * HEADS + heads)[None, :] * LENGTH + rows[:, None]
    tl.store(dt_out + goal, values, mask=inside)
    tl.store(a_out + goal, a, mask=inside)


@triton.jit
def _states(
    x, dt, a, B, initial, before, final, table, firsts, x_stride, b_stride,
    HEADS: tl.constexpr, PER_GROUP: tl.constexpr, WIDTH: tl.constexpr, SIZE: tl.constexpr,
    LENGTH: tl.constexpr, P: tl.constexpr, N: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1).to(tl.int64)
    sequence = tl.program_id(2).to(tl.int64)
    p = tl.arange(0, P)
    n = tl.program_id(0) * N + tl.arange(0, N)
    inside = (p < WIDTH)[:, None] & (n < SIZE)[None, :]
    element = p[:, None] * SIZE + n[None, :]
    state = tl.load(initial + (sequence * HEADS + head) * WIDTH * SIZE + element, mask=inside, other=0)
    state = state.to(tl.float32)
    for chunk in range(tl.load(firsts + sequence), tl.load(firsts + sequence + 1)):
        begin = tl.load(table + chunk * 4 + _BEGIN).to(tl.int64)
        size = tl.minimum(tl.load(table + chunk * 4 + _LEFT), LENGTH)
        here = head + chunk * HEADS
        tl.store(before + here * WIDTH * SIZE + element, state, mask=inside)
        last = tl.load(a + here * LENGTH + LENGTH - 1)
        state *= tl.exp(last)
        for start in range(0, size, STEP):
            rows = start + tl.arange(0, STEP)
            real = rows < size
            weights = tl.exp(last - tl.load(a + here * LENGTH + rows)) * tl.load(dt + here * LENGTH + rows)
            inputs = x + (begin + rows)[None, :] * x_stride + head * WIDTH + p[:, None]
            inputs = tl.load(inputs, mask=real[None, :] & (p < WIDTH)[:, None], other=0)
            keys = B + (begin + rows)[:, None] * b_stride + head // PER_GROUP * SIZE + n[None, :]
            keys = tl.load(keys, mask=real[:, None] & (n < SIZE)[None, :], other=0).to(tl.float32)
            keys = (keys * weights[:, None]).to(inputs.dtype)
            state = tl.dot(inputs, keys, acc=state, input_precision="tf32x3")
    tl.store(final + (sequence * HEADS + head) * WIDTH * SIZE + element, state, mask=inside)


@triton.jit
def _outputs(
    x, dt, a, B, C, D, before, y, table, x_stride, b_stride, c_stride,
    HEADS: tl.constexpr, PER_GROUP: tl.constexpr, WIDTH: tl.constexpr, SIZE: tl.constexpr,
    LENGTH: tl.constexpr, P: tl.constexpr, N: tl.constexpr, ROWS: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    # heads first: those of a group run at about the same time and find B and C in the cache
    head = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(2).to(tl.int64)
    begin = tl.load(table + chunk * 4 + _BEGIN).to(tl.int64)
    size = tl.minimum(tl.load(table + chunk * 4 + _LEFT), LENGTH)
    first = tl.program_id(1) * ROWS
    if first < size:
        rows = first + tl.arange(0, ROWS)
        real = (rows < size)[:, None]
        p, n = tl.arange(0, P), tl.arange(0, N)
        wide, deep = (p < WIDTH)[None, :], n < SIZE
        here = chunk * HEADS + head
        group = head // PER_GROUP * SIZE
        queries = C + (begin + rows)[:, None] * c_stride + group + n[None, :]
        queries = tl.load(queries, mask=real & deep[None, :], other=0)
        state = before + here * WIDTH * SIZE + p[None, :] * SIZE + n[:, None]
        state = tl.load(state, mask=wide & deep[:, None], other=0)
        a_rows = tl.load(a + here * LENGTH + rows)
        total = tl.dot(queries, state, input_precision="tf32x3") * tl.exp(a_rows)[:, None]
        for start in range(0, tl.minimum(first + ROWS, size), STEP):
            earlier = start + tl.arange(0, STEP)
            exists = earlier < size
            keys = B + (begin + earlier)[None, :] * b_stride + group + n[:, None]
            keys = tl.load(keys, mask=exists[None, :] & deep[:, None], other=0)
            scores = tl.dot(queries, keys, input_precision="tf32x3")
            lag = a_rows[:, None] - tl.load(a + here * LENGTH + earlier)[None, :]
            # masked before the exponential, which may be infinite above the diagonal
            decay = tl.exp(tl.where(earlier[None, :] <= rows[:, None], lag, float("-inf")))
            inputs = x + (begin + earlier)[:, None] * x_stride + head * WIDTH + p[None, :]
            inputs = tl.load(inputs, mask=exists[:, None] & wide, other=0)
            weights = scores * decay * tl.load(dt + here * LENGTH + earlier)[None, :]
            total = tl.dot(weights.to(inputs.dtype), inputs, acc=total, input_precision="tf32x3")
        own = x + (begin + rows)[:, None] * x_stride + head * WIDTH + p[None, :]
        total += tl.load(D + head) * tl.load(own, mask=real & wide, other=0).to(tl.float32)
        goal = y + ((begin + rows)[:, None] * HEADS + head) * WIDTH + p[None, :]
        tl.store(goal, total, mask=real & wide)


def chunk_scan(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    lengths: Sequence[int],
    initial: Tensor,
    chunk: int = CHUNK,
) -> tuple[Tensor, Tensor]:
    """``model.scan.chunk_scan`` for x, B and C of one dtype: fp32, or 16-bit. Both results are fp32.

    chunk: a power of two of at least 16.
    """
    tokens, heads, width = x.shape
    groups, size = B.shape[1:]
    table, firsts = chunk_table(tuple(lengths), chunk, x.device)
    chunks = table.shape[0]

    def empty(*shape: int, of: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(shape, device=x.device, dtype=of)

    spread, a = empty(chunks, heads, chunk), empty(chunks, heads, chunk)
    before = empty(chunks, heads, width, size, of=x.dtype)
    y, final = empty(tokens, heads, width), empty(len(lengths), heads, width, size)
    p, n = _padded(width), _padded(size)
    part, rows, step = min(n, 64), min(chunk, 64), min(chunk, 32)
    shape = {"HEADS": heads, "PER_GROUP": heads // groups, "WIDTH": width, "SIZE": size, "LENGTH": chunk}
    with torch.cuda.device_of(x):
        _decays[(triton.cdiv(heads, 16), chunks)](
            dt, A, spread, a, table, row_stride(dt), HEADS=heads, LENGTH=chunk, BLOCK=16
        )
        _states[(n // part, heads, len(lengths))](
            x, spread, a, B, initial.contiguous(), before, final, table, firsts, row_stride(x), row_stride(B),
            **shape, P=p, N=part, STEP=step, num_warps=8, num_stages=2,
        )  # fmt: skip
        _outputs[(heads, triton.cdiv(min(chunk, max(lengths)), rows), chunks)](
            x, spread, a, B, C, D, before, y, table, row_stride(x), row_stride(B), row_stride(C),
            **shape, P=p, N=n, ROWS=rows, STEP=step, num_warps=8, num_stages=2,
        )  # fmt: skip
    return y, final


def _padded(width: int) -> int:
    """The side of a tile: a power of two that matrix instructions take."""
    return max(16, triton.next_power_of_2(width))
