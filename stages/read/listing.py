"""From the patterns of a config to inputs: which files, and what each is called.

Knows patterns and names. Knows nothing of file formats.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Sequence

from stages.base import FileInfo, Input, Storage

_WILDCARDS = frozenset("*?[")


def fixed_directory(pattern: str) -> str:
    """The part of ``pattern`` before its first segment with a wildcard, ``/`` included.

    For a plain path this is its directory, so that a file's name is its basename.
    """
    for index, character in enumerate(pattern):
        if character in _WILDCARDS:
            return pattern[: pattern.rfind("/", 0, index) + 1]
    return pattern[: pattern.rfind("/") + 1]


def list_files(storage: Storage, patterns: Sequence[str]) -> list[Input]:
    """One input per file that any of ``patterns`` matches, sorted by name.

    A name is the path below the fixed directory of its pattern, hence the same for a local copy and
    for the bucket it came from. A file that several patterns match is listed once, as the first has it.

    Raises:
        FileNotFoundError: A pattern matches nothing.
        ValueError: Two different files would have the same name.
    """
    found: dict[str, Input] = {}
    for pattern in patterns:
        files = storage.glob(pattern)
        if not files:
            raise FileNotFoundError(f"no file matches {pattern!r}")
        for file in files:
            if file.path not in found:
                found[file.path] = Input(file.path, _name(file, pattern), file.size, file.etag)
    inputs = sorted(found.values(), key=lambda item: (item.name, item.path))
    for one, other in itertools.pairwise(inputs):
        if one.name == other.name:
            raise ValueError(
                f"{one.path} and {other.path} would both be called {one.name!r}; "
                "list them with one pattern that starts at a common directory"
            )
    return inputs


def _name(file: FileInfo, pattern: str) -> str:
    directory = re.sub("(?<!:)//+", "/", fixed_directory(pattern))  # as storage tidies paths
    if file.path.startswith(directory):
        return file.path[len(directory) :]
    return posixpath.basename(file.path)
