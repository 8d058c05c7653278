from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exchange.positions import position
from pipeline.exchange.runs import KEYS, RunWriter, merge
from pipeline.sealed import Damaged, Stored
from pipeline.storage import Storage

SCHEMA = pa.schema([("key", pa.uint64()), ("row", pa.uint32()), ("id", pa.binary(16)), ("text", pa.string())])


def rows_of(keys: list[int], seed: int = 0) -> pa.Table:
    rng = random.Random(seed)
    return pa.table(
        [
            pa.array(keys, pa.uint64()),
            pa.array(range(len(keys)), pa.uint32()),
            pa.array([rng.randbytes(16) for _ in keys], pa.binary(16)),
            pa.array([rng.choice(["", "a", "ü" * 50, None]) for _ in keys], pa.string()),
        ],
        schema=SCHEMA,
    )


def write(path: Path, table: pa.Table, batch: int = 7, **options: int) -> Stored:
    writer = RunWriter(path.open("wb"), table.schema, ("id",), **options)
    for start in range(0, len(table), batch):
        writer.add(table.slice(start, batch))
    size, _, foot = writer.close()
    return Stored(str(path), size, foot)


keys_strategy = st.lists(st.integers(0, 20) | st.integers(0, KEYS - 1), max_size=80)


@settings(deadline=None, max_examples=60)
@given(
    files=st.lists(keys_strategy, min_size=1, max_size=4),
    bounds=st.tuples(st.integers(0, KEYS), st.integers(0, KEYS)),
)
def test_merge_is_a_sort(tmp_path_factory, files, bounds) -> None:
    folder = tmp_path_factory.mktemp("runs")
    tables = [rows_of(keys, seed) for seed, keys in enumerate(files)]
    # tiny buffers: several runs per file and several blocks per run
    paths = [write(folder / f"{i}.runs", t, buffer_bytes=600, block_bytes=150) for i, t in enumerate(tables)]
    low, high = min(bounds), max(bounds)
    merged = list(merge(Storage(), enumerate(paths), low, high, ("id",), memory_bytes=1))
    expected = sorted(
        (key, identity, position(i, row), text)
        for i, table in enumerate(tables)
        for key, row, identity, text in zip(*(table[c].to_pylist() for c in SCHEMA.names), strict=True)
        if low <= key < high
    )
    found = [(r["key"], r["id"], r["position"], r["text"]) for table in merged for r in table.to_pylist()]
    assert [f[:3] for f in found] == [e[:3] for e in expected]
    seen: set[int] = set()
    for table in merged:  # rows of equal key arrive together
        keys = set(table["key"].to_pylist())
        assert not keys & seen
        seen |= keys


def test_many_files_are_merged_in_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [rows_of([random.Random(i).randrange(50) for _ in range(9)], seed=i) for i in range(40)]
    files = list(enumerate(write(tmp_path / f"{i}.runs", table) for i, table in enumerate(tables)))
    at_once = pa.concat_tables(merge(Storage(), files, 5, 45, ("id",)))
    monkeypatch.setattr("pipeline.exchange.runs.MAX_RUNS", 7)
    assert pa.concat_tables(merge(Storage(), files, 5, 45, ("id",))).equals(at_once)
    assert len(set(at_once["position"].to_pylist())) == len(at_once)


def test_bytes_do_not_depend_on_batches(tmp_path: Path) -> None:
    table = rows_of([random.Random(3).randrange(KEYS) for _ in range(500)])
    one = write(tmp_path / "a", table, batch=500, buffer_bytes=4000, block_bytes=500)
    many = write(tmp_path / "b", table, batch=3, buffer_bytes=4000, block_bytes=500)
    assert Path(one.path).read_bytes() == Path(many.path).read_bytes()


def test_a_million_equal_keys_stay_together(tmp_path: Path) -> None:
    keys = pa.array(np.full(1_000_000, 7, np.uint64))
    path = tmp_path / "same"
    writer = RunWriter(path.open("wb"), pa.schema([("key", pa.uint64())]), buffer_bytes=1 << 20)
    writer.add(pa.table({"key": keys}))
    writer.close()
    tables = list(merge(Storage(), [(0, Stored(str(path)))]))
    assert [len(t) for t in tables] == [1_000_000]


def test_every_damage_is_named(tmp_path: Path) -> None:
    stored = write(tmp_path / "x.runs", rows_of(list(range(300))), block_bytes=2000)
    path = Path(stored.path)
    whole = path.read_bytes()
    rng = random.Random(1)
    for bit in [*range(64), *(rng.randrange(8 * len(whole)) for _ in range(200))]:
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(Damaged, match=str(path)):
            list(merge(Storage(), [(0, stored)]))
    path.write_bytes(whole[:-5])
    with pytest.raises(Damaged, match="cut off"):
        list(merge(Storage(), [(0, Stored(str(path)))]))
    path.unlink()
    with pytest.raises(Damaged, match="gone"):
        list(merge(Storage(), [(0, stored)]))


def test_another_file_of_equal_size_is_noticed(tmp_path: Path) -> None:
    one, other = (write(tmp_path / f"{seed}.runs", rows_of([seed, 7])) for seed in (1, 2))
    assert one.size == other.size
    Path(other.path).replace(one.path)
    with pytest.raises(Damaged, match="foot"):
        list(merge(Storage(), [(0, one)]))


def test_a_key_that_does_not_fit_comes_in_pieces(tmp_path: Path) -> None:
    keys = [3] * 5 + [7] * 60_000 + [9] * 5
    files = [(i, write(tmp_path / f"{i}.runs", rows_of(keys, i), 1000, block_bytes=10_000)) for i in range(4)]
    size = 4 * rows_of(keys).nbytes
    tables = list(merge(Storage(), files, memory_bytes=size // 10, split=True))
    found = [key for table in tables for key in table.column("key").to_pylist()]
    assert found == [3] * 20 + [7] * 240_000 + [9] * 20
    assert max(table.nbytes for table in tables) < size / 4
    whole = pa.concat_tables(merge(Storage(), files, memory_bytes=size // 10))
    assert sorted(whole.column("position").to_pylist()) == sorted(
        row for table in tables for row in table.column("position").to_pylist()
    )
