"""The table reader: reads documents from the rows of Parquet or JSON Lines files.

It knows how columns are mapped and how rows are identified. It does not know what the text is about.
``parquet`` and ``lines`` read files in bounded memory.

The id of a document is a hash of ``source``, the id that the table gives, and the text (or HTML where there
is no text); if the table gives no id, of ``source``, ``url`` and the text. File names and row numbers are not
part of it, so equal rows have equal ids in whatever file they are. ``provenance.record`` holds the id that
the table gave.

| reason | failed | meaning |
|---|---|---|
| bad_json | yes | a line that is not a JSON object |
| bad_utf8 | yes | a row of a Parquet file with a string that is not UTF-8 |
| no_text | no | neither ``text`` nor (if mapped) ``html`` is a non-empty string |
| oversized | no | the strings of a row take more than ``max_bytes`` in UTF-8, or a row has too many values |
| damaged_stream | yes | compressed JSON Lines that break off, or a row of a damaged Parquet row group |
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import pyarrow as pa
from pydantic import Field, field_validator

from stages.base import MIB, Batch, Fault, Input, InputPath, Reader, Reject, Resources, StageConfig, Storage
from stages.files.lines import Break, lines
from stages.files.members import sniff
from stages.files.source import Source
from stages.read.damage import Losses, OnDamage
from stages.read.documents import (
    BATCH_BYTES,
    BATCH_RECORDS,
    document_id,
    document_table,
    provenance_array,
    utf8_array,
)
from stages.read.json_rows import TooManyValues, parse
from stages.read.listing import list_files
from stages.read.pages import Broken
from stages.read.parquet import Lost, Table
from stages.read.share import compressed, passed
from stages.read.values import Kind, holds_strings, is_nested, is_text, number_of, string_of, text_of

#: Columns of a document that a table can give, besides ``id`` (which is hashed, never used unchanged).
_TAKEN = ("text", "html", "url", "date", "language", "language_score", "license")
#: Strings of a row other than text and HTML count only if they have more than this many characters in all.
_USUAL = 64 << 10
#: Parquet files longer than this are split between row groups into inputs of about this many bytes.
SPLIT_BYTES = 256 * MIB
_COMPRESSED = (".gz", ".zst", ".zstd")
#: Escapes make a JSON line longer than its text: six bytes for one at worst.
_ESCAPES = 6
#: This many zero bytes in a line are not stray characters but a hole, or a lost block of a disk.
_BLOCK = 512
#: First bytes of a file of JSON lines: an object, blanks, or a byte order mark.
_JSON_STARTS = frozenset({b"", b"{", b" ", b"\t", b"\r", b"\n", b"\xef"})


class TablesConfig(StageConfig):
    """Which files are read, and which of their columns are used."""

    #: Files, directories of them, or patterns.
    paths: list[InputPath] = Field(min_length=1)
    #: JSON Lines may be plain, gzip or zstandard; the content is inspected.
    format: Literal["parquet", "jsonl"]
    #: Our column names, with the names that the file has for them, e.g. ``{text: content, url: meta_url}``.
    #: Columns that are not named here are taken if the file has one of the same name.
    columns: dict[str, str] = Field(default_factory=dict)
    #: Value of the column ``source``; the name of the dataset if not given.
    source: str | None = None
    #: Rows whose strings take more bytes than this are dropped.
    max_bytes: int = Field(default=10 * MIB, gt=0)
    #: A file that breaks off, or loses more than 1 % of its bytes to damage: ``fail`` makes it a failed
    #: input, ``keep`` takes what can be read.
    damaged: OnDamage = "fail"

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
    left_out: int = 0  # bytes of the strings that were too long to be read


class Tables(Reader):
    """Each input is one file; Parquet files over 256 MiB are split between row groups."""

    name: ClassVar[str] = "tables"
    version: ClassVar[int] = 2
    gives_ids: ClassVar[bool] = True
    Config: ClassVar[type[StageConfig]] = TablesConfig
    #: Raw HTML if the table has it; then ``text`` may be null.
    adds: ClassVar[pa.Schema] = pa.schema([("html", pa.string())])
    resources: ClassVar[Resources] = Resources(memory=256 * MIB)

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
            ValueError: It is not a Parquet file, or a mapped column is missing or has no usable type.
            DamagedInput: It ends too early or has too much damage (unless ``damaged: keep``). MoreMemory: It
            has zstd frames of more than 128 MiB of window. OSError: Storage cannot deliver the file.
        """
        pending = _RowBatch(self.config.source or "", item.name, self.adds)
        with storage.open(item.path) as file:
            source = Source(file)
            rows = self._lines(item, source) if self.config.format == "jsonl" else self._parquet(item, source)
            for row in itertools.islice(rows, limit):
                if isinstance(row, Reject):
                    pending.rejects.append(row)
                else:
                    pending.add(row, self.config.max_bytes)
                if pending.full():
                    yield pending.flush()
        if not pending.empty():
            yield pending.flush()

    def share(self, item: Input, storage: Storage, records: int, offset: int) -> float | None:
        """By rows of Parquet, by bytes of lines."""
        with storage.open(item.path) as file:
            if self.config.format == "jsonl":
                return passed(compressed(file, offset), records, item.size)
            stop = item.stop if item.stop is not None else Table(item, Source(file)).metadata.num_rows
            return records / (stop - item.start) if stop > item.start else None

    def _lines(self, item: Input, source: Source) -> Iterator[_Row | Reject]:
        names = {ours: self.config.columns.get(ours, ours) for ours in ("id", *_TAKEN)}
        losses = Losses(item.path, source.size, self.config.damaged)
        if source.size == 0 and item.path.endswith(_COMPRESSED):
            losses.add(0, "it is empty, which no compressed file is", cut=True)
        head = source.read_exactly(0, 8)
        plain = sniff(head) in (None, "plain")
        if plain and item.path.endswith(_COMPRESSED) and head[:1] not in _JSON_STARTS:
            what = "its name says that it is compressed, and its first bytes say neither that nor JSON"
            losses.add(source.size, what, cut=True)
            yield _reject(item, 0, "damaged_stream", what)
            return
        for line in lines(source, _ESCAPES * self.config.max_bytes + MIB, item.memory):
            where = f"line {line.number}"
            if isinstance(line, Break):
                what = f"{where} and all after: {line.detail}"
                losses.add(source.size - line.read, what, cut=not line.whole)
                yield _reject(item, line.offset, "damaged_stream", what)
                return
            if plain and line.zeros >= _BLOCK:
                losses.add(line.zeros, f"{where} has {line.zeros} bytes of zeros")
            if line.data is None:
                yield _reject(item, line.offset, "oversized", where, failed=False)
                continue
            data = line.data.removeprefix(b"\xef\xbb\xbf") if line.number == 1 else line.data
            if not data.strip():
                continue
            try:
                values = parse(data)
            except TooManyValues as error:
                yield _reject(item, line.offset, "oversized", f"{where}: {error}", failed=False)
            except ValueError as error:
                yield _reject(item, line.offset, "bad_json", f"{where}: {str(error)[:120]}")
            else:
                yield _Row(line.offset, {ours: values.get(theirs) for ours, theirs in names.items()})

    def _parquet(self, item: Input, source: Source) -> Iterator[_Row | Reject]:
        try:
            table = Table(item, source)
        except Broken as error:
            Losses(item.path, source.size, self.config.damaged).add(source.size, str(error), cut=True)
            yield _reject(item, 0, "damaged_stream", str(error))
            return
        try:
            names = self._columns(table.schema)
        except ValueError as error:
            raise ValueError(f"{item.path} {error}; it has {', '.join(table.schema.names)}") from None
        columns = {
            theirs: self._kind(ours, table.schema.field(theirs).type) for ours, theirs in names.items()
        }
        for row in table.rows(columns, self.config.max_bytes, self.config.damaged):
            if isinstance(row, Lost):
                yield _reject(item, row.number, row.reason, row.detail, row.failed)
            else:
                values = {ours: row.values[theirs] for ours, theirs in names.items()}
                yield _Row(row.number, values, row.left_out)

    def _columns(self, schema: pa.Schema) -> dict[str, str]:
        """Those of our columns that the file has, with its names for them.

        Raises:
            ValueError: A mapped column is missing; a text column has a type that cannot hold text; or there
            is no text.
        """
        mapped = self.config.columns
        for theirs in mapped.values():
            if theirs not in schema.names:
                raise ValueError(f"has no column {theirs!r}")
        found = {ours: mapped.get(ours, ours) for ours in ("id", *_TAKEN)}
        found = {ours: theirs for ours, theirs in found.items() if theirs in schema.names}
        for theirs in found.values():
            if schema.names.count(theirs) > 1:
                raise ValueError(f"has several columns {theirs!r}")
        refused = ""
        for ours in [name for name in ("text", "html") if name in found]:
            type_ = schema.field(found[ours]).type
            if not is_text(type_):
                refused = f"has a column {found[ours]!r} of type {type_}, which is no text"
                if ours in mapped:
                    raise ValueError(refused)
                del found[ours]
        if "text" not in found and "html" not in found:
            raise ValueError(refused or "has no column for text; name one in columns: {text: …}")
        if "html" in found and "html" not in mapped and "text" in found:
            # Raw pages in an unknown charset, beside text: they were not requested.
            html, text = (schema.field(found[ours]).type for ours in ("html", "text"))
            if not holds_strings(html) and not pa.types.is_null(text):
                del found["html"]
        return {ours: theirs for ours, theirs in found.items() if not is_nested(schema.field(theirs).type)}

    def _kind(self, ours: str, type_: pa.DataType) -> Kind:
        if ours in ("text", "html"):
            return "utf8"
        if ours == "id":
            return "stored"
        return "str" if ours in self.config.columns or holds_strings(type_) else "str or null"

    def _split(self, item: Input, storage: Storage) -> Iterator[Input]:
        if item.size <= SPLIT_BYTES:
            yield item
            return
        with storage.open(item.path) as file:
            try:
                metadata = Table(item, Source(file)).metadata
            except (Broken, ValueError):  # becomes a failed input when it is read, as a cut file does
                yield item
                return
        start = row = size = 0
        for group in range(metadata.num_row_groups):
            row += metadata.row_group(group).num_rows
            size += metadata.row_group(group).total_byte_size
            if size >= SPLIT_BYTES or group == metadata.num_row_groups - 1:
                yield item._replace(start=start, stop=row)
                start, size = row, 0


