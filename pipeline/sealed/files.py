"""Sealed files: every section is verified when it is read.

A file is a sequence of *sections* (the row groups of a Parquet file, the blocks of a run file) and a *foot*
that describes them. The foot holds a CRC-32 of every section; the digest of the foot is in the receipt of the
part that wrote the file. So a reader verifies whatever part of a file it takes: the foot by its digest, each
section by its CRC. It is also noticed if the whole file was replaced by another of the same size.

CRC-32 detects every single flipped bit and every burst of up to 32 bits (4 GB/s on one core). For whole files
there is also a ``sha256``, computed while they are written.

Knows bytes, digests and where Parquet keeps its footer; does not know what is in the files.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

from pipeline.storage import Missing, Storage, join

_GUESS = 64 * 1024  # most feet are shorter
_PIECE = 1 << 20


class Damaged(Exception):
    """The file at ``path`` is damaged or missing."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path, self.what = path, what

    def __reduce__(self) -> tuple[type[Damaged], tuple[str, str]]:
        return Damaged, (self.path, self.what)


class Stored(NamedTuple):
    """A sealed file and what is needed to verify it: ``size`` in bytes (None if not known) and ``foot``, the
    digest of its foot ("" if not known)."""

    path: str
    size: int | None = None
    foot: str = ""

    def below(self, output: str) -> Stored:
        """The same file with its path, so far relative, below ``output``."""
        return self._replace(path=join(output, self.path))


class Section(NamedTuple):
    """Place of a section and its CRC-32 (None if it was not computed)."""

    offset: int
    length: int
    crc: int | None


class Sink(io.RawIOBase):
    """Writes to a file and computes the sha256 of everything and the CRC-32 of every section."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._sha, self._crc = file, hashlib.sha256(), 0
        self._size = self._start = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view)
        self._sha.update(view)
        self._crc = zlib.crc32(view, self._crc)
        self._size += len(view)
        return len(view)

    def tell(self) -> int:
        return self._size

    def section(self) -> Section:
        """Ends the section that was being written."""
        ended = Section(self._start, self._size - self._start, self._crc)
        self._start, self._crc = self._size, 0
        return ended

    @property
    def sha256(self) -> str:
        """sha256 of everything written so far, in hex."""
        return self._sha.hexdigest()


def foot_digest(foot: bytes) -> str:
    """The digest of a foot that receipts keep: half a sha256, in hex."""
    return hashlib.sha256(foot).hexdigest()[:32]


def read_foot(storage: Storage, stored: Stored, end: int, magic: bytes) -> tuple[bytes, int]:
    """The foot of a file and the file's size. The last ``end`` bytes of a foot are its length (little-endian)
    and ``magic``. Damaged if it is not what was written."""
    path = stored.path
    size = stored.size
    if size is None:
        info = storage.stat(path)
        if info is None:
            raise Damaged(path, "is gone")
        size = info.size
    tail = min(size, _GUESS)
    data = fetch(storage, path, size - tail, tail)
    if len(data) < end or data[-len(magic) :] != magic:
        raise Damaged(path, "does not end as it should: not of a run, or cut off")
    length = int.from_bytes(data[-end : -len(magic)], "little") + end
    if length > size:
        raise Damaged(path, "its foot says that it is longer than the file")
    if length > tail:
        data = fetch(storage, path, size - length, length)
    foot = data[-length:]
    if stored.foot and foot_digest(foot) != stored.foot:
        raise Damaged(path, "its foot is not what was written")
    return foot, size


def fetch(storage: Storage, path: str, offset: int, length: int) -> bytes:
    """A range of bytes of a sealed file. Damaged if the file ends before."""
    try:
        data = storage.read_range(path, offset, length)
    except Missing:
        raise Damaged(path, "is gone") from None
    if len(data) != length:
        raise Damaged(path, f"ends at byte {offset + len(data)}, and {offset + length} were written")
    return data


def verified(path: str, section: Section, data: bytes | memoryview) -> bytes | memoryview:
    """Returns ``data`` of a section. Damaged if its CRC differs."""
    if section.crc is not None and zlib.crc32(data) != section.crc:
        end = section.offset + section.length
        raise Damaged(path, f"bytes {section.offset} to {end} are not what was written")
    return data


def read_section(storage: Storage, path: str, section: Section) -> bytes | memoryview:
    """A section of a file, read at once. Damaged if it is not what was written."""
    return verified(path, section, fetch(storage, path, section.offset, section.length))


def digest(storage: Storage, path: str) -> tuple[int, str]:
    """Size and sha256 of a whole file. Damaged if it is missing."""
    try:
        with storage.open(path) as file:
            sha, size = hashlib.sha256(), 0
            while piece := file.read(_PIECE):
                sha.update(piece)
                size += len(piece)
    except Missing:
        raise Damaged(path, "is gone") from None
    return size, sha.hexdigest()


SEAL = "checksum"
_LINE = re.compile(rb'\n "checksum": "[0-9a-f]{32}"(,?)')


def seal(data: Mapping[str, Any]) -> bytes:
    """A mapping as JSON with a checksum of itself."""
    data = {name: value for name, value in data.items() if name != SEAL}
    text = canonical(data)
    line = f' "{SEAL}": "{_digest(text)}"'.encode()
    after = min((name for name in data if name > SEAL), default=None)
    # only names of the mapping itself stand behind a single space at the start of a line
    mark = b"\n}\n" if after is None else f"\n {json.dumps(after, ensure_ascii=False)}: ".encode()
    if not data or (place := text.find(mark)) < 0:
        return canonical({**data, SEAL: _digest(text)})
    between = (b",\n", b"") if after is None else (b"\n", b",")
    return text[:place] + between[0] + line + between[1] + text[place:]


def unseal(data: bytes) -> dict[str, Any]:
    """The mapping that was sealed. ValueError if it was changed."""
    try:
        raw = json.loads(data)
        if not isinstance(raw, dict):
            raise ValueError("not what was written")
        seal = raw.pop(SEAL)
        # as it was written, or with another spelling
        if seal != _digest(_unsealed(data)) and seal != checksum(raw):
            raise ValueError("not what was written")
    except (KeyError, RecursionError) as error:
        raise ValueError(f"not a sealed file: {error}") from error
    return raw


def _unsealed(data: bytes) -> bytes:
    """A sealed file without the line of its checksum, which is a tenth of the work of spelling it again."""
    if (line := _LINE.search(data)) is None:
        return data
    before = data[: line.start()]
    return (before if line[1] else before.removesuffix(b",")) + data[line.end() :]


def checksum(data: Mapping[str, Any]) -> str:
    """Checksum of a mapping of plain values; does not depend on its spelling as JSON."""
    return _digest(canonical(data))


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]


def canonical(data: Mapping[str, Any]) -> bytes:
    """JSON in which equal values have the same spelling, indented for people."""
    text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "surrogatepass")
