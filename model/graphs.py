"""One decoding step of all running sequences: directly, or as a CUDA graph for batches of a few sizes.

Knows the network, its state and shapes. Does not know requests, sampling or texts.

A step of the 9B network is some thousand small launches. Unless batches are large, launching them takes the
host longer than running them takes the device (vLLM pull request 22594). A CUDA graph launches them as one,
but only for fixed shapes: batches are padded to the next of a few sizes with rows that write to the pool's
scratch slot, and attention covers the next power of two of positions. A graph is captured when its shape
first occurs, and all graphs share one pool of memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from model.network import Network
from model.state import Slots, StatePool

log = logging.getLogger(__name__)

#: Above this, batch sizes are multiples of it: at most an eighth of a batch of 256 is padding.
STRIDE = 32
#: Attention always covers at least this many positions, so that few graphs are needed.
SHORTEST = 256


def bucket(rows: int) -> int:
    """The batch size that ``rows`` rows are padded to: 1, 2, 4, 8, 16, 32, 64, 96, 128 …"""
    return 1 << (rows - 1).bit_length() if rows <= STRIDE else -(-rows // STRIDE) * STRIDE


def span(positions: int, max_length: int) -> int:
    """How many positions attention covers for sequences of up to ``positions`` tokens."""
    return min(max(SHORTEST, 1 << (positions - 1).bit_length()), max_length)


@dataclass(frozen=True, slots=True)
class Captured:
    """A graph with its input and output buffers. inputs: int64[3, rows], tokens, slots and lengths; logits:
    fp32[rows, vocab], valid until the next replay."""

    graph: torch.cuda.CUDAGraph
    inputs: Tensor
    logits: Tensor


class Decoder:
    """Decodes one token of each sequence in neighbouring slots."""

    def __init__(self, network: Network, state: StatePool) -> None:
        self._network, self._state = network, state
        self._captures = network.device.type == "cuda"
        self._graphs: dict[tuple[int, int], Captured] = {}
        self._index = torch.arange(state.slots, device=network.device)

    def step(self, tokens: Sequence[int], lengths: Sequence[int], first: int = 0) -> Tensor:
        """Logits fp32[n, vocab] after ``tokens``, whose slots, from ``first`` on, hold ``lengths`` tokens
        each before. On CUDA they are valid until the next step."""
        if self._captures:
            on_device: Callable[..., Any] = torch.cuda.device_of  # has no types
            with on_device(self._index):
                logits = self._replay(tokens, lengths, first)
            if logits is not None:
                return logits
        n = len(tokens)
        inputs = torch.tensor((tokens, lengths), device=self._network.device)
        runs = () if self._index.is_cuda else ((slice(0, n), slice(first, first + n)),)
        slots = Slots(self._index[first : first + n], runs)
        return self._network.decode(inputs[0], slots, inputs[1], self._state, max(lengths))

    def _replay(self, tokens: Sequence[int], lengths: Sequence[int], first: int) -> Tensor | None:
        """Logits by the graph of this shape; None if it cannot be captured."""
        n = len(tokens)
        shape = bucket(n), span(max(lengths) + 1, self._state.max_length)
        if shape not in self._graphs:
            try:
                self._graphs[shape] = self._capture(*shape)
            except RuntimeError as error:
                # Slower, with the same result: decoding goes on without graphs.
                log.warning("no CUDA graph for %d rows and %d positions: %s", *shape, error)
                self._captures = False
                return None
        captured = self._graphs[shape]
        padding = [0] * (shape[0] - n)
        scratch = [self._state.scratch] * len(padding)
        rows = ([*tokens, *padding], [*range(first, first + n), *scratch], [*lengths, *padding])
        captured.inputs.copy_(torch.tensor(rows))
        captured.graph.replay()
        return captured.logits[:n]

    def _capture(self, rows: int, positions: int) -> Captured:
        device = self._network.device
        inputs = torch.zeros((3, rows), dtype=torch.long, device=device)
        inputs[1] = self._state.scratch

        def decode() -> Tensor:
            return self._network.decode(inputs[0], inputs[1], inputs[2], self._state, positions - 1)

        # Run twice on a stream of its own first, so that libraries and kernels initialise outside of the
        # graph. All rows are padding meanwhile, so no sequence is changed.
        new_stream: Callable[..., Any] = torch.cuda.Stream  # has no types
        stream = new_stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(2):
                decode()
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        others = next(iter(self._graphs.values()), None)
        with torch.cuda.graph(graph, pool=None if others is None else others.graph.pool()):
            logits = decode()
        return Captured(graph, inputs, logits)
