"""Noise that is a function of where it is used, and of nothing else: of seed, step and token id where a token
is chosen, of layer, position and element where a state is rounded.

Knows the hashes, the noise made of them, and the sampling settings of rows. Does not know logits or how a
token is chosen from them (``model.sampling``); ``model.kernels`` has the same functions in Triton.
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


#: Odd multipliers of 32-bit hashes (those of xxHash32).
PRIME_1, PRIME_2 = 0x9E3779B1, 0x85EBCA77
_WORD = 0xFFFFFFFF


def rounded_by_chance(values: Tensor, positions: Tensor, salt: int) -> Tensor:
    """fp32 values [n, ...] as bfloat16: up or down with chances that make the mean exact, so that what is
    added to a state token by token is not lost where it is less than half a unit of the last place.

    positions: int64[n]; salt: a number for each use. An element's chance depends on its row's position, its
    place in the row, and the salt.
    """
    keys = (positions * PRIME_1 + salt * PRIME_2) & _WORD
    keys = ((keys ^ (keys >> 15)) * PRIME_2) & _WORD
    places = torch.arange(values[0].numel(), device=values.device).view(values[0].shape)
    bits = ((places ^ keys.view(-1, *[1] * (values.dim() - 1))) * PRIME_1) & _WORD
    bits = ((bits ^ (bits >> 15)) * PRIME_2) & _WORD
    chance = ((bits ^ (bits >> 13)) & 0xFFFF).int()
    return ((values.contiguous().view(torch.int32) + chance) & -0x10000).view(torch.float32).bfloat16()


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
