"""Recipes: a stage as a plain value that can be hashed, sent to a worker and opened there once.

Knows the contracts of ``stages.base``; does not know parts, files or executors.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel

from pipeline.storage import Storage, StorageSettings, is_local
from stages import registry
from stages.base import InputMark, ResourceMark, RunMark, Stage

Role = Literal["read", "annotate", "filter", "generate", "map", "judge", "tokens"]


@dataclass(frozen=True)
class Resource:
    """A file that a stage opens, kept with the run under a name that holds its checksum."""

    sha256: str
    path: str


@dataclass(frozen=True)
class Recipe:
    """One role of one stage. ``settings`` is canonical JSON; resources are in it by checksum."""

    label: str
    role: Role
    target: str
    version: int
    settings: str
    resources: tuple[Resource, ...] = ()
    #: Settings that this role does not use: changing them changes nothing.
    unused: tuple[str, ...] = ()

    @property
    def identity(self) -> list[Any]:
        """What decides the result, for fingerprints: not the label, not where a resource lies."""
        settings = json.loads(self.settings)
        # inputs and earlier runs have identities of their own
        config = registry.load(self.target).Config
        for name in (*self.unused, *marked(config, InputMark), *marked(config, RunMark)):
            settings.pop(name, None)
        return [self.role, self.target, self.version, settings]


def unopened(recipe: Recipe) -> Stage:
    """The stage of a recipe as the driver sees it: settings, without what ``open`` loads."""
    cls = registry.load(recipe.target)
    return cls(cls.Config.model_validate_json(recipe.settings))


def open_stage(recipe: Recipe, settings: StorageSettings) -> Any:
    """The stage of a recipe, opened; the same object again in the same process."""
    return _open_stage(recipe, settings.model_dump_json())


@functools.lru_cache(maxsize=64)
def _open_stage(recipe: Recipe, storage_json: str) -> Stage:
    cls = registry.load(recipe.target)
    settings = json.loads(recipe.settings)
    storage = Storage(StorageSettings.model_validate_json(storage_json))
    local = {resource.sha256: _fetch(resource, storage) for resource in recipe.resources}
    for name in marked(cls.Config, ResourceMark):
        if settings.get(name) is not None:
            settings[name] = str(local[settings[name]])
    stage = cls(cls.Config.model_validate(settings))
    stage.open()
    return stage


def _fetch(resource: Resource, storage: Storage) -> Path:
    """A local path of a resource; copied once per machine if it lies elsewhere."""
    if is_local(resource.path):
        return Path(resource.path)
    folder = Path(tempfile.gettempdir()) / f"nanocorpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user; set TMPDIR to a directory of your own")
    target = folder / resource.path.rsplit("/", 1)[1]
    if not target.exists():
        with Storage().create(str(target)) as temporary, storage.open(resource.path) as source:
            with temporary.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            with temporary.open("rb") as copy:
                if hashlib.file_digest(copy, "sha256").hexdigest() != resource.sha256:
                    raise OSError(f"{resource.path}: content does not match its checksum")
    return target


def canonical(value: Any) -> str:
    """JSON with one spelling per value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(*values: Any) -> str:
    """sha256 in hex of JSON-able values."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()


def marked(model: type[BaseModel], mark: type) -> Iterator[str]:
    """Names of the fields whose type carries a mark, directly or inside a list or union."""

    def carries(annotation: Any, metadata: Any) -> bool:
        if any(isinstance(item, mark) for item in metadata):
            return True
        if hasattr(annotation, "__metadata__"):
            return carries(annotation.__origin__, annotation.__metadata__)
        return any(carries(argument, ()) for argument in get_args(annotation))

    for name, field in model.model_fields.items():
        if carries(field.annotation, field.metadata):
            yield name
