"""The order of preference: 16 bytes that sort as the values do, whatever their type."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exchange.runs import sort
from stages.base import PROVENANCE
from stages.dedup import survivors
from stages.dedup.survivors import Preference, encode, parse
from stages.global_stage import Summary


def ranks(values: pa.Array | pa.ChunkedArray, descending: bool = False, digits: bool = False) -> list[int]:
    """Dense rank of each value as it is encoded."""
    found = encode(values, descending, digits)
    assert found.type == pa.binary(16)
    encoded = found.to_pylist()
    return [sorted(set(encoded)).index(item) for item in encoded]


def expected(values: list[Any], descending: bool, prefix: bool = False) -> list[int]:
    def comes(value: Any) -> Any:
        return value[:16] if prefix else value

    def missing(value: Any) -> bool:
        return value is None or value != value

    there = sorted({comes(v) for v in values if not missing(v)}, reverse=descending)
    return [len(there) if missing(v) else there.index(comes(v)) for v in values]


COLUMNS = {
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "int32": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "uint8": (pa.uint8(), st.integers(0, 255)),
    "uint64": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "bool": (pa.bool_(), st.booleans()),
    "float64": (pa.float64(), st.floats()),
    "float32": (pa.float32(), st.floats(width=32)),
    "bytes": (pa.binary(), st.binary(max_size=20)),
    "fixed bytes": (pa.binary(3), st.binary(min_size=3, max_size=3)),
    "timestamp": (pa.timestamp("us"), st.datetimes()),
    "date": (pa.date32(), st.dates()),
    "decimal": (pa.decimal128(12, 2), st.decimals(-(10**6), 10**6, places=2)),
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", COLUMNS)
def test_types_sort_as_their_values(name: str, descending: bool) -> None:
    kind, strategy = COLUMNS[name]

    @settings(deadline=None, max_examples=40)
    @given(st.lists(st.none() | strategy, max_size=12))
    def check(values: list[Any]) -> None:
        if "bytes" in name:  # a value is filled up with zeros
            values = [v if v is None else v.ljust(16, b"\0") if name == "bytes" else v for v in values]
        column = pa.array(values, kind)
        assert ranks(column, descending) == expected(values, descending, prefix=name == "bytes")

    check()


@pytest.mark.parametrize("descending", [False, True])
def test_strings_sort_by_their_first_bytes(descending: bool) -> None:
    values = ["b", None, "", "a", "é", "日本", "𝒳", "zz", "a" * 16 + "1", "a" * 16 + "2", "a" * 15]
    as_bytes = [v if v is None else v.encode().ljust(16, b"\0") for v in values]
    want = expected(as_bytes, descending, prefix=True)
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        column = pa.array(values, pa.string()).cast(kind) if kind != pa.string() else pa.array(values)
        assert ranks(column, descending) == want
    assert ranks(pa.chunked_array([["x"], values]).slice(1), descending) == want
    assert ranks(pa.array(["x", *values]).slice(1), descending) == want


def test_the_last_value_comes_before_null() -> None:
    assert ranks(pa.array(["", None]), descending=True) == [0, 1]
    assert ranks(pa.array([b"\xff" * 16, None])) == [0, 1]
    assert ranks(pa.array([2**64 - 1, None], pa.uint64())) == [0, 1]
    assert ranks(pa.array([0, None], pa.uint64()), descending=True) == [0, 1]
    assert ranks(pa.array([math.inf, math.nan, None])) == [0, 1, 1]
    assert ranks(pa.array([0.0, -0.0])) == [0, 0]
    assert ranks(pa.nulls(3)) == [0, 0, 0]
    assert ranks(pa.chunked_array([], pa.int64())) == []


def test_dates_sort_to_the_second() -> None:
    dates = ["2025-03-15T12:34:56Z", "2025-03-15T12:34:55Z", "2025-03-15", None, "2024-12-31T23:59:59.5Z"]
    assert ranks(pa.array(dates), digits=True) == [3, 2, 1, 4, 0]
    assert ranks(pa.array(dates), descending=True, digits=True) == [0, 1, 2, 4, 3]


def test_what_has_no_order_is_refused() -> None:
    batch = pa.table({"id": pa.array([b"0" * 16], pa.binary(16)), "text": ["t"], "tags": [["a"]]})
    with pytest.raises(ValueError, match="prefer: tags"):
        survivors.members(
            batch,
            np.array([0], np.uint32),
            pa.array([1], pa.uint64()),
            pa.array([False]),
            [parse("tags desc")],
        )


KINDS = [
    *(kind for kind, _ in COLUMNS.values()),
    *(pa.string(), pa.large_string(), pa.string_view(), pa.large_binary(), pa.binary_view()),
    *(pa.float16(), pa.null(), pa.time32("s"), pa.date64(), pa.duration("us"), pa.month_day_nano_interval()),
    *(pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int8(), pa.list_(pa.string()))),
    *(
        pa.list_(pa.int8()),
        pa.list_(pa.int8(), 2),
        pa.large_list(pa.string()),
        pa.map_(pa.string(), pa.int8()),
    ),
    *(PROVENANCE, pa.run_end_encoded(pa.int16(), pa.int8()), pa.uuid()),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_types_are_sortable_that_can_be_encoded(kind: pa.DataType) -> None:
    if survivors.sortable(kind):
        assert len(encode(pa.nulls(2, kind), False)) == 2
    else:
        with pytest.raises(pa.ArrowNotImplementedError):
            encode(pa.nulls(2, kind), False)


def test_lists_and_structs_have_no_order() -> None:
    assert [str(kind).split("<")[0] for kind in KINDS if not survivors.sortable(kind)] == [
        "month_day_nano_interval",
        "dictionary",
        "list",
        "fixed_size_list",
        "large_list",
        "map",
        "struct",
        "run_end_encoded",
        "extension",
    ]


def test_an_order_is_read() -> None:
    assert parse("quality.rank desc") == Preference("quality.rank", True)
    assert parse(" date asc ") == parse("date") == Preference("date", False)
    for wrong in ("", "a b", "date down", "date desc desc"):
        with pytest.raises(ValueError, match="is no column"):
            parse(wrong)
    order = [parse("length desc"), parse("date"), parse("url")]
    assert survivors.columns(order) == ("date", "url")
    assert survivors.order(order) == ("prefer_00", "prefer_01", "prefer_02", "id")


def test_decimals_and_halves() -> None:
    assert ranks(pa.array([decimal.Decimal("1.10"), decimal.Decimal("1.09")])) == [1, 0]
    assert ranks(pa.array(np.array([1.5, -2, 0.25], np.float16))) == [2, 0, 1]
    assert ranks(pa.array([datetime.time(1, 2), datetime.time(1, 1)])) == [1, 0]
    assert ranks(pa.array([datetime.timedelta(1), datetime.timedelta(-1)])) == [1, 0]


def cluster_table(sizes: list[int], earlier: set[int] = frozenset()) -> pa.Table:  # type: ignore[assignment]
    label = np.repeat(np.arange(len(sizes)), sizes).astype(np.uint64)
    ids = [int(i).to_bytes(16, "big") for i in range(len(label))]
    return pa.table(
        {
            "key": label,
            "position": np.arange(len(label), dtype=np.uint64) + np.uint64(100),
            "earlier": np.isin(label, list(earlier)),
            "id": pa.array(ids, pa.binary(16)),
        }
    )


def drained(tables: list[pa.Table]) -> tuple[pa.Table, Summary]:
    generator = survivors.survivors(iter(tables))
    found = []
    while True:
        try:
            found.append(next(generator))
        except StopIteration as stop:
            return pa.concat_tables(found), stop.value


def test_the_first_of_a_cluster_survives_and_sizes_are_counted() -> None:
    sizes = [2, 3, 4, 5, 8, 9, 2, 1, 1000]
    found, summary = drained([cluster_table(sizes, {1, 7})])
    starts = np.cumsum([0, *sizes[:-1]])
    own = [i for i in range(len(sizes)) if i not in (1, 7)]
    assert found.schema == survivors.VERDICTS
    assert np.flatnonzero(found.column("keep").to_numpy()).tolist() == starts[own].tolist()
    copies = [n + (i in (1, 7)) for i, n in enumerate(sizes) for _ in range(n)]
    assert found.column("copies").to_pylist() == copies
    named = [
        None if i in (1, 7) else int(starts[i]).to_bytes(16, "big")
        for i, n in enumerate(sizes)
        for _ in range(n)
    ]
    assert found.column("survivor").to_pylist() == named
    assert summary.counts == {
        "clusters": 7,
        "clusters of 2": 2,
        "clusters of 3-4": 1,
        "clusters of 5-8": 2,
        "clusters of 9-16": 1,
        "clusters of 513-1024": 1,
        "near duplicates": sum(sizes) - 4 - 7,
        "of an earlier run": 4,
    }
    assert summary.clusters == {int(starts[i]).to_bytes(16, "big").hex(): sizes[i] for i in own}


def test_the_largest_clusters_are_named_over_all_tables() -> None:
    sizes = list(range(2, 60))
    table = cluster_table(sizes)
    cut = sum(sizes[:30])
    _, summary = drained([table.slice(0, cut), table.slice(cut)])
    assert sorted(summary.clusters.values()) == list(range(50, 60))
    _, summary = drained([cluster_table([2] * 50_000)])
    # of equal ones the smallest ids
    assert sorted(summary.clusters) == [(2 * i).to_bytes(16, "big").hex() for i in range(10)]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=8), st.integers(1, 9), st.data())
def test_a_cluster_in_several_tables_is_one(sizes: list[int], rows: int, data: st.DataObject) -> None:
    """Each table is sorted, all of them together are not."""
    whole = cluster_table(sizes, data.draw(st.sets(st.integers(0, len(sizes) - 1))))
    prefer = [
        bytes(data.draw(st.lists(st.integers(0, 2), min_size=16, max_size=16))) for _ in range(len(whole))
    ]
    whole = whole.append_column("prefer_00", pa.array(prefer, pa.binary(16)))
    pieces = []
    for start in range(0, len(whole), rows):
        piece = sort(whole.slice(start, rows), ("prefer_00", "id"))
        pieces.append(piece)
    found, summary = drained(pieces)
    expected, same = drained([sort(whole, ("prefer_00", "id"))])
    assert sort(found).equals(sort(expected))
    assert summary == same


def test_the_positions_of_a_very_large_cluster_go_through_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survivors, "SPOOL_BYTES", 800)
    whole = cluster_table([2_500, 3])
    found, summary = drained([whole.slice(start, 250) for start in range(0, len(whole), 250)])
    assert sort(found).equals(sort(drained([whole])[0]))
    assert summary.counts["near duplicates"] == 2_499 + 2
