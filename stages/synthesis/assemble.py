"""The stage ``assemble``: accepted items become documents of the corpus.

Knows what a task makes of its items: a document for each item, each segment, or one for the whole. Does not
judge them. What columns of other stages say of the document that the items are about is no longer true and is
left out (null); licence, source and address stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from pydantic import Field

from stages.base import DOCUMENT, Fault, Generated, Generator, StageConfig, Told
from stages.synthesis.columns import COMPLETION, ITEM, REQUEST, chance, made_id
from stages.synthesis.gates.measure import SCHEMA as GATES
from stages.synthesis.task import Task, TaskFile, load_all

#: Columns of the documents that are made.
MADE = pa.schema(
    [
        ("synthetic.task", pa.string()),
        ("synthetic.version", pa.int32()),
        ("synthetic.variant", pa.string()),
        ("synthetic.model", pa.string()),
        ("synthetic.items", pa.int32()),
    ]
)
_PER_TOKENS = 150  # in `per_150_tokens`

Row = Mapping[str, Any]


class AssembleConfig(StageConfig):
    #: The same tasks as in `segments`.
    tasks: list[TaskFile] = Field(min_length=1)


class Assemble(Generator):
    """Documents with ``parent`` set to the one that they are about, and columns ``synthetic.*``.

    Drops items as ``incomplete`` (the task wants all of a document, and some are missing) and ``over_limit``
    (more items than the length of the segment is good for).
    """

    name = "assemble"
    version = 1
    Config = AssembleConfig
    reads = ("id", "parent", "text", *REQUEST.names, *ITEM.names, "completion.model")
    adds = MADE
    consumes = (*REQUEST.names, *COMPLETION.names, *ITEM.names, *GATES.names)
    together = "parent"

    def __init__(self, config: AssembleConfig) -> None:
        super().__init__(config)
        self._tasks: dict[str, Task] = {}

    @classmethod
    def tells(cls, config: AssembleConfig) -> tuple[Told, ...]:
        return (
            Told("synthetic.model", "teacher", "model that wrote it"),
            Told("synthetic.task", "task", "task that it was made for"),
        )

    def open(self) -> None:
        """Loads the tasks. TaskError if one cannot be read."""
        self._tasks = load_all(self.config.tasks)

    def generate(self, batch: pa.Table) -> Generated:
        groups: dict[tuple[Any, ...], list[int]] = {}
        rows = batch.select(list(self.reads)).to_pylist()
        for number, row in enumerate(rows):
            key = (row["parent"], row["task.name"], row["task.target"], row["task.sample"])
            groups.setdefault(key, []).append(number)
        made: list[tuple[int, dict[str, Any]]] = []
        dropped: dict[int, Fault] = {}
        for key, members in groups.items():
            task = self._tasks.get(key[1])
            if task is None:
                raise ValueError(f"there is no task {key[1]!r} here: `segments` has other tasks")
            made += self._documents(task, members, rows, dropped)
        kept = batch.take(pa.array([first for first, _ in made], pa.int64()))
        kept = kept.drop_columns([name for name in self.consumes if name in kept.schema.names])
        for field in kept.schema:
            if field.name not in DOCUMENT.names:
                at = kept.schema.get_field_index(field.name)
                kept = kept.set_column(at, field, pa.nulls(len(kept), field.type))
        kept = kept.set_column(
            kept.schema.get_field_index("language_score"), "language_score", pa.nulls(len(kept), pa.float32())
        )
        schema = pa.schema([DOCUMENT.field("id"), DOCUMENT.field("text"), *MADE])
        for field in schema:
            column = pa.array([one[field.name] for _, one in made], field.type)
            at = kept.schema.get_field_index(field.name)
            kept = kept.set_column(at, field, column) if at >= 0 else kept.append_column(field, column)
        return Generated(kept, dropped=dropped)

    def _documents(
        self, task: Task, members: list[int], rows: list[dict[str, Any]], dropped: dict[int, Fault]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number of the first row of each document, and its columns."""
        first = rows[members[0]]
        segments: dict[int, list[int]] = {}
        for number in members:
            segments.setdefault(rows[number]["segment.index"], []).append(number)
        if task.assemble.whole:
            lacking = (
                first["segment.count"]
                - len(segments)
                + sum(rows[some[0]]["item.count"] - len(some) for some in segments.values())
            )
            if lacking:
                what = f"{lacking} of its segments or items are missing ({task.name})"
                dropped.update({number: Fault("incomplete", what) for number in members})
                return
        parts: list[tuple[str, list[int]]] = []
        for index, some in sorted(segments.items()):
            some = self._limited(task, some, rows, dropped)
            if task.assemble.by == "item":
                parts += [(f"{index}/{rows[number]['item.index']}", [number]) for number in some]
            else:
                parts.append((str(index), some))
        if task.assemble.by == "document":
            parts = [("", [number for _, some in parts for number in some])]
        for place, some in parts:
            row = rows[some[0]]
            pieces = [row["item.segment"]] if task.assemble.source else []
            pieces += [rows[number]["text"] for number in some]
            names = (task.name, row["task.target"], row["task.sample"], place)
            yield (
                some[0],
                {
                    "id": made_id(row["parent"] or b"", "synthetic", *names),
                    "text": task.assemble.separator.join(pieces),
                    "synthetic.task": task.name,
                    "synthetic.version": task.version,
                    "synthetic.variant": row["task.variant"],
                    "synthetic.model": row["completion.model"],
                    "synthetic.items": len(some),
                },
            )

    def _limited(
        self, task: Task, some: list[int], rows: list[dict[str, Any]], dropped: dict[int, Fault]
    ) -> list[int]:
        """The items of a segment in random order, no more than the task allows for its length."""
        if not task.assemble.per_150_tokens:
            return some
        tokens = rows[some[0]]["segment.tokens"]
        most = max(1, task.assemble.per_150_tokens * tokens // _PER_TOKENS)
        drawn = sorted(some, key=lambda number: chance("order", rows[number]["id"]))
        for number in drawn[most:]:
            dropped[number] = Fault("over_limit", f"more than {most} items for {tokens} tokens")
        return drawn[:most]
