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

#: Whether the caller may touch a path.
Ours = Callable[[str], bool]


class Store(Protocol):
    """The methods of each kind of storage; ``Storage`` documents them."""

    def glob(self, pattern: str) -> builtins.list[FileInfo]: ...

    def base(self, pattern: str) -> str: ...

    def list(self, prefix_dir: str) -> builtins.list[FileInfo]: ...

    #: Whether a listing may start after any name.
    ranged: bool

    def begins(self, prefix: str, after: str, until: str) -> builtins.list[FileInfo]: ...

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
    # importing boto3 takes a third of a second, so it is done only when needed
    from pipeline.storage.s3 import S3

    return S3(settings.s3)


def _azure(settings: StorageSettings) -> Store:
    from pipeline.storage.azure import Azure

    return Azure(settings.azure)


#: The store for each scheme of an address. A new store needs one line here.
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
    them). Every method raises ``StorageError`` if the operation fails.
    """

    is_local = staticmethod(names.is_local)
    join = staticmethod(names.join)

    def __init__(self, settings: StorageSettings | None = None) -> None:
        self.settings = settings or StorageSettings()
        self._local = Local()
        self._stores: dict[str, Store] = {}  # by scheme, made when needed

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
        """Files that match, sorted by path. A pattern without wildcards gives that file, or nothing.

        ``*``, ``?`` and ``[…]`` match within one path segment; ``**`` as a whole segment matches any number.
        A name that exists as it is spelt is not a pattern. On object stores, everything that starts with the
        text before the first wildcard is listed.
        """
        store, name = self._route(pattern)
        return store.glob(name)

    def base(self, pattern: str) -> str:
        """The directory that a pattern starts in, with its slash: everything before the first segment with a
        wildcard, or the directory of the file."""
        store, name = self._route(pattern)
        return store.base(name)

    # From here on ``list`` is the method: annotations say ``builtins.list``.
    def list(self, prefix_dir: str) -> builtins.list[FileInfo]:
        """Every file below a directory, sorted by path; [] where there is no such directory."""
        store, name = self._route(prefix_dir)
        return store.list(name)

    def begins(self, prefix: str, after: str = "", until: str = "") -> builtins.list[FileInfo]:
        """Every file whose path begins so, sorted by path. ``prefix`` need not end with a directory. Only
        paths that come behind ``after``, and up to ``until``, if these are given."""
        store, name = self._route(prefix)
        return store.begins(name, after, until)

    def ranged(self, path: str) -> bool:
        """Whether a piece of a listing costs no more there than its share: it may start at any name."""
        return self._route(path)[0].ranged

    def stat(self, path: str) -> FileInfo | None:
        """Size and etag of a file; None where there is none."""
        store, name = self._route(path)
        return store.stat(name)

    def open(self, path: str) -> BinaryIO:
        """A seekable buffered stream. From an object store it reads ranges as needed, and continues those
        that break off; if the object changes while it is read, this is an error."""
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
        """Everything below a directory except directories: files, links and the like, in no particular order.
        Links are not followed; unfinished files of ours are left out."""
        store, name = self._route(directory)
        return store.scan(name)

    def write(self, path: str, data: bytes, expect: str | None = None) -> str:
        """Publish ``data`` as a file, atomically; directories are made as needed. Returns its etag.

        ``expect``: the version that may be replaced, "" for none; Conflict if another one is there.
        """
        store, name = self._route(path)
        return store.write(name, data, expect)

    def stage(self, path: str) -> AbstractContextManager[Path]:
        """A local temporary path for a file that ``publish`` will put at ``path``; removed after the block.

        It is next to the final path, or for object stores in a temporary directory (``TMPDIR``).
        """
        store, name = self._route(path)
        return store.stage(name)

    def publish(self, local: Path, path: str, expect: str | None = None) -> str:
        """Publish a staged file at ``path``; otherwise as ``write``."""
        store, name = self._route(path)
        return store.publish(local, name, expect)

    @contextmanager
    def create(self, path: str) -> Iterator[Path]:
        """A local temporary path to write to. Leaving the block publishes it; an exception discards it."""
        with self.stage(path) as temporary:
            yield temporary
            self.publish(temporary, path)

    def delete(self, path: str, expect: str | None = None) -> None:
        """Remove a file, if there is one. ``expect``: the version that may be removed."""
        store, name = self._route(path)
        store.delete(name, expect)

    def move(self, old: str, new: str) -> None:
        """Give a file another name on the same storage. Conflict if there is a file of that name."""
        store, name = self._route(old)
        store.move(name, self._route(new)[1])

    def sweep(
        self, prefix_dir: str, upload_age_s: float = 0.0, ours: Ours | None = None, deep: bool = True
    ) -> int:
        """Remove what killed writers left in a directory, and below it if ``deep``. Returns the number of
        leftovers.

        A writer that is still at work there loses its temporary file and fails, so only sweep where no other
        run writes.
        Unfinished uploads are aborted if they were begun more than ``upload_age_s`` seconds ago, and only to
        paths that are ``ours`` (default: all).
        """
        store, name = self._route(prefix_dir)
        return store.sweep(name, upload_age_s, ours, deep)

    def check_writable(self, directory: str) -> None:
        """Raise ``StorageError`` unless files can be published below ``directory``; leaves no trace."""
        store, name = self._route(directory)
        store.check_writable(name)
