"""A run from beginning to end: plan, execute, account for it, and leave a corpus that explains itself.

Ties the other modules together for the command line, for ``ray job submit`` and for tests; what it
does itself is the order of things and the files that speak of the whole.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rich.console import Console

from pipeline import plan as planning
from pipeline import report
from pipeline.card import card
from pipeline.config import Config
from pipeline.execute.base import Context, Executor
from pipeline.execute.inline import InlineExecutor
from pipeline.groups import State, groups
from pipeline.plan import Plan
from pipeline.receipts import Superseded, check_token, take_over
from pipeline.schedule import RunFailed, Schedule
from pipeline.shards import shard_file
from pipeline.stats import stats
from pipeline.storage import Storage, StorageError, join
from pipeline.weights import megatron, weights

PLAN, STATS, BLEND, CARD = "plan.json", "stats.json", "blend.json", "README.md"


def dry(config: Config) -> Config:
    """The same run into a directory of its own below the output."""
    return replace(config, output=join(config.output, "dry-run"))


def make_plan(config: Config, storage: Storage, inputs: int | None = None) -> Plan:
    """The plan; ``inputs``: only the first so many of each dataset."""
    plan = planning.build(config, storage)
    if inputs is not None:
        for name, items in plan.inputs.items():
            plan.inputs[name] = items[:inputs]
    return plan


def run(
    config: Config, console: Console, limit: int | None = None, inputs: int | None = None
) -> dict[str, Any]:
    """Run a config to its end and return its ``stats.json``.

    ConfigError, ClusterError or StorageError: it could not start. RunFailed: it could not finish, or
    more failed than the config allows; what was committed stays and is used by the next run.
    """
    started = time.monotonic()
    storage = Storage(config.storage)
    plan = make_plan(config, storage, inputs)
    _prepare(plan, storage)
    token = uuid.uuid4().hex
    take_over(storage, config.output, token)
    seconds = config.limits.document_seconds
    context = Context(config.output, token, config.storage, config.seed, seconds, limit)
    manifest = [STATS, BLEND, CARD, *(_megatron_file(phase.phase) for phase in config.blend)]
    with report.Board(console) as board:
        schedule = Schedule(groups(plan), storage, config.output, config.limits, board, manifest)
        executor = _executor(config, context)
        try:
            schedule.run(executor)
        except StorageError as error:
            raise RunFailed(str(error)) from None
        finally:
            executor.close()
            if any(state.failures for state in schedule.states.values()):
                console.print(report.failures(schedule.states.values()))
    found = stats(plan, schedule.states)
    try:
        check_token(storage, config.output, token)
        _finish(plan, storage, schedule.states, found)
    except (StorageError, Superseded) as error:
        raise RunFailed(str(error)) from None
    console.print(report.attrition(found))
    console.print(report.work(schedule.states, time.monotonic() - started), markup=False, highlight=False)
    return found


def survey(config: Config) -> tuple[Plan, list[tuple[str, int | None, int]]]:
    """The plan, and per group its tasks (None: known when those before it are done) and those done."""
    storage = Storage(config.storage)
    plan = make_plan(config, storage)
    schedule = Schedule(groups(plan), storage, config.output, config.limits, _Silent())
    return plan, [(group.key, total, done) for group, total, done in schedule.survey()]


def _executor(config: Config, context: Context) -> Executor:
    if config.execution.executor == "inline":
        return InlineExecutor(context)
    from pipeline.execute.on_ray import RayExecutor  # importing ray takes a second

    return RayExecutor(context, config.execution.workers, config.execution.address)


def _prepare(plan: Plan, storage: Storage) -> None:
    """Check the output, clear what killed writers left, keep the resources, freeze the plan."""
    output, name = plan.config.output, plan.config.name
    storage.check_writable(output)
    path = join(output, PLAN)
    if storage.stat(path) is not None:
        earlier = json.loads(storage.read(path)).get("name")
        if earlier != name:
            what = f"{output} holds the run {earlier!r}; give {name!r} an output of its own"
            raise plan.config.problem(("output",), what)
    for directory in ("work", "corpus"):
        storage.sweep(join(output, directory))
    for source, resource in plan.resources.values():
        if storage.stat(resource.path) is None:
            with (
                storage.create(resource.path) as local,
                storage.open(source) as file,
                local.open("wb") as copy,
            ):
                shutil.copyfileobj(file, copy, 1 << 20)
    storage.write(path, _json(plan.as_json()))


def _finish(plan: Plan, storage: Storage, states: Mapping[str, State], found: Mapping[str, Any]) -> None:
    """Write the files that speak of the whole, then remove what no longer belongs to the run."""
    config = plan.config
    blend = None
    if config.blend:
        try:
            blend = weights(config.blend, config.budget, found)
        except ValueError as error:
            raise RunFailed(f"the blend cannot be made: {error}") from None
        storage.write(join(config.output, BLEND), _json(blend))
        for phase in config.blend:
            storage.write(
                join(config.output, _megatron_file(phase.phase)), megatron(blend, phase.phase).encode()
            )
    storage.write(join(config.output, STATS), _json(found))
    storage.write(join(config.output, CARD), card(found, blend, config.as_json()).encode())
    _remove_stale(plan, storage, states)


def _remove_stale(plan: Plan, storage: Storage, states: Mapping[str, State]) -> None:
    """Delete parts, shards and resources that an earlier config of this run made and this one does not."""
    output = plan.config.output
    current = {resource.path for _, resource in plan.resources.values()}
    for key, group in groups(plan).items():
        for name, made in states[key].made.items():
            current.add(join(output, f"{group.receipts}/{name}.json"))
            if key.endswith("/shards"):
                current.add(join(output, shard_file(group.dataset, name)))
            elif made.done:
                files = ("{}.parquet", "rejects/{}.parquet", "runs/{}.runs", "{}.runs")
                current |= {join(output, group.directory, file.format(name)) for file in files}
    for directory in ("work", "corpus"):
        for info in storage.list(join(output, directory)):
            if info.path not in current:
                storage.delete(info.path)


def _megatron_file(phase: int) -> str:
    return f"blend-phase{phase}.txt"


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode()


class _Silent:
    def begin(self, group: Any, total: int, reused: int) -> None: ...

    def end(self, group: Any, task: Any, receipt: Any) -> None: ...

    def tick(self) -> None: ...
