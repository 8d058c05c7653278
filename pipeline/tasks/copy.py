"""The task that copies a finished part of another output in place of computing it again.

What is copied is compared with its checksums on the way. If anything is wrong with it, the part is computed.
Knows receipts and checksums; does not know what is in the files.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from pipeline.ledger.cache import renamed
from pipeline.ledger.receipts import DONE, File, Receipt
from pipeline.storage import Storage, StorageError, join
from pipeline.tasks.base import Again, Context, Task
from pipeline.tasks.beat import Beat
from pipeline.tasks.guard import Guard
from stages.base import MIB, Resources


@dataclass(frozen=True)
class CopyTask:
    """Makes the part of ``task`` from the one that the receipt ``name`` below ``origin`` is of."""

    task: Task
    origin: str
    name: str
    resources: ClassVar[Resources] = Resources(memory=64 * MIB)

    @property
    def label(self) -> str:
        return self.task.label

    @property
    def fingerprint(self) -> str:
        return self.task.fingerprint

    @property
    def receipt_name(self) -> str:
        return self.task.receipt_name

    def run(self, context: Context, storage: Storage, guard: Guard) -> Receipt:
        """Copy and publish; see ``tasks.base.Task``. Again, with the task itself, if it cannot be copied."""
        try:
            receipt = Receipt.from_bytes(storage.read(join(self.origin, self.name)))
        except (ValueError, StorageError):
            raise Again(self.task) from None
        if receipt.status != DONE or receipt.fingerprint != self.fingerprint:
            raise Again(self.task)  # it was made anew meanwhile
        ledger = context.ledger(storage)
        with ExitStack() as stack:
            staged = []
            for file in receipt.files:
                name = renamed(file.name, self.name, self.receipt_name)
                local = stack.enter_context(storage.stage(ledger.path(name)))
                if not self._fetched(storage, file, local, guard):
                    raise Again(self.task)
                staged.append((replace(file, name=name, etag=""), local))
            receipt = replace(receipt, files=[], named=[], attempts=1, copied=self.origin)
            return ledger.commit(self.receipt_name, receipt, staged)

    def _fetched(self, storage: Storage, file: File, local: Path, guard: Guard) -> bool:
        """Whether the file is as it was written."""
        sha, size = hashlib.sha256(), 0
        with local.open("wb") as target:
            try:
                with storage.open(join(self.origin, file.name)) as source:
                    while piece := source.read(MIB):
                        sha.update(piece)
                        size += len(piece)
                        target.write(piece)
                        guard.beat = Beat(0, size, file.size, "bytes", "copy")
            except StorageError:
                return False
        return (size, sha.hexdigest()) == (file.size, file.sha256)
