"""Candidate pairs: documents with an equal band key become edges, verified first if the config asks for it.

A *bucket* is all documents with one band key. It becomes a star: every document is linked to one of them, the
centre. So k documents give k - 1 edges, never k squared; a million equal pages give a million edges.

Without verification the centre is the smallest node, and stars are contracted as far as memory allows: it
does not matter which documents are linked directly, only which are connected.

With verification it does matter, because an edge can be refused. The centre is then the document with the
smallest ``tag``, a hash of its id, so that the same pairs are checked wherever the documents lie. The two
*sketches* that verify a pair have to meet in one place, in bounded memory, and only once. So the documents of
a bucket are divided into *groups* of not much more than ``GROUP``, each around a copy of the centre. The
number of groups is a power of two, and the group depends on centre and document alone, so that buckets of the
same documents in other bands map to the same groups, and a pair that occurs in many bands is checked once.

To be divided into groups, a bucket has to come in one table, at 20 bytes a document; ``stars`` accepts a
bucket in several tables.

The texts of an earlier run are not available. A document that shares a bucket with a document of an earlier
run is linked to that one unchecked, and to no other document through that bucket.

Knows band keys, positions and sketches; does not know how either is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.compiled import compiled
from stages.dedup import components
from stages.dedup.components import Contraction, Names
from stages.dedup.groups import groups_of
from stages.global_stage import OWN, Reduced
from stages.text.utf8 import as_array

#: Documents that are compared with one copy of a centre; they are in memory together.
GROUP = 1024

#: Values in place of the centre's position: for the centre itself, and for a centre in an earlier run.
_CENTRE = np.uint64((1 << 64) - 1)
_EARLIER = np.uint64(0)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio


def stars(groups: Iterator[pa.Table]) -> Reduced:
    """Edges (``components.edges``) of buckets, without verification. Counts ``pairs``, before contraction.

    A bucket may come in several tables: its centre so far, and a document of an earlier run if there is one,
    represent what has been seen of it.
    """
    pairs = 0
    contraction = Contraction()
    last, waiting, counted = None, np.zeros(0, np.uint64), False
    for table in groups:
        key, position = table.column("key").to_numpy(), table.column("position").to_numpy()
        if key[0] == last:
            pairs -= counted  # its mark comes again
            key = np.concatenate([np.full(len(waiting), last), key])
            position = np.concatenate([waiting, position])
        # twins are odd, names are even
        own = position >= np.uint64(OWN)
        node = np.where(own, components.names(position), _CENTRE)
        starts, sizes = groups_of(key)
        centre = np.minimum.reduceat(node, starts)
        ours = np.repeat(centre, sizes)
        inner = own & (node != ours)
        mixed = np.logical_or.reduceat(~own, starts) & (centre != _CENTRE)
        marked = centre[mixed]
        pairs += int(np.count_nonzero(inner)) + len(marked)
        yield from contraction.add(
            np.concatenate([node[inner], components.twins(marked)]), np.concatenate([ours[inner], marked])
        )
        last, counted = key[-1], bool(mixed[-1])
        open_own, rest = own[starts[-1] :], position[starts[-1] :]
        waiting = np.concatenate([rest[open_own & (node[starts[-1] :] == centre[-1])], rest[~open_own][:1]])
    yield contraction.rest()
    return {"pairs": pairs}


def pairs(groups: Iterator[pa.Table]) -> Reduced:
    """Pairs of buckets sorted by ``tag``, for ``sketches``: ``key`` (position), ``other``, ``group``."""
    for table in groups:
        position, starts, sizes = _buckets(table)
        if not len(starts):
            continue
        own = position >= np.uint64(OWN)
        mixed = np.logical_or.reduceat(~own, starts)
        # documents that share a bucket with one of an earlier run
        marked = position[own & np.repeat(mixed, sizes)]
        # centres of the other buckets, once for each group
        centre = position[starts]
        counts = np.uint64(1) << np.ceil(np.log2(np.maximum(sizes / GROUP, 1))).astype(np.uint64)
        heads = np.flatnonzero(~mixed)
        copies = counts[heads].astype(np.int64)
        nth = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
        head = np.repeat(heads, copies)
        # all others
        first = np.zeros(len(position), bool)
        first[starts] = True
        inner = np.flatnonzero(~first & ~np.repeat(mixed, sizes))
        member, bucket = position[inner], np.repeat(np.arange(len(starts)), sizes)[inner]
        slot = (components.names(member) >> np.uint64(1)) & (counts[bucket] - np.uint64(1))
        columns = (
            (marked, np.full(len(marked), _EARLIER), components.names(marked)),
            (centre[head], np.full(len(head), _CENTRE), _group(centre[head], counts[head], nth)),
            (member, centre[bucket], _group(centre[bucket], counts[bucket], slot)),
        )
        key, other, group = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        yield pa.table({"key": key, "other": other, "group": group})
    return {}


def _group(centre: Names, count: Names, number: npt.NDArray[Any]) -> Names:
    """A hash of a centre and of one of its ``count`` groups. Groups are numbered 1 if there is one, 2 and 3
    if there are two, 4 to 7 if there are four, and so on."""
    return components.names(centre) + (count + number.astype(np.uint64)) * _SPREAD


def sketches(found: pa.Table, sketch: Callable[[npt.NDArray[np.uint32]], pa.Array]) -> pa.Table:
    """What ``verified`` needs of the documents of a batch: ``key`` (group), ``row``, ``other``, ``sketch``.

    ``found`` holds rows of ``pairs``. ``sketch`` makes the sketches of given rows of the batch, list<uint32>.
    """
    row, other, group = (found.column(name).to_numpy() for name in ("row", "other", "group"))
    # a document meets each centre once, and a centre occurs once in each group
    by = np.where(other == _CENTRE, group, other)
    order = np.lexsort((group, by, other == _CENTRE, row))
    fresh, _ = groups_of(row[order], other[order] == _CENTRE, by[order])
    row, other, group = (column[order[fresh]] for column in (row, other, group))
    needed = np.unique(row[other != _EARLIER])
    index = np.searchsorted(needed, row)
    return pa.table(
        {
            "key": group,
            "row": row,
            "other": other,
            "sketch": sketch(needed).take(pa.array(index, mask=other == _EARLIER)),
        }
    )


def verified(groups: Iterator[pa.Table], least: float, exact: bool) -> Reduced:
    """Edges (``components.edges``) between the pairs whose similarity is ``least`` or more.

    Counts the ``pairs`` that were checked, the ``false positives`` among them, and as ``unverified`` the
    documents that are linked to an earlier run.
    """
    counts = {"pairs": 0, "false positives": 0, "unverified": 0}
    contraction = Contraction()
    for table in groups:
        key, other, position = (table.column(name).to_numpy() for name in ("key", "other", "position"))
        marked = components.names(position[other == _EARLIER])
        centres = np.flatnonzero(other == _CENTRE)
        members = np.flatnonzero((other != _CENTRE) & (other != _EARLIER))
        # the centre of a member is in the member's group, which other centres may share if hashes collide
        centres = centres[np.lexsort((position[centres], key[centres]))]
        place = _find(key[centres], position[centres], key[members], other[members])
        sketched = as_array(table.column("sketch"))
        offsets, values = sketched.offsets.to_numpy(), sketched.values.to_numpy()
        similar = np.empty(len(members), np.float64)
        (_jaccard if exact else _agreement)(values, offsets, members, centres[place], similar)
        good = similar >= least
        counts["pairs"] += len(members)
        counts["false positives"] += int(np.count_nonzero(~good))
        counts["unverified"] += len(marked)
        left, right = components.names(position[members[good]]), components.names(other[members[good]])
        yield from contraction.add(
            np.concatenate([left, components.twins(marked)]), np.concatenate([right, marked])
        )
    yield contraction.rest()
    return counts


def _buckets(table: pa.Table) -> tuple[Names, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions in buckets of two or more documents, where each bucket starts, and how many it has."""
    key, position = table.column("key").to_numpy(), table.column("position").to_numpy()
    _, sizes = groups_of(key)
    shared = sizes > 1
    position, sizes = position[np.repeat(shared, sizes)], sizes[shared]
    return position, np.cumsum(sizes) - sizes, sizes


