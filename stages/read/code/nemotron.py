"""The reader ``nemotron_code``: the rows of Nemotron-Pretraining-Code, rehydrated from mirrors.

The published tables name files (``repo``, ``commit_id``, ``rel_path``, ``language``) and hold no text; a
``commit_id`` has seven hex digits. Files come from mirrors of the repositories, and with them their notices,
from the whole tree and not from the rows alone: so rows of one repository may lie anywhere. Those that stand
together in a table are read together; a table that is sorted by ``repo`` is read fastest.

| reason | failed | meaning |
|---|---|---|
| bad_row | yes | no repository, commit or path |
| no_repository | yes | there is no mirror of it |
| no_revision | yes | the mirror has no such commit, or several begin like this |
| no_file | yes | the commit has no file of this path |
| duplicate_path | no | an earlier row is the same file |

and those of ``repositories``. Knows this table. Does not read objects.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import pyarrow as pa
from pydantic import Field

from stages.base import Batch, Fault, Input, InputPath, Reader, Reject, Resources, Storage
from stages.files import temporary
from stages.read.code.about import About, OptOut, with_metadata
from stages.read.code.columns import WITH_NOTICES, FileBatch, Repository
from stages.read.code.git import GitTree, Objects, check_git
from stages.read.code.repositories import CodeConfig, CodeReader, mirror
from stages.read.code.rows import bad_row, row_inputs, rows_of, schema_of
from stages.read.code.tree import BadRepository, Wanted, read_tree
from stages.read.listing import list_files
from stages.read.values import string_of

#: Rows of an input: some hundred repositories where the table is sorted.
_ROWS = 20_000
_COLUMNS = ("repo", "commit_id", "rel_path")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_NAME = re.compile(r"[^/\0]+(?:/[^/\0]+)*")


class NemotronCodeConfig(CodeConfig):
    """Which tables are read, and where the mirrors are."""

    #: Parquet files, folders of them, or patterns.
    paths: list[InputPath] = Field(min_length=1)
    #: The folder or bucket with the mirrors: ``owner/name.git``, ``owner/name`` or clones.
    mirrors: InputPath
    #: Mirrors in object storage are copied to a temporary folder, one at a time; those of more bytes are
    #: dropped as ``oversized_repository``.
    max_copied_bytes: int = Field(default=8 << 30, gt=0)


class _Row(NamedTuple):
    number: int
    path: str


class NemotronCode(Reader):
    """Every row is a document, or a reject that says why not.

    The commits of the table are abbreviated: one that begins like several is a failed row, never a guess. A
    name that was given to another project since shows as a commit or file that is not there.
    """

    name = "nemotron_code"
    Config = NemotronCodeConfig
    adds: ClassVar[pa.Schema] = WITH_NOTICES
    resources: ClassVar[Resources] = CodeReader.resources

    config: NemotronCodeConfig

    def open(self) -> None:
        """Load the list, look at the table of metadata, and remove what killed processes left."""
        temporary.clear()
        self._about = About(self.config.metadata)
        self._wanted = Wanted(self.config.max_bytes, OptOut.of(self.config.opt_out))

    def list(self, storage: Storage) -> list[Input]:
        """Inputs of rows. ValueError: a file lacks the columns."""
        check_git()
        files = list_files(storage, self.config.paths)
        for item in files:
            names = schema_of(item.path, storage).names
            if missing := [name for name in _COLUMNS if name not in names]:
                raise ValueError(f"{item.path} has no column {missing[0]!r}; it has {', '.join(names)}")
        return row_inputs(storage, files, _ROWS)

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        """Batches of at most 256 rows or 8 MiB, sorted by repository and commit, then as git sorts paths."""
        batch = FileBatch(self.adds)
        groups: dict[tuple[str, str], list[_Row]] = defaultdict(list)
        count = 0
        for row in rows_of(item, storage, _COLUMNS):
            if limit is not None and count >= limit:
                break
            count += 1
            if isinstance(row, Reject):
                batch.rejects.append(row)
                continue
            number, values = row
            repo, commit, path = (string_of(values[name]) for name in _COLUMNS)
            if not repo or not commit or not path or not _COMMIT.fullmatch(commit) or _odd(repo):
                batch.rejects.append(bad_row(item, number, "bad_row", f"{(repo, commit, path)}"[:200]))
            else:
                groups[repo, commit].append(_Row(number, path.removeprefix("/")))
        about = self._about.of([repo for repo, _ in groups])
        for (repo, commit), rows in sorted(groups.items()):
            repository = Repository(repo, commit, None, self.config.source, self.config.host, file=item.name)
            repository = with_metadata(repository, about.get(repo))
            yield from self._files(repository, rows, storage, batch)
            if batch.full():
                yield batch.flush()
        if not batch.empty():
            yield batch.flush()

    def _files(
        self, repository: Repository, rows: Sequence[_Row], storage: Storage, batch: FileBatch
    ) -> Iterator[Batch]:
        left: dict[str, int] = {}
        for row in rows:
            if row.path in left:
                again = Fault("duplicate_path", f"row {left[row.path]} is the same file")
                batch.rejects.append(repository.reject(row.path, row.number, again))
            else:
                left[row.path] = row.number
        try:
            folder = self._mirror(repository.name, storage)
            with (
                mirror(storage, folder, self.config.max_copied_bytes) as objects,
                Objects(objects) as git,
            ):
                commit = git.commit(str(repository.commit))
                repository = repository._replace(commit=commit.id, date=commit.date or repository.date)
                yield from read_tree(GitTree(git, repository), self._wanted._replace(only=left), batch)
            fault, failed = Fault("no_file", f"commit {commit.id} has no such path"), True
        except BadRepository as bad:
            fault, failed = bad.fault, bad.failed
        for path, number in left.items():
            batch.rejects.append(repository.reject(path, number, fault, failed))

    def _mirror(self, name: str, storage: Storage) -> str:
        """The folder of git's files of a repository."""
        below = f"{self.config.mirrors.rstrip('/')}/{name}"
        for folder in (f"{below}.git", below, f"{below}/.git"):
            if storage.stat(f"{folder}/HEAD") is not None:
                return folder
        raise BadRepository("no_repository", f"there is no mirror {below}.git")


def _odd(repo: str) -> bool:
    """Whether a name leads out of the folder of mirrors."""
    return not _NAME.fullmatch(repo) or not {".", "..", ""}.isdisjoint(repo.split("/")) or "\\" in repo
