"""The reader ``code_folder``: plain folders of source code, each read as one repository.

| reason | failed | meaning |
|---|---|---|
| damaged_object | yes | its size changed while it was read |

and those of ``repositories``. Knows folders on this machine and prefixes in object storage. Does not know
what becomes of a file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from pydantic import Field

from stages.base import Batch, Fault, Input, InputPath, Member, Storage
from stages.read.code.columns import FileBatch, Repository
from stages.read.code.content import path_of
from stages.read.code.packing import pack
from stages.read.code.repositories import CodeConfig, CodeReader
from stages.read.code.tree import BadRepository, Entry, lost, read_tree

#: Folders with the data of version control.
_LEFT_OUT = frozenset({".git", ".hg", ".svn", ".bzr", "_darcs", ".jj", "CVS"})


class CodeFolderConfig(CodeConfig):
    """Which folders are read."""

    #: Folders.
    paths: list[InputPath] = Field(min_length=1)
    #: Levels below ``paths`` at which the repositories lie: 0, each of ``paths`` is one; 1, each folder in it
    #: is; 2, those are owners with folders of repositories.
    depth: int = Field(default=0, ge=0, le=2)


class CodeFolder(CodeReader):
    """Every file below a folder is a document, or a reject that says why not.

    Links are not followed, and ``.git`` and the like are left out. The name of a repository is that of its
    folder (``owner/name`` with ``depth: 2``); there is no commit.
    """

    name = "code_folder"
    Config = CodeFolderConfig

    config: CodeFolderConfig

    def list(self, storage: Storage) -> list[Input]:
        """Inputs of one or more folders. FileNotFoundError: one of ``paths`` has no file."""
        members = []
        for path in self.config.paths:
            found = list(self._members(storage, path.rstrip("/") + "/"))
            if not found:
                raise FileNotFoundError(
                    f"{path!r} is no folder with repositories at depth {self.config.depth}"
                )
            members += found
        return pack(members)

    def _members(self, storage: Storage, path: str) -> Iterator[Member]:
        for folder in _below(storage, path, self.config.depth):
            size, etag = _state(storage, folder)
            if etag is not None:
                name = folder.removeprefix(path).rstrip("/") or path.rstrip("/").rpartition("/")[2]
                yield Member(folder, name, size, etag)

    def state_of(self, member: Member, storage: Storage) -> str | None:
        """A hash of names, sizes and times."""
        return _state(storage, member.path)[1]

    def files(
        self, member: Member, repository: Repository, storage: Storage, batch: FileBatch, memory: int
    ) -> Iterator[Batch]:
        """See ``CodeReader.files``."""
        try:
            yield from read_tree(_FolderTree(storage, member.path, repository), self._wanted, batch)
        except BadRepository as bad:
            batch.rejects.append(lost(repository, bad))


class _FolderTree:
    """See ``Tree``."""

    prefix = ""

    def __init__(self, storage: Storage, folder: str, repository: Repository) -> None:
        self._storage, self._folder, self.repository = storage, folder, repository

    def files(self, wanted: Callable[[Entry], bool]) -> Iterator[tuple[Entry, bytes | Fault | None]]:
        for number, (place, kind, size, _) in enumerate(_walk(self._storage, self._folder)):
            name = os.fsencode(place.removeprefix(self._folder))
            entry = Entry(path_of(name), kind, size, None, number)
            if not wanted(entry):
                yield entry, None
                continue
            with self._open(place) as file:
                data = file.read(size + 1)
            if len(data) == size:
                yield entry, data
            else:
                yield entry, Fault("damaged_object", "its size changed while it was read")

    def _open(self, place: str) -> BinaryIO:
        if _is_remote(place):
            return self._storage.open(place)
        # a file that became a link or a pipe since it was listed is not read
        return os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _is_remote(path: str) -> bool:
    return "://" in path


def _below(storage: Storage, path: str, depth: int) -> list[str]:
    """Folders ``depth`` levels down, each with a slash at its end."""
    if depth == 0:
        return [path]
    if _is_remote(path):
        parts = (info.path.removeprefix(path).split("/") for info in storage.list(path))
        return sorted({path + "/".join(one[:depth]) + "/" for one in parts if len(one) > depth})
    try:
        with os.scandir(path) as scan:
            names = [one.name for one in scan if one.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise FileNotFoundError(f"{path!r}: {error.strerror}") from None
    inside = sorted(name for name in names if name not in _LEFT_OUT)
    return [folder for name in inside for folder in _below(storage, f"{path}{name}/", depth - 1)]


def _walk(storage: Storage, folder: str) -> Iterator[tuple[str, str, int, str]]:
    """Path, kind, size and version of every file, sorted within each folder."""
    if _is_remote(folder):
        for info in storage.list(folder):
            if _LEFT_OUT.isdisjoint(info.path.removeprefix(folder).split("/")[:-1]):
                yield info.path, "file", info.size, info.etag
        return
    todo = [folder]
    while todo:
        here = todo.pop()
        with os.scandir(here) as scan:
            entries = sorted(scan, key=lambda one: one.name)
        below = []
        for one in entries:
            if one.is_dir(follow_symlinks=False):
                if one.name not in _LEFT_OUT:
                    below.append(f"{here}{one.name}/")
                continue
            status = one.stat(follow_symlinks=False)
            kind = "file" if one.is_file(follow_symlinks=False) else "device, pipe or socket"
            if one.is_symlink():
                kind = "symbolic link"
            yield one.path, kind, status.st_size, f"{status.st_mtime_ns:x}"
        todo += reversed(below)


def _state(storage: Storage, folder: str) -> tuple[int, str | None]:
    """Bytes of all files, and a hash that changes with them; None where there is no file."""
    digest = hashlib.blake2b(digest_size=16)
    total = count = 0
    try:
        for place, kind, size, version in _walk(storage, folder):
            digest.update(
                f"{place.removeprefix(folder)}\n{kind} {size} {version}\n".encode("utf-8", "surrogateescape")
            )
            total += size
            count += 1
    except (FileNotFoundError, NotADirectoryError):
        return 0, None
    return total, digest.hexdigest() if count else None
