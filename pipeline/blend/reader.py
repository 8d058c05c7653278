"""The training side: reads a corpus as ``blend.json`` says, packed into sequences or document by document.

Knows a corpus, its order and who reads which part of it; needs no torch. ``pipeline.blend.order`` says what
the order is, ``pipeline.blend.groups`` loads what is read.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.blend.corpus import Corpus, open_corpus
from pipeline.blend.groups import Bytes, Group, Groups, Loaded
from pipeline.blend.order import Ints, Mix, Stream, assigned, lane_count
from pipeline.storage import Storage, is_local

Tokens = npt.NDArray[np.int32]
#: Columns of a shard; those of earlier versions have no ``url``.
COLUMNS = ("id", "input_ids", "n_tokens", "dataset", "source", "url", "language", "license")
_PLANNED = 1 << 12  # items whose places are computed at once
_COMPARED = 1 << 15  # items of all ranks, where it depends on them which of a step a rank gives
_COMING = 32  # row groups on their way, at most


class _Item(NamedTuple):
    """What is read for one sequence or document."""

    dataset: int
    lane: int
    pieces: list[tuple[int, int, int, int]]  # as of ``Stream.pieces``


class BlendedReader:
    """Iterates over a blended corpus: once, to the end of the token budget, as one of several ranks.

    path: a corpus, or the output of a run that holds one in ``corpus/``; local or behind an address.
    sequence_length: gives ``int32[sequence_length]`` arrays, documents of one dataset packed without padding
        and cut where a sequence ends; None gives one dict per document (the columns of a shard row with
        ``input_ids`` as ``int32[n_tokens]``, and ``epoch``, the number of earlier passes over its dataset).
    rank, world_size: this reader and how many there are; each must be given the same other arguments.
    seed: of all shuffling; default: the seed of the corpus.
    eos: token id appended to every document of packed sequences, where it counts as a token; default: the one
        that the corpus says its tokenizer ends a text with. ``"none"`` glues documents to each other.
    storage: how to reach ``path``; default: local files and object stores as the environment configures them.
    lanes: row groups of a dataset that the ranks together read at a time, a power of two; fewer are used for
        a small corpus. With a ``world_size`` that divides it each row group is read by one rank, with others
        by ``(lanes + world_size) / lanes`` on average at most: with many ranks and few lanes, a rank reads a
        row group for every sequence or two, so give it ``ahead``. It is part of the order.
    ahead: items for which row groups are loaded before they are asked for, which costs some CPU time;
        default: 64 from behind an address, 0 from local files.

    There is one order of sequences for all world sizes: ``world_size`` ranks together give, step by step,
    the same sequences as one. Which rank gives which of a step follows from who reads its row group. Every
    rank gives the same number of them; sequences that do not make one more for every rank are left over.
    Every epoch over a dataset gives every token once. Sequences of a dataset are as many as its weight says,
    after every few thousand and at the end of a phase to within one for every lane; documents, by the average
    length of the dataset's documents.

    Call ``state_dict()`` between two items and store it as JSON, once for all ranks. Readers with any
    ``world_size`` and otherwise the same arguments give, after ``load_state_dict()``, what was still to come.

    Memory: of each dataset one row group for every lane of the rank; with ``ahead``, up to 32 on their way.
    ``pipeline.blend.loader`` has it for PyTorch.

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
        lanes: int = 64,
        ahead: int | None = None,
    ) -> None:
        _check(sequence_length, rank, world_size, eos, lanes, ahead)
        storage = storage or Storage()
        ahead = (0 if is_local(path) else 64) if ahead is None else ahead
        corpus = open_corpus(storage, path)
        blend = corpus.blend
        end = corpus.end(eos) if sequence_length is not None else None
        seed = blend["seed"] if seed is None else seed
        self._length, self._rank, self._world, self._ahead = sequence_length, rank, world_size, ahead
        self._groups = [
            Groups(
                name,
                data["shards"],
                corpus.shards(name),
                ("input_ids",) if sequence_length is not None else COLUMNS,
                end,
                (seed, name, "rows"),
                storage,
            )
            for name, data in sorted(blend["datasets"].items())
            if data["training_tokens"]
        ]
        phases = _phases(corpus, [groups.name for groups in self._groups], sequence_length)
        if phases[-1][0] < world_size:
            what = "documents" if sequence_length is None else f"sequences of {sequence_length:,} tokens"
            raise ValueError(
                f"the budget of {blend['tokens']:,} tokens is {phases[-1][0]:,} {what}: not one for each of "
                f"{world_size} ranks"
            )
        unit = sequence_length or 1
        average = float(np.mean(np.concatenate([groups.sizes for groups in self._groups])))
        lanes = lane_count(lanes, phases[-1][0] * unit, average)
        self._mix = Mix(phases, lanes)
        self._streams = [Stream((seed, groups.name), groups.sizes, unit, lanes) for groups in self._groups]
        self._identity = {
            "blend": corpus.digest,
            "seed": seed,
            "sequence_length": sequence_length,
            "eos": end,
            "lanes": lanes,
        }
        self._start = 0  # items that all ranks together gave before this world size
        self._given = 0  # of this rank, since then
        self._share: tuple[int, int, int] | None = None  # see ``share``
        self._reset()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._length is None:
            return self._give(self._document)
        into = np.empty(self._length, np.int32)
        self._give(lambda item: self._fill(item, into))
        return into

    def __len__(self) -> int:
        """Items of this rank that are still to come."""
        if self._share is not None:
            raise TypeError("a share of a reader has no length")
        return (self._mix.items - self._start) // self._world - self._given

    def batches(self, size: int) -> Iterator[Tokens]:
        """The sequences to come as ``int32[size, sequence_length]``; the last batch may be smaller."""
        if self._length is None:
            raise ValueError("batches are of sequences: give sequence_length")
        while True:
            batch = np.empty((size, self._length), np.int32)
            for filled in range(size):
                row = batch[filled]
                try:
                    self._give(partial(self._fill, into=row))
                except StopIteration:
                    if filled:
                        yield batch[:filled]
                    return
            yield batch

    def share(self, size: int, index: int, count: int) -> BlendedReader:
        """A reader of every ``count``-th batch of ``size`` of this rank's items, beginning with number
        ``index``: one of several worker processes. It has no state of its own: ``state_dict(given)`` of this
        one has."""
        part = copy.copy(self)
        part._share = (size, index, count)
        return part

    def state_dict(self, given: int | None = None) -> dict[str, Any]:
        """The place in the order, as plain values for JSON, the same for all ranks after equally many items.

        given: items of this rank since the reader was made or loaded a state, where others than the reader
            know (shares in worker processes gave them); default: those that it gave.
        """
        if self._share is not None:
            raise ValueError("a share of a reader has no state; ask the reader that it is a share of")
        count = self._given if given is None else given
        return {"reader": dict(self._identity), "given": self._start + count * self._world}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where ``state_dict()`` was taken, with any world size. ValueError if other arguments were
        different."""
        if "given" not in state or "phase" in state:
            raise ValueError("the state was saved by an earlier version, whose order was another one")
        for key, ours in self._identity.items():
            theirs = state["reader"][key]
            if theirs != ours:
                raise ValueError(f"the state was saved with {key} {theirs}, this reader has {key} {ours}")
        self._start, self._given = state["given"], 0
        self._reset()

    def __getstate__(self) -> dict[str, Any]:
        """Without what is loaded and the threads that load: for a copy, in this or another process."""
        left_out = ("_loaded", "_plan", "_coming", "_wanted")
        return {key: value for key, value in self.__dict__.items() if key not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()

    def _reset(self) -> None:
        self._loaded: Loaded | None = None
        self._plan: Iterator[_Item] | None = None
        self._coming: deque[_Item] = deque()
        self._wanted: deque[tuple[_Item, tuple[int, int, int]]] = deque()

    def _read(self, key: tuple[int, int, int]) -> Bytes:
        return self._groups[key[0]].read(key[2])

    def _decode(self, key: tuple[int, int, int], data: Bytes) -> Group:
        return self._groups[key[0]].decode(key[1], key[2], data)

    def _give(self, made: Callable[[_Item], Any]) -> Any:
        """What is made of the next item. If that fails, it is still to come."""
        item = self._next()
        try:
            result = made(item)
        except BaseException:
            if self._share is None:
                self._reset()
            raise
        self._given += 1
        return result

    def _next(self) -> _Item:
        if self._plan is None or self._loaded is None:
            self._plan = self._planned()
            self._loaded = Loaded(self._read, self._decode, _COMING if self._ahead else 0)
        if not self._ahead:
            return next(self._plan)
        while len(self._coming) <= self._ahead and (item := next(self._plan, None)) is not None:
            self._coming.append(item)
            self._wanted.extend((item, (item.dataset, *piece[:2])) for piece in item.pieces)
        if not self._coming:
            raise StopIteration
        item = self._coming.popleft()
        while self._wanted and self._wanted[0][0] is item:
            self._wanted.popleft()
        while self._wanted and self._loaded.ask(self._wanted[0][1]):
            self._wanted.popleft()
        return item

    def _planned(self) -> Iterator[_Item]:
        """The items of this rank that are still to come."""
        lanes = self._mix.lanes
        turn, stop = self._given, (self._mix.items - self._start) // self._world
        while turn < stop:
            turns, items = self._turns(turn, stop)
            within = int(np.searchsorted(items, self._mix.block(int(items[0]))[1]))
            turns, items, turn = turns[:within], items[:within], turn + within
            if self._share is not None:
                size, index, shares = self._share
                mine = turns // size % shares == index
                turns, items = turns[mine], items[mine]
                if not len(turns):
                    continue
            datasets, numbers = self._mix.chosen(items)
            places = {
                dataset: iter(self._streams[dataset].places(numbers[datasets == dataset]))
                for dataset in np.unique(datasets).tolist()
            }
            for dataset, lane in zip(datasets.tolist(), (items % lanes).tolist(), strict=True):
                yield _Item(dataset, lane, next(places[dataset]))

    def _turns(self, turn: int, stop: int) -> tuple[Ints, Ints]:
        """Some steps from ``turn`` on, and the item of each that this rank gives."""
        lanes, world = self._mix.lanes, self._world
        if world > lanes and world % lanes == 0:
            turns = np.arange(turn, min(turn + max(_COMPARED // world, 1), stop))
            return turns, self._mix.steps(self._start + turns * world, world)[:, self._rank]
        turns = np.arange(turn, min(turn + _PLANNED, stop))
        own = assigned(lanes, world, self._start % lanes)[:, self._rank]
        return turns, self._start + turns * world + own[turns % len(own)]

    def _fill(self, item: _Item, into: Tokens) -> None:
        """Writes a sequence."""
        assert self._loaded is not None
        filled = 0
        for epoch, index, offset, count in item.pieces:
            group = self._loaded.get((item.dataset, epoch, index), item.lane)
            begin = group.first + offset
            begin -= group.size if begin >= group.size else 0
            straight = min(count, group.size - begin)
            into[filled : filled + straight] = group.tokens[begin : begin + straight]
            if straight < count:  # the row group is a circle
                into[filled + straight : filled + count] = group.tokens[: count - straight]
            filled += count

    def _document(self, item: _Item) -> dict[str, Any]:
        assert self._loaded is not None
        ((epoch, index, offset, _),) = item.pieces
        group = self._loaded.get((item.dataset, epoch, index), item.lane)
        assert group.table is not None
        row = (group.first + offset) % group.size
        fields = {
            name: group.table[name][row].as_py() for name in group.table.column_names if name != "input_ids"
        }
        offsets = group.table["input_ids"].chunk(0).offsets
        # a copy, since a view would keep the whole row group in memory as long as the dict
        tokens = group.tokens[offsets[row].as_py() : offsets[row + 1].as_py()].copy()
        return {**fields, "input_ids": tokens, "epoch": epoch}


def _check(length: int | None, rank: int, world: int, eos: object, lanes: int, ahead: int | None) -> None:
    if not 0 <= rank < world:
        raise ValueError(f"rank {rank} of {world}: ranks count from 0 to world_size - 1")
    if length is not None and length < 1:
        raise ValueError(f"sequence_length is {length}; it must be at least 1, or None for documents")
    if length is None and eos not in ("tokenizer", "none"):
        raise ValueError("eos goes between packed documents; with sequence_length=None there are none")
    if lanes < 1 or lanes & (lanes - 1):
        raise ValueError(f"lanes is {lanes}; it must be a power of two")
    if ahead is not None and ahead < 0:
        raise ValueError(f"ahead is {ahead}; it must be 0 or more")


def _phases(corpus: Corpus, names: list[str], length: int | None) -> list[tuple[int, list[int]]]:
    """For each phase the item at which it ends, and the weights of the datasets."""
    blend, found, end = corpus.blend, [], 0
    for phase in blend["phases"]:
        # tokens are exact, unlike weights; a dataset whose share rounds to 0 tokens is not read
        tokens = [phase["datasets"].get(name, {}).get("tokens", 0) for name in names]
        if length is not None:
            found.append((phase["until"] // length, tokens))
            continue
        has = [blend["datasets"][name] for name in names]
        documents = [
            (2 * count * data["documents"] + data["tokens"]) // (2 * data["tokens"])
            for count, data in zip(tokens, has, strict=True)
        ]
        end += sum(documents)
        found.append((end, documents))
    return [(stop, weights) for stop, weights in found if any(weights)] or found
