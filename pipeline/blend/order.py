"""The order in which a blended corpus is read: one for all world sizes, and every place in it can be
computed.

The order is a sequence of *items*: packed sequences, or documents. Item ``g`` belongs to lane ``g % lanes``;
who reads some lanes reads few row groups, and lanes are fewer than the items by so much that each is long. In
a step every rank of ``world`` reads one of the next ``world`` items: which one is chosen so that a rank stays
with its lanes. Where the world size divides the lanes, each rank has lanes of its own; where the lanes divide
the world size, the ranks of a lane stay with a dataset, so that fewer of them read each row group.

A *mix* says which dataset an item comes from. A phase is cut into blocks of steps (a step is an item of
every lane); for each block the items of a dataset are counted so that what is rounded off is carried on, and
spread evenly. All lanes take the same choices, each starting at another place in the block, so at the end of
a block all have read the same number of items of every dataset.

A *stream* says which place of a dataset its ``v``-th item is. The row groups of an epoch stand in an order of
that epoch; items are cut from what they hold, one after the other, also across the end of an epoch. Each lane
reads a run of neighbouring items of an epoch. So an epoch is read whole before the next, every item once.

Knows numbers only: neither files nor tokens. All order comes from sorting raw PCG64 output, which is fixed
by the algorithm, while the methods of NumPy's Generator may change between versions (NEP 19), and from
quotients of integers below 2^53, which IEEE arithmetic rounds alike everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_STEPS = 1 << 14  # of a block
_RUN = 128  # row groups of a lane, at least
_GOLDEN = 2654435769  # 2^32 / golden ratio: multiples of it modulo 2^32 are spread evenly (Knuth 6.4)


class Items(NamedTuple):
    """Neighbouring items of a rank: of each the dataset (its index), and its number among that one's
    items."""

    dataset: Ints
    number: Ints


def shuffled(count: int, *key: object) -> Ints:
    """The numbers below ``count``, in an order that follows from the key."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    words = np.random.PCG64(int.from_bytes(digest, "little")).random_raw(count)
    return np.argsort(words, kind="stable")


@lru_cache(maxsize=4)
def assigned(lanes: int, world: int, start: int = 0) -> Ints:
    """Which of the ``world`` items of a step each rank reads: ``[period, world]``, after which it is the same
    again. The first step begins in the lane ``start``.

    Each item goes to a rank that has read its lane before, if one is free; so a lane is shared by few ranks
    and a rank has few lanes. Together they are ``lanes + world - gcd`` pairs, the fewest with which all lanes
    are shared out evenly, while items dealt out in turn make ``lanes * world / gcd``.
    """
    if lanes % world == 0 or world % lanes == 0:
        return np.arange(world)[None]
    period = lanes // gcd(lanes, world)
    table = np.empty((period, world), np.int64)
    readers: list[list[int]] = [[] for _ in range(lanes)]
    had = [0] * world  # lanes of each rank
    for step in range(period):
        free, left = set(range(world)), []
        for item in range(world):
            lane = (start + step * world + item) % lanes
            rank = next((rank for rank in readers[lane] if rank in free), None)
            if rank is None:
                left.append((item, lane))
                continue
            free.discard(rank)
            table[step, rank] = item
        for (item, lane), rank in zip(left, sorted(free, key=lambda rank: (had[rank], rank)), strict=True):
            table[step, rank] = item
            readers[lane].append(rank)
            had[rank] += 1
    return table


