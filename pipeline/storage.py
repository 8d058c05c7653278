"""Files by name, local or ``s3://``: list, read, and publish so that nobody ever sees half a file.

Knows: paths, globs, atomic publishing, temporary files and what crashed writers leave behind, and how to
say what went wrong. Does not know: what is in the files, who wants them, or the S3 API (``pipeline.s3``).

Publishing is the one promise that the rest of the pipeline builds on. ``write`` and ``create`` put the bytes
into a temporary file first; the final name appears in one step (a rename, or the completion of an upload) or
not at all. A writer killed at any moment leaves only files whose names start with ``TEMP_PREFIX`` (no listing
shows them) and unfinished multipart uploads; ``sweep`` removes both.
"""

from __future__ import annotations

import builtins
import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field

from pipeline.patterns import Glob, split_pattern
from stages.base import FileInfo

if TYPE_CHECKING:
    from pipeline.s3 import S3

#: Names that start with this are ours and unfinished: no listing shows them.
TEMP_PREFIX = ".nanocorpus-tmp-"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# A network file system says these when its server is away for a moment.
_TRANSIENT = frozenset({errno.ESTALE, errno.ETIMEDOUT, errno.EINTR, errno.EAGAIN})


class StorageError(Exception):
    """Storage could not do it. The message says what, where and what to do about it.

    Not an ``OSError``, so that a reader which takes ``OSError`` for a damaged file does not take a lost
    connection for one. ``retryable``: the same call may succeed later.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class StorageFull(StorageError):
    """No space or quota is left."""


class S3Settings(BaseModel):
    """How S3 is reached. Credentials are never in a config: they come from the usual AWS chain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: URL of an S3-compatible service; None is AWS (or what AWS_ENDPOINT_URL says).
    endpoint: str | None = None
    region: str | None = None
    #: Read without credentials: everywhere, or in the buckets named.
    anonymous: bool | list[str] = False
    #: Attempts for one request before it is an error; a read that gets further starts counting again.
    max_attempts: int = Field(default=10, ge=1, le=100)
    #: Seconds that a connection may be silent.
    timeout_s: float = Field(default=60.0, gt=0)


class StorageSettings(BaseModel):
    """The ``storage:`` mapping of a config."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    s3: S3Settings = S3Settings()


def join(base: str, *names: str) -> str:
    """``base/name/…``, for local paths and addresses alike."""
    for name in names:
        base = f"{base}{name}" if not base or base.endswith("/") else f"{base}/{name}"
    return base


def is_local(path: str) -> bool:
    """Whether ``path`` is on a file system rather than behind an address."""
    scheme = _SCHEME.match(path)
    return scheme is None or scheme[1].lower() == "file"


def is_temporary(name: str) -> bool:
    """Whether the last segment of a path is an unfinished file of ours."""
    return name.startswith(TEMP_PREFIX)


class Storage:
    """Local paths and ``s3://bucket/key`` behind one interface; the scheme decides.

    Cheap to create, safe to share between threads, picklable (connections are made in the process that uses
    them). Every method raises ``StorageError`` for what storage could not do.
    """

    is_local = staticmethod(is_local)
    join = staticmethod(join)

    def __init__(self, settings: StorageSettings | None = None) -> None:
        self.settings = settings or StorageSettings()
        self._local = Local()
        self._s3: S3 | None = None

    def __reduce__(self) -> tuple[type[Storage], tuple[StorageSettings]]:
        return Storage, (self.settings,)

    def _route(self, path: str) -> tuple[Local | S3, str]:
        scheme = _SCHEME.match(path)
        if scheme is None:
            return self._local, path
        if scheme[1] == "file":
            return self._local, unquote(path[scheme.end() :])
        if scheme[1] != "s3":
            raise StorageError(
                f"{path}: {scheme[1]}:// is not supported; give a local path or s3://bucket/key"
            )
        if self._s3 is None:
            from pipeline.s3 import S3  # boto3 takes a third of a second to import: only those who need it

            self._s3 = S3(self.settings.s3)
        return self._s3, path

    def glob(self, pattern: str) -> list[FileInfo]:
        """Files that match, sorted by path; a pattern without wildcards is that file or nothing.

        ``*``, ``?`` and ``[…]`` stay within one path segment; ``**`` as a whole segment is any number.
        On S3 everything under the text before the first wildcard is listed.
        """
        store, name = self._route(pattern)
        return store.glob(name)

    # From here on ``list`` is the method: annotations say ``builtins.list``.
    def list(self, prefix_dir: str) -> builtins.list[FileInfo]:
        """Every file below a directory, sorted by path; [] where there is no such directory."""
        store, name = self._route(prefix_dir)
        return store.list(name)

    def stat(self, path: str) -> FileInfo | None:
        """Size and etag of a file; None where there is none."""
        store, name = self._route(path)
        return store.stat(name)

    def open(self, path: str) -> BinaryIO:
        """A seekable buffered stream. On S3 it reads ranges as it goes, each tried again from where it broke;
        an object that changes while it is read is an error."""
        store, name = self._route(path)
        return store.open(name)

    def read(self, path: str) -> bytes:
        """The whole file."""
        store, name = self._route(path)
        return store.read(name)

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``; fewer only where the file ends."""
        store, name = self._route(path)
        return store.read_range(name, offset, length)

    def write(self, path: str, data: bytes) -> None:
        """Publish ``data`` as a file, atomically; directories are made as needed."""
        store, name = self._route(path)
        store.write(name, data)

    def create(self, path: str) -> AbstractContextManager[Path]:
        """A local temporary path to write to; leaving the block publishes it, an exception discards it.

        The temporary file is beside the final one, or for S3 in a temporary directory (``TMPDIR``).
        """
        store, name = self._route(path)
        return store.create(name)

    def delete(self, path: str) -> None:
        """Remove a file; nothing happens where there is none."""
        store, name = self._route(path)
        store.delete(name)

    def sweep(self, prefix_dir: str) -> int:
        """Remove what killed writers left below a directory; returns how many leftovers there were.

        A writer still at work there loses its temporary file and fails: sweep before a run, not during it.
        """
        store, name = self._route(prefix_dir)
        return store.sweep(name)

    def check_writable(self, directory: str) -> None:
        """Raise ``StorageError`` unless files can be published below ``directory``; leaves no trace."""
        store, name = self._route(directory)
        store.check_writable(name)


