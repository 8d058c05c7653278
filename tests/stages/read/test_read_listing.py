"""What lies at a path is found, whatever its name, and a directory means the data files in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.storage import S3Settings, Storage, StorageSettings
from stages.read.listing import list_files
from tests.s3_server import ENVIRONMENT, S3Server

FILES = [
    "in/a[1].jsonl",
    "in/b.jsonl",
    "in/a1.jsonl",
    "in/what?.jsonl",
    "in/*.jsonl",
    "in/sub dir/date=2025-03-01/c.jsonl",
    "in/_key=7/d.jsonl",
    "in/.hidden.jsonl",
    "in/.part-0.jsonl.crc",
    "in/_SUCCESS",
    "in/_temporary/0/e.jsonl",
    "in/b.jsonl.tmp",
    "in/c.jsonl._COPYING_",
    "run [v1]/in [x]/a.jsonl",
    "run [v1]/in [x]/b[2].jsonl",
    "run v/in x/a.jsonl",
    "marks/_SUCCESS",
]
DATA = ["*.jsonl", "_key=7/d.jsonl", "a1.jsonl", "a[1].jsonl", "b.jsonl", "sub dir/date=2025-03-01/c.jsonl"]


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Storage, str]]]:
    """The files on disk and in a bucket."""
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with S3Server() as server:
            bucket = server.make_bucket("listing")
            remote = Storage(StorageSettings(s3=S3Settings(endpoint=server.endpoint)))
            for name in FILES:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"{}")
                remote.write(f"{bucket}/{name}", b"{}")
            yield {"disk": (Storage(), str(folder)), "s3": (remote, bucket)}


@pytest.fixture(params=["disk", "s3"])
def root(request: pytest.FixtureRequest, roots: dict[str, tuple[Storage, str]]) -> tuple[Storage, str]:
    return roots[request.param]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("in/a[1].jsonl", ["a[1].jsonl"]),
        ("in/what?.jsonl", ["what?.jsonl"]),
        ("in/a*.jsonl", ["a1.jsonl", "a[1].jsonl"]),
        ("in/[*].jsonl", ["*.jsonl"]),
        ("in/?.jsonl", ["*.jsonl", "b.jsonl"]),
        ("in/[ab].jsonl", ["b.jsonl"]),
        ("in/[ab]*.jsonl", ["a1.jsonl", "a[1].jsonl", "b.jsonl"]),
        ("in/a[[]1].jsonl", ["a[1].jsonl"]),
        ("in/a[[]1]*", ["a[1].jsonl"]),
        ("in/_SUCCESS", ["_SUCCESS"]),
        ("in/.hidden.jsonl", [".hidden.jsonl"]),
        ("run [v1]/in [x]/a.jsonl", ["a.jsonl"]),
        ("run [v1]/in [x]/*.jsonl", ["a.jsonl", "b[2].jsonl"]),
        ("run [v1]/*/b[2].jsonl", ["in [x]/b[2].jsonl"]),
        ("run [v1]/*/b[2]*", ["in [x]/b[2].jsonl"]),
        ("run [v]/in [x]/*.jsonl", ["run v/in x/a.jsonl"]),
        ("run [v1]/**", ["in [x]/a.jsonl", "in [x]/b[2].jsonl"]),
        ("run [v1]", ["in [x]/a.jsonl", "in [x]/b[2].jsonl"]),
        ("run [v1]/in [x]/", ["a.jsonl", "b[2].jsonl"]),
        ("in/sub dir/*/*", ["date=2025-03-01/c.jsonl"]),
    ],
)
def test_paths_that_exist_are_found(root: tuple[Storage, str], path: str, names: list[str]) -> None:
    storage, base = root
    inputs = list_files(storage, [f"{base}/{path}"])
    assert [item.name for item in inputs] == names
    assert all(item.path.startswith(f"{base}/") and item.size == 2 for item in inputs)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_directory_means_its_data_files(root: tuple[Storage, str], slash: str) -> None:
    storage, base = root
    inputs = list_files(storage, [f"{base}/in{slash}"])
    assert [item.name for item in inputs] == sorted([*DATA, "what?.jsonl"])
    named = list_files(storage, [f"{base}/in", f"{base}/in/b.jsonl"])
    assert named == inputs


@pytest.mark.parametrize("path", ["missing", "missing/*.jsonl", "missing[1]", "in/[xyz].jsonl", "in/b"])
def test_what_is_not_there(root: tuple[Storage, str], path: str) -> None:
    storage, base = root
    with pytest.raises(FileNotFoundError, match="no file matches"):
        list_files(storage, [f"{base}/{path}"])


def test_a_directory_without_data_and_no_path(root: tuple[Storage, str]) -> None:
    storage, base = root
    with pytest.raises(FileNotFoundError, match="hidden"):
        list_files(storage, [f"{base}/marks"])
    for path in ("", "/"):
        with pytest.raises(FileNotFoundError, match="cannot be a path"):
            list_files(storage, [path])


def test_relative_paths(roots: dict[str, tuple[Storage, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    storage, base = roots["disk"]
    monkeypatch.chdir(Path(base) / "run [v1]")
    for path in ("in [x]", "./in [x]/", "in [x]/*", ".//in [x]/*.jsonl"):
        assert [item.name for item in list_files(storage, [path])] == ["a.jsonl", "b[2].jsonl"]
    assert len(list_files(storage, ["."])) == 2
