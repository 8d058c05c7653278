"""Files on this machine, or on a file system that it mounts.

What it guarantees: a file appears by a rename after its bytes were synced. If it must not replace anything,
it appears by a hard link, which cannot replace. An expected version is compared just before the rename, so a
short moment is not covered. Listings see every write (on network file systems, once their caches do). The
version is the time of change and the size.

Knows paths, renames and links, and what must be synced to survive a power cut. Does not know what is in the
files. Other modules use it through ``pipeline.storage.store``.
"""

from __future__ import annotations

import builtins
import errno
import glob
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from pipeline.storage.errors import Conflict, StorageError, existing, explain_os, explained, full_explained
from pipeline.storage.names import is_temporary, temporary_name
from pipeline.storage.patterns import Glob, split_pattern
from stages.base import FileInfo

#: Errors of file systems without hard links.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})


class Local:
    """Methods as in ``pipeline.storage.store.Storage``."""

    def glob(self, pattern: str) -> list[FileInfo]:
        base, wild = self._split(pattern)
        if wild is None:
            found = self.stat(base)
            return [found] if found else []
        return sorted(self._walk(base, wild))

    def base(self, pattern: str) -> str:
        return _directory(*self._split(pattern))

    def _split(self, pattern: str) -> tuple[str, Glob | None]:
        return split_pattern(re.sub("//+", "/", pattern), os.path.lexists)

    def list(self, prefix_dir: str) -> builtins.list[FileInfo]:
        base = "/" if prefix_dir == "/" else prefix_dir.rstrip("/") + "/"
        return sorted(self._walk(base, Glob(["**"])))

    ranged = False

    def begins(self, prefix: str, after: str, until: str) -> builtins.list[FileInfo]:
        folder, _, name = prefix.rpartition("/")
        start = glob.escape(name) + "*"
        found = [self._walk(f"{folder}/", Glob(pattern)) for pattern in ([start], [start, "**"])]
        infos = sorted({*found[0], *found[1]})
        return [info for info in infos if info.path > after and (not until or info.path <= until)]

    def _walk(self, base: str, wild: Glob) -> Iterator[FileInfo]:
        """Regular files under ``base`` ("" or with a slash at its end) that match; follows links."""
        todo: list[tuple[str, frozenset[int], frozenset[tuple[int, int]]]] = [(base, wild.start, frozenset())]
        while todo:
            directory, states, above = todo.pop()
            try:
                status = os.stat(directory or ".")
                entries = _entries(directory)
            except (FileNotFoundError, NotADirectoryError):
                continue  # no such directory, or it was removed meanwhile
            except OSError as error:
                raise explain_os(error, "list", directory or ".") from error
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                continue  # a link to a directory above
            for entry in entries:
                after = wild.step(states, entry.name)
                if is_temporary(entry.name) or not after:
                    continue
                path = directory + entry.name
                with explained("list", path):
                    if entry.is_dir():
                        todo.append((path + "/", after, above | {identity}))
                    elif wild.accepts(after):
                        try:
                            status = entry.stat()
                        except FileNotFoundError:
                            if entry.is_symlink():
                                raise  # a broken link is a mistake; a file that was just removed is not
                            continue
                        if S_ISREG(status.st_mode):
                            yield _info(path, status)

    def scan(self, directory: str) -> Iterator[FileInfo]:
        todo = [directory.rstrip("/") + "/"]
        while todo:
            here = todo.pop()
            try:
                entries = _entries(here)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise explain_os(error, "list", here) from error
            below = []
            for entry in entries:
                if is_temporary(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below.append(f"{here}{entry.name}/")
                    continue
                with suppress(FileNotFoundError):  # removed meanwhile
                    yield _info(here + entry.name, entry.stat(follow_symlinks=False))
            todo += reversed(below)

    def stat(self, path: str) -> FileInfo | None:
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise explain_os(error, "look at", path) from error
        return _info(path, status) if S_ISREG(status.st_mode) else None

    def open(self, path: str) -> BinaryIO:
        with explained("read", path):
            return open(path, "rb")

    def read(self, path: str) -> bytes:
        with explained("read", path), open(path, "rb") as stream:
            return stream.read()

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        with explained("read", path), open(path, "rb") as stream:
            stream.seek(offset)
            return stream.read(length)

    def write(self, path: str, data: bytes, expect: str | None = None) -> str:
        with self.stage(path) as temporary:
            with explained("write", path):
                temporary.write_bytes(data)
            return self.publish(temporary, path, expect)

    @contextmanager
    def stage(self, path: str) -> Iterator[Path]:
        directory, name = os.path.split(path)
        temporary = Path(directory, temporary_name(name))
        try:
            with explained("write", path):
                os.makedirs(directory or ".", exist_ok=True)
            with full_explained(path):
                yield temporary
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def publish(self, local: Path, path: str, expect: str | None = None) -> str:
        if not local.exists():
            raise StorageError(f"cannot write {path}: nothing was written to its temporary file")
        with explained("write", path):
            if os.path.isdir(path):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            _sync(local)
            if expect is not None:
                self._expect(path, expect)
            if expect == "":
                _link(local, path)
            else:
                os.replace(local, path)
            _sync(os.path.dirname(path) or ".")  # the rename itself must survive a power cut, too
            return _info(path, os.stat(path)).etag

    def _expect(self, path: str, expect: str) -> None:
        """Conflict unless the version at ``path`` is the expected one. A link never is."""
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            found = ""
        else:
            found = _info(path, status).etag
        if found != expect:
            raise Conflict(path)

    def delete(self, path: str, expect: str | None = None) -> None:
        with explained("delete", path):
            if expect is not None and os.path.lexists(path):
                self._expect(path, expect)
            Path(path).unlink(missing_ok=True)

    def move(self, old: str, new: str) -> None:
        with explained("write", new):
            os.makedirs(os.path.dirname(new), exist_ok=True)
        with explained("move", old):
            _link(Path(old), new)
            Path(old).unlink(missing_ok=True)

    def sweep(
        self, prefix_dir: str, upload_age_s: float, ours: Callable[[str], bool] | None, deep: bool
    ) -> int:
        leftovers: builtins.list[str] = []
        if os.path.islink(prefix_dir):
            return 0  # files behind a link are not leftovers of ours
        for directory, below, names in os.walk(prefix_dir):
            leftovers += [os.path.join(directory, name) for name in names if is_temporary(name)]
            if not deep:
                below.clear()
        for path in leftovers:
            self.delete(path)
        return len(leftovers)

    def check_writable(self, directory: str) -> None:
        # missing directories are not created, so that planning a run leaves no trace
        place = existing(directory)
        if not os.path.isdir(place):
            raise StorageError(f"cannot write to {directory}: {place} is not a directory")
        probe = Path(place, temporary_name("probe"))
        try:
            with explained("write to", directory):
                probe.write_bytes(bytes(4096))
                _sync(probe)
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)


def _directory(base: str, wild: Glob | None) -> str:
    return base if wild is not None else base[: base.rfind("/") + 1]


def _entries(directory: str) -> builtins.list[os.DirEntry[str]]:
    with os.scandir(directory or ".") as scan:
        return sorted(scan, key=lambda entry: entry.name)


def _info(path: str, status: os.stat_result) -> FileInfo:
    return FileInfo(path, status.st_size, f"{status.st_mtime_ns:x}-{status.st_size:x}")


def _link(local: Path, path: str) -> None:
    """Make ``local`` the file at ``path`` if there is none; unlike a rename, a link cannot replace one."""
    try:
        os.link(local, path, follow_symlinks=False)
    except FileExistsError:
        raise Conflict(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.rename(local, path)  # it was checked just before; without links there is nothing better
    else:
        local.unlink(missing_ok=True)


def _sync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
