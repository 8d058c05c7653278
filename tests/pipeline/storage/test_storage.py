"""Storage on real file systems and a real S3 endpoint on loopback, with and without faults on the way."""

from __future__ import annotations

import glob as reference
import http.server
import io
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.storage import (
    TEMP_PREFIX,
    Conflict,
    S3Settings,
    Storage,
    StorageError,
    StorageFull,
    StorageSettings,
    is_local,
    join,
)
from pipeline.storage import requests as s3_requests
from pipeline.storage import s3 as s3_module
from tests.azurite import Azurite, make_container
from tests.s3_server import ENVIRONMENT, PAGE, FaultProxy, S3Server

MIB = 1 << 20
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with S3Server() as running:
            yield running


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest) -> str:
    return server.make_bucket(f"bucket-{crc32(request.node.nodeid.encode())}")


def s3(endpoint: str, **more: object) -> Storage:
    return Storage(StorageSettings(s3=S3Settings.model_validate({"endpoint": endpoint, **more})))


@pytest.fixture(scope="module")
def azurite() -> Iterator[Azurite]:
    with Azurite() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_STORAGE_CONNECTION_STRING", running.connection(running.endpoint))
        yield running


@pytest.fixture(params=["local", "s3", "az"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Storage, str]:
    """A storage and an empty directory in it."""
    if request.param == "local":
        return Storage(), str(tmp_path / "out")
    if request.param == "az":
        request.getfixturevalue("azurite")
        return Storage(), join(make_container(f"test-{crc32(request.node.nodeid.encode())}"), "out")
    server = request.getfixturevalue("server")
    return s3(server.endpoint), join(request.getfixturevalue("bucket"), "out")


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def names_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


# -- the same everywhere ---------------------------------------------------------------------------------


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


# -- globs -----------------------------------------------------------------------------------------------

SEGMENTS = st.sampled_from(["a", "b", "ab", ".a", "a.b", "[x]", "a!"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
PATTERNS = st.lists(
    st.sampled_from(["a", "b", "*", "**", "a*", "?", "*b", "[ab]", "[!a]", "*.*", ".*", "[", "[[]x]"]),
    min_size=1,
    max_size=4,
).map("/".join)


@settings(max_examples=150, deadline=None)
@given(paths=st.lists(PATHS, max_size=12), pattern=PATTERNS)
def test_glob_agrees_with_the_standard_library(
    paths: list[str], pattern: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for path in paths:
        file = root / path
        if not any(parent.is_file() for parent in file.parents) and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"")
    pattern = f"{root}/{pattern}"
    expected = {p for p in reference.glob(pattern, recursive=True, include_hidden=True) if os.path.isfile(p)}
    found = [info.path for info in Storage().glob(pattern)]
    assert found == sorted(expected)


TREE = ["x.gz", "d1/x.gz", "d1/y.gz", "d1/y.txt", "d2/x.gz", "d2/e/x.gz", "d2/e/f/z.gz", "other/x.gz"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.gz", ["x.gz"]),
        ("d*/*.gz", ["d1/x.gz", "d1/y.gz", "d2/x.gz"]),
        ("d1/?.gz", ["d1/x.gz", "d1/y.gz"]),
        ("**/x.gz", ["d1/x.gz", "d2/e/x.gz", "d2/x.gz", "other/x.gz", "x.gz"]),
        ("d2/**", ["d2/e/f/z.gz", "d2/e/x.gz", "d2/x.gz"]),
        ("d2/**/f/*", ["d2/e/f/z.gz"]),
        ("d[12]/x.gz", ["d1/x.gz", "d2/x.gz"]),
        ("[!d]*/x.gz", ["other/x.gz"]),
        ("d1/y.txt", ["d1/y.txt"]),
        ("d1", []),
        ("nothing/*", []),
        ("nothing", []),
    ],
)
def test_globs_mean_the_same_everywhere(
    place: tuple[Storage, str], pattern: str, expected: list[str]
) -> None:
    storage, out = place
    for path in TREE:
        storage.write(join(out, path), path.encode())
    found = storage.glob(join(out, pattern))
    assert [info.path for info in found] == [join(out, path) for path in expected]
    assert [storage.stat(info.path) for info in found] == found


def test_a_glob_on_s3_lists_pages_of_its_fixed_prefix_only(server: S3Server, bucket: str) -> None:
    client = server.client()
    for name in [f"in/{n:04}.gz" for n in range(103)] + ["in/dir/", "in2/x.gz", "out/x.gz", "in//y.gz"]:
        client.put_object(Bucket=bucket.removeprefix("s3://"), Key=name, Body=b"x")
    with FaultProxy(server.endpoint) as proxy:
        found = s3(proxy.endpoint).glob(f"{bucket}/in/*.gz")
        assert len(found) == 103
        assert [one.method for one in proxy.handled] == ["GET"] * -(-105 // PAGE)
        assert all("prefix=in%2F" in one.path for one in proxy.handled)
        assert len(s3(proxy.endpoint).glob(f"{bucket}/**/*.gz")) == 103 + 3


def test_relative_patterns_and_file_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/x.gz").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    storage = Storage()
    assert [info.path for info in storage.glob("*/*.gz")] == ["a b/x.gz"]
    assert [info.path for info in storage.list("a b/")] == ["a b/x.gz"]
    assert storage.read(f"file://{tmp_path}/a%20b/x.gz") == b"x"
    storage.write("y.gz", b"y")
    assert storage.read("y.gz") == b"y"
    with pytest.raises(StorageError, match="gs:// is read and written as s3"):
        storage.glob("gs://bucket/x")


def test_links_are_followed_once_around(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/x").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/up").symlink_to("..")
    found = [info.path.removeprefix(f"{tmp_path}/") for info in Storage().glob(f"{tmp_path}/**/x")]
    assert "link/x" in found
    assert "real/x" in found
    (tmp_path / "real/lost").symlink_to("nowhere")
    with pytest.raises(StorageError, match="real/lost: No such file"):
        Storage().glob(f"{tmp_path}/real/*")


# -- what local file systems refuse ----------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    mounted = tmp_path / "tiny"
    mounted.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mounted)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a full disk needs the right to mount a tmpfs (root on Linux)")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def test_a_full_disk_says_so_and_publishes_nothing(tiny: Path) -> None:
    storage = Storage()
    storage.write(f"{tiny}/small", b"x")
    with pytest.raises(StorageFull, match=rf"{tiny}/big: no space left \(\d+ bytes free"):
        storage.write(f"{tiny}/big", bytes(2 * MIB))
    table = pa.table({"n": noise(2 * MIB).split(b"\n")})
    with pytest.raises(StorageFull, match="no space left"), storage.create(f"{tiny}/table") as temporary:
        pq.write_table(table, temporary)
    assert names_below(tiny) == ["small"]

    free = os.statvfs(tiny)
    (tiny / "filler").write_bytes(bytes(free.f_bavail * free.f_bsize))
    with pytest.raises(StorageFull):
        storage.check_writable(f"{tiny}/new/directory")


def test_a_full_temporary_directory_says_so(
    tiny: Path, server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tiny))
    storage = s3(server.endpoint)
    with pytest.raises(StorageFull, match=str(tiny)), storage.create(f"{bucket}/big") as temporary:
        temporary.write_bytes(bytes(2 * MIB))
    assert names_below(tiny) == []
    assert storage.list(bucket) == []


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    storage = Storage()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="file is not a directory"):
        storage.check_writable(f"{tmp_path}/file/below")
    with pytest.raises(StorageError, match="where a directory is needed"):
        storage.write(f"{tmp_path}/file/below", b"")
    with pytest.raises(StorageError, match="where a file is needed"):
        storage.write(str(tmp_path), b"")
    with pytest.raises(StorageError, match="cannot read"):
        storage.open(str(tmp_path))


