"""The fields of a WARC record about a page, and those of the HTTP message in it.

It knows the fields of records. It does not know how records are found, nor which of them become documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from stages.read import http_message

#: Types of records that may be documents: HTTP responses, resources stored without HTTP, and conversions of
#: either (the text in WET files).
KINDS = ("response", "resource", "conversion")
_HTTP = "application/http"


class Capture(NamedTuple):
    """A record of one of ``KINDS``: the values of its headers, and the payload as stored."""

    offset: int  # of the record's member in the compressed file (of the record in a plain one)
    kind: str
    record: str | None  # WARC-Record-ID without <>
    url: str | None
    date: str | None
    digest: str  # WARC-Payload-Digest
    truncated: str | None  # WARC-Truncated
    media: str  # Content-Type of the record: application/http for a page
    http: bool  # the block is an HTTP message that could be parsed
    status_line: str
    status: int | None
    fields: Mapping[str, str]  # of the HTTP message, by names in lower case
    length: int  # of the payload as stored, in bytes
    body: bytes | None  # None: not requested, the status is not 200, or it is longer than allowed

    @property
    def content_type(self) -> str | None:
        """Content type of the payload."""
        return self.fields.get("content-type") if self.kind == "response" else self.media or None


def kind_of(get: Callable[[str], str | None]) -> str:
    """The type of a record in lower case; a response without one is recognised by its Content-Type."""
    kind = (get("WARC-Type") or "").strip().lower()
    if not kind and "msgtype=response" in (get("Content-Type") or "").lower():
        return "response"
    return kind


class Block(Protocol):
    """The content of a record."""

    def readline(self, size: int, /) -> bytes:
        """A line with its end, or the first ``size`` bytes of it."""
        ...

    def read(self) -> bytes:
        """The rest of the content."""
        ...


def capture(
    get: Callable[[str], str | None], kind: str, offset: int, length: int, block: Block | None, cap: int
) -> Capture:
    """The record whose fields ``get`` gives.

    ``block`` has ``length`` bytes; if the payload is longer than ``cap``, only the header is needed. None if
    the record is not wanted.
    """
    media = get("Content-Type") or ""
    status_line, status = "", None
    fields: Mapping[str, str] = {}
    http, ahead = False, b""
    if block is not None and kind == "response" and media.strip()[:16].lower() in (_HTTP, ""):
        message = http_message.parse(block)
        if message is None:
            status_line = "header block too long or damaged"
        elif media or message.status is not None:
            status_line, status, fields, before, ahead = message
            http = status is not None
            length -= before
    is_page = block is not None and (status == 200 if kind == "response" else True)
    body = ahead + block.read() if block is not None and is_page and length <= cap else None
    url, name = get("WARC-Target-URI"), get("WARC-Record-ID")
    return Capture(
        offset,
        kind,
        name.strip("<> \t") if name else None,
        url.strip("<> \t") if url else None,
        get("WARC-Date"),
        get("WARC-Payload-Digest") or "",
        get("WARC-Truncated"),
        media,
        http,
        status_line,
        status,
        fields,
        length,
        body,
    )
