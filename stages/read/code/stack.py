"""The reader ``stack``: rows of The Stack v1 (with content) and v2 (ids, and the contents elsewhere).

Three forms are told apart by their columns: a file a row with ``content`` (v1); a file a row with ``blob_id``
(v2, Stack-Edu); a repository a row with ``files`` (v2's ``train-full-ids``). The columns are those of the
cards of ``bigcode/the-stack``, ``bigcode/the-stack-v2`` and ``bigcode/the-stack-v2-train-full-ids``. A
``blob_id`` is the SHA-1 of the bytes, so every content proves itself; ``content_id`` is git's name of them.

| reason | failed | meaning |
|---|---|---|
| bad_row | yes | no repository, path, or content; a ``blob_id`` that is none |
| missing_object | yes | there is no content for the row |
| bad_checksum | yes | the content is not what its ``blob_id`` says |
| damaged_object | yes | the content does not decompress |
| size | no | more than ``max_bytes`` |
| bad_path | no | a path that leaves the repository, or of more than 4,096 bytes |
| opt_out | no | the owner, repository, commit or content is on the list of those left out |

and those of ``repositories`` that are of a file. Knows these tables. Does not know what licences the rows
have.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa
from pydantic import Field

from stages.base import MIB, Batch, Fault, Input, InputPath, Reader, Reject, Resources, Storage
from stages.read.code.about import About, OptOut, count_of, date_of, with_metadata
from stages.read.code.columns import COLUMNS, FileBatch, FileRow, Repository
from stages.read.code.content import blob_of, decode, wrong_path
from stages.read.code.repositories import CodeConfig
from stages.read.code.rows import bad_row, row_inputs, rows_of, schema_of
from stages.read.listing import list_files
from stages.read.values import string_of

#: Rows of an input: those of v2 each cost a request to fetch their content.
_ROWS = {"v1": 100_000, "v2": 20_000, "v2 repositories": 500}
#: Contents fetched at once.
_FETCHED = 16
_SHA1 = re.compile(r"[0-9a-f]{40}")
_V1 = {
    "repo": "max_stars_repo_name",
    "path": "max_stars_repo_path",
    "commit": "max_stars_repo_head_hexsha",
    "license": "max_stars_repo_licenses",
    "stars": "max_stars_count",
    "forks": "max_forks_count",
    "blob": "hexsha",
    "bytes": "size",
    "content": "content",
}
_V2 = {
    "repo": "repo_name",
    "commit": "revision_id",
    "license": "gha_license_id",
    "stars": "star_events_count",
    "forks": "fork_events_count",
    "date": "committer_date",
    "revised": "revision_date",
}
_V2_FILE = {
    "path": "path",
    "blob": "content_id",
    "sha1": "blob_id",
    "encoding": "src_encoding",
    "bytes": "length_bytes",
}


class StackConfig(CodeConfig):
    """Which tables are read, and where contents are."""

    #: Parquet files, folders of them, or patterns.
    paths: list[InputPath] = Field(min_length=1)
    #: Of v2: the folder or bucket with a file for every content, called by its ``blob_id``
    #: (``s3://softwareheritage/content``), plain or gzip, with or without ``.gz``.
    contents: InputPath | None = None


class _Row(NamedTuple):
    number: int
    values: dict[str, Any]  # by our names


class Stack(Reader):
    """Every row is a document, or a reject that says why not.

    Licences are inherited within a repository, and its rows may lie in many files: put the stage
    ``repository_notices`` next, which brings them together.
    """

    name = "stack"
    Config = StackConfig
    adds: ClassVar[pa.Schema] = COLUMNS
    resources: ClassVar[Resources] = Resources(memory=512 * MIB)

    config: StackConfig

    def open(self) -> None:
        """Load the list and look at the table of metadata."""
        self._about = About(self.config.metadata)
        self._opt_out = OptOut.of(self.config.opt_out)

    def list(self, storage: Storage) -> list[Input]:
        """Inputs of rows. ValueError: a file has none of the three forms, or contents are nowhere."""
        inputs = []
        for item in list_files(storage, self.config.paths):
            form = self._form(item, storage)
            inputs += row_inputs(storage, [item], _ROWS[form])
        return inputs

    def _form(self, item: Input, storage: Storage) -> str:
        names = schema_of(item.path, storage).names
        if {"content", "max_stars_repo_name", "max_stars_repo_path"} <= set(names):
            return "v1"
        form = "v2 repositories" if "files" in names else "v2"
        if "repo_name" not in names or not ({"blob_id", "path"} <= set(names) or "files" in names):
            raise ValueError(
                f"{item.path} has the columns of no form of The Stack: content and max_stars_repo_name (v1), "
                f"or repo_name with blob_id and path, or with files (v2); it has {', '.join(names)}"
            )
        if self.config.contents is None:
            raise ValueError(f"{item.path} has ids only: say in contents: where the files are")
        return form

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        """Batches of at most 256 rows or 8 MiB, in the order of the table."""
        batch = FileBatch(self.adds)
        with ThreadPoolExecutor(_FETCHED) as pool:
            rows = islice(self._rows(item, storage), limit)
            while several := list(islice(rows, 4 * _FETCHED)):
                asked = [one for one in several if isinstance(one, _Row)]
                about = self._about.of([str(one.values.get("repo")) for one in asked])
                fetched = pool.map(lambda one: self._content(one.values, storage), asked)
                for one in several:
                    made = one if isinstance(one, Reject) else self._made(item, one, next(fetched), about)
                    if isinstance(made, Reject):
                        batch.rejects.append(made)
                    else:
                        batch.add(made)
                    if batch.full():
                        yield batch.flush()
        if not batch.empty():
            yield batch.flush()

    def _rows(self, item: Input, storage: Storage) -> Iterator[_Row | Reject]:
        form = self._form(item, storage)
        names = schema_of(item.path, storage).names
        of_row = _V1 if form == "v1" else _V2 if form == "v2 repositories" else {**_V2, **_V2_FILE}
        wanted = {ours: theirs for ours, theirs in of_row.items() if theirs in names}
        columns = [*wanted.values(), *(["files"] if form == "v2 repositories" else [])]
        for row in rows_of(item, storage, columns):
            if isinstance(row, Reject):
                yield row
                continue
            number, values = row
            own = {ours: values[theirs] for ours, theirs in wanted.items()}
            if form != "v2 repositories":
                yield _Row(number, own)
                continue
            for file in values["files"] or ():
                yield _Row(
                    number, own | {ours: (file or {}).get(theirs) for ours, theirs in _V2_FILE.items()}
                )

    def _content(self, values: Mapping[str, Any], storage: Storage) -> bytes | Fault:
        """The bytes of a row's file, or why there are none."""
        if "sha1" not in values:
            content = values.get("content")
            if not isinstance(content, (str, bytes)):
                return Fault("bad_row", "no content")
            return content if isinstance(content, bytes) else content.encode("utf-8", "replace")
        sha1 = string_of(values["sha1"]) or ""
        if not _SHA1.fullmatch(sha1):
            return Fault("bad_row", f"blob_id {sha1[:80]!r}")
        size = count_of(values.get("bytes"))
        if size is not None and size > self.config.max_bytes:
            return Fault("size", f"{size} bytes")
        if fault := self._opt_out.blob(sha1):
            return fault
        return self._fetched(sha1, storage)

    def _fetched(self, sha1: str, storage: Storage) -> bytes | Fault:
        folder = (self.config.contents or "").rstrip("/")
        for place in (f"{folder}/{sha1}", f"{folder}/{sha1}.gz"):
            info = storage.stat(place)
            if info is None:
                continue
            if info.size > self.config.max_bytes:
                return Fault("size", f"{info.size} bytes as stored")
            with storage.open(place) as file:
                data = file.read()
            # a content may itself be a gzip file: what counts is which of the two has the checksum
            if hashlib.sha1(data, usedforsecurity=False).hexdigest() == sha1:
                return data
            if not data.startswith(b"\x1f\x8b"):
                return Fault("bad_checksum", f"{place} is not what its name says")
            return self._unpacked(data, sha1, place)
        return Fault("missing_object", f"no {folder}/{sha1}")

    def _unpacked(self, packed: bytes, sha1: str, place: str) -> bytes | Fault:
        stream = zlib.decompressobj(wbits=31)
        try:
            data = stream.decompress(packed, self.config.max_bytes + 1)
        except zlib.error as error:
            return Fault("damaged_object", f"{place}: {error}")
        if len(data) > self.config.max_bytes:
            return Fault("size", f"more than {self.config.max_bytes} bytes")
        if not stream.eof:
            return Fault("damaged_object", f"{place} ends too early")
        if hashlib.sha1(data, usedforsecurity=False).hexdigest() != sha1:
            return Fault("bad_checksum", f"{place} is not what its name says")
        return data

    def _made(
        self, item: Input, row: _Row, data: bytes | Fault, about: Mapping[str, dict[str, Any]]
    ) -> FileRow | Reject:
        values = row.values
        name, path = string_of(values.get("repo")), (string_of(values.get("path")) or "").removeprefix("/")
        if not name or not path:
            return bad_row(item, row.number, "bad_row", "no repository or no path")
        repository = with_metadata(self._repository(item, values, name), about.get(name))
        if fault := self._opt_out.repository(repository):
            return repository.reject(path, row.number, fault)
        if wrong := wrong_path(path):
            return repository.reject(path, row.number, Fault("bad_path", wrong))
        if isinstance(data, bytes) and len(data) > self.config.max_bytes:
            data = Fault("size", f"{len(data)} bytes")
        if isinstance(data, Fault):
            return repository.reject(path, row.number, data, data.reason not in ("size", "opt_out"))
        decoded = decode(data, string_of(values.get("encoding")))
        if isinstance(decoded, Fault):
            return repository.reject(path, row.number, decoded)
        blob = string_of(values.get("blob"))
        blob = blob if blob and _SHA1.fullmatch(blob) else blob_of(data)
        if fault := self._opt_out.blob(blob):
            return repository.reject(path, row.number, fault)
        return FileRow(repository, path, row.number, *decoded, blob, len(data))

    def _repository(self, item: Input, values: Mapping[str, Any], name: str) -> Repository:
        license_ = values.get("license")
        if isinstance(license_, list):  # all that were found in the repository
            found = sorted({text for one in license_ if (text := string_of(one))})
            license_ = " AND ".join(found) or None
        return Repository(
            name,
            string_of(values.get("commit")),
            date_of(values.get("date")) or date_of(values.get("revised")),
            self.config.source,
            self.config.host,
            count_of(values.get("stars")),
            count_of(values.get("forks")),
            string_of(license_),
            item.name,
        )
