"""A global stage from map to apply, in memory: what ``pipeline`` does with files and tasks, in few words.

For tests of stages on their own. Parts, batches and buckets are small on purpose, so that nothing can
depend on seeing all rows at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from pipeline.exchange.runs import sort
from stages.base import Fault
from stages.global_stage import LAST, OWN, Applied, Global, Summary

#: Rows of one key that fit, in rounds that are split.
SPLIT_ROWS = 5


def run(
    stage: Global,
    parts: Sequence[pa.Table],
    earlier: Sequence[pa.Table] = (),
    buckets: int = 3,
    batch_rows: int = 7,
    split_rows: int | None = None,
) -> tuple[list[pa.Table], list[list[Fault | None]], dict[str, dict[str, int]]]:
    """Per part: the documents with the columns that ``apply`` gave (none taken out) and the verdicts;
    and the counts of every round. ``earlier``: parts of an earlier run."""
    bases = [index << 32 for index in range(len(earlier))] + [OWN | i << 32 for i in range(len(parts))]
    rows: dict[str, list[pa.Table]] = {"map": []}
    for base, part in zip(bases, [*earlier, *parts], strict=True):
        for start, batch in _batches(part, batch_rows):
            rows["map"].append(_positions(stage.map(batch), base + start))
    counts: dict[str, dict[str, int]] = {}
    plan = stage.rounds()
    name = ""
    try:
        current = next(plan)
        while True:
            name = current.name
            assert name not in rows, "the names of rounds are unique"
            taken = [table for source in current.takes for table in rows[source] if len(table)]
            merged = sort(pa.concat_tables(taken), current.order) if taken else None
            rows[name], counts[name] = [], {}
            if merged is not None and current.documents:
                again = name in stage.rereads
                for base, part in zip(
                    bases if again else bases[len(earlier) :],
                    [*earlier, *parts] if again else parts,
                    strict=True,
                ):
                    for start, batch in _batches(part, batch_rows):
                        found = _about(merged, base + start, len(batch))
                        rows[name].append(_positions(stage.join(name, batch, found), base + start))
            elif merged is not None:
                for bucket in _buckets(
                    merged,
                    1 if current.whole else buckets,
                    (split_rows or SPLIT_ROWS) if current.split else 0,
                ):
                    found_counts = _drain(stage.reduce(name, bucket), rows[name])
                    for key, value in found_counts.items():
                        counts[name][key] = counts[name].get(key, 0) + value
            counts[name]["rows"] = sum(map(len, rows[name]))
            current = plan.send(counts[name])
    except StopIteration:
        assert name == LAST, f"the last round is named {LAST!r}"
    last = [table.select(stage.verdicts.names).cast(stage.verdicts) for table in rows[LAST]]
    merged = sort(pa.concat_tables([stage.verdicts.empty_table(), *last]))
    tables, verdicts = [], []
    for base, part in zip(bases[len(earlier) :], parts, strict=True):
        batches, reasons = [], []
        for start, batch in _batches(part, batch_rows):
            about = merged if stage.shared else _about(merged, base + start, len(batch))
            applied = stage.apply(batch, about)
            batches.append(_with(batch, applied, stage))
            reasons += applied.verdicts
        tables.append(pa.concat_tables(batches))
        verdicts.append(reasons)
    return tables, verdicts, counts


def kept(parts: Sequence[pa.Table], verdicts: Sequence[Sequence[Fault | None]]) -> set[bytes]:
    """Ids of the documents that stay."""
    return {
        identity
        for part, reasons in zip(parts, verdicts, strict=True)
        for identity, reason in zip(part.column("id").to_pylist(), reasons, strict=True)
        if reason is None
    }


def _batches(part: pa.Table, size: int) -> Iterator[tuple[int, pa.Table]]:
    for start in range(0, len(part), size):
        yield start, part.slice(start, size)


def _positions(partials: pa.Table, base: int) -> pa.Table:
    position = partials.column("row").to_numpy().astype(np.uint64) + np.uint64(base)
    return partials.set_column(partials.schema.names.index("row"), "position", pa.array(position))


def _about(merged: pa.Table, base: int, count: int) -> pa.Table:
    keys = merged.column("key").to_numpy()
    low, high = np.searchsorted(keys, np.array([base, base + count], np.uint64))
    rows = pa.array((keys[low:high] - np.uint64(base)).astype(np.uint32))
    return merged.slice(low, high - low).drop_columns("key").append_column("row", rows)


def _buckets(merged: pa.Table, count: int, split: int) -> Iterator[Iterator[pa.Table]]:
    """Ranges of keys, each in tables that part equal keys only where a round is ``split``: by so many rows."""
    keys = merged.column("key").to_numpy()
    edges = [0]
    for index in range(1, count):
        low = int(np.searchsorted(keys, np.uint64((index << 64) // count)))
        edges.append(max(edges[-1], low))
    edges.append(len(keys))
    for low, high in itertools.pairwise(edges):
        if split:
            yield iter([merged.slice(a, min(split, high - a)) for a in range(low, high, split)])
            continue
        middle = int(np.searchsorted(keys, keys[(low + high) // 2])) if high > low else low
        yield iter([merged.slice(a, b - a) for a, b in ((low, middle), (middle, high)) if b > a])


def _drain(generator: object, into: list[pa.Table]) -> dict[str, int]:
    while True:
        try:
            into.append(next(generator))  # type: ignore[call-overload]
        except StopIteration as stop:
            found = stop.value or {}
            if isinstance(found, Summary):  # as in stats.json
                return {**found.counts, **{f"cluster {name}": size for name, size in found.clusters.items()}}
            return dict(found)


def _with(batch: pa.Table, applied: Applied, stage: Global) -> pa.Table:
    added = stage.added(stage.config)
    assert set(applied.columns) == set(added.names)
    assert len(applied.verdicts) == len(batch)
    for field in added:
        column = applied.columns[field.name].cast(field.type)
        if field.name in batch.schema.names:
            batch = batch.set_column(batch.schema.names.index(field.name), field, column)
        else:
            batch = batch.append_column(field, column)
    return batch