class Mix:
    """Which dataset each item comes from.

    phases: for each the item at which it ends, and weights in the order of the datasets (any unit; 0 for
        none). The last end is the number of items.
    """

    def __init__(self, phases: Sequence[tuple[int, Sequence[int]]], lanes: int) -> None:
        self.lanes, self.items = lanes, phases[-1][0]
        datasets = len(phases[0][1])
        starts, counts = [0], [[0] * datasets]
        for number, (end, weights) in enumerate(phases):
            last = number == len(phases) - 1
            # phases change with a step, so that lanes stay alike
            until = -(-end // lanes) if last else min(round(Fraction(end, lanes)), -(-self.items // lanes))
            owed = [Fraction(0)] * datasets
            while (start := starts[-1]) < until:
                steps = min(_STEPS, until - start)
                counts.append(_apportioned(steps, weights, owed))
                starts.append(start + steps)
        self._starts = np.array(starts, np.int64)
        self._counts = np.array(counts[1:], np.int64).reshape(-1, datasets)
        #: Items of each dataset that a lane has read before a block.
        self._before = np.cumsum(np.array(counts, np.int64), axis=0)

    def block(self, item: int) -> tuple[int, int]:
        """The first item of the block that an item is in, and the one after its last."""
        index = self._index(item)
        return (
            int(self._starts[index]) * self.lanes,
            min(int(self._starts[index + 1]) * self.lanes, self.items),
        )

    def chosen(self, items: Ints) -> Items:
        """Where these items come from; they are of one block."""
        index = self._index(int(items[0]))
        counts, before = self._counts[index], self._before[index]
        choices, order, skipped = _choices(tuple(counts.tolist()))
        step, lane = np.divmod(items, self.lanes)
        steps = len(choices)
        shift = ((lane * _GOLDEN) % (1 << 32) * steps) >> 32
        place = (step - self._starts[index] + shift) % steps
        dataset = choices[place]
        # how often the dataset was chosen since the lane's place of start
        since = (order[place] - skipped[shift, dataset]) % counts[dataset]
        return Items(dataset, (before[dataset] + since) * self.lanes + lane)

    def steps(self, starts: Ints, world: int) -> Ints:
        """``[steps, world]``: the items of steps that begin at ``starts``, by lane, then by dataset."""
        items = starts[:, None] + np.arange(world)
        left, found = items.ravel(), []
        while len(left):
            within = int(np.searchsorted(left, self.block(int(left[0]))[1]))
            found.append(self.chosen(left[:within]).dataset)
            left = left[within:]
        datasets = np.concatenate(found).reshape(items.shape)
        order = np.argsort(items % self.lanes * (datasets.max() + 1) + datasets, axis=1, kind="stable")
        return np.take_along_axis(items, order, axis=1)

    def _index(self, item: int) -> int:
        return int(np.searchsorted(self._starts, item // self.lanes, side="right")) - 1


def _apportioned(total: int, weights: Sequence[int], owed: list[Fraction]) -> list[int]:
    """Whole numbers that add up to ``total``, as the weights are; ``owed``, what was rounded off so far, is
    brought up to date."""
    whole = sum(weights)
    for i, weight in enumerate(weights):
        owed[i] += Fraction(total * weight, whole)
    counts = [max(int(part), 0) for part in owed]
    by_rest = sorted(range(len(weights)), key=lambda i: (counts[i] - owed[i], i))
    for i in [i for i in by_rest if weights[i]][: max(total - sum(counts), 0)]:
        counts[i] += 1
    for i in reversed(by_rest):  # where debts of others were given back
        if (over := sum(counts) - total) > 0:
            counts[i] -= min(over, counts[i])
    for i, count in enumerate(counts):
        owed[i] -= count
    return counts


@lru_cache(maxsize=4)
def _choices(counts: tuple[int, ...]) -> tuple[Ints, Ints, Ints]:
    """So many of each, spread evenly; of each choice how many equal ones are before it; and of each place how
    often each dataset is chosen before it."""
    datasets = np.repeat(np.arange(len(counts)), counts)
    order = np.concatenate([np.arange(count) for count in counts])
    due = (2 * order + 1) / np.repeat(np.maximum(counts, 1), counts)
    sort = np.argsort(due, kind="stable")
    choices = datasets[sort]
    before = np.zeros((len(choices) + 1, len(counts)), np.int64)
    before[np.arange(1, len(before)), choices] = 1
    return choices, order[sort], np.cumsum(before, axis=0)


class Stream:
    """The items of one dataset in order, epoch after epoch without end.

    sizes: what each row group holds, in the unit of an item's ``length``: tokens with end tokens, or
        documents.
    """

    def __init__(self, key: Sequence[object], sizes: Ints, length: int, lanes: int) -> None:
        self._key, self._sizes = tuple(key), sizes
        self._length, self._lanes = length, lanes
        self.total = int(sizes.sum())
        self._epochs: dict[int, tuple[Ints, Ints]] = {}

    def starts(self, numbers: Ints) -> Ints:
        """Where these items start, in units from the beginning of the first epoch."""
        epochs = numbers * self._length // self.total
        first = -(-epochs * self.total // self._length)
        count = -(-(epochs + 1) * self.total // self._length) - first
        place, slot = np.divmod(numbers - first, self._lanes)
        run, longer = np.divmod(count, self._lanes)
        return (first + slot * run + np.minimum(slot, longer) + place) * self._length

    def places(self, numbers: Ints) -> list[list[tuple[int, int, int, int]]]:
        """Of these items ``pieces``: nearly all are of one, and these are found together."""
        starts = self.starts(numbers)
        epochs, offsets = np.divmod(starts, self.total)
        found: list[list[tuple[int, int, int, int]]] = [[]] * len(numbers)
        for epoch in np.unique(epochs).tolist():
            rows = np.flatnonzero(epochs == epoch)
            order, ends = self._epoch(epoch)
            index = np.searchsorted(ends, offsets[rows], side="right")
            left, groups = ends[index] - offsets[rows], order[index]
            begins = self._sizes[groups] - left
            columns = (rows.tolist(), groups.tolist(), begins.tolist(), left.tolist())
            for row, group, begin, there in zip(*columns, strict=True):
                whole = there >= self._length
                one = [(epoch, group, begin, self._length)]
                found[row] = one if whole else self.pieces(int(starts[row]), self._length)
        return found

    def pieces(self, start: int, length: int) -> list[tuple[int, int, int, int]]:
        """Epoch, row group, offset and number of units of what follows a place."""
        found = []
        while length:
            epoch, offset = divmod(start, self.total)
            order, ends = self._epoch(epoch)
            index = int(np.searchsorted(ends, offset, side="right"))
            while length and index < len(order):
                group = int(order[index])
                left = int(ends[index]) - offset
                taken = min(left, length)
                if taken:
                    found.append((epoch, group, int(self._sizes[group]) - left, taken))
                start, offset, length, index = start + taken, offset + taken, length - taken, index + 1
        return found

    def _epoch(self, epoch: int) -> tuple[Ints, Ints]:
        """Row groups in the order of an epoch, and where each ends."""
        if epoch not in self._epochs:
            if len(self._epochs) > 1:  # lanes are in one epoch or the next
                del self._epochs[min(self._epochs)]
            order = shuffled(len(self._sizes), *self._key, epoch, "pieces")
            self._epochs[epoch] = order, np.cumsum(self._sizes[order])
        return self._epochs[epoch]


def lane_count(wanted: int, units: int, piece: float) -> int:
    """The largest power of two up to ``wanted`` with which a lane still has ``_RUN`` row groups of average
    size: where a lane's run of items ends, a row group is read once more."""
    lanes = 1
    while lanes * 2 <= wanted and units >= lanes * 2 * _RUN * piece:
        lanes *= 2
    return lanes
