"""The syntax of paths, addresses and names of temporary files. Knows strings only."""

from __future__ import annotations

import os
import re
import uuid

#: Prefix of names of unfinished files of ours; no listing shows them.
TEMP_PREFIX = ".nanocorpus-tmp-"

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def join(base: str, *names: str) -> str:
    """``base/name/…``, for local paths and addresses alike."""
    for name in names:
        base = f"{base}{name}" if not base or base.endswith("/") else f"{base}/{name}"
    return base


def is_local(path: str) -> bool:
    """Whether ``path`` is a path of a file system, not an address."""
    scheme = SCHEME.match(path)
    return scheme is None or scheme[1].lower() == "file"


def is_temporary(name: str) -> bool:
    """Whether the last segment of a path is an unfinished file of ours."""
    return name.startswith(TEMP_PREFIX)


def temporary_name(name: str) -> str:
    """A unique temporary name. It ends as ``name`` does, since some writers look at the extension."""
    return f"{TEMP_PREFIX}{os.getpid()}-{uuid.uuid4().hex}-{name[-100:]}"
