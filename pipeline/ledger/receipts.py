"""Receipts: the proof that a part is done, with the counts of its rows and the files that it wrote.

Knows names, counts and checksums; does not know what a part computes, nor how receipts are published
(``pipeline.ledger.commit``).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pipeline import layout
from pipeline.ledger import packs
from pipeline.ledger.given_ids import Sketch
from pipeline.ledger.tallies import Tally
from pipeline.sealed import Stored, seal, unseal
from pipeline.storage import Missing, Storage

#: A part that is ``begun`` is being published: some or all of the files in ``named`` may exist.
DONE, FAILED, BEGUN = "done", "failed", "begun"
#: Roles of files.
DOCUMENTS, REJECTS, RUNS, SHARD, DOMAINS = "documents", "rejects", "runs", "shard", "domains"
_READERS = 16
_AT_ONCE = 1024
_CLUSTER = "cluster "


@dataclass(frozen=True)
class File:
    """A published file. ``name`` is relative to the output. What is computed from a file depends on its role
    and checksum, not on its name."""

    role: str
    name: str
    size: int  # bytes
    sha256: str  # hex
    foot: str  # see ``pipeline.sealed``
    #: On object stores: as long as the etag is the same, so are the bytes.
    etag: str = ""

    @property
    def stored(self) -> Stored:
        """What is needed to verify it; the path is its name."""
        return Stored(self.name, self.size, self.foot)


@dataclass
class Receipt:
    """One part. ``counts`` holds sums that later steps need (rows, tokens …)."""

    fingerprint: str
    status: str = DONE
    run: str = ""  # name of the run
    name: str = ""  # of the receipt, relative to the output; a copy elsewhere does not count
    tallies: list[Tally] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    named: list[File] = field(
        default_factory=list
    )  # while begun: files that were there, and files that will be
    counts: dict[str, int] = field(default_factory=dict)
    sums: dict[str, dict[str, int]] = field(default_factory=dict)  # of columns, by stage
    clusters: dict[str, int] = field(default_factory=dict)  # see ``stages.global_stage.Summary``
    given: Sketch = field(default_factory=dict)  # sketch of the ids that the input gave to its rows
    languages: dict[str, dict[str, int]] = field(default_factory=dict)
    projects: list[dict[str, Any]] = field(default_factory=list)  # see ``pipeline.tasks.projects``
    #: Where documents became tokens, see ``pipeline.tasks.census``; empty in those of earlier versions.
    census: dict[str, Any] = field(default_factory=dict)
    dry: dict[str, Any] = field(default_factory=dict)  # of a dry run, see ``pipeline.tasks.dry``
    seconds: dict[str, float] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)  # see ``pipeline.tasks.clock``
    peak_memory: int = 0  # largest resident memory of the worker up to the end of this part, in bytes
    attempts: int = 1
    copied: str = ""  # the output that it was copied from, see ``pipeline.ledger.cache``
    error: str | None = None
    notes: list[str] = field(default_factory=list)  # of stages, from when they were opened

    def as_bytes(self) -> bytes:
        """JSON, with a checksum of itself."""
        return seal(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **vars(self),
            "tallies": [tally.as_json() for tally in self.tallies],
            "files": [vars(file) for file in self.files],
            "named": [vars(file) for file in self.named],
        }

    @classmethod
    def from_bytes(cls, data: bytes) -> Receipt:
        """The inverse of ``as_bytes``. ValueError if it is not a receipt, or was changed."""
        return cls.from_json(unseal(data))

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Receipt:
        """The inverse of ``as_json``, which may change ``raw``. ValueError if it is not a receipt."""
        try:
            raw["tallies"] = [Tally.from_json(item) for item in raw["tallies"]]
            raw["files"] = [File(**item) for item in raw["files"]]
            raw["named"] = [File(**item) for item in raw["named"]]
            if "clusters" not in raw:  # written by an earlier version, which kept them among the counts
                counts = raw["counts"]
                names = [name for name in counts if name.startswith(_CLUSTER)]
                raw["clusters"] = {name.removeprefix(_CLUSTER): counts.pop(name) for name in names}
            return cls(**raw)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a receipt: {error}") from error


def load_all(storage: Storage, directory: str) -> Iterator[tuple[str, Receipt]]:
    """Name (without .json) and receipt of all readable receipts in a directory, few at a time in memory."""
    if (packed := packs.receipts(storage, layout.pack(directory.rstrip("/")))) is not None:
        for name, raw in packed:
            with suppress(ValueError):  # of another version, as one that ``load`` cannot read
                yield name, Receipt.from_json(raw)
        return
    paths = [info.path for info in storage.list(directory) if info.path.endswith(".json")]
    for path, receipt in load(storage, paths):
        if receipt is not None:
            yield path.rsplit("/", 1)[1].removesuffix(".json"), receipt


def find(storage: Storage, path: str) -> Receipt | None:
    """The receipt at ``path``; what its group's pack has of it, if it cannot be read; None without either."""
    ((_, receipt),) = load(storage, [path])
    if receipt is None:
        directory, _, base = path.rpartition("/")
        for name, raw in packs.receipts(storage, layout.pack(directory)) or ():
            if f"{name}.json" == base:
                with suppress(ValueError):
                    return Receipt.from_json(raw)
    return receipt


def load(storage: Storage, paths: list[str]) -> Iterator[tuple[str, Receipt | None]]:
    """The receipts at ``paths``, in order; None for one that cannot be read, whose part is done again."""

    def one(path: str) -> tuple[str, Receipt | None]:
        try:
            return path, Receipt.from_bytes(storage.read(path))
        except (ValueError, Missing):
            return path, None

    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(paths), _AT_ONCE):
            yield from pool.map(one, paths[start : start + _AT_ONCE])
