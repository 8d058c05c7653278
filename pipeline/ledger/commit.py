"""The commit protocol: how a part is published. Nothing else changes the files of an output.

To commit a part: (1) Look at the existing receipt of the part and the files that it names. (2) Check that the
token of the run is still the one that the newest driver wrote, so that workers which outlive their driver
change nothing. (3) Write a receipt with the status *begun*, which names the files that will come and those
that are there now. So every file of a run is named by a receipt at any moment, however the writer ends. (4)
Delete old files and publish new ones. (5) Publish the receipt.

Every write and delete states the version that was seen in (1). So a request that a stopped worker left on its
way finds another version, or none, and changes nothing. A file that no receipt names does not belong to the
run and is never replaced.

Knows names, versions and the protocol; does not know what is in the files.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import layout
from pipeline.ledger.receipts import BEGUN, File, Receipt
from pipeline.sealed import Damaged, digest
from pipeline.storage import Conflict, Missing, Storage, StorageError, is_local, join

#: How often a commit is tried if a request of a stopped worker interferes.
TRIES = 5


class Superseded(Exception):
    """Another driver has taken over the output; this one must not publish any more."""


class Foreign(StorageError):
    """There is a file where this run has to write one, and the run did not write it."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} was not written by this run, which has to write a file of that name; move it away "
            "and start again"
        )


@dataclass(frozen=True)
class Ledger:
    """Changes the output of the run ``name`` for the holder of ``token``. Names are relative to it."""

    storage: Storage
    output: str
    token: str
    name: str = ""

    def path(self, name: str) -> str:
        """The storage path of a name."""
        return join(self.output, name)

    def take_over(self) -> None:
        """From now on only this token may publish. Superseded if another driver takes over at the same time:
        of two that start at once, one has to stop."""
        path = self.path(layout.TOKEN)
        info = self.storage.stat(path)
        try:
            self.storage.write(path, self.token.encode(), info.etag if info else "")
        except Conflict:
            raise self._superseded() from None

    def check(self) -> None:
        """Superseded unless the token may publish."""
        try:
            if self.storage.read(self.path(layout.TOKEN)) == self.token.encode():
                return
        except Missing:
            pass
        raise self._superseded()

    def _superseded(self) -> Superseded:
        return Superseded(f"{self.output}: another run has taken over this output; this one stops")

    def release(self) -> None:
        """From now on nobody may publish."""
        self.storage.delete(self.path(layout.TOKEN))

    def commit(self, name: str, receipt: Receipt, staged: Sequence[tuple[File, Path]] = ()) -> Receipt:
        """Publish local files, then the receipt that names them. Returns the receipt as published.

        Foreign if there is a file that no receipt names, Superseded if another driver took over.
        """
        for left in reversed(range(TRIES)):
            try:
                return self._commit(name, replace(receipt, run=self.name, name=name), staged)
            except Conflict as conflict:
                self.check()
                if not left:
                    raise Foreign(conflict.path) from None
        raise AssertionError("unreachable")

    def _commit(self, name: str, receipt: Receipt, staged: Sequence[tuple[File, Path]]) -> Receipt:
        storage, place = self.storage, self.path(name)
        self.check_links(name)
        stands = storage.stat(place)
        named, old = self._files(place, [file for file, _ in staged]) if stands else ([], {})
        self.check()
        coming = {file.name for file, _ in staged}
        etag = stands.etag if stands else ""
        if staged or named:
            files = [*(file for file, _ in staged), *named]
            begun = replace(receipt, status=BEGUN, tallies=[], named=list(dict.fromkeys(files)))
            etag = storage.write(place, begun.as_bytes(), etag)
        for file, version in old.values():
            if file.name not in coming:
                storage.delete(self.path(file.name), version)
        published = []
        for file, local in staged:
            version = self._publish(file, local, old[file.name][1] if file.name in old else "")
            published.append(file if is_local(self.output) else replace(file, etag=version))
        receipt = replace(receipt, files=published)
        storage.write(place, receipt.as_bytes(), etag)
        return receipt

    def _publish(self, file: File, local: Path, expect: str) -> str:
        path = self.path(file.name)
        if not local.exists() and (version := self._same(file)) is not None:
            return version  # an earlier try has published it
        try:
            return self.storage.publish(local, path, expect)
        except Conflict:
            if (version := self._same(file)) is not None:
                return version  # its receipt was deleted by hand
            raise

    def _same(self, file: File) -> str | None:
        """The version of a file if it is there already with the same bytes, else None."""
        info = self.storage.stat(self.path(file.name))
        if info is not None and digest(self.storage, info.path) == (file.size, file.sha256):
            return info.etag
        return None

    def _files(self, place: str, coming: Sequence[File]) -> tuple[list[File], dict[str, tuple[File, str]]]:
        """The files that the receipt at ``place`` names; and those of them that exist, by name, with their
        versions."""
        try:
            receipt = Receipt.from_bytes(self.storage.read(place))
            begun = receipt.status == BEGUN
            named = receipt.named if begun else receipt.files
        except ValueError:  # damaged; it named the files that this part always has
            named, begun = list(coming), False
        found = {}
        for file in named:
            info = self.storage.stat(self.path(file.name))
            # if publishing was interrupted, a file is ours if it is the old or the new one
            if info and (not begun or digest(self.storage, info.path) == (file.size, file.sha256)):
                found[file.name] = (file, info.etag)
        return named, found

    def check_links(self, name: str) -> None:
        """StorageError if a name is reached through a link below the output: files behind a link are not
        ours."""
        if not is_local(self.output):
            return
        directory = os.path.dirname(self.path(name))
        plain = os.path.join(os.path.realpath(self.output), os.path.dirname(name))
        if os.path.realpath(directory) != os.path.normpath(plain):
            raise StorageError(
                f"{directory} is reached through a link, and links inside an output are not followed; "
                "let `output` itself be where the files are"
            )


def missing_or_changed(storage: Storage, output: str, receipt: Receipt) -> list[Damaged]:
    """The files of a receipt that are missing or changed, each with the reason. Reads all of them."""
    found = []
    for file in receipt.files:
        path = join(output, file.name)
        try:
            size, sha256 = digest(storage, path)
        except Damaged as damage:
            found.append(damage)
            continue
        if (size, sha256) != (file.size, file.sha256):
            what = f"has {size} bytes, and {file.size} were written" if size != file.size else "has changed"
            found.append(Damaged(path, what))
    return found
