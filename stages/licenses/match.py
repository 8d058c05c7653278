"""Which of the known licence texts stand in a text, where, and how exactly.

Four words in a row, as one number, are looked up among those of all texts. For the licences of which enough
is there, words are aligned: runs of equal words are chained in the order of both texts. What is left over
counts: words of the licence that are missing, and words between its words that are not the licence's.
Licences that differ in a few words (BSD with two or three clauses, ISC and 0BSD) are told apart by that.

Knows words and the texts of ``texts``. Does not know what a licence allows, nor files.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.licenses.texts import texts
from stages.licenses.words import Words

#: Words in a row that are looked up.
RUN = 4
#: Licences that are aligned at most, those first of which most is there.
_CANDIDATES = 32
#: A licence of which less is there is not aligned.
_LEAST = 0.3
#: Licences in one text at most.
_MOST = 16
#: A gap of the aligned text costs as many words of a run, by words of the gap, and at most.
_GAP, _GAP_MOST = 0.25, 12.0
_BLOCKS = 150
_COST = 3.0  # words that a word left over takes from the worth of a match

Ints = npt.NDArray[np.int64]


class Match(NamedTuple):
    """A licence and its place: words ``start`` to ``stop`` of the text."""

    license: str
    start: int
    stop: int
    size: int  # words of the licence that a text must have
    missing: int  # of those, how many are not there
    lacking: tuple[str, ...]  # of those, the first hundred
    foreign: tuple[int, ...]  # words of the text, within it, that are not the licence's

    @property
    def exact(self) -> bool:
        """Only a few words differ: names of holders, a clause in other words."""
        return (
            self.missing <= 3 + 0.04 * self.size
            and len(self.foreign) <= 8 + 0.06 * self.size
        )  # fmt: skip

    @property
    def close(self) -> bool:
        """It is this licence or a variant of it."""
        return self.missing <= 0.25 * self.size and len(self.foreign) <= 10 + 0.25 * self.size

    @property
    def cost(self) -> int:
        """Words left over on both sides."""
        return self.missing + len(self.foreign)

    @property
    def worth(self) -> tuple[float, int, str]:
        """Of several licences in one place, the largest is it: it explains most words with the fewest left
        over."""
        return self.size - _COST * self.cost, -len(self.license), self.license


class _Index(NamedTuple):
    keys: npt.NDArray[np.uint64]  # runs of words, sorted, each once
    starts: Ints  # where the places of each begin, and where the last ones end
    text: Ints  # of each place, which licence
    position: Ints  # and which word of it
    runs: Ints  # number of runs of each licence
    size: Ints  # words of each that a text must have


def _runs(numbers: Ints) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Each run of known words (16 bits a word) as one number, and where it starts."""
    if len(numbers) < RUN:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(numbers, RUN)
    at = np.flatnonzero((windows >= 0).all(axis=1))
    found = windows[at].astype(np.uint64)
    keys = np.zeros(len(at), np.uint64)
    for column in range(RUN):
        keys = (keys << np.uint64(16)) | found[:, column]
    return keys, at


@cache
def _index() -> _Index:
    known = texts()
    keys, at, owner = [], [], []
    for number in range(len(known.names)):
        some, places = _runs(known.words[known.starts[number] : known.starts[number + 1]])
        required = ~known.optional[known.starts[number] : known.starts[number + 1]][places]
        keys.append(some[required])
        at.append(places[required])
        owner.append(np.full(int(required.sum()), number))
    every, place, text = np.concatenate(keys), np.concatenate(at), np.concatenate(owner)
    order = np.argsort(every, kind="stable")
    every = every[order]
    first = np.flatnonzero(np.r_[True, every[1:] != every[:-1]])
    runs = np.bincount(text, minlength=len(known.names))
    size = np.add.reduceat((~known.optional).astype(np.int64), known.starts[:-1])
    return _Index(
        every[first], np.r_[first, len(every)], text[order], place[order], np.maximum(runs, 1), size
    )


def numbers(found: Words) -> Ints:
    """Words as numbers of the vocabulary; -1 for those that no licence has."""
    vocabulary = texts().vocabulary
    return np.array([vocabulary.get(word, -1) for word in found.words], np.int64)


def matches(found: Words) -> list[Match]:
    """Licences in a text, in the order of the text; none overlaps another."""
    left = numbers(found)
    result: list[Match] = []
    while len(result) < _MOST and (best := _best(left)) is not None:
        result.append(best)
        left[best.start : best.stop] = -1
    return sorted(result, key=lambda match: match.start)


def _best(numbers: Ints) -> Match | None:
    """The licence of which most is there, and that nothing fits better."""
    index = _index()
    keys, at = _runs(numbers)
    if not len(keys):
        return None
    slot = np.minimum(np.searchsorted(index.keys, keys), len(index.keys) - 1)
    there = index.keys[slot] == keys
    slot, at = slot[there], at[there]
    if not len(slot):
        return None
    distinct = np.unique(slot)
    counts = index.starts[distinct + 1] - index.starts[distinct]
    places = np.repeat(index.starts[distinct] - np.r_[0, np.cumsum(counts)[:-1]], counts) + np.arange(
        counts.sum()
    )
    covered = np.bincount(index.text[places], minlength=len(index.runs))
    share = covered / index.runs
    likely = np.flatnonzero(share >= _LEAST)
    if not len(likely):
        return None
    # A missing word takes RUN runs with it at most, so no alignment is worth more than ``most``; missing
    # words mostly stand together, which gives the order.
    gone = (1.0 - share[likely]) * index.runs[likely]
    most = index.size[likely] - _COST * gone / RUN
    order = np.lexsort((likely, _COST * 0.8 * gone - index.size[likely]))
    best: Match | None = None
    for number, bound in zip(likely[order][:_CANDIDATES].tolist(), most[order].tolist(), strict=False):
        if best is not None and bound < best.worth[0]:
            continue
        match = _aligned(numbers, slot, at, number)
        if match is not None and match.close and (best is None or match.worth > best.worth):
            best = match
    return best


