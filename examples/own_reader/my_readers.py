"""A reader of one's own: Markdown files with several notes each, a note for every heading ``# …``.

What a reader owes the rest: an order of inputs that does not depend on storage, an id that comes from what a
document is (never from where it stands in a list), batches of bounded size, and an account of every record.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from stages.base import DOCUMENT, Batch, Fault, Input, InputPath, Reader, Reject, StageConfig, Storage

ROWS = 256
_HEADING = re.compile(rb"^# (.*)$", re.MULTILINE)


class NotesConfig(StageConfig):
    paths: list[InputPath]  # files or patterns, local or behind an address, relative to the config
    source: str = ""  # the name of the dataset, if nothing else is given


class Notes(Reader):
    """One document per note; its title goes into the column ``notes.title``."""

    name = "notes"
    version = 1
    Config = NotesConfig
    adds = pa.schema([("notes.title", pa.string())])

    def list(self, storage: Storage) -> list[Input]:
        """Every file is an input, and so a part of its own."""
        found = {info.path: info for pattern in self.config.paths for info in storage.glob(pattern)}
        return [
            Input(info.path, info.path.rpartition("/")[2], info.size, info.etag)
            for _, info in sorted(found.items())
        ]

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        """The notes of a file, in its order. A note that is not UTF-8 is a failed reject; reading goes on."""
        with storage.open(item.path) as file:
            content = file.read()  # of this format; files that may be large are read as they come
        headings = list(_HEADING.finditer(content))[:limit]
        ends = [heading.start() for heading in headings[1:]] + [len(content)]
        rows: list[dict[str, Any]] = []
        rejects: list[Reject] = []
        for heading, end in zip(headings, ends, strict=True):
            title, text = heading[1].strip(), content[heading.end() : end].strip()
            identity = hashlib.blake2b(b"\0".join([item.name.encode(), title, text]), digest_size=16).digest()
            provenance = {
                "file": item.name,
                "offset": heading.start(),
                "record": title.decode(errors="replace"),
            }
            try:
                row = {"text": text.decode(), "notes.title": title.decode()}
            except UnicodeDecodeError as error:
                rejects.append(Reject(identity, None, Fault("not_utf8", str(error)), True, provenance))
                continue
            row |= {"id": identity, "source": self.config.source, "provenance": provenance}
            rows.append(row)
            if len(rows) == ROWS:
                yield self._batch(rows, rejects)
                rows, rejects = [], []
        yield self._batch(rows, rejects)

    def _batch(self, rows: list[dict[str, Any]], rejects: list[Reject]) -> Batch:
        schema = pa.schema([*DOCUMENT, *self.adds])
        empty = dict.fromkeys(schema.names)
        return Batch(pa.Table.from_pylist([empty | row for row in rows], schema=schema), rejects)
