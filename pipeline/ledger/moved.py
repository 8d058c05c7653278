"""Moves the parts of segments whose directory changed since a stage was added or removed before them.

The directory of a segment is numbered by its place among the segments of its dataset. If a segment of the
earlier plan has the same recipe as one with another name now, its parts are moved there with their receipts,
and nothing is computed again.

Knows plans, receipts and names; does not know what segments do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline import layout
from pipeline.ledger.commit import Ledger
from pipeline.ledger.receipts import BEGUN, DONE, Receipt, load
from pipeline.storage import Conflict, Missing, StorageError

Move = tuple[str, str]  # directories, relative to the output


def moves(earlier: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[Move]:
    """Which directories to move, in an order in which none is moved onto one that is still to be moved.

    earlier, now: the ``segments`` of the two plans, in order.
    """
    before, after = _by_recipe(earlier), _by_recipe(now)
    pairs = [
        (layout.work(f"{key[0]}/{old}"), layout.work(f"{key[0]}/{new}"))
        for key in sorted(before)
        for old, new in zip(before[key], after.get(key, ()), strict=False)
    ]
    waiting = {old: new for old, new in pairs if old != new}
    ordered: list[Move] = []
    while free := [(old, new) for old, new in waiting.items() if new not in waiting]:
        ordered += free
        for old, _ in free:
            del waiting[old]
    return ordered


def _by_recipe(segments: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for segment in segments:
        found[segment["dataset"], segment["recipe"]].append(segment["segment"])
    return found


def move(ledger: Ledger, old: str, new: str) -> None:
    """Move all finished parts of a segment, and of the rounds after it."""
    storage = ledger.storage
    ledger.check()
    try:
        for directory in (old, new):
            ledger.check_links(layout.receipt(directory, "x"))
    except StorageError:
        return  # it is computed again, which reports the problem
    paths = [info.path for info in storage.list(ledger.path(old)) if layout.is_in_receipts(info.path)]
    for path, receipt in load(storage, paths):
        if receipt is not None and receipt.status == DONE and receipt.run == ledger.name:
            try:
                _move(ledger, path, receipt, old, new)
            except (Conflict, Missing):
                ledger.check()  # the target exists or a file is missing: the part is computed again


def _move(ledger: Ledger, path: str, receipt: Receipt, old: str, new: str) -> None:
    storage = ledger.storage
    target = ledger.path(new) + path[len(ledger.path(old)) :]
    receipt = replace(receipt, name=new + receipt.name[len(old) :])
    files = [replace(file, name=new + file.name[len(old) :]) for file in receipt.files]
    # as in every commit, a receipt names the new files before they exist
    begun = replace(receipt, status=BEGUN, files=[], named=files)
    etag = storage.write(target, begun.as_bytes(), "")
    for file, moved in zip(receipt.files, files, strict=True):
        storage.move(ledger.path(file.name), ledger.path(moved.name))
    storage.write(target, replace(receipt, files=files).as_bytes(), etag)
    storage.delete(path)
