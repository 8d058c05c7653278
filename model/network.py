"""The whole network: embedding, layers, head; prefill, decode and a differentiable forward pass.

Knows the order of the layers and which state each of them has. Does not know requests, sampling or files.

No ``nn.Module``: the weights are plain tensors on plain objects. The cost of a decoding step of a small
network is mostly call overhead, and the other features of a module (names, moving, training) are ``tensors``,
``parameters`` and ``trainable`` here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model import kernels
from model.config import ModelConfig
from model.layers import MLP, Attention, DecodeStep, Mamba, Operations
from model.linear import linear, packed, plain
from model.state import Slots, StatePool
from model.transfers import to_device


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Parts of n prompts, one after the other without padding.

    tokens: int64[T], T = sum(lengths). slots: the slot of each sequence, all different. starts: tokens of the
    sequence that its slot has already processed, 0 at first (the slot must be fresh from ``StatePool.reset``,
    or ``restore`` with ``starts`` = the snapshot's length).
    """

    tokens: Tensor
    slots: Sequence[int]
    starts: Sequence[int]
    lengths: Sequence[int]

    def __post_init__(self) -> None:
        if not len(self.slots) == len(self.starts) == len(self.lengths):
            raise ValueError("slots, starts and lengths of a packed batch differ in number")
        if not self.lengths or min(self.lengths) < 1 or sum(self.lengths) != self.tokens.shape[0]:
            raise ValueError(
                f"lengths {list(self.lengths)} do not describe {self.tokens.shape[0]} packed tokens"
            )
        if len(set(self.slots)) != len(self.slots):
            raise ValueError("two sequences of a packed batch share a slot")


