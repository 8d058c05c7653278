"""The table reader: rows of Parquet or JSONL files become documents.

It knows how columns are mapped and how rows are identified. It knows nothing of what the text is.

| reason | failed | meaning |
|---|---|---|
| bad_json | yes | a line that is no JSON object |
| bad_utf8 | yes | a row of a Parquet file with a string that is no UTF-8 |
| no_text | no | neither ``text`` nor (where mapped) ``html`` is a string with something in it |
| oversized | no | text and HTML are longer than ``max_bytes`` in UTF-8 |
| damaged_stream | yes | compressed JSONL, or a Parquet row group, that does not decode: the rest is lost |
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, field_validator

from stages.base import MIB, Batch, Fault, Input, InputPath, Reader, Reject, StageConfig, Storage
from stages.read.documents import BATCH_BYTES, BATCH_RECORDS, document_id, document_table, provenance_array
from stages.read.lines import Break, lines
from stages.read.listing import list_files
from stages.read.source import Source

#: Columns of a document that a table can give, besides ``id`` (which is hashed, never taken as it is).
_TAKEN = ("text", "html", "url", "date", "language", "language_score", "license")
#: Parquet files longer than this are split between row groups into inputs of about this many bytes.
SPLIT_BYTES = 256 * MIB
#: Escapes make a JSON line longer than its text: six bytes for one at worst.
_ESCAPES = 6


class TablesConfig(StageConfig):
    """Which files, and which of their columns are what."""

    paths: list[InputPath] = Field(min_length=1)
    format: Literal["parquet", "jsonl"]
    #: Our column to theirs, e.g. ``{text: content, url: meta_url}``. Columns of ours that are not named here
    #: are taken where the file has one of the same name.
    columns: dict[str, str] = Field(default_factory=dict)
    source: str | None = None  #: value of the ``source`` column
    max_bytes: int = Field(default=10 * MIB, gt=0)

    @field_validator("columns")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - {"id", *_TAKEN})
        if unknown:
            raise ValueError(f"no column {unknown[0]!r} here; there are {', '.join(('id', *_TAKEN))}")
        return value


class _Row(NamedTuple):
    offset: int  # of the line in the decompressed text; the row number in Parquet
    values: Mapping[str, Any]  # our names


class Tables(Reader):
    """Reads documents from Parquet or JSONL (plain, .gz or .zst, told by content)."""

    name: ClassVar[str] = "tables"
    Config: ClassVar[type[StageConfig]] = TablesConfig
    #: Raw HTML where the table has it: then ``text`` may be null.
    adds: ClassVar[pa.Schema] = pa.schema([("html", pa.string())])

    config: TablesConfig

    def list(self, storage: Storage) -> list[Input]:
        """One input per file; Parquet files over 256 MiB are split between row groups."""
        files = list_files(storage, self.config.paths)
        if self.config.format == "jsonl":
            return files
        return [part for item in files for part in self._split(item, storage)]

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        """Batches of at most 256 records or about 16 MiB of content, in file order.

        Raises:
            ValueError: No Parquet file, or a mapped column is missing or has no usable type.
            OSError: Storage cannot deliver the file.
        """
        pending = _Pending(self.config.source or "", item.name, self.adds)
        with storage.open(item.path) as file:
            source = Source(file)
            rows = self._lines(item, source) if self.config.format == "jsonl" else self._parquet(item, source)
            for count, row in enumerate(rows):
                if count == limit:
                    break
                if isinstance(row, Reject):
                    pending.rejects.append(row)
                else:
                    pending.add(row, self.config.max_bytes)
                if pending.full():
                    yield pending.flush()
        if not pending.empty():
            yield pending.flush()

    def _lines(self, item: Input, source: Source) -> Iterator[_Row | Reject]:
        names = {ours: self.config.columns.get(ours, ours) for ours in ("id", *_TAKEN)}
        for line in lines(source, _ESCAPES * self.config.max_bytes + MIB):
            where = f"line {line.number}"
            if isinstance(line, Break):
                yield _reject(item, line.offset, "damaged_stream", f"{where} and all after: {line.detail}")
                return
            if line.data is None:
                yield _reject(item, line.offset, "oversized", where, failed=False)
                continue
            data = line.data.removeprefix(b"\xef\xbb\xbf") if line.number == 1 else line.data
            if not data.strip():
                continue
            try:
                values = json.loads(data)
            except (ValueError, RecursionError) as error:
                yield _reject(item, line.offset, "bad_json", f"{where}: {str(error)[:120]}")
                continue
            if not isinstance(values, dict):
                yield _reject(item, line.offset, "bad_json", f"{where}: not an object")
                continue
            yield _Row(line.offset, {ours: values.get(theirs) for ours, theirs in names.items()})

    def _parquet(self, item: Input, source: Source) -> Iterator[_Row | Reject]:
        table = _open(item, source)
        present = table.schema_arrow.names
        for theirs in self.config.columns.values():
            if theirs not in present:
                raise ValueError(f"{item.path} has no column {theirs!r}; it has {', '.join(present)}")
        names = {ours: self.config.columns.get(ours, ours) for ours in ("id", *_TAKEN)}
        names = {ours: theirs for ours, theirs in names.items() if theirs in present}
        first = 0
        for group in range(table.num_row_groups):
            size = table.metadata.row_group(group).num_rows
            row = first
            first += size
            if row < item.start or (item.stop is not None and row >= item.stop):
                continue
            try:
                for batch in table.iter_batches(
                    BATCH_RECORDS, row_groups=[group], columns=sorted(set(names.values())), use_threads=False
                ):
                    columns = {ours: batch.column(theirs) for ours, theirs in names.items()}
                    for index in range(batch.num_rows):
                        try:
                            values = {ours: column[index].as_py() for ours, column in columns.items()}
                        except UnicodeDecodeError as error:
                            yield _reject(item, row + index, "bad_utf8", f"row {row + index}: {error}")
                            continue
                        yield _Row(row + index, values)
                    row += batch.num_rows
            except (pa.ArrowException, OSError) as error:
                if source.error is not None:
                    raise source.error from None
                what = f"rows {row} to {first - 1}: {str(error)[:120]}"
                yield _reject(item, row, "damaged_stream", what)

    def _split(self, item: Input, storage: Storage) -> Iterator[Input]:
        if item.size <= SPLIT_BYTES:
            yield item
            return
        with storage.open(item.path) as file:
            metadata = _open(item, Source(file)).metadata
        start = row = size = 0
        for group in range(metadata.num_row_groups):
            row += metadata.row_group(group).num_rows
            size += metadata.row_group(group).total_byte_size
            if size >= SPLIT_BYTES or group == metadata.num_row_groups - 1:
                yield item._replace(start=start, stop=row)
                start, size = row, 0


def _open(item: Input, source: Source) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(
            pa.PythonFile(source.stream(0), mode="r"),
            pre_buffer=False,
            buffer_size=MIB,
            page_checksum_verification=True,
        )
    except (pa.ArrowException, OSError) as error:
        if source.error is not None:
            raise source.error from None
        raise ValueError(f"{item.path} is no Parquet file: {error}") from None


def _reject(item: Input, offset: int, reason: str, detail: str, failed: bool = True) -> Reject:
    identity = document_id("tables", item.name, str(offset))
    place = {"file": item.name, "offset": offset, "record": None}
    return Reject(identity, None, Fault(reason, detail), failed, place)


def _string(value: Any) -> str | None:
    """A scalar as a string that Arrow takes: no lone surrogate (JSON can spell one), no NUL."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return f"{value.isoformat(timespec='seconds')}Z"
    if isinstance(value, datetime.date):
        return str(value.isoformat())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return None


