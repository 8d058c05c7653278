"""Where the next record of a WARC file starts, after damage.

Primer. The three bytes of a gzip header appear by chance every 16 MiB of compressed data, so a candidate
counts only if it decompresses to the start of a WARC record. The search begins right after the start of the
damaged member, not where the decompressor noticed the damage: it notices late, often inside the next member.

It knows what the first bytes of a record look like, and nothing else about WARC.
"""

from __future__ import annotations

import re

from stages.files.members import MAGIC, Damaged, Decoder, Member
from stages.files.source import Source

#: First line of a record and the start of a header after it: text that merely quotes "WARC/1.0" does not
#: match.
RECORD_START = re.compile(rb"WARC/[01]\.\d{1,2}[ \t]*\r?\n[A-Za-z][A-Za-z-]*[ \t]*:")
_START_LENGTH = 64  # bytes that RECORD_START may need
_CHUNK = 64 << 10


def find_record(source: Source, offset: int, decoder: Decoder, stop: int | None = None) -> int:
    """Offset of the first member at or after ``offset`` that starts a record; ``stop`` if there is none.

    ``stop`` is the size of the file by default; candidates from there on are not considered.
    """
    magic = MAGIC[decoder.codec]
    stop = source.size if stop is None else stop
    while offset < stop:
        block = source.read_exactly(offset, min(_CHUNK, stop + len(magic) - 1 - offset))
        index = block.find(magic)
        while index >= 0:
            if _starts_record(source, offset + index, decoder):
                return offset + index
            index = block.find(magic, index + 1)
        offset += max(len(block) - len(magic) + 1, 1)
    return stop


def _starts_record(source: Source, offset: int, decoder: Decoder) -> bool:
    head = b""
    try:
        member = Member(source, offset, decoder)
        while len(head) < _START_LENGTH and (piece := member.read(_START_LENGTH - len(head))):
            head += piece
    except Damaged:
        pass  # the bytes decompressed before the damage still count: a cut record is found and then reported
    return RECORD_START.match(head) is not None
