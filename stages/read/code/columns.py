"""Documents that are files of repositories: their columns, their identity, and the batch being gathered.

The id is a hash of repository, commit and path, so it is the same for a mirror, a clone and an archive of
one commit. Knows columns. Does not know where files come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from stages.base import MIB, Batch, Fault, Reject
from stages.read.documents import BATCH_RECORDS, document_id, document_table, provenance_array, utf8_array

NOTICES = pa.list_(pa.struct([("path", pa.string()), ("text", pa.string())]))
#: What readers of code add to ``DOCUMENT``.
COLUMNS = pa.schema(
    [
        ("repo", pa.string()),  # owner/name, or the name of the folder or archive
        ("commit", pa.string()),  # 40 hex digits
        ("path", pa.string()),  # within the repository
        ("blob", pa.string()),  # git's SHA-1 of the bytes
        ("bytes", pa.int64()),
        ("encoding", pa.string()),  # that the bytes were decoded from
        ("stars", pa.int64()),
        ("forks", pa.int64()),
        ("repo_license", pa.string()),  # as the metadata of the repository has it
    ]
)
WITH_NOTICES = COLUMNS.append(pa.field("notices", NOTICES))
#: A batch is handed over once texts and notices take this many bytes: rows of one tree have the same
#: notices, which are stored once for each.
BATCH_BYTES = 8 * MIB


class Repository(NamedTuple):
    """What all files of a tree have in common."""

    name: str
    commit: str | None = None
    date: str | None = None  # of the commit
    source: str | None = None
    host: str | None = None  # where ``name`` lies on the web
    stars: int | None = None
    forks: int | None = None
    license: str | None = None
    file: str = ""  # for provenance: the mirror, archive, folder or table

    def url(self, path: str) -> str | None:
        """The address of a file; None where the host or the commit is unknown."""
        if not self.host or not self.commit:
            return None
        return f"{self.host.rstrip('/')}/{self.name}/blob/{self.commit}/{quote(path)}"

    def id(self, path: str) -> bytes:
        """Of the document that a file is."""
        return document_id("code", self.name, self.commit or "", path)

    def reject(self, path: str, offset: int, fault: Fault, failed: bool = False) -> Reject:
        """A file that becomes no document."""
        place = {"file": self.file, "offset": offset, "record": path}
        return Reject(self.id(path), self.url(path), fault, failed, place)


class FileRow(NamedTuple):
    """One file that is text."""

    repository: Repository
    path: str
    offset: int  # its number in the tree, or its row in the table
    text: bytes  # UTF-8
    encoding: str
    blob: str | None
    size: int
    notices: Sequence[tuple[str, bytes]] | None = None  # path and text (UTF-8)


_TAKEN = ("id", "url", "date", "source", *COLUMNS.names)


class FileBatch:
    """The batch being gathered."""

    def __init__(self, schema: pa.Schema = WITH_NOTICES) -> None:
        self._schema = schema
        self._start()

    def _start(self) -> None:
        self.rejects: list[Reject] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in _TAKEN}
        self._texts: list[bytes] = []
        self._places: tuple[list[str], list[int], list[str | None]] = ([], [], [])
        self._notices = NoticeColumn()
        self._bytes = 0

    def add(self, row: FileRow) -> None:
        """A document."""
        of = row.repository
        values = (
            of.id(row.path),
            of.url(row.path),
            of.date,
            of.source,
            of.name,
            of.commit,
            row.path,
            row.blob,
            row.size,
            row.encoding,
            of.stars,
            of.forks,
            of.license,
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        self._texts.append(row.text)
        files, offsets, records = self._places
        files.append(of.file)
        offsets.append(row.offset)
        records.append(row.path)
        self._bytes += len(row.text) + self._notices.add(row.notices or ())

    def full(self) -> bool:
        """Whether it should be handed over."""
        return self._bytes >= BATCH_BYTES or len(self._texts) + len(self.rejects) >= BATCH_RECORDS

    def empty(self) -> bool:
        """Whether there is nothing to hand over."""
        return not self._texts and not self.rejects

    def count(self) -> int:
        """Documents and rejects so far."""
        return len(self._texts) + len(self.rejects)

    def flush(self) -> Batch:
        """The batch; the next one begins."""
        columns: dict[str, Any] = dict(self._columns)
        columns["text"] = utf8_array(self._texts)
        columns["provenance"] = provenance_array(*self._places)
        if "notices" in self._schema.names:
            columns["notices"] = self._notices.array()
        batch = Batch(document_table(columns, len(self._texts), self._schema), self.rejects)
        self._start()
        return batch


class NoticeColumn:
    """The column ``notices``: each text is held once, and copied for every row as the column is made."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], int] = {}  # path and identity of the text
        self._paths: list[str] = []
        self._texts: list[bytes] = []
        self._taken: list[int] = []
        self._ends = [0]

    def add(self, notices: Sequence[tuple[str, bytes]]) -> int:
        """Those of the next row. Gives their bytes."""
        size = 0
        for path, text in notices:
            key = (path, id(text))
            if key not in self._known:
                self._known[key] = len(self._texts)
                self._paths.append(path)
                self._texts.append(text)
            self._taken.append(self._known[key])
            size += len(text)
        self._ends.append(len(self._taken))
        return size

    def array(self) -> pa.Array:
        """The column of all rows so far."""
        taken = pa.array(np.array(self._taken, np.int32))
        values = pa.StructArray.from_arrays(
            [pa.array(self._paths, pa.string()).take(taken), utf8_array(self._texts).take(taken)],
            fields=[NOTICES.value_type.field(0), NOTICES.value_type.field(1)],
        )
        return pa.ListArray.from_arrays(pa.array(self._ends, pa.int32()), values, type=NOTICES)
