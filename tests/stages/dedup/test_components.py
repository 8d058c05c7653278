"""Clusters from edges: both ways against SciPy, on graphs that are easy, large and adverse."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from pipeline.exchange.runs import sort
from stages.dedup import components
from stages.global_stage import OWN, Reduced

Graph = np.ndarray  # int[edges, 2]: numbers of documents


def positions(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype(np.uint64) + np.uint64(OWN)


def edges(graph: Graph) -> pa.Table:
    """As ``candidates`` gives them: from the larger node to the smaller."""
    ends = np.sort(components.names(positions(graph)), axis=1)
    return components.edges(ends[:, 1], ends[:, 0])


def passed(
    reduce: Callable[[Iterator[pa.Table]], Reduced], table: pa.Table, pieces: int, rows: int = 0
) -> tuple[pa.Table, dict[str, int]]:
    """One round over keys, in tables that do not part them, or in tables of so many ``rows``."""
    table = sort(table, ("other",))
    keys = table.column("key").to_numpy()
    cuts = [int(np.searchsorted(keys, np.uint64((i << 64) // pieces))) for i in range(pieces)]
    if rows:
        cuts = list(range(0, len(table), rows))
    generator = reduce(
        iter([table.slice(a, b - a) for a, b in itertools.pairwise([*cuts, len(keys)]) if b > a])
    )
    tables = []
    while True:
        try:
            tables.append(next(generator))
        except StopIteration as stop:
            return pa.concat_tables(tables), dict(stop.value)


def by_stars(table: pa.Table, pieces: int, rows: int = 0) -> tuple[pa.Table, int]:
    for turn in range(1, 100):
        both, counts = passed(components.small_star, table, pieces, rows)
        assert len(both) == 2 * counts["edges"]
        assert counts["edges"] <= len(table) or rows
        table, counts = passed(components.large_star, both, pieces, rows)
        if not counts["loose"]:
            found, counts = passed(components.labels, both, pieces, rows)
            distinct = found.group_by(found.column_names).aggregate([])
            assert rows or len(distinct) == len(found)
            found = distinct
            assert counts["components"] == len(np.unique(found.column("label").to_numpy()))
            return found, turn
    raise AssertionError("it does not end")


def partition(table: pa.Table, count: int) -> np.ndarray:
    """int[count]: the smallest document of each one's cluster, whatever the labels are."""
    number = (table.column("key").to_numpy() - np.uint64(OWN)).astype(np.int64)
    assert len(np.unique(number)) == len(number)
    assert not table.column("earlier").to_numpy().any()
    _, label = np.unique(table.column("label").to_numpy(), return_inverse=True)
    least = np.full(len(number), count)
    np.minimum.at(least, label, number)
    found = np.arange(count)
    found[number] = least[label]
    return found


def oracle(graph: Graph, count: int) -> np.ndarray:
    matrix = scipy.sparse.coo_matrix(
        (np.ones(len(graph), np.int8), (graph[:, 0], graph[:, 1])), (count, count)
    )
    _, label = connected_components(matrix, directed=False)
    least = np.full(count, count)
    np.minimum.at(least, label, np.arange(count))
    return least[label]


def path(count: int) -> Graph:
    return np.stack([np.arange(count - 1), np.arange(1, count)], axis=1)


