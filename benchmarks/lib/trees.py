"""Files of real repositories, for benchmarks of code: they are not part of the repository.

``NANOCORPUS_DATA/code/OWNER+NAME`` are bare repositories or clones; what is read is the tree of HEAD, or of
the revision in ``OWNER/NAME@REVISION``. Knows git.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.lib import data

#: Repositories that differ in all that matters: licences, languages, what is vendored, generated, damaged.
TWELVE = (
    "BurntSushi/ripgrep",
    "redis/redis",
    "docker/cli",
    "rstudio/shiny",
    "gitleaks/gitleaks",
    "leachim6/hello-world",
    "nothings/stb",
    "eclipse-ee4j/jersey",
    "mwaskom/seaborn",
    "fsfe/reuse-tool",
    "curl/curl",
    "hashicorp/packer",
)


class File(NamedTuple):
    """One file of a tree. ``blob`` is git's SHA-1 of its bytes."""

    repo: str
    path: str
    blob: str
    size: int


def find(repo: str) -> Path | None:
    """Where a repository (``owner/name``) is; None where it is not to be had."""
    repo = repo.partition("@")[0]
    return data.find(f"code/{repo.replace('/', '+')}") or data.find(f"code/mirrors/{repo}.git")


def files(repo: str) -> list[File]:
    """The files of one revision, without links, submodules and objects that are missing, by path."""
    if (path := find(repo)) is None:
        raise FileNotFoundError(data.missing(f"code/{repo.replace('/', '+')}"))
    listed = _git(path, "ls-tree", "-r", "-z", "-l", repo.partition("@")[2] or "HEAD").decode(
        "utf-8", "surrogateescape"
    )
    found = []
    for line in listed.rstrip("\0").split("\0"):
        facts, _, name = line.partition("\t")
        mode, kind, blob, size = facts.split()
        if kind == "blob" and mode != "120000" and size.isdigit():
            found.append(File(repo, name, blob, int(size)))
    return sorted(found, key=lambda file: file.path)


def read(chosen: Iterable[File]) -> Iterator[tuple[File, bytes]]:
    """The bytes of files that are there, repository by repository."""
    by: dict[str, list[File]] = {}
    for file in chosen:
        by.setdefault(file.repo, []).append(file)
    for repo, group in by.items():
        asked = "".join(f"{file.blob}\n" for file in group).encode()
        path = find(repo)
        assert path is not None
        out, place = _git(path, "cat-file", "--batch", asked=asked), 0
        for file in group:
            end = out.index(b"\n", place)
            head = out[place:end].split()
            place = end + 1
            if len(head) == 3:
                size = int(head[2])
                yield file, out[place : place + size]
                place += size + 1


def text(content: bytes) -> str | None:
    """As UTF-8, else as Windows-1252 where that can be; None for what is binary."""
    if b"\0" in content[:8000]:
        return None
    for encoding in ("utf-8", "cp1252", "latin-1"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def draw(pool: Iterable[File], most: int, seed: str = "") -> list[File]:
    """``most`` of the files, the same ones every time, each blob once."""
    unique = {file.blob: file for file in pool}
    return sorted(unique.values(), key=lambda file: _rank(seed, file))[:most]


def _rank(seed: str, file: File) -> bytes:
    return hashlib.sha256(f"{seed} {file.blob}".encode()).digest()


def _git(path: Path, *words: str, asked: bytes = b"") -> bytes:
    command = ["git", "-c", "safe.directory=*", "-C", str(path), *words]
    return subprocess.run(command, input=asked, capture_output=True, check=True).stdout