# -- writers that are killed -----------------------------------------------------------------------------

WRITER = """
import sys, time, pickle
storage, path, size = pickle.load(sys.stdin.buffer)
with storage.create(path) as temporary:
    temporary.write_bytes(bytes(size))
    print(temporary, flush=True)
    if sys.argv[1] == "inside":
        time.sleep(60)
"""


def killed_writer(storage: Storage, path: str, when: str, until: threading.Event | None = None) -> Path:
    """Kills a writer with SIGKILL: inside the block, or in its upload, as soon as ``until`` is set."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, when], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(pickle.dumps((storage, path, 80 * MIB)))
    process.stdin.close()
    temporary = Path(process.stdout.readline().decode().strip())
    if until is not None:
        assert until.wait(30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return temporary


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


class _Watch(FaultProxy):
    """Tells when a part of a multipart upload goes by."""

    seen: threading.Event

    def draw(self, method: str, path: str, signed: bool, has_body: bool) -> tuple[str | None, float]:
        if "partNumber=3" in path:
            self.seen.set()
        return super().draw(method, path, signed, has_body)


def test_a_writer_killed_in_its_upload_is_swept_up(server: S3Server, bucket: str) -> None:
    with _Watch(server.endpoint) as proxy:
        proxy.seen = threading.Event()
        temporary = killed_writer(s3(proxy.endpoint), f"{bucket}/out/part", "upload", proxy.seen)
    storage = s3(server.endpoint)
    assert storage.list(bucket) == []
    assert storage.sweep(f"{bucket}/elsewhere") == 1  # the spool file, wherever its upload went
    assert not temporary.exists()
    assert storage.sweep(f"{bucket}/out") == 1
    name = bucket.removeprefix("s3://")
    assert "Uploads" not in server.client().list_multipart_uploads(Bucket=name)


def test_sweep_of_nothing(place: tuple[Storage, str]) -> None:
    storage, out = place
    assert storage.sweep(out) == 0
    storage.write(join(out, "a", TEMP_PREFIX + "x"), b"")
    assert storage.list(out) == []
    assert storage.glob(join(out, "**")) == []


# -- faults on the way -----------------------------------------------------------------------------------


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of milliseconds: these tests are about what is tried again, not about when."""
    monkeypatch.setattr(s3_requests, "FIRST_PAUSE_S", 0.002)


