# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, arg-type, call-arg"
"""Triton kernels from logits to tokens: thresholds of top-k and top-p, seeded choice. Three launches for a
batch of rows of any kind, and no word from the device until the tokens are there.

Top-k and top-p keep the logits from some value on: the smallest one such that fewer than k logits, or less
than the share p of the probability, lie above it. Nothing needs to be sorted to find it. The order of fp32
numbers is that of integers made of their bits; so a program per row narrows down an interval of integers,
nine parts at a time, by what lies above each of eight places, until one is left: about ten passes over the
row, most of which find nothing in the interval but in a few blocks. Sums are in a fixed order, in fp64.

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
#: Below the integer of minus infinity.
_LOWEST = tl.constexpr(-0x7F800002)


@triton.jit
def _mix(bits):
    bits = (bits ^ ((bits >> 30) & 0x3FFFFFFFF)) * _MIX_1
    bits = (bits ^ ((bits >> 27) & 0x1FFFFFFFFF)) * _MIX_2
    return bits ^ ((bits >> 31) & 0x1FFFFFFFF)


@triton.jit
def _key(values):
    """Integers in the order of fp32 numbers."""
    bits = values.to(tl.int32, bitcast=True)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(tl.int64)


@triton.jit
def _weights(values, heat, peak, by_mass):
    """What counts for each logit: its probability, but for a factor, or one."""
    return tl.where(by_mass, tl.exp((values.to(tl.float64) - peak) / heat), 1.0)


@triton.jit
def _above(logits, vocab, low, heat, peak, BLOCK: tl.constexpr):
    """Mass above an integer."""
    sums = tl.zeros([BLOCK], tl.float64)
    for begin in range(0, vocab, BLOCK):
        ids = begin + tl.arange(0, BLOCK)
        values = tl.load(logits + ids, mask=ids < vocab, other=float("-inf"))
        sums += tl.where((ids < vocab) & (_key(values) > low), _weights(values, heat, peak, True), 0.0)
    return tl.sum(sums, axis=0)


@triton.jit
def _search(logits, vocab, low, high, bar, heat, peak, by_mass, BLOCK: tl.constexpr, WAYS: tl.constexpr):
    """The smallest integer above which there is less than ``bar``, given that this is so for ``high`` and not
    for ``low``."""
    above = bar * 0  # beyond ``high``
    ways = tl.arange(0, WAYS).to(tl.int64)
    while high - low > 1:
        places = low + (high - low) * (ways + 1) // (WAYS + 1)
        sums = tl.zeros([WAYS, BLOCK], tl.float64)
        for begin in range(0, vocab, BLOCK):
            ids = begin + tl.arange(0, BLOCK)
            values = tl.load(logits + ids, mask=ids < vocab, other=float("-inf"))
            keys = _key(values)
            inside = (ids < vocab) & (keys > low) & (keys <= high)
            if tl.max(inside.to(tl.int32), axis=0) > 0:
                weights = tl.where(inside, _weights(values, heat, peak, by_mass), 0.0)
                sums += tl.where(keys[None, :] > places[:, None], weights[None, :], 0.0)
        found = tl.sum(sums, axis=1)
        reached = above + found >= bar
        low, high = (
            tl.max(tl.where(reached, places, low), axis=0),
            tl.min(tl.where(reached, high, places), axis=0),
        )
        above += tl.max(tl.where(reached, 0.0, found), axis=0)
    return high


@triton.jit
def _threshold(
    logits, temperature, top_k, top_p, thresholds, stride, vocab, BLOCK: tl.constexpr, WAYS: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    heat, k, p = tl.load(temperature + row), tl.load(top_k + row), tl.load(top_p + row)
    logits += row * stride
    by_k, by_p = (k > 0) & (k < vocab), p < 1
    bound = tl.full([], _LOWEST + 1, tl.int64)
    if (heat > 0) & (by_k | by_p):
        highest = tl.full([BLOCK], float("-inf"), tl.float32)
        for begin in range(0, vocab, BLOCK):
            ids = begin + tl.arange(0, BLOCK)
            values = tl.load(logits + ids, mask=ids < vocab, other=float("-inf"))
            highest = tl.maximum(highest, values)
        top = tl.max(highest, axis=0)
        peak = top.to(tl.float64)
        if by_k:
            bound = _search(
                logits, vocab, bound - 1, _key(top), k.to(tl.float64), heat, peak, False, BLOCK, WAYS
            )
        if by_p:
            # Logits further below the largest one than this have less than 1 - p of the probability even all
            # together.
            reach = (tl.log(vocab / (1.0 - p)) + 1.0) * heat
            low = tl.maximum(bound, _key((peak - reach).to(tl.float32))) - 1
            bar = p * _above(logits, vocab, bound - 1, heat, peak, BLOCK)
            bound = _search(logits, vocab, low, _key(top), bar, heat, peak, True, BLOCK, WAYS)
    bits = bound.to(tl.int32)
    bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    tl.store(thresholds + row, bits.to(tl.float32, bitcast=True))


@triton.jit
def _choose(
    logits, temperature, thresholds, seeds, steps, best, chosen, peaks, stride, vocab,
    LIMITED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    block, row = tl.program_id(0), tl.program_id(1).to(tl.int64)
    ids = block * BLOCK + tl.arange(0, BLOCK)
    values = tl.load(logits + row * stride + ids, mask=ids < vocab, other=float("-inf"))
    scores = values.to(tl.float64)
    heat = tl.load(temperature + row)
    if heat > 0:
        stream = _mix(_mix(tl.load(seeds + row)) + tl.load(steps + row) * _GOLDEN)
        bits = _mix(stream + (ids.to(tl.int64) + 1) * _GOLDEN)
        uniform = (((bits >> 12) & 0xFFFFFFFFFFFFF).to(tl.float64) + 0.5) * 2.220446049250313e-16
        # log(1 - u) to full precision without log1p (Kahan): compensates the rounding of 1 - u
        rest = 1.0 - uniform
        lost = rest == 1.0
        exponential = tl.where(lost, uniform, -tl.log(rest) * (uniform / tl.where(lost, 1.0, 1.0 - rest)))
        scores = scores / heat - tl.log(exponential)
        if LIMITED:
            scores = tl.where(values >= tl.load(thresholds + row), scores, float("-inf"))
    top = tl.max(scores, axis=0)
    at = row * tl.num_programs(0) + block
    tl.store(best + at, top)
    tl.store(chosen + at, tl.min(tl.where(scores == top, ids, block * BLOCK + BLOCK), axis=0))
    tl.store(peaks + at, tl.max(tl.where(values == values, values, float("inf")), axis=0))


@triton.jit
def _join(best, chosen, peaks, tokens, blocks, BLOCKS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCKS)
    inside = at < blocks
    scores = tl.load(best + row * blocks + at, mask=inside, other=float("-inf"))
    ids = tl.load(chosen + row * blocks + at, mask=inside, other=0)
    top = tl.max(scores, axis=0)
    token = tl.min(tl.where(inside & (scores == top), ids, 0x7FFFFFFF), axis=0)
    peak = tl.max(tl.load(peaks + row * blocks + at, mask=inside, other=float("-inf")), axis=0)
    tl.store(tokens + row, tl.where(tl.abs(peak) < float("inf"), token, -1).to(tl.int64))


def sample(logits: Tensor, settings: noise.Settings, limited: bool) -> Tensor:
    """``model.sampling.sample``: equal but for scores, or masses at a threshold, that agree to 15 digits."""
    n, vocab = logits.shape
    block = 1024
    blocks = triton.cdiv(vocab, block)

    def empty(*shape: int, of: torch.dtype) -> Tensor:
        return torch.empty(shape, device=logits.device, dtype=of)

    best, chosen = empty(n, blocks, of=torch.float64), empty(n, blocks, of=torch.int32)
    peaks, thresholds = empty(n, blocks, of=torch.float32), empty(n, of=torch.float32)
    tokens, stride = empty(n, of=torch.int64), row_stride(logits)
    with torch.cuda.device_of(logits):
        if limited:
            _threshold[(n,)](
                logits, settings.temperature, settings.top_k, settings.top_p, thresholds, stride, vocab,
                BLOCK=1024, WAYS=8, num_warps=8,
            )  # fmt: skip
        _choose[(blocks, n)](
            logits, settings.temperature, thresholds, settings.seed, settings.step, best, chosen, peaks,
            stride, vocab, LIMITED=limited, BLOCK=block,
        )  # fmt: skip
        _join[(n,)](best, chosen, peaks, tokens, blocks, BLOCKS=triton.next_power_of_2(blocks))
    return tokens
