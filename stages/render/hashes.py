"""Hash tables of names, which compiled loops look up (``text_kernels.look_up``). Knows no names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt


def hash_of(name: str) -> int:
    """FNV-1a of 64 bits without its lowest bit, as ``text_kernels.hash_of`` computes it."""
    value = 14695981039346656037
    for byte in name.encode():
        value = (value ^ byte) * 1099511628211 % (1 << 64)
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
