"""Calls a stage on a batch, and checks and collects the result for each row.

If a stage raises on a batch, the batch is processed again row by row, and only the row that raises, or
exceeds its deadline, is recorded as failed. Results are checked against the contracts of ``stages.base``.
Knows tables and stages; does not know parts, files or counts.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.exchange.positions import shifted
from pipeline.plan.columns import output_columns
from pipeline.plan.recipe import Recipe, Role
from pipeline.storage import StorageError
from pipeline.tasks.guard import DeadlineExceeded, Guard
from stages.base import Annotation, Fault, Stage

#: Schema of the run files that shards are made from, before the columns that the recipe says are carried.
#: ``key`` puts the documents in random order.
TOKENS = pa.schema(
    [
        ("key", pa.uint64()),
        ("id", pa.binary(16)),
        ("input_ids", pa.list_(pa.int32())),
        ("n_tokens", pa.int32()),
        ("source", pa.string()),
        ("language", pa.string()),
        ("license", pa.string()),
    ]
)
TOKEN_ORDER = ("id",)


class Loss(NamedTuple):
    row: int
    failed: bool
    fault: Fault
    recorded: bool = True  # False: only counted, since the row continues elsewhere


class Result(NamedTuple):
    """The result of a call: rows for the next step, rows that were lost, and partials for the exchange."""

    table: pa.Table
    losses: list[Loss]
    generated: int = 0
    partials: pa.Table | None = None


class StageError(Exception):
    """A stage broke its contract."""


def shuffle_keys(ids: pa.ChunkedArray, seed: int) -> npt.NDArray[np.uint64]:
    """uint64[rows]: the place of each document in the shuffled dataset, a hash of seed and id.

    splitmix64 (Steele et al. 2014) over both halves of the id.
    """
    data = b"".join(ids.to_pylist())
    halves = np.frombuffer(data, ">u8").reshape(-1, 2).astype(np.uint64)
    return _splitmix(_splitmix(halves[:, 0] + _splitmix(np.array([seed], np.uint64))) ^ halves[:, 1])


def _splitmix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _annotate(stage: Any, table: pa.Table, seed: int) -> Result:
    return annotated(stage, table, stage.annotate(table))


def annotated(stage: Any, table: pa.Table, annotation: Annotation) -> Result:
    """The rows with the columns that an annotation gives them."""
    losses = [Loss(row, True, fault) for row, fault in sorted(annotation.faults.items())]
    table = _with_columns(stage, table, annotation.columns)
    table = table.drop_columns([name for name in stage.consumes if name in table.schema.names])
    return Result(without(table, losses), losses)


def _with_columns(stage: Any, table: pa.Table, columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    added = stage.added(stage.config)
    if set(columns) != set(added.names):
        raise StageError(f"{stage.name} gave columns {sorted(columns)}, not {added.names}")
    for field in added:
        column = columns[field.name]
        if len(column) != len(table):
            raise StageError(f"{stage.name} gave {len(column)} values of {field.name} for {len(table)} rows")
        column = column.cast(field.type)
        if field.name in table.schema.names:
            table = table.set_column(table.schema.names.index(field.name), field, column)
        else:
            table = table.append_column(field, column)
    return table


def judged(stage: Any, table: pa.Table, found: pa.Table) -> Result:
    """Apply the verdicts of a global stage to documents; ``found`` as in ``Global.apply``."""
    applied = stage.apply(table, found)
    if len(applied.verdicts) != len(table):
        raise StageError(f"{stage.name} judged {len(applied.verdicts)} of {len(table)} rows")
    losses = [Loss(row, False, fault) for row, fault in enumerate(applied.verdicts) if fault is not None]
    return Result(without(_with_columns(stage, table, applied.columns), losses), losses)


def _filter(stage: Any, table: pa.Table, seed: int) -> Result:
    verdicts = stage.judge(table)
    if len(verdicts) != len(table):
        raise StageError(f"{stage.name} judged {len(verdicts)} of {len(table)} rows")
    for verdict in verdicts:
        if not (verdict is None or isinstance(verdict, Fault)):
            raise StageError(f"{stage.name} judged a row as {verdict!r}, which is neither None nor a Fault")
    losses = [Loss(row, False, fault) for row, fault in enumerate(verdicts) if fault is not None]
    return Result(without(table, losses), losses)


def _generate(stage: Any, table: pa.Table, seed: int) -> Result:
    generated = stage.generate(table)
    both = set(generated.faults) & set(generated.dropped)
    if both:
        raise StageError(f"{stage.name} says of row {min(both)} that it failed and was dropped")
    losses = [
        Loss(row, True, generated.faults[row])
        if row in generated.faults
        else Loss(row, False, generated.dropped[row])
        if row in generated.dropped
        else Loss(row, False, Fault("source"), recorded=False)
        for row in range(len(table))
    ]
    schema = output_columns(table.schema, type(stage), stage.config)
    return Result(generated.rows.select(schema.names).cast(schema), losses, len(generated.rows))


def _map(stage: Any, table: pa.Table, seed: int) -> Result:
    partials = stage.map(table)
    if not isinstance(partials, pa.Table):
        raise StageError(f"{stage.name} gave {partials!r} to the exchange, not a table")
    return Result(table, [], partials=partials)


def _tokens(stage: Any, table: pa.Table, seed: int, carried: Sequence[str]) -> Result:
    result = _annotate(stage, table, seed)
    keys = pa.array(shuffle_keys(result.table.column("id"), seed))
    named = result.table.append_column("key", keys)
    schema = pa.schema([*TOKENS, *(named.schema.field(name) for name in carried)])
    return result._replace(partials=named.select(schema.names).cast(schema))


_ROLES: Mapping[Role, Callable[[Any, pa.Table, int], Result]] = {
    "annotate": _annotate,
    "filter": _filter,
    "generate": _generate,
    "map": _map,
}


def apply(
    recipe: Recipe, stage: Any, table: pa.Table, seed: int, guard: Guard, batch: int, number: int
) -> Result:
    """Run a step on one batch. ``batch`` and ``number`` (of the step) are for the guard's journal."""
    nothing = _nothing(recipe, stage, table)
    if not len(table):
        return nothing
    role = partial(_tokens, carried=recipe.carried) if recipe.role == "tokens" else _ROLES[recipe.role]
    results = {}
    for start, count in _calls(stage, table):
        rows = table.slice(start, count)
        units = groups(rows, stage.together) if stage.together else [(row, 1) for row in range(count)]
        results[start] = _guarded(
            guard, (batch, number, start), rows, lambda t: role(stage, t, seed), nothing, units
        )
    return join_results(results)


