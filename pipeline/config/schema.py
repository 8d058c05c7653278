"""A checked config: what a run reads, does and writes. Mistakes are reported with file, line and key.

Together with the registry this is the one place that sees all names: datasets, stages, formats. It checks
what can be known without touching storage; ``plan`` checks the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from pydantic import ValidationError

from pipeline.blend.forms import FORMS
from pipeline.blend.weights import Budget, Phase, check_phases, check_sum
from pipeline.config import located
from pipeline.config.about import About
from pipeline.config.located import ConfigError, KeyPath, Located
from pipeline.config.marks import each, marked
from pipeline.config.problems import explain, suggest
from pipeline.config.sections import DatasetSection, Execution, File, Limits, Shards
from pipeline.storage import StorageSettings, is_local
from stages import registry
from stages.base import AssetMark, InputMark, RunMark, Stage, StageConfig
from stages.where import Where, WhereError, parse

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Step:
    """A stage as a config names it: its registered name, its class and its checked settings."""

    name: str
    cls: type[Stage]
    settings: StageConfig
    #: Where the config names it, or the short form that it comes from.
    place: KeyPath = ()

    def as_json(self) -> dict[str, Any]:
        """``{name: settings}`` as in a config, defaults filled in."""
        return {self.name: self.settings.model_dump(mode="json")}


@dataclass(frozen=True)
class Dataset:
    """One named dataset: it reads inputs or comes from others, then goes through its steps."""

    name: str
    read: Step | None
    parents: tuple[str, ...]
    where: Where | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Config:
    """A checked config. Each of ``datasets`` comes after those that it is made from."""

    name: str
    output: str
    seed: int
    storage: StorageSettings
    limits: Limits
    execution: Execution
    datasets: dict[str, Dataset]
    tokenizer: Step | None
    shards: Shards
    blend: tuple[Phase, ...]
    budget: Budget
    export: dict[str, str]  # folders by form
    card: About
    source: Located
    output_relative: bool = False  # as given in the config

    @property
    def blended(self) -> list[str]:
        """Names of the datasets that are tokenized and sharded, in config order."""
        named = {name for phase in self.blend for name in phase.weights}
        return [name for name in self.datasets if name in named]

    def as_json(self) -> dict[str, Any]:
        """What decides the corpus, as plain values with defaults filled in; without output and execution."""
        datasets: dict[str, Any] = {}
        for dataset in self.datasets.values():
            entry: dict[str, Any] = {}
            if dataset.read is not None:
                entry["read"] = {"format": dataset.read.name, **dataset.read.as_json()[dataset.read.name]}
            else:
                entry["from"] = list(dataset.parents)
            if dataset.where is not None:
                entry["where"] = dataset.where.text
            datasets[dataset.name] = {**entry, "stages": [step.as_json() for step in dataset.steps]}
        result: dict[str, Any] = {"name": self.name, "seed": self.seed, "datasets": datasets}
        if self.tokenizer is not None:
            result["tokenizer"] = self.tokenizer.as_json()[self.tokenizer.name]
            result["shards"] = self.shards.model_dump()
            result["blend"] = [phase.model_dump() for phase in self.blend]
            result["budget"] = self.budget.model_dump()
        return result

    def problem(self, key: KeyPath, what: str) -> ConfigError:
        """A ConfigError about a key, for checks that need storage."""
        return ConfigError(self.source.problem(key, what))


def find(name: str) -> Path:
    """The file of a config: looked up as given, then in ``configs/`` here, then in the package."""
    bundled = _bundled()
    candidates = [Path(name), Path("configs") / name, bundled / name, bundled / "sample" / name]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    known = sorted(path.name for folder in (bundled, bundled / "sample") for path in folder.glob("*.yaml"))
    raise ConfigError(
        f"{name}: no such config, neither as given nor in configs/; nanocorpus comes with {', '.join(known)}"
    )


def _bundled() -> Path:
    """The configs of the package: in a checkout a link to ``configs/``, in an installed package a folder."""
    return Path(str(resources.files("nanocorpus") / "configs")).resolve()


class Place(NamedTuple):
    """Where the output of a config is, and how storage is reached."""

    output: str
    storage: StorageSettings


def place(path: Path, overrides: list[str] | None = None) -> Place:
    """What a config says of its output; its stages are neither loaded nor checked."""
    _, raw = _sections(path, overrides)
    return Place(_output(raw), raw.storage)


def read(path: Path, overrides: list[str] | None = None) -> Config:
    """Read and check a config; ConfigError lists every mistake found. ``datasets.NAME=null`` among the
    overrides leaves that dataset out."""
    source, raw = _sections(path, overrides)
    checker = _Checker(source)
    datasets = {name: checker.dataset(name, data) for name, data in raw.datasets.items()}
    tokenizer = None
    if raw.tokenizer is not None:
        tokenizer = checker.step(
            ("tokenizer",), registry.TOKENIZE, registry.load(registry.TOKENIZE), raw.tokenizer
        )
    order = checker.order(datasets)
    checker.blend(raw, datasets)
    export = checker.export(raw, _output(raw))
    if checker.problems:
        raise ConfigError("\n".join(checker.problems))
    return Config(
        name=raw.name,
        output=_output(raw),
        seed=raw.seed,
        storage=raw.storage,
        limits=raw.limits,
        execution=raw.execution,
        datasets={name: datasets[name] for name in order},
        tokenizer=tokenizer,
        shards=raw.shards,
        blend=tuple(raw.blend),
        budget=raw.budget,
        export=export,
        card=raw.card,
        source=source,
        output_relative=is_local(raw.output) and not os.path.isabs(_expanded(raw.output)),
    )


def _sections(path: Path, overrides: list[str] | None) -> tuple[Located, File]:
    source = located.load(path, overrides or [])
    _leave_out(source, path)
    try:
        return source, File.model_validate(source.value)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(error, source, (), File))) from None


def _output(raw: File) -> str:
    return _absolute(raw.output, Path.cwd()).rstrip("/")


def _leave_out(source: Located, path: Path) -> None:
    """Take out the datasets that the command line sets to null. In a file, null is a mistake."""
    datasets = source.value.get("datasets")
    if not isinstance(datasets, dict):
        return
    gone = [
        name for name in datasets if datasets[name] is None and source.mark(("datasets", name)).line is None
    ]
    known = located.load(path).value["datasets"] if gone else {}
    for name in gone:
        if name not in known:
            raise ConfigError(source.problem(("datasets", name), "there is no such dataset to leave out"))
        del datasets[name]


class _Checker:
    """Collects all mistakes, so that they can be corrected together."""

    def __init__(self, source: Located) -> None:
        self.source = source
        self.problems: list[str] = []

    def problem(self, key: KeyPath, what: str) -> None:
        self.problems.append(self.source.problem(key, what))

    def dataset(self, name: str, data: DatasetSection) -> Dataset:
        key: KeyPath = ("datasets", name)
        if not NAME.fullmatch(name):
            self.problem(key, "a dataset's name is lower-case letters, digits, - and _")
        if len(set(parents := [data.from_] if isinstance(data.from_, str) else data.from_ or [])) < len(
            parents
        ):
            self.problem((*key, "from"), "names a dataset twice")
        if (data.read is None) == (not parents):
            others = [known for known in self.source.value["datasets"] if known != name]
            if key not in self.source.marks and (hint := suggest(name, others)):  # given by --set only
                self.problem(key, f"there is no dataset {name!r}{hint}")
            else:
                self.problem(key, "give either `read` (inputs) or `from` (other datasets)")
        read = self._reader((*key, "read"), name, data.read) if data.read is not None else None
        where = None
        if data.where is not None:
            try:
                where = parse(data.where)
            except WhereError as error:
                self.problem((*key, "where"), str(error))
        steps = [
            step for i, item in enumerate(data.stages) for step in self._stages((*key, "stages", i), item)
        ]
        return Dataset(name, read, tuple(parents), where, tuple(steps))

    def _reader(self, key: KeyPath, dataset: str, settings: dict[str, Any]) -> Step | None:
        try:
            cls = registry.find_reader(str(settings.get("format")))
        except LookupError as error:
            self.problem((*key, "format") if "format" in settings else key, str(error.args[0]))
            return None
        name = str(settings["format"])
        settings = {"source": dataset, **settings}
        if "format" not in cls.Config.model_fields:
            del settings["format"]
        return self.step(key, name, cls, settings)

    def _stages(self, key: KeyPath, item: dict[str, Any]) -> Iterator[Step]:
        """The stages of an entry: one, or those that a short form stands for."""
        if len(item) != 1:
            self.problem(key, "a stage is one mapping with one key: `- name: {setting: value}`")
            return
        ((name, settings),) = item.items()
        name, key = str(name), (*key, name)
        try:
            form = registry.find_form(name)
            cls = None if form else registry.find_stage(name)
        except LookupError as error:
            self.problem(key, str(error.args[0]))
            return
        if settings is not None and not isinstance(settings, dict):
            self.problem(key, "the settings of a stage are a mapping; `{}` for none")
            return
        if cls is not None:
            if step := self.step(key, name, cls, settings or {}):
                yield step
            return
        assert form is not None
        checked = self._checked(key, form.Config, settings or {})
        if checked is None:
            return
        for entry in form.expand(self._placed(key, checked)):
            ((part, given),) = entry.items()
            # a setting that the form does not have as such cannot be at fault, so all are reported there
            if step := self.step(key, part, registry.find_stage(part), given):
                yield step

    def _checked(
        self, key: KeyPath, model: type[StageConfig], settings: dict[str, Any]
    ) -> StageConfig | None:
        try:
            return model.model_validate(settings)
        except ValidationError as error:
            self.problems.extend(explain(error, self.source, key, model))
        except Exception as error:  # raised by a validator of a user's own stage
            self.problem(key, f"{type(error).__name__}: {error}")
        return None

    def step(self, key: KeyPath, name: str, cls: type[Stage], settings: dict[str, Any]) -> Step | None:
        if (checked := self._checked(key, cls.Config, settings)) is None:
            return None
        return Step(name, cls, self._placed(key, checked), key)

    def _placed(self, key: KeyPath, settings: StageConfig) -> StageConfig:
        """The settings with absolute paths."""
        changes: dict[str, Any] = {}
        marks = {InputMark: self._absolute, AssetMark: self._asset, RunMark: self._absolute}
        for mark, place in marks.items():
            for field in marked(type(settings), mark):
                if value := getattr(settings, field):
                    changes[field] = each(value, partial(place, (*key, field)))
        return settings.model_copy(update=changes)

    def _absolute(self, key: KeyPath, path: str, place: KeyPath) -> str:
        return _absolute(path, self.source.base((*key, *place)))

    def _asset(self, key: KeyPath, path: str, place: KeyPath) -> str:
        """As ``_absolute``. A file that is not there may be one of the package (``rules/gopher.yaml``, or
        ``gopher.yaml``)."""
        placed = self._absolute(key, path, place)
        if is_local(path) and not os.path.exists(placed) and ".." not in Path(path).parts:
            for folder in (_bundled(), _bundled() / "rules"):
                if (own := folder / path).is_file():
                    return str(own)
        return placed

    def order(self, datasets: dict[str, Dataset]) -> list[str]:
        """Names of datasets, parents first, otherwise in config order."""
        done: dict[str, None] = {}

        def visit(name: str, trail: tuple[str, ...]) -> None:
            if name in done:
                return
            for parent in datasets[name].parents:
                key = ("datasets", name, "from")
                if parent not in datasets:
                    self.problem(key, f"there is no dataset {parent!r}{suggest(parent, datasets)}")
                elif parent in (*trail, name):
                    circle = (*trail, name)[(*trail, name).index(parent) :]
                    self.problem(key, f"goes in a circle: {' <- '.join((*circle, parent))}")
                else:
                    visit(parent, (*trail, name))
            done[name] = None

        for name in datasets:
            visit(name, ())
        return list(done)

    def export(self, raw: File, output: str) -> dict[str, str]:
        """With absolute folders."""
        folders: dict[str, str] = {}
        for form, given in raw.export.items():
            key: KeyPath = ("export", form)
            if form not in FORMS:
                what = suggest(form, FORMS) or f"; there are {', '.join(FORMS)}"
                self.problem(key, f"there is no form {form!r}{what}")
                continue
            folder = _absolute(given, Path.cwd()).rstrip("/")
            if not raw.blend:
                self.problem(key, "only tokens can be exported: give `blend` and `tokenizer`")
            for place, name in ((output, "the output"), *((other, other) for other in folders.values())):
                if _within(folder, place) or _within(place, folder):
                    self.problem(key, f"{folder} and {name} lie in each other; give a folder of its own")
            if FORMS[form].lists and folder.split() != [folder]:
                self.problem(key, f"{folder!r}: Megatron splits its lists at blanks; give a path without any")
            folders[form] = folder
        return folders

    def blend(self, raw: File, datasets: dict[str, Dataset]) -> None:
        for i, phase in enumerate(raw.blend):
            for name in phase.weights:
                if name not in datasets:
                    what = f"there is no dataset {name!r}{suggest(name, datasets)}"
                    self.problem(("blend", i, "weights", name), what)
            try:
                check_sum(phase)
            except ValueError as error:
                self.problem(("blend", i, "weights"), str(error))
        try:
            check_phases(raw.blend)
        except ValueError as error:
            self.problem(("blend",), str(error))
        if raw.blend and raw.tokenizer is None:
            self.problem(("blend",), "a blend is of tokens: give `tokenizer: {path: tokenizer.json}`")
        if raw.tokenizer is not None and not raw.blend:
            what = "tokens are written for blended datasets only: give `blend`, or leave `tokenizer` out"
            self.problem(("tokenizer",), what)


def _within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def _absolute(path: str, base: Path) -> str:
    if not path or not is_local(path):
        return path
    slash = "/" if path.endswith("/") else ""  # the address of a prefix keeps its slash
    return os.path.abspath(base / _expanded(path)) + slash


def _expanded(path: str) -> str:
    if path.startswith("file://"):
        return unquote(path.removeprefix("file://"))
    return os.path.expanduser(path)
