"""Which way progress is shown. Knows the views, and nothing of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.report.progress import View

#: ``auto``: a table that changes in place on a terminal, else a log; ``text``: a log; ``json``: a log for
#: programs.
Format = Literal["auto", "text", "json"]


def view(console: Console, form: Format) -> View:
    """A view on a console."""
    from pipeline.report.log import Log
    from pipeline.report.screen import Screen

    if form == "auto" and console.is_terminal:
        return Screen(console)
    return Log(console, "json" if form == "json" else "text")
