"""The stage ``complete``: asks a language model, and keeps its answers as they come.

Knows requests, their keys, and how an engine is kept at work: requests of some hundred rows are sorted by
task and length, the next are made ready while the engine is at these, and answers are sealed as soon as those
of a batch are there. Does not know what an answer should look like (``parse``), nor networks.

Bits of long answers depend on what runs beside them on a GPU. So what can be reproduced is not the
computation but the stored answer: it is found by a key of all that it was asked with, and never asked for
twice.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from model.chat import Prompt
from model.requests import Completion, Request
from stages.base import (
    MIB,
    Annotation,
    AssetFile,
    Fault,
    Journal,
    Resources,
    StageConfig,
    Streamer,
    Unusable,
)
from stages.synthesis import backends, prompts
from stages.synthesis.backends import Backend, Engine, Server
from stages.synthesis.columns import COMPLETION, chance, made_id
from stages.synthesis.prompts import Asked, Prompts
from stages.synthesis.stored import Stored
from stages.synthesis.task import Task, TaskFile, load_all

#: Batches without anything to ask that may wait behind one that is not done.
_AHEAD = 4
_EDGE = MIB  # bytes at the beginning and the end of a file of weights that its hash reads


class CompleteConfig(StageConfig):
    #: The same tasks as in `segments`.
    tasks: list[TaskFile] = Field(min_length=1)
    #: The same tokenizer as in `segments`.
    tokenizer: AssetFile
    #: Who answers: `embedded` (the engine of nanocorpus), `reference` (NumPy, small models), `vllm`,
    #: `endpoint` (a server), `replay` (stored answers), or `module:function` of yours.
    backend: Backend
    #: Directory or repository of the checkpoint, for `embedded`, `reference` and `vllm`.
    model: AssetFile | None = None
    #: What the model is called in the column `completion.model`.
    model_name: str = ""
    #: For `endpoint`: address and name of the model.
    endpoint: Server | None = None
    #: Files or folders of completions of earlier runs, whatever backend gave them: what is there is not asked
    #: for.
    against: tuple[AssetFile, ...] = ()
    #: `chat` is that of Nemotron Nano 2; `text` is for base models and puts no markup.
    prompt: Literal["chat", "text"] = "chat"
    #: Another number gives other answers, where sampling is not greedy.
    seed: int = Field(default=0, ge=0)
    #: In place of the temperature of each task; 0 is greedy.
    temperature: float | None = Field(default=None, ge=0)
    #: Most tokens of a prompt and its answer; default: what the model was made for.
    context: int | None = Field(default=None, ge=64)
    #: Where the model runs.
    device: Literal["cpu", "cuda"] = "cuda"
    #: Type of weights and arithmetic, such as `bfloat16`; default: that of the checkpoint.
    dtype: str | None = None
    #: Answers that are sealed together; with a worker that dies as many are lost at most, besides those that
    #: had begun.
    batch: int = Field(default=512, ge=1, le=1024)
    #: Sequences that run at once; default: as many as are of use and fit.
    slots: int | None = Field(default=None, ge=1)
    #: GPUs of a worker.
    gpus: float = Field(default=1.0, gt=0)
    #: Bytes of heap that a worker with a model needs.
    memory: int = Field(default=4096 * MIB, ge=0)


class _Asked:
    """The distinct requests of a batch, and what came of them."""

    def __init__(self, table: pa.Table, keys: list[bytes | None], requests: dict[bytes, Request]) -> None:
        self.table, self.keys, self.requests = table, keys, requests
        self.known: dict[bytes, Mapping[str, Any]] = {}
        self.errors: dict[bytes, str] = {}
        self.fresh: list[bytes] = []
        self.constant: dict[bytes, Mapping[str, Any]] = {}

    @property
    def open(self) -> int:
        """How many are without an answer."""
        return len(self.requests) - len(self.known) - len(self.errors)


class Complete(Streamer):
    """Adds the columns ``completion.*``. Fails with ``request_failed`` (detail: what the engine said).

    A row that does not fit into the limits of its task (``segment.whole`` false) is not asked about and has
    nulls.
    """

    name = "complete"
    version = 1
    Config = CompleteConfig
    reads = ("id", "text", "parent", "language", "task.name", "task.target", "task.variant", "task.sample")
    adds = COMPLETION
    keeps = tuple(COMPLETION.names)
    notes_only = frozenset(("batch", "gpus", "memory"))
    sums = ("completion.tokens_in", "completion.tokens_out")
    kinds = "task.name"
    cost = "completion.tokens_out"

    def __init__(self, config: CompleteConfig) -> None:
        super().__init__(config)
        self.rows = config.batch
        self._tasks: dict[str, Task] = {}
        self._prompts: Prompts | None = None
        self._stored: Stored | None = None
        self._engine: Engine | None = None
        self._model = self._model_hash = ""

    @classmethod
    def requires(cls, config: CompleteConfig) -> Resources:
        return backends.resources(config)

    @classmethod
    def check(cls, config: CompleteConfig, schema: pa.Schema) -> str | None:
        if config.backend in backends.LOCAL and config.model is None:
            return f"backend {config.backend} needs `model`, the directory or repository of a checkpoint"
        if config.backend == "endpoint" and config.endpoint is None:
            return "backend endpoint needs `endpoint: {url: …, name: …}`"
        if config.backend == "replay" and not config.against:
            return "backend replay answers from stored completions: name them with `against`"
        return None

    def open(self) -> None:
        """Loads tasks, tokenizer, stored completions and the model. Raises TaskError, TokenizerError, or what
        the backend raises."""
        config = self.config
        self._tasks = load_all(config.tasks)
        self._prompts = prompts.load(config.tokenizer, config.prompt)
        if config.against:
            self._stored = Stored(config.against)
            self.notes.append(f"{len(self._stored)} stored completions may be used")
        self._model, self._model_hash = self._identity()
        self._engine = backends.made(config)

    def _identity(self) -> tuple[str, str]:
        """Name and hash of the model that answers."""
        config = self.config
        if config.model is not None:
            return config.model_name, model_hash(config.model)
        if config.endpoint is not None:
            name: str = config.endpoint.name
            file = Path(config.tokenizer)
            words = (file / "tokenizer.json" if file.is_dir() else file).read_bytes()
            return config.model_name or name, made_id("served model", name, words).hex()
        if self._stored is None:  # an engine of the user's own, which is known by its name
            return config.model_name, made_id("engine", config.backend, config.model_name).hex()
        if (found := self._stored.model_hash) is None:
            raise ValueError(
                "the stored completions are of several models: name the one to replay with `model`"
            )
        return config.model_name, found

    def stream(self, batches: Iterator[pa.Table], journal: Journal) -> Iterator[tuple[pa.Table, Annotation]]:
        """See ``Streamer``. Unusable where a server cannot be used at all."""
        assert self._engine is not None, "open() comes first"
        with ThreadPoolExecutor(1, thread_name_prefix="prompts") as aside:
            work = _Work(self, batches, journal, aside)
            while work.batches or work.pull():
                yield from work.finished()
                if not work.batches:
                    continue
                try:
                    for completion in backends.streamed(self._engine, work.requests(), self.rows):
                        work.take(completion)
                        yield from work.finished()
                except RuntimeError as error:
                    if type(error).__name__ == "EndpointError":
                        raise Unusable(str(error)) from error
                    raise

    # What `_Work` asks of the stage

    def asked(self, table: pa.Table) -> _Asked:
        """The requests of a batch."""
        keys: list[bytes | None] = []
        requests: dict[bytes, Request] = {}
        constant: dict[bytes, Mapping[str, Any]] = {}
        errors: dict[bytes, str] = {}
        for row in table.select([*self.reads, "segment.whole"]).to_pylist():
            if not row["segment.whole"]:
                keys.append(None)
                continue
            task = self._tasks.get(row["task.name"])
            if task is None:
                raise ValueError(f"there is no task {row['task.name']!r} here: `segments` has other tasks")
            asked = Asked(row["task.target"], row["language"] or "und", row["task.variant"])
            assert self._prompts is not None, "open() comes first"
            prompt = self._prompts.prompt(task, row["text"], asked)
            seed = chance(
                self.config.seed, row["parent"] or b"", row["text"], task.name, task.prompt_hash,
                row["task.target"], row["task.sample"],
            )  # fmt: skip
            key = self._key(task, prompt, seed)
            keys.append(key)
            try:
                requests[key] = self._request(task, prompt, seed, key)
            except ValueError as error:
                errors[key] = str(error)
                requests[key] = Request(key.hex(), prompt.ids, 1)
            constant[key] = {
                "completion.key": key,
                "completion.seed": seed,
                "completion.prompt": task.prompt_hash,
                "completion.model": self._model,
                "completion.model_hash": self._model_hash,
                "completion.backend": self.config.backend,
            }
        one = _Asked(table, keys, requests)
        one.constant, one.errors = constant, errors
        return one

    def _sampling(self, task: Task) -> dict[str, Any]:
        answer = task.answer
        heat = answer.temperature if self.config.temperature is None else self.config.temperature
        greedy = heat == 0
        return {
            "temperature": heat,
            "top_p": 1.0 if greedy else answer.top_p,
            "top_k": 0 if greedy else answer.top_k,
            "repetition_penalty": answer.repetition_penalty,
            "stop_strings": answer.stop,
        }

    def _key(self, task: Task, prompt: Prompt, seed: int) -> bytes:
        sampling = self._sampling(task)
        ids = b"".join(number.to_bytes(4, "little") for number in prompt.ids)
        # a greedy answer does not depend on the seed, but whether two documents share one would depend on
        # timing
        values = (self._model_hash, str(task.answer.max_tokens), str(seed), *map(repr, sampling.values()))
        return made_id(ids, repr(prompt.stop_ids), *values)

    def _request(self, task: Task, prompt: Prompt, seed: int, key: bytes) -> Request:
        return prompt.request(key.hex(), task.answer.max_tokens, seed=seed, **self._sampling(task))

    def look_up(self, one: _Asked, journal: Journal) -> None:
        """Take answers that are there: of this run and backend, then those that the config allows."""
        keys = [key for key in one.requests if key not in one.errors]
        for row in journal.find(keys).to_pylist():
            if row["completion.backend"] == self.config.backend and row["completion.finish"] is not None:
                one.known[row["completion.key"]] = row
        if self._stored is not None:
            for row in self._stored.find([key for key in keys if key not in one.known]).to_pylist():
                one.known[row["completion.key"]] = row

    def order(self, one: _Asked) -> list[bytes]:
        """The open requests, those with equal beginnings together, short ones first."""
        waiting = [key for key in one.requests if key not in one.known and key not in one.errors]
        tasks = {key: one.constant[key]["completion.prompt"] for key in waiting}
        return sorted(waiting, key=lambda key: (tasks[key], len(one.requests[key].prompt_ids), key))


class _Work:
    """A part on its way through an engine. The prompts of one batch more are made ``aside``, while the engine
    is at those before: a millisecond or two of each request, in which a GPU would stand still."""

    def __init__(
        self, stage: Complete, source: Iterator[pa.Table], journal: Journal, aside: ThreadPoolExecutor
    ) -> None:
        self._stage, self._source, self._journal, self._aside = stage, source, journal, aside
        self.batches: deque[_Asked] = deque()
        self._waiting: deque[Request] = deque()
        self._next = self._begun()

    def _begun(self) -> Future[_Asked] | None:
        """The next batch, which is being made ready; None if there is none. What reading it raises comes with
        it, after those before."""
        try:
            table = next(self._source, None)
        except Exception as error:
            failed = Future[_Asked]()
            failed.set_exception(error)
            return failed
        return None if table is None else self._aside.submit(self._stage.asked, table)

    def pull(self) -> bool:
        """Make the next batch ready; False if there is none."""
        if self._next is None:
            return False
        one = self._next.result()
        self._next = self._begun()
        self._stage.look_up(one, self._journal)
        order = self._stage.order(one)
        for earlier in self.batches:  # a document that says something twice is asked about it once
            one.known |= {key: earlier.known[key] for key in order if key in earlier.known}
            one.errors |= {key: earlier.errors[key] for key in order if key in earlier.errors}
        under_way = {key for earlier in self.batches for key in earlier.requests}
        self.batches.append(one)
        self._waiting.extend(one.requests[key] for key in order if key not in under_way)
        return True

    def requests(self) -> Iterator[Request]:
        """Requests for as long as there are any, and not too many batches wait to be given out."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if sum(not one.open for one in self.batches) > _AHEAD or not self.pull():
                return

    def take(self, completion: Completion) -> None:
        """An answer, to the batches that wait for it."""
        key = bytes.fromhex(completion.id)
        waiting = [
            one
            for one in self.batches
            if key in one.requests and key not in one.known and key not in one.errors
        ]
        if not waiting:
            raise RuntimeError(f"the engine answered a request that it was not asked: {completion.id}")
        first = waiting[0]
        if completion.finish_reason == "error":
            for one in waiting:
                one.errors[key] = completion.error or "no reason given"
            return
        first.fresh.append(key)
        answer = {
            **first.constant[key],
            "completion.text": completion.text,
            "completion.finish": completion.finish_reason,
            "completion.tokens_in": completion.prompt_tokens,
            "completion.tokens_out": completion.completion_tokens,
        }
        for one in waiting:
            one.known[key] = answer

    def finished(self) -> Iterator[tuple[pa.Table, Annotation]]:
        """The batches at the front that are done, sealed."""
        while self.batches and not self.batches[0].open:
            one = self.batches.popleft()
            if one.fresh:
                rows = [one.known[key] for key in sorted(one.fresh)]
                self._journal.seal(pa.Table.from_pylist(rows, schema=COMPLETION))
            yield one.table, _annotation(one)


def _annotation(one: _Asked) -> Annotation:
    rows: list[Mapping[str, Any]] = []
    faults: dict[int, Fault] = {}
    for row, key in enumerate(one.keys):
        answer = one.known.get(key) if key is not None else None
        rows.append(answer or {})
        if key is not None and answer is None:
            faults[row] = Fault("request_failed", one.errors[key][:500])
    columns = {
        field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in COMPLETION
    }
    return Annotation(columns, faults)


def model_hash(path: str) -> str:
    """Of the settings and tokenizer of a checkpoint, and of the names, sizes and edges of its weights: what
    is between them is left out, since a checkpoint that differs there alone does not occur. 32 hex digits."""
    parts: list[bytes | str | int] = ["checkpoint"]
    for file in sorted(Path(path).iterdir()):
        if file.name in ("config.json", "tokenizer.json"):
            parts += [file.name, file.read_bytes()]
        elif file.suffix == ".safetensors":
            with file.open("rb") as weights:
                head = weights.read(_EDGE)
                size = file.stat().st_size
                weights.seek(max(size - _EDGE, 0))
                parts += [file.name, size, hashlib.blake2b(head + weights.read()).digest()]
    return made_id(*parts).hex()
