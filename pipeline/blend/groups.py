"""The row groups of a dataset's shards: what each holds, and their tokens, loaded ahead of use.

Knows shards and memory; does not know in which order anything is read.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.blend.corpus import check_tokens
from pipeline.sealed import ParquetFile, Section, Stored, read_section
from pipeline.storage import Storage

Tokens = npt.NDArray[np.int32]
Bytes = bytes | memoryview
_OPEN = 64  # shards of a thread
#: Threads that read, which mostly wait for storage, and threads that decode, which is work for a core. Where
#: few lanes are shared by many ranks, each needs a row group for every sequence or two.
_READERS, _DECODERS = 16, 3
_FOOTERS_AT_ONCE = 16  # reading footers mostly waits for storage


class Group(NamedTuple):
    """A row group: its tokens with end tokens, or its documents as a table; either way as a circle that is
    read from ``first``, so that sequences are cut elsewhere in every epoch."""

    tokens: Tokens
    table: pa.Table | None
    first: int
    size: int


class Groups:
    """All row groups of a dataset. ``places`` has shard, row group, documents and tokens of each."""

    def __init__(
        self,
        name: str,
        shards: Sequence[Mapping[str, Any]],
        stored: Sequence[Stored],
        columns: Sequence[str],
        end: int | None,
        key: Sequence[object],
        storage: Storage,
    ) -> None:
        self.name = name
        self._shards, self._stored, self._columns = shards, stored, columns
        self._end, self._key, self._storage = end, tuple(key), storage
        self._opened = threading.local()
        self._sections: list[Sequence[Section]] = []  # by shard
        self.places = self._list()
        documents, tokens = self.places[:, 2], self.places[:, 3]
        self._packed = list(columns) == ["input_ids"]
        #: Of each row group, in units of an item: tokens with end tokens, or documents.
        self.sizes = tokens + (documents if end is not None else 0) if self._packed else documents
        if not self.sizes.sum():
            raise ValueError(f"dataset {name}: no document has any token")

    def read(self, index: int) -> Bytes:
        """Read and verify a row group."""
        shard, group = (int(value) for value in self.places[index, :2])
        return read_section(self._storage, self._stored[shard].path, self._sections[shard][group])

    def decode(self, epoch: int, index: int, data: Bytes) -> Group:
        """Lay out a row group that was read."""
        shard, group = (int(value) for value in self.places[index, :2])
        file = self._file(shard)
        table = file.table(group, [name for name in self._columns if name in file.schema.names], data)
        column = table["input_ids"].chunk(0)
        offsets = column.offsets.to_numpy()
        values = column.values
        tokens = values.to_numpy()
        digest = hashlib.blake2b(repr((*self._key, epoch, shard, group)).encode(), digest_size=8).digest()
        row = int.from_bytes(digest, "little") % len(table)
        if not self._packed:
            return Group(tokens, table, row, len(table))
        first = int(offsets[row])
        if self._end is not None:
            tokens, first = _ended(values, offsets, self._end), first + row
        if len(tokens) != self.sizes[index]:
            raise ValueError(f"{file.path}: row group {group} has other documents than its footer says")
        return Group(tokens, None, first, len(tokens))

    def _file(self, shard: int) -> ParquetFile:
        """A shard that this thread has open: its footer is read and decoded once."""
        if not hasattr(self._opened, "files"):
            self._opened.files = OrderedDict()
        files: OrderedDict[int, ParquetFile] = self._opened.files
        if shard not in files:
            if len(files) >= _OPEN:
                files.popitem(last=False)
            files[shard] = ParquetFile(self._storage, self._stored[shard])
        files.move_to_end(shard)
        return files[shard]

    def __getstate__(self) -> dict[str, Any]:
        """Without open files: for another process."""
        return {key: value for key, value in self.__dict__.items() if key != "_opened"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._opened = threading.local()

    def _list(self) -> npt.NDArray[np.int64]:
        with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
            found = list(pool.map(self._footer, range(len(self._stored))))
        self._sections = [sections for _, sections in found]
        return np.array([place for places, _ in found for place in places], np.int64).reshape(-1, 4)

    def _footer(self, shard: int) -> tuple[list[tuple[int, int, int, int]], Sequence[Section]]:
        file, said = ParquetFile(self._storage, self._stored[shard]), self._shards[shard]
        check_tokens(file)
        meta = file.metadata
        if meta.num_rows != said["documents"]:
            raise ValueError(
                f"{file.path} has {meta.num_rows} documents, blend.json says {said['documents']}: they are "
                "not of the same run"
            )
        leaf = [meta.schema.column(i).path.split(".")[0] for i in range(meta.num_columns)].index("input_ids")
        found = []
        for group in range(meta.num_row_groups):
            rows = meta.row_group(group)
            statistics = rows.column(leaf).statistics
            if statistics is not None and statistics.has_null_count:
                tokens = statistics.num_values
            else:  # written by another program
                tokens = len(file.table(group, ["input_ids"])["input_ids"].chunk(0).flatten())
            if rows.num_rows:
                found.append((shard, group, rows.num_rows, tokens))
        return found, file.sections


def _ended(tokens: pa.Array, offsets: npt.NDArray[np.int32], end: int) -> Tokens:
    """The tokens with ``end`` after each document. For Arrow a document is a string of bytes here, and the
    end token one that is joined to it: half the time of ``numpy.insert``, and memory that is used again."""
    places = pa.py_buffer(offsets.astype(np.int64) * 4)
    kind = pa.large_binary()
    documents = pa.Array.from_buffers(kind, len(offsets) - 1, [None, places, tokens.buffers()[1]])
    ending = pa.scalar(np.int32(end).tobytes(), kind)
    joined = pc.binary_join_element_wise(documents, ending, pa.scalar(b"", kind))
    return np.frombuffer(joined.buffers()[2], np.int32)


_Key = tuple[int, int, int]  # dataset, epoch, row group


class Loaded:
    """The row groups that lanes stand in, and up to ``most`` that they will come to: those are read by many
    threads and decoded by few, in the order in which they were asked for."""

    def __init__(
        self, read: Callable[[_Key], Bytes], decode: Callable[[_Key, Bytes], Group], most: int
    ) -> None:
        self._read, self._decode, self._most = read, decode, most
        self._readers = ThreadPoolExecutor(_READERS) if most else None
        self._decoders = ThreadPoolExecutor(_DECODERS) if most else None
        self._groups: dict[_Key, Group] = {}
        self._coming: dict[_Key, Future[Group]] = {}
        self._where: dict[tuple[int, int], _Key] = {}  # dataset and lane
        self._standing: Counter[_Key] = Counter()

    def ask(self, key: _Key) -> bool:
        """Start loading a row group. False if enough are on their way; ask again."""
        if self._readers is None or self._decoders is None or key in self._groups or key in self._coming:
            return True
        if len(self._coming) >= self._most:
            return False
        read = self._readers.submit(self._read, key)
        self._coming[key] = self._decoders.submit(lambda: self._decode(key, read.result()))
        return True

    def get(self, key: _Key, lane: int) -> Group:
        """A row group, in which the lane stands from now on."""
        before = self._where.get((key[0], lane))
        if before != key:
            if key not in self._groups:
                coming = self._coming.pop(key, None)
                self._groups[key] = coming.result() if coming else self._decode(key, self._read(key))
            self._where[key[0], lane] = key
            self._standing[key] += 1
            if before is not None:
                self._standing[before] -= 1
                if not self._standing[before]:
                    del self._standing[before], self._groups[before]
        return self._groups[key]
