"""Values of a column of strings, one at a time, from pages that are too long to be decoded in one piece.

A writer that cuts pages by rows puts 256 texts of 9 MB into a page of 2 GB, and one text of 1 GB among a
thousand short ones makes their page as long. Decoders hold a page and its decoded values in memory. Here
pages are decompressed piece by piece and values are read one at a time; for a value longer than wanted only
its length is kept.

The encodings of such pages are supported: plain, and dictionary. A dictionary is read once, forwards, in step
with the rows that refer to it, because writers number its entries in the order in which they occur. Recent
entries are kept for a while; a row that refers further back gets ``Gone``.

It knows the format of pages. It does not know row groups or other columns.
"""

from __future__ import annotations

import itertools
import zlib
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from stages.base import MIB
from stages.files.source import Source
from stages.read.blocks import PIECE, BadBlock, decompressed
from stages.read.pages import (
    BIT_PACKED,
    DATA,
    DATA_V2,
    DICTIONARY,
    PLAIN,
    Broken,
    Chunk,
    PageHeader,
    page_header,
)

#: Bytes of dictionary entries that are kept after they were read.
KEPT = 32 * MIB
_BY_DICTIONARY = (2, 8)


class TooLong(NamedTuple):
    """In place of a value that is too long: its number of bytes."""

    bytes: int


class Gone(NamedTuple):
    """In place of a value: the number of bytes of a dictionary entry that is not kept any more."""

    bytes: int


class Unsupported(Exception):
    """The column cannot be read value by value."""


Value = bytes | TooLong | Gone | None


class LongValues:
    """All values of a column chunk of strings or bytes without repetition, in order; None for nulls.

    Args:
        source: The file. chunk: Where the pages are. codec: Compression, as pyarrow names it. optional:
        Whether values may be null. cap: Bytes of the longest value that is returned.

    Raises:
        Unsupported: The pages are compressed or encoded in a way that is not supported here. Broken: They are
        damaged.
    """

    def __init__(self, source: Source, chunk: Chunk, codec: str, optional: bool, cap: int) -> None:
        self._source = source
        self._chunk = chunk
        self._codec = codec
        self._optional = optional
        self._cap = cap
        self._dictionary: _Dictionary | None = None

    def __iter__(self) -> Iterator[Value]:
        at = self._chunk.start
        while at < self._chunk.end:
            header = self._header(at)
            at += header.length
            if header.kind in (DATA, DATA_V2, DICTIONARY):
                self._verify(at, header)
            if header.kind == DICTIONARY:
                content = self._content(at, header.stored, header.size, header.compressed)
                self._dictionary = _Dictionary(content, header, self._cap)
            elif header.kind in (DATA, DATA_V2) and header.values:
                yield from self._page(at, header)
            at += header.stored

    def _header(self, at: int) -> PageHeader:
        size = 1024
        while True:
            data = self._source.read_exactly(at, size)
            try:
                header = page_header(data)
            except ValueError as error:
                raise Broken(str(error)) from None
            if header is not None:
                return header
            if len(data) < size:
                raise Broken("the file ends inside a page header")
            size *= 8

    def _verify(self, at: int, header: PageHeader) -> None:
        if header.checksum is not None:
            checksum = 0
            for piece in self._stored(at, header.stored):
                checksum = zlib.crc32(piece, checksum)
            if checksum != header.checksum:
                raise Broken(f"wrong checksum of the page at byte {at}")

    def _stored(self, at: int, size: int) -> Iterator[bytes]:
        while size > 0:
            piece = self._source.read_at(at, min(size, PIECE))
            if not piece:
                raise Broken("the file ends inside a page")
            yield piece
            at += len(piece)
            size -= len(piece)

    def _content(self, at: int, stored: int, size: int, compressed: bool) -> _Content:
        codec = self._codec if compressed else "UNCOMPRESSED"
        try:
            return _Content(decompressed(codec, self._stored(at, stored)), size)
        except KeyError:
            raise Unsupported(f"compressed with {codec}") from None

    def _page(self, at: int, header: PageHeader) -> Iterator[Value]:
        if header.kind == DATA_V2:
            before = sum(header.levels)
            levels = _Content(self._stored(at + header.levels[0], header.levels[1]), header.levels[1])
            content = self._content(
                at + before, header.stored - before, header.size - before, header.compressed
            )
        else:
            content = self._content(at, header.stored, header.size, True)
            if self._optional and header.level_encoding == BIT_PACKED:
                raise Unsupported("with levels as bits")
            length = int.from_bytes(content.take(4), "little") if self._optional else 0
            levels = _Content(iter((content.take(length),)), length)
        present = _runs(levels, 1, header.values) if self._optional else itertools.repeat(1, header.values)
        if header.encoding == PLAIN:
            for is_there in present:
                yield content.value(self._cap) if is_there else None
        elif header.encoding in _BY_DICTIONARY:
            indexes = self._indexes(content, header.values)
            for is_there in present:
                yield self._entry(next(indexes)) if is_there else None
        else:
            raise Unsupported(f"in encoding {header.encoding}")

    def _indexes(self, content: _Content, count: int) -> Iterator[int]:
        yield from _runs(content, content.take(1)[0], count)

    def _entry(self, index: int) -> Value:
        if self._dictionary is None:
            raise Broken("a page refers to a dictionary that is not there")
        return self._dictionary.entry(index)