def star(count: int) -> Graph:
    return np.stack([np.full(count - 1, count // 2), np.setdiff1d(np.arange(count), count // 2)], axis=1)


def clique(count: int) -> Graph:
    return np.argwhere(np.triu(np.ones((count, count), bool), 1))


def many_small(count: int) -> Graph:
    return np.stack([np.arange(0, count, 2), np.arange(1, count, 2)], axis=1)


def stars_in_a_chain(count: int) -> Graph:
    """Each hub with 100 leaves, hubs linked by leaves."""
    leaves = np.setdiff1d(np.arange(count), np.arange(0, count, 101))
    return np.concatenate(
        [
            np.stack([leaves // 101 * 101, leaves], axis=1),
            np.stack([leaves[:-1], leaves[1:]], axis=1)[99::100],
        ]
    )


def tree(count: int) -> Graph:
    return np.stack([np.arange(1, count), np.arange(0, count - 1) // 2], axis=1)


def scattered(count: int) -> Graph:
    """About as many edges as documents: one giant component, chains, and many alone."""
    graph = np.random.default_rng(7).integers(0, count, (count * 6 // 10, 2))
    return graph[graph[:, 0] != graph[:, 1]]


GRAPHS = {
    "path": (path, 10_000),
    "star": (star, 200_000),
    "clique": (clique, 300),
    "many small": (many_small, 100_000),
    "stars in a chain": (stars_in_a_chain, 50_500),
    "tree": (tree, 30_000),
    "scattered": (scattered, 50_000),
}


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_both_ways_find_the_components(name: str, shuffled: bool) -> None:
    make, count = GRAPHS[name]
    graph = make(count)
    if shuffled:
        rng = np.random.default_rng(1)
        graph = rng.permuted(rng.permutation(count)[graph], axis=1)
        rng.shuffle(graph)
    expected = oracle(graph, count)
    table, counts = passed(components.components, edges(graph), 5)
    linked = np.bincount(expected[np.unique(graph)])
    assert counts["components"] == np.count_nonzero(linked)
    np.testing.assert_array_equal(partition(table, count), expected)
    found, turns = by_stars(edges(graph), 5)
    np.testing.assert_array_equal(partition(found, count), expected)
    assert turns <= 3 + np.log2(count)
    assert sort(found).equals(sort(table))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60),
    st.integers(1, 6),
    st.integers(0, 9),
)
def test_small_graphs(pairs: list[tuple[int, int]], pieces: int, rows: int) -> None:
    graph = np.array(pairs, int).reshape(-1, 2)
    graph = graph[graph[:, 0] != graph[:, 1]]
    if len(graph):
        expected = oracle(graph, 31)
        np.testing.assert_array_equal(
            partition(passed(components.components, edges(graph), pieces, rows)[0], 31), expected
        )
        np.testing.assert_array_equal(partition(by_stars(edges(graph), pieces, rows)[0], 31), expected)


@pytest.mark.parametrize("name", ["path", "star", "clique", "tree", "scattered"])
def test_nodes_with_more_neighbours_than_fit(name: str) -> None:
    make, count = GRAPHS[name]
    count //= 10
    graph = np.random.default_rng(1).permutation(count)[make(count)]
    found, turns = by_stars(edges(graph), 1, rows=13)
    np.testing.assert_array_equal(partition(found, count), oracle(graph, count))
    assert turns <= 3 + np.log2(count)


def test_names_are_a_bijection_and_spread_evenly() -> None:
    numbers = np.concatenate([np.arange(100_000), (np.arange(1, 50_000) << 32) + 3, [2**63 - 1]]).astype(
        np.uint64
    )
    own = numbers | np.uint64(OWN)
    named = components.names(own)
    np.testing.assert_array_equal(components.positions(named), own)
    np.testing.assert_array_equal(components.positions(components.twins(named)), own)
    assert len(np.unique(named)) == len(named)
    assert not (named & np.uint64(1)).any()
    assert not np.isin(components.twins(named), named).any()
    for part in (named[:100_000], named[100_000:]):
        filled = np.bincount((part >> np.uint64(58)).astype(int), minlength=64)
        assert filled.min() > 0.85 * filled.mean()
        assert filled.max() < 1.15 * filled.mean()


def test_a_twin_marks_its_component_and_no_other() -> None:
    graph = np.array([[1, 2], [2, 3], [5, 6]])
    named = components.names(positions(np.array([2, 9])))
    twinned = components.edges(components.twins(named), named)
    table, _ = passed(components.components, pa.concat_tables([edges(graph), twinned]), 2)
    stars, _ = by_stars(pa.concat_tables([edges(graph), twinned]), 2)
    for found in (table, stars):
        marked = set(found.filter(found.column("earlier")).column("label").to_pylist())
        rows = found.filter(pa.compute.is_in(found.column("label"), pa.array(marked, pa.uint64())))
        assert sorted(set(rows.column("key").to_pylist())) == [OWN + i for i in (1, 2, 3, 9)]


def test_contraction_keeps_what_is_connected_with_fewer_edges() -> None:
    rng = np.random.default_rng(3)
    graph = rng.integers(0, 2_000, (30_000, 2)) // 20 * 20 + rng.integers(0, 20, (30_000, 1))
    table = edges(graph)
    contraction = components.Contraction()
    tables = [
        *contraction.add(table.column("key").to_numpy(), table.column("other").to_numpy()),
        contraction.rest(),
    ]
    contracted = pa.concat_tables(tables)
    assert len(contracted) < 2_000
    before, _ = passed(components.components, table, 1)
    after, _ = passed(components.components, contracted, 1)
    assert sort(before).equals(sort(after))
    assert len(contraction.rest()) == 0


def test_no_edges() -> None:
    assert not list(components.components(iter([])))
