"""Archives of one repository each as trees: tar (plain, gzip, zstd) and zip.

Nothing is unpacked to disk. The folder that all files of an archive lie in (``name-commit/``, as hosts write
it) is no part of their paths. The commit is what git wrote into the archive, or 40 hex digits at the end of
the folder's or the archive's name.

Knows archives. Does not know what becomes of a file.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from stat import S_IFMT, S_ISLNK, S_ISREG

from stages.base import MIB, Fault
from stages.files.members import Damaged, Decoder, Member, check_window, skip_padding, sniff
from stages.files.source import Source
from stages.read.code.columns import Repository
from stages.read.code.content import path_of
from stages.read.code.tar import BadTar, Header, entries, padded
from stages.read.code.tree import BadRepository, Entry

#: An archive may unpack to this …
_FREE = 256 * MIB
#: … and so many times its size; source code is packed to a tenth, hardly ever to a fiftieth.
_RATIO = 100
#: Longest directory of a zip archive, 46 bytes and a name for each file.
_ZIP_DIRECTORY = 256 * MIB
_PIECE = 256 << 10
_COMMIT = re.compile(r"(?:^|[-_@])([0-9a-f]{40}(?:[0-9a-f]{24})?)$")


class _Archive:
    """What the archives share: the common folder, the commit, names that occur twice."""

    def __init__(self, source: Source, repository: Repository) -> None:
        self.source = source
        self.repository = repository
        self._common: str | None = None  # the first component of all paths so far
        self._last: dict[str, int] = {}  # the last entry of each path
        self._allowed = _FREE + _RATIO * source.size
        self._passed = False

    @property
    def prefix(self) -> str:
        """See ``Tree``."""
        return f"{self._common}/" if self._common else ""

    def _saw(self, path: str, number: int) -> None:
        if self._passed:
            return
        top, inside, _ = path.partition("/")
        if self._common is None:
            self._common = top if inside else ""
        elif top != self._common or not inside:
            self._common = ""
        self._last[path] = number

    def _end(self, commit: str, newest: int) -> None:
        """The first pass is over."""
        if self._passed:
            return
        self._passed = True
        found = _COMMIT.search(commit) or _COMMIT.search(self._common or "")
        if found and self.repository.commit is None:
            self.repository = self.repository._replace(commit=found[1])
        if self.repository.commit and self.repository.date is None and newest > 0:
            # hosts give all files the time of the commit
            moment = datetime.fromtimestamp(min(newest, 253402300799), UTC)
            self.repository = self.repository._replace(date=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def _superseded(self, entry: Entry) -> Fault | None:
        """Of several entries of a path the last one counts."""
        if self._passed and (last := self._last.get(entry.path, entry.number)) != entry.number:
            return Fault("duplicate_path", f"entry {last} has the same path")
        return None

    def _bomb(self, size: int) -> BadRepository:
        what = f"it unpacks to more than {size} bytes, {self.source.size} packed"
        return BadRepository("oversized_repository", what, failed=False)


class TarTree(_Archive):
    """See ``Tree``."""

    def __init__(self, source: Source, repository: Repository, memory: int = 0) -> None:
        super().__init__(source, repository)
        self._memory = memory

    def files(self, wanted: Callable[[Entry], bool]) -> Iterator[tuple[Entry, bytes | Fault | None]]:
        stream = _Unpacked(self.source, self._memory)
        number = newest = 0
        comment = ""
        try:
            for header in entries(stream):
                comment = header.comment
                if header.kind == "directory":
                    continue
                newest = max(newest, header.mtime)
                entry = _entry(header, number)
                self._saw(entry.path, number)
                yield entry, self._content(stream, entry, header.size, wanted)
                number += 1
                if stream.given > self._allowed:
                    raise self._bomb(self._allowed)
        except (BadTar, Damaged) as error:
            self._end(comment, newest)
            raise BadRepository("damaged_repository", f"after {number} files: {error}") from None
        self._end(comment, newest)

    def _content(
        self, stream: _Unpacked, entry: Entry, size: int, wanted: Callable[[Entry], bool]
    ) -> bytes | Fault | None:
        stored = padded(size)
        if stored > self._allowed:
            raise self._bomb(self._allowed)
        superseded = self._superseded(entry)
        if superseded or not wanted(entry):
            if stream.skip(stored) < stored:
                raise BadTar(f"it ends inside {entry.path}")
            return superseded
        data = stream.take(stored)
        if len(data) < stored:
            raise BadTar(f"it ends inside {entry.path}")
        return data[:size]


class _Unpacked:
    """A file that may be compressed, from its start; see ``tar.Stream``. Damaged: it does not decompress."""

    def __init__(self, source: Source, memory: int) -> None:
        self._source, self._memory = source, memory
        self._codec = sniff(source.read_exactly(0, 8)) or "plain"
        self._decoder = Decoder.of(source, self._codec)
        self._offset = len(self._decoder.dictionary)
        self._member: Member | None = None
        self._piece = memoryview(b"")
        self.given = 0  # bytes

    def take(self, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := self._next(size)):
            pieces.append(bytes(piece))
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def skip(self, size: int) -> int:
        skipped = 0
        while skipped < size and (piece := self._next(size - skipped)):
            skipped += len(piece)
        return skipped

    def _next(self, size: int) -> memoryview:
        if not self._piece:
            self._piece = memoryview(self._unpack())
        piece, self._piece = self._piece[:size], self._piece[size:]
        self.given += len(piece)
        return piece

    def _unpack(self) -> bytes:
        while True:
            if self._member is None:
                self._offset = skip_padding(self._source, self._offset, self._codec)
                if self._offset >= self._source.size:
                    return b""
                check_window(self._source, self._offset, self._codec, self._memory)
                self._member = Member(self._source, self._offset, self._decoder)
            if piece := self._member.read(_PIECE):
                return piece
            assert self._member.end is not None
            self._offset, self._member = self._member.end, None


class ZipTree(_Archive):
    """See ``Tree``."""

    def __init__(self, source: Source, repository: Repository) -> None:
        super().__init__(source, repository)
        if (size := _directory_bytes(source)) > _ZIP_DIRECTORY:
            raise BadRepository("oversized_repository", f"a directory of {size} bytes", failed=False)
        try:
            self._zip = zipfile.ZipFile(source.stream(0))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
            if source.error is not None:
                raise source.error from None
            raise BadRepository("damaged_repository", f"zip: {error}") from None

    def files(self, wanted: Callable[[Entry], bool]) -> Iterator[tuple[Entry, bytes | Fault | None]]:
        number = given = newest = 0
        for info in self._zip.infolist():
            if info.is_dir():
                continue
            entry = _zip_entry(info, number)
            self._saw(entry.path, number)
            fault = self._superseded(entry)
            if fault is not None or not wanted(entry):
                yield entry, fault
            else:
                data = self._content(info)
                given += len(data) if isinstance(data, bytes) else 0
                yield entry, data
            newest = max(newest, _zip_time(info))
            number += 1
            if given > self._allowed:
                raise self._bomb(self._allowed)
        self._end(self._zip.comment.decode("ascii", "replace"), newest)

    def _content(self, info: zipfile.ZipInfo) -> bytes | Fault:
        if info.flag_bits & 1:
            return Fault("encrypted")
        try:
            with self._zip.open(info) as file:
                data = file.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
            if self.source.error is not None:
                raise self.source.error from None
            return Fault("damaged_object", f"zip: {error}")
        if len(data) != info.file_size:
            return Fault("damaged_object", f"zip: {len(data)} bytes instead of {info.file_size}")
        return data


def open_archive(source: Source, repository: Repository, memory: int = 0) -> TarTree | ZipTree:
    """The tree of an archive, by its first bytes. BadRepository: it is none."""
    try:
        if source.read_exactly(0, 4) in (b"PK\x03\x04", b"PK\x05\x06"):
            return ZipTree(source, repository)
        head = _Unpacked(source, memory).take(512)
    except Damaged as error:
        raise BadRepository("damaged_repository", f"its first bytes: {error}") from None
    if len(head) < 512 or (head[257:262] != b"ustar" and head != bytes(512) and not _is_old_tar(head)):
        raise BadRepository("damaged_repository", "it is neither tar (plain, gzip, zstd) nor zip")
    return TarTree(source, repository, memory)


def _is_old_tar(head: bytes) -> bool:
    class Once:
        data = head

        def take(self, size: int) -> bytes:
            taken, self.data = self.data[:size], b""
            return taken

        skip = None

    try:
        return next(entries(Once()), None) is not None  # type: ignore[arg-type]
    except BadTar:
        return False


def _entry(header: Header, number: int) -> Entry:
    name = header.name
    while name.startswith(b"./"):
        name = name[2:].lstrip(b"/")
    return Entry(path_of(name), header.kind, header.size, None, number)


def _zip_entry(info: zipfile.ZipInfo, number: int) -> Entry:
    mode = info.external_attr >> 16
    kind = "file"
    if S_ISLNK(mode):
        kind = "symbolic link"
    elif S_IFMT(mode) and not S_ISREG(mode):
        kind = "device"
    name = info.filename.removeprefix("./").encode("utf-8", "surrogateescape")
    return Entry(path_of(name), kind, info.file_size, None, number)


def _zip_time(info: zipfile.ZipInfo) -> int:
    try:
        return int(datetime(*info.date_time, tzinfo=UTC).timestamp())
    except ValueError:
        return 0


def _directory_bytes(source: Source) -> int:
    """Length of a zip's directory as its end says (APPNOTE.TXT 4.3.14 and 4.3.16); 0: not found."""
    tail_at = max(source.size - (64 << 10) - 22, 0)
    tail = source.read_exactly(tail_at, source.size - tail_at)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        return 0
    size = int.from_bytes(tail[end + 12 : end + 16], "little")
    if size == 0xFFFFFFFF and (record := tail.rfind(b"PK\x06\x06")) >= 0:
        size = int.from_bytes(tail[record + 40 : record + 48], "little")
    return size
