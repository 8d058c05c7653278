"""The stage ``parse``: answers become items, and each is measured against its segment.

Knows how answers are taken apart (``answers``) and what is measured of which kind (``gates``). Decides
nothing about items: thresholds are rules (``accept``). So it drops only answers without any item.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pydantic import Field

from stages.base import Fault, Generated, Generator, StageConfig
from stages.synthesis import units
from stages.synthesis.answers import Item, taken_apart, turns
from stages.synthesis.columns import ITEM, made_id
from stages.synthesis.gates import code, maths, measure, phrases, translation
from stages.synthesis.gates.measure import Measured, Source
from stages.synthesis.gates.words import content, words
from stages.synthesis.task import Task, TaskFile, load_all

#: A question ends with its mark, or with options after one.
_ASKS = re.compile(r"[?？؟.:)][\"'”’»]?\s*$|[?？؟:].*[A-D][).]", re.DOTALL)
_Prompt = frozenset[tuple[str, ...]]


class ParseConfig(StageConfig):
    #: The same tasks as in `segments`.
    tasks: list[TaskFile] = Field(min_length=1)


class Parse(Generator):
    """One row for each item, with the columns ``gate.*``; ``parent`` stays the document.

    Drops answers as ``too_long`` (the segment was not asked about), ``none`` (the model found nothing to
    say), ``no_answer``, and ``no_items`` (it is not laid out as asked).
    """

    name = "parse"
    version = 1
    Config = ParseConfig
    reads = (
        "id",
        "text",
        "language",
        "task.name",
        "task.target",
        "segment.tokens",
        "completion.text",
        "completion.finish",
    )
    adds = pa.schema([*ITEM, *measure.SCHEMA])
    consumes = ("completion.text",)
    sums = ("gate.words",)

    def __init__(self, config: ParseConfig) -> None:
        super().__init__(config)
        self._tasks: dict[str, Task] = {}
        self._prompts: dict[tuple[str, str, str], _Prompt] = {}

    def open(self) -> None:
        """Loads the tasks. TaskError if one cannot be read; ImportError if code cannot be parsed here."""
        self._tasks = load_all(self.config.tasks)
        if any(task.parser == "code" for task in self._tasks.values()):
            code.require()

    def generate(self, batch: pa.Table) -> Generated:
        made: list[dict[str, Any]] = []
        parents: list[int] = []
        dropped: dict[int, Fault] = {}
        columns = [*self.reads, "task.variant", "segment.whole"]
        for number, row in enumerate(batch.select(columns).to_pylist()):
            items = self._items(row)
            if isinstance(items, Fault):
                dropped[number] = items
                continue
            made += items
            parents += [number] * len(items)
        rows = batch.take(pa.array(parents, pa.int64()))
        rows = rows.drop_columns([name for name in self.consumes if name in rows.schema.names])
        schema = self.adds
        new: dict[str, pa.Array] = {
            "id": pa.array([one["id"] for one in made], pa.binary(16)),
            "text": pa.array([one["text"] for one in made], pa.string()),
            "language": pa.array([one["language"] for one in made], pa.string()),
            **{field.name: pa.array([one[field.name] for one in made], field.type) for field in schema},
        }
        for name, column in new.items():
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, name, column) if at >= 0 else rows.append_column(name, column)
        return Generated(rows, dropped=dropped)

    def _items(self, row: Mapping[str, Any]) -> list[dict[str, Any]] | Fault:
        task = self._tasks.get(row["task.name"])
        if task is None:
            raise ValueError(f"there is no task {row['task.name']!r} here: `segments` has other tasks")
        if not row["segment.whole"]:
            return Fault("too_long", f"{row['segment.tokens']} tokens that must not be cut ({task.name})")
        found = taken_apart(task, row["completion.text"] or "")
        if isinstance(found, Fault):
            return found
        source = Source(row["text"], row["language"] or "und")
        cut = row["completion.finish"] == "length"
        target = row["task.target"]
        asked: list[frozenset[str]] = []
        items: list[dict[str, Any]] = []
        measured: list[Measured] = []
        for index, item in enumerate(found):
            gates = Measured()
            measured.append(gates)
            gates["truncated"] = float(cut and index == len(found) - 1)
            text = self._measured(gates, task, item, source, row)
            if task.parser in ("pairs", "items"):
                mine = frozenset(words(item.question or item.answer))
                gates["duplicate"] = float(any(measure.similar(mine, other) for other in asked))
                asked.append(mine)
            items.append(
                {
                    "id": made_id(row["id"], "item", index),
                    "text": text,
                    "language": target,
                    "item.index": index,
                    "item.count": len(found),
                    "item.segment": row["text"],
                }
            )
        compared = sum(gates.compared[0] for gates in measured)
        missing = sum(gates.compared[1] for gates in measured)
        for gates, item_row in zip(measured, items, strict=True):
            if compared >= measure.ENOUGH_WORDS:
                gates["all_grounded"] = 1 - missing / compared
            item_row |= measure.row(gates)
        return items

    def _measured(
        self, gates: Measured, task: Task, item: Item, source: Source, row: Mapping[str, Any]
    ) -> str:
        """Measures an item; returns its text, in which a translation has its marks replaced."""
        target = row["task.target"]
        prompt = self._prompt(task, target, source.language, row["task.variant"])
        if task.parser == "units":
            asked = units.prepared(row["text"])
            answer = units.restored(asked, item.answer, target)
            said = "\n".join(one for one in answer.units if one)
            measure.surface(gates, said, source, target, prompt)
            gates["unfinished"] = 0.0  # lines of a page need not end with a mark
            translation.measure(gates, asked, answer, source.language, target)
            return answer.text
        body = f"{item.question}\n{item.answer}" if item.question else item.answer
        said_words = measure.surface(gates, body, source, target, prompt)
        if task.parser == "pairs":
            self._pair(gates, item, source, target)
        elif task.parser == "code":
            code.measure(gates, item.answer, item.question, source)
        elif task.name == "math_cleanup":
            maths.measure(gates, item.answer, source)
        if target == source.language or source.language == "und":
            if task.parser not in ("pairs", "code"):
                measure.comparison(gates, item.answer, said_words, source, target)
            if task.parser in ("passage", "dialogue"):
                measure.passage(gates, item.answer, said_words, source, target)
        if task.parser == "dialogue":
            spoken = turns(item.answer)
            gates["turns"] = float(min(spoken.values())) if len(spoken) > 1 else 0.0
            gates.count("unbalanced", maths.unbalanced(item.answer))
        return item.text

    def _pair(self, gates: Measured, item: Item, source: Source, target: str) -> None:
        answer = words(item.answer)
        gates["unfinished"] = measure.unfinished(item.answer, answer, source, target)
        if not item.question or not _ASKS.search(item.question):
            gates["unfinished"] = max(gates["unfinished"], float(target != "th"))
        gates["off_question"] = float(
            bool(phrases.YES_NO.match(item.answer.lower()) and phrases.ASKS_WHAT.match(item.question.lower()))
        )
        gates["refers_to_text"] = float(bool(phrases.REFERS.search(f"{item.question} {item.answer}".lower())))
        if target != source.language and source.language != "und":
            return
        # what a question names and counts, it may give as options
        both = f"{item.question}\n{item.answer}"
        measure.comparison(gates, both, words(both), source, target)
        asked = content(words(item.question), target)
        if asked:
            gates["question_grounded"] = sum(stem in source.stems for stem in asked) / len(asked)
        # an answer may say again what the question says
        measure.grounding(gates, content(answer, target), source.stems | frozenset(asked))

    def _prompt(self, task: Task, target: str, source: str, variant: str) -> _Prompt:
        """Runs of words of what the model was told."""
        key = (task.name, f"{target} {source}", variant)
        if key not in self._prompts:
            told = task.said(target, source, variant)
            self._prompts[key] = frozenset(run for text in told for run in measure.prompt_runs(text))
        return self._prompts[key]
