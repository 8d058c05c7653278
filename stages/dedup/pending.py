"""Rows with equal 128-bit hashes, and which of them comes first, even if the rows of a key do not fit in
memory.

A row has the halves of the hash (``key``, ``low``), a ``position``, an ``id`` and, if a document can have a
hash more than once, a column that tells its rows apart. Rows of earlier runs come first; the others follow in
the order of ids.

A key with very many rows comes in several tables, each sorted on its own (``Round.split``). How often a hash
occurs, and which row is the first, is known only when its key has ended; until then memory holds the first
row so far of each hash, and a temporary file holds the position and the order of every row, but not the id.
So memory does not grow with the number of rows of a key (only with the number of hashes that share a key:
one, or by rare chance two).

Knows hashes, positions and ids; does not know what was hashed, nor which rows are dropped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.base import MIB
from stages.dedup.groups import groups_of
from stages.global_stage import OWN

#: Bytes held in memory of the rows that wait for the end of their key; more than that goes to a local file.
SPOOL_BYTES = 16 * MIB
#: Rows of those that are read back at once; at most 24 bytes each, some 100 with the columns added to each.
BLOCK_ROWS = 1 << 18
#: ``low`` is nearly always one value for all rows of a key: compressed it takes next to nothing.
#: How a column is carried: of all rows that have a hash, the largest or the smallest value.
Carry = Mapping[str, Literal["max", "min"]]
_REDUCE = {"max": np.maximum, "min": np.minimum}
_IPC = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))


class Alike(NamedTuple):
    """Rows, with facts about all rows that have the same hash, whether or not those are in this table."""

    rows: pa.Table  # position, low, and the columns of the order except ids; perhaps more columns
    leads: npt.NDArray[np.bool_]  # [rows] is the first with its hash
    group: npt.NDArray[np.int64]  # [rows] which hash
    size: npt.NDArray[np.int64]  # [hashes] rows that have it, in all tables
    leader: npt.NDArray[np.int64]  # [hashes] which of ``leaders`` comes first
    leaders: pa.Table  # all columns
    earlier: npt.NDArray[np.bool_]  # [hashes] the leader, so at least one, is of an earlier run
    carried: Mapping[str, npt.NDArray[np.int64]]  # [hashes] of each column that is carried


def alike(groups: Iterator[pa.Table], order: Sequence[str], carry: Carry | None = None) -> Iterator[Alike]:
    """All rows of tables sorted by ``key`` and ``order`` ("low", "id" and so on; no two rows with the same
    position and order). A key may continue in the tables that follow; the tables yielded for it are of
    bounded size too.

    ``carry``: int64 columns, and whether the largest or the smallest value of each is told."""
    carry = carry or {}
    last: pa.Table | None = None  # rows of the key that the table before ended with
    pending: _OpenKey | None = None  # that key, if it was in several tables
    for table in groups:
        key = table.column("key").to_numpy()
        start = 0
        if last is not None:
            if key[0] == last.column("key")[0].as_py():
                start = int(np.searchsorted(key, key[0], "right"))
                pending = pending or _OpenKey(last, order, carry)
                pending.add(last := table.slice(0, start))
                if start == len(key):
                    continue
            yield from pending.end() if pending else [_whole(last, carry)]
        stop = int(np.searchsorted(key, key[-1], "left"))
        last, pending = table.slice(stop), None
        if stop > start:
            yield _whole(table.slice(start, stop - start), carry)
    if last is not None:
        yield from pending.end() if pending else [_whole(last, carry)]


def _whole(table: pa.Table, carry: Carry) -> Alike:
    """For sorted rows, if no other rows have their hashes."""
    key, low, position = (table.column(name).to_numpy() for name in ("key", "low", "position"))
    first, size = groups_of(key, low)
    group = np.repeat(np.arange(len(first)), size)
    leader, earlier = first, np.zeros(len(first), bool)
    before = np.flatnonzero(position < np.uint64(OWN))
    if len(before):
        earlier[group[before]] = True
        leader = first.copy()
        leader[earlier] = before[np.searchsorted(before, first[earlier])]
    leads = np.zeros(len(table), bool)
    leads[leader] = True
    carried = {
        name: _REDUCE[how].reduceat(table.column(name).to_numpy(), first) for name, how in carry.items()
    }
    return Alike(table, leads, group, size, leader, table, earlier, carried)


class _OpenKey:
    """A key that is not yet complete: the leaders of its hashes so far, and all its rows in a file."""

    def __init__(self, table: pa.Table, order: Sequence[str], carry: Carry) -> None:
        self._carry = carry
        self._order = [(name, "ascending") for name in (*order, "position")]
        self._held = ["position", *(name for name in order if name != "id")]
        self._leaders = table.schema.empty_table().append_column("size", pa.array([], pa.int64()))
        self._file = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - closed by end
        self._rows = pa.ipc.new_stream(self._file, table.select(self._held).schema, options=_IPC)
        self.add(table)

    def add(self, table: pa.Table) -> None:
        """More rows, sorted."""
        self._rows.write_table(table.select(self._held), max_chunksize=BLOCK_ROWS)
        seen = _whole(table, self._carry)
        fresh = table.take(pa.array(seen.leader)).append_column("size", pa.array(seen.size))
        for name, values in seen.carried.items():
            fresh = fresh.set_column(fresh.schema.get_field_index(name), name, pa.array(values))
        both = pa.concat_tables([self._leaders, fresh]).sort_by(self._order)
        first, _ = groups_of(both.column("low").to_numpy())
        size = np.add.reduceat(both.column("size").to_numpy(), first)
        of_both = _whole(both, self._carry)
        leaders = both.take(pa.array(of_both.leader)).drop_columns("size")
        for name, values in of_both.carried.items():
            leaders = leaders.set_column(leaders.schema.get_field_index(name), name, pa.array(values))
        self._leaders = leaders.append_column("size", pa.array(size))

    def end(self) -> Iterator[Alike]:
        """All rows of the key, which is now complete."""
        self._rows.close()
        self._file.seek(0)
        led = {name: self._leaders.column(name).to_numpy() for name in self._held}
        size = self._leaders.column("size").to_numpy()
        carried = {name: self._leaders.column(name).to_numpy() for name in self._carry}
        leader, earlier = np.arange(len(size)), led["position"] < np.uint64(OWN)
        with self._file, pa.ipc.open_stream(self._file) as stream:
            for batch in stream:
                rows = pa.Table.from_batches([batch])
                group = np.searchsorted(led["low"], rows.column("low").to_numpy())
                leads = np.ones(len(rows), bool)
                for name, values in led.items():
                    leads &= rows.column(name).to_numpy() == values[group]
                yield Alike(rows, leads, group, size, leader, self._leaders, earlier, carried)
