"""Local paths, ``s3://bucket/key`` and ``az://container/path`` behind one interface; the scheme decides.

The rest of the pipeline depends on one promise of publishing. ``write``, ``create`` and ``publish`` put the
bytes into a temporary file first; the final name appears in one step (a rename, or the completion of an
upload) or not at all. A writer that is killed leaves only files whose names start with ``TEMP_PREFIX`` (no
listing shows them) and unfinished multipart uploads; ``sweep`` removes both.

A writer may state which version it ``expect``s to replace: the etag that it saw, or "" for no file. If
another version is there, this is a ``Conflict`` and nothing changes. So a request that was delayed for
minutes cannot undo what came after it.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote

from pipeline.storage import names
from pipeline.storage.errors import StorageError
from pipeline.storage.local import Local
from pipeline.storage.settings import StorageSettings
from stages.base import FileInfo

#: Whether a path is one of those that the caller may touch.
Ours = Callable[[str], bool]


class Store(Protocol):
    """What each kind of storage does; ``Storage`` says what the methods mean."""

    def glob(self, pattern: str) -> builtins.list[FileInfo]: ...

    def base(self, pattern: str) -> str: ...

    def list(self, prefix_dir: str) -> builtins.list[FileInfo]: ...

    def scan(self, directory: str) -> Iterator[FileInfo]: ...

    def stat(self, path: str) -> FileInfo | None: ...

    def open(self, path: str) -> BinaryIO: ...

    def read(self, path: str) -> bytes: ...

    def read_range(self, path: str, offset: int, length: int) -> bytes: ...

    def write(self, path: str, data: bytes, expect: str | None = None) -> str: ...

    def stage(self, path: str) -> AbstractContextManager[Path]: ...

    def publish(self, local: Path, path: str, expect: str | None = None) -> str: ...

    def delete(self, path: str, expect: str | None = None) -> None: ...

    def move(self, old: str, new: str) -> None: ...

    def sweep(self, prefix_dir: str, upload_age_s: float, ours: Ours | None, deep: bool) -> int: ...

    def check_writable(self, directory: str) -> None: ...


def _s3(settings: StorageSettings) -> Store:
    from pipeline.storage.s3 import (
        S3,  # boto3 takes a third of a second to import: only for those who need it
    )

    return S3(settings.s3)


def _azure(settings: StorageSettings) -> Store:
    from pipeline.storage.azure import Azure

    return Azure(settings.azure)


#: What an address may start with, and the store behind it. One line here is all that a new store needs.
SCHEMES: dict[str, Callable[[StorageSettings], Store]] = {
    "s3": _s3,
    "az": _azure,
}

_NO_STORE = {
    "hf": "hf:// names what stages load, not inputs or outputs; fetch the files first (`hf download`) and "
    "give their directory",
    "gs": "gs:// is read and written as s3://: set storage.s3.endpoint to https://storage.googleapis.com, "
    "with HMAC keys as AWS credentials",
}


def _unknown(scheme: str) -> str:
    known = ", ".join(f"{name}://" for name in SCHEMES)
    return f"{scheme}:// is not supported; give a local path, or an address that starts with one of {known}"


class Storage:
    """Local paths and addresses behind one interface; the scheme decides.

    Cheap to create, safe to share between threads, picklable (connections are made in the process that uses
    them). Every method raises ``StorageError`` for what storage could not do.
    """

    is_local = staticmethod(names.is_local)
    join = staticmethod(names.join)

    def __init__(self, settings: StorageSettings | None = None) -> None:
        self.settings = settings or StorageSettings()
        self._local = Local()
        self._stores: dict[str, Store] = {}  # by scheme, as they are needed

    def __reduce__(self) -> tuple[type[Storage], tuple[StorageSettings]]:
        return Storage, (self.settings,)

    def _route(self, path: str) -> tuple[Store, str]:
        match = names.SCHEME.match(path)
        if match is None:
            return self._local, path
        scheme = match[1]
        if scheme == "file":
            return self._local, unquote(path[match.end() :])
        if scheme not in self._stores:
            if scheme not in SCHEMES:
                raise StorageError(f"{path}: {_NO_STORE.get(scheme) or _unknown(scheme)}")
            self._stores[scheme] = SCHEMES[scheme](self.settings)
        return self._stores[scheme], path

    def glob(self, pattern: str) -> list[FileInfo]:
        """Files that match, sorted by path; a pattern without wildcards is that file or nothing.

        ``*``, ``?`` and ``[…]`` stay within one path segment; ``**`` as a whole segment is any number. A name
        that exists as it is spelt is that name and no pattern.
        On S3 everything under the text before the first wildcard is listed.
        """
        store, name = self._route(pattern)
        return store.glob(name)

    def base(self, pattern: str) -> str:
        """The directory that ``pattern`` starts in, with its slash: all before its first segment that is a
        pattern, or the directory of the file."""
        store, name = self._route(pattern)
        return store.base(name)

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

    def scan(self, directory: str) -> Iterator[FileInfo]:
        """Everything below a directory that is not itself one, as it comes: files, links and the like, as
        they stand there. Links are not followed; unfinished files of ours are left out."""
        store, name = self._route(directory)
        return store.scan(name)

    def write(self, path: str, data: bytes, expect: str | None = None) -> str:
        """Publish ``data`` as a file, atomically; directories are made as needed. Returns its etag.

        ``expect``: the version that may be replaced, "" for none; Conflict if another one is there.
        """
        store, name = self._route(path)
        return store.write(name, data, expect)

    def stage(self, path: str) -> AbstractContextManager[Path]:
        """A local temporary path for what ``publish`` will put at ``path``; it is gone after the block.

        It is beside the final one, or for S3 in a temporary directory (``TMPDIR``).
        """
        store, name = self._route(path)
        return store.stage(name)

    def publish(self, local: Path, path: str, expect: str | None = None) -> str:
        """Make a staged file the file at ``path``; the rest as for ``write``."""
        store, name = self._route(path)
        return store.publish(local, name, expect)

    @contextmanager
    def create(self, path: str) -> Iterator[Path]:
        """A local temporary path to write to; leaving the block publishes it, an exception discards it."""
        with self.stage(path) as temporary:
            yield temporary
            self.publish(temporary, path)

    def delete(self, path: str, expect: str | None = None) -> None:
        """Remove a file; nothing happens where there is none. ``expect``: the version that may go."""
        store, name = self._route(path)
        store.delete(name, expect)

    def move(self, old: str, new: str) -> None:
        """Give a file another name on the same storage. Conflict if there is a file of that name."""
        store, name = self._route(old)
        store.move(name, self._route(new)[1])

    def sweep(
        self, prefix_dir: str, upload_age_s: float = 0.0, ours: Ours | None = None, deep: bool = True
    ) -> int:
        """Remove what killed writers left in a directory, and below it if ``deep``; returns how many
        leftovers there were.

        A writer still at work there loses its temporary file and fails: sweep where only this run writes.
        Unfinished uploads are aborted if they were begun more than ``upload_age_s`` seconds ago, and only to
        paths that are ``ours`` (default: all).
        """
        store, name = self._route(prefix_dir)
        return store.sweep(name, upload_age_s, ours, deep)

    def check_writable(self, directory: str) -> None:
        """Raise ``StorageError`` unless files can be published below ``directory``; leaves no trace."""
        store, name = self._route(directory)
        store.check_writable(name)
