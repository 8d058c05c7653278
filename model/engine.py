"""The embedded engine: requests in, completions out, in their order.

Knows how many slots fit into memory, and passes requests on. Does not know the parts of the engine
(``model.machine``), how requests go through it (``model.running``), what prompts mean, or how arithmetic is
done.

The completion of a request does not depend on the requests that run beside it: its random numbers come from
its seed and its own count of tokens, and rows of a batch do not mix. Only rounding differs with the shape of
a batch; in fp32 by some 1e-6 of a logit, which affects a choice only between tokens that are this close.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from model import checkpoint
from model.chat import Tokenizer
from model.config import ModelConfig, ModelConfigError
from model.machine import Machine
from model.memory import PREFILL_TOKENS, SLOTS, default_length, room
from model.network import Network
from model.requests import Completion, Request, checked
from model.running import Run
from model.state import free_bytes
from model.text import Vocabulary


class EngineError(RuntimeError):
    """The engine cannot be set up as requested."""


class Engine:
    """``model.requests.Backend`` with a network of its own."""

    def __init__(
        self,
        network: Network,
        vocabulary: Vocabulary,
        *,
        state_dtype: torch.dtype = torch.float32,
        max_length: int | None = None,
        slots: int | None = None,
    ) -> None:
        """As ``load``, but for networks that come from elsewhere."""
        config, device = network.config, network.device
        if device.type not in SLOTS:
            raise EngineError(f"device must be of type {' or '.join(SLOTS)}, not {device.type}")
        if slots is not None and slots < 1:
            raise EngineError(f"slots must be 1 or more, not {slots}")
        try:
            max_length = default_length(config, max_length)
        except ModelConfigError as error:
            raise EngineError(str(error)) from None
        space = room(
            config,
            max_length,
            free_bytes(device),
            device=device.type,
            slots=slots,
            element_bytes=network.dtype.itemsize,
            state_bytes=state_dtype.itemsize,
        )
        if space.fit < (slots or 1):
            raise EngineError(
                f"{slots or 1} slots of {max_length} tokens do not fit into the free memory of "
                f"{device}, which has room for {space.fit}; give a smaller max_length or fewer slots"
            )
        self._machine = Machine.build(
            network,
            vocabulary,
            slots=slots or space.slots,
            max_length=max_length,
            state_dtype=state_dtype,
            budget=PREFILL_TOKENS[device.type],
            snapshots=space.snapshots,
        )
        self._busy = False

    @classmethod
    def load(
        cls,
        path: str | Path,
        device: str | torch.device = "cpu",
        dtype: str | torch.dtype | None = None,
        state_dtype: str | torch.dtype = torch.float32,
        max_length: int | None = None,
        slots: int | None = None,
    ) -> Engine:
        """The checkpoint in the directory ``path``, with its ``tokenizer.json``.

        dtype: of weights and arithmetic; by default the one that the checkpoint names. state_dtype: of the
        recurrent state between tokens; 16 bits let more sequences run but cost accuracy. max_length: maximum
        tokens of a prompt and its completion. slots: sequences that run at once; by default as many as fit
        into free memory, up to a number beyond which there is no gain. Raises ``ModelConfigError``,
        ``CheckpointError``, ``TokenizerError`` or ``EngineError``.
        """
        where, state = torch.device(device), _dtype(state_dtype)
        weights = None if dtype is None else _dtype(dtype)
        if where.type == "cuda" and not torch.cuda.is_available():
            raise EngineError("device 'cuda' was asked for, but torch sees no CUDA device")
        config, vocabulary = ModelConfig.load(path), Tokenizer.load(path)
        if vocabulary.vocab_size > config.vocab_size:
            raise EngineError(
                f"{path}: the tokenizer has {vocabulary.vocab_size} ids, the network {config.vocab_size}"
            )
        network = checkpoint.load(path, device=where, dtype=weights).pack()
        return cls(network, vocabulary, state_dtype=state, max_length=max_length, slots=slots)

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """See ``model.requests.Backend``."""
        asked = list(requests)
        for request in asked:  # before work on the first begins
            checked(request)
        return list(self.stream(asked))

    def stream(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """The same for any number of requests, which are read as they are needed: some are read ahead, and
        completions are held until those before them are done. If reading them raises an exception, the
        requests before it are answered first; then the exception is raised."""
        if self._busy:
            raise EngineError("the engine is in use; begin another stream when this one has ended")
        self._busy = True
        try:
            run = Run(self._machine, iter(requests))
            while run.advance():
                yield from run.ready()
            yield from run.ready()
            if run.failure is not None:
                raise run.failure
        finally:
            self._busy = False

    @property
    def slots(self) -> int:
        """Sequences that run at once."""
        return self._machine.slots

    @property
    def max_length(self) -> int:
        """Maximum tokens of a prompt and its completion."""
        return self._machine.max_length


def _dtype(name: str | torch.dtype) -> torch.dtype:
    dtype = name if isinstance(name, torch.dtype) else getattr(torch, name.removeprefix("torch."), None)
    if not isinstance(dtype, torch.dtype) or str(dtype).removeprefix("torch.") not in checkpoint.DTYPES:
        raise EngineError(f"{name!r} is none of the dtypes {', '.join(checkpoint.DTYPES)}")
    return dtype