@pytest.mark.parametrize("seed", range(3))
def test_a_large_object_is_read_whole_through_faults(
    server: S3Server, bucket: str, hurried: None, seed: int
) -> None:
    data = noise(20 * MIB)
    s3(server.endpoint).write(f"{bucket}/big", data)
    with FaultProxy(server.endpoint, unavailable=0.2, cut=0.2, seed=seed) as proxy:
        storage = s3(proxy.endpoint)
        with storage.open(f"{bucket}/big") as stream:
            assert b"".join(iter(lambda: stream.read(MIB), b"")) == data
        assert storage.read(f"{bucket}/big") == data
        for _ in range(20):
            assert storage.read_range(f"{bucket}/big", 5 * MIB, MIB) == data[5 * MIB : 6 * MIB]
        assert proxy.faults["unavailable"] > 0
        assert proxy.faults["cut answer"] > 0


def test_small_files_are_written_whole_through_faults(server: S3Server, bucket: str, hurried: None) -> None:
    with FaultProxy(server.endpoint, unavailable=0.1, cut=0.2, seed=1) as proxy:
        storage = s3(proxy.endpoint)
        for number in range(40):
            data = noise(number * 1000, seed=number)
            if number % 2:
                storage.write(f"{bucket}/out/{number:02}", data)
            else:
                with storage.create(f"{bucket}/out/{number:02}") as temporary:
                    temporary.write_bytes(data)
        assert len(storage.list(f"{bucket}/out")) == 40
        assert set(proxy.faults) == {"unavailable", "cut request", "cut answer"}
    storage = s3(server.endpoint)
    for number in range(40):
        assert storage.read(f"{bucket}/out/{number:02}") == noise(number * 1000, seed=number)


