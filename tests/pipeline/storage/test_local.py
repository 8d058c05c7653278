"""What local file systems refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.storage import (
    Storage,
    StorageError,
    StorageFull,
)
from tests.places import MIB, names_below, noise, s3
from tests.s3_server import S3Server


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


def test_a_file_and_its_name_are_safe_from_power_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written through before it gets its name, and the directory afterwards."""
    synced = []

    def fsync(descriptor: int) -> None:
        there = (tmp_path / "file").exists()
        synced.append((os.path.isdir(f"/proc/self/fd/{descriptor}"), there))

    monkeypatch.setattr(os, "fsync", fsync)
    Storage().write(str(tmp_path / "file"), b"data")
    assert synced == [(False, False), (True, True)]
