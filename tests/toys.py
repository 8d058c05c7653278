"""Small stages for tests of the core: a reader of lines, and stages that fail in every way there is."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import pyarrow as pa

from stages.base import (
    DOCUMENT,
    Annotation,
    Annotator,
    Batch,
    Fault,
    Filter,
    Generated,
    Generator,
    Input,
    InputPath,
    Reader,
    Reject,
    StageConfig,
    Storage,
)


class LinesConfig(StageConfig):
    paths: list[InputPath]
    source: str = ""
    batch: int = 16


class Lines(Reader):
    """JSON lines ``{"id", "text"}``; a line that is none is a failed reject."""

    name = "lines"
    Config = LinesConfig

    def list(self, storage: Storage) -> list[Input]:
        found = [info for pattern in self.config.paths for info in storage.glob(pattern)]
        return [Input(f.path, f.path.rsplit("/", 1)[1], f.size, f.etag) for f in sorted(found)]

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        with storage.open(item.path) as file:
            lines = file.read().decode().splitlines()[:limit]
        for start in range(0, len(lines), self.config.batch):
            rows, rejects = [], []
            for number, line in enumerate(lines[start : start + self.config.batch], start):
                provenance = {"file": item.name, "offset": number, "record": None}
                identity = blake2b(f"{item.name}{number}".encode(), digest_size=16).digest()
                try:
                    row = json.loads(line)
                except ValueError as error:
                    rejects.append(Reject(identity, None, Fault("bad_line", str(error)), True, provenance))
                    continue
                row["id"] = blake2b(row["id"].encode(), digest_size=16).digest()
                rows.append(dict.fromkeys(DOCUMENT.names) | row | {"provenance": provenance})
            yield Batch(pa.Table.from_pylist(rows, schema=DOCUMENT), rejects)


class MarkConfig(StageConfig):
    """``how`` a text with the word ``poison`` is answered."""

    how: str = "raise"
    once: str | None = None  # a file that, once there, stops the poison


class Poison(Annotator):
    """Adds ``toy.length``; a text with the word ``poison`` does harm."""

    name = "poison"
    Config = MarkConfig
    reads = ("text",)
    adds = pa.schema([("toy.length", pa.int32())])

    def annotate(self, batch: pa.Table) -> Annotation:
        texts = batch.column("text").to_pylist()
        if any("poison" in text for text in texts) and not (self.config.once and self._was_here()):
            if self.config.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.config.how == "sleep":
                time.sleep(60)
            if self.config.how == "hang":
                ctypes.PyDLL(None).sleep(600)  # holds the interpreter lock: no Python runs meanwhile
            raise ValueError("poisoned")
        return Annotation({"toy.length": pa.array([len(text) for text in texts], pa.int32())})

    def _was_here(self) -> bool:
        try:
            os.close(os.open(self.config.once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return True
        return False


class AtLeastConfig(StageConfig):
    chars: int = 0


class AtLeast(Annotator, Filter):
    """Measures ``toy.chars`` and decides by it."""

    name = "at_least"
    Config = AtLeastConfig
    reads = ("text",)
    adds = pa.schema([("toy.chars", pa.int32())])
    decides = frozenset({"chars"})

    def annotate(self, batch: pa.Table) -> Annotation:
        return Annotation(
            {"toy.chars": pa.array([len(t) for t in batch.column("text").to_pylist()], pa.int32())}
        )

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        values = batch.column("toy.chars").to_pylist()
        return [
            None if v >= self.config.chars else Fault("short", f"{v} < {self.config.chars}") for v in values
        ]


class Echo(Generator):
    """Two documents from each: the text said twice, with the source as parent."""

    name = "echo"

    def generate(self, batch: pa.Table) -> Generated:
        rows = []
        for row in batch.to_pylist():
            for turn in (1, 2):
                identity = blake2b(row["id"] + bytes([turn]), digest_size=16).digest()
                rows.append({**row, "id": identity, "parent": row["id"], "text": f"{row['text']} {turn}"})
        return Generated(pa.Table.from_pylist(rows, schema=batch.schema))
