"""How much of an input was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.storage import Storage
from pipeline.tasks.beat import Beat, Watched
from stages.base import Input, Member


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("a", "b")]
    for path, size in zip(paths, (1000, 500), strict=True):
        path.write_bytes(bytes(size))
    return paths


def test_bytes_of_a_file(files: list[Path]) -> None:
    watched = Watched(Storage(), Input(str(files[0]), "a", 1000, ""))
    assert watched.beat(0, 0) == Beat(0, 0, 1000, "bytes", "read")
    with watched.open(str(files[1])) as other, watched.open(str(files[0])) as file:
        other.read()
        file.read(300)
        assert watched.beat(7, 9) == Beat(7, 300, 1000, "bytes", "read")
        file.seek(0)
        assert watched.beat(8, 9).done == 300  # it never goes back
        file.read()
    assert watched.beat(9, 9).share == 1.0


def test_bytes_of_members(files: list[Path]) -> None:
    members = tuple(Member(str(path), path.name, path.stat().st_size, "") for path in files)
    watched = Watched(Storage(), Input(str(files[0]), "a", 1500, "", members=members))
    for path, done in zip(files, (100, 1100), strict=True):
        with watched.open(str(path)) as file:
            file.read(100)
            assert watched.beat(1, 1).done == done
    assert watched.beat(1, 1) == Beat(1, 1500, 1500, "bytes", "read")


def test_rows(files: list[Path]) -> None:
    watched = Watched(Storage(), Input(str(files[0]), "a", 1000, "", start=100, stop=300))
    assert watched.beat(40, 50) == Beat(40, 50, 200, "rows", "read")
    assert watched.beat(40, 50).share == 0.25
    assert Beat(3).share is None
