"""Rows of a Parquet file in bounded memory, whatever its pages hold, and every row that is lost.

Row groups go through Arrow, some hundred rows at a time. The sizes of coming pages are watched (``pages``):
fewer rows are decoded at a time if they would take too much, and a column with a page that is too long to be
decoded in one piece is read value by value (``long_pages``).

It knows files, row groups and batches. It does not know what the columns are for.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Set
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.base import MIB, Input
from stages.files.source import Source, SourceStream
from stages.read.damage import Losses, OnDamage
from stages.read.long_pages import Gone, LongValues, TooLong, Unsupported, Value
from stages.read.pages import Broken, Chunk, Exceeded, LongBatch, LongPage, PageWatch
from stages.read.values import Column, Kind, column

_MAGIC = b"PAR1"
#: Limit on rows that are decoded at a time …
ROWS = 256
#: … on the bytes that they may take once decoded …
BATCH = 128 * MIB
#: … and on the bytes of the pages that contain them, stored plus decompressed.
HELD = 192 * MIB
#: Limit on bytes that are converted to Python values at a time.
SLICE = 16 * MIB


class Row(NamedTuple):
    """The values of one row, without strings that are longer than requested."""

    number: int
    values: Mapping[str, Any]
    left_out: int = 0  # bytes of those strings


class Lost(NamedTuple):
    """A row without values, and why. ``failed`` distinguishes errors from decisions."""

    number: int
    reason: str
    detail: str
    failed: bool = True


class _Stream(SourceStream):
    """The file that Arrow reads from. ``watch`` sees all bytes that are read."""

    watch: PageWatch | None = None
    exceeded: Exceeded | None = None

    def read(self, size: int = -1) -> bytes:
        at = self.tell()
        data = super().read(size)
        if self.watch is not None:
            try:
                self.watch.saw(at, data)
            except Exceeded as exceeded:
                self.exceeded = exceeded
                raise
        return data


class Table:
    """One Parquet file, or the rows of it that an input names.

    Raises:
        Broken: It begins as a Parquet file, but its footer is missing or damaged. ValueError: It is not a
        Parquet file.
    """

    def __init__(self, item: Input, source: Source) -> None:
        self._item = item
        self.source = source
        self.stream = _Stream(source)
        try:
            self.file = pq.ParquetFile(
                pa.PythonFile(self.stream, mode="r"),
                pre_buffer=False,
                buffer_size=MIB,
                page_checksum_verification=True,
                coerce_int96_timestamp_unit="s",
            )
        except (pa.ArrowException, OSError) as error:
            if source.error is not None:
                raise source.error from None
            if source.read_exactly(0, len(_MAGIC)) == _MAGIC:
                raise Broken(f"its footer cannot be read: {error}") from None
            raise ValueError(f"{item.path} is no Parquet file: {error}") from None
        self.schema: pa.Schema = self.file.schema_arrow
        self.metadata: pq.FileMetaData = self.file.metadata
        leaves = self.metadata.schema
        #: Index of every column that has single values.
        self.columns = {leaves.column(index).path: index for index in range(len(leaves.names))}

    def _groups(self) -> Iterator[tuple[int, int, int]]:
        """Index, first row and number of rows of every row group of the input."""
        first = 0
        stop = self.metadata.num_rows if self._item.stop is None else self._item.stop
        for group in range(self.metadata.num_row_groups):
            rows = self.metadata.row_group(group).num_rows
            if self._item.start <= first < stop:
                yield group, first, rows
            first += rows

    def rows(self, columns: Mapping[str, Kind], cap: int, damaged: OnDamage) -> Iterator[Row | Lost]:
        """All rows of the input, in order.

        Args:
            columns: Names of columns with single values, and how strings in them are wanted. cap: Most bytes
            of a string. damaged: What happens to an input that lost too much to damage.

        Raises:
            DamagedInput: Too much was lost to damage.
        """
        groups = list(self._groups())
        whole = self._item.stop is None
        size = (
            self.source.size if whole else sum(_stored_bytes(self.metadata, group) for group, _, _ in groups)
        )
        losses = Losses(self._item.path, size, damaged, sum(rows for _, _, rows in groups))
        for group, first, rows in groups:
            yield from _Group(self, group, first, rows, columns, cap).rows(losses)


def _stored_bytes(metadata: pq.FileMetaData, group: int) -> int:
    """Bytes of a row group in the file."""
    about = metadata.row_group(group)
    return sum(about.column(index).total_compressed_size for index in range(about.num_columns))


class _Group:
    """One row group, as it is read: ``columns`` and ``cap`` as in ``Table.rows``."""

    def __init__(
        self, table: Table, group: int, first: int, rows: int, columns: Mapping[str, Kind], cap: int
    ) -> None:
        self._table = table
        self._group = group
        self._first, self._stop = first, first + rows
        self._columns = columns
        self._how = {name: column(table.schema.field(name).type, kind) for name, kind in columns.items()}
        self._cap = cap
        about = table.metadata.row_group(group)
        self._chunks = {name: about.column(table.columns[name]) for name in columns}

    def rows(self, losses: Losses) -> Iterator[Row | Lost]:
        """All rows of the group."""
        row, at_once = self._first, self._at_once()
        long: dict[str, LongPage] = {}
        while row < self._stop:
            try:
                for found in self._rows(row, at_once, long):
                    yield found
                    row += 1
                if row < self._stop:
                    raise Broken("there are fewer rows than the file says")
            except LongBatch as exceeded:
                at_once = exceeded.rows
            except LongPage as exceeded:
                long[exceeded.column] = exceeded
            except Unsupported as error:
                what = "; ".join(map(str, long.values()))
                for number in range(row, self._stop):
                    yield Lost(number, "oversized", f"{what} {error}", failed=False)
                return
            except Broken as error:
                rows = self._stop - row
                share = rows / (self._stop - self._first)
                what = f"rows {row} to {self._stop - 1}: {error}"
                losses.add(share * _stored_bytes(self._table.metadata, self._group), what, rows)
                for number in range(row, self._stop):
                    yield Lost(number, "damaged_stream", what)
                return

    def _at_once(self) -> int:
        """How many rows to decode at a time, if all were of equal length."""
        size = sum(chunk.total_uncompressed_size for chunk in self._chunks.values())
        return int(max(min(ROWS, (self._stop - self._first) * BATCH // max(size, 1)), 1))

    def _rows(self, row: int, at_once: int, long: Collection[str]) -> Iterator[Row | Lost]:
        """The rows from ``row`` on; columns in ``long`` are read value by value."""
        columns = {name: self._long_values(name, row) for name in long}
        for found in self._through_arrow(row, at_once, self._columns.keys() - set(long)):
            values = {name: next(column, _END) for name, column in columns.items()}
            yield self._with(found, values) if values else found

    def _long_values(self, name: str, row: int) -> Iterator[Value]:
        chunk = self._chunks[name]
        if chunk.physical_type != "BYTE_ARRAY":
            raise Unsupported(f"of type {chunk.physical_type}")
        leaf = self._table.metadata.schema.column(self._table.columns[name])
        optional = leaf.max_definition_level > 0
        values = LongValues(self._table.source, _place(chunk), chunk.compression, optional, self._cap)
        return itertools.islice(values, row - self._first, None)

    def _with(self, found: Row | Lost, values: Mapping[str, Any]) -> Row | Lost:
        """``found`` and the values of long columns."""
        cells = {}
        left_out = 0
        for name, value in values.items():
            if value is _END:
                raise Broken("a column has fewer values than the file says")
            if isinstance(value, Gone):
                what = f"an entry far back in a dictionary of {value.bytes} bytes"
                return Lost(found.number, "oversized", what, failed=False)
            left_out += value.bytes if isinstance(value, TooLong) else 0
            try:
                cells[name] = self._how[name].cell(value) if isinstance(value, bytes) else None
            except UnicodeDecodeError as error:
                return _bad_utf8(found.number, error)
        if isinstance(found, Lost):
            return found
        return Row(found.number, {**found.values, **cells}, found.left_out + left_out)

    def _through_arrow(self, row: int, at_once: int, columns: Set[str]) -> Iterator[Row | Lost]:
        if not columns:
            yield from (Row(number, {}) for number in range(row, self._stop))
            return
        stream = self._table.stream
        # Columns so short that no batch of them can be too long need not be checked.
        chunks = (self._chunks[name] for name in columns)
        places = [_place(chunk) for chunk in chunks if chunk.total_uncompressed_size * ROWS > BATCH]
        stream.watch = watch = PageWatch(places, at_once, BATCH, HELD)
        stream.exceeded = None
        batches = self._table.file.iter_batches(
            at_once, row_groups=[self._group], columns=sorted(columns), use_threads=False
        )
        number = self._first
        while (batch := self._next(batches)) is not None:
            watch.next_batch()
            end = number + batch.num_rows
            if end > row:
                start = max(number, row)
                yield from self._batch(batch.slice(start - number), start)
            number = end
        stream.watch = None

    def _next(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        try:
            return next(batches, None)
        except (pa.ArrowException, OSError, Exceeded) as error:
            if self._table.stream.exceeded is not None:
                raise self._table.stream.exceeded from None
            if self._table.source.error is not None:
                raise self._table.source.error from None
            raise Broken(str(error)[:120]) from None

    def _batch(self, batch: pa.RecordBatch, first: int) -> Iterator[Row | Lost]:
        """The rows of a batch, a bounded number of bytes of them as Python values at a time."""
        names = batch.schema.names
        hows = [self._how[name] for name in names]
        arrays = [how.plain(array) for how, array in zip(hows, batch.columns, strict=True)]
        strings = [array for how, array in zip(hows, arrays, strict=True) if how.strings]
        for start, stop in _spans(strings, batch.num_rows, SLICE, self._cap):
            pieces = [array.slice(start, stop - start) for array in arrays]
            columns = _cells(hows, pieces) if stop - start > 1 else None
            if columns is not None:
                for number, values in enumerate(zip(*columns, strict=True), first + start):
                    yield Row(number, dict(zip(names, values, strict=True)))
            else:
                for index in range(stop - start):
                    yield self._one(first + start + index, names, [piece.slice(index, 1) for piece in pieces])

    def _one(self, number: int, names: list[str], arrays: list[pa.Array]) -> Row | Lost:
        """The row that columns with one value each represent."""
        values: dict[str, Any] = {}
        left_out = 0
        for name, array in zip(names, arrays, strict=True):
            how = self._how[name]
            length = (pc.binary_length(array)[0].as_py() or 0) if how.strings else 0
            left_out += length if length > self._cap else 0
            try:
                values[name] = how.cells(array)[0] if length <= self._cap else None
            except UnicodeDecodeError as error:
                return _bad_utf8(number, error)
        return Row(number, values, left_out)


def _cells(hows: list[Column], arrays: list[pa.Array]) -> list[list[Any]] | None:
    """Values of columns; None if a string is not UTF-8."""
    try:
        return [how.cells(array) for how, array in zip(hows, arrays, strict=True)]
    except UnicodeDecodeError:
        return None


_END = object()


def _place(chunk: pq.ColumnChunkMetaData) -> Chunk:
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    return Chunk(chunk.path_in_schema, start, start + chunk.total_compressed_size)


def _spans(strings: list[pa.Array], rows: int, size: int, cap: int) -> Iterator[tuple[int, int]]:
    """First and last row of stretches with up to ``size`` bytes of strings; a row with a string of more than
    ``cap`` bytes forms a stretch of its own."""
    if sum(array.nbytes for array in strings) <= min(size, cap):
        yield 0, rows
        return
    lengths = [pc.fill_null(pc.binary_length(array), 0).to_numpy() for array in strings]
    alone = np.any([length > cap for length in lengths], axis=0)
    ends = np.cumsum(np.where(alone, size + 1, np.sum(lengths, axis=0)))
    start = before = 0
    while start < rows:
        stop = max(int(np.searchsorted(ends, before + size, side="right")), start + 1)
        yield start, stop
        start, before = stop, int(ends[stop - 1])


def _bad_utf8(number: int, error: UnicodeDecodeError) -> Lost:
    return Lost(number, "bad_utf8", f"row {number}: {error}")
