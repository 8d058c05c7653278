"""Compressed blocks of any length, decompressed piece by piece.

Formats made of blocks (Parquet's pages) are decompressed by their libraries in one piece, which takes the
block's whole length in memory. gzip, zstd and brotli are streams and need no more than their window. Snappy
and LZ4 have no streams, but copy from at most 64 KiB back: here they are decoded in a moving window, instead
of in one piece as their libraries do.

It knows compression. It knows nothing of what the bytes mean.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import zstandard
from fastwarc.stream_io import BrotliReader

#: Bytes of a piece.
PIECE = 1 << 20
#: How far back a copy reaches: the compressors cut their input into parts of this, or have 16-bit offsets.
_REACH = 64 << 10


class BadBlock(Exception):
    """The block does not decompress."""


def decompressed(codec: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The decompressed content of a block, in pieces; the block itself comes in ``pieces`` of about a MiB.

    Args:
        codec: The name as pyarrow has it.
        pieces: All bytes of the block.

    Raises:
        BadBlock: It does not decompress.
        KeyError: There is no such codec here.
    """
    return _CODECS[codec](pieces)


class _File:
    """The file object that the streaming libraries read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self._position = 0

    def read(self, size: int = PIECE) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        data, self._rest = self._rest[:size], self._rest[size:]
        self._position += len(data)
        return data

    def tell(self) -> int:
        return self._position


def _streamed(open_: Callable[[Any], Any]) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    def pieces_of(pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            stream = open_(_File(pieces))
            while piece := stream.read(PIECE):
                yield piece
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            raise BadBlock(str(error)) from error

    return pieces_of


def _snappy(pieces: Iterator[bytes]) -> Iterator[bytes]:
    from stages.read.block_kernels import snappy

    return _windowed(snappy, pieces, preamble=True)


def _lz4(pieces: Iterator[bytes]) -> Iterator[bytes]:
    from stages.read.block_kernels import lz4

    return _windowed(lz4, pieces, preamble=False)


def _windowed(kernel: Any, pieces: Iterator[bytes], preamble: bool) -> Iterator[bytes]:
    """Decodes with ``kernel`` into a window: the last 64 KiB of the output so far, and room for a piece."""
    window = np.empty(_REACH + PIECE, np.uint8)
    low = fill = _REACH  # ``window[low:fill]`` has output
    state = np.zeros(4, np.int64)
    rest = b""
    for piece in pieces:
        rest += piece
        if preamble:  # the length, in groups of seven bits
            ends = [index for index, byte in enumerate(rest[:5]) if byte < 128]
            if not ends:
                continue
            rest = rest[ends[0] + 1 :]
            preamble = False
        data = np.frombuffer(rest, np.uint8)
        at = 0
        while True:
            taken, fill = kernel(data, at, window, low, fill, state)
            if taken < 0:
                raise BadBlock("a copy from nowhere")
            stuck = taken == at and fill == _REACH
            at = taken
            if fill > _REACH:
                yield window[_REACH:fill].tobytes()
                kept = min(fill - low, _REACH)
                window[_REACH - kept : _REACH] = window[fill - kept : fill].copy()
                low, fill = _REACH - kept, _REACH
            if stuck:
                break
        rest = rest[at:]
        if len(rest) > 2 * PIECE:
            raise BadBlock("an element does not end")
    if rest or state[0] > 0:
        raise BadBlock("the block ends inside an element")


def _zstd(file: Any) -> Any:
    return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)


_CODECS: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "UNCOMPRESSED": lambda pieces: pieces,
    "GZIP": _streamed(lambda file: gzip.GzipFile(fileobj=file)),
    "ZSTD": _streamed(_zstd),
    "BROTLI": _streamed(BrotliReader),
    "SNAPPY": _snappy,
    "LZ4": _lz4,
}
