"""Places in texts where a word of a list stands and what follows it could matter: one pass in machine code.

The words are found all at once by an automaton (Aho and Corasick, 1975) over the bytes, in which capitals are
small letters: a table lookup a byte, whatever the number of words. Where a word ends, a cheap necessary
condition of its kind looks at the bytes around it, so that next to nothing is left for regular expressions.

Kinds of words:

- EXACT: as it is written, no letter or digit before it, and at least 10 characters of a token from its end;
- WITHIN: as it is written, whatever is before it;
- LABEL: in a name; after the name, quotes and brackets comes one of ``= : , ( >``, and then 8 characters or
  more without a blank;
- BEFORE: 8 characters without a blank come next;
- SCHEME: an ``@`` comes before any blank, quote or slash, and a colon before that; the place is that of
  the ``@``.

Knows bytes. Does not know what the words mean.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stages.compiled import compiled, inlined
from stages.text.utf8 import Bytes, Offsets

EXACT, WITHIN, LABEL, BEFORE, SCHEME = range(5)

#: Characters of a token that come after the sign of one.
LEAST_TOKEN = 10
#: Characters of what a label stands before.
LEAST_VALUE = 8
#: Of a name after a label in it, of what separates it from its value, and of ``user:password@``.
LONGEST_NAME, LONGEST_GAP, LONGEST_LOGIN = 24, 12, 140

_ALNUM, _NAME, _TOKEN, _SPACE, _QUOTE, _PAIRS = 1, 2, 4, 8, 16, 32


def _kinds() -> npt.NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    table[list(letters)] |= _ALNUM | _NAME | _TOKEN
    table[list(b"_-.")] |= _NAME
    table[list(b"_-.+/=~:")] |= _TOKEN
    table[list(b" \t\r\n\v\f\0")] |= _SPACE
    table[list(b"\"'`]\\")] |= _QUOTE
    table[list(b"=:,(>")] |= _PAIRS
    return table


_KINDS = _kinds()


class Keywords:
    """An automaton for words, each with its kind."""

    def __init__(self, words: Sequence[tuple[bytes, int]]) -> None:
        alphabet = sorted({byte for word, _ in words for byte in word.lower()})
        self._classes = np.zeros(256, np.uint8)  # 0: in no word
        for number, byte in enumerate(alphabet, 1):
            self._classes[byte] = self._classes[ord(chr(byte).upper())] = number
        tree: list[dict[int, int]] = [{}]
        ends: list[list[int]] = [[]]
        for number, (word, _) in enumerate(words):
            state = 0
            for kind in self._classes[list(word)].tolist():
                if kind not in tree[state]:
                    tree[state][kind] = len(tree)
                    tree.append({})
                    ends.append([])
                state = tree[state][kind]
            ends[state].append(number)
        self._next = np.zeros((len(tree), len(alphabet) + 1), np.int32)
        fails = [0] * len(tree)
        queue = deque([0])
        while queue:
            state = queue.popleft()
            ends[state] += ends[fails[state]] if state else []
            for kind in range(1, len(alphabet) + 1):
                after = self._next[fails[state], kind] if state else 0
                if (child := tree[state].get(kind)) is not None:
                    fails[child] = int(after)
                    after = child
                    queue.append(child)
                self._next[state, kind] = after
        self._starts = np.cumsum([0, *map(len, ends)])
        self._ends = np.array([number for some in ends for number in some], np.int64)
        self._spelled = np.frombuffer(b"".join(word for word, _ in words), np.uint8)
        self._places = np.cumsum([0, *(len(word) for word, _ in words)])
        self._kinds = np.array([kind for _, kind in words], np.int64)

    def find(self, data: Bytes, starts: Offsets) -> npt.NDArray[np.int64]:
        """Row of the text, place in its bytes, and word, in the order of text and end. The place is that of
        the word's first byte, of SCHEME that of the ``@``."""
        data = data.view()
        data.flags.writeable = False  # the loop is compiled per type, and this is part of it
        found = np.empty((64 * len(starts) + 64, 3), np.int64)
        tables = (
            self._classes,
            self._next,
            self._starts,
            self._ends,
            self._spelled,
            self._places,
            self._kinds,
        )
        count = _find(data, starts, *tables, _KINDS, found)
        if count > len(found):
            found = np.empty((count, 3), np.int64)
            _find(data, starts, *tables, _KINDS, found)
        return found[:count]


@inlined
def _run(data, place, stop, kinds, wanted, most):  # type: ignore[no-untyped-def]
    """How many bytes from ``place`` on are of the wanted kinds, up to ``most``."""
    count = 0
    while count < most and place + count < stop and kinds[data[place + count]] & wanted:
        count += 1
    return count


@inlined
def _login(data, place, stop, kinds):  # type: ignore[no-untyped-def]
    """Where the ``@`` of ``user:password@`` is that begins at ``place``; -1: there is none."""
    colon = False
    for index in range(place, min(place + LONGEST_LOGIN, stop)):
        byte = data[index]
        if byte == 0x40:
            return index if colon else -1
        if byte == 0x2F or kinds[byte] & (_SPACE | _QUOTE):
            return -1
        colon |= byte == 0x3A
    return -1


@compiled
def _find(data, starts, classes, following, firsts, ends, spelled, places, word_kinds, kinds, found):  # type: ignore[no-untyped-def]
    """Fills ``found`` as far as it reaches; returns how many there are."""
    count = 0
    for row in range(len(starts) - 1):
        first, stop = starts[row], starts[row + 1]
        state = 0
        for index in range(first, stop):
            state = following[state, classes[data[index]]]
            for end in range(firsts[state], firsts[state + 1]):
                word = ends[end]
                length = places[word + 1] - places[word]
                kind, place, after = word_kinds[word], index + 1 - length, index + 1
                good = True
                if kind == EXACT or kind == WITHIN:  # noqa: SIM109 - Numba makes no tuple of these
                    for offset in range(length):
                        good &= data[place + offset] == spelled[places[word] + offset]
                    if kind == EXACT and good:
                        good = place == first or not kinds[data[place - 1]] & _ALNUM
                        good = good and _run(data, after, stop, kinds, _TOKEN, LEAST_TOKEN) == LEAST_TOKEN
                elif kind == LABEL:
                    after += _run(data, after, stop, kinds, _NAME, LONGEST_NAME)
                    gap = _run(data, after, stop, kinds, _SPACE | _QUOTE | _PAIRS, LONGEST_GAP)
                    good = False
                    for offset in range(gap):
                        good |= kinds[data[after + offset]] & _PAIRS > 0
                    after += gap
                if kind == LABEL or kind == BEFORE:  # noqa: SIM109
                    for offset in range(LEAST_VALUE):
                        good = (
                            good
                            and after + offset < stop
                            and not kinds[data[after + offset]] & (_SPACE | _QUOTE)
                        )
                elif kind == SCHEME:
                    place = _login(data, after, stop, kinds)
                    good = place >= 0
                if good:
                    if count < len(found):
                        found[count, 0], found[count, 1], found[count, 2] = row, place - first, word
                    count += 1
    return count
