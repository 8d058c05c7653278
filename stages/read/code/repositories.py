"""The reader ``repositories``: files of git repositories at a revision, from bare mirrors and clones.

| reason | failed | meaning |
|---|---|---|
| not_a_file | no | a symbolic link, a submodule, a device |
| bad_path | no | a path that leaves the repository, or of more than 4,096 bytes |
| size | no | more than ``max_bytes``; it is not read |
| empty | no | no bytes, or white space only |
| lfs_pointer | no | the content lies in Git LFS |
| binary | no | it has NUL bytes, and no mark of UTF-16 |
| encoding | no | bytes that no encoding makes text of |
| duplicate_path | no | an archive has a later entry of this path |
| opt_out | no | the owner, repository, commit or content is on the list of those left out |
| missing_object | yes | the mirror has no content for this file |
| damaged_object | yes | it does not decompress, or its checksum is wrong |
| no_revision | yes | the repository has no such revision, or it is empty or ambiguous |
| damaged_repository | yes | what git or the archive says of the rest of the repository |
| oversized_repository | no | more files or bytes than a repository may have |

Knows how mirrors are found, and brought here from object storage. Does not know what becomes of a file
(``tree``), nor git's formats (``git``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field, field_validator

from stages.base import (
    MIB,
    AssetFile,
    Batch,
    Input,
    InputPath,
    Member,
    Reader,
    Resources,
    StageConfig,
    Storage,
)
from stages.files import temporary
from stages.read.code.about import About, OptOut, with_metadata
from stages.read.code.columns import WITH_NOTICES, FileBatch, Repository
from stages.read.code.git import GitTree, Objects, check_git
from stages.read.code.packing import etag_of, pack
from stages.read.code.refs import NoRevision, find_mirrors, resolve, state
from stages.read.code.tree import BadRepository, Wanted, lost, read_tree

_COPIED = MIB


class CodeConfig(StageConfig):
    """What all readers of repositories are told."""

    #: Files of more bytes are dropped unread.
    max_bytes: int = Field(default=3_000_000, gt=0, lt=1 << 30)
    #: A table of what is known of repositories: Parquet, CSV or JSON Lines with the column ``repo``, and any
    #: of ``stars``, ``forks``, ``license`` and ``pushed_at``.
    metadata: AssetFile | None = None
    #: A list of owners, owner/name, commits and blobs that are left out.
    opt_out: AssetFile | None = None
    #: Where ``owner/name`` lies on the web (``https://github.com``): then documents have a ``url``.
    host: str | None = None
    #: Value of the column ``source``; the name of the dataset if not given.
    source: str | None = None

    @field_validator("metadata", "opt_out", "host", mode="before")
    @classmethod
    def _or_none(cls, value: object) -> object:
        return value or None  # "" from an environment variable that is not set


class RepositoriesConfig(CodeConfig):
    """Which repositories are read, and at which revision."""

    #: Bare mirrors or clones, patterns of them, or folders that hold them one or two levels down. The name of
    #: a repository is its path below that folder, without ``.git``.
    paths: list[InputPath] = Field(min_length=1)
    #: A branch, a tag or a commit.
    revision: str = Field(default="HEAD", pattern=r"^[^\s:^~?*\[\\-][^\s:^~?*\[\\]*$")
    #: Mirrors in object storage are copied to a temporary folder, one at a time; those of more bytes are
    #: dropped as ``oversized_repository``.
    max_copied_bytes: int = Field(default=8 << 30, gt=0)


class CodeReader(Reader):
    """What readers of repositories share: metadata, the list of those left out, batches."""

    adds: ClassVar[pa.Schema] = WITH_NOTICES
    resources: ClassVar[Resources] = Resources(memory=256 * MIB)

    config: Any

    def open(self) -> None:
        """Load the list, look at the table, and remove what killed processes left."""
        temporary.clear()
        self._about = About(self.config.metadata)
        self._wanted = Wanted(self.config.max_bytes, OptOut.of(self.config.opt_out))

    def current(self, item: Input, storage: Storage) -> str | None:
        """The hash of the states of all members; None where one is gone."""
        now = [one._replace(etag=self.state_of(one, storage) or "") for one in item.members]
        return etag_of(now) if all(one.etag for one in now) else None

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        """Batches of at most 256 files or 8 MiB of texts and notices; repositories one after the other."""
        about = self._about.of([self.name_of(one) for one in item.members])
        batch = FileBatch(self.adds)
        left = limit
        for member in item.members:
            name = self.name_of(member)
            repository = Repository(name, source=self.config.source, host=self.config.host, file=member.name)
            repository = with_metadata(repository, about.get(name))
            for full in self.files(member, repository, storage, batch, item.memory):
                left, full = _first(left, full)
                yield full
                if left == 0:
                    return
            if left is not None and batch.count() >= left:
                break
        if not batch.empty():
            yield _first(left, batch.flush())[1]

    def name_of(self, member: Member) -> str:
        """What the repository is called."""
        return member.name

    def state_of(self, member: Member, storage: Storage) -> str | None:
        """The etag that a member has now; None where it is gone."""
        info = storage.stat(member.path)
        return info.etag if info else None

    def files(
        self, member: Member, repository: Repository, storage: Storage, batch: FileBatch, memory: int
    ) -> Iterator[Batch]:
        """Add the files of a member to ``batch``; gives it away whenever it is full. ``memory`` is what the
        input asked for (``Input.memory``)."""
        raise NotImplementedError


def _first(limit: int | None, batch: Batch) -> tuple[int | None, Batch]:
    """What remains of a limit, and the batch without what is beyond it."""
    if limit is None:
        return None, batch
    documents = batch.documents.slice(0, limit)
    rejects = batch.rejects[: limit - len(documents)]
    return limit - len(documents) - len(rejects), Batch(documents, rejects)


class Repositories(CodeReader):
    """Every file of a commit is a document, or a reject that says why not.

    The program ``git`` reads the objects; nothing is checked out, no configuration of a mirror is looked at,
    and nothing is fetched. Submodules, links and LFS pointers are dropped as such. A file whose object is
    missing (partial mirrors) or damaged is a failed row, and so is a repository that cannot be read: the
    others are. Small repositories are packed together into inputs of some 64 MiB. ``notices`` holds for each
    document the licence files, manifests and READMEs that may speak for it, those of its own folder first.
    """

    name = "repositories"
    Config = RepositoriesConfig

    config: RepositoriesConfig

    def list(self, storage: Storage) -> list[Input]:
        """Inputs of one or more repositories. FileNotFoundError: ``git`` or a path is not there."""
        check_git()
        return pack(find_mirrors(storage, self.config.paths, self.config.revision))

    def state_of(self, member: Member, storage: Storage) -> str | None:
        """A hash of commit and packs."""
        if storage.stat(f"{member.path}/HEAD") is None:
            return None
        return state(storage, member.path, self.config.revision)

    def files(
        self, member: Member, repository: Repository, storage: Storage, batch: FileBatch, memory: int
    ) -> Iterator[Batch]:
        """See ``CodeReader.files``."""
        try:
            try:
                revision = resolve(storage, member.path, self.config.revision)
            except NoRevision as error:
                raise BadRepository("no_revision", str(error)) from None
            with (
                mirror(storage, member.path, self.config.max_copied_bytes) as objects,
                Objects(objects, len(revision)) as git,
            ):
                commit = git.commit(revision)
                repository = repository._replace(commit=commit.id, date=commit.date or repository.date)
                yield from read_tree(GitTree(git, repository), self._wanted, batch)
        except BadRepository as bad:
            batch.rejects.append(lost(repository, bad))


@contextmanager
def mirror(storage: Storage, folder: str, most: int) -> Iterator[str]:
    """The folder of objects of a mirror on this machine: the one that is there, or a copy while it is read.

    BadRepository: a copy would take more than ``most`` bytes.
    """
    objects = f"{folder}/objects/"
    if "://" not in folder:
        yield objects
        return
    infos = storage.list(objects)
    if (size := sum(info.size for info in infos)) > most:
        raise BadRepository("oversized_repository", f"{size} bytes to copy", failed=False)
    with temporary.folder() as copy:
        for info in infos:
            name = info.path.removeprefix(objects)
            if name.startswith("/") or ".." in name.split("/"):
                raise BadRepository("damaged_repository", f"it has a file {name!r}")
            target = os.path.join(copy, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with storage.open(info.path) as source, open(target, "wb") as file:
                shutil.copyfileobj(source, file, _COPIED)
        yield copy