def _clean(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "�")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _content(value: Any) -> str | None:
    text = _string(value) if isinstance(value, str) else None
    return text if text and not text.isspace() else None


class _Pending:
    """The batch being gathered."""

    def __init__(self, source: str, file: str, adds: pa.Schema) -> None:
        self._source = source
        self._file = file
        self._adds = adds
        self._start()

    def _start(self) -> None:
        self.rejects: list[Reject] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in ("id", "offset", "record", *_TAKEN)}
        self._bytes = 0

    def add(self, row: _Row, cap: int) -> None:
        """A document, or a reject, from ``row``."""
        get = row.values.get
        text, html = _content(get("text")), _content(get("html"))
        url, key = _string(get("url")), get("id")
        if isinstance(key, bytes):
            record: str | None = key.hex()
        else:
            record = _string(key)
        if record is not None:
            identity = document_id(self._source, "id", record)
        else:
            identity = document_id(self._source, url or "", text or html or "")
        size = len((text or "").encode()) + len((html or "").encode())
        if (text is None and html is None) or size > cap:
            fault = (
                Fault("oversized", f"{size} bytes") if size > cap else Fault("no_text", _seen(get("text")))
            )
            place = {"file": self._file, "offset": row.offset, "record": record}
            if record is None and size == 0:  # nothing else tells such rows apart
                identity = document_id("tables", self._file, str(row.offset))
            self.rejects.append(Reject(identity, url, fault, False, place))
            return
        score = get("language_score")
        values: dict[str, Any] = {
            "id": identity,
            "offset": row.offset,
            "record": record,
            "text": text,
            "html": html,
            "url": url,
            "language_score": float(score) if isinstance(score, (int, float)) else None,
        }
        for name, column in self._columns.items():
            column.append(values[name] if name in values else _string(get(name)))
        self._bytes += size

    def full(self) -> bool:
        return self._bytes >= BATCH_BYTES or len(self._columns["id"]) + len(self.rejects) >= BATCH_RECORDS

    def empty(self) -> bool:
        return not self._columns["id"] and not self.rejects

    def flush(self) -> Batch:
        columns: dict[str, Any] = dict(self._columns)
        rows = len(columns["id"])
        offsets, records = columns.pop("offset"), columns.pop("record")
        columns["source"] = [self._source] * rows
        columns["provenance"] = provenance_array([self._file] * rows, offsets, records)
        batch = Batch(document_table(columns, rows, self._adds), self.rejects)
        self._start()
        return batch


def _seen(value: Any) -> str:
    if value is None:
        return "null"
    return "blank" if isinstance(value, str) else f"a {type(value).__name__}"
