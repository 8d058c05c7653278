"""Claim: nodes that come while a run is at work get parts of it; nodes that vanish, and that nobody replaces,
cost only the parts that they were at; the bytes are the same.

    python benchmarks/nodes.py [--parts 36] [--seconds 1.5]

A config whose parts do nothing but wait runs inline, and then on clusters of nodes of one CPU each, which are
processes of this machine: on a single node; on three, of which two are killed with all their workers after a
quarter and a half of the parts; on three, of which the workers of one stand still (SIGSTOP) after a quarter;
and on one whose autoscaler (Ray's, with a provider of local nodes) may start two more. Compares sha256 over
all files of the outputs; counts the parts that each node did, those done twice, and seconds from when the run
looks for work. Exits 1 if bytes differ, if a node got nothing, if more parts were done twice than the killed
nodes had under way, if a node that stands still makes a run take twice as long as one node does, or if three
nodes that the autoscaler starts are not 1.5 times as fast as one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import psutil

from benchmarks.lib.watched import watched
from tests.e2e.test_job import free_port
from tests.runs import hashes

NEEDS = ("ray", "psutil")
FLOORS = {"autoscaled to three nodes, times one node": 1.5}
CEILINGS = {
    "outputs that differ": 0,
    "parts done twice, of those under way on killed nodes": 1,
    "a node that stands still, times the seconds of one node": 2,
}
RAY = str(Path(sys.executable).parent / "ray")

CONFIG = """
name: nodes
output: {output}
datasets:
  web:
    read: {{format: jsonl, paths: ["{folder}/in/*.jsonl"]}}
    stages:
      - benchmarks.lib.placed:Placed: {{seconds: {seconds}, notes: {folder}/notes}}
      - exact_dedup: {{}}
