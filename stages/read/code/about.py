"""What is known of repositories beside their files: a table of metadata, and the list of those left out.

The table is Parquet, CSV or JSON Lines with a column ``repo`` (owner/name, spelled as the reader names
repositories) and any of ``stars``, ``forks``, ``license`` (an SPDX id, or what the host calls it) and
``pushed_at``. It is read for the repositories of one input at a time; Parquet that is sorted by ``repo`` is
read in part. Where a repository has several rows, the last counts.

The list has one of these a line: an owner, owner/name, a commit or a blob (40 hex digits); ``#`` begins a
comment. Names are compared without case.

Knows tables and lines. Does not know trees.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.dataset as ds

from stages.base import Fault
from stages.read.code.columns import Repository
from stages.read.values import number_of, string_of

_COLUMNS = ("repo", "stars", "forks", "license", "pushed_at")
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LARGEST = (1 << 63) - 1


class About:
    """The table of metadata. ValueError: it is none of the formats, or has no column ``repo``."""

    def __init__(self, path: str | None) -> None:
        self._table: ds.Dataset | None = None
        if path is None:
            return
        try:
            self._table = ds.dataset(path, format=_format(path))
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"metadata: {path} is no Parquet, CSV or JSON Lines: {error}") from None
        names = self._table.schema.names
        if "repo" not in names:
            raise ValueError(f"metadata: there is no column 'repo' in {path}; it has {', '.join(names)}")
        self._names = [name for name in _COLUMNS if name in names]

    def of(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The rows of these repositories, by name."""
        if self._table is None or not names:
            return {}
        is_one = ds.field("repo").isin(pa.array(sorted(set(names)), pa.string()))
        rows = self._table.to_table(columns=self._names, filter=is_one).to_pylist()
        return {row["repo"]: row for row in rows}


def with_metadata(repository: Repository, row: dict[str, Any] | None) -> Repository:
    """The repository with what a row of the table says of it."""
    if row is None:
        return repository
    return repository._replace(
        stars=count_of(row.get("stars")),
        forks=count_of(row.get("forks")),
        license=string_of(row.get("license")) or repository.license,
        date=repository.date or date_of(row.get("pushed_at")),
    )


def count_of(value: Any) -> int | None:
    """A number of stars; None for what is none."""
    number = number_of(value)
    return int(number) if number is not None and 0 <= number < _LARGEST else None


def date_of(value: Any) -> str | None:
    """An instant as documents have it: a datetime in UTC, or a string as it is."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else string_of(value)


class OptOut:
    """The list of those left out."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        entries = {line.partition("#")[0].strip().lower() for line in lines}
        self._hashes = {entry for entry in entries if _HASH.fullmatch(entry)}
        self._names = entries - self._hashes - {""}

    @classmethod
    def of(cls, path: str | None) -> OptOut:
        """The list in a file; nobody where there is none."""
        return cls(Path(path).read_text(encoding="utf-8", errors="replace").splitlines() if path else ())

    def repository(self, repository: Repository) -> Fault | None:
        """Why a repository is left out."""
        name = repository.name.lower()
        if name in self._names or ("/" in name and name.partition("/")[0] in self._names):
            return Fault("opt_out", repository.name)
        return self._hash("commit", repository.commit)

    def blob(self, blob: str) -> Fault | None:
        """Why a file of this content is left out."""
        return self._hash("blob", blob)

    def _hash(self, kind: str, value: str | None) -> Fault | None:
        return Fault("opt_out", f"{kind} {value}") if value in self._hashes else None


def _format(path: str) -> Literal["parquet", "csv", "json"]:
    with open(path, "rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"PAR1"):
        return "parquet"
    return "json" if head.startswith(b"{") else "csv"
