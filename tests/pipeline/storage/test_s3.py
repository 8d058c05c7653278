"""What S3 refuses, and uploads that are killed."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from pipeline.storage import (
    Storage,
    StorageError,
)
from tests.places import killed_writer, s3
from tests.s3_server import ENVIRONMENT, FaultProxy, S3Server


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
