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

import pytest
from runs import ROOT, command, hashes, toy_config

RAY = str(Path(sys.executable).parent / "ray")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def dashboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A head node of two CPUs; the address of its job server."""
    for name, value in {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
        "RAY_USAGE_STATS_ENABLED": "0",
    }.items():
        monkeypatch.setenv(name, value)
    port, gcs = free_port(), free_port()
    monkeypatch.setenv("TEST_GCS", f"127.0.0.1:{gcs}")
    options = [f"--port={gcs}", f"--dashboard-port={port}", f"--ray-client-server-port={free_port()}"]
    log = tmp_path / "head"
    with node([RAY, "start", "--head", "--include-dashboard=true", "--num-cpus=2", *options], log) as started:
        assert started, log.read_text()
        yield f"http://127.0.0.1:{port}"


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


def test_an_output_that_one_node_cannot_see_is_refused(tmp_path: Path, dashboard: str) -> None:
    config = toy_config(tmp_path)
    (tmp_path / "out").mkdir()
    gcs = os.environ["TEST_GCS"]
    join = f'mount -t tmpfs tmpfs {tmp_path / "out"} && exec {RAY} start --address={gcs} --num-cpus=1 "$@"'
    with node(["unshare", "-m", "sh", "-c", join, "sh"], tmp_path / "blind") as started:
        if not started:
            pytest.skip(
                f"needs the right to make a mount namespace: {(tmp_path / 'blind').read_text()[-200:]}"
            )
        done = command("run", "-c", config, "--set", f"execution.address={gcs}", check=2)
        assert "that 1 of the cluster's 2 nodes cannot see" in done.stderr
        assert not list((tmp_path / "out").rglob("*.parquet"))
        # a directory that both see will do
        command(
            "run", "-c", config, "--set", f"execution.address={gcs}", "--set", f"output={tmp_path / 'seen'}"
        )
        assert hashes(tmp_path / "seen")


def test_submitted_job_gives_the_same_bytes(tmp_path: Path, dashboard: str) -> None:
    config = toy_config(tmp_path)
    command("run", "-c", config, "--executor", "inline")
    submitted = subprocess.run(
        [RAY, "job", "submit", "--address", dashboard, "--working-dir", str(ROOT), "--",
         sys.executable, "pipeline/run.py", "--config", str(config), "--set", f"output={tmp_path / 'job'}"],
        capture_output=True, text=True, check=False, timeout=240, env={**os.environ},
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stdout[-3000:] + submitted.stderr[-3000:]
    assert "parts computed" in submitted.stdout
    assert hashes(tmp_path / "job") == hashes(tmp_path / "out")
