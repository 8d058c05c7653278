"""What commands share: options, how a config and an output are found, and how mistakes are answered.

Knows typer and exit codes: 0 done; 1 failed; 2 could not start; 130 interrupted. Does not know any command.
What a command does is imported when it is called, here and in the modules beside this one: each starts
without what the others need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.config.located import ConfigError
from pipeline.report.view import Format
from pipeline.storage import Storage, StorageError, is_local

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.config.schema import Config

ConfigOption = Annotated[str, typer.Option("--config", "-c", help="YAML file, or its name in configs/.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="key.key=value; overrides the config. Repeatable.")
]


def load(
    name: str, overrides: list[str] | None, executor: str | None = None, workers: int | None = None
) -> Config:
    from pipeline import api

    return api.load(name, overrides or (), executor, workers)


def output_of(config: str | None, overrides: list[str] | None, output: str | None) -> tuple[Storage, str]:
    """An output that is there, given as such or as that of a config, and the storage that it is on."""
    if config is None:
        if output is None:
            raise ConfigError("give --output, or --config")
        return Storage(), absolute(output)
    from pipeline.config.schema import find, place

    found = place(find(config), overrides)
    return Storage(found.storage), absolute(output or found.output)


def absolute(place: str) -> str:
    return place if not is_local(place) else os.path.abspath(os.path.expanduser(place))


def terminal(stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr)
    # output to a pipe or file is not wrapped at 80 columns
    return console if console.is_terminal else Console(stderr=stderr, width=180)


@contextmanager
def answered(log_format: Format = "auto") -> Iterator[None]:
    """Answers a user's mistake with a message and an exit code instead of a traceback."""
    try:
        yield
    except (ConfigError, StorageError) as error:
        _fail(str(error), 2, log_format)
    except SystemExit as error:
        _fail(f"a stage called sys.exit({error})", 1, log_format)
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to continue", 130, log_format)
    except Exception as error:
        if (code := _code(error)) is None:
            raise
        _fail(str(error), code, log_format)


def failed(message: str) -> Exception:
    """What a command raises that cannot do what it is asked."""
    from pipeline.schedule.loop import RunFailed

    return RunFailed(message)


def _code(error: Exception) -> int | None:
    """The exit code for what a run raises; None for what no user is to see."""
    from pipeline.execute.on_ray import ClusterError
    from pipeline.schedule.loop import RunFailed

    return 1 if isinstance(error, RunFailed) else 2 if isinstance(error, ClusterError) else None


def _fail(message: str, code: int, log_format: Format) -> None:
    if log_format == "json":
        from pipeline.report.log import as_json

        print(as_json("error", {"text": message, "exit_code": code}), file=sys.stderr)
    else:
        for line in message.splitlines():
            print(f"nanocorpus: {line}", file=sys.stderr)
    raise typer.Exit(code)
