"""The stage ``segments``: documents become requests, segments that a model can take, for each task.

Knows tasks, prompts and how a text is cut (``chunks``). Does not know models or answers. The number of tokens
is that of the model's own tokenizer, and the room that a prompt takes is that of the real prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from stages.base import AssetFile, Fault, Generated, Generator, StageConfig
from stages.synthesis import chunks, prompts
from stages.synthesis.columns import REQUEST, chance, made_id
from stages.synthesis.languages import NAMES
from stages.synthesis.prompts import Asked, Prompts
from stages.synthesis.task import Task, TaskFile, load_all


class SegmentsConfig(StageConfig):
    #: Names of tasks that come with nanocorpus, or paths of task files.
    tasks: list[TaskFile] = Field(min_length=1)
    #: The `tokenizer.json` of the model, or a directory that has one.
    tokenizer: AssetFile
    #: `chat` is that of Nemotron Nano 2; `text` is for base models and puts no markup.
    prompt: Literal["chat", "text"] = "chat"
    #: Languages of the answers, ISO 639-1; default: that of the document.
    to: tuple[str, ...] = ()
    #: Answers for each segment, with different seeds and variants.
    samples: int = Field(default=1, ge=1)
    #: Most tokens of a prompt and its answer; default: as the tasks say.
    context: int | None = Field(default=None, ge=64)


class Segments(Generator):
    """One row for each segment, task, language and sample, with ``parent`` set to the document.

    Drops documents as ``no_text``, ``too_short`` (for all tasks), ``language`` (no task is for it, or it is
    in the one language asked for). What must not be cut and is longer than a task allows (a code block, a
    table) becomes a row with ``segment.whole`` false, which ``complete`` does not ask about and ``parse``
    drops.
    """

    name = "segments"
    version = 1
    Config = SegmentsConfig
    reads = ("id", "text", "language")
    adds = REQUEST

    def __init__(self, config: SegmentsConfig) -> None:
        super().__init__(config)
        self._tasks: dict[str, Task] = {}
        self._prompts: Prompts | None = None

    def open(self) -> None:
        """Loads tasks and tokenizer. Raises TaskError or TokenizerError, and ValueError where ``context``
        leaves no room for a segment."""
        self._tasks = load_all(self.config.tasks)
        self._prompts = prompts.load(self.config.tokenizer, self.config.prompt)
        unknown = [code for code in self.config.to if code not in NAMES]
        if unknown:
            raise ValueError(f"to: {', '.join(unknown)}: not among the languages {', '.join(NAMES)}")
        for task in self._tasks.values():
            self._most(task, Asked("en", "en", next(iter(task.variants), "")))

    def _most(self, task: Task, asked: Asked) -> int:
        """Most tokens of a segment."""
        assert self._prompts is not None, "open() comes first"
        if self.config.context is None:
            return task.segment.max_tokens
        room = self.config.context - self._prompts.overhead(task, asked) - task.answer.max_tokens
        if room < task.segment.min_tokens:
            raise ValueError(
                f"context {self.config.context} leaves {max(room, 0)} tokens for a segment of task "
                f"{task.name!r}, whose answers may have {task.answer.max_tokens}"
            )
        return min(task.segment.max_tokens, int(room))

    def generate(self, batch: pa.Table) -> Generated:
        made: list[dict[str, Any]] = []
        parents: list[int] = []
        dropped: dict[int, Fault] = {}
        wanted = batch.select(["id", "text", "language"]).to_pylist()
        for row, document in enumerate(wanted):
            before = len(made)
            reasons: list[Fault] = []
            for task in self._tasks.values():
                made += self._requests(task, document, reasons)
            parents += [row] * (len(made) - before)
            if len(made) == before:
                dropped[row] = reasons[0]
        rows = batch.take(pa.array(parents, pa.int64()))
        new = {
            "id": pa.array([one["id"] for one in made], pa.binary(16)),
            "parent": batch["id"].take(pa.array(parents, pa.int64())),
            "text": pa.array([one["text"] for one in made], pa.string()),
            **{field.name: pa.array([one[field.name] for one in made], field.type) for field in REQUEST},
        }
        for name, column in new.items():
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, name, column) if at >= 0 else rows.append_column(name, column)
        return Generated(rows, dropped=dropped)

    def _requests(
        self, task: Task, document: Mapping[str, Any], reasons: list[Fault]
    ) -> Iterator[dict[str, Any]]:
        assert self._prompts is not None, "open() comes first"
        text, source = document["text"], document["language"] or "und"
        if text is None or not text.strip():
            reasons.append(Fault("no_text"))
            return
        if task.languages and source not in task.languages:
            reasons.append(Fault("language", f"{task.name} is not for {source}"))
            return
        targets = self.config.to or [source]
        if task.prepare == "units":
            targets = [target for target in targets if target != source]
        if not targets:
            reasons.append(Fault("language", f"{task.name} into {source}, which it is in"))
            return
        most = min(self._most(task, Asked(t, source, v)) for t in targets for v in [*task.variants] or [""])
        found = chunks.segments(text, most, self._prompts.count)
        tokens = sum(segment.tokens for segment in found)
        if tokens < task.segment.min_tokens:
            reasons.append(Fault("too_short", f"{tokens} < {task.segment.min_tokens} tokens ({task.name})"))
            return
        for target in targets:
            for sample in range(self.config.samples):
                for index, segment in enumerate(found):
                    body = text[segment.start : segment.end]
                    one = made_id(document["id"], task.name, target, sample, index, body)
                    variants = [*task.variants]
                    drawn = (
                        chance("variant", made_id(document["id"], task.name, target, index, body)) + sample
                    )
                    yield {
                        "id": one,
                        "text": body,
                        "task.name": task.name,
                        "task.version": task.version,
                        "task.target": target,
                        "task.variant": variants[drawn % len(variants)] if variants else "",
                        "task.sample": sample,
                        "segment.index": index,
                        "segment.count": len(found),
                        "segment.start": segment.start,
                        "segment.end": segment.end,
                        "segment.tokens": segment.tokens,
                        "segment.whole": segment.tokens <= most,
                    }
