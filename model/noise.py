"""The noise of a seeded choice: a function of seed, step and token id, and of nothing else.

Knows the hash, the noise made of it, and the sampling settings of rows. Does not know logits or how a token
is chosen from them (``model.sampling``); ``model.kernels.sampling`` has the same function in Triton.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

GOLDEN = -0x61C8864680B583EB  # 2**64 / golden ratio, as a signed integer
MIX_1 = -0x40A7B892E31B1A47  # the two multipliers of SplitMix64 (Steele, Lea and Flood 2014)
MIX_2 = -0x6B2FB644ECCEEE15


def _mix(bits: Tensor) -> Tensor:
    """The finaliser of SplitMix64 on int64, whose products wrap around on every device."""
    bits = (bits ^ ((bits >> 30) & 0x3FFFFFFFF)) * MIX_1
    bits = (bits ^ ((bits >> 27) & 0x1FFFFFFFFF)) * MIX_2
    return bits ^ ((bits >> 31) & 0x1FFFFFFFF)


def gumbel(seeds: Tensor, steps: Tensor, token_ids: Tensor) -> Tensor:
    """Standard Gumbel noise float64[n, m] for seeds and steps int64[n] and token ids int64[n or 1, m]."""
    streams = _mix(_mix(seeds) + steps * GOLDEN)[:, None]
    bits = _mix(streams + (token_ids + 1) * GOLDEN)
    # 52 bits plus one half give a number strictly between 0 and 1. The large values of g, which decide the
    # choice, come from small numbers, where a double is most precise.
    uniform = (((bits >> 12) & 0xFFFFFFFFFFFFF).double() + 0.5) * 2.0**-52
    return -torch.log(-torch.log1p(-uniform))


@dataclass
class Settings:
    """Sampling settings of n rows, each a tensor [n] on the device of the logits."""

    temperature: Tensor  # float64; 0 is greedy
    top_k: Tensor  # int64; 0 is off
    top_p: Tensor  # float64
    seed: Tensor  # int64
    step: Tensor  # int64: tokens generated before for the request

    def take(self, rows: Tensor | slice) -> Settings:
        """The settings of some rows."""
        return Settings(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))
