"""The executor on Ray Core: one Ray task for each part, a bounded number at once; only receipts are returned.

Ray schedules, and reports workers that died; retries are decided in ``pipeline.schedule``. Workers keep
opened stages between tasks and are replaced after ``RECYCLE`` tasks, so that memory which a parser leaks is
returned. What takes minutes to load lives in actors instead (``actors``).

Behind an object store a task waits at its beginning, for pieces of its input, and until its files are
published. So more tasks are under way than there are CPUs: the next ones read while the others compute. Each
asks Ray for its share of a CPU and for all of its memory, so no node takes more than it has.

Knows Ray; does not know what tasks do.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pipeline.execute.actors import Actors
from pipeline.execute.base import Hear, unheard
from pipeline.execute.beating import beating
from pipeline.execute.isolated import run_isolated
from pipeline.execute.pulse import Pulse, telling
from pipeline.storage import TEMP_PREFIX, Storage, StorageError, is_local, join
from pipeline.tasks import clock
from pipeline.tasks.base import Context, Ended, Task, attempt
from pipeline.tasks.guard import Guard
from stages.base import Resources

#: Tasks after which a worker process is replaced.
RECYCLE = 64
#: Seconds for which it is not asked again which nodes there are.
NODES_SECONDS = 5.0
#: Tasks that wait at the workers, for each CPU: one that ends its task has the next one at hand. None where
#: ``workers`` are fewer than the cluster has or may get: more would run at once than were asked for.
AHEAD = 0.5
#: Tasks that are under way for each CPU, where they wait for an object store: as many as there are CPUs
#: compute while half as many read or write. A third of the time may be spent waiting before a CPU is idle.
UNDER_WAY = 1.5

#: Stands for the task in what a worker returns: the driver has it, and it may name hundreds of files.
_KNOWN = cast(Task, None)

_ROOT = str(Path(__file__).resolve().parent.parent.parent)


class ClusterError(Exception):
    """There is no Ray cluster, or it cannot run this."""


def _end_autoscaler() -> None:
    """A local cluster has an autoscaler too. Asked to end, it does nothing until Ray has waited a second, so
    it is not asked."""
    program = b"ray/autoscaler/_private/monitor.py"
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == str(os.getpid()) and program in (place / "cmdline").read_bytes():
                os.kill(int(place.name), signal.SIGKILL)


class RayExecutor:
    """Uses the cluster at ``address`` or ``RAY_ADDRESS``, or starts a local one for this run."""

    def __init__(
        self,
        context: Context,
        workers: int | None = None,
        address: str | None = None,
        remote: bool = False,
    ) -> None:
        """``remote``: inputs or output are behind an object store."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # silences a warning about accelerators on machines without any
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        self._ray: Any = ray  # ray is only partly typed
        address = address or os.environ.get("RAY_ADDRESS") or "local"
        paths = os.pathsep.join(dict.fromkeys([_ROOT, os.getcwd(), *filter(None, sys.path)]))
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address == "local":
            os.environ["PYTHONPATH"] = paths  # the workers of a local cluster inherit it
            options |= {"address": "local", "num_cpus": workers, "include_dashboard": False}
        else:
            _check_reachable(address)
            options |= {"address": address}
            if "RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ:  # a submitted job brings its own
                options["runtime_env"] = {"env_vars": {"PYTHONPATH": paths}}
        try:
            ray.init(**options)
        except Exception as error:  # Ray raises many kinds of errors, also for authentication
            raise ClusterError(f"no Ray cluster at {address}: {error}") from None
        self._context = context
        here = os.getcwd()
        self._caller = _caller([*filter(None, sys.path), _ROOT], here if here != _ROOT else "")
        self._remote = ray.remote(max_retries=0, max_calls=RECYCLE)(self._caller)
        self._running: dict[Any, Task] = {}
        self.hear: Hear = unheard
        self._pulse = Pulse(ray)
        self._actors = Actors(ray, self._caller)
        self._most, self._ahead = workers, AHEAD if workers is None or address == "local" else 0.0
        self._under_way = UNDER_WAY if remote else 1.0
        self._asked, self._alive = -NODES_SECONDS, list[dict[str, float]]()
        self._check_output(context)

    @property
    def slots(self) -> int:
        """A few more than are under way; an autoscaler may add some. On a cluster with more CPUs than were
        asked for, only as many."""
        return math.ceil(self.workers * self._under_way) + math.ceil(self.workers * self._ahead)

    @property
    def workers(self) -> int:
        """As many as were asked for, or as the cluster has CPUs."""
        if self._most:
            return self._most
        return max(1, int(sum(node.get("CPU", 0) for node in self._nodes(needed=False))))

    def check(self, needs: Iterable[Resources]) -> None:
        """ClusterError if a task asks for more GPUs than any node has."""
        most = max(node.get("GPU", 0) for node in self._nodes())
        for need in needs:
            if need.gpus > most:
                raise ClusterError(f"a stage needs {need.gpus:g} GPU, and no node of the cluster has that")

    def submit(self, task: Task, isolated: bool) -> None:
        """Start a Ray task with the resources that the stages declare, but no more than a node has: a request
        that no node can meet would wait for ever, and a small machine may still succeed."""
        need = task.resources
        nodes = [node for node in self._nodes() if node.get("GPU", 0) >= need.gpus] or self._nodes()
        node = max(nodes, key=lambda node: (node.get("CPU", 0), node.get("memory", 0)))
        cpus = min(need.cpus, node.get("CPU", 0) or need.cpus)
        if need.cpus == 1 and not need.gpus and not need.lasting:
            cpus = self._share(min(self.workers, int(node.get("CPU", 0)) or 1))
        options: dict[str, Any] = {
            "num_cpus": cpus,
            "memory": int(min(need.memory, node.get("memory", 0) or need.memory)),
            "name": task.label,
        }
        if need.gpus:
            options["num_gpus"] = need.gpus
        beat = self._pulse.seconds(len(self._running) + len(self._actors.running))
        call = self._ray.cloudpickle.dumps((_run, (task, self._context, isolated, beat, cpus)))
        if need.lasting and not isolated:
            most = self.workers
            if need.gpus:
                most = min(most, int(sum(node.get("GPU", 0) // need.gpus for node in self._nodes())))
            del options["name"]  # for actors it would have to be unique
            self._actors.submit(task, (call, self._pulse.actor), options, max(most, 1))
        else:
            remote = self._remote.options(**options)
            self._running[remote.remote(call, self._pulse.actor)] = task

    def stop(self, task: Task) -> None:
        """See ``execute.base.Executor``."""
        for ref, running in self._running.items():
            if running.label == task.label:
                self._ray.cancel(ref, force=True)

    def _share(self, cpus: int) -> float:
        """Of a CPU for each task, where so many CPUs are shared; Ray counts ten thousandths."""
        return math.floor(10_000 * cpus / math.ceil(cpus * self._under_way)) / 10_000

    def _nodes(self, needed: bool = True) -> list[dict[str, float]]:
        """The resources of every node, as they were a few seconds ago at most: asking takes longer than
        submitting a task. ClusterError if there is none, unless none is ``needed``."""
        if time.monotonic() - self._asked >= NODES_SECONDS or not self._alive:
            self._alive = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self._asked = time.monotonic()
        if needed and not self._alive:
            raise ClusterError("no node of the Ray cluster is alive; start the run again when one is")
        return self._alive

    def wait(self, seconds: float) -> list[Ended]:
        """See ``execute.base.Executor``."""
        self._actors.begin()
        self._pulse.listen(self.hear)
        running = [*self._running, *self._actors.running]
        done, _ = self._ray.wait(running, num_returns=1, timeout=seconds)
        if done:  # collect all that have ended, not just one
            done, _ = self._ray.wait(running, num_returns=len(running), timeout=0)
        return [self._ended(ref) for ref in done]

    def close(self) -> None:
        """Leave the cluster; Ray ends what this driver started."""
        _end_autoscaler()
        self._ray.shutdown()

    def _ended(self, ref: Any) -> Ended:
        if ref in self._running:
            return self._result(ref, self._running.pop(ref))
        ended = self._result(ref, self._actors.running[ref].task)
        # an actor whose engine broke must not go on, and the next task must not wait for a dead one
        self._actors.end(ref, sound=not ended.died and ended.receipt is not None)
        return ended

    def _result(self, ref: Any, task: Task) -> Ended:
        errors = self._ray.exceptions
        try:
            ended: Ended = self._ray.get(ref)
            return replace(ended, task=task)
        except (
            errors.ActorDiedError,
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.OutOfMemoryError,
        ) as error:
            return Ended(task, error=str(error).split("\n")[0], died=True)
        except errors.RayError as error:
            return Ended(task, error=f"{type(error).__name__}: {error}", retryable=True)

    def _check_output(self, context: Context) -> None:
        """ClusterError unless all nodes of a cluster see the files that the driver writes."""
        nodes = [node["NodeID"] for node in self._ray.nodes() if node["Alive"]]
        if len(nodes) < 2 or not is_local(context.output):
            return
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        storage = Storage(context.storage)
        probe = join(context.output, f"work/{TEMP_PREFIX}probe-{uuid.uuid4().hex}")
        storage.write(probe, b"seen")
        try:
            see = self._ray.remote(num_cpus=0, max_retries=0)(self._caller)
            call = self._ray.cloudpickle.dumps((_sees, (probe,)))
            refs = {
                node: see.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, False)).remote(
                    call
                )
                for node in nodes
            }
            blind = [node for node, ref in refs.items() if not self._ray.get(ref)]
        finally:
            storage.delete(probe)
        if blind:
            raise ClusterError(
                f"output {context.output} is a local path that {len(blind)} of the cluster's {len(nodes)} "
                "nodes cannot see; give an s3:// address or a directory on a file system that all nodes share"
            )


def _check_reachable(address: str) -> None:
    """ClusterError if nothing listens at the address; Ray itself would wait for minutes."""
    host, _, port = address.rsplit("/", 1)[-1].rpartition(":")
    if not port.isdigit():
        return  # "auto" and the like
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except OSError as error:
        raise ClusterError(f"no Ray cluster at {address}: {error}") from None


def _caller(paths: list[str], last: str) -> Callable[..., Any]:
    """The function that Ray runs: sets the module path, then unpickles and makes a call.

    ``paths`` are those of the driver; ``last`` is its working directory, unless that is the checkout. Ray
    puts it first on a worker's path, and a folder there may be called ``pipeline`` or ``model``. So nothing
    of this package may be imported before the path is set: Ray sends this function as code, since it is
    local to another, and the call comes as bytes. Handles of actors cannot be among these: they are
    arguments of their own, and passed on.
    """

    def made(call: bytes, *handles: Any) -> Any:
        import pickle
        import sys

        sys.path[:] = dict.fromkeys([*(entry for entry in sys.path if entry != last), *paths, last])
        function, arguments = pickle.loads(call)
        return function(*arguments, *handles)

    return made


def _run(task: Task, context: Context, isolated: bool, seconds: float, cpus: float, pulse: Any) -> Ended:
    """In the worker. ``seconds``: between two heartbeats, which ``pulse`` gets. ``cpus``: that it has."""
    import pyarrow as pa

    pa.set_cpu_count(1)  # one core for each part, since other parts use the other cores
    clock.hold(min(cpus, 1.0))
    tell = telling(pulse, task.label)
    if isolated:
        return replace(run_isolated(task, context, tell), task=_KNOWN)
    guard = Guard(context.document_seconds, killable=True)
    with beating(guard, tell, seconds):
        return replace(attempt(task, context, guard), task=_KNOWN)


def _sees(path: str) -> bool:
    try:
        return Storage().stat(path) is not None
    except StorageError:
        return False
