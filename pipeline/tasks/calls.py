"""Calls a stage on a batch, and checks and collects the result for each row.

If a stage raises on a batch, the batch is processed again row by row, and only the row that raises, or
exceeds its deadline, is recorded as failed. Results are checked against the contracts of ``stages.base``.
Knows tables and stages; does not know parts, files or counts.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.exchange.positions import shifted
from pipeline.plan.columns import output_columns
from pipeline.plan.recipe import Recipe, Role
from pipeline.storage import StorageError
from pipeline.tasks.guard import DeadlineExceeded, Guard
from stages.base import Fault, Stage

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
    annotation = stage.annotate(table)
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
    losses = [
        Loss(row, True, generated.faults[row])
        if row in generated.faults
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
    for start in range(0, len(table), stage.rows):
        rows = table.slice(start, stage.rows)
        results[start] = _guarded(
            guard, (batch, number, start), rows, lambda t: role(stage, t, seed), nothing
        )
    return _join(results)


def _guarded(
    guard: Guard,
    place: tuple[int, int, int],
    table: pa.Table,
    call: Callable[[pa.Table], Result],
    nothing: Result,
) -> Result:
    """Make the call on all rows; if that fails, row by row. ``place``: batch, step and row of the first row.
    ``nothing``: the result for no rows."""
    batch, number, start = place
    if not guard.by_row(batch):
        try:
            with guard.watch(batch, number):
                return call(table)
        except BaseException as error:
            if _of_the_machine(error):
                raise
    results = {}
    for row in range(len(table)):
        fault = guard.poison(batch, number, start + row)
        if fault is None:
            try:
                with guard.watch(batch, number, start + row):
                    results[row] = call(table.slice(row, 1))
                continue
            except DeadlineExceeded:
                fault = Fault("deadline", f"more than {guard.seconds:g} seconds")
            except BaseException as error:  # a stage may call sys.exit() or raise anything
                if _of_the_machine(error):
                    raise
                fault = Fault(type(error).__name__, str(error)[:500])
        results[row] = nothing._replace(losses=[Loss(0, True, fault)])
    return _join(results)


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


def _join(results: Mapping[int, Result]) -> Result:
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


def _of_the_machine(error: BaseException) -> bool:
    """Whether an error is not caused by a document, so that processing row by row would not help."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or isinstance(error, StorageError | StageError | KeyboardInterrupt)