def _reject(item: Input, offset: int, reason: str, detail: str, failed: bool = True) -> Reject:
    identity = document_id("tables", item.name, str(offset))
    place = {"file": item.name, "offset": offset, "record": None}
    return Reject(identity, None, Fault(reason, detail), failed, place)


_COLUMNS = ("id", "offset", "record", *_TAKEN)


class _RowBatch:
    """The batch being gathered."""

    def __init__(self, source: str, file: str, adds: pa.Schema) -> None:
        self._source = source
        self._file = file
        self._adds = adds
        self._start()

    def _start(self) -> None:
        self.rejects: list[Reject] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        self._bytes = 0

    def add(self, row: _Row, cap: int) -> None:
        """A document, or a reject, from ``row``."""
        get = row.values.get
        text, html = text_of(get("text")), text_of(get("html"))
        url, record = string_of(get("url")), string_of(get("id"))
        date, language, license_ = (string_of(get(name)) for name in ("date", "language", "license"))
        size = len(text or b"") + len(html or b"") + row.left_out
        beside = sum(map(len, filter(None, (url, record, date, language, license_))))
        if beside > _USUAL:
            size += beside
        if (text is None and html is None) or size > cap:
            what = Fault("oversized", f"{size} bytes") if size > cap else Fault("no_text", _seen(get("text")))
            self._reject(row.offset, what, url, record, text or html, short=beside <= _USUAL)
            return
        identity = self._identity(url, record, text or html or b"")
        score = number_of(get("language_score"))
        values = (identity, row.offset, record, text, html, url, date, language, score, license_)
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        self._bytes += size

    def _identity(self, url: str | None, record: str | None, content: bytes) -> bytes:
        # Ids in tables are often row numbers of a file: documents are distinguished by their text.
        if record is not None:
            return document_id(self._source, "id", record, content)
        return document_id(self._source, url or "", content)

    def _reject(
        self,
        offset: int,
        fault: Fault,
        url: str | None,
        record: str | None,
        content: bytes | None,
        short: bool,
    ) -> None:
        if not short:
            url = record = None
        if record is None and content is None:  # nothing else distinguishes such rows
            identity = document_id("tables", self._file, str(offset))
        else:
            identity = self._identity(url, record, content or b"")
        place = {"file": self._file, "offset": offset, "record": record}
        self.rejects.append(Reject(identity, url, fault, False, place))

    def full(self) -> bool:
        return self._bytes >= BATCH_BYTES or len(self._columns["id"]) + len(self.rejects) >= BATCH_RECORDS

    def empty(self) -> bool:
        return not self._columns["id"] and not self.rejects

    def flush(self) -> Batch:
        columns: dict[str, Any] = dict(self._columns)
        rows = len(columns["id"])
        offsets, records = columns.pop("offset"), columns.pop("record")
        columns["source"] = [self._source] * rows
        columns |= {name: utf8_array(columns[name]) for name in ("text", "html")}
        columns["provenance"] = provenance_array([self._file] * rows, offsets, records)
        batch = Batch(document_table(columns, rows, self._adds), self.rejects)
        self._start()
        return batch


def _seen(value: Any) -> str:
    if value is None:
        return "null"
    return "blank" if isinstance(value, str) else f"a {type(value).__name__}"
