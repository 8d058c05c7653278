"""Which document of a cluster survives: an explicit order, the same wherever the documents lie.

An order is a list of columns, each ascending or descending, and after them the smallest id. Each value
becomes 16 bytes that sort as the values do, so that the exchange can order members of a cluster without
knowing types:

* numbers, times and booleans: exact;
* strings and bytes: the first 16 bytes, as unsigned bytes (in UTF-8 the order of code points); for ``date``,
  which is ISO 8601, only the digits, so that 16 bytes include the seconds;
* null and NaN come last, whatever the direction.

Knows columns and clusters; does not know why documents are in one cluster.
"""

from __future__ import annotations

import heapq
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.base import MIB
from stages.dedup.groups import groups_of
from stages.global_stage import Reduced, Summary
from stages.text.utf8 import as_array

#: Available in every order: the number of characters of the text.
LENGTH = "length"
#: Clusters that the counts of one reducer name.
NAMED_CLUSTERS = 10

#: The verdict on a member of a cluster: the id of the document that survives (null if it is one of an earlier
#: run), the number of documents in the cluster (one more for documents of an earlier run), and whether this
#: one is kept.
VERDICTS = pa.schema(
    [("key", pa.uint64()), ("survivor", pa.binary(16)), ("copies", pa.int32()), ("keep", pa.bool_())]
)

#: Bytes held in memory of the positions in one cluster; more than that goes to a local file.
SPOOL_BYTES = 16 * MIB

_PREFER = "prefer_"
_LAST = np.uint64((1 << 64) - 1)
_SIGN = np.uint64(1 << 63)
_KEYED = re.compile(r"(\S+)(?:\s+(asc|desc))?")


class Preference(NamedTuple):
    """One column of an order."""

    column: str
    descending: bool


def parse(text: str) -> Preference:
    """``quality.rank desc``, ``date asc`` or ``date``. ValueError says what is wrong."""
    match = _KEYED.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no column with `asc` or `desc` behind it")
    return Preference(match[1], match[2] == "desc")


def columns(preferences: Sequence[Preference]) -> tuple[str, ...]:
    """The columns of documents that an order needs."""
    return tuple(dict.fromkeys(item.column for item in preferences if item.column != LENGTH))


def order(preferences: Sequence[Preference]) -> tuple[str, ...]:
    """Names of the columns in the exchange that members are sorted by."""
    return (*(f"{_PREFER}{number:02d}" for number in range(len(preferences))), "id")


def members(
    batch: pa.Table,
    rows: npt.NDArray[np.uint32],
    labels: pa.Array,
    earlier: pa.Array,
    by: Sequence[Preference],
) -> pa.Table:
    """What the exchange needs of the documents ``rows`` of a batch: label, order and id.

    ``earlier``: whether the document is like one of an earlier run.
    """
    found = {"key": labels, "row": pa.array(rows, pa.uint32()), "earlier": earlier}
    text = ["text"] if any(preference.column == LENGTH for preference in by) else []
    taken = batch.select(list(dict.fromkeys(["id", *columns(by), *text]))).take(pa.array(rows))
    return pa.table({**found, **ranked(taken, by), "id": taken.column("id")})


def ranked(batch: pa.Table, by: Sequence[Preference]) -> dict[str, pa.Array]:
    """The columns of ``order`` for each document, but for its id. ValueError names one without an order."""
    found = {}
    for name, preference in zip(order(by), by, strict=False):
        if preference.column == LENGTH:
            values = pc.utf8_length(batch.column("text"))
        else:
            values = batch.column(preference.column)
        try:
            found[name] = encode(values, preference.descending, preference.column == "date")
        except pa.ArrowException as error:
            raise ValueError(f"`prefer: {preference.column}`: {error}") from None
    return found


def problem(by: Sequence[Preference], schema: pa.Schema) -> str | None:
    """What is wrong with the columns that documents are preferred by, or None."""
    for name in columns(by):
        if name in schema.names and not sortable(kind := schema.field(name).type):
            return f"`prefer: {name}`: a column of type {kind} has no order"
    return None


def parsed(items: Sequence[str]) -> tuple[str, ...]:
    """Items as they are, each of which names another column. ValueError otherwise."""
    names = [parse(item).column for item in items]
    if len(set(names)) < len(names):
        raise ValueError("a column is named twice")
    return tuple(items)


