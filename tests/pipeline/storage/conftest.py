"""Places that tests of storage write to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from pipeline.storage import (
    Storage,
    join,
)
from pipeline.storage import requests as s3_requests
from tests.azurite import Azurite, make_container
from tests.places import s3
from tests.s3_server import S3Server


@pytest.fixture(autouse=True)
def spools(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary directory of its own: what killed writers leave there is swept up by whoever comes first."""
    folder = str(tmp_path_factory.mktemp("spools"))
    monkeypatch.setenv("TMPDIR", folder)
    monkeypatch.setattr(tempfile, "tempdir", folder)


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest) -> str:
    return server.make_bucket(f"bucket-{crc32(request.node.nodeid.encode())}")


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


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of milliseconds: these tests are about what is tried again, not about when."""
    monkeypatch.setattr(s3_requests, "FIRST_PAUSE_S", 0.002)
