"""The task that compares files with their receipts before they are used again.

Knows receipts and checksums; does not know what is in the files, nor what follows if one is damaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from pipeline.ledger.commit import missing_or_changed
from pipeline.ledger.receipts import Receipt
from pipeline.sealed import Damaged
from pipeline.storage import Missing, Storage, join
from pipeline.tasks.base import Context
from pipeline.tasks.beat import Beat
from pipeline.tasks.guard import Guard
from stages.base import MIB, Resources

#: Bytes that one task reads at most, unless a single part has more.
BYTES, PARTS = 1024 * MIB, 512


@dataclass(frozen=True)
class CheckTask:
    """Read all files of some receipts. Raises the first ``Damaged`` that it finds."""

    group: str
    number: int
    receipts: tuple[str, ...]  # relative to the output
    resources: ClassVar[Resources] = Resources(memory=64 * MIB)
    fingerprint: ClassVar[str] = ""
    receipt_name: ClassVar[str] = ""

    @property
    def label(self) -> str:
        return f"check of {self.group}, {self.number}"

    def run(self, context: Context, storage: Storage, guard: Guard) -> Receipt:
        """See ``execute.base.Task``; nothing is published."""
        for number, name in enumerate(self.receipts):
            guard.beat = Beat(0, number, len(self.receipts), "parts")
            path = join(context.output, name)
            try:
                receipt = Receipt.from_bytes(storage.read(path))
            except (ValueError, Missing):
                raise Damaged(path, "is damaged or gone") from None
            for damage in missing_or_changed(storage, context.output, receipt):
                raise damage
        return Receipt("")


def tasks(group: str, done: Iterable[tuple[str, int]]) -> Iterator[CheckTask]:
    """Divide receipts, given with the bytes of their files, into tasks."""
    batch: list[str] = []
    number = size = 0
    for name, length in done:
        batch.append(name)
        size += length
        if size >= BYTES or len(batch) >= PARTS:
            yield CheckTask(group, number, tuple(batch))
            batch, number, size = [], number + 1, 0
    if batch:
        yield CheckTask(group, number, tuple(batch))
