"""The WARC reader: reads captures of web pages from WARC files, or the records that an index table names.

It knows which captures become documents and how documents are identified. ``records`` finds records and
handles damage; ``index`` reads rows of a Common Crawl index.

Every record of type response, resource or conversion gives exactly one document or one reject. The reasons
for a reject, in the order in which they are checked:

| reason | failed | meaning |
|---|---|---|
| damaged_member | yes | bytes that do not decompress, or whose checksum is wrong |
| bad_record | yes | not a WARC record, or its length is not the one it declares |
| bad_index_row | yes | a row of an index table that does not name bytes of a file under ``prefix`` |
| record_type | no | the type of the record is not one of ``records`` |
| not_text | no | the record does not hold an HTTP message (DNS answers, FTP) |
| bad_http | yes | no HTTP status line, or no end of the header within 64 KiB |
| http_status | no | the status is not 200 |
| warc_truncated | no | the crawler cut the payload (unless ``truncated: keep``) |
| oversized | no | the payload is longer than ``max_bytes``, as stored or decoded |
| empty | no | the payload is empty or only white space |
| undecodable | yes | the content or transfer encoding cannot be decoded |
| not_text | no | neither HTML nor plain text, by content type and first bytes |

Other record types (warcinfo, request, metadata, revisit) do not hold pages and are skipped.

Columns that it adds to those of every document:

| column | type | meaning |
|---|---|---|
| html | string | a page, decoded; null for plain text |
| charset | string | the encoding of the page, by its WHATWG name |
| warc.robots | string | directives of ``X-Robots-Tag`` and of ``robots`` meta elements, in lower case |
| warc.tdm | string | ``TDM-Reservation`` (0 or 1) and ``TDM-Policy``, header or meta element |
| warc.noai | bool | the page refuses use for AI: noai, noimageai, or a TDM reservation of 1 |
| warc.missing | string | why part of the payload is missing, with ``truncated: keep``; else null |
"""

from __future__ import annotations

import errno
import io
import itertools
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar, Literal, NamedTuple

import pyarrow as pa
from pydantic import Field, model_validator

from stages.base import (
    MIB,
    Batch,
    Fault,
    Input,
    InputPath,
    Reader,
    Reject,
    Resources,
    StageConfig,
    Storage,
    Told,
)
from stages.files.source import Source
from stages.read.captures import Capture
from stages.read.charset import to_utf8
from stages.read.damage import Damage, Losses, OnDamage
from stages.read.documents import (
    BATCH_BYTES,
    BATCH_RECORDS,
    document_id,
    document_table,
    provenance_array,
    utf8_array,
)
from stages.read.index import IndexedRange, bad_row, index_inputs, load_ranges, place_of, spans
from stages.read.listing import list_files
from stages.read.optout import Signals, signals
from stages.read.payload import Oversized, Undecodable, decode_body, kind_of
from stages.read.records import captures
from stages.read.share import passed

_NO_FILE = (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EINVAL)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s;\"']+)", re.IGNORECASE)


class WarcConfig(StageConfig):
    """Give exactly one of ``paths`` and ``index``."""

    #: WARC files, directories of them, or patterns.
    paths: list[InputPath] = Field(default_factory=list)
    #: Parquet files of a Common Crawl index table (or patterns): only records that its rows name are read.
    index: list[InputPath] = Field(default_factory=list)
    #: With ``index``: the address below which its files lie, e.g. ``s3://commoncrawl/``. No file elsewhere is
    #: opened.
    prefix: InputPath = ""
    #: Longest payload in bytes, stored or decoded; longer ones are dropped. Common Crawl cuts payloads at
    #: 1 MiB, since March 2025 at 5 MiB, so the default never drops one of its pages.
    max_bytes: int = Field(default=10 * MIB, gt=0)
    #: Whether to drop or keep payloads that the crawler cut off.
    truncated: Literal["drop", "keep"] = "drop"
    #: A file that ends too early, or loses more than 1 % of its bytes to damage: ``fail`` makes it a failed
    #: input, ``keep`` takes what can be read. Not used with ``index``.
    damaged: OnDamage = "fail"
    #: Record types that become documents: ``response`` (HTTP), ``resource`` (stored without HTTP) and
    #: ``conversion`` (the text in WET files). Records of these types that are not listed are dropped.
    records: list[Literal["response", "resource", "conversion"]] = Field(default=["response"], min_length=1)
    #: Value of the column ``source``; the name of the dataset if not given.
    source: str | None = None

    @model_validator(mode="after")
    def _one_kind_of_input(self) -> WarcConfig:
        if bool(self.paths) == bool(self.index):
            raise ValueError("give either paths (WARC files) or index (Parquet files of an index table)")
        return self


