"""The training side: reads a corpus as ``blend.json`` says, packed into sequences or document by document.

Knows token shards and ``blend.json``; does not know how they were made, and does not need torch.

How it works. A *piece* is one row group of one shard. In every epoch over a dataset its pieces are shuffled
and dealt to the ranks in equal numbers; the pieces that remain are divided row by row. So in each epoch the
ranks together read every document once, and no two ranks read the same. Rows are also shuffled inside a piece
(across shards they were shuffled when the corpus was written). Each rank then mixes its datasets by itself:
the next document comes from the dataset whose tokens are furthest behind its weight. So at every moment the
tokens drawn from a dataset are within one document of what its weight says.

All order comes from sorting raw PCG64 output, which is fixed by the algorithm, while the methods of NumPy's
Generator may change between versions (NEP 19).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.blend.corpus import check_tokens, open_corpus
from pipeline.sealed import ParquetFile, Stored
from pipeline.storage import Storage, join

Tokens = npt.NDArray[np.int32]
#: Columns of a shard; those of earlier versions have no ``url``.
COLUMNS = ("id", "input_ids", "n_tokens", "dataset", "source", "url", "language", "license")
_FOOTERS_AT_ONCE = 16  # reading footers mostly waits for storage


class Position(NamedTuple):
    """A place in a walk over a dataset: epoch, number of the rank's piece, row in it."""

    epoch: int = 0
    piece: int = 0
    row: int = 0


