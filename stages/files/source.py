"""Random access to one stored file, and telling its faults from storage's.

A decompressor that is fed by a broken connection and one that is fed damaged bytes raise alike. The
first must stop the reading (somebody tries again), the second must not. ``Source`` remembers what
storage raised. It knows nothing of what the bytes mean.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from stages.base import MIB


class Source:
    """Reads a stored file in blocks of 1 MiB and keeps the last one.

    Resynchronising goes back a little and forward again; with the block this costs nothing on remote storage.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._block = b""
        self._start = 0
        #: The error that storage raised, if any; such an error is never a fault of the file's content.
        self.error: Exception | None = None
        self.size = self._guarded_size()

    def _guarded_size(self) -> int:
        size = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        self._position = 0
        return size

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``offset``, at least one unless the file ends there."""
        index = offset - self._start
        if 0 <= index < len(self._block):
            return self._block[index : index + size]
        try:
            if self._position != offset:
                self._file.seek(offset)
            self._block = self._file.read(MIB)
        except Exception as error:
            self.error = error
            raise
        self._start = offset
        self._position = offset + len(self._block)
        return self._block[:size]

    def read_exactly(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``, fewer only where the file ends."""
        pieces = []
        while size > 0 and (piece := self.read_at(offset, size)):
            pieces.append(piece)
            offset += len(piece)
            size -= len(piece)
        return b"".join(pieces)

    def stream(self, offset: int, prefix: bytes = b"") -> SourceStream:
        """The file from ``offset`` on as a stream that starts at 0, after ``prefix``."""
        return SourceStream(self, offset, prefix)


class SourceStream:
    """A binary file for a parser that needs one: ``prefix``, then the source from ``offset``."""

    closed = False

    def __init__(self, source: Source, offset: int = 0, prefix: bytes = b"") -> None:
        self._source = source
        self._offset = offset
        self._prefix = prefix
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; all that is left where it is negative."""
        if self._position < len(self._prefix):
            end = len(self._prefix) if size < 0 else self._position + size
            piece = self._prefix[self._position : end]
        else:
            at = self._offset + self._position - len(self._prefix)
            wanted = max(self._source.size - at, 0) if size < 0 else size
            piece = self._source.read_exactly(at, wanted)
        self._position += len(piece)
        return piece

    def tell(self) -> int:
        """Bytes from the start of the stream."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As for files."""
        origins = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._position,
            io.SEEK_END: len(self._prefix) + self._source.size - self._offset,
        }
        self._position = origins[whence] + offset
        return self._position

    def size(self) -> int:
        """Length of the stream in bytes."""
        return len(self._prefix) + self._source.size - self._offset

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def writable(self) -> bool:
        """Never."""
        return False

    def flush(self) -> None:
        """Nothing to do: the stream is only read."""

    def close(self) -> None:
        """The source stays open: its owner closes it."""
