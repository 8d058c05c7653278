"""Which tasks of a group an output holds done, and why each of the others is to be done.

Knows receipts and whether the files that they name are there; does not run anything, nor read those files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from pipeline.ledger.commit import Ledger
from pipeline.ledger.receipts import DONE, FAILED, File, Receipt, load_all
from pipeline.schedule.packing import Packs, listing, state_of
from pipeline.schedule.state import Group, Planned, State
from stages.base import FileInfo


class Why(StrEnum):
    """Why a task is to be done."""

    NEW = "new"  # nothing of it is there, or it was not finished
    OTHER = "other"  # it was done from something else, or in another way
    GONE = "gone"  # a file of it is missing or cut off
    FAILED = "failed"
    FAILURES = "failures"  # documents failed in it, and those are to be tried again


class Todo(NamedTuple):
    """A task to be done. ``seconds`` it worked when it was done the last time."""

    task: Planned
    why: Why
    seconds: float = 0.0


class Split(NamedTuple):
    """``tasks``: their number. ``unsure``: receipts whose files must be read to be verified, with the bytes
    of the files."""

    tasks: int
    todo: list[Todo]
    unsure: list[tuple[str, int]]


class Reused(NamedTuple):
    """A group of which a pack says that all is done, see ``packed``."""

    state: State
    split: Split


def packed(
    group: Group, ledger: Ledger, states: Mapping[str, State], packs: Packs, retry_failed: bool
) -> Reused | None:
    """The results of a group from its pack, if all its tasks are done and all their files are there; else
    None. No receipt is read, and no task is kept."""
    found = packs.read(group)
    if found is None:
        return None
    fingerprints = dict(zip(found.names, found.fingerprints, strict=True))
    count = 0
    for count, task in enumerate(group.planned(states), 1):  # noqa: B007
        if fingerprints.get(task.name) != task.fingerprint:
            return None
    if count != len(fingerprints) or (state := state_of(found)) is None:
        return None
    if retry_failed and any(tally.failed for tally in state.tallies):
        return None
    unsure, there = [], listing(ledger.storage, ledger.path, state.made)
    for name, etags in zip(found.names, found.etags, strict=True):
        sizes, sure = 0, True
        for (file, size), etag in zip(state.made.sizes(name), etags, strict=False):
            info = there.get(ledger.path(file))
            if info is None or info.size != size:
                return None
            sizes += size
            sure &= bool(etag) and info.etag == etag
        if not sure:
            unsure.append((group.receipt(name), sizes))
    return Reused(state, Split(count, [], unsure))


def split(
    group: Group,
    ledger: Ledger,
    states: Mapping[str, State],
    into: State,
    retry_failed: bool = False,
    place: Callable[[str], str] = lambda directory: directory,
    reused: Callable[[str, Receipt], None] = lambda name, receipt: None,
) -> Split:
    """The tasks of a group. The results of those that are done are added to ``into``.

    place: where the files of a directory are, if they still have the names of an earlier plan.
    reused: called with each receipt that was added.
    """
    tasks = {task.name: task for task in group.planned(states)}
    todo = {name: Todo(task, Why.NEW) for name, task in tasks.items()}
    unsure = []
    storage, path = ledger.storage, ledger.path
    there: dict[str, FileInfo] = {}
    for directory in group.directories if todo else ():
        there |= {info.path: info for info in storage.list(path(place(directory)))}

    def stands(file: File) -> bool:
        info = there.get(path(file.name))
        return info is not None and info.size == file.size

    for name, receipt in load_all(storage, path(place(group.receipts))) if there else ():
        if (task := tasks.get(name)) is None:
            continue
        if (why := _why(task, receipt, retry_failed)) is None and not all(map(stands, receipt.files)):
            why = Why.GONE
        if why is not None:
            todo[name] = Todo(task, why, sum(receipt.seconds.values()))
            continue
        into.put(name, receipt)
        reused(name, receipt)
        del todo[name]
        if not all(file.etag and there[path(file.name)].etag == file.etag for file in receipt.files):
            unsure.append((group.receipt(name), sum(file.size for file in receipt.files)))
    return Split(len(tasks), list(todo.values()), unsure)


def _why(task: Planned, receipt: Receipt, retry_failed: bool) -> Why | None:
    if receipt.status == FAILED:
        return Why.FAILED
    if receipt.status != DONE:
        return Why.NEW
    if receipt.fingerprint != task.fingerprint:
        return Why.OTHER
    failed = retry_failed and any(tally.failed for tally in receipt.tallies)
    return Why.FAILURES if failed else None
