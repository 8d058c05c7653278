"""The three kinds of layer of NemotronH: Mamba-2 mixer, squared-ReLU MLP, attention without positions.

Each is ``h + mixer(rms_norm(h))`` and has two ways through it, which agree up to rounding: ``sequence`` takes
packed sequences of any length and is differentiable; ``step`` takes one token each of n sequences and updates
their state in place. Knows weights and arithmetic; does not know how many layers there are, where weights
come from, or which requests the rows belong to.

Weights are stored as ``F.linear`` needs them, [out, in], in the network's dtype; small weights that enter
fp32 arithmetic anyway (convolution, time step, decay, skip, gated norm) are fp32. q, k and v are one matrix.
``published`` returns every weight under its name on disk as a view, so that loading and saving are copies to
and from views; matrices (``MATRICES``) that were packed come as copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from model import scan
from model.config import ModelConfig
from model.linear import add_linear, linear, plain
from model.memory import attention_rows
from model.state import Slots


@dataclass(frozen=True)
class DecodeStep:
    """The inputs of a decoding step that all layers share. lengths: int64[n], tokens that each row's slot
    already holds; longest: an upper bound of ``lengths`` that the host knows; dtype: the network's."""

    slots: Slots
    lengths: Tensor
    longest: int
    dtype: torch.dtype

    @cached_property
    def mask(self) -> Tensor:
        """[n, 1, 1, longest + 1], added to attention scores: 0 up to each row's own position, then -inf."""
        positions = torch.arange(self.longest + 1, device=self.lengths.device)
        hidden = (positions > self.lengths[:, None])[:, None, None]
        return torch.zeros(hidden.shape, device=hidden.device, dtype=self.dtype).masked_fill_(
            hidden, float("-inf")
        )


def attend_step(kv: Tensor, q: Tensor, step: DecodeStep) -> Tensor:
    """Attention of one token of n sequences over their slots, which already hold its own key and value.

    kv: [pool, 2, kv heads, max_length, head_dim]. q: [n, heads, head_dim]. Returns [n, heads, head_dim].
    """
    n, heads, head_dim = q.shape
    # The heads that share a key head take the place of query positions, so keys need not be repeated.
    grouped = q.view(n, kv.shape[2], -1, head_dim)
    span = step.longest + 1

    def over(cache: Tensor, rows: slice) -> Tensor:
        return F.scaled_dot_product_attention(
            grouped[rows], cache[:, 0, :, :span], cache[:, 1, :, :span], step.mask[rows]
        )

    if step.slots.runs:
        parts = [over(kv[slots], rows) for rows, slots in step.slots.runs]
        out = parts[0] if len(parts) == 1 else torch.cat(parts)
    else:
        out = over(kv[step.slots.index], slice(None))
    return out.reshape(n, heads, head_dim)


def attend_sequence(
    kv: Tensor, q: Tensor, slots: Sequence[int] | None, starts: Sequence[int], lengths: Sequence[int]
) -> Tensor:
    """Causal attention of packed sequences over their own keys and over those before them.

    q: [T, heads, head_dim], T = sum(lengths); the queries of a sequence are at positions ``starts`` and on.
    kv: the pool [pool, 2, kv heads, max_length, head_dim], whose ``slots`` already hold the sequences' own
    keys and values; with ``slots`` None, [T, 2, kv heads, head_dim] of sequences without anything before
    them. Returns [T, heads, head_dim]. Memory is bounded: see ``model.memory.attention_rows``.
    """
    if slots is None and len(set(lengths)) == 1:
        apart = kv.view(len(lengths), -1, *kv.shape[1:]).permute(2, 0, 3, 1, 4)
        queries = q.view(len(lengths), -1, *q.shape[1:]).transpose(1, 2)
        return _attend(queries, apart[0], apart[1], 0).transpose(1, 2).reshape(q.shape)
    outputs, begin = [], 0
    for number, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        span = slice(begin, begin + length)
        cache = kv[span].permute(1, 2, 0, 3) if slots is None else kv[slots[number], :, :, : start + length]
        keys, values = cache[:, None]
        outputs.append(_attend(q[span].transpose(0, 1)[None], keys, values, start)[0].transpose(0, 1))
        begin += length
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def _attend(q: Tensor, k: Tensor, v: Tensor, start: int) -> Tensor:
    """Sequences of one length. q: [n, heads, t, head_dim], at positions ``start`` and on; k, v: [n, kv heads,
    start + t, head_dim]. Returns the form of q."""
    heads, length = q.shape[1:3]
    shared = heads != k.shape[1]
    if not start:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=shared)
    # A mask is needed, and on CUDA it leaves only the kernel that keeps all scores (Triton's replaces this
    # there), so a few rows at a time. Each block of them needs no keys beyond its own.
    rows = attention_rows(heads, start + length)
    parts = []
    for begin in range(0, length, rows):
        end = min(begin + rows, length)
        mask = None
        if end - begin > 1:
            shape = (end - begin, start + end)
            mask = torch.ones(shape, dtype=torch.bool, device=q.device).tril(diagonal=start + begin)
        keys, values = k[:, :, : start + end], v[:, :, : start + end]
        parts.append(
            F.scaled_dot_product_attention(q[:, :, begin:end], keys, values, mask, enable_gqa=shared)
        )
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def relu_squared(x: Tensor) -> Tensor:
    """max(x, 0)²."""
    return F.relu(x).square()


