"""Streams: batches of a size, groups that stay together, and a journal that outlives its writer."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ledger.commit import Ledger
from pipeline.storage import Storage
from pipeline.tasks.calls import groups
from pipeline.tasks.journal import PartJournal
from pipeline.tasks.stream import whole_groups, windows

KEPT = pa.schema([("key", pa.binary(16)), ("value", pa.string())])


def table(values: list[int | None]) -> pa.Table:
    return pa.table({"at": pa.array(range(len(values)), pa.int64()), "group": pa.array(values, pa.int64())})


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=9), max_size=8), st.integers(1, 7))
def test_windows(pieces: list[list[int]], rows: int) -> None:
    given_values = [value for piece in pieces for value in piece]
    found = list(windows((table(piece) for piece in pieces), rows))
    assert [value for one in found for value in one["group"].to_pylist()] == given_values
    assert [len(one) for one in found[:-1]] == [rows] * (len(found) - 1)
    assert all(0 < len(one) <= rows for one in found)


@settings(deadline=None)
@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=9), max_size=8))
def test_groups_are_cut_only_where_the_value_changes(pieces: list[list[int | None]]) -> None:
    given_values = [value for piece in pieces for value in piece]
    found = [one["group"].to_pylist() for one in whole_groups((table(piece) for piece in pieces), "group")]
    assert [value for one in found for value in one] == given_values
    assert all(before[-1] != after[0] for before, after in itertools.pairwise(found))


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=20))
def test_runs_of_equal_values(values: list[int | None]) -> None:
    found = groups(table(values), "group")
    assert [at for start, count in found for at in range(start, start + count)] == list(range(len(values)))
    for start, count in found:
        assert len(set(values[start : start + count])) == 1
    assert all(values[a] != values[b] for (a, _), (b, _) in itertools.pairwise(found))


def ledger(folder: Path) -> Ledger:
    made = Ledger(Storage(), str(folder), "token", "run")
    if not (folder / "work").exists():
        made.take_over()
    return made


def journal(folder: Path, part: str = "part-1") -> PartJournal:
    return PartJournal(ledger(folder), "work/d/00-s", part, KEPT)


def rows(*values: str) -> pa.Table:
    return pa.table(
        {
            "key": pa.array([value.ljust(16).encode() for value in values], pa.binary(16)),
            "value": list(values),
        },
        schema=KEPT,
    )


def keys(*values: str) -> list[bytes]:
    return [value.ljust(16).encode() for value in values]


def test_what_is_sealed_is_found_also_by_the_next(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.seal(rows("a", "b"))
    first.seal(rows("c"))
    assert sorted(first.find(keys("c", "a", "x", "a"))["value"].to_pylist()) == ["a", "c"]
    second = journal(tmp_path)
    assert sorted(second.find(keys("a", "b", "c"))["value"].to_pylist()) == ["a", "b", "c"]
    second.seal(rows("d"))
    assert len(list((tmp_path / "work/d/00-s/journal").glob("*.parquet"))) == 3
    assert len(journal(tmp_path, "part-2").find(keys("a"))) == 0


def test_a_damaged_file_and_those_of_another_run_have_nothing(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.seal(rows("a"))
    first.seal(rows("b"))
    file = tmp_path / "work/d/00-s/journal/part-1-00000.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    file.write_bytes(bytes(data))
    assert journal(tmp_path).find(keys("a", "b"))["value"].to_pylist() in (["b"], ["a", "b"][1:])
    other = PartJournal(dataclasses.replace(ledger(tmp_path), name="other"), "work/d/00-s", "part-1", KEPT)
    assert len(other.find(keys("b"))) == 0


def test_a_file_that_is_begun_does_not_count(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.seal(rows("a"))
    receipt = tmp_path / "work/d/00-s/journal/receipts/part-1-00000.json"
    receipt.write_bytes(receipt.read_bytes()[:-20])
    again = journal(tmp_path)
    assert len(again.find(keys("a"))) == 0
    again.seal(rows("a"))
    assert again.find(keys("a"))["value"].to_pylist() == ["a"]


def test_a_column_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        groups(table([1]), "none")
