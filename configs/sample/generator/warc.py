"""WARC records in the layout of Common Crawl: one gzip member a record, request, response and metadata.

Identifiers and dates depend on URL and position only. The gzip header is written by hand, so that neither
the clock nor the operating system shows in it. This module knows records and damage, not pages.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import zlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from .pages import FIRST_FETCH, Capture, record_id

SOFTWARE = "nanocorpus sample generator"
INFO_URL = "https://sample.example/sample.warc.gz"


def member(data: bytes) -> bytes:
    """One gzip member: fixed header, best compression."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(data) + deflate.flush()
    end = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + packed + end


def digest(data: bytes) -> str:
    """A digest as WARC files write it."""
    return "sha1:" + base64.b32encode(hashlib.sha1(data).digest()).decode()


def record(kind: str, identifier: str, date: str, block: bytes, fields: Sequence[tuple[str, str]]) -> bytes:
    """One record, uncompressed."""
    lines = [("WARC-Type", kind), ("WARC-Date", date), ("WARC-Record-ID", f"<{identifier}>")]
    lines += [("Content-Length", str(len(block))), *fields]
    head = "WARC/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
    return head.encode() + b"\r\n" + block + b"\r\n\r\n"


def corrupt(data: bytes) -> bytes:
    """The member with bytes in the middle of its deflate stream overwritten.

    Raises ``ValueError`` if what results should happen to be readable.
    """
    middle = len(data) // 2
    broken = data[:middle] + b"\xff" * 24 + data[middle + 24 :]
    try:
        zlib.decompress(broken, 31)
    except zlib.error:
        return broken
    raise ValueError("the member can still be read after the damage")


def capture_records(capture: Capture, position: int) -> list[bytes]:
    """The members of one capture: request, response, metadata (none after a response that is cut off)."""
    moment = FIRST_FETCH + datetime.timedelta(seconds=7 * position)
    date = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    parts = urlsplit(capture.url)
    target = ("WARC-Target-URI", capture.url)
    response_id = record_id(capture.url)
    info = ("WARC-Warcinfo-ID", f"<{record_id(INFO_URL)}>")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    request = (
        f"GET {path or '/'} HTTP/1.1\r\nUser-Agent: sample-crawler\r\nAccept: text/html,*/*;q=0.5\r\n"
        f"Accept-Encoding: gzip\r\nHost: {parts.netloc}\r\nConnection: Keep-Alive\r\n\r\n"
    ).encode()
    headers = [
        ("Date", moment.strftime("%a, %d %b %Y %H:%M:%S GMT")),
        ("Server", ("nginx", "Apache", "cloud-front")[len(capture.url) % 3]),
        ("Content-Type", capture.content_type),
        *capture.headers,
        ("X-Crawler-Content-Encoding", "gzip"),
        ("Content-Length", str(len(capture.body))),
    ]
    lines = [f"HTTP/1.1 {capture.status}", *(f"{name}: {value}" for name, value in headers)]
    response = "\r\n".join([*lines, "", ""]).encode() + capture.body
    payload = ("WARC-Payload-Digest", digest(capture.body))
    metadata = f"fetchTimeMs: {80 + len(capture.body) % 900}\r\ncharset-detected: {capture.truth['charset']}\r\n".encode()
    together = ("WARC-Concurrent-To", f"<{response_id}>")
    http = "application/http; msgtype="
    members = [
        member(record("request", record_id(capture.url + "#request"), date, request,
                      [("Content-Type", http + "request"), info, target])),
        member(record("response", response_id, date, response,
                      [("Content-Type", http + "response"), info, target, payload,
                       ("WARC-Block-Digest", digest(response)), *capture.warc_headers])),
        member(record("metadata", record_id(capture.url + "#metadata"), date, metadata,
                      [("Content-Type", "application/warc-fields"), info, together, target])),
    ]  # fmt: skip
    if capture.damage == "corrupt":
        members[1] = corrupt(members[1])
    if capture.damage == "cut":
        members = [members[0], members[1][: len(members[1]) // 2]]
    return members


def warc_file(captures: Sequence[Capture]) -> bytes:
    """The whole file: warcinfo, then the captures in order. A cut-off capture must be the last."""
    about = (
        f"software: {SOFTWARE}\r\nformat: WARC File Format 1.0\r\ndescription: original pages for tests\r\n"
    )
    fields = [("Content-Type", "application/warc-fields"), ("WARC-Filename", "sample.warc.gz")]
    date = FIRST_FETCH.strftime("%Y-%m-%dT%H:%M:%SZ")
    members = [member(record("warcinfo", record_id(INFO_URL), date, about.encode(), fields))]
    for position, capture in enumerate(captures):
        members.extend(capture_records(capture, position))
    return b"".join(members)
