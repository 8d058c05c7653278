"""Rows of Parquet tables whose columns may be nested, for tables that name files of repositories.

A row group that does not decompress is lost as a whole, with a reject for each of its rows; too many of them
make a damaged input. Knows Parquet. Does not know what the columns are for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stages.base import MIB, DamagedInput, Fault, Input, Reject, Storage
from stages.files.source import Source
from stages.read.damage import TOLERATED
from stages.read.documents import document_id

#: Rows that are decoded at a time: a row may hold a file of some MiB.
_ROWS = 64


def schema_of(path: str, storage: Storage) -> pa.Schema:
    """The columns of a file. ValueError: it is no Parquet file."""
    with storage.open(path) as file:
        return _open(path, Source(file)).schema_arrow


def row_inputs(storage: Storage, files: Sequence[Input], rows: int) -> list[Input]:
    """Inputs of about so many rows, whole row groups where these are shorter."""
    inputs = []
    for item in files:
        with storage.open(item.path) as file:
            total = _open(item.path, Source(file)).metadata.num_rows
        starts = range(0, max(total, 1), rows)
        inputs += [item._replace(start=start, stop=min(start + rows, total)) for start in starts]
    return inputs


def rows_of(
    item: Input, storage: Storage, columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, Any]] | Reject]:
    """Rows ``start`` to ``stop`` with their numbers. DamagedInput: more than 1 % of them are lost."""
    with storage.open(item.path) as file:
        source = Source(file)
        table = _open(item.path, source)
        stop = table.metadata.num_rows if item.stop is None else item.stop
        first = lost = 0
        for group in range(table.metadata.num_row_groups):
            begin, end = first, first + table.metadata.row_group(group).num_rows
            first = end
            low, high = max(begin, item.start), min(end, stop)
            if low >= high:
                continue
            at = begin
            try:
                for batch in table.iter_batches(_ROWS, [group], list(columns)):
                    numbers = range(max(low, at), max(low, at, min(high, at + len(batch))))
                    yield from _values(item, batch.slice(max(low - at, 0), len(numbers)), numbers)
                    at += len(batch)
                    if at >= high:
                        break
            except (pa.ArrowException, OSError) as error:
                if source.error is not None:
                    raise source.error from None
                rest = range(max(low, at), high)
                lost += len(rest)
                what = f"rows from {rest.start} on: {' '.join(str(error).split())[:200]}"
                if lost > TOLERATED * (stop - item.start):
                    raise DamagedInput(f"{item.path} is damaged: {what}; fetch it again") from None
                for number in rest:
                    yield bad_row(item, number, "damaged_stream", what)


def _values(
    item: Input, batch: pa.RecordBatch, numbers: range
) -> Iterator[tuple[int, dict[str, Any]] | Reject]:
    try:
        rows = batch.to_pylist()
    except UnicodeDecodeError:
        rows = []
        for number in range(len(batch)):
            try:
                rows += batch.slice(number, 1).to_pylist()
            except UnicodeDecodeError as error:
                rows.append(bad_row(item, numbers[number], "bad_utf8", f"row {numbers[number]}: {error}"))
    for number, row in zip(numbers, rows, strict=True):
        yield row if isinstance(row, Reject) else (number, row)


def bad_row(item: Input, number: int, reason: str, detail: str) -> Reject:
    """A row of which nothing is known but its number."""
    identity = document_id("code", "row", item.name, str(number))
    place = {"file": item.name, "offset": number, "record": None}
    return Reject(identity, None, Fault(reason, detail), True, place)


def _open(path: str, source: Source) -> pq.ParquetFile:
    try:
        stream = pa.PythonFile(source.stream(0), mode="r")
        return pq.ParquetFile(stream, pre_buffer=False, buffer_size=MIB, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        if source.error is not None:
            raise source.error from None
        raise ValueError(f"{path} is no Parquet file: {error}") from None
