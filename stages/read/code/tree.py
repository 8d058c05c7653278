"""A repository as files with contents, and what becomes of them: two passes over a ``Tree``.

The first reads the notices (licence files, manifests), of which every document gets those that may speak for
it; the second reads all other files, one batch at a time. So memory does not grow with the tree.

What goes wrong with a repository is its own: it is a failed reject, and the next one is read. Files that were
read before the damage are kept.

The reasons are explained in ``repositories``. Knows trees and batches. Does not know git or archives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from stages.base import Batch, Fault, Reject
from stages.licenses.names import is_notice
from stages.read.code.about import OptOut
from stages.read.code.columns import FileBatch, FileRow, Repository
from stages.read.code.content import blob_of, decode, wrong_path
from stages.read.code.notices import NoticeTexts

#: Reasons of a ``Tree`` for a file that are failures.
FAILURES = frozenset({"missing_object", "damaged_object"})
#: More files than any repository of source code has; more are a trap.
MOST_FILES = 2_000_000


class Entry(NamedTuple):
    """One name in a tree."""

    path: str
    kind: str  # "file", or what it is instead
    size: int | None  # bytes; None where the object is missing
    blob: str | None = None  # git's SHA-1 where it is known without reading
    number: int = 0  # in the tree


class BadRepository(Exception):
    """Nothing more can be read of this repository."""

    def __init__(self, reason: str, detail: str, failed: bool = True) -> None:
        super().__init__(detail)
        self.fault, self.failed = Fault(reason, " ".join(detail.split())[:300]), failed


class Tree(Protocol):
    """The files of a repository at one commit. ``files`` can be gone over twice."""

    repository: Repository

    @property
    def prefix(self) -> str:
        """What all paths have in common and documents do not have; known after one pass."""
        ...

    def files(self, wanted: Callable[[Entry], bool]) -> Iterator[tuple[Entry, bytes | Fault | None]]:
        """Every entry, always in the same order: its bytes if it is ``wanted``, why they cannot be read, or
        None. ``BadRepository`` ends it."""
        ...


class Wanted(NamedTuple):
    """Which files are asked for."""

    max_bytes: int
    opt_out: OptOut
    #: Paths, each with the number that its document gets; taken out as they are found. None: all files.
    only: dict[str, int] | None = None


def read_tree(tree: Tree, wanted: Wanted, batch: FileBatch) -> Iterator[Batch]:
    """Add the files of a tree to ``batch``; gives it away whenever it is full.

    BadRepository: no more of it can be read; what was read is in the batch.
    """
    repository = tree.repository
    _check(wanted.opt_out, repository)
    with NoticeTexts() as notices:
        _read_notices(tree, wanted, notices)
        repository = tree.repository  # an archive shows its commit
        _check(wanted.opt_out, repository)
        for entry, data in tree.files(lambda one: _is_asked(one, wanted)):
            entry = entry._replace(path=entry.path.removeprefix(tree.prefix))
            if wanted.only is not None:
                if entry.path not in wanted.only:
                    continue
                entry = entry._replace(number=wanted.only.pop(entry.path))
            made = _made(entry, data, repository, wanted, notices)
            if isinstance(made, FileRow):
                batch.add(made)
            else:
                batch.rejects.append(made)
            if batch.full():
                yield batch.flush()


def _check(opt_out: OptOut, repository: Repository) -> None:
    if fault := opt_out.repository(repository):
        raise BadRepository(fault.reason, fault.detail, failed=False)


def _read_notices(tree: Tree, wanted: Wanted, notices: NoticeTexts) -> None:
    try:
        for entry, data in tree.files(lambda one: _is_text_notice(one, wanted.max_bytes)):
            if entry.number >= MOST_FILES:
                raise BadRepository("oversized_repository", f"more than {MOST_FILES} files", failed=False)
            if isinstance(data, bytes):
                notices.add(entry.path, data)
    except BadRepository as bad:
        if not bad.failed:
            raise
        # the second pass comes to the same damage, and keeps what lies before it
    notices.close(tree.prefix)


def lost(repository: Repository, bad: BadRepository) -> Reject:
    """What stands for a repository, or for the rest of it."""
    what = Fault(bad.fault.reason, f"{repository.name}: {bad.fault.detail}")
    return repository.reject("", 0, what, bad.failed)


def _is_text_notice(entry: Entry, cap: int) -> bool:
    return entry.kind == "file" and 0 < (entry.size or 0) <= cap and is_notice(entry.path)


def _is_asked(entry: Entry, wanted: Wanted) -> bool:
    return _refused(entry, wanted) is None and (wanted.only is None or entry.path in wanted.only)


def _refused(entry: Entry, wanted: Wanted) -> tuple[Fault, bool] | None:
    """Why a file is not read, and whether that is a failure."""
    if entry.kind != "file":
        return Fault("not_a_file", entry.kind), False
    if wrong := wrong_path(entry.path):
        return Fault("bad_path", wrong), False
    if entry.size is None:
        return Fault("missing_object", f"{entry.blob} is not there"), True
    if entry.size > wanted.max_bytes:
        return Fault("size", f"{entry.size} bytes"), False
    if entry.blob and (fault := wanted.opt_out.blob(entry.blob)):
        return fault, False
    return None


def _made(
    entry: Entry, data: bytes | Fault | None, repository: Repository, wanted: Wanted, notices: NoticeTexts
) -> FileRow | Reject:
    if refused := _refused(entry, wanted):
        return repository.reject(entry.path, entry.number, *refused)
    if data is None:
        raise AssertionError(f"{entry.path} was asked for")
    if isinstance(data, Fault):
        failed = data.reason in FAILURES
        return repository.reject(entry.path, entry.number, data, failed)
    blob = entry.blob or blob_of(data)
    if entry.blob is None and (fault := wanted.opt_out.blob(blob)):
        return repository.reject(entry.path, entry.number, fault)
    decoded = decode(data)
    if isinstance(decoded, Fault):
        return repository.reject(entry.path, entry.number, decoded)
    text, encoding = decoded
    found = notices.of(entry.path)
    return FileRow(repository, entry.path, entry.number, text, encoding, blob, len(data), found)
