"""What commands share: options, how a config and an output are found, and how mistakes are answered.

Knows typer and exit codes: 0 done; 1 failed; 2 could not start; 130 interrupted. Does not know any command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from pipeline import api
from pipeline.config.located import ConfigError
from pipeline.config.schema import Config
from pipeline.execute.on_ray import ClusterError
from pipeline.report.log import as_json
from pipeline.report.view import Format
from pipeline.schedule.loop import RunFailed
from pipeline.storage import Storage, StorageError, is_local

ConfigOption = Annotated[str, typer.Option("--config", "-c", help="YAML file, or its name in configs/.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="key.key=value; overrides the config. Repeatable.")
]


def load(
    name: str, overrides: list[str] | None, executor: str | None = None, workers: int | None = None
) -> Config:
    return api.load(name, overrides or (), executor, workers)


def output_of(config: str | None, overrides: list[str] | None, output: str | None) -> tuple[Storage, str]:
    """An output that is there, given as such or as that of a config, and the storage that it is on."""
    loaded = load(config, overrides) if config is not None else None
    if (place := output or (loaded.output if loaded else None)) is None:
        raise ConfigError("give --output, or --config")
    return Storage(loaded.storage if loaded else None), absolute(place)


def absolute(place: str) -> str:
    return place if not is_local(place) else os.path.abspath(os.path.expanduser(place))


def terminal(stderr: bool = False) -> Console:
    console = Console(stderr=stderr)
    # output to a pipe or file is not wrapped at 80 columns
    return console if console.is_terminal else Console(stderr=stderr, width=180)


@contextmanager
def answered(log_format: Format = "auto") -> Iterator[None]:
    """Answers a user's mistake with a message and an exit code instead of a traceback."""
    try:
        yield
    except (ConfigError, ClusterError, StorageError) as error:
        _fail(str(error), 2, log_format)
    except RunFailed as error:
        _fail(str(error), 1, log_format)
    except SystemExit as error:
        _fail(f"a stage called sys.exit({error})", 1, log_format)
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to continue", 130, log_format)


def _fail(message: str, code: int, log_format: Format) -> None:
    if log_format == "json":
        print(as_json("error", {"text": message, "exit_code": code}), file=sys.stderr)
    else:
        for line in message.splitlines():
            print(f"nanocorpus: {line}", file=sys.stderr)
    raise typer.Exit(code)
