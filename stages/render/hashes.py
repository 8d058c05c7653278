"""Hash tables of names, which compiled loops look up (``text_kernels.look_up``). Knows no names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

#: An odd number of 64 bits, the golden ratio: spreads what differs over all higher bits.
FACTOR = 0x9E3779B97F4A7C15


def hash_of(name: str) -> int:
    """63 bits, from eight bytes at a time, as ``text_kernels.hash_of`` computes it."""
    data = name.encode()
    value = len(data)
    for at in range(0, len(data), 8):
        value = (value ^ int.from_bytes(data[at : at + 8], "little")) * FACTOR % (1 << 64)
        value ^= value >> 29
    return value >> 1


def table(rows: Mapping[str, tuple[int, ...]], size: int) -> npt.NDArray[np.int64]:
    """``size`` rows, a power of two, with open addressing: the hash of a name, then its numbers."""
    width = 1 + len(next(iter(rows.values())))
    found = np.zeros((size, width), np.int64)
    for name, numbers in sorted(rows.items()):
        row = (value := hash_of(name)) % size
        while found[row, 0]:
            row = (row + 1) % size
        found[row] = value, *numbers
    return found
