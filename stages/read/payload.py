"""What an HTTP payload is: content encodings undone, HTML told from plain text and from the rest.

Common Crawl stores payloads decoded; other crawlers store what came over the wire. Headers lie both
ways, so an encoding is undone only where the bytes look encoded.

It knows HTTP bodies. It knows nothing of WARC records, nor of character sets beyond UTF-16's NULs.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from typing import Literal

from fastwarc.stream_io import BrotliReader, ZstdReader

#: Bytes that decide what a payload is (the resource header of the WHATWG MIME Sniffing standard has 1,445).
SNIFFED = 1445


class Oversized(Exception):
    """The payload is longer than allowed once decoded."""


class Undecodable(Exception):
    """The payload is encoded and does not decode."""


_CHUNK_HEAD = re.compile(rb"[0-9A-Fa-f]{1,8}[ \t]*(?:;[^\r\n]*)?\r\n")
_PIECE = 64 << 10


def decode_body(body: bytes, transfer: str, content: str, cap: int, partial: bool = False) -> bytes:
    """``body`` without its transfer and content encodings.

    Args:
        body: Payload as stored.
        transfer: Value of Transfer-Encoding, empty if absent.
        content: Value of Content-Encoding, empty if absent.
        cap: Longest result in bytes; decoding stops there.
        partial: Take what decodes of a payload that was cut off.

    Raises:
        Oversized: The result would be longer than ``cap``.
        Undecodable: An encoding that the bytes carry does not decode to its end.
    """
    if "chunked" in transfer.lower() and _CHUNK_HEAD.match(body):
        body = _unchunked(body, partial)
    for coding in reversed(content.lower().split(",")):
        coding = coding.strip()
        if coding in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
            body = _drain(_zlib_reader(body, 31), coding, cap, partial)
        elif coding == "deflate" and _is_zlib(body):
            body = _drain(_zlib_reader(body, 15), coding, cap, partial)
        elif coding == "deflate" and _is_binary(body[:SNIFFED]):
            body = _drain(_zlib_reader(body, -15), coding, cap, partial)
        elif coding == "zstd" and body.startswith(b"\x28\xb5\x2f\xfd"):
            body = _drain(ZstdReader(io.BytesIO(body)).read, coding, cap, partial)
        elif coding == "br" and (_is_binary(body[:SNIFFED]) or not body.isascii()) and not _HTML.match(body):
            body = _drain(BrotliReader(io.BytesIO(body)).read, coding, cap, partial)
    return body


def _unchunked(body: bytes, partial: bool) -> bytes:
    pieces: list[bytes] = []
    position = 0
    while head := _CHUNK_HEAD.match(body, position):
        size = int(re.split(rb"[ \t;\r]", head.group(), maxsplit=1)[0], 16)
        if size == 0:
            return b"".join(pieces)
        piece = body[head.end() : head.end() + size]
        pieces.append(piece)
        position = head.end() + size + 2  # CRLF ends a chunk
        if len(piece) < size:
            break
    if not partial:
        raise Undecodable(f"chunked: no chunk header at byte {position} of {len(body)}")
    return b"".join(pieces)


def _is_zlib(body: bytes) -> bool:
    """Whether ``body`` starts with a zlib header (RFC 1950: method 8, and a multiple of 31)."""
    return len(body) > 2 and body[0] & 0x8F == 0x08 and int.from_bytes(body[:2], "big") % 31 == 0


def _zlib_reader(body: bytes, wbits: int) -> Callable[[int], bytes]:
    stream = zlib.decompressobj(wbits)
    rest = body

    def read(size: int) -> bytes:
        nonlocal rest
        if stream.eof:
            return b""
        output = stream.decompress(rest, size)
        rest = stream.unconsumed_tail
        if not output and not stream.eof:
            raise zlib.error("incomplete or truncated stream")
        return output

    return read


def _drain(read: Callable[[int], bytes], coding: str, cap: int, partial: bool) -> bytes:
    pieces = []
    size = 0
    try:
        while piece := read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > cap:
                raise Oversized(f"more than {cap} bytes after {coding}")
    except (zlib.error, OSError) as error:
        if not partial:
            raise Undecodable(f"{coding}: {error}") from error
    return b"".join(pieces)


# What may stand before the first tag: BOM, blanks, comments, XML declaration, processing instructions.
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?(?:\s|<!--(?:(?!-->).)*-->|<\?[^>]*>)*+"
    rb"<(?:!doctype\s+html\b|(?:html|head|body)[\s>/])",
    re.IGNORECASE | re.DOTALL,
)
# Without a type, weaker evidence will do: the tags of the WHATWG table.
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
# Control characters that no text has (binary data bytes of the MIME Sniffing standard).
_CONTROLS = bytes([*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_GENERIC = frozenset({"", "application/octet-stream", "application/unknown", "unknown/unknown", "*/*"})
_PLAIN = frozenset({"text/plain", "text/markdown", "text/x-markdown"})
_PAGE = frozenset({"text/html", "application/xhtml+xml"})


def _is_binary(head: bytes) -> bool:
    """Whether ``head`` is no text: over 2 % control characters.

    The standard takes one for proof; real legacy pages hold a stray one now and then, while compressed
    and random bytes have one in nine.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls * 50 > len(head)


def kind_of(content_type: str | None, body: bytes) -> Literal["html", "text"] | None:
    """HTML, plain text, or neither, from the declared type and the first bytes.

    A payload that begins like an HTML document is HTML under every type but an image's: servers
    label pages ``text/plain`` or ``application/octet-stream`` far more often than they show source
    code by that means. One labelled HTML that begins otherwise is believed unless its bytes are
    binary. Scripts, style sheets, feeds, JSON and other XML are neither.
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


def utf16_order(head: bytes) -> Literal["utf-16-le", "utf-16-be"] | None:
    """Byte order of UTF-16 without a mark, seen from its NULs; None where it is not obvious.

    Markup is ASCII: most bytes of one parity are NUL and nearly none of the other.
    """
    even, odd = head[0::2], head[1::2]
    if len(odd) < 4:
        return None
    in_even, in_odd = even.count(0), odd.count(0)
    if in_odd * 2 > len(odd) and in_even * 10 < in_odd:
        return "utf-16-le"
    if in_even * 2 > len(even) and in_odd * 10 < in_even:
        return "utf-16-be"
    return None
