"""The features of py3langid's model in a text, counted in compiled code: its own loop takes a Python step for
each byte, and most of the time that identifying a language does.

The model is an automaton over bytes, some of whose states mean a feature, a sequence of bytes. Knows the
automaton. Does not know languages or scores.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.compiled import compiled


class Visits:
    """Counts the features of one text after the other."""

    def __init__(self, moves: npt.ArrayLike, rows: npt.ArrayLike, output: npt.ArrayLike) -> None:
        """``moves``: the next state by row and byte; ``rows``: of each state; ``output``: the feature of each
        state, or -1."""
        self._moves = np.array(moves, np.int32)
        self._rows = np.array(rows, np.int32) << 8
        self._output = np.array(output, np.int32)
        self._place = np.zeros(self._output.max() + 1, np.int32)

    def count(self, text: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Features of a text in the order in which they occur first, and how often each does."""
        found, counts = np.empty(len(text), np.int64), np.zeros(len(text), np.float32)
        data = np.frombuffer(text, np.uint8)
        size = count(data, self._moves, self._rows, self._output, self._place, found, counts)
        return found[:size], counts[:size]


@compiled
def count(data, moves, rows, output, place, found, counts):  # type: ignore[no-untyped-def]
    """``place`` is zero everywhere, before and after; ``counts`` is zero. Returns the number of features."""
    state = size = 0
    for byte in data:
        state = moves[rows[state] + byte]
        feature = output[state]
        if feature < 0:
            continue
        if place[feature] == 0:
            found[size] = feature
            size += 1
            place[feature] = size
        counts[place[feature] - 1] += 1
    for number in range(size):
        place[found[number]] = 0
    return size
