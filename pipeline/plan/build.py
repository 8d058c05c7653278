"""Makes the plan: from the config and a listing of the inputs to segments and parts, before any work starts.

Where a segment ends is said in ``pipeline.plan.cutting``.

Knows the order of work and what each piece depends on; does not run anything.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa

from pipeline import layout
from pipeline.config.located import ConfigError
from pipeline.config.marks import each, marked
from pipeline.config.schema import Config, Dataset, Step
from pipeline.plan import assets, earlier
from pipeline.plan.assets import Asset
from pipeline.plan.columns import output_schema
from pipeline.plan.cutting import Cutter
from pipeline.plan.earlier import EarlierPart
from pipeline.plan.recipe import Recipe, Role, canonical, located
from pipeline.plan.segment import Plan, Segment
from pipeline.storage import Storage, StorageError, is_local
from stages import registry
from stages.base import (
    DOCUMENT,
    MIB,
    Annotator,
    AssetMark,
    Filter,
    Generator,
    Input,
    Reader,
    Resources,
    RunMark,
    Stage,
)
from stages.global_stage import Global
from stages.where import Where, WhereError


def build(config: Config, storage: Storage) -> Plan:
    """List the inputs, hash the assets and lay out the segments.

    ConfigError when an input or asset is not there, or a stage lacks a column that it reads.
    """
    return _Builder(config, storage).build()


class _Builder:
    def __init__(self, config: Config, storage: Storage) -> None:
        self.config, self.storage = config, storage
        self.plan = Plan(config, {}, {})
        self.schemas: dict[str, pa.Schema] = {}

    def build(self) -> Plan:
        for dataset in self.config.datasets.values():
            self._dataset(dataset)
        for name in self.config.blended:
            assert self.config.tokenizer is not None
            last = self.plan.last(name)
            tokens = self._recipe(("tokenizer",), self.config.tokenizer, "tokens", "tokenize")
            tokens = replace(tokens, carried=("url", "text") if self.config.shards.text else ("url",))
            self._segment(name, "tokens", (last.key,), steps=[tokens], schema=self.schemas[last.key])
        return self.plan

    def _dataset(self, dataset: Dataset) -> None:
        schema, origin = self._origin(dataset)
        cutter = Cutter(partial(self._segment, dataset.name), schema, origin)
        for index, step in enumerate(dataset.steps):
            place = step.place or ("datasets", dataset.name, "stages", index, step.name)
            with self._blamed(place):
                self._step(cutter, step, place, self._label(dataset, index))
        cutter.close()

    def _origin(self, dataset: Dataset) -> tuple[pa.Schema, dict[str, Any]]:
        """Columns of a dataset's rows before its first stage, and where its first segment takes them from."""
        key = ("datasets", dataset.name)
        origin: dict[str, Any] = {"where": dataset.where}
        if dataset.read is not None:
            origin |= {"reader": self._recipe((*key, "read"), dataset.read, "read", "read"), "parents": ()}
            schema = pa.schema([*DOCUMENT, *dataset.read.cls.added(dataset.read.settings)])
            self.plan.inputs[dataset.name] = self._list(dataset)
        else:
            origin["parents"] = tuple(self.plan.last(parent).key for parent in dataset.parents)
            try:
                schema = pa.unify_schemas([self.schemas[parent] for parent in origin["parents"]])
            except pa.ArrowException as error:
                what = f"these datasets have a column of the same name with different types: {error}"
                raise self.config.problem((*key, "from"), what) from None
        if dataset.where is not None:
            try:
                dataset.where.check(schema)
            except WhereError as error:
                raise self.config.problem((*key, "where"), str(error)) from None
        return schema, origin

    def _step(self, cutter: Cutter, step: Step, place: tuple[Any, ...], label: str) -> None:
        columns = cutter.columns
        missing = [name for name in step.cls.needs(step.settings) if name not in columns.names]
        if missing:
            what = f"reads {', '.join(missing)}, which no stage before it adds"
            raise self.config.problem(place, f"{what}; there are: {', '.join(columns.names)}")
        if (wrong := step.cls.check(step.settings, columns)) is not None:
            raise self.config.problem(place, wrong)
        cutter.begin(step.cls, on_gpu=step.cls.requires(step.settings).gpus > 0)
        for role in _roles(step.cls, step.settings):
            cutter.before(role)
            recipe = self._recipe(place, step, role, label)
            cutter.add(recipe)
            if role == "map":
                judged = self._recipe(place, step, "judge", label)
                cutter.judge(judged, self._earlier(place, step, recipe))
        cutter.end(step.cls)

    def _segment(
        self,
        dataset: str,
        name: str,
        parents: tuple[str, ...],
        steps: list[Recipe],
        schema: pa.Schema,
        reader: Recipe | None = None,
        where: Where | None = None,
        judge: Recipe | None = None,
        judged: Recipe | None = None,
        earlier: tuple[EarlierPart, ...] = (),
    ) -> Segment:
        # a stage with several roles in a segment is opened once
        stages = {(r.stage, r.settings): _resources(r) for r in (reader, judge, *steps) if r}
        needed = list(stages.values())
        resources = Resources(
            max((r.cpus for r in needed), default=1.0),
            max((r.gpus for r in needed), default=0.0),
            sum(r.memory for r in needed) + 512 * MIB,
            any(r.lasting for r in needed),
        )
        segment = Segment(
            dataset,
            name,
            parents,
            reader,
            where,
            judge,
            tuple(steps),
            judged,
            schema,
            self.config.seed,
            resources,
            earlier,
        )
        self.plan.segments[segment.key] = segment
        self.schemas[segment.key] = output_schema(schema, steps)
        return segment

    def _list(self, dataset: Dataset) -> list[tuple[str, Input]]:
        assert dataset.read is not None
        key = ("datasets", dataset.name, "read")
        with self._blamed(key):
            reader = dataset.read.cls(dataset.read.settings)
            assert isinstance(reader, Reader)
            items = reader.list(self.storage)
        if not items:
            raise self.config.problem(key, "there are no inputs")
        seen: dict[str, int] = {}
        parts = []
        for item in items:
            if re.search("[\ud800-\udfff]", item.path):
                raise self.config.problem(key, f"{item.path!r}: a name that is not UTF-8; rename the file")
            # the name of a part depends on its input, not on its place in the listing, so that
            # parts keep their names when inputs are added
            identity = canonical([item.name, item.start, item.stop])
            count = seen[identity] = seen.get(identity, 0) + 1
            parts.append((layout.part(identity, count), item))
        if len({part for part, _ in parts}) < len(parts):
            raise AssertionError("two inputs have the same part name: a collision of 64-bit hashes")
        return sorted(parts)

    @contextmanager
    def _blamed(self, key: tuple[Any, ...]) -> Iterator[None]:
        """Reports what the code of a stage raises as a mistake at the stage's place in the config."""
        try:
            yield
        except (ConfigError, KeyboardInterrupt):
            raise
        except (OSError, ValueError, StorageError) as error:
            raise self.config.problem(key, str(error)) from None
        except BaseException as error:
            what = " ".join(str(error).split())
            raise self.config.problem(key, f"{type(error).__name__}: {what}") from error

    def _label(self, dataset: Dataset, index: int) -> str:
        """The name of a stage, with a number if the dataset uses it again."""
        name = _name(dataset.steps[index])
        earlier = sum(_name(step) == name for step in dataset.steps[:index])
        return f"{name}_{earlier + 1}" if earlier else name

    def _recipe(self, key: tuple[Any, ...], step: Step, role: Role, label: str) -> Recipe:
        settings = step.settings.model_dump(mode="json")
        unused: tuple[str, ...] = ()
        if role in ("annotate", "map") and issubclass(step.cls, Filter | Global):
            unused = tuple(sorted(step.cls.decides))
        unused += tuple(sorted(step.cls.notes_only))
        found: list[Asset] = []
        for name in marked(step.cls.Config, AssetMark):
            if settings.get(name) is not None:
                settings[name] = each(settings[name], partial(self._asset, (*key, name), found))
        stage = registry.canonical(step.name)
        return Recipe(label, role, stage, step.cls.version, canonical(settings), tuple(found), unused)

    def _earlier(self, key: tuple[Any, ...], step: Step, mapped: Recipe) -> tuple[EarlierPart, ...]:
        """Partials of the earlier runs that the settings of a global stage name, in that order."""
        found: list[EarlierPart] = []
        texts = issubclass(step.cls, Global) and bool(step.cls.rereads)
        own = self.config.output
        seen = {real(own): "is the output of this very run"}
        seen[real(own.removesuffix("/dry-run"))] = "is the output of this very run"
        for name in marked(step.cls.Config, RunMark):
            for index, output in enumerate(getattr(step.settings, name)):
                try:
                    if (place := real(output)) in seen:
                        raise earlier.NoPartials(f"{output} {seen[place]}")
                    seen[place] = "is named twice"
                    found += earlier.find(self.storage, output.rstrip("/"), mapped, texts)
                except earlier.NoPartials as error:
                    raise self.config.problem((*key, name, index), str(error)) from None
        return tuple(found)

    def _asset(self, key: tuple[Any, ...], into: list[Asset], path: str, place: tuple[str | int, ...]) -> str:
        """The checksum of the asset at ``path``, which replaces the path in settings. Adds it to ``into``."""
        if path not in self.plan.assets:
            try:
                self.plan.assets[path] = assets.find(self.storage, path, self.config.output)
            except (OSError, StorageError) as error:
                hint = _neighbour(path)
                raise self.config.problem((*key, *place), f"cannot be read: {error}{hint}") from None
        into.append(self.plan.assets[path])
        return into[-1].sha256