class Warc(Reader):
    """Each input is one WARC file or, with ``index``, up to 10,000 rows of an index file."""

    name: ClassVar[str] = "warc"
    Config: ClassVar[type[StageConfig]] = WarcConfig
    version: ClassVar[int] = 3
    adds: ClassVar[pa.Schema] = pa.schema(
        [
            ("html", pa.string()),
            ("charset", pa.string()),
            ("warc.robots", pa.string()),
            ("warc.tdm", pa.string()),
            ("warc.noai", pa.bool_()),
            ("warc.missing", pa.string()),
        ]
    )
    resources: ClassVar[Resources] = Resources(memory=256 * MIB)

    config: WarcConfig

    @classmethod
    def tells(cls, config: Any) -> tuple[Told, ...]:
        return (
            Told("warc.noai", "opt_out", "refuse use for AI (noai, noimageai, or TDM-Reservation: 1)"),
            Told("warc.tdm", "opt_out", "say something about text and data mining (TDMRep)"),
            Told("warc.robots", "opt_out", "have directives for robots (X-Robots-Tag, meta robots)"),
        )

    def list(self, storage: Storage) -> list[Input]:
        """One input per WARC file; with ``index``, one per 10,000 rows of an index file.

        Raises:
            FileNotFoundError: A pattern matches nothing. ValueError: Two files have the same name, or an
            index file lacks the columns.
        """
        if self.config.index:
            return index_inputs(storage, list_files(storage, self.config.index))
        return list_files(storage, self.config.paths)

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        """Batches of at most 256 records or about 16 MiB of content, in file order.

        Raises:
            ValueError: The file is not a WARC file. DamagedInput: It ends too early or has too much damage
            (unless ``damaged: keep``). MoreMemory: It has zstd frames of more than 128 MiB of window.
            OSError: Storage cannot deliver the file.
        """
        pending = _CaptureBatch(self.config.source or "", self.adds)
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

    def share(self, item: Input, storage: Storage, records: int, offset: int) -> float | None:
        """By bytes, or by rows of the index."""
        if self.config.index:
            return records / (item.stop - item.start) if item.stop is not None else None
        return passed(offset, records, item.size)

    def _whole(self, item: Input, storage: Storage) -> Iterator[tuple[str, Capture | Damage | Reject]]:
        with storage.open(item.path) as file:
            source = Source(file)
            losses = Losses(item.path, source.size, self.config.damaged)
            try:
                found = captures(
                    source, self.config.max_bytes, wanted=self.config.records, memory=item.memory
                )
                for record in found:
                    if isinstance(record, Damage):
                        losses.add(record.lost, record.detail, cut=record.cut)
                    yield item.name, record
            except ValueError as error:
                raise ValueError(f"{item.path}: {error}") from None

    def _indexed(self, item: Input, storage: Storage) -> Iterator[tuple[str, Capture | Damage | Reject]]:
        ranges, rejects = load_ranges(item, storage, self.config.max_bytes, self.config.prefix)
        for reject in rejects:
            yield item.name, reject
        for name, group in itertools.groupby(ranges, key=lambda one: one.file):
            path = place_of(name, self.config.prefix)
            try:
                opened = storage.open(path)
            except Exception as error:
                if not _is_no_file(storage, path):
                    raise
                for one in group:
                    yield item.name, bad_row(item, one, f"there is no such file: {error}")
                continue
            with opened as file:
                size = file.seek(0, io.SEEK_END)
                for span in spans(list(group)):
                    start = span[0].offset
                    stop = min(max(one.offset + one.length for one in span), size)
                    data = _read_range(file, start, stop) if start < stop else b""
                    for one in span:
                        begin = one.offset - start
                        yield from self._range(one, data[begin : begin + one.length], item.memory)

    def _range(self, one: IndexedRange, data: bytes, memory: int) -> Iterator[tuple[str, Capture | Damage]]:
        found = False
        source, cap = Source(io.BytesIO(data)), self.config.max_bytes
        try:
            for record in captures(source, cap, fast=False, wanted=self.config.records, memory=memory):
                found = True
                yield one.file, record._replace(offset=record.offset + one.offset)
            detail = f"no response record in bytes {one.offset}-{one.offset + one.length}"
        except ValueError as error:
            detail = str(error)
        if not found:
            yield one.file, Damage(one.offset, "bad_record", detail, one.url)

    def _add(self, pending: _CaptureBatch, name: str, record: Capture | Damage) -> None:
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
        try:
            page = self._page(record)
        except _Rejected as rejected:
            place = {"file": name, "offset": record.offset, "record": record.record}
            pending.rejects.append(Reject(identity, record.url, rejected.fault, rejected.failed, place))
            return
        pending.add(identity, page, record, name)

    def _page(self, record: Capture) -> _Page:
        if record.kind not in self.config.records:
            raise _Rejected("record_type", record.kind)
        if record.kind == "response":
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
        body, missing = self._decoded(record, record.body)
        if not body or body.isspace():
            raise _Rejected("empty", "")
        kind = kind_of(record.content_type, body)
        if kind is None:
            raise _Rejected("not_text", (record.content_type or "no Content-Type")[:80])
        match = _CHARSET.search(record.content_type or "")
        raw, charset = to_utf8(body, match.group(1) if match else None)
        if kind == "text":
            return _Page(raw, None, charset, signals(record.fields, b""), missing)
        return _Page(None, raw, charset, signals(record.fields, raw), missing)

    def _decoded(self, record: Capture, body: bytes) -> tuple[bytes, str | None]:
        """The payload without its encodings, and which part of it is missing."""
        missing = [f"truncated: {record.truncated}"] if record.truncated else []
        transfer = record.fields.get("transfer-encoding", "")
        content = record.fields.get("content-encoding", "")
        if transfer or content:
            cap, partial = self.config.max_bytes, record.truncated is not None
            try:
                decoded = decode_body(body, transfer, content, cap, partial)
            except Oversized as error:
                raise _Rejected("oversized", str(error)) from None
            except Undecodable as error:
                raise _Rejected("undecodable", str(error), failed=True) from None
            body = decoded.body
            missing += [decoded.missing] if decoded.missing else []
        return body, "; ".join(missing) or None


