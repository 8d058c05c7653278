"""Copies of a WARC file that a run takes for other captures. Knows gzip members and record ids."""

from __future__ import annotations

import gzip
import hashlib
import random
import re
import zlib
from collections.abc import Iterator

CHUNK = 1 << 16
RECORD_ID = re.compile(rb"(WARC-Record-ID: <urn:uuid:)[0-9a-f]{8}", re.IGNORECASE)
_TYPE = re.compile(rb"WARC-Type: (\w+)", re.IGNORECASE)
#: Left as it is: headers, scripts, listings.
_APART = re.compile(
    rb"(\A.*?\r\n\r\n.*?\r\n\r\n|<(?:script|style|pre|head)\b.*?</(?:script|style|pre|head)\s*>)",
    re.IGNORECASE | re.DOTALL,
)
_TEXT = re.compile(rb">[^<>]{20,}<")


def with_other_ids(data: bytes, number: int) -> bytes:
    """The WARC with ``number`` written into the start of every record id."""
    members = []
    for _, record in _members(data):
        digest = hashlib.md5(record[:2000] + bytes([number])).hexdigest()[:8].encode()
        members.append(gzip.compress(RECORD_ID.sub(rb"\g<1>" + digest, record, count=1), 1, mtime=0))
    return b"".join(members)


def captures(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Each response with what follows it up to the next, as gzip members, and a number of 32 bits that
    depends on its bytes alone."""
    pieces: list[bytes] = []
    for member, record in _members(data):
        kind = _TYPE.search(record[:3000])
        if kind is not None and kind[1] == b"warcinfo":
            continue
        if (kind is None or kind[1] == b"response") and pieces:
            yield b"".join(pieces), zlib.crc32(pieces[0])
            pieces = []
        pieces.append(member)
    if pieces:
        yield b"".join(pieces), zlib.crc32(pieces[0])


def with_other_order(data: bytes, number: int) -> bytes:
    """The WARC with another id in every record, and the words between tags in another order, which depends on
    ``number``: a text with the same words, of which no passage is the same. Lengths stay as they are."""
    made = []
    for _, record in _members(data):
        drawn = random.Random(zlib.crc32(record) + number)
        digest = hashlib.md5(record[:2000] + bytes([number])).hexdigest()[:8].encode()
        record = RECORD_ID.sub(rb"\g<1>" + digest, record, count=1)
        pieces = _APART.split(record)  # what is between, and every second what is left as it is
        pieces[::2] = [_TEXT.sub(lambda found, d=drawn: _mixed(found[0], d), piece) for piece in pieces[::2]]
        made.append(gzip.compress(b"".join(pieces), 1, mtime=0))
    return b"".join(made)


def _mixed(text: bytes, drawn: random.Random) -> bytes:
    words = text.split(b" ")
    if len(words) < 4:
        return text
    inner = words[1:-1]  # the first and last hold the tags, and what ends a sentence
    drawn.shuffle(inner)
    return b" ".join([words[0], *inner, words[-1]])


def _members(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The gzip members of a WARC, as they are and unpacked; what follows a damaged one is left out."""
    position = 0
    while position < len(data):
        inflate, record, start = zlib.decompressobj(wbits=31), b"", position
        try:
            while not inflate.eof and position < len(data):
                chunk = data[position : position + CHUNK]
                record += inflate.decompress(chunk)
                position += len(chunk) - len(inflate.unused_data)
        except zlib.error:
            return
        yield data[start:position], record
