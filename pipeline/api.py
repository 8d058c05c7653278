"""The run as a function, for Python callers: does what the command line does with its arguments.

Finds and reads a config, applies overrides and starts the run. Does not know the command line: where the
command exits with an error code, it raises an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from pipeline import launch
from pipeline.config import schema as configuration
from pipeline.config.located import ConfigError
from pipeline.config.schema import Config
from pipeline.config.sections import Execution


def load(
    config: str | Path, overrides: Sequence[str] = (), executor: str | None = None, workers: int | None = None
) -> Config:
    """Read and check a config: a file, or one of the configs in the package. Arguments as for ``run``.

    ConfigError lists every mistake in it.
    """
    loaded = configuration.read(configuration.find(str(config)), list(overrides))
    given = {"executor": executor, "workers": workers}
    changes = {key: value for key, value in given.items() if value is not None}
    try:
        execution = Execution.model_validate(loaded.execution.model_dump() | changes)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--{first['loc'][0]}: {first['msg']}") from None
    return replace(loaded, execution=execution)


def run(
    config: str | Path,
    *,
    overrides: Sequence[str] = (),
    executor: str | None = None,
    workers: int | None = None,
    console: Console | None = None,
    caches: Sequence[str] = (),
) -> dict[str, Any]:
    """Run a config to its end, as ``nanocorpus run`` does, and return its ``stats.json``.

    config: a YAML file, or the name of a config in the package (``sample.yaml``).
    overrides: ``"key.key=value"``, as ``--set``.
    executor: ``"ray"`` or ``"inline"`` (in this process); default: what the config says.
    workers: CPUs for working on parts; default: what the config says, else all.
    console: where progress and the final tables are printed; default: nowhere.
    caches: outputs of other runs, from which parts that are the same are copied.

    Raises ConfigError, ClusterError or StorageError if it could not start, and RunFailed if it could not
    finish or more failed than the config allows. Called again, it continues where it stopped.
    """
    loaded = load(config, overrides, executor, workers)
    return launch.run(loaded, console or Console(quiet=True), caches=caches)
