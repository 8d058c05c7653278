"""How a ``Streamer`` is run over a part: batches of its size, deadlines, and what becomes of a failure.

If it raises, or its process dies, twice, the part goes on in a child process (``pipeline.execute.isolated``)
in which every batch is a stream of its own, and one that kills the process is cut in halves until the row is
found. What was kept in the journal is not done again. Knows streams and batches; does not know files.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipeline.plan.recipe import forget_opened
from pipeline.tasks.base import Died
from pipeline.tasks.calls import Loss, Result, annotated, is_of_the_machine, join_results
from pipeline.tasks.guard import DeadlineExceeded, Guard
from stages.base import Annotation, Fault, Journal, Unusable


def windows(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of ``rows``; the last may have fewer."""
    held: list[pa.Table] = []
    count = 0
    for table in tables:
        held.append(table)
        count += len(table)
        while count >= rows:
            whole = pa.concat_tables(held)
            yield whole.slice(0, rows)
            held, count = [whole.slice(rows)], count - rows
    if count:
        yield pa.concat_tables(held)


def whole_groups(tables: Iterator[pa.Table], column: str) -> Iterator[pa.Table]:
    """The same rows, cut only where the value of a column changes."""
    held: list[pa.Table] = []
    for table in tables:
        if not len(table):
            continue
        values = table.column(column)
        last, first = values[-1].as_py(), values[0].as_py()
        if held and held[-1].column(column)[-1].as_py() != first:
            yield pa.concat_tables(held)
            held = []
        if first == last and held:
            held.append(table)
            continue
        start = len(table) - 1
        while start and values[start - 1].as_py() == last:
            start -= 1
        if start:
            yield pa.concat_tables([*held, table.slice(0, start)])
            held = []
        held.append(table.slice(start))
    if held:
        yield pa.concat_tables(held)


def streamed(
    stage: Any, tables: Iterator[pa.Table], journal: Journal, guard: Guard, step: int
) -> Iterator[tuple[pa.Table, Result]]:
    """Every batch and what came of it. Died if the stage broke in this process."""
    batches = windows(tables, stage.rows)
    if guard.careful:
        for number, batch in enumerate(batches):
            yield batch, _carefully(stage, batch, journal, guard, number, step)
        return
    results = stage.stream(batches, journal)
    for number in itertools.count():
        with guard.watch(number, step, seconds=stage.patience):
            try:
                batch, annotation = next(results)
            except StopIteration:
                return
            except (DeadlineExceeded, Exception) as error:
                if isinstance(error, Unusable) or is_of_the_machine(error):
                    raise
                forget_opened()
                what = f"no result in {stage.patience:g} seconds" if not str(error) else str(error)
                raise Died(f"{stage.name}: {type(error).__name__}: {what}") from error
        yield batch, annotated(stage, batch, annotation)


def _carefully(stage: Any, batch: pa.Table, journal: Journal, guard: Guard, number: int, step: int) -> Result:
    """A batch in the pieces that earlier deaths cut it into; a single row that killed is a failed one."""
    cuts = sorted({0, *guard.suspects.cuts.get(number, ()), len(batch)})
    results: dict[int, Result] = {}
    nothing = annotated(stage, batch.slice(0, 0), _empty(stage))
    for start, stop in itertools.pairwise(cuts):
        fault: Fault | None = guard.poison(number, step, start) if stop == start + 1 else None
        if fault is not None:
            results[start] = nothing._replace(losses=[Loss(0, True, fault)])
            continue
        piece = batch.slice(start, stop - start)
        with guard.watch(number, step, start, stop - start, seconds=stage.patience):
            try:
                _, annotation = next(stage.stream(iter([piece]), journal))
            except (DeadlineExceeded, Exception) as error:
                if isinstance(error, Unusable) or is_of_the_machine(error):
                    raise
                guard.give_up(f"{type(error).__name__}: {error}"[:500])
        results[start] = annotated(stage, piece, annotation)
    return join_results(results)


def _empty(stage: Any) -> Annotation:
    schema = stage.added(stage.config)
    return Annotation({field.name: pa.array([], field.type) for field in schema})
