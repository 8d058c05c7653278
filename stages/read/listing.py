"""From the paths of a config to inputs: which files, and what each is called.

A path is the file of that name, or else the directory of that name, or else a pattern; so an existing file is
found whatever its name, including brackets and blanks. For the same reason brackets in a pattern are first
tried literally, and only then as sets of characters: ``runs [v1]/*.jsonl``. (``*`` and ``?`` match themselves
anyway.)

For a directory all files below it are taken, at any depth (tables are often stored in directories by date or
language), except names that mark something else: hidden files (``.``), files that writers keep beside tables
(``_SUCCESS``, ``_temporary/``; not ``_key=value/``), and unfinished files (``.tmp`` …). Patterns leave out
nothing.

It knows patterns and names. It does not know file formats.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator, Sequence

from stages.base import FileInfo, Input, Storage

_WILDCARDS = frozenset("*?[")
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", "._COPYING_")


def list_files(storage: Storage, paths: Sequence[str]) -> list[Input]:
    """One input per file that any of ``paths`` names, sorted by name.

    A name is the path below the directory, or the fixed directory of the pattern, hence the same for a local
    copy and for the bucket it came from. A file that several paths name is listed once, under its name from
    the first path.

    Raises:
        FileNotFoundError: A path names nothing.
        ValueError: Two different files would have the same name.
    """
    found: dict[str, Input] = {}
    for path in paths:
        directory, files = _files(storage, path)
        for file in files:
            if file.path not in found:
                found[file.path] = Input(file.path, _name(file, directory), file.size, file.etag)
    inputs = sorted(found.values(), key=lambda item: (item.name, item.path))
    for one, other in itertools.pairwise(inputs):
        if one.name == other.name:
            raise ValueError(
                f"{one.path} and {other.path} would both be called {one.name!r}; "
                "list them with one pattern that starts at a common directory"
            )
    return inputs


def _files(storage: Storage, path: str) -> tuple[str, list[FileInfo]]:
    """The files that ``path`` names, and the directory to which their names are relative."""
    if not path.strip("/"):
        raise FileNotFoundError(f"{path!r} cannot be a path of inputs")
    if "[" in path or _WILDCARDS.isdisjoint(path):
        if file := storage.stat(path):
            return path[: path.rfind("/") + 1], [file]
        directory = path.rstrip("/") + "/"
        below = storage.list(directory)
        if files := [file for file in below if _is_data(_name(file, directory))]:
            return directory, files
        if below:
            raise FileNotFoundError(
                f"no data file below {path!r} (hidden, unfinished and marker files are left out)"
            )
    for directory, pattern in _readings(path):
        if files := storage.glob(pattern):
            return directory, files
    raise FileNotFoundError(f"no file matches {path!r}")


def _readings(path: str) -> Iterator[tuple[str, str]]:
    """Patterns that ``path`` may mean, and the fixed directory of each: first with all brackets taken
    literally, then with those of one segment less, and so on."""
    segments = path.split("/")
    bracketed = [index for index, segment in enumerate(segments) if "[" in segment]
    for count in range(len(bracketed), -1, -1):
        literal = bracketed[:count]
        fixed = []
        for index, segment in enumerate(segments[:-1]):
            if not _WILDCARDS.isdisjoint(segment.replace("[", "") if index in literal else segment):
                break
            fixed.append(f"{segment}/")
        escaped = (s.replace("[", "[[]") if i in literal else s for i, s in enumerate(segments))
        yield "".join(fixed), "/".join(escaped)


def _is_data(name: str) -> bool:
    """Whether a file below a directory is one of its data files."""
    if name.endswith(_UNFINISHED):
        return False
    return not any(
        segment.startswith(".") or (segment.startswith("_") and "=" not in segment)
        for segment in name.split("/")
    )


def _name(file: FileInfo, directory: str) -> str:
    tidy = re.sub("(?<!:)//+", "/", directory)  # as storage tidies paths
    if file.path.startswith(tidy):
        return file.path[len(tidy) :]
    return posixpath.basename(file.path)
