"""``nanocorpus train classifier``: trains a fastText classifier on two sets of documents and writes its card.

Which documents are held out, and the order of the others, depends on their ids alone, so another run over
nearly the same documents holds out nearly the same ones. The same documents and settings give the same bytes
of model and card. Documents are read as a stream. In memory are the model and the texts (twice for a moment),
each cut to ``MAX_CHARS``.

Knows files of documents. Does not know how a model is trained, nor what its card says.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config.located import ConfigError
from pipeline.storage import Storage
from pipeline.train.card import markdown, measured, shown
from stages.base import MIB, FileInfo
from stages.fasttext import format
from stages.fasttext.predict import Predictor
from stages.fasttext.train import Diverged, TrainingPlan, train
from stages.files.json_lines import objects
from stages.files.source import Source
from stages.where import WhereError, parse

#: Texts are cut to this many code points, for training and for measuring.
MAX_CHARS = 100_000
#: The labels of the two sides; the first is what the stage ``fasttext`` asks for.
POSITIVE, NEGATIVE = "__label__hq", "__label__lq"

_OPTIONAL = frozenset({"id", "language"})
_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")
_ROWS = 4096
_LINE_BYTES = 256 * MIB


@dataclass(frozen=True)
class Side:
    """Where the documents of one side are: files, patterns or directories, and which of their rows."""

    paths: Sequence[str]
    where: str | None = None


@dataclass
class Read:
    """What was read for one side, for the card."""

    files: int = 0
    rows: int = 0  #: before ``where``
    selected: int = 0
    no_text: int = 0  #: of the selected ones, left out
    repeated: int = 0  #: of the selected ones, left out because the id (or text) occurred before
    cut: int = 0  #: longer than ``MAX_CHARS``
    languages: Counter[str] = field(default_factory=Counter)  #: of the documents; "": not known

    def counts(self) -> dict[str, Any]:
        """All of it, the most frequent language first."""
        languages = sorted(self.languages.items(), key=lambda item: (-item[1], item[0]))
        return vars(self) | {"languages": dict(languages)}


def classifier(
    storage: Storage,
    positive: Side,
    negative: Side,
    output: str,
    plan: TrainingPlan,
    holdout: float = 0.1,
    note: str = "",
) -> dict[str, Any]:
    """Train, write ``output`` (``….bin``) and its card (``.json`` and ``.md``), and return the card.

    ``holdout`` is the share of documents that is used for measuring instead of training; ``note`` is printed
    on the card. Each file is replaced atomically, the model last. ConfigError for a user's mistake.
    """
    if not output.endswith(".bin"):
        raise ConfigError(f"{output}: the name of the output, which is the model, must end with .bin")
    storage.check_writable(os.path.dirname(output) or ".")
    sides = {"positive": positive, "negative": negative}
    reads, documents = _gather(storage, sides)
    held = np.array([int.from_bytes(key.as_py()[:8], "big") < holdout * 2**64 for key in documents["key"]])
    truth = documents["positive"].to_numpy()
    data: dict[str, Any] = {}
    for (name, side), read, mine in zip(sides.items(), reads, (truth, ~truth), strict=True):
        contents = _contents(documents.filter(pa.array(mine)), held[mine])
        if not 0 < contents["held_out"] < contents["documents"]:
            raise ConfigError(
                f"of {contents['documents']} {name} documents {contents['held_out']} are held out; "
                "there must be some to train on and some to measure with"
            )
        origin = {"paths": [shown(path) for path in side.paths], "where": side.where}
        data[name] = origin | read.counts() | contents

    kept, tested = documents.filter(pa.array(~held)), documents.filter(pa.array(held))
    del documents  # it takes as much memory as both of them
    labels = [POSITIVE if mine else NEGATIVE for mine in kept["positive"].to_pylist()]
    try:
        model, losses = train(kept["text"].combine_chunks(), labels, plan)
    except (Diverged, MemoryError) as error:
        raise ConfigError(str(error)) from None
    with storage.create(output) as temporary:
        with open(temporary, "wb") as file:
            format.write(model, file)
        predictor = Predictor(format.read(temporary))  # the file itself is measured
        scores = predictor.probabilities(tested["text"])[:, predictor.labels.index(POSITIVE)]
        card = {
            "model": {
                "file": shown(output),
                "bytes": temporary.stat().st_size,
                "sha256": _checksum(temporary),
                "words": model.dictionary.words,
                "labels": {"positive": POSITIVE, "negative": NEGATIVE},
            },
            "note": note,
            "held_out": measured(scores, truth[held]),
            "data": data,
            "settings": plan._asdict() | {"holdout": holdout, "max_chars": MAX_CHARS},
            "loss": [round(loss, 4) for loss in losses],
        }
        base = output.removesuffix(".bin")
        storage.write(f"{base}.json", (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
        storage.write(f"{base}.md", markdown(card).encode())
    return card


def _gather(storage: Storage, sides: Mapping[str, Side]) -> tuple[list[Read], pa.Table]:
    """Counts of both sides, and the documents of both by key; those of the first are marked ``positive``."""
    reads, tables = zip(*(_read(storage, side, name) for name, side in sides.items()), strict=True)
    both = pc.is_in(tables[0]["key"], value_set=tables[1]["key"].combine_chunks())
    if common := pc.sum(both).as_py():
        raise ConfigError(f"{common} documents are on both sides (by their id, or without one by their text)")
    marked = [
        table.append_column("positive", pa.array([side == 0] * len(table), pa.bool_()))
        for side, table in enumerate(tables)
    ]
    return list(reads), pa.concat_tables(marked).sort_by("key")


def _contents(documents: pa.Table, held: npt.NDArray[np.bool_]) -> dict[str, Any]:
    digest = hashlib.sha256()
    for key, text in zip(documents["key"], documents["text"], strict=True):
        digest.update(key.as_py())
        digest.update(text.as_buffer())
    return {"documents": len(documents), "held_out": int(held.sum()), "sha256": digest.hexdigest()}


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Reading ------------------------------------------------------------------------------------------------


def _read(storage: Storage, side: Side, name: str) -> tuple[Read, pa.Table]:
    """Counts of a side, and its documents without repeats: ``key`` (hash of the id, 16 bytes), ``text``."""
    try:
        where = parse(side.where) if side.where else None
    except WhereError as error:
        raise ConfigError(f"where of the {name} side: {error}") from None
    needed = frozenset({"text"}) | (where.columns if where else frozenset())
    found, seen, pieces = Read(), set[bytes](), []
    for info in _files(storage, side.paths):
        found.files += 1
        try:
            for table in _tables(storage, info, needed):
                found.rows += len(table)
                if where is not None:
                    where.check(table.schema)
                    table = table.filter(pa.array(where.mask(table)))
                pieces.append(_documents(table, found, seen))
        except WhereError as error:
            raise ConfigError(f"{info.path}: where of the {name} side: {error}") from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{info.path}: not UTF-8: {error}") from None
    if not seen:
        raise ConfigError(
            f"the {name} side has no documents: of {found.rows} rows {found.selected} are selected, "
            f"{found.no_text} of them without text"
        )
    return found, pa.concat_tables(pieces)


def _documents(table: pa.Table, found: Read, seen: set[bytes]) -> pa.Table:
    """Key and text of the new documents of a table; the others are counted."""
    keys, texts = [], []
    names = table.column_names
    absent = [None] * len(table)
    columns = (table[name].to_pylist() if name in names else absent for name in ("id", "language", "text"))
    for identity, language, text in zip(*columns, strict=True):
        found.selected += 1
        if not isinstance(text, str) or not text.strip():
            found.no_text += 1
            continue
        key = _key(text if identity is None else identity)
        if key in seen:
            found.repeated += 1
            continue
        seen.add(key)
        found.cut += len(text) > MAX_CHARS
        found.languages[str(language or "")] += 1
        keys.append(key)
        texts.append(text[:MAX_CHARS])
    return pa.table({"key": pa.array(keys, pa.binary(16)), "text": pa.array(texts, pa.large_string())})


def _key(identity: Any) -> bytes:
    data = identity if isinstance(identity, bytes) else str(identity).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()


def _files(storage: Storage, paths: Sequence[str]) -> list[FileInfo]:
    """The files that match, or that are in a directory that matches (not in folders below), each once."""
    found: dict[str, FileInfo] = {}
    for path in paths:
        files = storage.glob(path)
        if not files:
            inside = storage.glob(path.rstrip("/") + "/*")
            files = [info for info in inside if info.path.endswith(_SUFFIXES)]
        if not files:
            raise ConfigError(f"{path}: no such file, and no directory with {', '.join(_SUFFIXES)} in it")
        found |= {info.path: info for info in files}
    return list(found.values())


def _tables(storage: Storage, info: FileInfo, needed: frozenset[str]) -> Iterator[pa.Table]:
    """The columns ``needed``, and ``id`` and ``language`` if there are, some thousand rows at a time."""
    read = _parquet if info.path.endswith(".parquet") else _jsonl
    with storage.open(info.path) as file:
        yield from read(info.path, Source(file), needed)


def _parquet(path: str, source: Source, needed: frozenset[str]) -> Iterator[pa.Table]:
    try:
        file = pq.ParquetFile(pa.PythonFile(source.stream(0), mode="r"), pre_buffer=False)
        names = file.schema_arrow.names
        if missing := sorted(needed - set(names)):
            raise ConfigError(f"{path}: there is no column {missing[0]!r}; there are: {', '.join(names)}")
        columns = [name for name in names if name in needed | _OPTIONAL]
        for batch in file.iter_batches(_ROWS, columns=columns, use_threads=False):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise source.error or ConfigError(f"{path}: damaged, or not a Parquet file: {error}") from None


def _jsonl(path: str, source: Source, needed: frozenset[str]) -> Iterator[pa.Table]:
    rows = _objects(path, source)
    # a column without values keeps the type that it had before
    kinds: dict[str, pa.DataType] = {}
    seen = set[str]()
    while group := list(islice(rows, _ROWS)):
        seen.update(*group)
        columns = {}
        for name in sorted(needed | _OPTIONAL):
            values = [_storable(row.get(name)) for row in group]
            nothing = all(value is None for value in values)
            try:
                columns[name] = pa.array(values, kinds.get(name) if nothing else None)
            except pa.ArrowException as error:
                raise ConfigError(f"{path}: {name!r} has values of several types: {error}") from None
            kinds[name] = columns[name].type
        yield pa.table(columns)
    if missing := sorted(needed - seen):
        raise ConfigError(f"{path}: no row has {missing[0]!r}; there are: {', '.join(sorted(seen))}")


def _objects(path: str, source: Source) -> Iterator[dict[str, Any]]:
    try:
        yield from objects(source, _LINE_BYTES)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def _storable(value: Any) -> Any:
    """Replaces lone surrogates, which are possible in JSON but not in Arrow."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