def _find(keys: Names, positions: Names, key: Names, position: Names) -> npt.NDArray[np.int64]:
    """Index of ``(key, position)`` among rows sorted by both."""
    place = np.searchsorted(keys, key)
    while len(wrong := np.flatnonzero(positions[place] != position)):
        place[wrong] += 1
    return place


@compiled
def _agreement(values, offsets, left, right, similar):  # type: ignore[no-untyped-def]
    """The share of values that agree in two signatures: an estimate of Jaccard similarity."""
    for pair in range(len(left)):
        one, two = offsets[left[pair]], offsets[right[pair]]
        length = offsets[left[pair] + 1] - one
        equal = 0
        for index in range(length):
            equal += values[one + index] == values[two + index]
        similar[pair] = equal / length


@compiled
def _jaccard(values, offsets, left, right, similar):  # type: ignore[no-untyped-def]
    """Jaccard similarity of two ascending sets."""
    for pair in range(len(left)):
        one, one_stop = offsets[left[pair]], offsets[left[pair] + 1]
        two, two_stop = offsets[right[pair]], offsets[right[pair] + 1]
        total = one_stop - one + two_stop - two
        shared = 0
        while one < one_stop and two < two_stop:
            if values[one] == values[two]:
                shared += 1
                one += 1
                two += 1
            elif values[one] < values[two]:
                one += 1
            else:
                two += 1
        similar[pair] = shared / (total - shared)
