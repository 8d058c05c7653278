"""Copies of a WARC file that a run takes for other captures. Knows gzip members and record ids."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib

CHUNK = 1 << 16
RECORD_ID = re.compile(rb"(WARC-Record-ID: <urn:uuid:)[0-9a-f]{8}", re.IGNORECASE)


def with_other_ids(data: bytes, number: int) -> bytes:
    """The WARC with ``number`` written into the start of every record id."""
    members, position = [], 0
    while position < len(data):
        inflate, record = zlib.decompressobj(wbits=31), b""
        while not inflate.eof and position < len(data):
            chunk = data[position : position + CHUNK]
            record += inflate.decompress(chunk)
            position += len(chunk) - len(inflate.unused_data)
        digest = hashlib.md5(record[:2000] + bytes([number])).hexdigest()[:8].encode()
        members.append(gzip.compress(RECORD_ID.sub(rb"\g<1>" + digest, record, count=1), 1, mtime=0))
    return b"".join(members)