@pytest.mark.parametrize("seed", range(3))
def test_a_large_file_is_uploaded_whole_through_faults(
    server: S3Server, bucket: str, hurried: None, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(s3_module, "SINGLE_PUT", 6 * MIB)
    monkeypatch.setattr(s3_module, "PART", 5 * MIB)
    data = noise(21 * MIB, seed)
    with FaultProxy(server.endpoint, unavailable=0.1, cut=0.3, seed=seed) as proxy:
        storage = s3(proxy.endpoint)
        with storage.create(f"{bucket}/big") as temporary:
            temporary.write_bytes(data)
        assert proxy.faults
    info = s3(server.endpoint).stat(f"{bucket}/big")
    assert info is not None
    assert info.etag.endswith("-5")
    assert s3(server.endpoint).read(f"{bucket}/big") == data


class _Forgetful(FaultProxy):
    """Cuts the first answer to the completion of an upload: it is done, and the client cannot know."""

    forgot = False

    def draw(self, method: str, path: str, signed: bool, has_body: bool) -> tuple[str | None, float]:
        super().draw(method, path, signed, has_body)
        if method == "POST" and "uploadId=" in path and not self.forgot:
            self.forgot = True
            return "cut answer", 0.0
        return None, 0.0


def test_an_upload_whose_completion_was_not_heard_of(
    server: S3Server, bucket: str, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "SINGLE_PUT", MIB)
    data = noise(2 * MIB)
    with _Forgetful(server.endpoint) as proxy, s3(proxy.endpoint).create(f"{bucket}/big") as temporary:
        temporary.write_bytes(data)
    assert proxy.forgot
    assert s3(server.endpoint).read(f"{bucket}/big") == data
    assert s3(server.endpoint).sweep(bucket) == 0


def test_a_failed_upload_leaves_nothing(
    server: S3Server, bucket: str, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "SINGLE_PUT", MIB)

    class Refusing(FaultProxy):
        def draw(self, method: str, path: str, signed: bool, has_body: bool) -> tuple[str | None, float]:
            return ("unavailable" if "partNumber=" in path else None), 0.0

    with Refusing(server.endpoint) as proxy:
        storage = s3(proxy.endpoint, max_attempts=3)
        with (
            pytest.raises(StorageError, match=r"gave up after 3 attempts.*SlowDown") as caught,
            storage.create(f"{bucket}/big") as temporary,
        ):
            temporary.write_bytes(bytes(2 * MIB))
        assert caught.value.retryable
    assert s3(server.endpoint).sweep(bucket) == 0
    assert s3(server.endpoint).list(bucket) == []


def test_an_object_that_changes_while_it_is_read_is_an_error(server: S3Server, bucket: str) -> None:
    storage = s3(server.endpoint)
    storage.write(f"{bucket}/file", bytes(MIB))
    with storage.open(f"{bucket}/file") as stream:
        stream.read(10)
        storage.write(f"{bucket}/file", bytes(MIB - 1) + b"x")
        with pytest.raises(StorageError, match=f"{bucket}/file: it changed while it was read"):
            stream.read()


def test_memory_stays_within_a_window(server: S3Server, bucket: str) -> None:
    """Small reads far apart bring little; reading on brings more at a time, up to the largest window."""
    storage = s3(server.endpoint)
    storage.write(f"{bucket}/big", bytes(40 * MIB))
    with FaultProxy(server.endpoint) as proxy:
        with s3(proxy.endpoint).open(f"{bucket}/big") as stream:
            while stream.read(100_000):
                pass
        assert 5 < len(proxy.handled) < 15
        proxy.handled.clear()
        with s3(proxy.endpoint).open(f"{bucket}/big") as stream:
            for n in range(10):
                stream.seek(n * 4 * MIB)
                stream.read(50_000)
            stream.seek(0)
            stream.read(30 * MIB + 5)  # one request, its last bytes included
        assert len(proxy.handled) == 1 + 10 + 1


# -- what S3 refuses -------------------------------------------------------------------------------------


def test_a_missing_bucket_is_named(server: S3Server) -> None:
    storage = s3(server.endpoint)
    missing = "s3://no-such-bucket-here"
    calls: list[Callable[[], object]] = [
        lambda: storage.glob(f"{missing}/*"),
        lambda: storage.glob(f"{missing}/file"),
        lambda: storage.list(missing),
        lambda: storage.read(f"{missing}/file"),
        lambda: storage.open(f"{missing}/file"),
        lambda: storage.write(f"{missing}/file", b""),
        lambda: storage.check_writable(f"{missing}/out"),
        lambda: storage.sweep(f"{missing}/out"),
    ]
    for call in calls:
        with pytest.raises(
            StorageError, match=r"s3://no-such-bucket-here.*there is no such bucket"
        ) as caught:
            call()
        assert not caught.value.retryable


def test_addresses_that_make_no_sense(server: S3Server) -> None:
    storage = s3(server.endpoint)
    with pytest.raises(StorageError, match="no bucket"):
        storage.glob("s3:///file")
    with pytest.raises(StorageError, match="wildcards do not work"):
        storage.glob("s3://buck*/file")
    with pytest.raises(StorageError, match=r"cannot list s3://bad bucket/: that is not a valid bucket"):
        storage.glob("s3://bad bucket/*")
    with pytest.raises(StorageError, match=r"cannot set up S3.*storage\.s3"):
        s3("not a url").glob("s3://bucket/*")


def test_a_service_that_is_not_there_is_reported_soon(hurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    storage = s3("http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"no connection to http://127\.0\.0\.1:9.*storage\.s3\.endpoint"):
        storage.check_writable("s3://bucket/out")


def test_missing_credentials_are_asked_for(
    server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(StorageError, match=r"no credentials found.*AWS_ACCESS_KEY_ID"):
        s3(server.endpoint).list(bucket)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(StorageError, match="nobody"):
        s3(server.endpoint).list(bucket)


def test_anonymous_access_sends_no_credentials(server: S3Server, bucket: str) -> None:
    s3(server.endpoint).write(f"{bucket}/file", b"x")
    other = f"{bucket}-other"
    server.make_bucket(other.removeprefix("s3://"))
    for anonymous, signed in [(True, [False, False]), (False, [True, True]), ([bucket[5:]], [False, True])]:
        with FaultProxy(server.endpoint) as proxy:
            storage = s3(proxy.endpoint, anonymous=anonymous)
            storage.list(bucket)
            storage.list(other)
            assert [one.signed for one in proxy.handled] == signed


def test_refused_credentials_and_rights() -> None:
    """moto checks credentials and policies once told to."""
    import boto3
    import requests

    with S3Server() as strict, pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        strict.make_bucket("bucket")
        iam = boto3.client("iam", endpoint_url=strict.endpoint)
        iam.create_user(UserName="nobody")
        key = iam.create_access_key(UserName="nobody")["AccessKey"]
        requests.post(f"{strict.endpoint}/moto-api/reset-auth", data=b"0", timeout=10)

        storage = s3(strict.endpoint)
        with pytest.raises(StorageError, match="does not know these credentials"):
            storage.list("s3://bucket")
        patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        storage = s3(strict.endpoint)
        for call in (
            lambda: storage.glob("s3://bucket/*"),
            lambda: storage.stat("s3://bucket/file"),
            lambda: storage.read("s3://bucket/file"),
            lambda: storage.check_writable("s3://bucket/out"),
        ):
            with pytest.raises(StorageError, match=r"s3://bucket.*access denied.*s3:PutObject") as caught:
                call()
            assert not caught.value.retryable


class _Scripted(http.server.BaseHTTPRequestHandler):
    """Answers of services that moto does not give."""

    codes: ClassVar[dict[str, tuple[int, str]]] = {
        "expired": (400, "ExpiredToken"),
        "archived": (403, "InvalidObjectState"),
        "skewed": (403, "RequestTimeTooSkewed"),
    }
    data = bytes(range(256)) * 40
    short: ClassVar[list[int]] = []

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        status = self.codes.get(self.path.rsplit("/", 1)[-1], (200, ""))[0]
        self._answer(status, b"", {"Content-Length": str(len(self.data)), "ETag": '"1"'})

    def do_GET(self) -> None:
        status, code = self.codes.get(self.path.rsplit("/", 1)[-1], (206, ""))
        if code:
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self._answer(status, body, {"Content-Length": str(len(body))})
            return
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        start, stop = int(first), int(last or len(self.data) - 1) + 1
        body = self.data[start:stop]
        if len(self.short) < 3 and len(body) > 100:
            self.short.append(start)
            body = body[: len(body) // 3]  # as a proxy that lost the rest, and says that this is all
        said = {
            "Content-Range": f"bytes {start}-{stop - 1}/{len(self.data)}",
            "Content-Length": str(len(body)),
        }
        self._answer(status, body, {**said, "ETag": '"1"'})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def test_answers_that_moto_does_not_give(monkeypatch: pytest.MonkeyPatch, hurried: None) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Scripted) as scripted:
        threading.Thread(target=scripted.serve_forever, args=(0.05,), daemon=True).start()
        storage = s3(f"http://127.0.0.1:{scripted.server_port}", max_attempts=5)
        for name, words in [
            ("expired", "credentials have expired"),
            ("archived", "it is archived; restore it"),
            ("skewed", "clock of this machine is wrong"),
        ]:
            for call in (storage.stat, storage.open, storage.read):
                with pytest.raises(StorageError, match=words):
                    call(f"s3://bucket/{name}")
        assert storage.read("s3://bucket/whole") == _Scripted.data
        assert len(_Scripted.short) == 3
        _Scripted.short.clear()
        assert storage.read_range("s3://bucket/whole", 300, 5000) == _Scripted.data[300:5300]
        _Scripted.short.clear()
        with storage.open("s3://bucket/whole") as stream:
            assert stream.read() == _Scripted.data
        scripted.shutdown()


def test_credentials_of_an_endpoint_reach_no_message(monkeypatch: pytest.MonkeyPatch, hurried: None) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:secret@127.0.0.1:1")
    with pytest.raises(StorageError) as caught:
        Storage().stat("s3://bucket/file")
    assert "secret" not in str(caught.value)


# -- writing over what one does not know -----------------------------------------------------------------


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


def test_a_conditional_write_whose_answer_was_not_heard(
    server: S3Server, bucket: str, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "SINGLE_PUT", MIB)
    with FaultProxy(server.endpoint, cut=0.4, seed=5) as proxy:
        storage = s3(proxy.endpoint, max_attempts=30)
        etags = {}
        for number in range(12):
            etags[number] = storage.write(f"{bucket}/{number}", noise(1000 + number), "")
        with storage.stage(f"{bucket}/big") as local:
            local.write_bytes(noise(3 * MIB))
            storage.publish(local, f"{bucket}/big", "")
        for number, etag in etags.items():
            storage.write(f"{bucket}/{number}", noise(10), etag)
        assert proxy.faults.total() > 10
    plain = s3(server.endpoint)
    assert plain.read(f"{bucket}/big") == noise(3 * MIB)
    assert all(plain.read(f"{bucket}/{number}") == noise(10) for number in etags)


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
