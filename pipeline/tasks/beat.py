"""How far a part is, while it is at work: what its heartbeat says.

Knows how to tell how much of an input was read, whatever its format; does not know who watches.
"""

from __future__ import annotations

import builtins
from typing import BinaryIO, NamedTuple

from stages.base import FileInfo, Input, Storage


class Beat(NamedTuple):
    """A sign of life of a part. ``total`` is 0 where it is not known."""

    documents: int = 0  # that were read so far
    done: int = 0
    total: int = 0
    unit: str = ""  # what ``done`` and ``total`` count: "bytes" of the input, "rows" or "parts"
    stage: str = ""  # label of the stage that is at work

    @property
    def share(self) -> float | None:
        """How much of the part is done, 0 to 1; None if that is not known."""
        return min(self.done / self.total, 1.0) if self.total else None


class Watched:
    """Storage for a reader that notes how much of an input was read: rows where the input is rows of a file,
    else the place in the file, or in those of its members.

    A reader may look ahead, so the place is that of the bytes that were fetched. Not for several threads.
    """

    def __init__(self, storage: Storage, item: Input) -> None:
        self._storage = storage
        self._rows = item.stop - item.start if item.stop is not None else None
        self._sizes = {one.path: one.size for one in item.members} or {item.path: item.size}
        self._passed: dict[str, int] = {}
        self._open: tuple[str, BinaryIO] | None = None

    def beat(self, documents: int, records: int) -> Beat:
        """``records``: read so far, also those that did not become documents."""
        if self._rows is not None:
            return Beat(documents, min(records, self._rows), self._rows, "rows", "read")
        self._look()
        return Beat(documents, sum(self._passed.values()), sum(self._sizes.values()), "bytes", "read")

    def _look(self) -> None:
        if self._open is None:
            return
        path, file = self._open
        try:
            place = file.tell()
        except (OSError, ValueError):  # closed: it was read
            place = self._sizes[path]
        self._passed[path] = max(self._passed.get(path, 0), min(place, self._sizes[path]))

    def open(self, path: str) -> BinaryIO:
        """See ``stages.base.Storage``, also for the others."""
        file = self._storage.open(path)
        if path in self._sizes:
            self._look()
            self._open = path, file
        return file

    def glob(self, pattern: str) -> builtins.list[FileInfo]:
        return self._storage.glob(pattern)

    def list(self, directory: str, /) -> builtins.list[FileInfo]:
        return self._storage.list(directory)

    def stat(self, path: str) -> FileInfo | None:
        return self._storage.stat(path)
