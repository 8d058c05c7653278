"""Writes a corpus, as its receiver has it, in a form that other programs train on (``pipeline.blend.forms``).

Started again, it goes on where it stopped: the files of a shard are done when their record (written last)
names the shard and the settings of now and the files have the sizes that it names. Lists of weights for
Megatron-LM are written when all files are there, and removed before any is written.

Knows a corpus and a place to write to.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple

import numpy as np

from pipeline import layout
from pipeline.blend.corpus import Corpus, open_corpus
from pipeline.blend.forms import FORMS, Form, pieces
from pipeline.blend.megatron import blend_list, prefix
from pipeline.sealed import ParquetFile, Sink, Stored
from pipeline.storage import Missing, Storage, join

#: Decoding and writing release the interpreter lock; each has a row group in memory.
WORKERS = 4
Said = Callable[[str], object]


class Exported(NamedTuple):
    """``shards``: how many are there now, ``reused`` of them from an earlier start."""

    shards: int
    reused: int
    documents: int
    tokens: int
    lists: list[str]


def export(
    form: str,
    storage: Storage,
    path: str,
    target: str,
    eos: object = "tokenizer",
    workers: int = WORKERS,
    said: Said = lambda line: None,
) -> Exported:
    """Export the corpus at ``path`` to the folder ``target``; both may be addresses.

    form: a key of ``FORMS``. eos: as of ``BlendedReader``; for a form with lists documents cannot be glued.
    said: gets a line for every shard.

    ValueError if the end token is not known or a path cannot stand in a list, Missing without a corpus,
    Damaged if one of its files was changed.
    """
    cls, corpus, target = FORMS[form], open_corpus(storage, path), target.rstrip("/")
    end = corpus.end(eos)
    if cls.lists and target.split() != [target]:
        raise ValueError(
            f"{target!r}: Megatron splits its lists at blanks; give a folder without any in its path"
        )
    if cls.lists and end is None:
        raise ValueError("Megatron finds the end of a document by its end token: it cannot be 'none'")
    phases = [phase["phase"] for phase in corpus.blend["phases"]] if cls.lists else []
    lists = {join(target, layout.megatron_list(phase)): phase for phase in phases}
    made = _export(storage, corpus, target, cls(corpus), end, workers, said, list(lists))
    for name, phase in lists.items():
        text = blend_list(corpus.blend, phase, lambda shard: join(target, shard)) + "\n"
        storage.write(name, text.encode())
    return made._replace(lists=list(lists))


def _export(
    storage: Storage,
    corpus: Corpus,
    target: str,
    form: Form,
    end: int | None,
    workers: int,
    said: Said,
    lists: list[str],
) -> Exported:
    """Write the shards that are not there. ``lists``: files to remove before."""
    if f"{target}/".startswith(f"{corpus.folder.rstrip('/')}/"):
        raise ValueError(
            f"{target} lies in the corpus, which holds what its list of checksums names: give another"
        )
    size = corpus.tokenizer.get("vocabulary")
    dtype = form.dtype(None if size is None else max(size, 0 if end is None else end + 1))
    shards = [_Shard(storage, target, *shard, form, dtype, end) for shard in _shards(corpus)]
    todo = [shard for shard in shards if not shard.done()]
    for name in lists if todo else ():
        storage.delete(name)
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(shard.write): shard for shard in todo}
        try:
            for ended in as_completed(running):
                record = ended.result()
                said(f"{running[ended].name}: {record['documents']:,} documents, {record['tokens']:,} tokens")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    records = [shard.record for shard in shards]
    documents, tokens = (sum(record[key] for record in records) for key in ("documents", "tokens"))
    return Exported(len(shards), len(shards) - len(todo), documents, tokens, [])


def _shards(corpus: Corpus) -> list[tuple[str, Stored, dict[str, Any]]]:
    """For every shard: the name of its files, where it is, and what the blend says of it."""
    found = []
    for dataset, data in corpus.blend["datasets"].items():
        for shard, stored in zip(data["shards"], corpus.shards(dataset), strict=True):
            found.append((layout.in_corpus(prefix(shard["path"])), stored, shard))
    return found


class _Shard:
    """The files of one shard and their record."""

    def __init__(
        self,
        storage: Storage,
        target: str,
        name: str,
        shard: Stored,
        told: dict[str, Any],
        form: Form,
        dtype: np.dtype[Any],
        eos: int | None,
    ) -> None:
        self.name, self.record = name, dict[str, Any]()
        self._storage, self._path, self._shard, self._told = storage, join(target, name), shard, told
        self._form, self._dtype, self._eos = form, dtype, eos
        self._of = {"shard": told.get("sha256", ""), "dtype": dtype.name, "eos": eos}

    def done(self) -> bool:
        """Whether an earlier start wrote it; then its record is known."""
        suffixes = [self._form.suffix, *self._form.beside(np.empty(0, np.int32), self._dtype)]
        try:
            record = json.loads(self._storage.read(f"{self._path}.{self._form.record}"))
            sizes = {suffix: record[suffix]["bytes"] for suffix in suffixes}
        except (Missing, ValueError, KeyError, TypeError):
            return False
        there = {suffix: self._storage.stat(f"{self._path}.{suffix}") for suffix in sizes}
        if not self._of["shard"] or {key: record.get(key) for key in self._of} != self._of:
            return False
        self.record = record
        return all(info is not None and info.size == sizes[suffix] for suffix, info in there.items())

    def write(self) -> dict[str, Any]:
        """Write the file of tokens, those beside it, and then the record. ValueError if the shard has other
        documents than the blend says."""
        form, told, lengths = self._form, self._told, [np.empty(0, np.int32)]
        expected = told["tokens"] + (told["documents"] if self._eos is not None else 0)
        with self._storage.create(f"{self._path}.{form.suffix}") as local, local.open("wb") as file:
            sink = Sink(file)
            sink.write(form.head(expected, self._dtype))
            for piece in pieces(ParquetFile(self._storage, self._shard), self._dtype, self._eos):
                sink.write(piece.tokens)
                lengths.append(piece.lengths)
            every = np.concatenate(lengths)
            tokens = int(every.sum(dtype=np.int64))
            if (len(every), tokens) != (told["documents"], expected):
                raise ValueError(
                    f"{self._shard.path} has other documents or tokens than blend.json says: they are not of "
                    "the same run"
                )
            sums = {form.suffix: {"bytes": sink.tell(), "sha256": sink.sha256}}
        for suffix, content in form.beside(every, self._dtype).items():
            with self._storage.create(f"{self._path}.{suffix}") as local, local.open("wb") as file:
                sink = Sink(file)
                sink.write(content)
                sums[suffix] = {"bytes": sink.tell(), "sha256": sink.sha256}
        self.record = {**self._of, "documents": len(every), "tokens": tokens, **sums}
        record = (json.dumps(self.record, indent=1) + "\n").encode()
        self._storage.write(f"{self._path}.{form.record}", record)
        return self.record
