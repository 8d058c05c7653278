"""Rows of a Common Crawl index table as byte ranges of WARC files.

It knows the index's columns, which file names stay below a prefix, and how to fetch few large ranges instead
of many small ones. It does not know WARC.

The table in Common Crawl's ``cc-index`` calls them warc_filename, warc_record_offset and warc_record_length;
extracts of it often use offset and length. Both spellings are accepted.

A table is data, and may name any file. A name is appended to ``prefix`` and must stay below it: it must not
have a scheme of its own, start at the root, or have a segment that leads upwards, however it is spelled. A
row with any other name is a failed record.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from stages.base import MIB, Fault, Input, Reject, Storage
from stages.read.documents import document_id
from stages.read.values import string_of

ROWS_PER_INPUT = 10_000
#: Ranges with at most this many bytes between them are fetched as one: reading 64 KiB costs less than another
#: request.
NEAR = 64 << 10
#: Limit on bytes fetched at once (except for a single longer range).
SPAN = 8 * MIB

#: Longest name of a file or object that any storage has, in bytes.
_LONGEST_NAME = 1024
_LAST = (1 << 63) - 1  # of offsets
_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
#: Schemes of addresses that are allowed if there is no prefix.
_KNOWN = ("s3://", "az://", "file://")

_COLUMNS = (
    ("warc_filename", "warc_record_offset", "warc_record_length"),
    ("warc_filename", "offset", "length"),
)


class IndexedRange(NamedTuple):
    """The location of one record."""

    file: str  # warc_filename as in the index
    offset: int
    length: int
    url: str | None
    row: int = 0  # of the index table


def index_inputs(storage: Storage, files: Sequence[Input]) -> list[Input]:
    """One input per 10,000 rows of each index file.

    Raises:
        ValueError: A file is not a Parquet file or lacks the columns.
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


def load_ranges(
    item: Input, storage: Storage, cap: int, prefix: str
) -> tuple[list[IndexedRange], list[Reject]]:
    """The ranges of rows ``start`` to ``stop``, sorted by file and offset, and the rows that name no valid
    range.

    A range longer than ``cap`` (bytes, compressed) is dropped as oversized before it is fetched.
    """
    with storage.open(item.path) as file:
        table = _open(item, file)
        names = _columns(item, table)
        has_url = "url" in table.schema_arrow.names
        rows = _rows(table, [*names, "url"] if has_url else names, item.start, item.stop)
    ranges: list[IndexedRange] = []
    rejects: list[Reject] = []
    columns = [_values(rows[name]) for name in names]
    urls = _values(rows["url"]) if has_url else [None] * rows.num_rows
    for row, (name, offset, length, url) in enumerate(zip(*columns, urls, strict=True), item.start):
        start, size = _integer(offset), _integer(length)
        one = IndexedRange(
            string_of(name) or "", -1 if start is None else start, size or 0, string_of(url), row
        )
        wrong = _wrong(one, prefix)
        if wrong:
            rejects.append(bad_row(item, one, f"{wrong}: {(name, offset, length)}"))
        elif one.length > cap:
            rejects.append(_reject(item, one, Fault("oversized", f"{one.length} bytes compressed"), False))
        else:
            ranges.append(one)
    ranges.sort(key=lambda one: (one.file, one.offset, one.length))
    return ranges, rejects


def place_of(name: str, prefix: str) -> str:
    """Path or address of a file of the index."""
    return f"{prefix}{name}" if not prefix or prefix.endswith("/") else f"{prefix}/{name}"


def bad_row(item: Input, one: IndexedRange, detail: str) -> Reject:
    """The reject for a row whose record cannot be read."""
    return _reject(item, one, Fault("bad_index_row", f"row {one.row}: {detail[:200]}"), True)


def _reject(item: Input, one: IndexedRange, fault: Fault, failed: bool) -> Reject:
    identity = document_id("warc", "index", item.name, str(one.row))
    offset = one.offset if 0 <= one.offset <= _LAST else one.row
    place = {"file": one.file[:_LONGEST_NAME] or item.name, "offset": offset, "record": None}
    return Reject(identity, one.url, fault, failed, place)


def _wrong(one: IndexedRange, prefix: str) -> str | None:
    """What is wrong with a row, or None."""
    if one.offset < 0 or one.length <= 0:
        return "file, offset and length have to be given"
    if one.offset + one.length > _LAST:
        return "no file is that long"
    return _outside(one.file, prefix)


def _outside(name: str, prefix: str) -> str | None:
    """Why a file of this name must not be opened below ``prefix``, or None. If there is no prefix, a name may
    be an address or start at the root, but must not lead upwards."""
    if not name or name.isspace():
        return "there is no file name"
    if "\0" in name or "\ufffd" in name or len(name.encode()) > _LONGEST_NAME:
        return "that is no file name"
    spelled = name
    for _ in range(4):  # storage may decode percent signs once; no real name needs more
        if prefix and (_SCHEME.match(spelled) or spelled.lstrip()[:1] in ("/", "\\")):
            return "the file name is no path below the prefix"
        if ".." in re.split(r"[/\\]", spelled.replace(" ", "")):
            return "the file name leads upwards"
        spelled = unquote(spelled)
    if not prefix and _SCHEME.match(name) and not name.startswith(_KNOWN):
        return "the file name is no address that can be read"
    return None


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Values of a column; None for a string that is not UTF-8."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return [_value(value) for value in column]


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return None


def _integer(value: Any) -> int | None:
    """An integer, however the table stores it; None if the value is not an integer."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"[0-9]{1,19}", value.strip()) else None
    if isinstance(value, (int, float, decimal.Decimal)) and not isinstance(value, bool):
        try:
            return int(value) if value == int(value) else None
        except (ValueError, OverflowError):  # not a number, infinite
            return None
    return None


def spans(ranges: Sequence[IndexedRange]) -> Iterator[list[IndexedRange]]:
    """Sorted ranges of one file, in groups that are close enough to be fetched at once."""
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
