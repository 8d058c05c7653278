"""Reads git's objects by the ``git`` program: one ``ls-tree`` and one ``cat-file`` for a tree, no checkout.

A mirror is somebody else's data. Of it only the folder of objects is used, from an empty repository of our
own (``GIT_OBJECT_DIRECTORY``): its configuration, hooks, filters, replacements and remotes are never looked
at, nothing can be fetched over a network, and it does not matter who owns it. Nothing of it is written.

Knows git's plumbing. Does not know what the files are for. Sources of the formats: the manual pages
git-ls-tree(1) and git-cat-file(1).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from itertools import islice
from typing import IO, NamedTuple, Self

from stages.base import MIB, Fault
from stages.files import temporary
from stages.read.code.columns import Repository
from stages.read.code.content import path_of
from stages.read.code.tree import BadRepository, Entry

#: Files asked for at once: their names fit into a pipe, so that asking never waits for answers.
_ASKED = 512
_KINDS = {b"120000": "symbolic link", b"160000": "submodule", b"040000": "directory"}
#: Damaged objects after which a repository is given up.
_MOST_DEATHS = 100
#: Longest commit, with its message, that is looked at.
_COMMIT_BYTES = 16 * MIB


class Commit(NamedTuple):
    id: str
    date: str | None


def check_git() -> None:
    """Raises FileNotFoundError where there is no ``git``."""
    if shutil.which("git") is None:
        raise FileNotFoundError(
            "reading repositories needs the program `git` on every machine (apt-get install git); archives "
            "of repositories (format: tarball) are read without it"
        )


class _Ended(Exception):
    """``cat-file`` ended instead of answering."""


class Objects:
    """The objects of one mirror. A context manager; its processes end with it."""

    def __init__(self, directory: str, hash_length: int = 40) -> None:
        self._directory = os.path.abspath(directory)
        self._sha256 = hash_length == 64
        self._processes: list[subprocess.Popen[bytes]] = []
        self._deaths = 0

    def __enter__(self) -> Self:
        self._opened = ExitStack()
        home = self._home = self._opened.enter_context(temporary.folder())
        os.makedirs(f"{home}/objects")
        os.makedirs(f"{home}/refs")
        with open(f"{home}/HEAD", "w") as file:
            file.write("ref: refs/heads/main\n")
        with open(f"{home}/config", "w") as file:
            version, kind = (1, "[extensions]\n\tobjectFormat = sha256\n") if self._sha256 else (0, "")
            file.write(f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{kind}")
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": home,
            "LC_ALL": "C",
            "GIT_DIR": home,
            "GIT_OBJECT_DIRECTORY": self._directory,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
        }
        self._errors = tempfile.TemporaryFile()
        self._cat: subprocess.Popen[bytes] | None = None
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            _end(process)
        self._errors.close()
        self._opened.close()

    def commit(self, name: str) -> Commit:
        """The commit that an object name leads to: whole or abbreviated, of a commit or an annotated tag.

        Raises:
            BadRepository: There is none, or several begin like this.
        """
        for _, answer in self._contents([name + "^{commit}"], _COMMIT_BYTES):
            if isinstance(answer, Fault):
                for _, several in self._contents([name]) if answer.reason == "missing_object" else ():
                    # of a commit that cannot be told from another git says only that it is missing
                    answer = several if isinstance(several, Fault) else answer
                reason = "no_revision" if answer.reason == "missing_object" else "damaged_repository"
                raise BadRepository(reason, f"commit {name}: {answer.detail}")
            identity, data = answer
            return Commit(identity, _commit_date(data))
        raise AssertionError("every question has an answer")

    def files(
        self, commit: str, wanted: Callable[[Entry], bool]
    ) -> Iterator[tuple[Entry, bytes | Fault | None]]:
        """Every file of the commit's tree, in git's order; see ``Tree.files``."""
        listed = self._list(commit)
        while True:
            asked, bad = _some(listed)
            yield from self._answered(asked, wanted)
            if bad is not None:
                raise bad
            if len(asked) < _ASKED:
                return

    def _answered(
        self, entries: list[Entry], wanted: Callable[[Entry], bool]
    ) -> Iterator[tuple[Entry, bytes | Fault | None]]:
        ask = [wanted(entry) for entry in entries]
        names = [str(entry.blob) for entry, asked in zip(entries, ask, strict=True) if asked]
        answers = self._contents(names)
        for entry, asked in zip(entries, ask, strict=True):
            if not asked:
                yield entry, None
                continue
            _, answer = next(answers)
            yield entry, answer if isinstance(answer, Fault) else answer[1]

    def _list(self, commit: str) -> Iterator[Entry]:
        process = self._start("ls-tree", "-r", "-l", "-z", "--full-tree", commit)
        assert process.stdout is not None
        rest = b""
        number = 0
        while piece := process.stdout.read(64 << 10):
            *lines, rest = (rest + piece).split(b"\0")
            for line in lines:
                about, _, path = line.partition(b"\t")
                mode, _, blob, size = about.split()
                kind = _KINDS.get(mode, "file")
                # git writes "BAD" for the size of an object that it does not have
                bytes_ = int(size) if size.isdigit() else None
                yield Entry(path_of(path), kind, bytes_, blob.decode(), number)
                number += 1
        if process.wait():
            raise BadRepository("damaged_repository", f"git ls-tree: {self._said()}")
        self._processes.remove(process)

    def _contents(
        self, names: list[str], cap: int | None = None
    ) -> Iterator[tuple[str, tuple[str, bytes] | Fault]]:
        """For each name its object and the object's id, or what is wrong. The names fit into a pipe."""
        left = names
        while left:
            try:
                for answer in self._asked(left, cap):
                    left = left[1:]
                    yield answer
            except _Ended:
                # git gives up at the first damaged object: the next ones are asked for anew
                said = self._forget()
                self._deaths += 1
                if self._deaths > _MOST_DEATHS:
                    raise BadRepository("damaged_repository", f"git cat-file: {said}") from None
                yield left[0], Fault("damaged_object", said)
                left = left[1:]

    def _asked(self, names: list[str], cap: int | None) -> Iterator[tuple[str, tuple[str, bytes] | Fault]]:
        if self._cat is None:
            self._cat = self._start("cat-file", "--batch")
        ask, answers = self._cat.stdin, self._cat.stdout
        assert ask is not None
        assert answers is not None
        try:
            ask.write("".join(f"{name}\n" for name in names).encode())
            ask.flush()
        except BrokenPipeError:
            raise _Ended from None
        for name in names:
            head = answers.readline()
            if not head.endswith(b"\n"):
                raise _Ended
            words = head.split()
            if len(words) != 3 or not words[2].isdigit():
                yield name, _unknown(words)
                continue
            identity, _, size = words
            if cap is not None and int(size) > cap:
                raise BadRepository("damaged_repository", f"object {name} has {int(size)} bytes")
            data = answers.read(int(size) + 1)
            if len(data) <= int(size):
                raise _Ended
            yield name, (identity.decode(), data[:-1])

    def _forget(self) -> str:
        """What ``cat-file`` said as it ended."""
        assert self._cat is not None
        _end(self._cat)
        self._processes.remove(self._cat)
        self._cat = None
        return self._said()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            ["git", "-c", "core.packedGitLimit=64m", "-c", "core.deltaBaseCacheLimit=16m", *arguments],
            stdin=subprocess.PIPE if arguments[0] == "cat-file" else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=self._environment,
            bufsize=256 << 10,
        )
        self._processes.append(process)
        return process

    def _said(self) -> str:
        """The last that git wrote of errors."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(self._errors.tell() - 4096, 0))
        said = self._errors.read().decode("utf-8", "replace")
        # where things lie on this machine is no part of a result
        for place in (self._directory, self._home):
            said = said.replace(place, "…")
        lines = said.strip().splitlines()
        return "; ".join(dict.fromkeys(lines[-3:])) or "it ended without a word"


class GitTree:
    """See ``Tree``."""

    prefix = ""

    def __init__(self, objects: Objects, repository: Repository) -> None:
        self._objects, self.repository = objects, repository

    def files(self, wanted: Callable[[Entry], bool]) -> Iterator[tuple[Entry, bytes | Fault | None]]:
        assert self.repository.commit is not None
        return self._objects.files(self.repository.commit, wanted)


def _some(entries: Iterator[Entry]) -> tuple[list[Entry], BadRepository | None]:
    """The next entries, and what ended them too early."""
    found: list[Entry] = []
    try:
        found.extend(islice(entries, _ASKED))
    except BadRepository as bad:
        return found, bad
    return found, None


def _unknown(words: list[bytes]) -> Fault:
    what = words[-1].decode("ascii", "replace") if words else "no answer"
    name = words[0].decode("ascii", "replace").removesuffix("^{commit}") if words else ""
    return Fault("missing_object", f"{name} is {what}")


def _commit_date(commit: bytes) -> str | None:
    """When it was committed, in UTC; None where that is no date."""
    for line in commit.partition(b"\n\n")[0].split(b"\n"):
        if line.startswith(b"committer "):
            with suppress(ValueError, OverflowError, IndexError, OSError):
                moment = datetime.fromtimestamp(int(line.rsplit(b" ", 2)[1]), UTC)
                return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        _close(stream)
    process.wait()


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with suppress(OSError):
            stream.close()
