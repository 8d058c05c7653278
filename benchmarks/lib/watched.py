"""A run in a process of its own, timed from when it looks for work: Ray has started and stages are loaded by
then, which takes as long for every run."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent


class Watched(NamedTuple):
    """Seconds from the first look for work until everything is written, and until the process has ended; and
    the peak memory of the process and those that it started, of which the largest counts."""

    working: float
    ending: float
    peak_bytes: int


def watched(command: Sequence[str], meanwhile: Callable[[], None] | None = None) -> Watched:
    """Run a command that ends in ``run`` and its options; ``meanwhile`` is called when it looks for work.
    RuntimeError if it fails."""
    looked = stopping = 0.0
    said: list[str] = []
    beside = threading.Thread(target=meanwhile or (lambda: None))
    process = subprocess.Popen(
        [*command, "--log-format", "json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if '"looking for work"' in line and not looked:
            looked = time.monotonic()
            beside.start()
        if '"stopping the executor"' in line and not stopping:
            stopping = time.monotonic()
    _, status, usage = os.wait4(process.pid, 0)
    ended = time.monotonic()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not looked < stopping:
        raise RuntimeError(f"{' '.join(command)} failed:\n{''.join(said[-20:])}")
    beside.join()
    return Watched(stopping - looked, ended - looked, usage.ru_maxrss * 1024)
