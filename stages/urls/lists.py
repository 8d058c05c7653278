"""Reads files with lists of addresses into hashes and patterns.

Knows three formats, each with one entry per line and comments that start with ``#``, and the layout of the
lists of the Université Toulouse Capitole (UT1): ``<category>/domains``, ``urls`` and ``expressions``, in a
directory or in the archive as it is distributed. Does not know documents.

A file of domains may be a hosts file (``0.0.0.0 example.com``) and write ``*.example.com`` or
``.example.com``. An entry that cannot be read is an error that names its line, because a list that blocks
less than it seems to is worse than none.
"""

from __future__ import annotations

import re
import tarfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.urls.addresses import bare, split
from stages.urls.hashes import Hashes, hashes

#: Bytes that are read at a time; hashing them takes about eight times as much memory.
BLOCK = 2 << 20

#: A line of only these characters, without a dot at either end, has the form that ``addresses`` gives a
#: domain.
_PLAIN = np.zeros(256, np.bool_)
_PLAIN[np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz-_.\n", np.uint8)] = True

_NONE: Hashes = np.zeros(0, np.uint64)

#: A function from a line to the entries in it.
Entries = Callable[[str], Iterator[str]]


class Listed(NamedTuple):
    """The content of one list: sorted hashes of domains and of URLs (host, path), expressions by line."""

    name: str
    domains: Hashes = _NONE
    urls: Hashes = _NONE
    expressions: Sequence[tuple[int, re.Pattern[str]]] = ()


def domains(file: IO[bytes], name: str) -> Hashes:
    """Millions of lines in the usual form are hashed many at a time; others are read one by one."""
    return _read(file, name, _domains, _PLAIN)


def urls(file: IO[bytes], name: str) -> Hashes:
    return _read(file, name, _urls, np.zeros(256, np.bool_))


def expressions(file: IO[bytes], name: str) -> list[tuple[int, re.Pattern[str]]]:
    """Regular expressions in Python's syntax, ignoring case; with their line numbers."""
    found = []
    for number, line in enumerate(file, 1):
        try:
            text = _text(line)
            if text and not text.startswith("#"):
                with warnings.catch_warnings():
                    warnings.simplefilter("error", FutureWarning)  # of [[:alpha:]], not in Python
                    found.append((number, re.compile(text, re.IGNORECASE)))
        except (ValueError, re.error, FutureWarning) as error:
            raise ValueError(f"{name}, line {number}: no regular expression: {error}") from error
    return found


#: The readers of the three formats, under the names of the files in UT1. All raise ``ValueError``, which
#: names the list and the line.
READ: dict[str, Callable[[IO[bytes], str], Any]] = {
    "domains": domains,
    "urls": urls,
    "expressions": expressions,
}


def ut1(path: Path, categories: Sequence[str]) -> list[Listed]:
    """The lists of these categories, in this order. ValueError if one is missing, or cannot be read."""
    found: dict[str, dict[str, Any]] = {category: {} for category in categories}
    try:
        for category, kind, file in (_in_directory if path.is_dir() else _in_archive)(path, categories):
            found[category][kind] = READ[kind](file, f"urls.ut1: {category}/{kind}")
    except tarfile.ReadError as error:
        raise ValueError(f"urls.ut1: {path} is neither a directory nor a tar archive: {error}") from error
    if missing := [category for category, lists in found.items() if not lists]:
        raise ValueError(f"urls.ut1: no category {', '.join(missing)}")
    return [Listed(category, **lists) for category, lists in found.items()]


def _in_directory(path: Path, categories: Sequence[str]) -> Iterator[tuple[str, str, IO[bytes]]]:
    for category in categories:
        for kind in READ:
            if (path / category / kind).is_file():
                with (path / category / kind).open("rb") as file:
                    yield category, kind, file


def _in_archive(path: Path, categories: Sequence[str]) -> Iterator[tuple[str, str, IO[bytes]]]:
    with tarfile.open(path) as archive:
        members = [(PurePosixPath(member.name), member) for member in archive]
        # some categories are links: "porn" to "adult"
        links = {name.name: PurePosixPath(member.linkname).name for name, member in members if member.issym()}
        for name, member in members:
            if name.name in READ and (file := archive.extractfile(member)):
                for category in categories:
                    if links.get(category, category) == name.parent.name:
                        file.seek(0)
                        yield category, name.name, file


def _domains(line: str) -> Iterator[str]:
    words = line.partition("#")[0].split()
    if len(words) > 1:
        ip_address(words.pop(0))  # a hosts file
    for word in words:
        found = split(word.removeprefix("*").removeprefix("."))
        if found is None or found[1]:
            raise ValueError(f"{word!r} is no domain")
        yield found[0]


def _urls(line: str) -> Iterator[str]:
    if not line.startswith("#"):
        found = split(line)
        if found is None:
            raise ValueError(f"{line!r} is no URL")
        yield bare(found[0]) + found[1]


def _read(file: IO[bytes], name: str, entries: Entries, plain: npt.NDArray[np.bool_]) -> Hashes:
    found: list[Hashes] = [_NONE]
    lines = 0
    while block := file.read(BLOCK):
        block = (block + file.readline()).replace(b"\r\n", b"\n")
        data = np.frombuffer(block.removesuffix(b"\n") + b"\n", np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        starts = np.concatenate((np.zeros(1, np.intp), ends[:-1] + 1))
        odd = np.zeros(len(ends), np.bool_)
        odd[np.searchsorted(ends, np.flatnonzero(~plain[data]))] = True
        odd |= (data[starts] == ord(".")) | (data[ends - 1] == ord("."))
        known = np.flatnonzero(~odd & (ends > starts))
        found.append(hashes(data, starts[known], (ends - starts)[known]))

        texts: list[bytes] = []
        for line in np.flatnonzero(odd & (ends > starts)):
            number = lines + int(line) + 1
            try:
                if text := _text(data[starts[line] : ends[line]].tobytes()):
                    texts += (entry.encode() for entry in entries(text))
            except ValueError as error:
                raise ValueError(f"{name}, line {number}: {error}") from error
        lengths = np.array([len(text) for text in texts], np.intp)
        found.append(hashes(np.frombuffer(b"".join(texts), np.uint8), np.cumsum(lengths) - lengths, lengths))
        lines += len(ends)
    return np.sort(np.concatenate(found))


def _text(line: bytes) -> str:
    try:
        return line.decode().removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
