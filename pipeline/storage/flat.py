"""What object stores have in common: patterns over listings without directories, objects as streams.

Knows keys, prefixes and byte ranges. Does not know any service: each passes in functions that list, stat and
read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from pipeline.storage.errors import StorageError
from pipeline.storage.patterns import MAGIC, Glob, split_pattern
from stages.base import MIB, FileInfo

#: Bytes of a stream's first request; each that continues the one before asks for twice as much. So a reader
#: that jumps wastes little, and a sequential one soon needs few requests.
FIRST_WINDOW = 256 * 1024
LAST_WINDOW = 8 * MIB
BUFFER = 128 * 1024

#: Whether there is an object with this key, or any below it.
Exists = Callable[[str], bool]
#: Every object whose key starts with a prefix.
Objects = Callable[[str], Iterator[FileInfo]]
#: A range of bytes of one version of an object, in pieces.
Pieces = Callable[[int, int, str], Iterator[bytes]]


def split(key: str, exists: Exists) -> tuple[str, Glob | None]:
    """As ``split_pattern``. Names with stars are not looked up, to save requests."""
    return split_pattern(key, lambda name: "*" not in name and exists(name))


def glob(root: str, key: str, exists: Exists, objects: Objects) -> list[FileInfo] | None:
    """The objects that match, sorted by path; None if ``key`` is no pattern. ``root`` is the address of the
    bucket, with its slash."""
    base, wild = split(key, exists)
    if wild is None:
        return None
    below = len(root) + len(base)
    states = {"": wild.start}  # by directory, since listings are long and directories few
    matching = []
    for info in objects(base + MAGIC.split(key[len(base) :], maxsplit=1)[0]):
        directory, slash, name = info.path[below:].rpartition("/")
        if directory + slash not in states:
            state = wild.start
            for segment in directory.split("/"):
                state = wild.step(state, segment)
            states[directory + slash] = state
        if wild.accepts(wild.step(states[directory + slash], name)):
            matching.append(info)
    return sorted(matching)


def base(root: str, key: str, exists: Exists) -> str:
    """The address of the directory that a pattern starts in; see ``Storage.base``."""
    found, wild = split(key, exists)
    return root + (found if wild is not None else found[: found.rfind("/") + 1])


def stream(info: FileInfo, pieces: Pieces) -> BinaryIO:
    """One version of an object as a seekable buffered stream; holds at most one window of it."""
    return io.BufferedReader(_Stream(info, pieces), BUFFER)


class _Stream(io.RawIOBase):
    def __init__(self, info: FileInfo, pieces: Pieces) -> None:
        self._pieces = pieces
        self._info = info
        self._position = 0
        self._window = memoryview(b"")
        self._window_start = 0
        self._ahead = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._info.size}[whence]
        if origin + offset < 0:
            raise ValueError(f"negative position {origin + offset} in {self._info.path}")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        wanted = min(len(target), self._info.size - self._position)
        if wanted <= 0:
            return 0
        skip = self._position - self._window_start
        if 0 <= skip < len(self._window):
            wanted = min(wanted, len(self._window) - skip)
            target[:wanted] = self._window[skip : skip + wanted]
        else:
            self._fetch(target[:wanted], goes_on=skip == len(self._window))
        self._position += wanted
        return wanted

    def _fetch(self, target: memoryview, goes_on: bool) -> None:
        """Fills ``target``; further bytes of the same request become the window."""
        self._ahead = min(self._ahead * 2, LAST_WINDOW) if goes_on and self._ahead else FIRST_WINDOW
        # a little more also for a large target, since the buffer above asks for its last bytes separately
        stop = min(self._info.size, self._position + max(len(target) + BUFFER, self._ahead))
        self._window = memoryview(b"")  # frees the old one before the new one is loaded
        rest = bytearray()
        filled = 0
        for piece in self._pieces(self._position, stop, self._info.etag):
            direct = min(len(piece), len(target) - filled)
            target[filled : filled + direct] = piece[:direct]
            filled += direct
            rest += piece[direct:]
        if filled + len(rest) < stop - self._position:
            raise StorageError(f"cannot read {self._info.path}: it ends before its size says")
        self._window, self._window_start = memoryview(rest), self._position + filled

    def close(self) -> None:
        self._window = memoryview(b"")
        super().close()
