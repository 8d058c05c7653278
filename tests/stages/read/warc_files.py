"""WARC files for the tests of readers, written byte by byte, and a storage of local files."""

from __future__ import annotations

import glob
import gzip
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import pytest
import zstandard

from benchmarks.lib import data
from stages.base import Batch, FileInfo, Reject
from stages.read.warc import Warc, WarcConfig

PAGE = b"<!DOCTYPE html><html><body><p>A page</p></body></html>"


class LocalStorage:
    """The storage protocol over local files."""

    def glob(self, pattern: str) -> list[FileInfo]:
        paths = sorted(glob.glob(pattern, recursive=True))
        return [FileInfo(path, os.path.getsize(path), "tag") for path in paths if os.path.isfile(path)]

    def list(self, directory: str) -> list[FileInfo]:
        return self.glob(f"{glob.escape(directory)}/**/*") + self.glob(f"{glob.escape(directory)}/**/.*")

    def stat(self, path: str) -> FileInfo | None:
        return FileInfo(path, os.path.getsize(path), "tag") if os.path.isfile(path) else None

    def open(self, path: str) -> BinaryIO:
        return open(path, "rb")


def captures_of_the_web(name: str) -> Path:
    """A file of real captures; skips the test where there are none."""
    if (path := data.find(f"web/{name}")) is None:
        pytest.skip(data.missing(f"web/{name}"))
    return path


def http(
    body: bytes = PAGE,
    content_type: str | None = "text/html",
    status: str = "200 OK",
    headers: Iterable[str] = (),
) -> bytes:
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {content_type}"] if content_type else []), *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def record(
    number: int = 0,
    block: bytes | None = None,
    kind: str = "response",
    media: str = "application/http; msgtype=response",
    length: object = None,
    identity: str | None = "",
    headers: Iterable[str] = (),
) -> bytes:
    block = http() if block is None else block
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Target-URI: http://site.test/{number}",
        "WARC-Date: 2025-03-01T00:00:00Z",
        f"Content-Type: {media}",
        f"Content-Length: {len(block) if length is None else length}",
        *headers,
    ]
    if identity is not None:
        lines.append(f"WARC-Record-ID: <{identity or f'urn:uuid:{number}'}>")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def members(records: Iterable[bytes], codec: str = "gzip") -> list[bytes]:
    pack = {
        "gzip": lambda raw: gzip.compress(raw, mtime=0),
        "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
        "plain": bytes,
    }[codec]
    return [pack(raw) for raw in records]


def read(path: Path, limit: int | None = None, **config: object) -> tuple[list[dict], list[Reject]]:
    """All documents and rejects of one WARC file."""
    reader = Warc(WarcConfig(paths=[str(path)], **config))
    storage = LocalStorage()
    (item,) = reader.list(storage)
    return gather(reader.read(item, storage, limit))


def gather(batches: Iterable[Batch]) -> tuple[list[dict], list[Reject]]:
    rows: list[dict] = []
    rejects: list[Reject] = []
    for batch in batches:
        batch.documents.validate(full=True)
        assert 0 < batch.documents.num_rows + len(batch.rejects) <= 256
        rows += batch.documents.to_pylist()
        rejects += batch.rejects
    return rows, rejects
