"""Rows of a Common Crawl index table as byte ranges of WARC files.

It knows the index's columns, and how to fetch few large ranges instead of many small ones. It knows
nothing of WARC.

The table in Common Crawl's ``cc-index`` calls them warc_filename, warc_record_offset and
warc_record_length; extracts of it often offset and length. Both are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from stages.base import MIB, Fault, Input, Reject, Storage
from stages.read.documents import document_id

ROWS_PER_INPUT = 10_000
#: Ranges this near to each other are fetched as one: reading 64 KiB costs less than another request.
NEAR = 64 << 10
#: Most bytes fetched at once (a single longer range excepted).
SPAN = 8 * MIB

_COLUMNS = (
    ("warc_filename", "warc_record_offset", "warc_record_length"),
    ("warc_filename", "offset", "length"),
)


class IndexedRange(NamedTuple):
    """Where one record lies."""

    file: str  # warc_filename as in the index
    offset: int
    length: int
    url: str | None


def index_inputs(storage: Storage, files: Sequence[Input]) -> list[Input]:
    """One input per 10,000 rows of each index file.

    Raises:
        ValueError: A file is no Parquet file or lacks the columns.
    """
    inputs = []
    for item in files:
        with storage.open(item.path) as file:
            table = _open(item, file)
            _columns(item, table)
            rows = table.metadata.num_rows
        inputs += [
            item._replace(start=start, stop=min(start + ROWS_PER_INPUT, rows))
            for start in range(0, rows, ROWS_PER_INPUT)
        ]
    return inputs


def load_ranges(item: Input, storage: Storage, cap: int) -> tuple[list[IndexedRange], list[Reject]]:
    """The ranges of rows ``start`` to ``stop``, sorted by file and offset, and the rows that name none.

    A range longer than ``cap`` (bytes, compressed) is dropped as oversized before it is fetched.
    """
    with storage.open(item.path) as file:
        table = _open(item, file)
        names = _columns(item, table)
        has_url = "url" in table.schema_arrow.names
        rows = _rows(table, [*names, "url"] if has_url else names, item.start, item.stop)
    ranges: list[IndexedRange] = []
    rejects: list[Reject] = []
    columns = [rows[name].to_pylist() for name in names]
    urls = rows["url"].to_pylist() if has_url else [None] * rows.num_rows
    for row, (name, offset, length, url) in enumerate(zip(*columns, urls, strict=True), item.start):
        one = (name, offset, length)
        if not name or offset is None or length is None or offset < 0 or length <= 0:
            fault, failed = Fault("bad_index_row", f"row {row}: file, offset and length are {one}"), True
        elif length > cap:
            fault, failed = Fault("oversized", f"{length} bytes compressed"), False
        else:
            ranges.append(IndexedRange(name, offset, length, url))
            continue
        identity = document_id("warc", "index", item.name, str(row))
        place = {"file": name or item.name, "offset": row if offset is None else offset, "record": None}
        rejects.append(Reject(identity, url, fault, failed, place))
    ranges.sort(key=lambda one: one[:3])
    return ranges, rejects


def spans(ranges: Sequence[IndexedRange]) -> Iterator[list[IndexedRange]]:
    """Sorted ranges of one file, in groups that are near enough to be fetched at once."""
    span: list[IndexedRange] = []
    end = 0
    for one in ranges:
        near = one.offset <= end + NEAR
        if span and not (near and one.offset + one.length - span[0].offset <= SPAN):
            yield span
            span = []
            end = 0
        span.append(one)
        end = max(end, one.offset + one.length)
    if span:
        yield span


def _open(item: Input, file: object) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{item.path} is no Parquet file: {error}") from None


def _columns(item: Input, table: pq.ParquetFile) -> list[str]:
    present = table.schema_arrow.names
    for names in _COLUMNS:
        if set(names) <= set(present):
            return list(names)
    raise ValueError(
        f"{item.path} is no index: it needs the columns warc_filename, and either warc_record_offset and "
        f"warc_record_length or offset and length; it has {', '.join(present)}"
    )


def _rows(table: pq.ParquetFile, names: list[str], start: int, stop: int | None) -> pa.Table:
    """Rows ``start`` to ``stop``, decoding only the row groups they lie in."""
    pieces = []
    first = 0
    stop = table.metadata.num_rows if stop is None else stop
    for group in range(table.num_row_groups):
        rows = table.metadata.row_group(group).num_rows
        if first < stop and first + rows > start:
            piece = table.read_row_group(group, columns=names)
            pieces.append(piece.slice(max(start - first, 0), min(stop, first + rows) - max(start, first)))
        first += rows
    if not pieces:
        return table.schema_arrow.empty_table().select(names)
    return pa.concat_tables(pieces)
