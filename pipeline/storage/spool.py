"""Temporary directories for files that are about to be published, and the removal of those that dead
processes left. How they are locked is said in ``stages.files.temporary``; knows what is wrong with a disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.storage.errors import explain_os
from pipeline.storage.names import TEMP_PREFIX
from stages.files import temporary

_SPOOL = f"{TEMP_PREFIX}spool-"


@contextmanager
def spool(path: str) -> Iterator[Path]:
    """A temporary directory of this process for files that will be published at ``path``."""
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(temporary.folder(f"{_SPOOL}{os.getpid()}-"))
        except OSError as error:
            raise explain_os(error, f"write {path} through", tempfile.gettempdir()) from error
        yield Path(directory)


def clear_spools() -> int:
    """Remove the directories that dead processes of this user left on this machine; returns how many."""
    return temporary.clear(_SPOOL)