class BlendedReader:
    """Iterates over a blended corpus: once, to the end of the token budget, as one of several ranks.

    path: a corpus, or the output of a run that holds one in ``corpus/``; local or behind an address.
    sequence_length: gives ``int32[sequence_length]`` arrays, documents packed without padding and cut
        where a sequence ends; None gives one dict per document (the columns of a shard row with
        ``input_ids`` as ``int32[n_tokens]``, and ``epoch``, the number of earlier passes over its dataset).
    rank, world_size: this reader and how many there are; each must be given the same other arguments.
    seed: of all shuffling; default: the seed of the corpus.
    eos: token id appended to every document of packed sequences, where it counts as a token; default: the one
        that the corpus says its tokenizer ends a text with. ``"none"`` glues documents to each other.
    storage: how to reach ``path``; default: local files and S3 as the environment configures it.

    Every rank gives the same number of sequences, ``budget // (sequence_length · world_size)``; tokens that
    do not fill one more sequence on every rank are left over. Phases switch at the first document that starts
    at or after their end. Ranks have equal budgets but not exactly equal shares of a dataset, so near
    the end of an epoch one rank may start the next while another finishes.

    Call ``state_dict()`` between two items and store it as JSON. A new reader with the same arguments, after
    ``load_state_dict()``, gives exactly the items that were still to come.

    Memory: one row group per dataset. For PyTorch, wrap it in a class derived from
    ``torch.utils.data.IterableDataset`` whose ``__iter__`` returns ``iter(reader)``; with DataLoader
    workers, make the reader inside the worker, each worker a rank of its own
    (``rank * num_workers + worker_id`` of ``world_size * num_workers``).

    Raises ValueError if arguments, state and corpus do not fit together, and ``Damaged``, which names the
    file, if a file of the corpus was changed.
    """

    def __init__(
        self,
        path: str,
        *,
        sequence_length: int | None = 4096,
        rank: int = 0,
        world_size: int = 1,
        seed: int | None = None,
        eos: int | Literal["tokenizer", "none"] = "tokenizer",
        storage: Storage | None = None,
    ) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} of {world_size}: ranks count from 0 to world_size - 1")
        if sequence_length is not None and sequence_length < 1:
            raise ValueError(
                f"sequence_length is {sequence_length}; it must be at least 1, or None for documents"
            )
        storage = storage or Storage()
        corpus = open_corpus(storage, path)
        path, blend = corpus.folder, corpus.blend
        if sequence_length is None and eos not in ("tokenizer", "none"):
            raise ValueError("eos goes between packed documents; with sequence_length=None there are none")
        end = corpus.end(eos) if sequence_length is not None else None
        seed = blend["seed"] if seed is None else seed
        self._identity = {
            "blend": corpus.digest,
            "seed": seed,
            "sequence_length": sequence_length,
            "rank": rank,
            "world_size": world_size,
            "eos": end,
        }
        self._length = sequence_length
        self._end = np.array([] if end is None else [end], dtype=np.int32)
        if sequence_length is None:
            self._budget = blend["tokens"] * (rank + 1) // world_size - blend["tokens"] * rank // world_size
        else:
            self._budget = blend["tokens"] // (sequence_length * world_size) * sequence_length
            if not self._budget:
                raise ValueError(
                    f"the budget of {blend['tokens']:,} tokens does not give each of {world_size} ranks one "
                    f"sequence of {sequence_length:,} tokens"
                )
        self._ends = [phase["until"] // world_size for phase in blend["phases"][:-1]]
        # tokens are exact, unlike weights; a dataset whose share rounds to 0 tokens is not read
        self._weights = [
            {name: row["tokens"] for name, row in phase["datasets"].items() if row["tokens"]}
            for phase in blend["phases"]
        ]
        columns = COLUMNS if sequence_length is None else ("input_ids",)
        self._walks = {
            name: _Walk(name, path, data["shards"], columns, seed, rank, world_size, storage)
            for name, data in sorted(blend["datasets"].items())
            if data["training_tokens"]
        }
        self._phase = 0
        self._drawn = dict.fromkeys(self._walks, 0)  # tokens in this phase
        self._spent = 0  # tokens in all phases
        self._given = 0  # of these, in sequences already given
        self._last: tuple[str, Position] | None = None  # the document drawn last
        self._tail: Tokens = self._end[:0]  # the rest of it that is still to be given

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._next_document() if self._length is None else self._next_sequence(self._length)

    def state_dict(self) -> dict[str, Any]:
        """The place of this reader, as plain values for JSON; small for any corpus."""
        return {
            "reader": dict(self._identity),
            "phase": self._phase,
            "spent": self._spent,
            "given": self._given,
            "drawn": dict(self._drawn),
            "positions": {name: list(walk.position) for name, walk in self._walks.items()},
            "last": [self._last[0], *self._last[1]] if self._last and len(self._tail) else None,
            "left": len(self._tail),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where ``state_dict()`` was taken. ValueError if the arguments were different."""
        for key, ours in self._identity.items():
            theirs = state["reader"][key]
            if theirs != ours:
                raise ValueError(f"the state was saved with {key} {theirs}, this reader has {key} {ours}")
        self._phase, self._spent, self._given = state["phase"], state["spent"], state["given"]
        self._drawn = dict(state["drawn"])
        self._last, self._tail = None, self._end[:0]
        if state["last"] is not None:
            name, *position = state["last"]
            self._walks[name].position = Position(*position)
            self._last = (name, Position(*position))
            document = np.concatenate([self._walks[name].advance().tokens(), self._end])
            self._tail = document[len(document) - state["left"] :]
        for name, position in state["positions"].items():
            self._walks[name].position = Position(*position)

    def _next_document(self) -> dict[str, Any]:
        if self._spent >= self._budget:
            raise StopIteration
        return self._draw().document()

    def _next_sequence(self, length: int) -> Tokens:
        if self._given >= self._budget:
            raise StopIteration
        sequence = np.empty(length, dtype=np.int32)
        filled = 0
        while filled < length:
            if not len(self._tail):
                self._tail = np.concatenate([self._draw().tokens(), self._end])
            taken = self._tail[: length - filled]
            sequence[filled : filled + len(taken)] = taken
            self._tail = self._tail[len(taken) :]
            filled += len(taken)
        self._given += length
        return sequence

    def _draw(self) -> _Row:
        """The next document, from the dataset that is furthest behind its weight."""
        while self._phase < len(self._ends) and self._spent >= self._ends[self._phase]:
            self._phase += 1
            self._drawn = dict.fromkeys(self._walks, 0)
        weights = self._weights[self._phase]
        name = min(weights, key=lambda name: (self._drawn[name] / weights[name], name))
        row = self._walks[name].advance()
        self._last = (name, row.position)
        count = row.stop - row.start + len(self._end)
        self._drawn[name] += count
        self._spent += count
        return row


class _Row(NamedTuple):
    """One document: row ``row`` of a loaded piece, whose tokens are ``values[start:stop]``."""

    table: pa.Table
    values: Tokens
    row: int
    start: int
    stop: int
    position: Position

    def tokens(self) -> Tokens:
        return self.values[self.start : self.stop]

    def document(self) -> dict[str, Any]:
        names = [name for name in self.table.column_names if name != "input_ids"]
        fields = {name: self.table[name][self.row].as_py() for name in names}
        # a copy, since a view would keep the whole row group in memory as long as the dict
        return {**fields, "input_ids": self.tokens().copy(), "epoch": self.position.epoch}


class _Walk:
    """One dataset as one rank reads it: document after document, epoch after epoch, without end.

    ``position`` is that of the next document. It may be set to any position that was read from it before.
    """

    def __init__(
        self,
        name: str,
        path: str,
        shards: Sequence[Mapping[str, Any]],
        columns: Sequence[str],
        seed: int,
        rank: int,
        world_size: int,
        storage: Storage,
    ) -> None:
        documents = sum(shard["documents"] for shard in shards)
        if documents < world_size:
            raise ValueError(f"dataset {name} has {documents} documents: too few for {world_size} ranks")
        self.position = Position()
        self._name = name
        self._shards = [
            Stored(join(path, shard["path"]), shard.get("bytes"), shard.get("foot", "")) for shard in shards
        ]
        self._documents = [shard["documents"] for shard in shards]
        self._columns = list(columns)
        self._seed, self._rank, self._world = seed, rank, world_size
        self._storage = storage
        self._pieces: npt.NDArray[np.int64] = np.empty((0, 3), np.int64)  # per piece: shard, row group, rows
        self._epoch: int | None = None  # the epoch that _mine and _shared are of
        self._mine: npt.NDArray[np.int64] = np.empty(0, np.int64)  # pieces of this rank, in order
        self._shared: dict[int, int] = {}  # of these, those shared by row: rows shared before it
        self._loaded: tuple[int, int] | None = None  # epoch and piece that the rest is of
        self._table = pa.table({})
        self._values: Tokens = np.empty(0, np.int32)
        self._offsets: npt.NDArray[np.int32] = np.zeros(1, np.int32)
        self._rows: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._empty = 0  # documents without a token, one after the other

    def advance(self) -> _Row:
        """The document at ``position``, which moves on."""
        while True:
            epoch, piece, row = self.position
            self._deal(epoch)
            if piece == len(self._mine):
                self.position = Position(epoch + 1)
                continue
            self._load(epoch, piece)
            if row == len(self._rows):
                self.position = Position(epoch, piece + 1)
                continue
            self.position = Position(epoch, piece, row + 1)
            index = int(self._rows[row])
            start, stop = int(self._offsets[index]), int(self._offsets[index + 1])
            self._empty = 0 if stop > start else self._empty + 1
            # pieces are dealt anew in every epoch: the chance to miss the others this often is e^-64
            if self._empty > 64 * sum(self._documents):
                raise ValueError(f"dataset {self._name}: no document of rank {self._rank} has any token")
            return _Row(self._table, self._values, index, start, stop, Position(epoch, piece, row))

    def _deal(self, epoch: int) -> None:
        """Which pieces this rank reads in an epoch, in order."""
        if self._epoch == epoch:
            return
        if not len(self._pieces):
            self._pieces = self._list_pieces()
        order = self._shuffled(len(self._pieces), epoch, "pieces")
        whole = len(order) - len(order) % self._world
        self._mine = np.concatenate([order[self._rank : whole : self._world], order[whole:]])
        rows = self._pieces[order[whole:], 2]
        first = whole // self._world
        self._shared = {first + i: int(rows[:i].sum()) for i in range(len(rows))}
        self._epoch = epoch

    def _load(self, epoch: int, piece: int) -> None:
        """Read the piece and find the order of this rank's rows in it."""
        if self._loaded == (epoch, piece):
            return
        shard, group, count = (int(value) for value in self._pieces[self._mine[piece]])
        file = ParquetFile(self._storage, self._shards[shard])
        check_tokens(file)
        names = [name for name in self._columns if name in file.schema.names]
        table = file.table(group, names)
        tokens = table["input_ids"].chunk(0)
        self._table, self._values = table, tokens.values.to_numpy()
        self._offsets = tokens.offsets.to_numpy()
        rows = self._shuffled(count, epoch, "rows", shard, group)
        if piece in self._shared:
            # counted through all shared pieces, so that small ones do not all go to the first ranks;
            # the epoch turns it, so that the same ranks are not always given one more
            turn = np.arange(count) + self._shared[piece] + epoch
            rows = rows[turn % self._world == self._rank]
        self._rows = rows
        self._loaded = (epoch, piece)

    def _list_pieces(self) -> npt.NDArray[np.int64]:
        def row_groups(shard: int) -> list[tuple[int, int, int]]:
            footer = ParquetFile(self._storage, self._shards[shard]).metadata
            if footer.num_rows != self._documents[shard]:
                raise ValueError(
                    f"{self._shards[shard].path} has {footer.num_rows} documents, blend.json says "
                    f"{self._documents[shard]}: they are not of the same run"
                )
            counts = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
            return [(shard, group, count) for group, count in enumerate(counts) if count]

        with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
            found = list(pool.map(row_groups, range(len(self._shards))))
        return np.array([piece for pieces in found for piece in pieces], dtype=np.int64)

    def _shuffled(self, count: int, *key: object) -> npt.NDArray[np.int64]:
        """The numbers below ``count``, in an order that follows from seed, dataset and key."""
        digest = hashlib.blake2b(repr((self._seed, self._name, *key)).encode(), digest_size=16).digest()
        words = np.random.PCG64(int.from_bytes(digest, "little")).random_raw(count)
        return np.argsort(words, kind="stable")
