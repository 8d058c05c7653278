"""What every kind of storage promises, with writers that are killed among them."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.storage import (
    TEMP_PREFIX,
    Conflict,
    Storage,
    StorageError,
    StorageFull,
    is_local,
    join,
)
from tests.places import ROOT, killed_writer, noise


def test_written_files_are_listed_read_and_deleted(place: tuple[Storage, str]) -> None:
    storage, out = place
    assert storage.list(out) == []
    for name in ["b/2.txt", "a.txt", "b/1.txt", "b!"]:
        storage.write(join(out, name), name.encode())
    listed = storage.list(out)
    assert [info.path for info in listed] == [join(out, n) for n in ["a.txt", "b!", "b/1.txt", "b/2.txt"]]
    assert [info.size for info in listed] == [5, 2, 7, 7]
    assert listed[0] == storage.stat(join(out, "a.txt"))
    assert storage.read(join(out, "b/1.txt")) == b"b/1.txt"

    storage.write(join(out, "a.txt"), b"other")
    changed = storage.stat(join(out, "a.txt"))
    assert changed is not None
    assert changed.etag != listed[0].etag
    storage.delete(join(out, "a.txt"))
    storage.delete(join(out, "a.txt"))
    assert storage.stat(join(out, "a.txt")) is None
    assert storage.stat(join(out, "b")) is None
    assert [info.path for info in storage.list(join(out, "b") + "/")] == [
        join(out, "b/1.txt"),
        join(out, "b/2.txt"),
    ]


def test_files_are_listed_by_how_their_paths_begin(place: tuple[Storage, str]) -> None:
    storage, out = place
    for name in ["part-a1", "part-a2", "part-b1", "part-a/x", "runs/part-a1", "part[a1"]:
        storage.write(join(out, name), b"")

    def begins(prefix: str) -> list[str]:
        return [info.path[len(out) + 1 :] for info in storage.begins(join(out, prefix))]

    assert begins("part-a") == ["part-a/x", "part-a1", "part-a2"]
    assert begins("part-") == ["part-a/x", "part-a1", "part-a2", "part-b1"]
    assert begins("part[") == ["part[a1"]
    assert begins("runs/part-a") == ["runs/part-a1"]
    assert begins("nothing") == begins("nothing/at") == []
    assert storage.begins(f"{join(out, 'runs')}/") == storage.list(join(out, "runs"))
    whole = storage.begins(join(out, "part-"))
    for i, first in enumerate(whole):
        for j, last in enumerate(whole):
            piece = storage.begins(join(out, "part-"), first.path, last.path)
            assert piece == whole[i + 1 : j + 1]
        assert storage.begins(join(out, "part-"), first.path) == whole[i + 1 :]
    assert storage.begins(join(out, "part-"), until=join(out, "part-aa")) == whole[:3]


def test_what_is_not_there_cannot_be_read(place: tuple[Storage, str]) -> None:
    storage, out = place
    for read in (storage.open, storage.read, lambda path: storage.read_range(path, 0, 1)):
        with pytest.raises(StorageError, match=r"cannot read .*/nothing: .*[Nn]o such") as caught:
            read(join(out, "nothing"))
        assert not caught.value.retryable


def test_ranges_end_where_the_file_does(place: tuple[Storage, str]) -> None:
    storage, out = place
    path = join(out, "ten")
    storage.write(path, b"0123456789")
    assert storage.read_range(path, 3, 4) == b"3456"
    assert storage.read_range(path, 8, 100) == b"89"
    assert storage.read_range(path, 10, 1) == b""
    assert storage.read_range(path, 50, 1) == b""
    assert storage.read_range(path, 2, 0) == b""
    storage.write(path, b"")
    assert storage.read(path) == b""
    with storage.open(path) as stream:
        assert stream.read() == b""


def test_create_publishes_at_the_end_and_not_before(place: tuple[Storage, str]) -> None:
    storage, out = place
    path = join(out, "deep/table.parquet")
    table = pa.table({"n": list(range(1000))})
    with storage.create(path) as temporary:
        assert temporary.name.endswith("table.parquet")
        pq.write_table(table, temporary)
        assert storage.list(out) == []
        assert storage.glob(join(out, "**")) == []
    assert not temporary.exists()
    assert [info.path for info in storage.list(out)] == [path]
    with storage.open(path) as stream:
        assert pq.read_table(stream).equals(table)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_in_create_leaves_what_was_there(
    place: tuple[Storage, str], error: type[BaseException]
) -> None:
    storage, out = place
    path = join(out, "file")
    written: list[Path] = []
    storage.write(path, b"before")

    def write_and_fail() -> None:
        with storage.create(path) as temporary:
            written.append(temporary)
            temporary.write_bytes(b"after")
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert not written[0].exists()
    assert storage.read(path) == b"before"
    assert len(storage.list(out)) == 1
    assert storage.sweep(out) == 0


def test_create_without_writing_is_an_error(place: tuple[Storage, str]) -> None:
    storage, out = place
    with pytest.raises(StorageError, match="nothing was written"), storage.create(join(out, "file")):
        pass
    assert storage.list(out) == []


def test_check_writable_leaves_no_trace(place: tuple[Storage, str]) -> None:
    storage, out = place
    storage.check_writable(out)
    assert storage.glob(join(os.path.dirname(out), "**")) == []
    if is_local(out):
        assert not os.path.exists(out)


def test_storage_travels_between_processes_and_threads(place: tuple[Storage, str]) -> None:
    storage, out = place
    storage.write(join(out, "file"), b"data")
    code = (
        "import pickle, sys; storage, path = pickle.load(sys.stdin.buffer);"
        "sys.stdout.buffer.write(storage.read(path))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps((storage, join(out, "file"))),
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    assert there.stdout == b"data"

    storage = pickle.loads(pickle.dumps(storage))
    read: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: read.append(storage.read(join(out, "file")))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [b"data"] * 8


def test_errors_survive_pickling() -> None:
    for error in (StorageError("what, where", retryable=True), StorageFull("no space")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.retryable) == (type(error), str(error), error.retryable)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(0, 700_000),
    moves=st.lists(st.tuples(st.integers(0, 700_000), st.sampled_from([0, 1, 100, 5_000, 200_000, 400_000]))),
)
def test_streams_seek_and_read_like_memory(
    place: tuple[Storage, str], size: int, moves: list[tuple[int, int]]
) -> None:
    storage, out = place
    data = noise(size)
    storage.write(join(out, "file"), data)
    memory = io.BytesIO(data)
    with storage.open(join(out, "file")) as stream:
        assert stream.seekable()
        for offset, length in moves:
            assert stream.seek(offset) == memory.seek(offset)
            assert stream.read(length) == memory.read(length)
            assert stream.read(7) == memory.read(7)
            assert stream.tell() == memory.tell()
        assert stream.seek(0, io.SEEK_END) == size
        stream.seek(0)
        assert stream.read() == data


def test_a_killed_writer_publishes_nothing_and_is_swept_up(place: tuple[Storage, str]) -> None:
    storage, out = place
    storage.write(join(out, "part"), b"before")
    temporary = killed_writer(storage, join(out, "part"), "inside")
    assert temporary.exists()
    assert [info.size for info in storage.list(out)] == [6]
    assert storage.sweep(out) == 1
    assert not temporary.exists()
    assert storage.sweep(out) == 0
    assert storage.read(join(out, "part")) == b"before"


def test_sweep_of_nothing(place: tuple[Storage, str]) -> None:
    storage, out = place
    assert storage.sweep(out) == 0
    storage.write(join(out, "a", TEMP_PREFIX + "x"), b"")
    assert storage.list(out) == []
    assert storage.glob(join(out, "**")) == []


def test_a_version_that_is_not_expected_is_not_replaced(place: tuple[Storage, str]) -> None:
    storage, out = place
    path = join(out, "file")
    first = storage.write(path, b"one", "")
    with pytest.raises(Conflict):
        storage.write(path, b"two", "")
    second = storage.write(path, b"three", first)
    with pytest.raises(Conflict):
        storage.write(path, b"four", first)
    with pytest.raises(Conflict):
        storage.delete(path, first)
    assert storage.read(path) == b"three"
    storage.delete(path, second)
    assert storage.stat(path) is None
    with pytest.raises(Conflict):
        storage.write(path, b"five", second)
    assert storage.stat(path) is None


def test_moving_and_scanning(place: tuple[Storage, str]) -> None:
    storage, out = place
    storage.write(join(out, "a/one"), b"1")
    storage.write(join(out, "b/two"), b"2")
    storage.move(join(out, "a/one"), join(out, "c/one"))
    with pytest.raises(Conflict):
        storage.move(join(out, "b/two"), join(out, "c/one"))
    found = {info.path.removeprefix(join(out, "")) for info in storage.scan(out)}
    assert found == {"b/two", "c/one"}
    assert storage.read(join(out, "c/one")) == b"1"


def test_names_with_brackets_are_found_as_they_are(place: tuple[Storage, str]) -> None:
    storage, out = place
    for name in ("in [v1]/a[1].txt", "in [v1]/a1.txt", "in [v1]/b c.txt", "in v/a1.txt", "in [v1]-x"):
        storage.write(join(out, name), b"x")

    def found(pattern: str) -> list[str]:
        return [info.path.removeprefix(join(out, "")) for info in storage.glob(join(out, pattern))]

    assert found("in [v1]/*.txt") == ["in [v1]/a1.txt", "in [v1]/a[1].txt", "in [v1]/b c.txt"]
    assert found("in [v1]/a[1].txt") == ["in [v1]/a[1].txt"]
    assert found("in [v]/a[1].txt") == ["in v/a1.txt"]
    assert found("in [[]v1]/a[[]1].txt") == ["in [v1]/a[1].txt"]
    assert storage.base(join(out, "in [v1]/*.txt")) == join(out, "in [v1]/")
    assert storage.base(join(out, "in [v1]/a[1].txt")) == join(out, "in [v1]/")
    assert storage.base(join(out, "in [vx]/a1.txt")) == join(out, "")
