"""Commands about what a run does, will do and costs: ``run``, ``plan``, ``status``, ``estimate``.

Knows the options of these commands; what they do is done below.
"""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from pipeline.cli.common import ConfigOption, SetOption, answered, load, terminal
from pipeline.config.located import ConfigError
from pipeline.report.view import Format
from pipeline.storage import is_local


def run(
    config: ConfigOption,
    set_: SetOption = None,
    executor: Annotated[str | None, typer.Option(help="ray or inline.")] = None,
    workers: Annotated[int | None, typer.Option(help="CPUs for working on parts.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Real stages on the first records, into OUTPUT/dry-run.")
    ] = False,
    records: Annotated[
        int | None, typer.Option(help="Dry run: records of each input; default 100.", min=1)
    ] = None,
    inputs: Annotated[int | None, typer.Option(help="Dry run: inputs of each dataset.", min=1)] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Do parts again in which documents failed.")
    ] = False,
    cache: Annotated[
        list[str] | None,
        typer.Option(help="Another output: parts that are the same are copied from there. Repeatable."),
    ] = None,
    log_format: Annotated[
        Format,
        typer.Option(help="auto: a table on a terminal, else text; text: a log; json: one for programs."),
    ] = "auto",
) -> None:
    """Run a config to its end. Started again, it continues where it stopped."""
    from stages import ahead

    ahead.prepare()
    from pipeline import launch

    with answered(log_format):
        loaded = load(config, set_, executor, workers)
        console = terminal(stderr=True)
        if dry_run:
            loaded = launch.dry(loaded)
            launch.run(loaded, console, records or 100, inputs, retry_failed, log_format, cache or ())
        elif records is not None or inputs is not None:
            raise ConfigError("--records and --inputs are for --dry-run")
        else:
            launch.run(loaded, console, retry_failed=retry_failed, log_format=log_format, caches=cache or ())
        print(loaded.output)


def plan(config: ConfigOption, set_: SetOption = None) -> None:
    """Show what a run would do: segments, parts, and what is already done; after a dry run also about how
    many documents and bytes. Runs nothing."""
    from pipeline import launch
    from pipeline.report import costs, plans

    with answered():
        loaded = load(config, set_)
        made, groups = launch.survey(loaded)
        table = plans.table(groups, costs.parts(made), launch.expected(loaded, made))
        for name, items in made.inputs.items():
            size = sum(item.size for _, item in items)
            print(f"{name}: {len(items)} inputs, {size:,} bytes")
        terminal().print(table)


def status(
    config: ConfigOption, set_: SetOption = None, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Show the progress of a run: parts done and to do, for each segment."""
    from pipeline import launch
    from pipeline.report import costs, plans

    with answered():
        made, groups = launch.survey(load(config, set_))
        if as_json:
            print(json.dumps([{"group": key, "parts": total, "done": done} for key, total, done in groups]))
        else:
            terminal().print(plans.table(groups, costs.parts(made), {}))


def estimate(
    config: ConfigOption,
    set_: SetOption = None,
    basis: Annotated[
        str | None,
        typer.Option("--from", help="The output that was measured; default: the dry run of the config."),
    ] = None,
    nodes: Annotated[int, typer.Option(help="Nodes of the cluster.", min=1)] = 1,
    cores: Annotated[int | None, typer.Option(help="Cores of a node; default: of this one.", min=1)] = None,
    gpus: Annotated[int, typer.Option(help="GPUs of a node.", min=0)] = 0,
    node_hour: Annotated[float | None, typer.Option(help="Price of a node for an hour.", min=0)] = None,
    gpu_hour: Annotated[float | None, typer.Option(help="Price of a GPU for an hour.", min=0)] = None,
    groups: Annotated[bool, typer.Option("--groups", help="Also every segment, round and shards.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show what the inputs of a config will cost, from its dry run; after the run, beside what it took."""
    from pipeline import launch
    from pipeline.report import estimate as estimates
    from pipeline.report import estimate_text
    from pipeline.report.measured import NotMeasured

    with answered():
        loaded = load(config, set_)
        cluster = estimates.Cluster(nodes, cores or os.cpu_count() or 1, gpus, node_hour, gpu_hour)
        if basis is not None and is_local(basis):
            basis = os.path.abspath(os.path.expanduser(basis))
        try:
            found = launch.estimated(loaded, cluster, basis)
        except NotMeasured as error:
            raise ConfigError(str(error)) from None
        if as_json:
            print(json.dumps(found.as_json(), indent=1))
        else:
            print("\n".join(estimate_text.lines(found, cluster, groups)))
