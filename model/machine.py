"""The parts that compute requests: a network, the state of its sequences, sampler, decoder and vocabulary.

Knows which parts belong together and how large they are. Does not know requests, their way through the slots
(``model.running``), or how much memory there is (``model.engine``).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model.graphs import Decoder
from model.network import Network
from model.prefixes import Prefixes
from model.sampling import Sampler
from model.state import StatePool
from model.text import Vocabulary


@dataclass(frozen=True)
class Machine:
    """Parts of matching size: ``state`` and ``sampler`` have the same slots, and ``decoder`` works on
    ``state``.

    budget: maximum prompt tokens per step. prefixes: those of which the state is kept, from call to call.
    overlaps: the device computes the next step while the host sees to the texts of the last one.
    """

    network: Network
    vocabulary: Vocabulary
    state: StatePool
    sampler: Sampler
    decoder: Decoder
    budget: int
    prefixes: Prefixes
    overlaps: bool

    @classmethod
    def build(
        cls,
        network: Network,
        vocabulary: Vocabulary,
        *,
        slots: int,
        max_length: int,
        state_dtype: torch.dtype,
        budget: int,
        snapshots: int,
    ) -> Machine:
        """Allocates ``slots`` sequences of up to ``max_length`` tokens, on the device of the network.
        snapshots: how many shared prefixes may be kept."""
        config, device = network.config, network.device
        state = StatePool(
            config, slots, max_length, device=device, dtype=network.dtype, state_dtype=state_dtype
        )
        sampler = Sampler(slots, config.vocab_size, device)
        prefixes = Prefixes(snapshots)
        decoder, overlaps = Decoder(network, state), device.type != "cpu"
        return cls(network, vocabulary, state, sampler, decoder, budget, prefixes, overlaps)

    @property
    def slots(self) -> int:
        """Sequences that run at once."""
        return self.state.slots

    @property
    def max_length(self) -> int:
        """Maximum tokens of a prompt and its completion."""
        return self.state.max_length
