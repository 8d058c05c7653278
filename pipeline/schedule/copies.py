"""Which tasks of a group another output has done: those become copies of what is there.

Knows receipts; does not know how anything is copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.ledger.cache import Cache
from pipeline.schedule.state import Group
from pipeline.tasks.base import Task
from pipeline.tasks.copy import CopyTask


def with_copies(
    group: Group, tasks: Iterable[Task], caches: Sequence[Cache], retry_failed: bool
) -> list[Task]:
    """The same tasks; where a cache has the part, the task that copies it. The first that has it counts.

    retry_failed: parts in which documents failed are not copied.
    """
    todo = list(tasks)
    for cache in caches:
        wanted = {task.fingerprint for task in todo if not isinstance(task, CopyTask)}
        names = {
            receipt.fingerprint: receipt.name
            for receipt in (cache.find(group.receipts) if wanted else ())
            if receipt.fingerprint in wanted
            and not (retry_failed and any(tally.failed for tally in receipt.tallies))
        }
        todo = [
            CopyTask(task, cache.output, names[task.fingerprint])
            if not isinstance(task, CopyTask) and task.fingerprint in names
            else task
            for task in todo
        ]
    return todo
