"""The noise of a seeded choice by its definition, in Python's integers."""

from __future__ import annotations

import math

M64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z):
    """SplitMix64's finaliser, on Python's integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


def plain_gumbel(seed, step, token):
    stream = mix((mix(seed) + step * GOLDEN) & M64)
    uniform = ((mix((stream + (token + 1) * GOLDEN) & M64) >> 12) + 0.5) / 2**52
    return -math.log(-math.log1p(-uniform))
