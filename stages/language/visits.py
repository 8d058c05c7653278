"""The features of py3langid's model in a text, counted in compiled code: its own loop takes a Python step for
each byte, and most of the time that identifying a language does.

The model is an automaton over bytes, some of whose states mean a feature, a sequence of bytes. Knows the
automaton. Does not know languages or scores.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.compiled import compiled

#: Parts of a text that are walked through together, and the bytes before a part from which its first state is
#: guessed: states mean the last few bytes, so the guess is right.
LANES, BEFORE = 8, 8


class Visits:
    """Counts the features of one text after the other."""

    def __init__(self, moves: npt.ArrayLike, rows: npt.ArrayLike, output: npt.ArrayLike) -> None:
        """``moves``: the next state by row and byte; ``rows``: of each state; ``output``: the feature of each
        state, or -1."""
        self._moves, self._rows, self._output = (
            np.ascontiguousarray(array, np.int32).view() for array in (moves, rows, output)
        )
        for array in (self._moves, self._rows, self._output):  # as mapped files are
            array.flags.writeable = False
        self._place = np.zeros(self._output.max() + 1, np.int32)

    def count(self, text: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Features of a text in the order in which they occur first, and how often each does."""
        size = len(text)
        found, counts, states = np.empty(size, np.int64), np.zeros(size, np.float32), np.empty(size, np.int32)
        walk(np.frombuffer(text, np.uint8), self._moves, self._rows, np.empty(LANES, np.int32), states)
        different = count(states, self._output, self._place, found, counts)
        return found[:different], counts[:different]


@compiled
def walk(data, moves, rows, lane, states):  # type: ignore[no-untyped-def]
    """The state after each byte. The table is far larger than caches, so a walk waits for memory at each
    byte; those through several parts of a text wait together. ``lane``: room for their states."""
    size = len(data)
    part = size // LANES
    if part < BEFORE:
        _on(data, moves, rows, 0, 0, size, states)
        return
    for number in range(LANES):
        lane[number] = 0
    for step in range(-BEFORE, part):
        for number in range(LANES):
            place = number * part + step
            if place >= 0:
                lane[number] = moves[(rows[lane[number]] << 8) + data[place]]
                if step >= 0:
                    states[place] = lane[number]
    _on(data, moves, rows, states[LANES * part - 1], LANES * part, size, states)
    for number in range(1, LANES):  # where a guess was wrong, the part is walked through again
        start = number * part
        state = states[start - 1]
        if states[start] != moves[(rows[state] << 8) + data[start]]:
            _on(data, moves, rows, state, start, size, states)


@compiled
def _on(data, moves, rows, state, start, stop, states):  # type: ignore[no-untyped-def]
    """The states from ``state`` on, one after the other."""
    for place in range(start, stop):
        state = moves[(rows[state] << 8) + data[place]]
        states[place] = state


@compiled
def count(states, output, place, found, counts):  # type: ignore[no-untyped-def]
    """``place`` is zero everywhere, before and after; ``counts`` is zero. Returns the number of features."""
    size = 0
    for state in states:
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