def sortable(kind: pa.DataType) -> bool:
    """Whether values of a type have an order, so that ``prefer`` may name a column of it."""
    if pa.types.is_dictionary(kind):
        return sortable(kind.value_type)
    return any(is_type(kind) for is_type in (*_STRINGS, *_NUMBERS)) and not pa.types.is_interval(kind)


def encode(values: pa.Array | pa.ChunkedArray, descending: bool, digits: bool = False) -> pa.Array:
    """binary(16)[n] that sort as the values, or in the opposite order; null and NaN last.

    ``digits``: only the digits of strings count. ArrowNotImplementedError for types that are not
    ``sortable``.
    """
    values = as_array(values)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    missing = np.asarray(values.is_null())
    words = np.zeros((len(values), 2), np.uint64)
    if any(is_type(kind) for is_type in _STRINGS):
        prefixes = _prefixes(values, digits)
        words = ~prefixes if descending else prefixes
    elif not pa.types.is_null(kind):
        numbers, odd = _numbers(values)
        words[:, 1] = ~numbers if descending else numbers
        missing |= odd
    words[missing] = _LAST
    # a string sorts before null even if it is the largest possible string
    words[~missing & (words == _LAST).all(axis=1), 1] = _LAST - np.uint64(1)
    data = words.astype(">u8")
    return pa.Array.from_buffers(pa.binary(16), len(data), [None, pa.py_buffer(data)])


_STRINGS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_NUMBERS = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_temporal,
    pa.types.is_null,
)


def _prefixes(values: pa.Array, digits: bool) -> npt.NDArray[np.uint64]:
    """The first 16 bytes, filled up with zeros, as two numbers."""
    if digits:
        values = pc.replace_substring_regex(values.cast(pa.string()), "[^0-9]", "")
    data = pc.fill_null(pc.binary_slice(values.cast(pa.binary()), 0, 16), b"")
    offsets = np.frombuffer(data.buffers()[1], np.int32)[data.offset : data.offset + len(data) + 1]
    content = data.buffers()[2]
    flat = np.frombuffer(content, np.uint8) if content is not None else np.zeros(0, np.uint8)
    padded = np.zeros((len(data), 16), np.uint8)
    inside = np.arange(16) < np.diff(offsets)[:, None]
    padded[inside] = flat[offsets[0] : offsets[-1]]
    return padded.view(">u8").astype(np.uint64)


def _numbers(values: pa.Array) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """Numbers that sort as the values, and where a value is none."""
    kind = values.type
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        floats = pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy() + 0.0  # -0.0 is 0.0
        bits = floats.view(np.uint64)
        return np.where(bits & _SIGN, ~bits, bits | _SIGN), np.isnan(floats)
    if kind == pa.uint64():
        return pc.fill_null(values, 0).to_numpy(), np.zeros(len(values), bool)
    if pa.types.is_temporal(kind) and kind.bit_width == 32:
        values = values.cast(pa.int32())
    integers = pc.fill_null(values.cast(pa.int64()), 0).to_numpy()
    return integers.view(np.uint64) ^ _SIGN, np.zeros(len(values), bool)


def survivors(groups: Iterator[pa.Table]) -> Reduced:
    """Takes members by label, in order of preference: the first of each label is kept, unless the cluster has
    documents of an earlier run. Yields rows of ``VERDICTS``. A cluster may come in several tables, each in
    order.

    Counts ``clusters``, ``clusters of 2``, ``clusters of 3-4``, ``clusters of 5-8`` and so on; documents
    dropped as ``near duplicates``, and dropped as duplicates ``of an earlier run``. Names the largest
    clusters.
    """
    tally = _Tally()
    pending: _OpenCluster | None = None
    for table in groups:
        label = table.column("key").to_numpy()
        starts, sizes = groups_of(label)
        if pending is not None and label[0] == pending.label:
            pending.add(table.slice(0, sizes[0]))
            if len(sizes) == 1:
                continue
            starts, sizes = starts[1:], sizes[1:]
        if pending is not None:
            yield from pending.verdicts(tally)
        pending = _OpenCluster(table.slice(starts[-1]))
        if len(starts) > 1:
            whole = table.slice(starts[0], starts[-1] - starts[0])
            yield _verdicts(whole, starts[:-1] - starts[0], sizes[:-1], tally)
    if pending is not None:
        yield from pending.verdicts(tally)
    return tally.result()