def _neighbour(path: str) -> str:
    """A hint at the file with the most similar name, for a file that is missing."""
    folder = os.path.dirname(path)
    if not is_local(path) or os.path.exists(path) or not os.path.isdir(folder):
        return ""
    close = difflib.get_close_matches(os.path.basename(path), sorted(os.listdir(folder)), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _name(step: Step) -> str:
    """How tables, reasons and directories call a stage: a user's own one by its ``name``."""
    name = registry.canonical(step.name)
    if ":" not in name:
        return name
    name = getattr(step.cls, "name", step.cls.__name__)
    if not re.fullmatch(r"\w+", name):
        raise ValueError(f"{step.cls.__name__}.name is {name!r}; it may have letters, digits and _")
    return name


def _roles(cls: type[Stage], settings: Any) -> Iterator[Role]:
    if issubclass(cls, Annotator):
        yield "annotate"
    if issubclass(cls, Filter) and cls.judges(settings):
        yield "filter"
    if issubclass(cls, Generator):
        yield "generate"
    if issubclass(cls, Global):
        yield "map"


def _resources(recipe: Recipe) -> Resources:
    cls, settings = located(recipe)
    return cls.requires(settings)


def real(output: str) -> str:
    """The same spelling for all spellings of a place."""
    return os.path.realpath(output) if is_local(output) else output.rstrip("/")
