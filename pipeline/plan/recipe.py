"""Recipes: a stage as a plain value that can be hashed, sent to a worker and opened there once.

Knows the contracts of ``stages.base``; does not know parts, files or executors.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipeline.config.marks import each, marked
from pipeline.plan.assets import Asset, fetch
from pipeline.storage import Storage, StorageSettings
from stages import ahead, registry
from stages.base import AssetMark, InputMark, RunMark, Stage, StageConfig
from stages.collecting import uncollected

Role = Literal["read", "annotate", "filter", "generate", "map", "judge", "tokens"]


@dataclass(frozen=True)
class Recipe:
    """One role of one stage. ``settings`` is canonical JSON, in which checksums stand for assets."""

    label: str
    role: Role
    stage: str  # its registered name
    version: int
    settings: str
    assets: tuple[Asset, ...] = ()
    #: Settings that do not change the result of this role.
    unused: tuple[str, ...] = ()
    #: Columns that go with the tokens of a document into its shard.
    carried: tuple[str, ...] = ()

    @property
    def identity(self) -> list[Any]:
        """What decides the result, for fingerprints; not the label, nor the place of code or assets."""
        settings = json.loads(self.settings)
        # inputs and earlier runs are identified separately
        config = registry.load(self.stage).Config
        for name in (*self.unused, *marked(config, InputMark), *marked(config, RunMark)):
            settings.pop(name, None)
        carried = [list(self.carried)] if self.carried else []
        return [self.role, self.stage, self.version, settings, *carried]

    def as_json(self) -> dict[str, Any]:
        """The identity with its label, for people."""
        role, stage, version, settings, *carried = self.identity
        return {
            "label": self.label,
            "role": role,
            "stage": stage,
            "version": version,
            "settings": settings,
            **({"carried": carried[0]} if carried else {}),
        }


def located(recipe: Recipe) -> tuple[type[Stage], StageConfig]:
    """The class of a recipe's stage and its settings, in which checksums stand for assets."""
    cls = registry.load(recipe.stage)
    return cls, cls.Config.model_validate_json(recipe.settings)


def unopened(recipe: Recipe) -> Stage:
    """The stage of a recipe as the driver sees it: settings, without what ``open`` loads."""
    cls, settings = located(recipe)
    return cls(settings)


def open_stage(recipe: Recipe, settings: StorageSettings) -> Any:
    """The opened stage of a recipe. In one process it is the same object for all roles."""
    return _open_stage(
        replace(recipe, label="", role="read", unused=(), carried=()), settings.model_dump_json()
    )


def forget_opened() -> None:
    """Open stages anew from now on: one of them is broken."""
    _open_stage.cache_clear()


@functools.lru_cache(maxsize=64)
def _open_stage(recipe: Recipe, storage_json: str) -> Stage:
    cls = registry.load(recipe.stage)
    settings = json.loads(recipe.settings)
    storage = Storage(StorageSettings.model_validate_json(storage_json))
    local = {asset.sha256: str(fetch(asset, storage)) for asset in recipe.assets}
    for name in marked(cls.Config, AssetMark):
        if settings.get(name) is not None:
            settings[name] = each(settings[name], lambda sha, _: local[sha])
    stage = cls(cls.Config.model_validate(settings))
    if cls.requires(stage.config).lasting:
        stage.open()
        gc.collect()  # what a loader left may hold weights, and ``settled`` would keep it
    else:
        with uncollected():
            stage.open()
    ahead.wait()
    return stage


def canonical(value: Any) -> str:
    """JSON in which equal values have the same spelling."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(*values: Any) -> str:
    """sha256, in hex, of values that JSON can hold."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()
