"""A run from beginning to end: plan, execute, account for it, and leave a corpus that explains itself.

Ties the other modules together for the command line, for ``ray job submit`` and for tests; what it
does itself is the order of things and the files that speak of the whole.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console

from pipeline import plan as planning
from pipeline import report, resources
from pipeline.card import card
from pipeline.config import Config
from pipeline.execute.base import Context, Executor
from pipeline.execute.inline import InlineExecutor
from pipeline.groups import groups
from pipeline.located import ConfigError
from pipeline.plan import Plan
from pipeline.receipts import TOKEN, ConservationError, Ledger, Superseded
from pipeline.reduce import round_file
from pipeline.rounds import round_key
from pipeline.schedule import RunFailed, Schedule
from pipeline.segment import OpenTask, all_rows
from pipeline.stats import CLUSTER, stats
from pipeline.steps import unopened
from pipeline.storage import Storage, StorageError, join
from pipeline.weights import megatron, weights
from stages.base import LAST, Global

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
    config: Config,
    console: Console,
    limit: int | None = None,
    inputs: int | None = None,
    retry_failed: bool = False,
) -> dict[str, Any]:
    """Run a config to its end and return its ``stats.json``.

    ConfigError, ClusterError or StorageError: it could not start. RunFailed: it could not finish, or
    more failed than the config allows; what was committed stays and is used by the next run.
    """
    started = time.monotonic()
    storage = Storage(config.storage)
    plan = make_plan(config, storage, inputs)
    _check_output(plan, storage)
    ledger = Ledger(storage, config.output, uuid.uuid4().hex)
    seconds = config.limits.document_seconds
    context = Context(config.output, ledger.token, config.storage, config.seed, seconds, limit)
    executor = _executor(config, context)
    try:
        executor.check(segment.resources for segment in plan.segments.values())
        ledger.take_over()
        _prepare(plan, storage)
        _open_stages(plan, executor, console)
        with report.Board(console) as board:
            schedule = Schedule(
                groups(plan, limit),
                ledger,
                config.limits,
                board,
                [STATS, CARD, *_blends(config)],
                retry_failed,
            )
            try:
                schedule.run(executor)
            finally:
                if any(state.failures for state in schedule.states.values()):
                    console.print(report.failures(schedule.states.values()))
            found = stats(plan, schedule.states)
            artefacts = _artefacts(plan, ledger, schedule)
            found["artefacts"] = sorted(artefacts)
            _remove_stale(plan, ledger, schedule, artefacts)
            _finish(plan, ledger, found, artefacts)
    except (StorageError, Superseded, ConservationError) as error:
        raise RunFailed(str(error)) from None
    finally:
        executor.close()
    console.print(report.attrition(found))
    console.print(report.work(schedule.states, time.monotonic() - started), markup=False, highlight=False)
    return found


def survey(config: Config) -> tuple[Plan, list[tuple[str, int | None, int]]]:
    """The plan, and per group its tasks (None: known when those before it are done) and those done."""
    storage = Storage(config.storage)
    plan = make_plan(config, storage)
    schedule = Schedule(groups(plan), Ledger(storage, config.output, ""), config.limits, _Silent())
    return plan, [(group.key, total, done) for group, total, done in schedule.survey()]


def account(config: Config, characters: int = 200) -> tuple[dict[str, Any], dict[str, str]]:
    """``stats.json`` of a finished run, and the beginnings of the texts that its largest clusters keep, by id
    in hex. ConfigError if it is not finished."""
    storage = Storage(config.storage)
    path = join(config.output, STATS)
    if storage.stat(path) is None:
        raise config.problem(("output",), f"{config.output} holds no finished run")
    found = json.loads(storage.read(path))
    texts: dict[str, str] = {}
    for segment in json.loads(storage.read(join(config.output, PLAN)))["segments"]:
        if segment["judged"] is None:
            continue
        rounds = found["datasets"][segment["dataset"]]["rounds"].get(segment["judged"], {})
        names = [name.split()[1] for name in rounds.get(LAST, {}) if name.startswith(CLUSTER)]
        wanted = pa.array([bytes.fromhex(name) for name in names], pa.binary(16))
        for info in storage.glob(_documents(config, segment)) if names else ():
            with storage.open(info.path) as file:
                parquet = pq.ParquetFile(file, pre_buffer=False)
                for group in range(parquet.num_row_groups):
                    here = pc.is_in(parquet.read_row_group(group, ["id"]).column("id"), wanted)
                    if pc.any(here).as_py():
                        rows = parquet.read_row_group(group, ["id", "text"]).filter(here).to_pylist()
                        texts |= {row["id"].hex(): row["text"][:characters] for row in rows}
    return found, texts


def _documents(config: Config, segment: Mapping[str, str]) -> str:
    return join(config.output, f"work/{segment['dataset']}/{segment['segment']}/*.parquet")


def _executor(config: Config, context: Context) -> Executor:
    if config.execution.executor == "inline":
        return InlineExecutor(context)
    from pipeline.execute.on_ray import RayExecutor  # importing ray takes a second

    return RayExecutor(context, config.execution.workers, config.execution.address)


def _check_output(plan: Plan, storage: Storage) -> None:
    """Refuse an output that cannot be written, or that holds another run."""
    output, name = plan.config.output, plan.config.name
    storage.check_writable(output)
    path = join(output, PLAN)
    if storage.stat(path) is None:
        return
    try:
        earlier = json.loads(storage.read(path))["name"]
    except (ValueError, KeyError, TypeError):
        what = f"{path} is damaged; remove it if this is the right place"
        raise plan.config.problem(("output",), what) from None
    if earlier != name:
        what = f"{output} holds the run {earlier!r}; give {name!r} an output of its own"
        raise plan.config.problem(("output",), what)


def _prepare(plan: Plan, storage: Storage) -> None:
    """Clear what killed writers left, keep the resources, freeze the plan."""
    output = plan.config.output
    storage.sweep(output)
    for source, resource in plan.resources.items():
        resources.keep(storage, source, resource)
    path, new = join(output, PLAN), plan.as_json()
    earlier = json.loads(storage.read(path)) if storage.stat(path) is not None else new
    if earlier["segments"] != json.loads(_json(new))["segments"]:
        # what speaks of the whole would speak of another plan
        for name in (STATS, CARD, *_blends(plan.config)):
            storage.delete(join(output, name))
    storage.write(path, _json(new))


def _open_stages(plan: Plan, executor: Executor, console: Console) -> None:
    """Open every stage once where it will run: what a model or setting is missing shows before any work."""
    notes: dict[str, None] = {}
    waiting = [OpenTask(s.key, s.steps, s.resources) for s in plan.segments.values() if s.steps]
    running = 0
    while waiting or running:
        while waiting and running < executor.slots:
            executor.submit(waiting.pop(0), isolated=False)
            running += 1
        for ended in executor.wait(1.0):
            running -= 1
            if ended.receipt is None:
                error = _named(plan, ended.error)
                raise ConfigError(f"{plan.config.source.path}: {ended.task.label}: {error}")
            notes |= dict.fromkeys(ended.receipt.notes)
    for note in sorted(notes):  # the roles of a stage say the same
        console.print(note, markup=False, highlight=False)


def _named(plan: Plan, error: str) -> str:
    """An error of a stage, with its resources by the paths that the config names."""
    for source, resource in plan.resources.items():
        kept = resource.path.rsplit("/", 1)[1]
        error = re.sub(rf"\S*/{re.escape(kept)}", source.replace("\\", r"\\"), error)
    return error


def _finish(plan: Plan, ledger: Ledger, found: Mapping[str, Any], artefacts: Mapping[str, Any]) -> None:
    """Write the files that speak of the whole."""
    config, write = plan.config, ledger.storage.write
    ledger.check()
    blend = None
    if config.blend:
        try:
            blend = weights(config.blend, config.budget, found)
        except ValueError as error:
            raise RunFailed(f"the blend cannot be made: {error}") from None
        write(ledger.path(BLEND), _json(blend))
        for phase in config.blend:
            write(ledger.path(_megatron_file(phase.phase)), megatron(blend, phase.phase).encode())
    for name, artefact in artefacts.items():
        write(ledger.path(name), _json(artefact))
    write(ledger.path(STATS), _json(found))
    write(ledger.path(CARD), card(found, blend, config.as_json()).encode())
    ledger.storage.delete(ledger.path(TOKEN))


def _artefacts(plan: Plan, ledger: Ledger, schedule: Schedule) -> dict[str, Any]:
    """What global stages leave for later runs, by file name."""
    found: dict[str, Any] = {}
    for segment in plan.segments.values():
        if segment.judged is None:
            continue
        stage = unopened(segment.judged)
        assert isinstance(stage, Global)
        if stage.shared:
            key = round_key(segment, LAST)
            made = sorted(schedule.states[key].made.items())
            files = [
                ledger.path(round_file(f"work/{key}", name)) for name, made in made if made.counts["rows"]
            ]
            rows = all_rows(ledger.storage, files, stage.verdicts)
            if (artefact := stage.artefact(rows)) is not None:
                found[f"artefacts/{segment.dataset}-{segment.judged.label}.json"] = artefact
    return found


def _remove_stale(plan: Plan, ledger: Ledger, schedule: Schedule, artefacts: Mapping[str, Any]) -> None:
    """Delete what an earlier config of this run made and this one does not."""
    storage, path = ledger.storage, ledger.path
    # a calibration of this run may be what its own config names by now
    current = {*plan.resources, *(kept for r in plan.resources.values() for kept in r.paths())}
    current |= {path(name) for name in (TOKEN, *_blends(plan.config), *artefacts)}
    for key, group in schedule.groups.items():
        for name, made in schedule.states[key].made.items():
            # of a failed part the receipt alone: files there are those of an earlier config
            names = group.files(name) if made.done else [f"{group.receipts}/{name}.json"]
            current |= {path(file) for file in names}
    found = [info for directory in ("work", "corpus", "artefacts") for info in storage.list(path(directory))]
    for info in [*found, *storage.glob(path("blend*"))]:
        if info.path not in current:
            ledger.check()
            storage.delete(info.path)


def _blends(config: Config) -> list[str]:
    return [BLEND, *(_megatron_file(phase.phase) for phase in config.blend)] if config.blend else []


def _megatron_file(phase: int) -> str:
    return f"blend-phase{phase}.txt"


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode()


class _Silent:
    def begin(self, group: Any, total: int, reused: int) -> None: ...

    def end(self, group: Any, task: Any, receipt: Any) -> None: ...

    def tick(self) -> None: ...
