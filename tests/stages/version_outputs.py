"""All that a stage puts out for a case. Each kind is driven as the core does it, in memory."""

from __future__ import annotations

import builtins
import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import rounds

from stages import registry
from stages.base import Annotator, FileInfo, Filter, Generator, Reader, Stage
from stages.global_stage import LAST, Global, Reduced

#: What the tokenizer, which has no name in a config, is called here.
TOKENIZER = "tokenizer"


@dataclass(frozen=True)
class Case:
    """``settings`` as in a config; a ``Path`` among them is a file, whose content is part of what is given."""

    settings: Mapping[str, Any]
    parts: Sequence[pa.Table] = ()
    earlier: Sequence[pa.Table] = ()


def output(name: str, case: Case) -> list[Any]:
    """All that the stage gives: columns with their types, verdicts, faults, rejects, and what a global stage
    sends through the exchange, which outlives a process too."""
    stage = _class(name)(_class(name).Config.model_validate(_plain_paths(case.settings)))
    stage.open()
    found: list[Any] = [list(stage.consumes)]
    for run in (_read, _annotate, _judge, _generate, _globally):
        found += run(stage, case)
    return found


def _class(name: str) -> type[Stage]:
    if name == TOKENIZER:
        return registry.load(registry.TOKENIZE)
    return registry.find_reader(name) if name in registry.READERS else registry.find_stage(name)


def version(name: str) -> int:
    return _class(name).version


def _plain_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain_paths(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain_paths(one) for one in value]
    return str(value) if isinstance(value, Path) else value


# How each kind is driven ---------------------------------------------------------------------------------


class _Files:
    """The storage protocol over local files."""

    def glob(self, pattern: str) -> builtins.list[FileInfo]:
        paths = sorted(glob.glob(pattern, recursive=True))
        return [FileInfo(path, os.path.getsize(path), "tag") for path in paths if os.path.isfile(path)]

    def list(self, directory: str) -> builtins.list[FileInfo]:
        return self.glob(f"{directory.rstrip('/')}/**")

    def stat(self, path: str) -> FileInfo | None:
        return FileInfo(path, os.path.getsize(path), "tag") if os.path.isfile(path) else None

    def open(self, path: str) -> BinaryIO:
        return open(path, "rb")


def _read(stage: Stage, case: Case) -> Iterator[Any]:
    if not isinstance(stage, Reader):
        return
    for item in stage.list(_Files()):
        yield [item.name, item.start, item.stop]
        batches = list(stage.read(item, _Files()))
        yield pa.concat_tables([batch.documents for batch in batches])
        yield [reject for batch in batches for reject in batch.rejects]


def _given_back(stage: Stage, columns: Mapping[str, pa.Array]) -> pa.Table:
    schema = stage.added(stage.config)
    return pa.table([columns[field.name].cast(field.type) for field in schema], schema=schema)


def _annotate(stage: Stage, case: Case) -> Iterator[Any]:
    for part in case.parts if isinstance(stage, Annotator) else ():
        done = stage.annotate(part)
        yield _given_back(stage, done.columns)
        yield sorted(done.faults.items())


def _judge(stage: Stage, case: Case) -> Iterator[Any]:
    for part in case.parts if isinstance(stage, Filter) else ():
        if isinstance(stage, Annotator):
            for name, column in stage.annotate(part).columns.items():
                known = part.drop_columns(name) if name in part.schema.names else part
                part = known.append_column(name, column)
        yield list(stage.judge(part))


def _generate(stage: Stage, case: Case) -> Iterator[Any]:
    for part in case.parts if isinstance(stage, Generator) else ():
        made = stage.generate(part)
        yield made.rows
        yield sorted({**made.faults, **made.dropped}.items())


def _globally(stage: Stage, case: Case) -> Iterator[Any]:
    if not isinstance(stage, Global):
        return
    sent: dict[str, list[pa.Table]] = {}
    reduce, join = stage.reduce, stage.join

    def noted_reduce(name: str, groups: Iterator[pa.Table]) -> Reduced:
        reduced = reduce(name, groups)
        while True:
            try:
                table = next(reduced)
            except StopIteration as end:
                return end.value
            sent.setdefault(name, []).append(table)
            yield table

    def noted_join(name: str, batch: pa.Table, found: pa.Table) -> pa.Table:
        table = join(name, batch, found)
        sent.setdefault(name, []).append(table)
        return table

    stage.reduce, stage.join = noted_reduce, noted_join  # type: ignore[method-assign, assignment]
    tables, verdicts, counts = rounds.run(stage, case.parts, case.earlier, buckets=2, batch_rows=16)
    yield [stage.map(part) for part in (*case.earlier, *case.parts)]
    # into how many tables a round cuts its rows is nobody's concern
    yield {name: pa.concat_tables(made) for name, made in sent.items()}
    yield counts
    yield [table.select(stage.added(stage.config).names) for table in tables]
    yield verdicts
    last = [table.select(stage.verdicts.names).cast(stage.verdicts) for table in sent.get(LAST, ())]
    yield stage.artefact(pa.concat_tables([stage.verdicts.empty_table(), *last]))