def _verdicts(
    table: pa.Table, starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], tally: _Tally
) -> pa.Table:
    """Verdicts on clusters that are complete."""
    earlier = np.logical_or.reduceat(table.column("earlier").to_numpy(), starts)
    ids = as_array(table.column("id").take(pa.array(starts, mask=earlier)))
    tally.add(sizes, earlier, ids)
    cluster = np.repeat(np.arange(len(starts)), sizes)
    keep = np.zeros(len(table), bool)
    keep[starts] = ~earlier
    return pa.table(
        [
            table.column("position"),
            ids.take(pa.array(cluster)),
            pa.array((sizes + earlier)[cluster].astype(np.int32)),
            pa.array(keep),
        ],
        schema=VERDICTS,
    )


class _OpenCluster:
    """A cluster that may continue in the next table: the best of its members so far, and the positions of all
    of them, in memory or, if there are very many, in a file."""

    def __init__(self, table: pa.Table) -> None:
        self.label = table.column("key")[0].as_py()
        self._positions = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - closed by verdicts
        self._size, self._earlier = 0, False
        # values in the order of preference, the id, the position
        self._best: tuple[Any, ...] | None = None
        self.add(table)

    def add(self, table: pa.Table) -> None:
        """More members, sorted."""
        self._size += len(table)
        self._earlier |= bool(pc.any(table.column("earlier")).as_py())
        self._positions.write(table.column("position").to_numpy().tobytes())
        names = sorted(name for name in table.schema.names if name.startswith(_PREFER))
        first = tuple(table.column(name)[0].as_py() for name in (*names, "id", "position"))
        self._best = first if self._best is None else min(self._best, first)

    def verdicts(self, tally: _Tally) -> Iterator[pa.Table]:
        """The verdicts on this cluster, which is now complete."""
        assert self._best is not None
        *_, identity, best = self._best
        ids = pa.array([None if self._earlier else identity], pa.binary(16))
        tally.add(np.array([self._size]), np.array([self._earlier]), ids)
        self._positions.seek(0)
        while data := self._positions.read(SPOOL_BYTES):
            position = np.frombuffer(data, np.uint64)
            count = len(position)
            yield pa.table(
                [
                    pa.array(position),
                    ids.take(pa.array(np.zeros(count, np.int64))),
                    pa.array(np.full(count, self._size + self._earlier, np.int32)),
                    pa.array((position == best) & (not self._earlier)),
                ],
                schema=VERDICTS,
            )
        self._positions.close()


class _Tally:
    """Counts clusters by size and remembers the largest."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._largest: list[tuple[int, str]] = []

    def add(self, sizes: npt.NDArray[np.int64], earlier: npt.NDArray[np.bool_], ids: pa.Array) -> None:
        """Clusters, whether they have documents of an earlier run, and the ids of their survivors."""
        self._counts["of an earlier run"] += int(sizes[earlier].sum())
        own = np.flatnonzero(~earlier)
        if not len(own):
            return
        self._counts["clusters"] += len(own)
        self._counts["near duplicates"] += int((sizes[own] - 1).sum())
        for power, number in enumerate(np.bincount(np.ceil(np.log2(sizes[own])).astype(int)).tolist()):
            if number:
                self._counts[_sizes(power)] += number
        # of equally large clusters those with the smallest ids, so that the order of labels has no effect
        halves = np.frombuffer(ids.buffers()[1], ">u8").reshape(-1, 2)[own].astype(np.uint64)
        order = np.lexsort((halves[:, 1], halves[:, 0], -sizes[own]))[:NAMED_CLUSTERS]
        for place in own[order].tolist():
            self._largest.append((-int(sizes[place]), ids[place].as_py().hex()))
        self._largest = heapq.nsmallest(NAMED_CLUSTERS, self._largest)

    def result(self) -> Summary:
        """See ``survivors``."""
        return Summary(self._counts, {name: -size for size, name in self._largest})


def _sizes(power: int) -> str:
    return f"clusters of {(1 << power - 1) + 1}-{1 << power}" if power > 1 else f"clusters of {1 << power}"