def _aligned(numbers: Ints, slot: Ints, at: Ints, license: int) -> Match | None:
    index, known = _index(), texts()
    begin, end = int(known.starts[license]), int(known.starts[license + 1])
    # places of this licence for each run of the text
    counts = index.starts[slot + 1] - index.starts[slot]
    which = np.repeat(np.arange(len(slot)), counts)
    places = np.repeat(index.starts[slot] - np.r_[0, np.cumsum(counts)[:-1]], counts) + np.arange(
        counts.sum()
    )
    mine = index.text[places] == license
    here, there = at[which[mine]], index.position[places[mine]]
    blocks = _chain(_blocks(here, there))
    if not blocks:
        return None
    words, optional = known.words[begin:end], known.optional[begin:end]
    ours = np.zeros(len(numbers), bool)
    theirs = np.zeros(len(words), bool)
    for i, j, length in blocks:
        # single words that differ part two runs: a run goes on as far as words are equal
        while i > 0 and j > 0 and numbers[i - 1] == words[j - 1] and not ours[i - 1] and not theirs[j - 1]:
            i, j, length = i - 1, j - 1, length + 1
        while (
            i + length < len(numbers)
            and j + length < len(words)
            and numbers[i + length] == words[j + length]
            and not ours[i + length]
        ):
            length += 1
        ours[i : i + length] = True
        theirs[j : j + length] = True
    _bridge(numbers, words, ours, theirs)
    inside = np.flatnonzero(ours)
    start, stop = int(inside[0]), int(inside[-1]) + 1
    lacking = np.flatnonzero(~theirs & ~optional)
    foreign = start + np.flatnonzero(~ours[start:stop])
    return Match(
        known.names[license],
        start,
        stop,
        max(1, int(index.size[license])),
        len(lacking),
        tuple(known.spelt[word] for word in words[lacking[:100]].tolist()),
        tuple(foreign.tolist()),
    )


def _blocks(here: Ints, there: Ints) -> list[tuple[int, int, int]]:
    """Runs of equal words as (place in the text, place in the licence, words)."""
    if not len(here):
        return []
    order = np.lexsort((here, here - there))
    here, there = here[order], there[order]
    new = np.r_[True, (np.diff(here) != 1) | (np.diff(here - there) != 0)]
    first = np.flatnonzero(new)
    lengths = np.diff(np.r_[first, len(here)]) + RUN - 1
    found = list(zip(here[first].tolist(), there[first].tolist(), lengths.tolist(), strict=True))
    if len(found) > _BLOCKS:
        found = sorted(found, key=lambda block: -block[2])[:_BLOCKS]
    return sorted(found)


def _chain(blocks: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The blocks that follow each other in both texts and have the most words, less what gaps cost."""
    if not blocks:
        return []
    i = np.array([block[0] for block in blocks])
    j = np.array([block[1] for block in blocks])
    length = np.array([block[2] for block in blocks])
    score = length.astype(float)
    before = np.full(len(blocks), -1)
    for n in range(1, len(blocks)):
        # blocks may overlap by a few words; what overlaps counts once
        over = np.maximum(0, np.maximum(i[:n] + length[:n] - i[n], j[:n] + length[:n] - j[n]))
        fits = (i[:n] < i[n]) & (j[:n] < j[n]) & (over < length[n]) & (over < length[:n])
        if not fits.any():
            continue
        gap = np.maximum(0, i[n] - i[:n] - length[:n])
        gain = np.where(fits, score[:n] - over - np.minimum(gap * _GAP, _GAP_MOST), -np.inf)
        best = int(gain.argmax())
        if gain[best] > 0:
            score[n] += gain[best]
            before[n] = best
    chain = []
    n = int(score.argmax())
    while n >= 0:
        chain.append(blocks[n])
        n = int(before[n])
    return chain[::-1]


def _bridge(numbers: Ints, words: Ints, ours: npt.NDArray[np.bool_], theirs: npt.NDArray[np.bool_]) -> None:
    """Marks equal words in gaps that are short on both sides: runs of fewer than ``RUN`` words."""
    inside = np.flatnonzero(ours)
    start, stop = int(inside[0]), int(inside[-1])
    gap: list[int] = []
    done = np.flatnonzero(theirs)
    for place in range(start, stop + 1):
        if not ours[place]:
            gap.append(place)
        elif gap:
            if len(gap) <= 40:
                count = int(ours[: gap[0]].sum())  # words of the licence before the gap
                if 0 < count < len(done):
                    low, high = int(done[count - 1]) + 1, int(done[count])
                    j = low
                    for at in gap:
                        rest = np.flatnonzero(words[j:high] == numbers[at])
                        if len(rest) and rest[0] <= 12:
                            ours[at] = True
                            theirs[j + int(rest[0])] = True
                            j += int(rest[0]) + 1
                    done = np.flatnonzero(theirs)
            gap = []
