"""Temporary folders of one process, and the removal of those that killed processes left.

Each is locked by the process that made it. The lock ends with the process, however it ends, so a folder that
can be locked belongs to nobody. Knows folders and locks.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: How names of readers' folders begin.
READER = "nanocorpus-reader-"


@contextmanager
def folder(prefix: str = READER) -> Iterator[str]:
    """A temporary folder, removed at the end."""
    path, lock = _locked(prefix)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _locked(prefix: str) -> tuple[str, int]:
    while True:
        path = tempfile.mkdtemp(prefix=prefix)
        # before it is locked, another process may remove it as that of a dead one
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.isdir(path):
                return path, lock
            os.close(lock)


def clear(prefix: str = READER) -> int:
    """Remove the folders of dead processes of this user on this machine; how many there were."""
    found = 0
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{prefix}*")):
        with suppress(OSError):  # of another user, or removed meanwhile
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
                found += 1
            finally:
                os.close(lock)
    return found
