"""The files in ``examples/cluster``: that they parse, and say the versions and options that there are.

A job on a real head node is in ``tests/e2e/test_job.py``.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import Any

import click
import typer.main
import yaml
from runs import ROOT

import nanocorpus
from pipeline.cli import app

CLUSTER = ROOT / "examples" / "cluster"


def options_of(command: str) -> dict[str, Any]:
    """What the command line of ``nanocorpus run …`` is understood as."""
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("nanocorpus", "run")
    run = typer.main.get_command(app).get_command(click.Context(click.Command("nanocorpus")), "run")  # type: ignore[attr-defined]
    return run.make_context("run", arguments).params


def test_the_manifest_says_what_there_is() -> None:
    job = yaml.safe_load((CLUSTER / "rayjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    options = options_of(job["spec"]["entrypoint"])
    cluster = job["spec"]["rayClusterSpec"]
    groups = cluster["workerGroupSpecs"]
    cpus = sum(
        group["maxReplicas"] * int(group["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
        for group in groups
    )
    assert options["workers"] == cpus
    assert options["config"] == "cc_v2.yaml"
    pinned = re.search(r"^ray==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert cluster["rayVersion"] == pinned[1]
    assert f"rayproject/ray:{pinned[1]}-" in (CLUSTER / "Dockerfile").read_text()
    templates = [cluster["headGroupSpec"]["template"], *(group["template"] for group in groups)]
    images = {template["spec"]["containers"][0]["image"] for template in templates}
    assert images == {f"REGISTRY/nanocorpus:{nanocorpus.__version__}"}


def test_the_script_is_a_script() -> None:
    subprocess.run(["bash", "-n", CLUSTER / "slurm.sh"], check=True)
    command = (CLUSTER / "slurm.sh").read_text().rpartition("-- \\\n")[2].replace('"$@"', "-c a.yaml")
    assert options_of(command)["set_"] == ["execution.address=$head:$port"]
