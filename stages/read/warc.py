"""The WARC reader: response records become documents, or rejects with a reason.

It knows which captures are worth a document and how they are identified. How records are found and
damage is survived is in ``records``, rows of a Common Crawl index in ``index``.

Every response record gives exactly one document or one reject. The reasons, in the order in which
they are looked for:

| reason | failed | meaning |
|---|---|---|
| damaged_member | yes | bytes that do not decompress, or whose checksum is wrong |
| bad_record | yes | a record that is none, or ends elsewhere than it says |
| bad_index_row | yes | a row of an index table without file, offset or length |
| not_text | no | the record holds no HTTP message (DNS answers, FTP) |
| bad_http | yes | no HTTP status line, or no end of the header within 64 KiB |
| http_status | no | the status is not 200 |
| warc_truncated | no | the crawler cut the payload (unless ``truncated: keep``) |
| oversized | no | the payload is longer than ``max_bytes``, as stored or decoded |
| empty | no | nothing but blanks |
| undecodable | yes | a content or transfer encoding that does not decode |
| not_text | no | neither HTML nor plain text, by type and first bytes |

Other record types (warcinfo, request, metadata, revisit, conversion, resource) are no pages and are
passed over.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from stages.base import MIB, Batch, Fault, Input, InputPath, Reader, Reject, Resources, StageConfig, Storage
from stages.read.charset import to_utf8
from stages.read.damage import Losses, OnDamage
from stages.read.documents import (
    BATCH_BYTES,
    BATCH_RECORDS,
    document_id,
    document_table,
    provenance_array,
    utf8_array,
)
from stages.read.index import IndexedRange, index_inputs, load_ranges, spans
from stages.read.listing import list_files
from stages.read.payload import Oversized, Undecodable, decode_body, kind_of
from stages.read.records import Capture, Damage, captures
from stages.read.source import Source

_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s;\"']+)", re.IGNORECASE)


class WarcConfig(StageConfig):
    """Which captures are read. Exactly one of ``paths`` and ``index`` is given."""

    paths: list[InputPath] = Field(default_factory=list)  #: WARC files or patterns
    #: Parquet files or patterns: rows of a Common Crawl index table
    index: list[InputPath] = Field(default_factory=list)
    prefix: InputPath = ""  #: stands before every warc_filename of the index, e.g. ``s3://commoncrawl/``
    #: Longest payload in bytes, stored or decoded. Common Crawl cuts at 1 MiB, since March 2025 at
    #: 5 MiB: 10 MiB never drops one of its pages, and bounds what other crawls can send.
    max_bytes: int = Field(default=10 * MIB, gt=0)
    truncated: Literal["drop", "keep"] = "drop"
    #: What becomes of a file that ends too early, or of which damage cost more than 1 % of its bytes:
    #: a failed input, or what can be read of it. Without meaning for ``index``.
    damaged: OnDamage = "fail"
    source: str | None = None  #: value of the ``source`` column

    @model_validator(mode="after")
    def _one_kind_of_input(self) -> WarcConfig:
        if bool(self.paths) == bool(self.index):
            raise ValueError("give either paths (WARC files) or index (Parquet files of an index table)")
        return self


class Warc(Reader):
    """Reads WARC files whole, or the records that an index table names."""

    name: ClassVar[str] = "warc"
    Config: ClassVar[type[StageConfig]] = WarcConfig
    #: HTML as text and the character set it came in. For a plain text ``html`` is null and ``text`` is set.
    adds: ClassVar[pa.Schema] = pa.schema([("html", pa.string()), ("charset", pa.string())])
    resources: ClassVar[Resources] = Resources(memory=256 * MIB)

    config: WarcConfig

    def list(self, storage: Storage) -> list[Input]:
        """One input per WARC file; with ``index``, one per 10,000 rows of an index file.

        Raises:
            FileNotFoundError: A pattern matches nothing.
            ValueError: Two files of one name, or an index file without the columns.
        """
        if self.config.index:
            return index_inputs(storage, list_files(storage, self.config.index))
        return list_files(storage, self.config.paths)

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        """Batches of at most 256 records or about 16 MiB of content, in file order.

        Raises:
            ValueError: The file is no WARC file.
            DamagedInput: It ends too early or has too much damage (unless ``damaged: keep``).
            MoreMemory: It has zstd frames of more than 128 MiB of window.
            OSError: Storage cannot deliver it.
        """
        pending = _Pending(self.config.source or "", self.adds)
        records = self._indexed(item, storage) if self.config.index else self._whole(item, storage)
        for name, record in itertools.islice(records, limit):
            if isinstance(record, Reject):
                pending.rejects.append(record)
            else:
                self._add(pending, name, record)
            if pending.full():
                yield pending.flush()
        if not pending.empty():
            yield pending.flush()

    def _whole(self, item: Input, storage: Storage) -> Iterator[tuple[str, Capture | Damage | Reject]]:
        with storage.open(item.path) as file:
            source = Source(file)
            losses = Losses(item.path, source.size, self.config.damaged)
            try:
                for record in captures(source, self.config.max_bytes, memory=item.memory):
                    if isinstance(record, Damage):
                        losses.add(record.lost, record.detail, cut=record.cut)
                    yield item.name, record
            except ValueError as error:
                raise ValueError(f"{item.path}: {error}") from None

    def _indexed(self, item: Input, storage: Storage) -> Iterator[tuple[str, Capture | Damage | Reject]]:
        ranges, rejects = load_ranges(item, storage, self.config.max_bytes)
        for reject in rejects:
            yield item.name, reject
        for name, group in itertools.groupby(ranges, key=lambda one: one.file):
            with storage.open(self.config.prefix + name) as file:
                for span in spans(list(group)):
                    start = span[0].offset
                    data = _read_range(file, start, max(one.offset + one.length for one in span))
                    for one in span:
                        begin = one.offset - start
                        yield from self._range(one, data[begin : begin + one.length])

    def _range(self, one: IndexedRange, data: bytes) -> Iterator[tuple[str, Capture | Damage]]:
        found = False
        try:
            for record in captures(Source(io.BytesIO(data)), self.config.max_bytes, fast=False):
                found = True
                yield one.file, record._replace(offset=record.offset + one.offset)
            detail = f"no response record in bytes {one.offset}-{one.offset + one.length}"
        except ValueError as error:
            detail = str(error)
        if not found:
            yield one.file, Damage(one.offset, "bad_record", detail, one.url)

    def _add(self, pending: _Pending, name: str, record: Capture | Damage) -> None:
        if isinstance(record, Damage):
            identity = document_id("warc", "damage", name, str(record.offset))
            fault = Fault(record.reason, record.detail)
            place = {"file": name, "offset": record.offset, "record": None}
            pending.rejects.append(Reject(identity, record.url, fault, True, place))
            return
        if record.record:
            identity = document_id("warc", record.record)
        else:
            digest = record.digest or document_id(record.body or b"").hex()
            identity = document_id("warc", record.url or "", record.date or "", digest)
        failed = False
        try:
            text, html, charset = self._content(record)
        except _Rejected as rejected:
            place = {"file": name, "offset": record.offset, "record": record.record}
            failed = rejected.failed
            pending.rejects.append(Reject(identity, record.url, rejected.fault, failed, place))
            return
        pending.add(identity, text, html, charset, record, name)

    def _content(self, record: Capture) -> tuple[bytes | None, bytes | None, str]:
        """Plain text or else HTML, in UTF-8, and its character set."""
        if not record.http:
            if not record.status_line:
                raise _Rejected("not_text", record.media or "no Content-Type")
            raise _Rejected("bad_http", record.status_line[:80], failed=True)
        if record.status != 200:
            raise _Rejected("http_status", str(record.status))
        if record.truncated and self.config.truncated == "drop":
            raise _Rejected("warc_truncated", record.truncated)
        if record.body is None:
            raise _Rejected("oversized", f"{record.length} bytes")
        body = record.body
        if record.content_encoding or record.transfer_encoding:
            try:
                body = decode_body(
                    body,
                    record.transfer_encoding,
                    record.content_encoding,
                    self.config.max_bytes,
                    partial=record.truncated is not None,
                )
            except Oversized as error:
                raise _Rejected("oversized", str(error)) from None
            except Undecodable as error:
                raise _Rejected("undecodable", str(error), failed=True) from None
        if not body or body.isspace():
            raise _Rejected("empty", "")
        kind = kind_of(record.content_type, body)
        if kind is None:
            raise _Rejected("not_text", (record.content_type or "no Content-Type")[:80])
        match = _CHARSET.search(record.content_type or "")
        raw, charset = to_utf8(body, match.group(1) if match else None)
        return (raw, None, charset) if kind == "text" else (None, raw, charset)


def _read_range(file: BinaryIO, start: int, stop: int) -> bytes:
    """Bytes ``start`` to ``stop``, fewer where the file ends. One read of remote storage may give less."""
    file.seek(start)
    pieces = []
    while start < stop and (piece := file.read(stop - start)):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


class _Rejected(Exception):
    def __init__(self, reason: str, detail: str, failed: bool = False) -> None:
        super().__init__(reason)
        self.fault = Fault(reason, detail)
        self.failed = failed


class _Pending:
    """The batch being gathered."""

    def __init__(self, source: str, adds: pa.Schema) -> None:
        self._source = source
        self._adds = adds
        self._start()

    def _start(self) -> None:
        self.rejects: list[Reject] = []
        self._columns: dict[str, list[Any]] = {
            name: [] for name in ("id", "text", "html", "charset", "url", "date", "offset", "record", "file")
        }
        self._bytes = 0

    def add(
        self,
        identity: bytes,
        text: bytes | None,
        html: bytes | None,
        charset: str,
        record: Capture,
        name: str,
    ) -> None:
        values = (identity, text, html, charset, record.url, record.date, record.offset, record.record, name)
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        self._bytes += len(text or b"") + len(html or b"")

    def full(self) -> bool:
        return self._bytes >= BATCH_BYTES or len(self._columns["id"]) + len(self.rejects) >= BATCH_RECORDS

    def empty(self) -> bool:
        return not self._columns["id"] and not self.rejects

    def flush(self) -> Batch:
        columns = self._columns
        rows = len(columns["id"])
        table = document_table(
            {
                "id": columns["id"],
                "text": utf8_array(columns["text"]),
                "source": [self._source] * rows,
                "url": columns["url"],
                "date": columns["date"],
                "provenance": provenance_array(columns["file"], columns["offset"], columns["record"]),
                "html": utf8_array(columns["html"]),
                "charset": columns["charset"],
            },
            rows,
            self._adds,
        )
        batch = Batch(table, self.rejects)
        self._start()
        return batch
