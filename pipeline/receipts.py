"""Receipts: the proof that a part is done, and the count of every row that went into it.

Commit protocol, the only one in the package: (0) the token of the run must still be the one that the
newest driver wrote, so that workers which outlive their driver change nothing, (1) an old receipt of
the place is deleted, (2) the files are published, (3) the receipt is published. A part whose receipt
has the fingerprint that the plan computes, and whose files are there in the recorded sizes, is done;
everything else is not.

Knows names, counts and checksums; does not know what a part computes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.storage import Storage, join

DONE, FAILED = "done", "failed"
#: Relative to the output; there while a driver is at work.
TOKEN = "work/.token"


class Superseded(Exception):
    """Another driver has taken the output over; this one must not publish any more."""


class ConservationError(Exception):
    """Rows were lost or gained: a fault of this software, never of the data."""


@dataclass
class Tally:
    """What became of the rows that reached one stage."""

    stage: str
    rows_in: int = 0
    generated: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """ConservationError unless rows in + generated = kept + dropped + failed."""
        out = self.kept + self.dropped.total() + self.failed.total()
        if self.rows_in + self.generated != out:
            raise ConservationError(
                f"stage {self.stage}: {self.rows_in} rows in + {self.generated} generated, but "
                f"{self.kept} kept + {self.dropped.total()} dropped + {self.failed.total()} failed"
            )

    def add(self, other: Tally) -> None:
        """Sum with the same stage of another part."""
        self.rows_in += other.rows_in
        self.generated += other.generated
        self.kept += other.kept
        self.dropped.update(other.dropped)
        self.failed.update(other.failed)

    def follow(self, other: Tally) -> None:
        """Extend by a later step of the same stage over the same rows (measure, then decide)."""
        if other.rows_in != self.kept:
            raise ConservationError(f"stage {self.stage}: {self.kept} rows kept, {other.rows_in} arrived")
        self.generated += other.generated
        self.kept = other.kept
        self.dropped.update(other.dropped)
        self.failed.update(other.failed)

    def as_json(self) -> dict[str, Any]:
        """Plain values with sorted reasons."""
        return {
            **asdict(self),
            "dropped": dict(sorted(self.dropped.items())),
            "failed": dict(sorted(self.failed.items())),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        """The inverse of ``as_json``."""
        return cls(**{**data, "dropped": Counter(data["dropped"]), "failed": Counter(data["failed"])})


def check_chain(tallies: Sequence[Tally]) -> None:
    """ConservationError unless each stage balances and hands all it kept to the next."""
    for tally in tallies:
        tally.check()
    for before, after in itertools.pairwise(tallies):
        if before.kept != after.rows_in:
            raise ConservationError(
                f"{before.stage} kept {before.kept} rows, but {after.rows_in} reached {after.stage}"
            )


@dataclass(frozen=True)
class File:
    """A published file: name relative to the output of the run, bytes, sha256 in hex."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, local: Path, name: str) -> File:
        """Measure a local file that is about to be published as ``name``."""
        with local.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
        return cls(name, local.stat().st_size, digest.hexdigest())


@dataclass
class Receipt:
    """One part, done or failed. ``counts`` holds sums that later steps need (rows, tokens …)."""

    fingerprint: str
    status: str = DONE
    tallies: list[Tally] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    languages: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory: int = 0  # bytes resident at most in the worker, up to the end of this part
    attempts: int = 1
    error: str | None = None
    notes: list[str] = field(default_factory=list)  # of stages, as they were opened

    @property
    def digest(self) -> str:
        """Identity of what was produced: what is computed from it depends on this and nothing else."""
        parts = [self.status, *(f"{file.name} {file.sha256}" for file in self.files)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def as_bytes(self) -> bytes:
        """JSON."""
        data = asdict(self) | {"tallies": [tally.as_json() for tally in self.tallies]}
        return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Receipt:
        """The inverse of ``as_bytes``; ValueError if it is no receipt."""
        try:
            raw = json.loads(data)
            raw["tallies"] = [Tally.from_json(item) for item in raw["tallies"]]
            raw["files"] = [File(**item) for item in raw["files"]]
            return cls(**raw)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a receipt: {error}") from error


@dataclass(frozen=True)
class Ledger:
    """The output of one run, as the holder of ``token`` may change it. Names are relative to it."""

    storage: Storage
    output: str
    token: str

    def path(self, name: str) -> str:
        """The storage path of a name."""
        return join(self.output, name)

    def take_over(self) -> None:
        """From now on this token alone may publish."""
        self.storage.write(self.path(TOKEN), self.token.encode())

    def check(self) -> None:
        """Superseded unless the token may publish."""
        path = self.path(TOKEN)
        if self.storage.stat(path) is None or self.storage.read(path) != self.token.encode():
            raise Superseded(f"{self.output}: another run has taken this output over; this one stops")

    def commit(self, name: str, receipt: Receipt) -> None:
        """Publish a receipt, after its files."""
        self.check()
        self.storage.write(self.path(name), receipt.as_bytes())


def load_all(storage: Storage, directory: str) -> Iterator[tuple[str, Receipt]]:
    """Name (without .json) and receipt, of all readable receipts in a directory; few at a time in memory."""
    paths = [info.path for info in storage.list(directory) if info.path.endswith(".json")]

    def load(path: str) -> tuple[str, Receipt | None]:
        name = path.rsplit("/", 1)[1].removesuffix(".json")
        try:
            return name, Receipt.from_bytes(storage.read(path))
        except ValueError:
            return name, None  # half a receipt is no receipt: the part is done again

    with ThreadPoolExecutor(16) as pool:
        for start in range(0, len(paths), 1024):
            for name, receipt in pool.map(load, paths[start : start + 1024]):
                if receipt is not None:
                    yield name, receipt


def add_tallies(total: list[Tally], tallies: Sequence[Tally]) -> None:
    """Add those of one more part of a segment to ``total``, stage by stage."""
    for i, tally in enumerate(tallies):
        if i == len(total):
            total.append(Tally(tally.stage))
        if total[i].stage != tally.stage:
            raise ConservationError(f"parts of one segment differ in their stages: {total[i]}, {tally}")
        total[i].add(tally)


def merge_steps(tallies: Iterable[Tally]) -> Iterator[Tally]:
    """One tally per stage: neighbours of the same name are steps of one stage."""
    current: Tally | None = None
    for tally in tallies:
        if current is not None and current.stage == tally.stage:
            current.follow(tally)
            continue
        if current is not None:
            yield current
        current = Tally(tally.stage)
        current.add(tally)
    if current is not None:
        yield current
