"""Runs a task in a child process that may die: finds the document that kills it, and does the rest.

The child writes into a journal which batch, step and row it is about to process. If it dies in a batch, the
next child processes that batch row by row; if it dies in a row, the next child leaves that row out and
records it as failed. So each such document costs two more children, and no other document is lost. A batch of
a ``Streamer``, where single rows are slow, is halved instead until one row is left. A child that fills the
memory of the machine is ended before the kernel does it.

Knows processes and journals; does not know executors. Run as a module, it is the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline.execute import base, memory
from pipeline.storage.spool import spool
from pipeline.tasks.base import Context, Ended, Task, attempt
from pipeline.tasks.beat import Beat
from pipeline.tasks.guard import (
    HARD_EXTRA,
    HARD_FACTOR,
    READING,
    WHOLE_BATCH,
    Entry,
    Guard,
    Suspects,
    last_beat,
    last_entry,
    last_words,
    new_journal,
)
from stages.base import Fault

#: If more children die on a part, its documents are not the problem.
MAX_CHILDREN = 64
_LOOK_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>


def run_isolated(task: Task, context: Context, hear: Callable[[Beat], None]) -> Ended:
    """Run ``task`` in child processes until one survives. ``hear``: called with its heartbeat."""
    suspects = Suspects()
    with spool(task.label) as folder:
        for _ in range(MAX_CHILDREN):
            code, ended, entry, hungry = _child(folder, task, context, suspects, hear)
            if ended is not None:
                return replace(ended, task=task)
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            how = last_words(folder / "journal") or how
            if hungry:
                how = f"out of memory: {hungry}"
            if entry is None:
                return Ended(task, error=f"the worker died before its first document ({how})")
            if entry.step == READING:
                what = f"the worker died while it was reading batch {entry.batch} ({how})"
                return Ended(task, error=what)
            suspects = _after(suspects, entry, how, hungry, context.document_seconds)
    return Ended(task, error=f"more than {MAX_CHILDREN} workers died on this part")


def _after(suspects: Suspects, entry: Entry, how: str, hungry: str | None, seconds: float) -> Suspects:
    """What is suspected after one more death."""
    batch, step, row = entry.batch, entry.step, entry.row
    if entry.rows > 1:
        cuts = suspects.cuts.get(batch, frozenset()) | {row + entry.rows // 2}
        return replace(suspects, cuts={**suspects.cuts, batch: cuts})
    if row == WHOLE_BATCH:
        return replace(suspects, batches=suspects.batches | {batch})
    fault = Fault("worker_died", how)
    if time.monotonic() - entry.started >= seconds * HARD_FACTOR + HARD_EXTRA:
        fault = Fault("deadline", f"more than {seconds:g} seconds")
    if hungry:
        fault = Fault("out_of_memory", hungry)
    return replace(
        suspects, batches=suspects.batches | {batch}, rows={**suspects.rows, (batch, step, row): fault}
    )


def _child(
    folder: Path, task: Task, context: Context, suspects: Suspects, hear: Callable[[Beat], None]
) -> tuple[int, Ended | None, Entry | None, str | None]:
    """Exit code, the answer, or else the last entry of the journal, and the reason if it was memory."""
    journal, answer = folder / "journal", folder / "answer"
    new_journal(journal)
    answer.unlink(missing_ok=True)
    paths = [str(Path(__file__).resolve().parent.parent.parent), *filter(None, sys.path)]
    process = subprocess.Popen(
        # -P: do not put the working directory first, which may have a folder called `pipeline`
        [sys.executable, "-P", "-m", "pipeline.execute.isolated", str(journal), str(answer)],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    kills, hungry = memory.kills(), None
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(pickle.dumps((task, context, suspects)))
        heard = time.monotonic()
        while process.poll() is None and hungry is None:
            hungry = memory.too_much(process.pid)
            if time.monotonic() - heard >= base.BEAT_SECONDS:
                heard = time.monotonic()
                hear(last_beat(journal))
            time.sleep(_LOOK_SECONDS)
    finally:
        process.kill()
        process.wait()
    if process.returncode == 0 and answer.exists():
        return 0, pickle.loads(answer.read_bytes()), None, None
    if hungry is None and process.returncode == -signal.SIGKILL and memory.kills() > kills:
        hungry = "the kernel ended it"
    return process.returncode, None, last_entry(journal), hungry


def _main(journal: str, answer: str) -> None:
    # if the parent is ended for lack of memory, this process must end too, since it may be what fills it
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    task, context, suspects = pickle.load(sys.stdin.buffer)
    guard = Guard(context.document_seconds, killable=True, journal=Path(journal), suspects=suspects)
    Path(answer).write_bytes(pickle.dumps(attempt(task, context, guard)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
