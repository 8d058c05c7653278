"""Short forms: one entry of a config for the five stages of synthesis.

``- synthesize: {task: diverse_qa, model: …}`` stands for ``segments``, ``complete``, ``parse``, ``accept``
and ``assemble`` with the same tasks. Knows the settings of the stages; does nothing itself.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from stages.base import MIB, AssetFile, Form, StageConfig
from stages.synthesis.accept import RulesFile
from stages.synthesis.backends import Backend, Server
from stages.synthesis.complete import CompleteConfig
from stages.synthesis.task import TaskFile


class _Common(StageConfig):
    """What all short forms have."""

    #: Directory or repository of the checkpoint.
    model: AssetFile | None = None
    #: The model's `tokenizer.json`; default: that in `model`.
    tokenizer: AssetFile | None = None
    #: Who answers: `embedded` (the engine of nanocorpus), `reference` (NumPy, small models), `vllm`,
    #: `endpoint` (a server), `replay` (stored answers), or `module:function` of yours.
    backend: Backend = "embedded"
    #: For `endpoint`: address and name of the model.
    endpoint: Server | None = None
    #: Files or folders of completions of earlier runs: what is there is not asked for.
    against: tuple[AssetFile, ...] = ()
    #: Thresholds of the gates: a file of rules; `synthesis` is the one that comes with nanocorpus.
    rules: RulesFile = Field(default="synthesis", validate_default=True)
    #: `chat` is that of Nemotron Nano 2; `text` is for base models and puts no markup.
    prompt: Literal["chat", "text"] = "chat"
    #: Answers for each segment.
    samples: int = Field(default=1, ge=1)
    #: Another number gives other answers, where sampling is not greedy.
    seed: int = Field(default=0, ge=0)
    #: In place of the temperature of each task; 0 is greedy.
    temperature: float | None = Field(default=None, ge=0)
    #: Most tokens of a prompt and its answer.
    context: int | None = Field(default=None, ge=64)
    #: Where the model runs.
    device: Literal["cpu", "cuda"] = "cuda"
    #: Type of weights and arithmetic; default: that of the checkpoint.
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


class SynthesizeConfig(_Common):
    #: A task or several: names of those that come with nanocorpus, or paths of task files.
    task: TaskFile | list[TaskFile]
    #: Languages of the answers, ISO 639-1; default: that of the document.
    to: tuple[str, ...] = ()


class TranslateConfig(_Common):
    #: Languages to translate into, ISO 639-1.
    to: list[str] = Field(min_length=1)
    #: The task.
    task: TaskFile = Field(default="translate", validate_default=True)

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_several(cls, to: Any) -> Any:
        return [to] if isinstance(to, str) else to


class MathCleanupConfig(_Common):
    #: The task.
    task: TaskFile = Field(default="math_cleanup", validate_default=True)


class CodeQAConfig(_Common):
    #: Language of the exercises, ISO 639-1: code has none of its own.
    to: list[str] = Field(default=["en"], min_length=1)
    #: The task.
    task: TaskFile = Field(default="code_qa", validate_default=True)


class Synthesize(Form):
    """Documents that a model writes from given ones."""

    name = "synthesize"
    Config: ClassVar[type[StageConfig]] = SynthesizeConfig

    @classmethod
    def expand(cls, config: Any) -> list[dict[str, dict[str, Any]]]:
        tasks = [config.task] if isinstance(config.task, str) else list(config.task)
        tokenizer = config.tokenizer
        if tokenizer is None and config.model is not None:
            tokenizer = f"{config.model.rstrip('/')}/tokenizer.json"
        # without either, the stages say that it is missing
        words = {"tokenizer": tokenizer} if tokenizer is not None else {}
        shared = {"tasks": tasks}
        cut = {name: getattr(config, name) for name in ("prompt", "samples", "context")}
        given = config.model_dump(include=set(CompleteConfig.model_fields) - {"tokenizer", "tasks"})
        name = (config.model or "").rstrip("/").rsplit("/", 1)[-1]
        return [
            {"segments": {**shared, **words, **cut, "to": getattr(config, "to", [])}},
            {"complete": {**shared, **words, **given, "model_name": name}},
            {"parse": dict(shared)},
            {"accept": {"rules": config.rules}},
            {"assemble": dict(shared)},
        ]


class Translate(Synthesize):
    """Documents in other languages, line by line."""

    name = "translate"
    Config: ClassVar[type[StageConfig]] = TranslateConfig


class MathCleanup(Synthesize):
    """Pages with mathematics as clean text with LaTeX."""

    name = "math_cleanup"
    Config: ClassVar[type[StageConfig]] = MathCleanupConfig


class CodeQA(Synthesize):
    """Programming exercises from code, with solutions."""

    name = "code_qa"
    Config: ClassVar[type[StageConfig]] = CodeQAConfig
