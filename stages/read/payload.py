"""Classifies HTTP payloads: removes content encodings, and distinguishes HTML from plain text and from other
content.

Common Crawl stores payloads decoded; other crawlers store the bytes that were sent. Headers are wrong in both
cases, so an encoding is undone only if the bytes look encoded.

It knows HTTP bodies. It does not know WARC records, nor character sets beyond UTF-16's NULs.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple

from fastwarc.stream_io import BrotliReader, ZstdReader

from stages.read.utf import is_utf8, utf16_order

#: Bytes that decide what a payload is (the resource header of the WHATWG MIME Sniffing standard has 1,445).
SNIFFED = 1445


class Oversized(Exception):
    """The payload is longer than allowed once decoded."""


class Undecodable(Exception):
    """The payload is encoded and cannot be decoded."""


_CHUNK_HEAD = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_PIECE = 64 << 10


class Decoded(NamedTuple):
    """A payload without its encodings."""

    body: bytes
    missing: str | None  # which part is missing; None if it is whole


def decode_body(body: bytes, transfer: str, content: str, cap: int, partial: bool = False) -> Decoded:
    """``body`` without its transfer and content encodings.

    Args:
        body: Payload as stored. transfer: Value of Transfer-Encoding, empty if absent. content: Value of
        Content-Encoding, empty if absent. cap: Longest result in bytes; decoding stops there. partial: Keep
        the part of a cut-off payload that can be decoded.

    Raises:
        Oversized: The result would be longer than ``cap``.
        Undecodable: An encoding that the bytes carry does not decode to its end.
    """
    missing: list[str] = []
    if "chunked" in transfer.lower():
        body = _unchunked(body, partial, missing)
    for coding in reversed(content.lower().split(",")):
        reader = _reader(coding.strip(), body)
        if reader is not None:
            body = _drain(reader, coding.strip(), body, cap, partial, missing)
    return Decoded(body, "; ".join(missing) or None)


def _unchunked(body: bytes, partial: bool, missing: list[str]) -> bytes:
    """The data of all chunks; ``body`` itself if it is not made of chunks.

    A page is complete even if the server closed the connection without sending the last chunk.
    """
    pieces: list[bytes] = []
    position = 0
    what = ""
    while not what and (head := _CHUNK_HEAD.match(body, position)):
        size = int(head[1], 16)
        if size == 0:
            return b"".join(pieces) if pieces or not body[head.end() :].strip() else body
        piece = body[head.end() : head.end() + size]
        stop = head.end() + size
        end = _LINE_END.match(body, stop)
        if not pieces and end is None and stop != len(body) and not _looks_sent(piece):
            return body  # stored decoded, and its beginning looks like a length
        pieces.append(piece)
        if len(piece) < size:
            what = f"{len(piece)} of {size} bytes of a chunk"
        elif end is None and stop < len(body):
            what = f"no chunk ends at byte {stop} of {len(body)}"
        position = end.end() if end is not None else stop
    if not pieces:
        return body
    if not what and body[position:].strip(b"0\r\n"):
        what = f"no chunk header at byte {position} of {len(body)}"
    if what and not partial:
        raise Undecodable(f"chunked: {what}")
    missing.append(f"chunked: {what or 'the last chunk'}")
    return b"".join(pieces)


def _looks_sent(piece: bytes) -> bool:
    """Whether ``piece`` begins like a page or an encoded page, so that it is the data of a chunk."""
    return bool(_HTML.match(piece) or _TAG.match(piece)) or _is_binary(piece[:SNIFFED])


def _reader(coding: str, body: bytes) -> Callable[[int], bytes] | None:
    """The decoder for ``body``; None if it does not look encoded."""
    if coding in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
        return _zlib_reader(body, 31)
    if coding == "deflate" and _is_zlib(body):
        return _zlib_reader(body, 15)
    if coding == "deflate" and _is_binary(body[:SNIFFED]):
        return _zlib_reader(body, -15)
    if coding == "zstd" and body.startswith(b"\x28\xb5\x2f\xfd"):
        return ZstdReader(io.BytesIO(body)).read
    if coding == "br" and (_is_binary(body[:SNIFFED]) or not body.isascii()) and not _HTML.match(body):
        return BrotliReader(io.BytesIO(body)).read
    return None


def _is_zlib(body: bytes) -> bool:
    """Whether ``body`` starts with a zlib header (RFC 1950: method 8, and a multiple of 31)."""
    return len(body) > 2 and body[0] & 0x8F == 0x08 and int.from_bytes(body[:2], "big") % 31 == 0


def _zlib_reader(body: bytes, wbits: int) -> Callable[[int], bytes]:
    """For gzip also decodes the members after the first (RFC 1952, 2.2); other bytes after a stream are
    ignored."""
    stream = zlib.decompressobj(wbits)
    position = 0

    def read(size: int) -> bytes:
        nonlocal stream, position
        while True:
            if stream.eof:
                if wbits != 31 or not body.startswith(b"\x1f\x8b\x08", position):
                    return b""
                stream = zlib.decompressobj(wbits)
            data = body[position : position + _PIECE]
            output = stream.decompress(data, size)
            position += len(data) - len(stream.unused_data if stream.eof else stream.unconsumed_tail)
            if output:
                return output
            if not data and not stream.eof:
                raise zlib.error("incomplete or truncated stream")

    return read


def _drain(
    read: Callable[[int], bytes], coding: str, body: bytes, cap: int, partial: bool, missing: list[str]
) -> bytes:
    pieces = []
    size = 0
    try:
        while piece := read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > cap:
                raise Oversized(f"more than {cap} bytes after {coding}")
    except (zlib.error, OSError) as error:
        if coding in ("deflate", "br") and _is_text(body):
            return body  # stored decoded: unlike the others, these have no signature
        if not partial:
            raise Undecodable(f"{coding}: {error}") from error
        missing.append(f"{coding}: {error}")
    return b"".join(pieces)


def _is_text(body: bytes) -> bool:
    """Whether ``body`` is almost certainly text: in compressed data one byte in nine is a control
    character."""
    head = body[:SNIFFED]
    if len(head.translate(None, _CONTROLS)) < len(head):
        return False
    return len(head) >= 100 or is_utf8(body) or bool(_HTML.match(body) or _TAG.match(body))


# Content allowed before the first tag: BOM, blanks, comments, XML declaration, processing instructions.
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?(?:\s|<!--(?:(?!-->).)*-->|<\?[^>]*>)*+"
    rb"<(?:!doctype\s+html\b|(?:html|head|body)[\s>/])",
    re.IGNORECASE | re.DOTALL,
)
# Without a declared type, weaker evidence is enough: the tags of the WHATWG table.
_TAG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:!--|(?:script|iframe|h1|div|font|table|a|style|title|b|br|p|meta|link)[\s>/])",
    re.IGNORECASE,
)
_MAGIC = (
    *(b"%PDF-", b"\x89PNG\r\n", b"GIF87a", b"GIF89a", b"\xff\xd8\xff", b"RIFF", b"PK\x03\x04", b"PK\x05\x06"),
    *(b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf", b"Rar!", b"\xd0\xcf\x11\xe0", b"{\\rtf"),
    *(
        b"%!PS",
        b"OggS",
        b"ID3",
        b"fLaC",
        b"wOFF",
        b"wOF2",
        b"OTTO",
        b"\x7fELF",
        b"MZ\x90",
        b"\xca\xfe\xba\xbe",
    ),
    *(
        b"\x00\x01\x00\x00",
        b"\x00\x00\x01\x00",
        b"\x00asm",
        b"SQLite format 3",
        b"\x28\xb5\x2f\xfd",
        b"FWS\x01",
    ),
)
# Control characters that never occur in text (binary data bytes of the MIME Sniffing standard).
_CONTROLS = bytes([*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_GENERIC = frozenset({"", "application/octet-stream", "application/unknown", "unknown/unknown", "*/*"})
_PLAIN = frozenset({"text/plain", "text/markdown", "text/x-markdown"})
_PAGE = frozenset({"text/html", "application/xhtml+xml"})


def _is_binary(head: bytes) -> bool:
    """Whether ``head`` is not text: over 2 % control characters.

    For the standard a single one is proof; real legacy pages occasionally contain a stray one, while in
    compressed or random bytes it is one in nine.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls * 50 > len(head)


def kind_of(content_type: str | None, body: bytes) -> Literal["html", "text"] | None:
    """HTML, plain text, or neither, from the declared type and the first bytes.

    A payload that begins like an HTML document is HTML under every type but an image's: servers label pages
    ``text/plain`` or ``application/octet-stream`` far more often than they show source code that way. A
    payload labelled HTML that begins differently is accepted as HTML unless its bytes are binary. Scripts,
    style sheets, feeds, JSON and other XML are neither.
    """
    head = body[:SNIFFED]
    if b"\0" in head:
        utf16 = _looks_utf16(head)
        head = head.replace(b"\0", b"")
    else:
        utf16 = False
    if _HTML.match(head):
        return "html"
    declared = (content_type or "").partition(";")[0].strip().lower()
    if not utf16 and (body.startswith(_MAGIC) or _is_binary(body[:SNIFFED])):
        return None
    if declared in _PAGE:
        return "html"
    if declared in _PLAIN:
        return "text"
    if declared == "":
        return "html" if _TAG.match(head) else "text"
    return None


def _looks_utf16(head: bytes) -> bool:
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or utf16_order(head) is not None
