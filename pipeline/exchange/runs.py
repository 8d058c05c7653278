"""Run files: rows sorted by key, of which any range can be read. Deduplication and token shards use them.

A map task writes one *run file*: rows sorted by a 64-bit ``key`` (and tie-breaking columns) in blocks, with
an index of the blocks at the end. A reducer takes a *range* of keys: it reads from each run file the blocks
that overlap its range, and merges them into one sorted stream. The number of reducers is not part of the
files: it can be chosen when the total is known, and changed without mapping again.

Cost: every row is written once and read once (twice beyond ``MAX_RUNS`` runs). A writer holds
``buffer_bytes`` in memory, a merge ``memory_bytes`` divided among its runs. There is one ranged read for each
group of overlapping blocks and one for each footer, so in the worst case maps x reducers small reads.

Knows sorted Arrow tables and storage; does not know what the keys stand for.

File layout: blocks, each an Arrow IPC stream (zstd); then a JSON footer ``{"schema", "runs": [[
[first_key, last_key, offset, length, rows, size, crc], ...], ...]}``; then the length of the footer (8 bytes,
little endian) and the magic ``NCRUNS2\\n``. Every block is verified when it is read (``pipeline.sealed``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.exchange.cut import Cutter
from pipeline.exchange.positions import addressed
from pipeline.sealed import Damaged, Section, Sink, Stored, fetch, foot_digest, read_foot, verified
from pipeline.storage import Storage
from pipeline.storage.spool import spool
from stages.base import MIB

MAGIC = b"NCRUNS2\n"
KEYS = 1 << 64
#: Runs that are merged at once. Each holds a block in memory.
MAX_RUNS = 512
#: Size of a block in memory; compressed it is a little smaller.
BLOCK_BYTES = MIB // 4
_IPC = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))


class Block(NamedTuple):
    first: int
    last: int
    offset: int
    length: int
    rows: int
    size: int  # bytes in memory
    crc: int  # CRC-32


class RunWriter:
    """Collects rows and writes them sorted. The bytes depend on the rows alone, not on their batches."""

    def __init__(
        self,
        file: BinaryIO,
        schema: pa.Schema,
        order: Sequence[str] = (),
        buffer_bytes: int = 64 * MIB,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self._file, self._sink = file, Sink(file)
        self.schema, self.order = schema, tuple(order)
        self.block_bytes = block_bytes
        self.rows = 0
        self._cutter = Cutter(buffer_bytes)
        self._runs: list[list[Block]] = []

    def add(self, table: pa.Table) -> None:
        """Add rows in any order; ``table`` has the schema of the writer."""
        self.rows += len(table)
        for piece in self._cutter.add(table):
            self._write(piece)

    def close(self) -> tuple[int, str, str]:
        """Write what is left and the footer, and close the file. Size, sha256 and digest of the foot."""
        for piece in self._cutter.rest():
            self._write(piece)
        schema = self.schema.serialize().to_pybytes().hex()
        footer = json.dumps({"schema": schema, "runs": self._runs}, separators=(",", ":")).encode()
        foot = footer + len(footer).to_bytes(8, "little") + MAGIC
        self._sink.write(foot)
        self._file.close()
        return self._sink.tell(), self._sink.sha256, foot_digest(foot)

    def _write(self, piece: pa.Table) -> None:
        run = []
        blocks = Cutter(self.block_bytes)
        for block in (*blocks.add(sort(piece, self.order)), *blocks.rest()):
            with pa.ipc.new_stream(self._sink, self.schema, options=_IPC) as stream:
                stream.write_table(block)
            keys, (offset, length, crc) = block.column("key"), self._sink.section()
            ends = keys[0].as_py(), keys[-1].as_py()
            run.append(Block(*ends, offset, length, len(block), block.nbytes, crc or 0))
        self._runs.append(run)


def merge(
    storage: Storage,
    files: Iterable[tuple[int, Stored]],
    low: int = 0,
    high: int = KEYS,
    order: Sequence[str] = (),
    memory_bytes: int = 128 * MIB,
    split: bool = False,
) -> Iterator[pa.Table]:
    """Rows with ``low <= key < high`` of numbered files, sorted by key and ``order``; ties keep file order.

    Rows of equal key come in one table. An iterator over no rows yields nothing.
    A column ``row`` (index in the part that file number ``i`` was made from) becomes ``position``,
    ``i << 32 | row``: the files themselves do not change when another part comes before them.

    Memory is about ``memory_bytes``, or the rows of one key where those are more, unless they may be
    ``split``: then such a key comes in several tables, each sorted on its own. Beyond ``MAX_RUNS``
    runs the files are merged in two levels, the first into local temporary files.
    """
    with spool("merged runs") as folder:
        cursors: list[_Cursor] = []
        level = 0
        for index, stored in files:
            cursors += _cursors(storage, index, stored, low, high)
            if len(cursors) >= MAX_RUNS:
                local = str(folder / f"{level}.runs")
                cursors = _spill(local, _merge(cursors, order, memory_bytes, split), order, low, high)
                level += 1
        yield from _merge(cursors, order, memory_bytes, split)


def _spill(path: str, tables: Iterator[pa.Table], order: Sequence[str], low: int, high: int) -> list[_Cursor]:
    """Write a merged stream to a local run file; cursors over that."""
    with open(path, "wb") as file:
        writer = None
        for table in tables:
            writer = writer or RunWriter(file, table.schema, order)
            writer.add(table)
        if writer is None:
            return []
        writer.close()
    # the number is not used: rows have their positions already
    return _cursors(Storage(), 0, Stored(path), low, high)


def _cursors(storage: Storage, index: int, stored: Stored, low: int, high: int) -> list[_Cursor]:
    schema, runs = _footer(storage, stored)
    overlapping = ([b for b in run if b.last >= low and b.first < high] for run in runs)
    return [
        _Cursor(storage, stored.path, index, schema, blocks, low, high) for blocks in overlapping if blocks
    ]


def _merge(
    cursors: list[_Cursor], order: Sequence[str], memory_bytes: int, split: bool
) -> Iterator[pa.Table]:
    share = memory_bytes // max(len(cursors), 1)
    while True:
        for cursor in cursors:
            if not len(cursor.keys):
                cursor.load(share)
        cursors = [cursor for cursor in cursors if len(cursor.keys) or cursor.blocks]
        if not cursors:
            return
        # from the frontier on, a run may still hold smaller keys, or more rows of the same key
        ends = [
            int(cursor.keys[-1]) if len(cursor.keys) else cursor.low for cursor in cursors if cursor.blocks
        ]
        frontier = min(ends, default=KEYS)
        taken = [part for cursor in cursors if len(part := cursor.take(frontier))]
        if split and not taken and sum(cursor.table.nbytes for cursor in cursors) >= memory_bytes:
            taken = [part for cursor in cursors if len(part := cursor.take(frontier + 1))]
        if taken:
            yield sort(pa.concat_tables(taken), order)
            continue
        stuck = [c for c in cursors if c.blocks and (not len(c.keys) or int(c.keys[-1]) == frontier)]
        for cursor in stuck:  # all rows in memory have the same key: load more in large steps
            cursor.load(memory_bytes // (2 * len(stuck)))


class _Cursor:
    """The unread rest of one run within a key range."""

    def __init__(
        self,
        storage: Storage,
        path: str,
        index: int,
        schema: pa.Schema,
        blocks: list[Block],
        low: int,
        high: int,
    ) -> None:
        self.storage, self.path, self.index, self.blocks = storage, path, index, blocks
        self.low, self.high = low, high
        self.table = addressed(schema.empty_table(), index)
        self.keys: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)

    def load(self, budget: int) -> None:
        """Append the next blocks, at least one, up to ``budget`` bytes in memory, in one ranged read."""
        if not self.blocks:
            return
        count, size = 1, self.blocks[0].size
        while count < len(self.blocks) and size + self.blocks[count].size <= budget:
            size += self.blocks[count].size
            count += 1
        start, stop = self.blocks[0].offset, self.blocks[count - 1].offset + self.blocks[count - 1].length
        data = fetch(self.storage, self.path, start, stop - start)
        tables = []
        for block in self.blocks[:count]:
            part = memoryview(data)[block.offset - start : block.offset - start + block.length]
            verified(self.path, Section(block.offset, block.length, block.crc), part)
            tables.append(addressed(pa.ipc.open_stream(pa.py_buffer(part)).read_all(), self.index))
        del self.blocks[:count]
        table = pa.concat_tables(tables)
        keys = _column(table, "key")
        first = int(np.searchsorted(keys, np.uint64(self.low), "left"))
        last = len(keys) if self.high >= KEYS else int(np.searchsorted(keys, np.uint64(self.high), "left"))
        if last < len(keys):
            self.blocks = []
        wanted = table.slice(first, last - first)
        if 2 * len(wanted) < len(table):  # a slice would keep the whole blocks in memory
            wanted = wanted.take(pa.array(np.arange(len(wanted))))
        self.keys = np.concatenate([self.keys, keys[first:last]])
        self.table = pa.concat_tables([self.table, wanted])

    def take(self, frontier: int) -> pa.Table:
        """Remove and return the rows with ``key < frontier``."""
        count = len(self.keys) if frontier >= KEYS else int(np.searchsorted(self.keys, np.uint64(frontier)))
        taken = self.table.slice(0, count)
        self.table, self.keys = self.table.slice(count), self.keys[count:]
        return taken


def sort(table: pa.Table, order: Sequence[str] = ()) -> pa.Table:
    """Stable sort by ``key``, then the columns of ``order`` (uint64 or 16-byte binary)."""
    columns: list[npt.NDArray[np.uint64]] = [_column(table, "key")]
    for name in order:
        if table.schema.field(name).type == pa.binary(16):
            halves = _halves(table, name)
            columns += [halves[:, 0], halves[:, 1]]
        else:
            columns.append(_column(table, name))
    return table.take(pa.array(np.lexsort(columns[::-1])))


def _column(table: pa.Table, name: str) -> npt.NDArray[np.uint64]:
    return table.column(name).to_numpy().astype(np.uint64, copy=False)


def _halves(table: pa.Table, name: str) -> npt.NDArray[np.uint64]:
    column = table.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    data = column.buffers()[1]
    flat = np.frombuffer(data, ">u8") if data is not None and data.size else np.zeros(0, ">u8")
    return flat.reshape(-1, 2)[column.offset : column.offset + len(column)].astype(np.uint64)


def _footer(storage: Storage, stored: Stored) -> tuple[pa.Schema, list[list[Block]]]:
    foot, _ = read_foot(storage, stored, 16, MAGIC)
    try:
        footer = json.loads(foot[:-16])
        schema = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(footer["schema"])))
        return schema, [[Block(*block) for block in run] for run in footer["runs"]]
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise Damaged(stored.path, f"its foot cannot be read: {error}") from None