"""
_LISTS = (
    *("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"),
    *("head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files"),
    *("rsync_exclude", "rsync_filter"),
)
#: A cluster whose autoscaler may start two nodes.
AUTOSCALED: dict[str, Any] = {
    **{key: [] for key in _LISTS},
    **{key: {} for key in ("auth", "docker", "file_mounts")},
    "file_mounts_sync_continuously": False,
    "cluster_name": "nodes",
    "max_workers": 2,
    "upscaling_speed": 1.0,
    "idle_timeout_minutes": 5,
    "provider": {"type": "external", "module": "benchmarks.lib.local_nodes.LocalNodes"},
    "head_node_type": "ray.head.default",
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 0},
        "another": {
            "resources": {"CPU": 1, "memory": 4 << 30},
            "node_config": {},
            "min_workers": 0,
            "max_workers": 2,
        },
    },
}


class Ran(NamedTuple):
    """A run: seconds of it, the parts that each node did, and those that were done more than once."""

    seconds: float
    parts: list[int]
    again: int


def tree(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        top = psutil.Process(pid)
        return [*top.children(recursive=True), top]
    return []


def kill(pid: int) -> None:
    """A node as one that loses its power: all of its processes at once."""
    for process in tree(pid):
        with contextlib.suppress(psutil.Error):
            process.kill()


@contextlib.contextmanager
def node(*options: str) -> Iterator[int]:
    """A node of one CPU; the id of its process."""
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        command = [RAY, "start", *options, "--num-cpus=1", "--block"]
        process = subprocess.Popen(command, stdout=log.fileno(), stderr=subprocess.STDOUT)
        try:
            until(lambda: "Ray runtime started" in Path(log.name).read_text(), "a node does not start")
            yield process.pid
        finally:
            kill(process.pid)
            process.wait(60)


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 120
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


class Bench:
    """Inputs, and the outputs of the runs over them."""

    def __init__(self, folder: Path, parts: int, seconds: float) -> None:
        self.folder, self.parts, self.seconds = folder, parts, seconds
        (folder / "in").mkdir()
        for number in range(parts):
            text = json.dumps({"id": str(number), "text": f"{number} and no other {number % 7}"})
            (folder / "in" / f"{number:03d}.jsonl").write_text(text + "\n")

    def run(self, name: str, *options: str, meanwhile: Callable[[Path], None] | None = None) -> Ran:
        """A run into its own output; ``meanwhile`` gets the file in which parts are noted."""
        config, notes = self.folder / f"{name}.yaml", self.folder / "notes"
        settings = {"output": self.folder / name, "folder": self.folder, "seconds": self.seconds}
        config.write_text(CONFIG.format(**settings))
        notes.write_text("")  # the same for all runs, as it stands in the config
        command = [sys.executable, "-m", "pipeline", "run", "-c", str(config), *options]
        seconds = watched(command, meanwhile and (lambda: meanwhile(notes))).ending
        done = [line.split() for line in notes.read_text().splitlines()]
        parts = Counter(place for place, _ in done)
        return Ran(seconds, sorted(parts.values(), reverse=True), len(done) - self.parts)

    def wait_for(self, notes: Path, share: int) -> None:
        """Until one part of so many is done."""
        until(lambda: len(notes.read_text().splitlines()) >= self.parts // share, "no parts")

    def halt(self, pid: int, notes: Path) -> None:
        """After a quarter of the parts the workers of a node stand still, as before a disk that is hung."""
        self.wait_for(notes, 4)
        for process in tree(pid):
            with contextlib.suppress(psutil.Error):
                if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::"):
                    process.suspend()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, default=36)
    parser.add_argument("--seconds", type=float, default=1.5, help="that each part takes")
    options = parser.parse_args()
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
    gcs = f"127.0.0.1:{free_port()}"
    on_cluster = ("--set", f"execution.address={gcs}")
    head = ("--head", f"--port={gcs.rpartition(':')[2]}", "--include-dashboard=false")
    with tempfile.TemporaryDirectory(prefix="nodes-") as name:
        bench = Bench(Path(name), options.parts, options.seconds)
        ran = {"inline": bench.run("inline", "--executor", "inline")}
        with node(*head):
            ran["one"] = bench.run("one", *on_cluster)
        with node(*head), node(f"--address={gcs}") as second, node(f"--address={gcs}") as third:

            def strike(notes: Path) -> None:
                for share, victim in ((4, second), (2, third)):
                    bench.wait_for(notes, share)
                    kill(victim)

            ran["vanishing"] = bench.run("vanishing", *on_cluster, meanwhile=strike)
        with node(*head), node(f"--address={gcs}") as second, node(f"--address={gcs}"):
            ran["standing"] = bench.run(
                "standing", *on_cluster, meanwhile=lambda notes: bench.halt(second, notes)
            )
        scaling = bench.folder / "autoscaling.yaml"
        provider = {**AUTOSCALED["provider"], "gcs_address": gcs}
        scaling.write_text(json.dumps({**AUTOSCALED, "provider": provider}))
        os.environ |= {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
        os.environ["PATH"] = os.pathsep.join([str(Path(RAY).parent), os.environ["PATH"]])
        with node(*head, f"--autoscaling-config={scaling}"):
            ran["autoscaled"] = bench.run("autoscaled", *on_cluster, "--workers", "3")
        expected = hashes(bench.folder / "inline")
        differ = [way for way in ran if hashes(bench.folder / way) != expected]
    for way, found in ran.items():
        print(f"{way:12} {found.seconds:6.1f} s  parts by node {found.parts}  done again {found.again}")
    ratio = ran["one"].seconds / ran["autoscaled"].seconds
    under_way = 2 * 2  # two nodes, each with a part at work and another that waits
    again = ran["vanishing"].again
    print(f"nodes.bytes       {len(differ)}  0  {len(differ)}  0  (outputs that differ: {differ})")
    print(f"nodes.again       {again}  {under_way}  {again / under_way:.2f}  1  (parts done twice)")
    late = ran["standing"].seconds / ran["one"].seconds
    print(f"nodes.standing    {late:.2f}  1  {late:.2f}  2  (times the seconds of one node)")
    print(f"nodes.autoscaled  {ratio:.2f}  1  {ratio:.2f}  1.5  (times the speed of one node)")
    shared = len(ran["vanishing"].parts) == 3 and len(ran["autoscaled"].parts) > 1
    return 0 if not differ and shared and again <= under_way and late <= 2 and ratio >= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
