"""A run that is killed again and again, and started again until it is done."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import psutil


class Struck(NamedTuple):
    """How often a run was started until it was done, and struck: less often than was asked if it was done
    before."""

    starts: int
    kills: int


def run_with_kills(
    arguments: list[str], kills: int, seed: int, window: float, patience: float = 240.0
) -> Struck:
    """``nanocorpus`` with ``arguments``, struck by SIGKILL at ``kills`` random moments: by turns the driver,
    one worker, or driver and all workers at once. Starts it again after each death of the driver, until it
    exits with 0. ``window``: a strike comes at most so many seconds after
    a start or the strike before; ``patience``: the last start may take so many."""
    rng = random.Random(seed)
    starts = struck = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        starts += 1
        while struck < kills:
            try:
                process.wait(timeout=rng.uniform(0.2, window))
                break
            except subprocess.TimeoutExpired:
                struck += 1
                if strike(process.pid, ("driver", "worker", "all")[struck % 3], rng):
                    break
        _, stderr = process.communicate(timeout=patience)
        bury(process.pid)
        if process.returncode == 0:
            return Struck(starts, struck)
        if process.returncode != -signal.SIGKILL:
            raise AssertionError(f"exit {process.returncode}: {stderr.decode()[-2000:]}")


def strike(pid: int, whom: str, rng: random.Random) -> bool:
    """Kills the driver ``pid``, one worker, or all at once; True if the driver is dead now."""
    driver = psutil.Process(pid)
    family = driver.children(recursive=True)
    workers = [p for p in family if _is_worker(p)]
    if whom == "worker" and workers:
        _kill(rng.choice(workers))
        return False
    _kill(driver)  # first, or it may see its cluster die, and say so
    if whom == "all":
        for process in family:
            _kill(process)
    return True


def _is_worker(process: psutil.Process) -> bool:
    """Not the node, which has the command of its workers among its arguments, nor its agents, whose names
    begin like those of workers: all work of the node ends with any of these."""
    try:
        name = process.name()
        if name.startswith("ray::"):
            return not name.endswith("Agent")
        return any(argument.endswith("default_worker.py") for argument in process.cmdline())
    except psutil.Error:
        return False


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.kill()


def bury(pid: int) -> None:
    """Wait a little for what is left of the run's session, then kill it. Ray's helpers take half a minute to
    notice that their driver is gone."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        left = [p for p in psutil.process_iter(["pid"]) if _session(p.pid) == pid and p.status() != "zombie"]
        if not left:
            return
        time.sleep(0.1)
    for process in left:
        _kill(process)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1
