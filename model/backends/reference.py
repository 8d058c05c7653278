"""The network in NumPy (``model.reference``) as a backend: for small models, where torch is not installed.

Knows requests, and which rows of the state are theirs. Does not know arithmetic. It takes prompts in one by
one and decodes up to ``rows`` sequences together. Choices are those of the embedded engine: the same request
has the same completion, as far as rounding decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.chat import Tokenizer
from model.memory import default_length
from model.reference import Array, Network, State, choose, penalise
from model.requests import Completion, Request, checked, failed, misfit
from model.text import Transcript, Vocabulary

#: Sequences that are decoded together: beyond, a step takes as much longer as it does more.
ROWS = 64
#: What the state of all rows may take of memory, in bytes. One sequence runs in any case.
STATE_BYTES = 1 << 30


class Reference:
    """``model.requests.Backend`` with a network in NumPy."""

    def __init__(
        self, network: Network, vocabulary: Vocabulary, *, max_length: int | None = None, rows: int = ROWS
    ) -> None:
        """See ``load``. Raises ``ModelConfigError`` for a ``max_length`` that the network does not have."""
        if rows < 1:
            raise ValueError(f"rows must be 1 or more, not {rows}")
        self._network, self._vocabulary, self._rows = network, vocabulary, rows
        self._max_length = default_length(network.config, max_length)

    @classmethod
    def load(
        cls, path: str | Path, *, dtype: str = "float32", max_length: int | None = None, rows: int = ROWS
    ) -> Reference:
        """The checkpoint in the directory ``path``, with its ``tokenizer.json``.

        dtype: of weights and arithmetic, ``float32`` or ``float64``. max_length: most tokens of a prompt and
        its completion. Raises ``ModelConfigError``, ``CheckpointError`` or ``TokenizerError``, and ValueError
        for a tokenizer of more ids than the network has.
        """
        if dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64, not {dtype!r}")
        network, tokenizer = Network.load(path, dtype), Tokenizer.load(path)
        ids = network.config.vocab_size
        if tokenizer.vocab_size > ids:
            raise ValueError(f"{path}: the tokenizer has {tokenizer.vocab_size} ids, the network {ids}")
        return cls(network, tokenizer, max_length=max_length, rows=rows)

    @property
    def max_length(self) -> int:
        """Most tokens of a prompt and its completion."""
        return self._max_length

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """See ``model.requests.Backend``."""
        asked = list(requests)
        for request in asked:  # before the first is worked on
            checked(request)
        config = self._network.config
        done: dict[int, Completion] = {}
        waiting: deque[int] = deque()
        for place, request in enumerate(asked):
            error = misfit(request, config.vocab_size, self._max_length)
            if error is None:
                waiting.append(place)
            else:
                done[place] = failed(request, error)
        if waiting:
            room = max(len(asked[place].prompt_ids) + asked[place].max_tokens for place in waiting)
            size = self._network.dtype.itemsize
            fit = STATE_BYTES // config.slot_bytes(room, element_bytes=size, state_bytes=size)
            state = self._network.state(max(1, min(self._rows, len(waiting), fit)), room)
            with np.errstate(over="ignore", invalid="ignore"):  # told by logits that are not finite
                self._run(asked, waiting, state, done)
        return [done[place] for place in range(len(asked))]

    def _run(
        self, asked: Sequence[Request], waiting: deque[int], state: State, done: dict[int, Completion]
    ) -> None:
        running: list[_Sequence] = []  # the first rows of the state, in order
        while waiting or running:
            while waiting and len(running) < len(state.length):
                place, row = waiting.popleft(), len(running)
                sequence = _Sequence(place, asked[place], self._vocabulary, self._network.config.vocab_size)
                state.clear(row)
                ids = np.array([sequence.request.prompt_ids])
                logits = self._network.forward(ids, state, slice(row, row + 1), last=True)
                if sequence.take(logits[0, 0]):
                    done[place] = sequence.completion()
                else:
                    running.append(sequence)
            if not running:
                continue
            ids = np.array([[sequence.transcript.token_ids[-1]] for sequence in running])
            logits = self._network.forward(ids, state, slice(0, len(running)), last=True)
            for row in reversed(range(len(running))):
                if running[row].take(logits[row, 0]):
                    done[running[row].place] = running[row].completion()
                    last = running.pop()
                    if row < len(running):
                        state.move(len(running), row)
                        running[row] = last


class _Sequence:
    """A request under way."""

    def __init__(self, place: int, request: Request, vocabulary: Vocabulary, vocab_size: int) -> None:
        self.place, self.request = place, request
        self.transcript = Transcript(request, vocabulary)
        self._error: str | None = None
        self._seen: Array | None = None
        if request.repetition_penalty != 1:
            self._seen = np.zeros(vocab_size, bool)
            self._seen[list(request.prompt_ids)] = True

    def take(self, logits: Array) -> bool:
        """The next token, from the logits [vocab] after what there is; True when that was the last one."""
        request, transcript = self.request, self.transcript
        logits = logits.astype(np.float32, copy=False)
        if self._seen is not None:
            logits = penalise(logits, self._seen, request.repetition_penalty)
        step = len(transcript.token_ids)
        token = choose(logits, request.temperature, request.top_k, request.top_p, request.seed, step)
        if token < 0:
            self._error = f"the logits after {len(request.prompt_ids) + step} tokens are not finite"
            return True
        if transcript.forced:
            token = transcript.forced[0]
        if self._seen is not None:
            self._seen[token] = True
        return transcript.push(token)

    def completion(self) -> Completion:
        return self.transcript.completion(error=self._error)
