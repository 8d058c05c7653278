"""``nanocorpus verify``: compares every file of an output, or of a corpus on its own, with its checksum.

Knows receipts, the manifest and lists of checksums; reads every byte, and writes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import unquote

from pipeline import layout
from pipeline.ledger import packs
from pipeline.ledger.commit import missing_or_changed
from pipeline.ledger.ownership import Manifest, NotOurs
from pipeline.ledger.receipts import BEGUN, Receipt, load
from pipeline.sealed import Damaged, digest
from pipeline.storage import Storage, is_local, join

_READERS = 8  # hashing releases the interpreter lock
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


@dataclass
class Verified:
    """The result: number of files, bytes, and the damaged or missing files."""

    files: int = 0
    bytes: int = 0
    damages: list[Damaged] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class NothingToVerify(Exception):
    """There is neither an output nor a corpus to verify."""


def verify(storage: Storage, path: str) -> Verified:
    """Compare the files of an output with its receipts and its manifest, or those of a corpus with its list
    of checksums. NothingToVerify if ``path`` is neither."""
    path = path.rstrip("/")
    if is_local(path):
        path = os.path.abspath(unquote(path.removeprefix("file://")) if path.startswith("file://") else path)
    try:
        manifest = Manifest.read(storage, path)
        damage = None
    except NotOurs as error:
        manifest, damage = Manifest("", {}), Damaged(join(path, layout.MANIFEST), f"cannot be used: {error}")
    if manifest is None and storage.stat(join(path, layout.PLAN)) is not None:
        manifest, damage = Manifest("", {}), Damaged(join(path, layout.MANIFEST), "is gone")
    if manifest is not None:
        found = _run(storage, path, manifest)
        found.damages[:0] = [damage] if damage else []
        return found
    name = layout.SUMS_NAME
    for directory in (path, join(path, layout.CORPUS)):
        if storage.stat(join(directory, name)) is not None:
            return _corpus(storage, directory, join(directory, name))
    raise NothingToVerify(f"{path} is neither the output of a run nor a corpus with its {name}")


def _run(storage: Storage, output: str, manifest: Manifest) -> Verified:
    found = Verified(files=len(manifest.files), damages=manifest.changed(storage, output))
    there = (info.path for info in storage.scan(join(output, layout.WORK)))
    paths = {path for path in there if layout.is_receipt(path[len(output) + 1 :])}
    wanted: set[str] = set()  # known for finished runs only
    if layout.INDEX in manifest.files and not any(
        damage.path.endswith(layout.INDEX) for damage in found.damages
    ):
        names = storage.read(join(output, layout.INDEX)).decode().splitlines()
        wanted = {join(output, name) for name in names}
    checks: list[Callable[[], list[Damaged]]] = []
    lost: list[str] = []
    for path, receipt in load(storage, sorted(wanted | paths)):
        if receipt is None:
            lost.append(path)
            continue
        if path != join(output, receipt.name):
            continue  # a copy that somebody made: it proves nothing
        if receipt.status == BEGUN:
            found.notes.append(f"{path}: this part is being written, or its writer was killed")
        else:
            found.bytes += sum(file.size for file in receipt.files)
            checks.append(partial(missing_or_changed, storage, output, receipt))
        found.files += 1 + len(receipt.files)
    packed = _packed(storage, output, manifest, lost)
    for path in lost:
        receipt = packed.get(path)
        if path in paths:
            what = "; its group's pack has what was written, so remove this file" if receipt else ""
            found.damages.append(Damaged(path, f"is not a receipt, or has changed{what}"))
        elif receipt is None:
            found.damages.append(Damaged(path, "is missing, and with it the record of a part"))
        else:
            found.notes.append(f"{path}: is gone; its group's pack has the same record")
        if receipt is not None:
            checks.append(partial(missing_or_changed, storage, output, receipt))
        found.files += 1 + len(receipt.files if receipt else ())
    _collect(found, checks)
    return found


def _packed(storage: Storage, output: str, manifest: Manifest, lost: Collection[str]) -> dict[str, Receipt]:
    """Those of the lost receipts that stand in packs, by path."""
    found: dict[str, Receipt] = {}
    wanted = {*lost}
    for name in manifest.files if wanted else ():
        if name.endswith(layout.PACK):
            for task, raw in packs.receipts(storage, join(output, name)) or ():
                path = join(output, f"{name.removesuffix(layout.PACK)}/{task}.json")
                if path in wanted:
                    with suppress(ValueError):
                        found[path] = Receipt.from_json(raw)
    return found


def _corpus(storage: Storage, directory: str, sums: str) -> Verified:
    found = Verified()

    def check(name: str, sha256: str) -> list[Damaged]:
        path = join(directory, name)
        try:
            size, there = digest(storage, path)
        except Damaged as damage:
            return [damage]
        found.bytes += size
        return [] if there == sha256 else [Damaged(path, "has changed")]

    checks: list[Callable[[], list[Damaged]]] = []
    for line in storage.read(sums).decode("utf-8", "replace").splitlines():
        if (match := _LINE.fullmatch(line)) is None:
            found.damages.append(
                Damaged(sums, f"has a line that is not a checksum and a name: {line[:80]!r}")
            )
            continue
        checks.append(partial(check, match[2], match[1]))
    found.files = len(checks)
    _collect(found, checks)
    return found


def _collect(found: Verified, checks: list[Callable[[], list[Damaged]]]) -> None:
    def results() -> Iterator[list[Damaged]]:
        with ThreadPoolExecutor(_READERS) as pool:
            yield from pool.map(lambda check: check(), checks)

    for damages in results():
        found.damages += damages
    found.damages.sort(key=lambda damage: damage.path)
