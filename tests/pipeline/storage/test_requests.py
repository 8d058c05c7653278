"""Requests to S3 through faults on the way."""

from __future__ import annotations

import pytest

from pipeline.storage import (
    StorageError,
)
from pipeline.storage import s3 as s3_module
from tests.places import MIB, noise, s3
from tests.s3_server import FaultProxy, S3Server


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
