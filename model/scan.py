"""The operations of a Mamba-2 mixer in plain PyTorch: convolution, selective scan, gated norm.

The scan, in one head with P channels and a state S of P x N numbers (Dao and Gu 2024, arXiv 2405.21060):

    S_t = exp(dt_t A) S_{t-1} + dt_t x_t B_t'       x_t in R^P; B_t, C_t in R^N; A < 0 and dt_t > 0 scalars
    y_t = S_t C_t + D x_t

Decoding computes this token by token (``state_step``). For a whole sequence this would be many small steps in
sequence, so it is cut into chunks of L tokens. With a_t = dt_1 A + ... + dt_t A, the logarithm of the decay
from the chunk's start up to and including token t, unrolling the recurrence inside a chunk gives

    y_t = sum_{s<=t} exp(a_t - a_s) (C_t . B_s) dt_s x_s    what the chunk's own tokens contribute: matrix
                                                            products, attention with decay for softmax
        + exp(a_t) S_0 C_t                                  what came before, through the state at its start
        + D x_t
    S_L = exp(a_L) S_0 + sum_s exp(a_L - a_s) dt_s x_s B_s'

so only the states at chunk borders are sequential. The position of chunk borders affects only rounding.

Sequences of different lengths are packed one after the other, without padding, into [T, ...]; each has a
chunk grid of its own, because a chunk across two sequences would carry decay from one to the other. Unused
places of a last chunk get dt = 0, which does not change the state.

Everything here is computed in fp32 (in fp64 for fp64 inputs), takes and returns tensors, and does not know
layers, weights on disk or the owners of slots. The step functions update state in place; the others are
differentiable. GPU kernels that replace a function are checked against it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from model.noise import rounded_by_chance
from model.state import Slots

#: Tokens per chunk. The weights inside a chunk take heads x CHUNK numbers per token, so longer is not better:
#: 64 keeps them near the processor's cache at 128 heads.
CHUNK = 64

#: Bytes of state that ``state_step`` processes at a time: about the second-level cache of a core.
BLOCK_BYTES = 2 << 20


def conv_scan(
    x: Tensor, weight: Tensor, bias: Tensor, lengths: Sequence[int], initial: Tensor
) -> tuple[Tensor, Tensor]:
    """Causal depthwise convolution of packed sequences, then SiLU.

    x: [T, channels], T = sum(lengths). weight: fp32[kernel, channels], the last row meets the newest input.
    initial: [sequences, kernel - 1, channels], the preceding inputs, oldest first; zeros for a new sequence.
    Returns fp32[T, channels], and the last inputs of each sequence in the form and dtype of ``initial``.
    """
    kernel = weight.shape[0]
    past = kernel - 1
    pieces = []
    for before, inputs in zip(initial, x.split_with_sizes(list(lengths)), strict=True):
        pieces += [before, inputs]
    padded = torch.cat(pieces)  # its rows before every sequence are the inputs of the first taps
    total = padded.shape[0] - past
    wide = padded.to(weight.dtype)
    out = torch.addcmul(bias, wide[:total], weight[0])
    for tap in range(1, kernel):
        out = torch.addcmul(out, wide[tap : tap + total], weight[tap])
    # this also computes rows whose taps span two sequences; split drops them
    sizes = [size for length in lengths for size in (length, past)][:-1]
    outputs = out.split_with_sizes(sizes)[::2]
    ends = [end + past * (number + 1) for number, end in enumerate(_ends(lengths))]
    final = torch.stack([padded[end - past : end] for end in ends])
    return F.silu(outputs[0] if len(outputs) == 1 else torch.cat(outputs)), final.to(initial.dtype)


def conv_step(conv: Tensor, slots: Slots, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same for one more token of n sequences; updates their last inputs in ``conv``.

    conv: [pool, kernel - 1, channels], oldest input first. x: [n, channels]. Returns fp32[n, channels].
    """
    in_place = len(slots.runs) == 1
    window = conv[slots.runs[0][1] if in_place else slots.index]
    inputs = [*window.unbind(1), x]
    out = torch.addcmul(bias, x, weight[-1])
    for tap, earlier in enumerate(inputs[:-1]):
        out.addcmul_(earlier, weight[tap])
    for place, value in itertools.pairwise(inputs):
        place.copy_(value)
    if not in_place:
        conv[slots.index] = window
    return F.silu(out, inplace=True)


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
    """The selective scan of packed sequences by chunks. Differentiable in all tensors.

    x: [T, heads, head_dim]. dt: [T, heads], after softplus. A, D: [heads]. B, C: [T, groups, state size],
    head h uses group h // (heads / groups). initial: [sequences, heads, head_dim, state size]. Returns y,
    like x, and the state after each sequence, like ``initial``.
    """
    tokens = x.shape[0]
    chunk = min(chunk, max(lengths))
    if len(set(lengths)) == 1:
        return _even_scan(x, dt, A, B, C, D, initial, chunk)
    counts = [-(-length // chunk) for length in lengths]
    # Longest first, so that the sequences that have a chunk number k are the first ones of the batch, and
    # chunk k of all of them is one batch of matrix products.
    order = sorted(range(len(lengths)), key=lambda sequence: -counts[sequence])
    sorted_already = order == list(range(len(lengths)))  # so that states, which are large, need not be moved
    starts = [end - length for end, length in zip(_ends(lengths), lengths, strict=True)]
    steps = torch.arange(chunk, device=x.device)
    state = initial if sorted_already else initial[order]
    outputs, finals, places = [], [], []
    for number in range(counts[order[0]]):
        live = [sequence for sequence in order if counts[sequence] > number]
        if len(live) < len(state):
            finals.append(state[len(live) :])
            state = state[: len(live)]
        begins = [starts[sequence] + number * chunk for sequence in live]
        sizes = [min(chunk, lengths[sequence] - number * chunk) for sequence in live]
        if len(live) == 1:
            span = slice(begins[0], begins[0] + sizes[0])
            y, state = _chunk(x[None, span], dt[None, span], A, B[None, span], C[None, span], state)
            outputs.append(y[0])
            places.append(torch.arange(span.start, span.stop, device=x.device))
            continue
        rows = torch.tensor(begins, device=x.device)[:, None] + steps
        inside = steps < torch.tensor(sizes, device=x.device)[:, None]
        rows = rows.clamp(max=tokens - 1)
        # with dt = 0 a token neither adds to the state nor lets it decay
        dt_rows = dt[rows].masked_fill(~inside[..., None], 0.0)
        y, state = _chunk(x[rows], dt_rows, A, B[rows], C[rows], state)
        outputs.append(y[inside])
        places.append(rows[inside])
    finals.append(state)
    y = torch.cat(outputs)
    # the shortest sequences end first: reverse the order
    final = torch.cat(finals[::-1]) if len(finals) > 1 else state
    if len(order) > 1:
        y = y[torch.argsort(torch.cat(places))]
    if not sorted_already:
        final = final[sorted(range(len(order)), key=order.__getitem__)]
    return torch.addcmul(y, x, D[:, None]), final


def _even_scan(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, state: Tensor, chunk: int
) -> tuple[Tensor, Tensor]:
    """``chunk_scan`` of sequences of equal length, for which no indices are needed."""
    inputs = [tensor.view(state.shape[0], -1, *tensor.shape[1:]) for tensor in (x, dt, B, C)]
    outputs = []
    for start in range(0, inputs[0].shape[1], chunk):
        u, step, b, c = (tensor[:, start : start + chunk] for tensor in inputs)
        y, state = _chunk(u, step, A, b, c, state)
        outputs.append(y)
    return torch.addcmul(torch.cat(outputs, dim=1).view_as(x), x, D[:, None]), state


def _chunk(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """One chunk of n sequences by the primer's formulas; x is [n, L, heads, head_dim]. Returns y without D
    x."""
    n, length, heads, head_dim = x.shape
    groups, size = B.shape[2:]
    a = (dt * A).cumsum(dim=1).transpose(1, 2)  # [n, heads, L]
    causal = torch.ones(length, length, dtype=torch.bool, device=x.device).tril()
    # masked before the exponential: above the diagonal it may be infinite, and infinity has no gradient
    decay = (a[..., :, None] - a[..., None, :]).masked_fill(~causal, float("-inf")).exp()
    by_group = B.transpose(1, 2), C.transpose(1, 2)  # [n, groups, L, N]
    scores = by_group[1] @ by_group[0].transpose(2, 3)
    weights = decay.view(n, groups, -1, length, length) * scores[:, :, None]
    xdt = (x * dt[..., None]).transpose(1, 2)  # [n, heads, L, P]
    y = weights.view(n, heads, length, length) @ xdt
    # [n, groups, L, N] @ [n, groups, N, heads per group * P]
    before = by_group[1] @ state.view(n, groups, -1, size).transpose(2, 3)
    before = before.view(n, groups, length, -1, head_dim).transpose(2, 3).reshape(n, heads, length, head_dim)
    y = torch.addcmul(y, before, a.exp()[..., None])
    last = a[..., -1:]
    carried = (xdt * (last - a).exp()[..., None]).transpose(2, 3)  # [n, heads, P, L]
    new = carried.reshape(n, groups, -1, length) @ by_group[0]
    return y.transpose(1, 2), torch.addcmul(new.view_as(state), state, last.exp()[..., None])


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
    """The recurrence for one token of n sequences; updates their states in ``ssm``.

    ssm: [pool, heads, head_dim, state size], of any float dtype; bfloat16 is rounded by chance
    (``model.noise.rounded_by_chance``, with ``positions`` int64[n] and ``salt``). x: [n, heads, head_dim].
    dt: [n, heads], after softplus. A, D: [heads]. B, C: [n, groups, state size]. Returns y, like x.
    """
    decay = torch.exp(dt * A)
    xdt = x * dt[..., None]
    if slots.runs:
        # Slices are views: the states, by far the largest data here, are updated in place, and only as many
        # at a time as stay in the processor's cache for the three passes over them.
        block = max(1, BLOCK_BYTES // (ssm[0].numel() * ssm.element_size()))
        parts = [
            _advance(ssm[span], decay[rows], xdt[rows], B[rows], C[rows], positions[rows], salt)
            for rows, span in slots.blocks(block)
        ]
        y = parts[0] if len(parts) == 1 else torch.cat(parts)
    else:
        state = ssm[slots.index]
        y = _advance(state, decay, xdt, B, C, positions, salt)
        ssm[slots.index] = state
    return torch.addcmul(y, x, D[:, None])


def _advance(
    state: Tensor, decay: Tensor, xdt: Tensor, B: Tensor, C: Tensor, positions: Tensor, salt: int
) -> Tensor:
    """state <- decay state + xdt B', in place; returns state C as [n, heads, head_dim]."""
    n, heads, head_dim, size = state.shape
    groups = B.shape[1]
    work = state if state.dtype == xdt.dtype else state.to(xdt.dtype)
    work.mul_(decay[..., None, None])
    by_group = work.view(n, groups, -1, size)
    by_group.addcmul_(xdt.reshape(n, groups, -1, 1), B[:, :, None])
    # a row times a matrix: several times faster on CPU than the matrix times a column
    y = C.reshape(n * groups, 1, size) @ by_group.view(n * groups, -1, size).transpose(1, 2)
    if state.dtype == torch.bfloat16:
        state.copy_(rounded_by_chance(work, positions, salt))
    elif work is not state:
        state.copy_(work)
    return y.view(n, heads, head_dim)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x²) + eps) * weight over the last dimension, computed in fp32; in the dtype of x.

    One pass for the vector lengths, and few calls, make this faster on CPU than ``F.rms_norm``.
    """
    wide = torch.promote_types(x.dtype, torch.float32)
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
    scale = torch.addcmul(_constant(eps, wide, x.device), length, length, value=1 / x.shape[-1]).rsqrt_()
    return (x * scale).mul_(weight).to(x.dtype)


@functools.cache
def _constant(value: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A number as a tensor, which is cheaper to add than the number."""
    with torch.inference_mode(False):
        return torch.tensor(value, dtype=dtype, device=device)


def gated_norm(y: Tensor, z: Tensor, weight: Tensor, groups: int, eps: float) -> Tensor:
    """RMS norm of y silu(z), separately over each of ``groups`` equal parts of the width: gate first, then
    norm.

    y: fp32[T, width]. z: [T, width]. weight: fp32[width]. Returns [T, width] in the dtype of z.
    """
    gated = (y * F.silu(z.to(y.dtype))).view(y.shape[0], groups, -1)
    return rms_norm(gated, weight.view(groups, -1), eps).view_as(y).to(z.dtype)


def _ends(lengths: Sequence[int]) -> list[int]:
    """Where each packed sequence ends."""
    ends, end = [], 0
    for length in lengths:
        end += length
        ends.append(end)
    return ends
