"""The ``nanocorpus`` command: parses arguments, calls, prints.

Knows which commands there are. Does not know what they do.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from pipeline.cli import models, results, runs

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
for command in (
    *(runs.run, runs.plan, runs.status, runs.estimate),
    *(results.report, results.trace, results.diff, results.verify),
):
    app.command()(command)
app.add_typer(models.model_app, name="model")
app.add_typer(models.export_app, name="export")
app.add_typer(models.train_app, name="train")


def _version(wanted: bool) -> None:
    if wanted:
        import nanocorpus

        print(nanocorpus.__version__)
        raise typer.Exit


@app.callback()
def _nanocorpus(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """From Common Crawl WARC to a pretraining corpus: exact, resumable, reproducible."""


def main() -> None:
    """Entry point of the console command and of ``pipeline/run.py``."""
    for stream in (
        sys.stdout,
        sys.stderr,
    ):  # characters that the terminal cannot encode are replaced, instead of raising
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.path.append(
        os.getcwd()
    )  # so that stages of the user's own (``module:Class``) are found in the working directory
    app()
