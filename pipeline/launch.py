"""A run from beginning to end: plan, execute, write the accounts and the dataset card.

Puts the steps in order for the command line, for ``ray job submit`` and for tests; other modules do the work.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rich.console import Console

from pipeline import layout
from pipeline.blend.export import export
from pipeline.blend.weights import weights
from pipeline.config.located import ConfigError
from pipeline.config.schema import Config
from pipeline.execute.base import Executor
from pipeline.execute.inline import InlineExecutor
from pipeline.execute.on_ray import ClusterError, RayExecutor
from pipeline.ledger.cache import Cache, NoCache
from pipeline.ledger.commit import Ledger, Superseded
from pipeline.ledger.tallies import ConservationError
from pipeline.output import claim, finish, prepare, unchanged, whole
from pipeline.plan import build as planning
from pipeline.plan.segment import Plan
from pipeline.report import account, tables
from pipeline.report.costs import Cost, Model
from pipeline.report.estimate import Cluster, Estimate, estimate
from pipeline.report.forecast import forecast, sizes
from pipeline.report.foreseen import Foreseen, foresee
from pipeline.report.measured import NotMeasured, finished, measured
from pipeline.report.progress import Board, Event
from pipeline.report.stats import stats
from pipeline.report.tokenizer import tokenizer
from pipeline.report.view import Format, view
from pipeline.schedule.groups import groups
from pipeline.schedule.loop import DEATHS_BEFORE_ISOLATION, RunFailed, Schedule
from pipeline.schedule.packing import Packs
from pipeline.sealed import Damaged
from pipeline.storage import Storage, StorageError, is_local, join
from pipeline.tasks.base import Context, Task
from pipeline.tasks.calls import StageError
from pipeline.tasks.clock import DriverClock
from pipeline.tasks.part import OpenTask
from stages import ahead


def dry(config: Config) -> Config:
    """The same run into a directory of its own below the output."""
    return replace(config, output=join(config.output, layout.DRY_RUN))


def make_plan(config: Config, storage: Storage, inputs: int | None = None) -> Plan:
    """The plan. ``inputs``: take only this many inputs of each dataset."""
    plan = planning.build(config, storage)
    plan.sizes.update({name: sizes(items) for name, items in plan.inputs.items()})
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
    log_format: Format = "auto",
    caches: Sequence[str] = (),
) -> dict[str, Any]:
    """Run a config to its end and return its ``stats.json``. ``limit``: a dry run (see ``dry``) of this many
    records of each input. ``log_format``: how progress is shown, see ``report.view``. ``caches``:
    other outputs, from which parts are copied that this run would compute to the same result.

    Raises ConfigError, ClusterError or StorageError if it could not start, and RunFailed if it could not
    finish or more failed than the config allows. What was committed stays and is used by the next run.
    """
    started = time.monotonic()
    shown = view(console, log_format)
    with Board(shown) as board:
        board.phase("listing inputs")
        _check_job(config)
        storage = Storage(config.storage)
        plan = make_plan(config, storage, inputs)
        ahead.start()
        others = _caches(plan, storage, caches)
        manifest = claim(config, storage, dry=limit is not None)
        ledger = Ledger(storage, config.output, uuid.uuid4().hex, config.name)
        seconds = config.limits.document_seconds
        context = Context(
            config.output, ledger.token, config.storage, config.seed, seconds, limit, config.name
        )
        board.phase(f"starting the executor ({config.execution.executor})")
        executor = _executor(config, context, _remote(plan))
        executor.hear = board.beat
        schedule = None
        clock = DriverClock(executor.workers)
        try:
            executor.check(segment.resources for segment in plan.segments.values())
            ledger.take_over()
            board.phase("looking at the output")
            prepare(plan, ledger, manifest)
            board.phase("loading stages")
            _open_stages(plan, executor, board)
            ends = tokenizer(plan, storage) if config.export else None
            if ends is not None and ends["eos_id"] is None:
                what = "it is not known which token ends a document, which an export needs: give `eos`"
                raise config.problem(("tokenizer",), what)
            board.phase("looking for work")
            schedule = Schedule(
                groups(plan, limit),
                ledger,
                config.limits,
                board,
                lambda: manifest.drop(ledger, [*whole(config), *layout.EARLIER]),
                retry_failed,
                others,
                Packs(ledger, manifest),
            )
            clock.begin()
            try:
                schedule.run(executor)
                clock.end()
            finally:
                if any(state.failures for state in schedule.states.values()):
                    failed = {k: e for state in schedule.states.values() for k, e in state.failures.items()}
                    table = tables.failures(schedule.states.values())
                    shown.result("failures", table, {"failures": failed})
            kept = list[str]()
            if (as_it_was := unchanged(plan, ledger, manifest, schedule)) is not None:
                found, left = as_it_was
                blend = _blend(config, found, dry=limit is not None)
            else:
                board.phase("writing what describes the whole")
                found = {**stats(plan, schedule.states), "tokenizer": tokenizer(plan, storage)}
                blend = _blend(config, found, dry=limit is not None)
                kept, left = finish(plan, ledger, manifest, schedule, found, blend, clock.read)
            if blend is not None and limit is None:
                _export(storage, config, board)
        except ClusterError as error:
            if schedule is None:
                raise
            raise RunFailed(account.leave(plan, ledger, manifest, schedule.states, str(error))) from None
        except (
            StorageError, Superseded, ConservationError, Damaged, StageError, RunFailed, SystemExit,
        ) as error:  # fmt: skip
            reason = f"a stage called sys.exit({error})" if isinstance(error, SystemExit) else str(error)
            if schedule is not None:
                reason = account.leave(plan, ledger, manifest, schedule.states, reason)
            raise RunFailed(reason) from None
        finally:
            board.phase("stopping the executor")
            executor.close()
    shown.result("attrition", tables.attrition(found), {"datasets": found["datasets"]})
    if limit is not None:
        for said in forecast(plan, schedule.states):
            if isinstance(said, str):
                board.note(said)
            else:
                shown.result("forecast", said, tables.cells(said))
    work = tables.Work.of(schedule.states, time.monotonic() - started)
    shown.event(Event("finished", str(work), work._asdict()))
    mended = {*schedule.damages, *map(ledger.path, manifest.mended)}
    for line in tables.notices(config.output, found, mended, kept, left):
        board.note(line, "yellow")
    return found


def _export(storage: Storage, config: Config, board: Board) -> None:
    for form, folder in config.export.items():
        board.phase(f"exporting ({form})")
        try:
            made = export(form, storage, join(config.output, layout.CORPUS), folder)
        except ValueError as error:
            raise RunFailed(f"the run is finished, but not exported to {folder}: {error}") from None
        board.note(f"{form}: {made.shards} shards ({made.reused} there already) in {folder}")


def survey(config: Config) -> tuple[Plan, list[tuple[str, int | None, int]]]:
    """The plan, and for each group the number of its tasks (None if not known yet) and of those done."""
    storage = Storage(config.storage)
    plan = make_plan(config, storage)
    ledger = Ledger(storage, config.output, "", config.name)
    schedule = Schedule(groups(plan), ledger, config.limits, _Silent())
    return plan, [(group.key, total, done) for group, total, done in schedule.survey()]


def foreseen(config: Config, output: str) -> Foreseen:
    """What the config would do if ``output``, where a run was before, were its own. Runs nothing."""
    storage = Storage(config.storage)
    plan = make_plan(replace(config, output=output.rstrip("/")), storage)
    return foresee(storage, output.rstrip("/"), plan)


def estimated(config: Config, cluster: Cluster, basis: str | None = None) -> Estimate:
    """What the inputs of a config will cost, from the finished run in ``basis``: by default that of its dry
    run, or else its own. NotMeasured if there is none."""
    storage = Storage(config.storage)
    plan = make_plan(config, storage)
    own = finished(storage, config.output)
    if basis is None:
        basis = dry(config).output
        if own and not finished(storage, basis):
            basis = config.output
    ran = measured(storage, config.output) if own and basis != config.output else None
    return estimate(plan, measured(storage, basis), cluster, ran)


def _caches(plan: Plan, storage: Storage, outputs: Sequence[str]) -> list[Cache]:
    ours = [segment.as_json() for segment in plan.segments.values()]
    own = {planning.real(plan.config.output), planning.real(plan.config.output.removesuffix("/dry-run"))}
    found = []
    for output in outputs:
        if planning.real(output) in own:
            raise ConfigError(
                f"--cache: {output} is the output of this very run, whose parts are used anyway"
            )
        try:
            place = os.path.abspath(os.path.expanduser(output)) if is_local(output) else output.rstrip("/")
            found.append(Cache(storage, place, ours))
        except NoCache as error:
            raise ConfigError(f"--cache: {error}") from None
    return found


def expected(config: Config, plan: Plan) -> dict[str, Cost]:
    """By group, what the dry run of a config (or the run itself) lets expect; empty without one."""
    storage = Storage(config.storage)
    for output in (dry(config).output, config.output):
        with suppress(NotMeasured):
            return {cost.key: cost for cost in Model(plan, measured(storage, output)).costs()}
    return {}


def _check_job(config: Config) -> None:
    """Refuse a relative output in a Ray job: it would be in a directory that Ray removes with the job."""
    if config.output_relative and "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        raise config.problem(
            ("output",),
            f"is relative, and would lie in {config.output}, which Ray removes after the job; give a path "
            "that starts with / on a file system of all nodes, or an s3:// address",
        )


def _blend(config: Config, found: dict[str, Any], dry: bool) -> dict[str, Any] | None:
    """The content of ``blend.json``. None without a blend, and in a dry run in which a dataset has no tokens
    left: the table that is printed shows which stage dropped them."""
    if not config.blend or (dry and not all(found["datasets"][name]["tokens"] for name in config.blended)):
        return None
    try:
        return weights(config.blend, config.budget, found)
    except ValueError as error:
        raise RunFailed(f"the blend cannot be made: {error}") from None


def _remote(plan: Plan) -> bool:
    """Whether inputs or output are behind an object store. Inputs of a dataset are in one place."""
    inputs = (items[0][1].path for items in plan.inputs.values() if items)
    return not all(map(is_local, (plan.config.output, *inputs)))


def _executor(config: Config, context: Context, remote: bool) -> Executor:
    if config.execution.executor == "inline":
        return InlineExecutor(context)
    return RayExecutor(context, config.execution.workers, config.execution.address, remote)


def _open_stages(plan: Plan, executor: Executor, board: Board) -> None:
    """Open every stage once where it will run: a missing model or wrong setting shows before any work."""
    notes: dict[str, None] = {}
    deaths: Counter[str] = Counter()
    waiting: list[Task] = [OpenTask(s.key, s.steps, s.resources) for s in plan.segments.values() if s.steps]
    running = 0
    while waiting or running:
        while waiting and running < executor.slots:
            executor.submit(waiting.pop(0), isolated=False)
            running += 1
        for ended in executor.wait(1.0):
            running -= 1
            if ended.died and deaths[ended.task.label] < DEATHS_BEFORE_ISOLATION:
                deaths[ended.task.label] += 1
                waiting.append(ended.task)
                continue
            if ended.receipt is None:
                error = _named(plan, ended.error)
                raise ConfigError(f"{plan.config.source.path}: {ended.task.label}: {error}")
            notes |= dict.fromkeys(ended.receipt.notes)
    for note in sorted(notes):  # the roles of a stage give the same notes
        board.note(note)


def _named(plan: Plan, error: str) -> str:
    """The error of a stage, with the paths of its assets as in the config."""
    for source, asset in plan.assets.items():
        kept = asset.path.rsplit("/", 1)[1]
        error = re.sub(rf"\S*/{re.escape(kept)}", source.replace("\\", r"\\"), error)
    return error


class _Silent:
    def begin(self, group: Any, total: int, reused: int) -> None: ...

    def start(self, group: Any, task: Any) -> None: ...

    def stop(self, task: Any) -> None: ...

    def end(self, group: Any, task: Any, receipt: Any) -> None: ...

    def doubled(self, task: Any, seconds: float, usual: float) -> None: ...

    def damaged(self, damage: Any) -> None: ...
