"""Connected components of edges between documents: in one process, or over the exchange.

Two documents that were found to be alike are an edge; documents linked by a chain of edges are a cluster.
There are two ways from edges to clusters, with equal results:

**One process** (``components``): union-find, for as many edges as fit in memory. On 20 million random edges
it took a tenth of the time of ``scipy.sparse.csgraph`` and half its memory: SciPy needs consecutive numbers
for nodes, which takes a search for each, and it makes 64-bit floats and a transpose of the edges.

**Over the exchange**, when there are more edges: large-star and small-star alternate (Kiveris et al.,
"Connected Components in MapReduce and Beyond", SoCC 2014). Each is one pass in which every node sees its
neighbours:

* small-star: a node links all its smaller neighbours, and itself, to the smallest of them;
* large-star: a node links all its larger neighbours to the smallest of its neighbourhood.

Neither changes what is connected to what, neither increases the number of edges, and repeated edges are
merged; they end in one star per component, with every document linked to the smallest. A cluster of near
duplicates is almost a star at the start (its documents share buckets, each a star already), so one or two
rounds are typical; a chain of 10,000 took 11. Min-label propagation would take as many passes as a chain is
long, and pointer jumping needs a join per pass and keeps labels beside the edges; with stars, the edges are
the labels.

After any pass, the edges that are left may be few enough for one process. A node with more neighbours than
fit in memory comes in several tables, and is treated as several nodes with one neighbour in common.

**Nodes.** A document's name here is its position, scrambled by a bijection on 63 bits. So keys are spread
evenly over ranges however parts are filled, and "smaller" is a random order, for which chains in the order of
a crawl are not a worst case. The lowest bit of a name is 0. A document that is like one of an *earlier* run
has an edge to its *twin*, its own name with the lowest bit 1: a mark that travels with the component. One
node for all earlier documents would also work, but it could have half a corpus as neighbours.

Knows names and edges; does not know what the documents are, or which of them survives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.compiled import compiled
from stages.dedup.groups import groups_of
from stages.global_stage import OWN, Reduced

Names = npt.NDArray[np.uint64]
Index = npt.NDArray[np.int64]

#: Edges that a reducer holds to contract them.
BUFFER_EDGES = 1 << 21
#: Rows of a table that is passed on.
TABLE_ROWS = 1 << 20

_MASK = (1 << 63) - 1
_HALF, _ONE, _OWN = np.uint64(32), np.uint64(1), np.uint64(OWN)
# odd constants of MurmurHash3's finalizer (Appleby, public domain)
_FACTORS = (0xFF51AFD7ED558CCD & _MASK, 0xC4CEB9FE1A85EC53 & _MASK)


def names(positions: Names) -> Names:
    """uint64[n]: node names of positions of this run, which are even numbers."""
    value = positions & np.uint64(_MASK)
    for factor in _FACTORS:
        value = ((value ^ (value >> _HALF)) * np.uint64(factor)) & np.uint64(_MASK)
    return (value ^ (value >> _HALF)) << _ONE


def positions(named: Names) -> Names:
    """uint64[n]: the positions that names stand for, also names of twins. The inverse of ``names``."""
    value = named >> _ONE
    # xor with the upper half undoes itself; an odd factor has an inverse modulo a power of two
    for factor in reversed(_FACTORS):
        value = (value ^ (value >> _HALF)) * np.uint64(pow(factor, -1, 1 << 63)) & np.uint64(_MASK)
    return (value ^ (value >> _HALF)) | _OWN


def twins(named: Names) -> Names:
    """uint64[n]: the nodes that mark documents as like one of an earlier run."""
    return named | _ONE


def contract(left: Names, right: Names) -> tuple[Names, npt.NDArray[Any]]:
    """``(nodes, roots)``: all nodes of these edges, ascending, and for each one the index of the smallest
    node of its component. Takes up to 52 bytes per edge, including the edges (fewer than 2^30): 52 if all
    their nodes differ, 39 if every edge is there in both directions.
    """
    nodes = np.concatenate([left, right])
    nodes.sort()
    nodes = nodes[: _squeeze(nodes)]
    parents: npt.NDArray[Any] = np.arange(len(nodes), dtype=np.int32 if len(nodes) < 1 << 31 else np.int64)
    # a table of the upper bits leaves few nodes to search among, because names are spread evenly
    bits = max(len(nodes).bit_length() - 3, 1)
    shift = np.uint64(64 - bits)
    bounds = np.searchsorted(nodes, np.arange(1 << bits, dtype=np.uint64) << shift)
    _unite(parents, nodes, np.append(bounds, len(nodes)), shift, left, right)
    return nodes, parents


@compiled
def _squeeze(ascending):  # type: ignore[no-untyped-def]
    """Move the distinct values to the front; returns how many there are. ``np.unique`` would make two
    copies."""
    count = 0
    for index in range(len(ascending)):
        if index == 0 or ascending[index] != ascending[index - 1]:
            ascending[count] = ascending[index]
            count += 1
    return count


@compiled
def _unite(parents, nodes, bounds, shift, left, right):  # type: ignore[no-untyped-def]
    """Union-find with path halving. The smaller root wins, so a root is the smallest of its component."""
    for edge in range(len(left)):
        one = _place(nodes, bounds, shift, left[edge])
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        two = _place(nodes, bounds, shift, right[edge])
        while parents[two] != two:
            parents[two] = parents[parents[two]]
            two = parents[two]
        if one < two:
            parents[two] = one
        else:
            parents[one] = two
    for node in range(len(parents)):  # parents come before their children
        parents[node] = parents[parents[node]]


@compiled
def _place(nodes, bounds, shift, name):  # type: ignore[no-untyped-def]
    """Index of a name, which must be present."""
    low, high = bounds[name >> shift], bounds[(name >> shift) + np.uint64(1)]
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= name:
            low = middle
        else:
            high = middle
    return low


class Contraction:
    """Collects edges and returns them as one star per component, as long as they fit in memory together.

    The same pair from many buckets becomes one edge here if one reducer has all these buckets.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Names, Names]] = []
        self._count = 0

    def add(self, left: Names, right: Names) -> Iterator[pa.Table]:
        """Add edges; yields tables of contracted edges when memory is full."""
        if len(left):
            self._waiting.append((left, right))
            self._count += len(left)
        if self._count >= BUFFER_EDGES:
            yield self.rest()

    def rest(self) -> pa.Table:
        """The remaining edges: ``key``, a node, and ``other``, the smallest node of its component."""
        left, right = _joined(self._waiting)
        self._waiting, self._count = [], 0
        nodes, roots = contract(left, right)
        inner = np.flatnonzero(roots != np.arange(len(nodes)))
        return edges(nodes[inner], nodes[roots[inner]])


