"""The reader ``tarball``: archives of repositories, one each (tar, tar.gz, tar.zst, zip).

The reasons are those of ``repositories``. Knows how archives are called. Does not know their formats
(``archives``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from stages.base import Batch, Input, InputPath, Member, Storage
from stages.files.source import Source
from stages.read.code.archives import open_archive
from stages.read.code.columns import FileBatch, Repository
from stages.read.code.packing import pack
from stages.read.code.repositories import CodeConfig, CodeReader
from stages.read.code.tree import BadRepository, lost, read_tree
from stages.read.listing import list_files

_ENDINGS = re.compile(r"\.(?:tar|tgz|tar\.gz|tar\.zst|tzst|zip)$", re.IGNORECASE)
_COMMIT = re.compile(r"[-_@]([0-9a-f]{40})$")


class TarballConfig(CodeConfig):
    """Which archives are read."""

    #: Archives, folders of them, or patterns. The name of a repository is the path of its archive below the
    #: folder, without the ending and without a commit (40 hex digits) before it.
    paths: list[InputPath] = Field(min_length=1)


class Tarball(CodeReader):
    """Every file of an archive is a document, or a reject that says why not.

    The commit is what git wrote into the archive (``git archive``, archives of hosts), or 40 hex digits in
    the name of its folder or in its own. Links are dropped as such, and of two entries with one path the last
    one counts. Of a damaged archive what comes before the damage is read, and the rest is one failed row; the
    other archives are read. One that unpacks to more than 256 MiB and a hundred times its size is dropped.
    """

    name = "tarball"
    Config = TarballConfig

    config: TarballConfig

    def list(self, storage: Storage) -> list[Input]:
        """Inputs of one or more archives."""
        files = [item for item in list_files(storage, self.config.paths) if _ENDINGS.search(item.name)]
        if not files:
            raise FileNotFoundError("no file ends in .tar, .tar.gz, .tgz, .tar.zst or .zip")
        return pack(Member(item.path, item.name, item.size, item.etag) for item in files)

    def name_of(self, member: Member) -> str:
        """See ``CodeReader.name_of``."""
        return _COMMIT.sub("", _ENDINGS.sub("", member.name))

    def files(
        self, member: Member, repository: Repository, storage: Storage, batch: FileBatch, memory: int
    ) -> Iterator[Batch]:
        """See ``CodeReader.files``."""
        if found := _COMMIT.search(_ENDINGS.sub("", member.name)):
            repository = repository._replace(commit=found[1])
        try:
            with storage.open(member.path) as file:
                yield from read_tree(open_archive(Source(file), repository, memory), self._wanted, batch)
        except BadRepository as bad:
            batch.rejects.append(lost(repository, bad))