class Network:
    """Weights of a NemotronH network on one device."""

    def __init__(
        self,
        config: ModelConfig,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.bfloat16,
        operations: Operations | None = None,
    ) -> None:
        """Allocates weights but does not set them: fill ``tensors()``, then call ``freeze`` or
        ``trainable``."""
        self.config, self.device, self.dtype = config, torch.device(device), dtype
        self.operations = operations or kernels.operations(device)
        shape = (config.vocab_size, config.hidden_size)
        self.embeddings = torch.empty(shape, device=device, dtype=dtype)
        kinds: dict[str, type[Mamba] | type[MLP] | type[Attention]] = {"M": Mamba, "-": MLP, "*": Attention}
        self.layers = [kinds[kind](config, device, dtype) for kind in config.pattern]
        for number, layer in enumerate(self.layers):
            if isinstance(layer, Mamba):
                layer.number = number
        self.norm = torch.empty(config.hidden_size, device=device, dtype=dtype)
        self.lm_head = torch.empty(shape, device=device, dtype=dtype)

    def tensors(self) -> dict[str, Tensor]:
        """Every weight under its published name, as a view of its storage (a copy, where it was packed)."""
        named = {"backbone.embeddings.weight": self.embeddings}
        for number, layer in enumerate(self.layers):
            for name, tensor in layer.published().items():
                named[f"backbone.layers.{number}.{name}"] = tensor
        named["backbone.norm_f.weight"] = self.norm
        named["lm_head.weight"] = plain(self.lm_head)
        return named

    def parameters(self) -> dict[str, Tensor]:
        """The tensors that hold the weights, under our own names, for an optimiser."""
        named = {"embeddings": self.embeddings, "norm": self.norm, "lm_head": self.lm_head}
        for number, layer in enumerate(self.layers):
            named |= {f"layers.{number}.{name}": tensor for name, tensor in layer.parameters().items()}
        return named

    def freeze(self) -> Network:
        """For inference: no gradients; values derived from the weights are computed once."""
        for tensor in self.parameters().values():
            tensor.requires_grad_(False)
        for layer in self.layers:
            if isinstance(layer, Mamba):
                layer.A = -torch.exp(layer.A_log)
        return self

    def pack(self) -> Network:
        """For inference on a CPU: matrices are kept in the order in which they are read, one after the other,
        so that this takes no more memory than one of them. ``trainable`` undoes it."""
        self._keep(packed)
        return self

    def _keep(self, form: Callable[[Tensor], Tensor]) -> None:
        with torch.inference_mode(False), torch.no_grad():
            for layer in self.layers:
                for name in layer.MATRICES:
                    setattr(layer, name, form(getattr(layer, name)))
            self.lm_head = form(self.lm_head)

    def trainable(self) -> Network:
        """For training: every parameter takes gradients; values derived from parameters are not kept."""
        self._keep(plain)
        for layer in self.layers:
            if isinstance(layer, Mamba):
                layer.A = None
        for tensor in self.parameters().values():
            tensor.requires_grad_(True)
        return self

    def _logits(self, h: Tensor, operations: Operations, out: Tensor | None = None) -> Tensor:
        normed = operations.rms_norm(h, self.norm, self.config.norm_eps)
        logits = linear(normed, self.lm_head)
        return logits.float() if out is None else out.copy_(logits)

    def forward(self, ids: Tensor, where: Tensor | None = None) -> Tensor:
        """Logits after every token, fp32[b, t, vocab], of b whole sequences: int64[b, t]. Differentiable.

        where: bool[b, t]; if given, only the logits after the n tokens that it marks, fp32[n, vocab], row by
        row.
        """
        rows, length = ids.shape
        lengths, starts = [length] * rows, [0] * rows
        # kernels have no gradients
        operations = Operations() if torch.is_grad_enabled() else self.operations
        config = self.config
        conv = torch.zeros(
            rows, config.conv_kernel - 1, config.conv_size, device=ids.device, dtype=self.dtype
        )
        ssm = torch.zeros(
            (rows, config.mamba_num_heads, config.mamba_head_dim, config.ssm_state_size), device=ids.device
        )
        h = F.embedding(ids.reshape(-1), self.embeddings)
        for layer in self.layers:
            if isinstance(layer, Mamba):
                h, _, _ = layer.sequence(h, lengths, conv, ssm, operations)
            elif isinstance(layer, Attention):
                h = layer.sequence(h, lengths, starts, None, None, operations)
            else:
                h = layer.forward(h, operations)
        if where is not None:
            return self._logits(h[where.reshape(-1)], operations)
        return self._logits(h, operations).view(rows, length, -1)

    def prefill(self, batch: PackedBatch, state: StatePool, rows: Sequence[int] | None = None) -> Tensor:
        """Process parts of prompts and update their slots.

        Returns fp32[len(rows), vocab]: logits after the last token of the sequences ``rows`` of the batch, by
        default of all. A part that is not the last one of its prompt needs no logits.
        """
        ends = [start + length for start, length in zip(batch.starts, batch.lengths, strict=True)]
        if max(ends) > state.max_length:
            raise ValueError(f"{max(ends)} tokens in slots of {state.max_length}")
        with torch.inference_mode():
            slots = to_device(batch.slots, self.device)
            h = F.embedding(batch.tokens, self.embeddings)
            mamba = attention = 0
            for layer in self.layers:
                if isinstance(layer, Mamba):
                    conv, ssm = state.conv[mamba], state.ssm[mamba]
                    before = ssm[slots].float()
                    h, inputs, after = layer.sequence(h, batch.lengths, conv[slots], before, self.operations)
                    conv[slots], ssm[slots] = inputs, after.to(ssm.dtype)
                    mamba += 1
                elif isinstance(layer, Attention):
                    kv = state.kv[attention]
                    h = layer.sequence(h, batch.lengths, batch.starts, kv, batch.slots, self.operations)
                    attention += 1
                else:
                    h = layer.forward(h, self.operations)
            last = []
            end = 0
            for length in batch.lengths:
                end += length
                last.append(end - 1)
            wanted = last if rows is None else [last[row] for row in rows]
            return self._logits(h[to_device(wanted, self.device)], self.operations)

    def decode(
        self,
        tokens: Tensor,
        slots: Tensor | Slots,
        lengths: Tensor,
        state: StatePool,
        longest: int | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """Process one more token of n sequences and update their slots.

        tokens, slots, lengths: int64[n] on the network's device; lengths counts the tokens before this one.
        Passing ``Slots`` avoids finding out which slots are neighbours. Padding rows use slot
        ``state.scratch`` with length 0. Neighbouring slots in ascending order are fastest on CPU. longest: an
        upper bound of ``lengths`` that the host knows, so that attention can skip positions beyond it; the
        default is their maximum on CPU and the size of a slot elsewhere, because reading the lengths from a
        GPU stalls it. Returns fp32[n, vocab], in ``out`` if given. It can be captured as a graph: shapes
        depend only on n and ``longest``.
        """
        with torch.inference_mode():
            if longest is None:
                on_cpu = lengths.device.type == "cpu"
                longest = max(lengths.tolist()) if on_cpu else state.max_length - 1
            if longest >= state.max_length:
                raise ValueError(f"{longest + 1} tokens in slots of {state.max_length}")
            where = slots if isinstance(slots, Slots) else Slots.of(slots)
            step = DecodeStep(where, lengths, longest, self.dtype)
            h = F.embedding(tokens, self.embeddings)
            mamba = attention = 0
            for layer in self.layers:
                if isinstance(layer, Mamba):
                    h = layer.step(h, step, state.conv[mamba], state.ssm[mamba], self.operations)
                    mamba += 1
                elif isinstance(layer, Attention):
                    h = layer.step(h, step, state.kv[attention], self.operations)
                    attention += 1
                else:
                    h = layer.forward(h, self.operations)
            return self._logits(h, self.operations, out)