def explain_os(error: OSError, action: str, path: str) -> StorageError:
    """What the operating system's refusal means to a user."""
    if error.errno in _FULL:
        return StorageFull(
            f"cannot {action} {path}: no space left ({_free(path)}); free some, or choose another place"
        )
    hint = {
        errno.EACCES: "; check who owns it and its permissions",
        errno.EPERM: "; check who owns it and its permissions",
        errno.EROFS: "; choose a place that can be written",
        errno.EEXIST: "; a file stands where a directory is needed",
        errno.ENOTDIR: "; a file stands where a directory is needed",
        errno.EISDIR: "; a directory stands where a file is needed",
        errno.EMFILE: "; raise the limit on open files (ulimit -n)",
    }.get(error.errno or 0, "")
    reason = error.strerror or str(error)
    return StorageError(f"cannot {action} {path}: {reason}{hint}", retryable=error.errno in _TRANSIENT)


def _free(path: str) -> str:
    try:
        return f"{shutil.disk_usage(_existing(path)).free} bytes free there"
    except OSError:
        return "free bytes unknown"


def _existing(path: str) -> str:
    """The nearest of ``path`` and its parents that exists."""
    path = os.path.abspath(path)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


@contextmanager
def explained(action: str, path: str) -> Iterator[None]:
    """Turns any ``OSError`` inside into a ``StorageError`` about ``path``."""
    try:
        yield
    except OSError as error:
        raise explain_os(error, action, path) from error


@contextmanager
def full_explained(path: str) -> Iterator[None]:
    """Turns "no space left" inside, and only that, into ``StorageFull``: the rest is the caller's own."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise explain_os(error, "write", path) from error
        raise


def temporary_name(name: str) -> str:
    """A name nobody else has; keeps the end of ``name``, where writers look for an extension."""
    return f"{TEMP_PREFIX}{os.getpid()}-{uuid.uuid4().hex}-{name[-100:]}"


def _info(path: str, status: os.stat_result) -> FileInfo:
    return FileInfo(path, status.st_size, f"{status.st_mtime_ns:x}-{status.st_size:x}")


class Local:
    """Files of this machine, or of a file system that it mounts."""

    def glob(self, pattern: str) -> list[FileInfo]:
        base, wild = split_pattern(re.sub("//+", "/", pattern))
        if wild is None:
            found = self.stat(base)
            return [found] if found else []
        return sorted(self._walk(base, wild))

    def list(self, prefix_dir: str) -> builtins.list[FileInfo]:
        base = "/" if prefix_dir == "/" else prefix_dir.rstrip("/") + "/"
        return sorted(self._walk(base, Glob(["**"])))

    def _walk(self, base: str, wild: Glob) -> Iterator[FileInfo]:
        """Regular files under ``base`` ("" or ending in a slash) that match. Follows links, once around."""
        todo: list[tuple[str, frozenset[int], frozenset[tuple[int, int]]]] = [(base, wild.start, frozenset())]
        while todo:
            directory, states, above = todo.pop()
            try:
                status = os.stat(directory or ".")
                with os.scandir(directory or ".") as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                continue  # no such directory, or it went away meanwhile
            except OSError as error:
                raise explain_os(error, "list", directory or ".") from error
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                continue  # a link back to a directory that we are in
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
                                raise  # a link to nothing is a mistake; a file just removed is not
                            continue
                        if S_ISREG(status.st_mode):
                            yield _info(path, status)

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

    def write(self, path: str, data: bytes) -> None:
        with self.create(path) as temporary, explained("write", path):
            temporary.write_bytes(data)

    @contextmanager
    def create(self, path: str) -> Iterator[Path]:
        directory, name = os.path.split(path)
        temporary = Path(directory, temporary_name(name))
        try:
            with explained("write", path):
                os.makedirs(directory or ".", exist_ok=True)
            with full_explained(path):
                yield temporary
            if not temporary.exists():
                raise StorageError(f"cannot write {path}: nothing was written to its temporary file")
            with explained("write", path):
                _sync(temporary)
                os.replace(temporary, path)
                _sync(directory or ".")  # the rename itself has to survive a power cut
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        with explained("delete", path):
            Path(path).unlink(missing_ok=True)

    def sweep(self, prefix_dir: str) -> int:
        leftovers = [
            os.path.join(directory, name)
            for directory, _, names in os.walk(prefix_dir)
            for name in names
            if is_temporary(name)
        ]
        for path in leftovers:
            self.delete(path)
        return len(leftovers)

    def check_writable(self, directory: str) -> None:
        # Directories that are missing are not made here: a run that is only planned leaves no trace.
        place = _existing(directory)
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


def _sync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
