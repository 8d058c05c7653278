"""Writes a corpus, as its receiver has it, in the form that Megatron-LM trains on.

Started again, it goes on where it stopped: a pair of files is done when its record (``PREFIX.json``, written
last) names the shard and the settings of now and the files have the sizes that it names. Lists of weights are
written when all files are there, and removed before any is written.

Knows a corpus and a place to write to; ``pipeline.blend.megatron`` knows the format.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple

import numpy as np

from pipeline import layout
from pipeline.blend.corpus import Corpus, open_corpus
from pipeline.blend.megatron import blend_list, convert, prefix, token_type
from pipeline.sealed import ParquetFile, Sink, Stored
from pipeline.storage import Missing, Storage, join

#: Decoding and writing release the interpreter lock; each has a row group in memory.
WORKERS = 4


class Exported(NamedTuple):
    """``shards``: pairs of files that are there now, ``reused`` of them from an earlier start."""

    shards: int
    reused: int
    documents: int
    tokens: int
    lists: list[str]


def megatron(
    storage: Storage,
    path: str,
    target: str,
    eos: object = "tokenizer",
    workers: int = WORKERS,
    said: Callable[[str], object] = lambda line: None,
) -> Exported:
    """Export the corpus at ``path`` to the folder ``target``; both may be addresses.

    eos: as of ``BlendedReader``, but documents cannot be glued. said: gets a line for every pair of files.

    ValueError if the end token is not known or a path cannot stand in a list, Missing without a corpus,
    Damaged if one of its files was changed.
    """
    corpus = open_corpus(storage, path)
    target = target.rstrip("/")
    if f"{target}/".startswith(f"{corpus.folder.rstrip('/')}/"):
        raise ValueError(
            f"{target} lies in the corpus, which holds what its list of checksums names: give another"
        )
    if target.split() != [target]:
        raise ValueError(
            f"{target!r}: Megatron splits its lists at blanks; give a folder without any in its path"
        )
    end = corpus.end(eos)
    if end is None:
        raise ValueError("Megatron finds the end of a document by its end token: it cannot be 'none'")
    size = corpus.tokenizer.get("vocabulary")
    dtype = token_type(None if size is None else max(size, end + 1))
    phases = [phase["phase"] for phase in corpus.blend["phases"]]
    lists = {join(target, layout.megatron_list(phase)): phase for phase in phases}
    pairs = [_Pair(storage, target, *shard, dtype, end) for shard in _shards(corpus)]
    todo = [pair for pair in pairs if not pair.done()]
    if todo:
        for name in lists:
            storage.delete(name)
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(pair.write): pair for pair in todo}
        try:
            for ended in as_completed(running):
                record = ended.result()
                said(f"{running[ended].name}: {record['documents']:,} documents, {record['tokens']:,} tokens")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for name, phase in lists.items():
        text = blend_list(corpus.blend, phase, lambda shard: join(target, shard)) + "\n"
        storage.write(name, text.encode())
    records = [pair.record for pair in pairs]
    return Exported(
        len(pairs),
        len(pairs) - len(todo),
        sum(record["documents"] for record in records),
        sum(record["tokens"] for record in records),
        list(lists),
    )


def _shards(corpus: Corpus) -> list[tuple[str, Stored, str]]:
    """For every shard: the name of its pair of files, where it is, and a checksum of it ("" if not known)."""
    found = []
    for dataset, data in corpus.blend["datasets"].items():
        for shard, stored in zip(data["shards"], corpus.shards(dataset), strict=True):
            found.append((layout.in_corpus(prefix(shard["path"])), stored, shard.get("sha256", "")))
    return found


class _Pair:
    """The two files of one shard and their record."""

    def __init__(
        self,
        storage: Storage,
        target: str,
        name: str,
        shard: Stored,
        sha256: str,
        dtype: np.dtype[Any],
        eos: int,
    ) -> None:
        self.name, self.record = name, dict[str, Any]()
        self._storage, self._path, self._shard = storage, join(target, name), shard
        self._dtype, self._eos = dtype, eos
        self._of = {"shard": sha256, "dtype": dtype.name, "eos": eos}

    def done(self) -> bool:
        """Whether an earlier start wrote it; then its record is known."""
        try:
            record = json.loads(self._storage.read(f"{self._path}.json"))
            sizes = {suffix: record[suffix]["bytes"] for suffix in ("bin", "idx")}
        except (Missing, ValueError, KeyError, TypeError):
            return False
        there = {suffix: self._storage.stat(f"{self._path}.{suffix}") for suffix in sizes}
        if not self._of["shard"] or {key: record.get(key) for key in self._of} != self._of:
            return False
        self.record = record
        return all(info is not None and info.size == sizes[suffix] for suffix, info in there.items())

    def write(self) -> dict[str, Any]:
        """Write both files, and then the record."""
        sums = {}
        with self._storage.create(f"{self._path}.bin") as local, local.open("wb") as file:
            sink = Sink(file)
            made = convert(ParquetFile(self._storage, self._shard), sink.write, self._dtype, self._eos)
            sums["bin"] = {"bytes": sink.tell(), "sha256": sink.sha256}
        with self._storage.create(f"{self._path}.idx") as local, local.open("wb") as file:
            sink = Sink(file)
            sink.write(made.offsets)
            sums["idx"] = {"bytes": sink.tell(), "sha256": sink.sha256}
        self.record = {**self._of, "documents": made.documents, "tokens": made.tokens, **sums}
        self._storage.write(f"{self._path}.json", (json.dumps(self.record, indent=1) + "\n").encode())
        return self.record
