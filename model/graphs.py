"""One decoding step of all running sequences: directly, or as a CUDA graph for batches of a few sizes.

Knows the network, its state and batch sizes. Does not know requests, sampling or texts.

A step of the 9B network is some thousand small launches. Unless batches are large, launching them takes the
host longer than running them takes the device (vLLM pull request 22594). A CUDA graph launches them as one,
but only for a fixed size: batches are padded to the next of a few sizes with rows that write to the pool's
scratch slot. Attention is launched for whole slots, since its programs beyond a sequence's end do nothing. A
graph is captured when its size first occurs; all graphs share one pool of memory, and one buffer of logits. A
size that cannot be captured is decoded without a graph, and the others keep theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from model.network import Network
from model.state import Slots, StatePool
from model.transfers import to_device

log = logging.getLogger(__name__)

#: Above this, batch sizes are multiples of it: at most an eighth of a batch of 256 is padding.
STRIDE = 32


def bucket(rows: int) -> int:
    """The batch size that ``rows`` rows are padded to: 1, 2, 4, 8, 16, 32, 64, 96, 128 …"""
    return 1 << (rows - 1).bit_length() if rows <= STRIDE else -(-rows // STRIDE) * STRIDE


class Recorder:
    """Makes CUDA graphs of one device, which share their memory: only one runs at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = None

    def __call__(self, work: Callable[[], object]) -> Callable[[], object]:
        """Capture ``work``, whose tensors must stay where they are; returns what runs it again."""
        # Run twice on a stream of its own first, so that libraries and kernels initialise outside of the
        # graph.
        new_stream: Callable[..., Any] = torch.cuda.Stream  # has no types
        stream = new_stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(2):
                work()
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Without a stream it would take one that belongs to the device of the process' first graph.
        with torch.cuda.graph(graph, pool=self._pool, stream=stream):
            work()
        self._pool = graph.pool()
        return graph.replay


@dataclass(frozen=True, slots=True)
class Captured:
    """A graph and its inputs, int64[3, rows]: tokens, slots and lengths."""

    replay: Callable[[], object]
    inputs: Tensor


class Decoder:
    """Decodes one token of each sequence in neighbouring slots."""

    def __init__(self, network: Network, state: StatePool) -> None:
        self._network, self._state = network, state
        self._captures = network.device.type == "cuda"
        self._record = Recorder(network.device)
        #: By number of rows; None where capturing failed.
        self._graphs: dict[int, Captured | None] = {}
        self._index = torch.arange(state.slots, device=network.device)

    def step(self, tokens: Tensor, lengths: Sequence[int], first: int = 0) -> Tensor:
        """Logits fp32[n, vocab] after ``tokens``, int64[n] on the device, whose slots, from ``first`` on,
        hold ``lengths`` tokens each before. On CUDA they are valid until the next step."""
        if self._captures:
            on_device: Callable[..., Any] = torch.cuda.device_of  # has no types
            with on_device(self._index):
                captured = self._captured(bucket(len(tokens)))
                if captured is not None:
                    return self._replay(captured, tokens, lengths, first)
        n = len(tokens)
        before = to_device(lengths, self._network.device)
        runs = () if self._index.is_cuda else ((slice(0, n), slice(first, first + n)),)
        slots = Slots(self._index[first : first + n], runs)
        return self._network.decode(tokens, slots, before, self._state, max(lengths))

    @cached_property
    def _logits(self) -> Tensor:
        """The results of every graph, of which only the last one is needed."""
        shape = (bucket(self._state.slots), self._network.config.vocab_size)
        return torch.empty(shape, device=self._network.device)

    def _replay(self, captured: Captured, tokens: Tensor, lengths: Sequence[int], first: int) -> Tensor:
        n, rows = len(tokens), captured.inputs.shape[1]
        slots = [*range(first, first + n), *[self._state.scratch] * (rows - n)]
        captured.inputs[1:] = to_device((slots, [*lengths, *[0] * (rows - n)]), captured.inputs.device)
        captured.inputs[0, :n] = tokens  # whatever is beyond was a token once
        captured.replay()
        return self._logits[:n]

    def _captured(self, rows: int) -> Captured | None:
        """The graph of this number of rows; None if it cannot be captured."""
        if rows not in self._graphs:
            try:
                self._graphs[rows] = self._capture(rows)
            except RuntimeError as error:
                # Slower, with the same result: batches of this size are decoded without a graph.
                log.warning("no CUDA graph for %d rows: %s", rows, error)
                self._graphs[rows] = None
        return self._graphs[rows]

    def _capture(self, rows: int) -> Captured:
        inputs = torch.zeros((3, rows), dtype=torch.long, device=self._network.device)
        inputs[1] = self._state.scratch  # all rows are padding meanwhile, so no sequence is changed
        logits, longest = self._logits[:rows], self._state.max_length - 1

        def decode() -> Tensor:
            return self._network.decode(inputs[0], inputs[1], inputs[2], self._state, longest, logits)

        return Captured(self._record(decode), inputs)
