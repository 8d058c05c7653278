"""Runs of equal values in sorted columns.

Knows arrays; does not know what is grouped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def groups_of(*columns: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each run of rows that are equal in all columns starts, and how many rows it has."""
    new = np.ones(len(columns[0]), bool)
    if len(new):
        new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    first = np.flatnonzero(new)
    return first, np.diff(first, append=len(new))
