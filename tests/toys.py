"""Small stages for tests of the core: a reader of lines, and stages that fail in every way there is."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from stages.base import (
    DOCUMENT,
    Annotation,
    Annotator,
    AssetFile,
    Batch,
    DamagedInput,
    EarlierRun,
    Fault,
    Filter,
    Generated,
    Generator,
    Input,
    InputPath,
    MoreMemory,
    Reader,
    Reject,
    StageConfig,
    Storage,
)
from stages.global_stage import LAST, OWN, Applied, Global, Reduced, Round, Rounds


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


class Cut(Lines):
    """Finds ``d1.jsonl`` cut in the middle."""

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        for batch in super().read(item, storage, limit):
            yield batch
            if item.name == "d1.jsonl":
                raise DamagedInput(f"{item.name}: 100 of 200 bytes were read; fetch it again")


class Large(Lines):
    """Reads ``d1.jsonl`` only with enough memory."""

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        batches = super().read(item, storage, limit)
        yield next(batches)
        if item.name == "d1.jsonl" and item.memory < 5 << 20:
            raise MoreMemory(5 << 20)
        yield from batches


class MarkConfig(StageConfig):
    """``how`` a text with the word ``poison`` is answered: ``said`` as its last word says."""

    how: str = "raise"
    once: str | None = None  # a file that, once there, stops the poison


class Poison(Annotator):
    """Adds ``toy.length``; a text with the word ``poison`` does harm."""

    name = "poison"
    rows = 7
    Config = MarkConfig
    reads = ("text",)
    adds = pa.schema([("toy.length", pa.int32())])

    def annotate(self, batch: pa.Table) -> Annotation:
        texts = batch.column("text").to_pylist()
        poisons = [text for text in texts if "poison" in text]
        if poisons and not (self.config.once and self._was_here()):
            how = poisons[0].split()[-1] if self.config.how == "said" else self.config.how
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "sleep":
                time.sleep(60)
            if how == "hang":
                ctypes.PyDLL(None).sleep(600)  # holds the interpreter lock: no Python runs meanwhile
            if how == "exit":
                sys.exit()
            if how == "memory":
                bytearray(1 << 60)
            if how == "fill":
                self.filled = bytearray(b"x") * (1 << 30)
                time.sleep(60)
            if how == "import":
                importlib.import_module("no_such_module")
            if how == "base":
                raise BaseException("not an Exception")
            raise ValueError("poisoned")
        return Annotation({"toy.length": pa.array([len(text) for text in texts], pa.int32())})

    def _was_here(self) -> bool:
        try:
            os.close(os.open(self.config.once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return True
        return False


class SlowConfig(StageConfig):
    seconds: float = 0.1


class Slow(Annotator):
    """Takes so many seconds for a call."""

    name = "slow"
    Config = SlowConfig
    adds = pa.schema([("toy.slow", pa.bool_())])

    def annotate(self, batch: pa.Table) -> Annotation:
        time.sleep(self.config.seconds)
        return Annotation({"toy.slow": pa.array([True] * len(batch))})


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


class Halves(Annotator):
    """Reads what ``AtLeast`` measured."""

    name = "halves"
    Config = StageConfig
    reads = ("toy.chars",)
    adds = pa.schema([("toy.halves", pa.int32())])

    def annotate(self, batch: pa.Table) -> Annotation:
        halves = [chars // 2 for chars in batch.column("toy.chars").to_pylist()]
        return Annotation({"toy.halves": pa.array(halves, pa.int32())})


class Echo(Generator):
    """Two documents from each: the text said twice, with the source as parent."""

    name = "echo"
    rows = 7

    def generate(self, batch: pa.Table) -> Generated:
        rows = []
        for row in batch.to_pylist():
            for turn in (1, 2):
                identity = blake2b(row["id"] + bytes([turn]), digest_size=16).digest()
                rows.append({**row, "id": identity, "parent": row["id"], "text": f"{row['text']} {turn}"})
        return Generated(pa.Table.from_pylist(rows, schema=batch.schema))


class LongestConfig(StageConfig):
    against: list[EarlierRun] = Field(default=[])
    laps: int = 1
    chars: int = 0


class Longest(Global):
    """Of the documents with the same second and third word, the longest stays (ties: smallest id), if it has
    ``chars``; none where an earlier run has such a document. The length is asked for in a round over documents, after ``laps`` rounds that change nothing."""

    name = "longest"
    Config = LongestConfig
    reads = ("id", "text")
    adds = pa.schema([("toy.same", pa.int32())])
    decides = frozenset({"laps", "chars"})
    verdicts = pa.schema([("key", pa.uint64()), ("same", pa.int32()), ("winner", pa.binary(16))])

    def map(self, batch: pa.Table) -> pa.Table:
        words = [" ".join(text.split()[1:3]) for text in batch.column("text").to_pylist()]
        keys = [int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big") for word in words]
        rows = np.arange(len(batch), dtype=np.uint32)
        return pa.table({"key": pa.array(keys, pa.uint64()), "row": pa.array(rows)})

    def rounds(self) -> Rounds:
        counts = yield Round("groups")
        last = "groups"
        for lap in range(self.config.laps):
            assert counts["rows"] == counts["seen"]
            name = f"lap-{lap}"
            counts = yield Round(name, (last,))
            last = name
        yield Round("lengths", (last,), documents=True)
        yield Round(LAST, ("lengths",), order=("short", "id"))

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        seen = 0
        for table in groups:
            seen += len(table)
            if name == "groups":
                earlier = pc.less(table.column("position"), pa.scalar(OWN, pa.uint64()))
                known = pc.is_in(table.column("key"), table.filter(earlier).column("key").combine_chunks())
                table = table.rename_columns(["group", "key"]).append_column("known", known)
                table = table.select(["key", "group", "known"])
            if name == LAST:
                table = self._winners(table)
            yield table
        return {"seen": seen}

    def join(self, name: str, batch: pa.Table, found: pa.Table) -> pa.Table:
        texts = batch.column("text").take(found.column("row")).to_pylist()
        short = pa.array([(1 << 32) - len(text) for text in texts], pa.uint64())
        ids = batch.column("id").take(found.column("row"))
        columns = {"row": found.column("row"), "known": found.column("known"), "short": short, "id": ids}
        return pa.table({"key": found.column("group"), **columns})

    def _winners(self, table: pa.Table) -> pa.Table:
        rows = []
        for group in dict.fromkeys(table.column("key").to_pylist()):
            members = table.filter(pc.equal(table.column("key"), pa.scalar(group, pa.uint64()))).to_pylist()
            rows += [
                {
                    "key": member["position"],
                    "same": len(members),
                    "winner": bytes(16) if member["known"] else members[0]["id"],
                }
                for member in members
            ]
        return pa.Table.from_pylist(rows, schema=self.verdicts)

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        same: list[int | None] = [None] * len(batch)
        verdicts: list[Fault | None] = [None] * len(batch)
        ids, texts = batch.column("id").to_pylist(), batch.column("text").to_pylist()
        for row in found.to_pylist():
            at = row["row"]
            same[at] = row["same"]
            if row["winner"] != ids[at]:
                verdicts[at] = Fault("shorter", row["winner"].hex())
            elif len(texts[at]) < self.config.chars:
                verdicts[at] = Fault("too_short")
        return Applied({"toy.same": pa.array(same, pa.int32())}, verdicts)


class ScoreConfig(StageConfig):
    name: str
    tables: dict[str, AssetFile]


class Score(Annotator):
    """``quality.<name>``: how many of the words that the tables list a text has, per word."""

    name = "score"
    Config = ScoreConfig
    reads = ("text",)

    @classmethod
    def added(cls, config: ScoreConfig) -> pa.Schema:
        return pa.schema([(f"quality.{config.name}", pa.float32())])

    def open(self) -> None:
        paths = [Path(path) for path in self.config.tables.values()]
        files = [
            file for path in paths for file in (sorted(path.rglob("*.txt")) if path.is_dir() else [path])
        ]
        self._words = {word for file in files for word in file.read_text().split()}

    def annotate(self, batch: pa.Table) -> Annotation:
        texts = [text.split() for text in batch["text"].to_pylist()]
        scores = [sum(word in self._words for word in words) / max(len(words), 1) for words in texts]
        return Annotation({f"quality.{self.config.name}": pa.array(scores, pa.float32())})


class ExitsConfig(StageConfig):
    where: str
    how: str = "exit"


class Exits(Global):
    """Calls ``sys.exit`` in one of its methods, or raises there, or gives nothing."""

    name = "exits"
    Config = ExitsConfig
    reads = ("id",)

    def __init__(self, config: ExitsConfig) -> None:
        super().__init__(config)
        self._maybe("init")

    def _maybe(self, where: str) -> None:
        if self.config.where == where and self.config.how == "odd":
            raise RuntimeError("odd")
        if self.config.where == where:
            sys.exit(0)

    def open(self) -> None:
        self._maybe("open")

    def map(self, batch: pa.Table) -> pa.Table:
        if self.config.where == "map":
            return None  # type: ignore[return-value]
        rows = np.arange(len(batch))
        return pa.table({"key": rows.astype(np.uint64), "row": rows.astype(np.uint32)})

    def rounds(self) -> Rounds:
        self._maybe("rounds")
        yield Round(LAST)

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        self._maybe("reduce")
        for _ in groups:
            yield self.verdicts.empty_table()
        return {}

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        self._maybe("apply")
        return super().apply(batch, found)
