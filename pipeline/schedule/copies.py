"""Which tasks of a group another output has done: those become copies of what is there.

Knows receipts; does not know how anything is copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from pipeline.ledger.cache import Cache
from pipeline.schedule.state import Group, Planned
from pipeline.tasks.copy import CopyTask


def with_copies(
    group: Group, tasks: Iterable[Planned], caches: Sequence[Cache], retry_failed: bool
) -> list[Planned]:
    """The same tasks; where a cache has the part, the task that copies it. The first that has it counts.

    retry_failed: parts in which documents failed are not copied.
    """
    todo = list(tasks)
    copied: set[str] = set()
    for cache in caches:
        wanted = {task.fingerprint for task in todo if task.name not in copied}
        names = {
            receipt.fingerprint: receipt.name
            for receipt in (cache.find(group.receipts) if wanted else ())
            if receipt.fingerprint in wanted
            and not (retry_failed and any(tally.failed for tally in receipt.tallies))
        }
        for number, task in enumerate(todo):
            if task.name not in copied and task.fingerprint in names:
                copied.add(task.name)
                copy = partial(_copy, task, cache.output, names[task.fingerprint])
                todo[number] = task._replace(make=copy)
    return todo


def _copy(task: Planned, output: str, name: str) -> CopyTask:
    return CopyTask(task.make(), output, name)
