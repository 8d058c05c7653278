"""Packs: all receipts of a group of tasks that is done, in one file beside them.

Whoever needs the receipts of ninety thousand parts reads one file in place of ninety thousand. The receipts
stay where they are, and are what counts: a pack is there only while it says the same as they do. Before a
task of the group may change anything, the driver removes the pack (``Packs.open`` in ``schedule.packing``);
when the group is done again, it writes another.

A pack starts with what was summed over all its receipts. Then follow, in columns, names, fingerprints, what
later groups need to know of each task, the etags of files, and the receipts themselves, which are read only
if they are asked for. The file is verified as a whole; one that is damaged counts as none.

Knows columns; does not know what receipts and sums say, nor when a group is done.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.storage import Missing, Storage

MAGIC = b"NCPACK1\n"
_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("fingerprint", pa.string()),
        ("row", pa.string()),
        ("etags", pa.string()),
        ("receipt", pa.binary()),
    ]
)
_RECEIPT = _SCHEMA.get_field_index("receipt")
_ZSTD = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=3))
#: Rows that are compressed together, and bytes of receipts from which on they are fewer: one that names the
#: projects of a part may have megabytes.
_ROWS, _BYTES = 1024, 1 << 24
_HASH = 32


class Packed(NamedTuple):
    """A pack without the receipts themselves."""

    #: Sums over all receipts, as plain values.
    head: dict[str, Any]
    names: list[str]
    fingerprints: list[str]
    rows: list[str]
    #: Of the files of each task, in the order of its receipt; an empty one where storage gives none.
    etags: list[list[str]]


class PackWriter:
    """Collects receipts, compressed."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._stream = pa.ipc.new_stream(self._file, _SCHEMA, options=_ZSTD)
        self._waiting: list[tuple[str, str, str, str, bytes]] = []
        self.rows = self._bytes = 0

    def add(self, name: str, receipt: Mapping[str, Any], row: str) -> None:
        """Add a receipt, as plain values. ``row``: what later groups need to know of it."""
        etags = " ".join(file["etag"] for file in receipt["files"])
        text = json.dumps(receipt, ensure_ascii=False, separators=(",", ":"))
        data = text.encode("utf-8", "surrogatepass")
        self._waiting.append((name, receipt["fingerprint"], row, etags, data))
        self.rows += 1
        self._bytes += len(data)
        if len(self._waiting) >= _ROWS or self._bytes >= _BYTES:
            self._flush()

    def _flush(self) -> None:
        columns = [pa.array(column, field.type) for column, field in zip(zip(*self._waiting), _SCHEMA)]  # noqa: B905
        self._stream.write_batch(pa.record_batch(columns, schema=_SCHEMA))
        self._waiting.clear()
        self._bytes = 0

    def as_bytes(self, head: Mapping[str, Any]) -> bytes:
        """The pack. Called once, at the end."""
        if self._waiting:
            self._flush()
        self._stream.close()
        said = json.dumps(head, ensure_ascii=False).encode("utf-8", "surrogatepass")
        content = len(said).to_bytes(8, "little") + said + self._file.getvalue()
        return MAGIC + hashlib.sha256(content).digest() + content


def read(storage: Storage, path: str) -> Packed | None:
    """The pack at ``path``; None if there is none, or it is damaged."""
    if (content := _content(storage, path)) is None:
        return None
    length = int.from_bytes(content[:8], "little")
    wanted = [index for index in range(len(_SCHEMA)) if index != _RECEIPT]
    table = _stream(content[8 + length :], wanted).read_all()
    columns = table.to_pydict()
    etags = [said.split(" ") for said in columns["etags"]]
    head = json.loads(bytes(content[8 : 8 + length]))
    return Packed(head, columns["name"], columns["fingerprint"], columns["row"], etags)


def receipts(storage: Storage, path: str) -> Iterator[tuple[str, dict[str, Any]]] | None:
    """Names and receipts, as plain values, of the pack at ``path``; None if there is none to be used."""
    content = _content(storage, path)
    return None if content is None else _receipts(content)


def _receipts(content: memoryview) -> Iterator[tuple[str, dict[str, Any]]]:
    length = int.from_bytes(content[:8], "little")
    for batch in _stream(content[8 + length :], [0, _RECEIPT]):
        for name, text in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield name, json.loads(text.decode("utf-8", "surrogatepass"))


def _stream(content: memoryview, fields: list[int]) -> pa.RecordBatchStreamReader:
    options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
    return pa.ipc.open_stream(pa.py_buffer(content), options=options)


def _content(storage: Storage, path: str) -> memoryview | None:
    try:
        data = memoryview(storage.read(path))
    except Missing:
        return None
    start = len(MAGIC) + _HASH
    whole = data[: len(MAGIC)] == MAGIC and hashlib.sha256(data[start:]).digest() == data[len(MAGIC) : start]
    return data[start:] if whole else None
