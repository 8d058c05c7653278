"""Commands about what a run has done: ``report``, ``trace``, ``diff``, ``verify``.

Knows the options of these commands; what they show is found below.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.common import (
    ConfigOption,
    SetOption,
    absolute,
    answered,
    failed,
    load,
    output_of,
    terminal,
)  # fmt: skip
from pipeline.config.located import ConfigError
from pipeline.storage import Storage

if TYPE_CHECKING:
    from pipeline.config.schema import Config


def report(
    config: ConfigOption,
    set_: SetOption = None,
    html: Annotated[
        str | None, typer.Option("--html", help="Write a report to look at: one HTML file.")
    ] = None,
    speed: Annotated[
        bool, typer.Option(help="HTML: with seconds and memory. Without, equal runs give equal bytes.")
    ] = True,
) -> None:
    """Show what happened to the documents of a run, and the largest clusters of duplicates."""
    from pipeline.report import account as accounts
    from pipeline.report import tables as reporting

    with answered():
        loaded = load(config, set_)
        found, texts = accounts.account(loaded)
        if html is not None:
            _report_page(loaded, found, html, speed)
            print(html)
            return
        console = terminal()
        if "failed" in found:
            print(f"not finished: {found['failed']}")
        for table in (reporting.attrition(found), *reporting.clusters(found, texts)):
            console.print(table)


def _report_page(config: Config, found: dict[str, Any], target: str, speed: bool) -> None:
    from pipeline import layout
    from pipeline.config.told import told
    from pipeline.report.looked import look
    from pipeline.report.page import page
    from pipeline.sealed import Damaged

    storage = Storage(config.storage)
    place = storage.join(config.output, layout.PLAN)
    plan = json.loads(storage.read(place))
    blend_path = storage.join(config.output, layout.BLEND)
    blend = json.loads(storage.read(blend_path)) if storage.stat(blend_path) else None
    try:
        known = {name: told(config, name) for name in config.datasets}
        looked = {
            name: look(storage, config.output, plan, name, known.get(name, ())) for name in found["datasets"]
        }
    except Damaged as error:
        raise failed(f"{error}; start the run again, which makes it anew") from None
    target = absolute(target)
    storage.write(target, page(found, blend, looked, speed).encode())


def trace(
    what: Annotated[str, typer.Argument(help="An address as captured, or an id in hex.")],
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="Whose output, and how storage is reached.")
    ] = None,
    set_: SetOption = None,
    output: Annotated[str | None, typer.Option(help="Another output; default: that of --config.")] = None,
    text: Annotated[
        bool, typer.Option("--text", help="With the text, before and after each change.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show what became of a document: stages, reasons, the copy that stayed, what was cut, shard and row."""
    from pipeline.report import trace as traces
    from pipeline.report import trace_text
    from pipeline.sealed import Damaged

    with answered():
        storage, place = output_of(config, set_, output)
        try:
            found = traces.trace(storage, place, what)
        except (traces.NotTraced, Damaged) as error:
            raise failed(str(error)) from None
        if as_json:
            print(json.dumps(found.as_json(), ensure_ascii=False, indent=1, default=_plain))
        else:
            print("\n".join(trace_text.lines(found, text)))


def diff(
    first: Annotated[str, typer.Argument(help="An output.")],
    second: Annotated[str, typer.Argument(help="Another output, or a config: a .yaml file.")],
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="Whose `storage` says how addresses are reached.")
    ] = None,
    set_: SetOption = None,
) -> None:
    """Compare two outputs: settings, attrition, documents lost and gained by reason, with examples. Or an
    output with a config: what would be computed again there and why, and what reused; runs nothing."""
    from pipeline import launch
    from pipeline.report import compare, foreseen, foreseen_text
    from pipeline.sealed import Damaged

    with answered():
        try:
            if second.endswith((".yaml", ".yml")):
                if config is not None:
                    raise ConfigError("--config is for two outputs; here the second argument is the config")
                loaded = load(second, set_)
                found = launch.foreseen(loaded, absolute(first))
                print("\n".join(foreseen_text.lines(found)))
                return
            (storage, a), (_, b) = (output_of(config, set_, place) for place in (first, second))
            print("\n".join(compare.lines(compare.compare(storage, a, b))))
        except (compare.NotCompared, foreseen.NotForeseen, Damaged) as error:
            raise failed(str(error)) from None


def verify(
    path: Annotated[
        str | None,
        typer.Argument(help="An output, or a corpus on its own; default: the output of --config."),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="Whose output, and how storage is reached.")
    ] = None,
    set_: SetOption = None,
) -> None:
    """Compare every file of a run or a corpus with its checksum. Exit code 1 if one is damaged or missing."""
    from pipeline.ledger import verify as verifying

    with answered():
        loaded = load(config, set_) if config is not None else None
        if (place := path or (loaded.output if loaded else None)) is None:
            raise ConfigError("give the directory or address to verify, or --config")
        try:
            found = verifying.verify(Storage(loaded.storage if loaded else None), place)
        except verifying.NothingToVerify as error:
            raise ConfigError(str(error)) from None
        for line in (*map(str, found.damages), *found.notes):
            print(line)
        if found.damages:
            what = "run it again to mend it" if config else "start the run again to mend it"
            raise failed(f"{len(found.damages)} of {found.files} files are damaged or missing; {what}")
        print(f"{found.files:,} files, {found.bytes:,} bytes in parts and shards: all as written")


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