def groups(table: pa.Table, column: str) -> list[tuple[int, int]]:
    """First row and number of rows of each run of equal values in a column."""
    values = table.column(column).combine_chunks()
    if not len(values):
        return []
    differ = pc.fill_null(pc.not_equal(values[1:], values[:-1]), True)
    nulls = pc.is_null(values)
    both = pc.and_(nulls[1:], nulls[:-1])
    starts = [0, *(1 + np.flatnonzero(pc.and_not(differ, both).to_numpy(zero_copy_only=False))).tolist()]
    return [(start, stop - start) for start, stop in itertools.pairwise([*starts, len(values)])]


def _calls(stage: Stage, table: pa.Table) -> list[tuple[int, int]]:
    """First row and number of rows of each call on a batch."""
    if stage.together is None:
        return [(start, min(stage.rows, len(table) - start)) for start in range(0, len(table), stage.rows)]
    calls: list[tuple[int, int]] = []
    for start, count in groups(table, stage.together):
        if calls and calls[-1][1] + count <= stage.rows:
            calls[-1] = (calls[-1][0], calls[-1][1] + count)
        else:
            calls.append((start, count))
    return calls


def _guarded(
    guard: Guard,
    place: tuple[int, int, int],
    table: pa.Table,
    call: Callable[[pa.Table], Result],
    nothing: Result,
    units: Sequence[tuple[int, int]],
) -> Result:
    """Make the call on all rows; if that fails, on each of ``units`` (first row, rows). ``place``: batch,
    step and row of the first row. ``nothing``: the result for no rows."""
    batch, number, start = place
    if not guard.by_row(batch):
        try:
            with guard.watch(batch, number):
                return call(table)
        except BaseException as error:
            if is_of_the_machine(error):
                raise
    results = {}
    for row, count in units:
        fault = guard.poison(batch, number, start + row)
        if fault is None:
            try:
                with guard.watch(batch, number, start + row):
                    results[row] = call(table.slice(row, count))
                continue
            except DeadlineExceeded:
                fault = Fault("deadline", f"more than {guard.seconds:g} seconds")
            except BaseException as error:  # a stage may call sys.exit() or raise anything
                if is_of_the_machine(error):
                    raise
                fault = Fault(type(error).__name__, str(error)[:500])
        results[row] = nothing._replace(losses=[Loss(one, True, fault) for one in range(count)])
    return join_results(results)


def _nothing(recipe: Recipe, stage: Stage, table: pa.Table) -> Result:
    """The result for no rows, with the columns of the step."""
    schema = table.schema
    if recipe.role in ("annotate", "generate", "tokens"):
        schema = output_columns(schema, type(stage), stage.config)
    return Result(schema.empty_table(), [])


def without(table: pa.Table, losses: Sequence[Loss]) -> pa.Table:
    if not losses:
        return table
    keep = np.ones(len(table), bool)
    keep[[loss.row for loss in losses]] = False
    return table.filter(pa.array(keep))


def join_results(results: Mapping[int, Result]) -> Result:
    """Join the results of slices of a batch, keyed by their first rows."""
    if len(results) == 1:  # the only slice begins where the batch does
        return next(iter(results.values()))
    losses: list[Loss] = []
    partials: list[pa.Table] = []
    kept = 0
    for start, result in results.items():
        losses += [loss._replace(row=start + loss.row) for loss in result.losses]
        if result.partials is not None:
            partials.append(shifted(result.partials, kept))
        kept += len(result.table)
    return Result(
        pa.concat_tables([result.table for result in results.values()]),
        losses,
        sum(result.generated for result in results.values()),
        pa.concat_tables(partials) if partials else None,
    )


def is_of_the_machine(error: BaseException) -> bool:
    """Whether an error is not caused by a document, so that processing row by row would not help."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or isinstance(error, StorageError | StageError | KeyboardInterrupt)