class _Page(NamedTuple):
    """The part of a capture that becomes a document: plain text or else HTML, in UTF-8."""

    text: bytes | None
    html: bytes | None
    charset: str
    signals: Signals
    missing: str | None


def _read_range(file: BinaryIO, start: int, stop: int) -> bytes:
    """Bytes ``start`` to ``stop``, fewer if the file ends. A single read of remote storage may return
    less."""
    file.seek(start)
    pieces = []
    while start < stop and (piece := file.read(stop - start)):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _is_no_file(storage: Storage, path: str) -> bool:
    """Whether there is no readable file at the path, as opposed to a fault of storage."""
    try:
        return storage.stat(path) is None
    except Exception as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        return isinstance(cause, OSError) and cause.errno in _NO_FILE


class _Rejected(Exception):
    def __init__(self, reason: str, detail: str, failed: bool = False) -> None:
        super().__init__(reason)
        self.fault = Fault(reason, detail)
        self.failed = failed


_COLUMNS = (
    *("id", "text", "html", "charset", "url", "date", "offset", "record", "file"),
    *("warc.robots", "warc.tdm", "warc.noai", "warc.missing"),
)


class _CaptureBatch:
    """The batch being gathered."""

    def __init__(self, source: str, adds: pa.Schema) -> None:
        self._source = source
        self._adds = adds
        self._start()

    def _start(self) -> None:
        self.rejects: list[Reject] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        self._bytes = 0

    def add(self, identity: bytes, page: _Page, record: Capture, name: str) -> None:
        values = (
            *(identity, page.text, page.html, page.charset, record.url, record.date),
            *(record.offset, record.record, name),
            *(*page.signals, page.missing),
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        self._bytes += len(page.text or b"") + len(page.html or b"")

    def full(self) -> bool:
        return self._bytes >= BATCH_BYTES or len(self._columns["id"]) + len(self.rejects) >= BATCH_RECORDS

    def empty(self) -> bool:
        return not self._columns["id"] and not self.rejects

    def flush(self) -> Batch:
        columns: dict[str, Any] = dict(self._columns)
        rows = len(columns["id"])
        place = provenance_array(columns.pop("file"), columns.pop("offset"), columns.pop("record"))
        columns |= {"provenance": place, "source": [self._source] * rows}
        columns |= {name: utf8_array(columns[name]) for name in ("text", "html")}
        table = document_table(columns, rows, self._adds)
        batch = Batch(table, self.rejects)
        self._start()
        return batch
