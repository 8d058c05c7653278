"""``ray job submit`` on a real cluster with token authentication: the same bytes as anywhere else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from runs import ROOT, command, hashes, launched, toy_config

RAY = str(Path(sys.executable).parent / "ray")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Head(NamedTuple):
    """A head node of two CPUs: the address of the cluster, and of its job server."""

    cluster: str
    jobs: str


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    port, gcs = free_port(), free_port()
    options = [f"--port={gcs}", f"--dashboard-port={port}", f"--ray-client-server-port={free_port()}"]
    start = [RAY, "start", "--head", "--include-dashboard=true", "--num-cpus=2", *options]
    log = tmp_path_factory.mktemp("head") / "log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        with node(start, log) as started:
            assert started, log.read_text()
            yield Head(f"127.0.0.1:{gcs}", f"http://127.0.0.1:{port}")


@contextmanager
def node(start: list[str], log: Path) -> Iterator[bool]:
    """A node of a cluster of its own, and nothing of any other on this machine; False if it does not start."""
    with log.open("w") as output:
        process = subprocess.Popen([*start, "--block"], stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 120
            while "Ray runtime started" not in log.read_text():
                if process.poll() is not None or time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.1)
            yield True
        finally:
            process.terminate()
            process.wait(60)


def test_submitted_job_gives_the_same_bytes(tmp_path: Path, head: Head) -> None:
    config = toy_config(tmp_path)
    launched(config)
    submitted = subprocess.run(
        [RAY, "job", "submit", "--address", head.jobs, "--working-dir", str(ROOT), "--",
         sys.executable, "pipeline/run.py", "--config", str(config), "--set", f"output={tmp_path / 'job'}"],
        capture_output=True, text=True, check=False, timeout=240, env={**os.environ},
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stdout[-3000:] + submitted.stderr[-3000:]
    assert "parts computed" in submitted.stdout
    assert hashes(tmp_path / "job") == hashes(tmp_path / "out")


def test_an_output_that_one_node_cannot_see_is_refused(tmp_path: Path, head: Head) -> None:
    config = toy_config(tmp_path)
    (tmp_path / "out").mkdir()
    join = f'mount -t tmpfs tmpfs {tmp_path / "out"} && exec {RAY} start --address={head.cluster} --num-cpus=1 "$@"'
    with node(["unshare", "-m", "sh", "-c", join, "sh"], tmp_path / "blind") as started:
        if not started:
            pytest.skip(
                f"needs the right to make a mount namespace: {(tmp_path / 'blind').read_text()[-200:]}"
            )
        done = command("run", "-c", config, "--set", f"execution.address={head.cluster}", check=2)
        assert "that 1 of the cluster's 2 nodes cannot see" in done.stderr
        assert not list((tmp_path / "out").rglob("*.parquet"))
        # a directory that both see will do
        command(
            "run",
            "-c",
            config,
            "--set",
            f"execution.address={head.cluster}",
            "--set",
            f"output={tmp_path / 'seen'}",
        )
        assert hashes(tmp_path / "seen")
