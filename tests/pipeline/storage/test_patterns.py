"""Patterns mean the same on every kind of storage."""

from __future__ import annotations

import glob as reference
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.storage import (
    Storage,
    StorageError,
    join,
)
from tests.places import s3
from tests.s3_server import PAGE, FaultProxy, S3Server

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