@dataclass(frozen=True)
class Operations:
    """The operations that have more than one implementation; the defaults are plain PyTorch, and GPU kernels
    with the same signatures can replace each of them."""

    conv_scan: Callable[..., tuple[Tensor, Tensor]] = scan.conv_scan
    conv_step: Callable[..., Tensor] = scan.conv_step
    chunk_scan: Callable[..., tuple[Tensor, Tensor]] = scan.chunk_scan
    state_step: Callable[..., Tensor] = scan.state_step
    gated_norm: Callable[..., Tensor] = scan.gated_norm
    rms_norm: Callable[..., Tensor] = scan.rms_norm
    relu_squared: Callable[[Tensor], Tensor] = relu_squared
    attend_step: Callable[..., Tensor] = attend_step
    attend_sequence: Callable[..., Tensor] = attend_sequence


class Mamba:
    """Mamba-2 mixer with grouped B and C and a gated norm over each group."""

    MATRICES = ("in_proj", "out_proj")

    def __init__(self, config: ModelConfig, device: str | torch.device, dtype: torch.dtype) -> None:
        def weight(*shape: int, of: torch.dtype = dtype) -> Tensor:
            return torch.empty(shape, device=device, dtype=of)

        heads, inner = config.mamba_num_heads, config.inner_size
        self.groups, self.head_dim, self.size = config.n_groups, config.mamba_head_dim, config.ssm_state_size
        self.eps = config.norm_eps
        self.widths = [inner, config.conv_size, heads]
        self.conv_widths = [inner, self.groups * self.size, self.groups * self.size]
        self.norm = weight(config.hidden_size)
        self.in_proj = weight(config.in_proj_size, config.hidden_size)
        self.conv_weight = weight(config.conv_kernel, config.conv_size, of=torch.float32)
        self.conv_bias = weight(config.conv_size, of=torch.float32)
        self.dt_bias = weight(heads, of=torch.float32)
        self.A_log = weight(heads, of=torch.float32)
        self.D = weight(heads, of=torch.float32)
        self.gate_norm = weight(inner, of=torch.float32)
        self.out_proj = weight(config.hidden_size, inner)
        self.A: Tensor | None = None  # -exp(A_log), once the weights are final
        self.number = 0  # of the layer, once it is part of a network

    def published(self) -> dict[str, Tensor]:
        return {
            "norm.weight": self.norm,
            "mixer.in_proj.weight": plain(self.in_proj),
            "mixer.conv1d.weight": self.conv_weight.t()[:, None],
            "mixer.conv1d.bias": self.conv_bias,
            "mixer.dt_bias": self.dt_bias,
            "mixer.A_log": self.A_log,
            "mixer.D": self.D,
            "mixer.norm.weight": self.gate_norm,
            "mixer.out_proj.weight": plain(self.out_proj),
        }

    def parameters(self) -> dict[str, Tensor]:
        names = (
            "norm",
            "in_proj",
            "conv_weight",
            "conv_bias",
            "dt_bias",
            "A_log",
            "D",
            "gate_norm",
            "out_proj",
        )
        return {name: getattr(self, name) for name in names}

    def _project(self, h: Tensor, operations: Operations) -> tuple[Tensor, Tensor, Tensor]:
        normed = operations.rms_norm(h, self.norm, self.eps)
        z, xbc, dt = linear(normed, self.in_proj).split_with_sizes(self.widths, dim=-1)
        return z, xbc, F.softplus(dt + self.dt_bias)

    def _split(self, xbc: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, b, c = xbc.split_with_sizes(self.conv_widths, dim=-1)
        n, groups = xbc.shape[0], self.groups
        return x.view(n, -1, self.head_dim), b.view(n, groups, self.size), c.view(n, groups, self.size)

    def _decay(self) -> Tensor:
        return -torch.exp(self.A_log) if self.A is None else self.A

    def _finish(self, h: Tensor, y: Tensor, z: Tensor, operations: Operations) -> Tensor:
        y = y.reshape(h.shape[0], -1)
        normed = operations.gated_norm(y, z, self.gate_norm, self.groups, self.eps)
        return add_linear(h, normed, self.out_proj)

    def sequence(
        self, h: Tensor, lengths: Sequence[int], conv: Tensor, ssm: Tensor, operations: Operations
    ) -> tuple[Tensor, Tensor, Tensor]:
        """h: [T, hidden], packed. conv, ssm: state before each sequence. Returns h and the states after."""
        z, xbc, dt = self._project(h, operations)
        xbc, conv = operations.conv_scan(xbc, self.conv_weight, self.conv_bias, lengths, conv)
        x, B, C = self._split(xbc)
        y, ssm = operations.chunk_scan(x, dt, self._decay(), B, C, self.D, lengths, ssm)
        return self._finish(h, y, z, operations), conv, ssm

    def step(self, h: Tensor, step: DecodeStep, conv: Tensor, ssm: Tensor, operations: Operations) -> Tensor:
        """h: [n, hidden]. conv, ssm: the pools, updated in place."""
        z, xbc, dt = self._project(h, operations)
        xbc = operations.conv_step(conv, step.slots, xbc, self.conv_weight, self.conv_bias)
        x, B, C = self._split(xbc)
        given = (x, dt, self._decay(), B, C, self.D)
        y = operations.state_step(ssm, step.slots, *given, step.lengths, self.number)
        return self._finish(h, y, z, operations)


class MLP:
    """down(relu(up(h))²)."""

    MATRICES = ("up", "down")

    def __init__(self, config: ModelConfig, device: str | torch.device, dtype: torch.dtype) -> None:
        hidden, inner = config.hidden_size, config.intermediate_size
        self.eps = config.norm_eps
        self.norm = torch.empty(hidden, device=device, dtype=dtype)
        self.up = torch.empty(inner, hidden, device=device, dtype=dtype)
        self.down = torch.empty(hidden, inner, device=device, dtype=dtype)

    def published(self) -> dict[str, Tensor]:
        return {
            "norm.weight": self.norm,
            "mixer.up_proj.weight": plain(self.up),
            "mixer.down_proj.weight": plain(self.down),
        }

    def parameters(self) -> dict[str, Tensor]:
        return {"norm": self.norm, "up": self.up, "down": self.down}

    def forward(self, h: Tensor, operations: Operations) -> Tensor:
        normed = operations.rms_norm(h, self.norm, self.eps)
        return add_linear(h, operations.relu_squared(linear(normed, self.up)), self.down)


class Attention:
    """Causal attention with grouped queries, scale head_dim^-1/2, no positions."""

    MATRICES = ("qkv", "out")

    def __init__(self, config: ModelConfig, device: str | torch.device, dtype: torch.dtype) -> None:
        self.eps, self.head_dim = config.norm_eps, config.head_dim
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.widths = [config.query_size, config.key_value_size, config.key_value_size]
        self.norm = torch.empty(config.hidden_size, device=device, dtype=dtype)
        self.qkv = torch.empty(sum(self.widths), config.hidden_size, device=device, dtype=dtype)
        self.out = torch.empty(config.hidden_size, config.query_size, device=device, dtype=dtype)

    def published(self) -> dict[str, Tensor]:
        q, k, v = plain(self.qkv).split_with_sizes(self.widths)
        return {
            "norm.weight": self.norm,
            "mixer.q_proj.weight": q,
            "mixer.k_proj.weight": k,
            "mixer.v_proj.weight": v,
            "mixer.o_proj.weight": plain(self.out),
        }

    def parameters(self) -> dict[str, Tensor]:
        return {"norm": self.norm, "qkv": self.qkv, "out": self.out}

    def _project(self, h: Tensor, operations: Operations) -> tuple[Tensor, Tensor]:
        """q as [rows, heads, head_dim]; k and v as [rows, 2, kv heads, head_dim]."""
        normed = operations.rms_norm(h, self.norm, self.eps)
        qkv = linear(normed, self.qkv)
        q, kv = qkv.split_with_sizes([self.widths[0], 2 * self.widths[1]], dim=-1)
        rows = h.shape[0]
        return q.view(rows, self.heads, self.head_dim), kv.view(rows, 2, self.kv_heads, self.head_dim)

    def sequence(
        self,
        h: Tensor,
        lengths: Sequence[int],
        starts: Sequence[int],
        pool: Tensor | None,
        slots: Sequence[int] | None,
        operations: Operations,
    ) -> Tensor:
        """h: [T, hidden], packed. pool: the slots of ``StatePool.kv``, of which ``slots`` hold the first
        ``starts`` positions of each sequence and receive the next ``lengths``; None, both, if there are no
        earlier positions and nothing is kept."""
        q, kv = self._project(h, operations)
        if pool is not None and slots is not None:
            begin = 0
            for slot, start, length in zip(slots, starts, lengths, strict=True):
                new = kv[begin : begin + length].permute(1, 2, 0, 3)
                pool[slot, :, :, start : start + length] = new
                begin += length
            kv = pool
        out = operations.attend_sequence(kv, q, slots, starts, lengths)
        return add_linear(h, out.reshape(h.shape[0], -1), self.out)

    def step(self, h: Tensor, step: DecodeStep, kv: Tensor, operations: Operations) -> Tensor:
        """h: [n, hidden]. kv: the pool, which receives this token at each row's length."""
        q, new = self._project(h, operations)
        kv[step.slots.index, :, :, step.lengths] = new
        out = operations.attend_step(kv, q, step)
        return add_linear(h, out.reshape(h.shape[0], -1), self.out)
