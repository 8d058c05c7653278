"""Temporary directories of one process, and the removal of those that dead processes left.

Each is locked by the process that made it. The lock ends with the process, however it ends; unlike process
numbers, this also works between containers that share a temporary directory. Knows directories and locks.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.storage.errors import explain_os
from pipeline.storage.names import TEMP_PREFIX

_SPOOL = f"{TEMP_PREFIX}spool-"


@contextmanager
def spool(path: str) -> Iterator[Path]:
    """A temporary directory of this process for files that will be published at ``path``."""
    try:
        directory, lock = _locked()
    except OSError as error:
        raise explain_os(error, f"write {path} through", tempfile.gettempdir()) from error
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _locked() -> tuple[Path, int]:
    while True:
        directory = Path(tempfile.mkdtemp(prefix=f"{_SPOOL}{os.getpid()}-"))
        # before it is locked, another process may remove it as that of a dead process
        with suppress(FileNotFoundError):
            lock = os.open(directory, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if directory.exists():
                return directory, lock
            os.close(lock)


def clear_spools() -> int:
    """Remove the directories that dead processes of this user left on this machine; returns how many."""
    found = 0
    for directory in sorted(Path(tempfile.gettempdir()).glob(f"{_SPOOL}*")):
        with suppress(OSError):  # belongs to another user, or was removed meanwhile
            lock = os.open(directory, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory)
                found += 1
            finally:
                os.close(lock)
    return found
