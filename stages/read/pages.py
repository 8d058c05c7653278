"""Reads headers of Parquet pages while their bytes are read, to know how large the next values will be once
decoded.

A column chunk is a series of pages, each decompressed in one piece. The footer gives the length of a chunk
but not of its pages, so a decoder would meet a page of 2 GB when it is too late. Here the bytes that a
decoder requests are inspected before it gets them, and headers are read ahead of it. That needs no additional
reading, and takes microseconds a page.

It knows page headers (Thrift's compact protocol; parquet.thrift of the format) and the chunks of one row
group. It decodes no values.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from stages.base import MIB

#: Longest header that is accepted; statistics in it hold values of the column.
_LONGEST_HEADER = 16 * MIB

DATA, DICTIONARY, DATA_V2 = 0, 2, 3
PLAIN, RLE, BIT_PACKED, DELTA_BYTE_ARRAY = 0, 3, 4, 7


class PageHeader(NamedTuple):
    """The fields of a page header; sizes in bytes."""

    length: int  # of the header itself
    kind: int  # DATA, DICTIONARY, DATA_V2, or an index page
    size: int  # of the page, decompressed
    stored: int  # of the page in the file
    checksum: int | None  # CRC-32 of the page as stored
    values: int  # nulls included
    encoding: int  # of the values
    level_encoding: int  # of definition levels (DATA)
    levels: tuple[int, int]  # stored bytes of repetition and definition levels (DATA_V2)
    compressed: bool


class Chunk(NamedTuple):
    """Location of the pages of one column in the file."""

    column: str
    start: int
    end: int


def page_header(data: bytes | memoryview, at: int = 0) -> PageHeader | None:
    """The header that starts at ``at`` of ``data``; None if it continues beyond the end of ``data``.

    Raises:
        ValueError: There is no page header at this place.
    """
    try:
        found, end = _struct(data, at)
    except IndexError:
        if len(data) - at > _LONGEST_HEADER:
            raise ValueError("a page header does not end") from None
        return None
    try:
        kind, size, stored = found[1], found[2], found[3]
        about = found.get({DATA: 5, DICTIONARY: 7, DATA_V2: 8}.get(kind, 0), {})
        values = about.get(1, 0)
        encoding = about.get(4 if kind == DATA_V2 else 2, PLAIN)
        level_encoding = about.get(3, RLE) if kind == DATA else RLE
        levels = (about.get(6, 0), about.get(5, 0)) if kind == DATA_V2 else (0, 0)
        checksum = found.get(4)
        if min(size, stored, values, *levels) < 0:
            raise ValueError("a page of negative size")
    except (KeyError, TypeError, AttributeError):
        raise ValueError("no page header") from None
    checksum = None if checksum is None else checksum & 0xFFFFFFFF
    compressed = kind != DATA_V2 or about.get(7, True) is not False
    return PageHeader(
        end - at, kind, size, stored, checksum, values, encoding, level_encoding, levels, compressed
    )


def _struct(data: bytes | memoryview, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """The fields of a struct by their numbers, and where it ends. Binary values are skipped."""
    if depth > 4:
        raise ValueError("no page header")
    fields: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _integer(data, at)
        kind = head & 15
        value: Any = None
        if kind in (1, 2):
            value = kind == 1
        elif kind == 3:
            at += 1
        elif kind in (4, 5, 6):
            value, at = _integer(data, at)
        elif kind == 7:
            at += 8
        elif kind == 8:
            length, at = _varint(data, at)
            at += length
        elif kind == 12:
            value, at = _struct(data, at, depth + 1)
        else:
            raise ValueError("no page header")
        fields[number] = value
    return fields, at + 1


def _varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("no page header")


def _integer(data: bytes | memoryview, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


class Broken(Exception):
    """Pages are damaged."""


class Exceeded(Exception):
    """The next values would take more memory than allowed."""


class LongPage(Exceeded):
    """A page that is too long to be decoded in one piece, however few rows are requested."""

    def __init__(self, column: str, size: int) -> None:
        super().__init__(f"a page of {size} bytes in column {column}")
        self.column = column


class LongBatch(Exceeded):
    """Too many rows at a time; ``rows`` may be few enough."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