def edges(left: Names, right: Names) -> pa.Table:
    """Edges as rows for the exchange."""
    return pa.table({"key": pa.array(left), "other": pa.array(right)})


# Rounds ------------------------------------------------------------------------------------------------


def components(groups: Iterator[pa.Table]) -> Reduced:
    """All edges at once: ``key`` (position), ``label``, ``earlier`` for every node; see ``contract``."""
    parts = [(_column(table, "key"), _column(table, "other")) for table in groups]
    nodes, roots = contract(*_joined(parts))
    for start in range(0, len(nodes), TABLE_ROWS):
        stop = start + TABLE_ROWS
        yield _labels(nodes[start:stop], nodes[roots[start:stop]])
    return {"components": int(np.count_nonzero(roots == np.arange(len(nodes))))}


def small_star(groups: Iterator[pa.Table]) -> Reduced:
    """One small-star pass. Takes sorted edges, each from its larger node to the smaller one, and links all
    neighbours of a node to the smallest.

    Yields every edge in both directions, as ``large_star`` and ``labels`` need it. Counts ``edges``.
    """
    count = 0
    for node, other, starts, sizes in _neighbours(groups):
        least = np.minimum.reduceat(other, starts)
        mine = np.repeat(least, sizes)
        rest = other != mine
        left = np.concatenate([node[starts], other[rest]])
        right = np.concatenate([least, mine[rest]])
        count += len(left)
        yield edges(np.concatenate([left, right]), np.concatenate([right, left]))
    return {"edges": count}


def large_star(groups: Iterator[pa.Table]) -> Reduced:
    """One large-star pass. Takes sorted edges in both directions, and links larger neighbours to the smallest
    of the neighbourhood.

    Counts ``edges``, and ``loose``: nodes that are neither smaller than all their neighbours nor linked to
    exactly one smaller node. If there is none, the input was one star per component.
    """
    count = loose = 0
    for node, other, starts, sizes in _neighbours(groups):
        least = np.minimum(node[starts], np.minimum.reduceat(other, starts))
        loose += int(np.count_nonzero((least != node[starts]) & (sizes > 1)))
        larger = other > node
        count += int(np.count_nonzero(larger))
        yield edges(other[larger], np.repeat(least, sizes)[larger])
    return {"edges": count, "loose": loose}


def labels(groups: Iterator[pa.Table]) -> Reduced:
    """From stars, with every edge in both directions, to the rows that ``components`` returns. A node that
    comes in several tables is returned several times."""
    count, last = 0, None
    for node, other, starts, _ in _neighbours(groups):
        least = np.minimum(node[starts], np.minimum.reduceat(other, starts))
        count += int(np.count_nonzero((least == node[starts]) & (least != last)))
        last = node[-1]
        yield _labels(node[starts], least)
    return {"components": count}


def _labels(nodes: Names, roots: Names) -> pa.Table:
    return pa.table(
        {
            "key": pa.array(positions(nodes)),
            "label": pa.array(roots),
            "earlier": pa.array((nodes & _ONE).astype(bool)),
        }
    )


def _neighbours(groups: Iterator[pa.Table]) -> Iterator[tuple[Names, Names, Index, Index]]:
    """For each table: node and neighbour, once per edge; where each node starts, and how many neighbours it
    has.

    If a node continues from the table before, its smallest neighbour so far represents the earlier ones.
    """
    last: Any = None
    least: Any = None
    for table in groups:
        node, other = _column(table, "key"), _column(table, "other")
        distinct, _ = groups_of(node, other)
        node, other = node[distinct], other[distinct]
        if node[0] == last and other[0] != least:
            node, other = np.append(last, node), np.append(least, other)
        starts, sizes = groups_of(node)
        last, least = node[-1], other[starts[-1] :].min()
        yield node, other, starts, sizes


def _joined(parts: list[tuple[Names, Names]]) -> tuple[Names, Names]:
    empty = np.zeros(0, np.uint64)
    left = np.concatenate([empty, *(part[0] for part in parts)])
    right = np.concatenate([empty, *(part[1] for part in parts)])
    parts.clear()
    return left, right


def _column(table: pa.Table, name: str) -> Names:
    column: Names = table.column(name).to_numpy()
    return column