class _Dictionary:
    """A dictionary read in ascending order, with its recently used entries."""

    def __init__(self, content: _Content, header: PageHeader, cap: int) -> None:
        self._content = content
        self._header = header
        self._cap = cap
        self._next = 0
        self._kept: dict[int, bytes | TooLong] = {}
        self._order: deque[int] = deque()
        self._bytes = 0

    def entry(self, index: int) -> Value:
        if index >= self._header.values:
            raise Broken("a page refers to an entry that the dictionary does not have")
        while index >= self._next:
            value = self._content.value(self._cap)
            self._kept[self._next] = value
            self._order.append(self._next)
            self._bytes += _size(value)
            self._next += 1
            while self._bytes > KEPT and len(self._order) > 1:
                self._bytes -= _size(self._kept.pop(self._order.popleft()))
        return self._kept.get(index, Gone(self._header.size))


def _size(value: bytes | TooLong) -> int:
    return 64 + (len(value) if isinstance(value, bytes) else 0)


class _Content:
    """The content of a page, which arrives in pieces; ``size`` bytes in all."""

    def __init__(self, pieces: Iterator[bytes], size: int) -> None:
        self._pieces = pieces
        self._left = size  # after the piece
        self._piece = b""
        self._at = 0

    def _more(self) -> None:
        try:
            piece = next(self._pieces, b"")
        except BadBlock as error:
            raise Broken(str(error)) from None
        if not piece or len(piece) > self._left:
            raise Broken("a page is not as long as it says")
        self._left -= len(piece)
        self._piece, self._at = piece, 0

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        end = self._at + size
        if end <= len(self._piece):
            found = self._piece[self._at : end]
            self._at = end
            return found
        if size > len(self._piece) - self._at + self._left:
            raise Broken("a value is longer than its page")
        parts = [self._piece[self._at :]]
        missing = size - len(parts[0])
        while missing:
            self._more()
            parts.append(self._piece[:missing])
            self._at = len(parts[-1])
            missing -= self._at
        return b"".join(parts)

    def value(self, cap: int) -> bytes | TooLong:
        """A value: a length of 32 bits, followed by that many bytes."""
        size = int.from_bytes(self.take(4), "little")
        if size <= cap:
            return self.take(size)
        if size > len(self._piece) - self._at + self._left:
            raise Broken("a value is longer than its page")
        missing = size
        while (here := len(self._piece) - self._at) < missing:
            missing -= here
            self._more()
        self._at += missing
        return TooLong(size)

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7


def _runs(content: _Content, width: int, count: int) -> Iterator[int]:
    """Up to ``count`` numbers of ``width`` bits: runs of one number, and groups of eight (the format's
    RLE/bit-packing hybrid)."""
    mask = (1 << width) - 1
    while count > 0:
        head = content.varint()
        if head & 1:
            for _ in range(head >> 1):
                bits = int.from_bytes(content.take(width), "little")
                for _ in range(min(count, 8)):
                    yield bits & mask
                    bits >>= width
                count -= 8
                if count <= 0:
                    return
        else:
            number = int.from_bytes(content.take((width + 7) // 8), "little")
            run = min(head >> 1, count)
            for _ in range(run):
                yield number
            count -= run