class PageWatch:
    """The pages of one row group, as their bytes are read in order, chunk by chunk.

    ``rows`` are decoded at a time. They may take ``batch`` bytes, and the pages that contain them ``held``.
    The bytes of a batch are at most those of the pages that contain its rows; but entries of a dictionary,
    and values stored as differences, may be as long as their page, for every row.
    """

    def __init__(self, chunks: Sequence[Chunk], rows: int, batch: int, held: int) -> None:
        self._chunks = [_Watched(chunk) for chunk in chunks]
        self._rows = rows
        self._batch = batch
        self._held = held
        self._done = 0  # rows of earlier batches

    def next_batch(self) -> None:
        """Call after a batch was yielded; raises ``LongBatch`` if as many rows more would be too much."""
        self._done += self._rows
        self._check_batch()

    def saw(self, offset: int, data: bytes) -> None:
        """Call after ``data`` was read at ``offset``; raises ``Exceeded`` if a page in it is too large."""
        for chunk in self._chunks:
            if chunk.start <= offset < chunk.end:
                for header in chunk.headers(offset, data):
                    chunk.note(header)
                    self._check_pages()
                    self._check_batch()

    def _check_pages(self) -> None:
        if sum(each.dictionary + each.page + each.stored for each in self._chunks) > self._held:
            longest = max(self._chunks, key=lambda each: max(each.dictionary, each.page))
            raise LongPage(longest.column, max(longest.dictionary, longest.page))

    def _check_batch(self) -> None:
        if self._rows == 1:
            return
        pages = sum(each.bytes_of(self._done, self._done + self._rows) for each in self._chunks)
        repeated = sum(each.repeated for each in self._chunks)
        if repeated * self._rows + pages > self._batch:
            rows = self._rows // 2
            if repeated * self._rows > self._batch // 2:
                rows = min(self._rows - 1, (self._batch - min(pages, self._batch // 2)) // repeated)
            raise LongBatch(max(rows, 1))


class _Watched:
    """One chunk, and the facts known about its pages."""

    def __init__(self, chunk: Chunk) -> None:
        self.column, self.start, self.end = chunk
        self.dictionary = 0  # bytes of the dictionary, decompressed
        self.page = 0  # bytes of the page that came last, decompressed
        self.stored = 0  # and as stored
        self.repeated = 0  # bytes that every row may take
        self._pages: deque[tuple[int, int]] = deque()  # end row and bytes of the pages still in use
        self._rows = 0  # in the pages so far
        self._next = chunk.start  # where the next header starts
        self._tail = b""  # what was read of it

    def note(self, header: PageHeader) -> None:
        self.stored = header.stored
        if header.kind == DICTIONARY:
            self.dictionary = self.repeated = header.size
        elif header.kind in (DATA, DATA_V2):
            self.page = header.size
            self._rows += header.values
            self._pages.append((self._rows, header.size))
            delta = header.size if header.encoding == DELTA_BYTE_ARRAY else 0
            self.repeated = max(self.dictionary, delta)

    def bytes_of(self, first: int, stop: int) -> int:
        """Bytes of the pages that have rows ``first`` to ``stop``; earlier rows are not requested again."""
        while self._pages and self._pages[0][0] <= first:
            self._pages.popleft()
        size = 0
        for end, page in self._pages:
            size += page
            if end >= stop:
                break
        return size

    def headers(self, offset: int, data: bytes) -> list[PageHeader]:
        """The headers that end in ``data``."""
        found = []
        if self._tail:
            data = self._tail + data
            offset -= len(self._tail)
            self._tail = b""
        while offset <= self._next < min(offset + len(data), self.end):
            try:
                header = page_header(data, self._next - offset)
            except ValueError:
                self._next = self.end  # the decoder will report what is wrong
                break
            if header is None:
                self._tail = data[self._next - offset :]
                break
            found.append(header)
            self._next += header.length + header.stored
        return found
