"""How much of an input a number of its first records is, for the forecast of a dry run.

Knows places in files, also compressed ones; does not know formats of records.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

import zstandard

from stages.files.members import sniff

_STEP = 512  # bytes of the compressed file that are decompressed at once


def passed(offset: int, records: int, size: int) -> float | None:
    """The share of a file of ``size`` bytes that its first records are, where the last begins at ``offset``:
    that one is taken to be as long as the others. None for one record, whose length is not known."""
    if records < 2 or size <= 0:
        return None
    return offset / size * records / (records - 1)


def compressed(file: BinaryIO, offset: int) -> int:
    """About the place in a file, as it is stored, of a place in its text; the same where it is not
    compressed."""
    file.seek(0)
    head = file.read(8)
    codec = sniff(head)
    if codec not in ("gzip", "zstd"):
        return offset
    file.seek(0)
    read = text = 0
    decoder = _decoder(codec)
    while text < offset and (data := file.read(_STEP)):
        read += len(data)
        try:
            while data:
                text += len(decoder.decompress(data))
                data = decoder.unused_data
                if data:  # another member
                    decoder = _decoder(codec)
        except (zlib.error, zstandard.ZstdError):  # damage or padding, of which the reader takes care
            break
    # blocks of zstd have up to 128 KiB of text, and are decompressed as a whole
    return round(read * min(offset / text, 1.0)) if text else read


def _decoder(codec: str) -> zlib._Decompress | zstandard.ZstdDecompressionObj:
    return zlib.decompressobj(31) if codec == "gzip" else zstandard.ZstdDecompressor().decompressobj()
