"""Storage errors, explained for users. Knows errno and free space; does not know any kind of storage."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# Errors of a network file system whose server is not reachable for a moment.
_TRANSIENT = frozenset({errno.ESTALE, errno.ETIMEDOUT, errno.EINTR, errno.EAGAIN})


class StorageError(Exception):
    """An operation of storage failed. The message says what, where and what to do about it.

    Not an ``OSError``, so that a reader which treats ``OSError`` as a damaged file does not treat a lost
    connection as one. ``retryable``: the same call may succeed later.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class StorageFull(StorageError):
    """No space or quota is left."""


class Missing(StorageError):
    """There is no such file."""


class Conflict(StorageError):
    """The file at ``path`` is not the version that was expected."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} has been written by someone else meanwhile")
        self.path = path

    def __reduce__(self) -> tuple[type[Conflict], tuple[str]]:
        return Conflict, (self.path,)


def explain_os(error: OSError, action: str, path: str) -> StorageError:
    """Explain an error of the operating system to a user."""
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
    if error.errno == errno.ENOENT:
        return Missing(f"cannot {action} {path}: {reason}")
    return StorageError(f"cannot {action} {path}: {reason}{hint}", retryable=error.errno in _TRANSIENT)


def _free(path: str) -> str:
    try:
        return f"{shutil.disk_usage(existing(path)).free} bytes free there"
    except OSError:
        return "free bytes unknown"


def existing(path: str) -> str:
    """``path``, or the nearest of its parents that exists."""
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
    """Turns "no space left" inside into ``StorageFull``. Other errors are left to the caller."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise explain_os(error, "write", path) from error
        raise
