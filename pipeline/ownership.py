"""Whose an output is, and which files in it are the run's own.

An output belongs to a run from its first start on, when nothing else was there: its manifest says
so. Every later file is named before it is written, by a receipt (``pipeline.ledger``) or by the manifest.
What neither names was put there by somebody else: it is left alone, and named in what the run prints.

Knows names, checksums and the manifest; does not know what is in the files.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from pipeline.ledger import TOKEN, Ledger
from pipeline.receipts import BEGUN, load
from pipeline.sealed import Damaged, digest, seal, unseal
from pipeline.storage import Conflict, Missing, Storage, join
from pipeline.storage.spool import clear_spools

MANIFEST, PLAN = "work/receipts/manifest", "plan.json"
#: Of the files that a run keeps; raise it when an earlier version's can no longer be gone on with.
FORMAT = 2
#: In place of a checksum: whatever is in a file of this name, it is the run's.
ANY = "*"
#: Unfinished uploads of ours that are younger may still be at work.
UPLOAD_AGE_S = 24 * 3600.0
_NAMED = 5  # foreign files that a message names
_RECEIPT = re.compile(r"(work/[^/]+/[^/]+(?:/[^/]+)?)/receipts/[^/]+\.json")
DRY_RUN = "dry-run"


class NotOurs(Exception):
    """The output is not this run's to write to; the message says why, and how to go on."""


class Manifest:
    """The files of an output that no receipt names, each with the checksums that it may have."""

    def __init__(self, name: str, files: Mapping[str, list[str]], etag: str = "") -> None:
        self.name, self.files, self._etag = name, dict(files), etag

    @classmethod
    def read(cls, storage: Storage, output: str) -> Manifest | None:
        """The manifest of an output; None if there is none. NotOurs if it is of no use."""
        path = join(output, MANIFEST)
        info = storage.stat(path)
        if info is None:
            return None
        try:
            data = unseal(storage.read(path))
            manifest, version = cls(data["name"], data["files"], info.etag), data["format"]
        except Missing:
            return None
        except (ValueError, KeyError, TypeError):
            raise NotOurs(f"{path} is damaged; remove it and start again") from None
        if version != FORMAT:
            raise NotOurs(_other_format(output, manifest.name))
        return manifest

    def save(self, ledger: Ledger) -> None:
        """Write it; Superseded if another driver did meanwhile."""
        data = seal({"format": FORMAT, "name": self.name, "files": dict(sorted(self.files.items()))})
        try:
            self._etag = ledger.storage.write(ledger.path(MANIFEST), data, self._etag)
        except Conflict:
            ledger.check()
            raise

    def put(self, ledger: Ledger, files: Mapping[str, bytes]) -> list[str]:
        """Write files, named beforehand; those that are as they should be stay as they are. Returns the names
        of those that were not written, because something else stands there."""
        storage, foreign = ledger.storage, []
        todo: dict[str, str] = {}
        for name, data in files.items():
            new, path = _sha(data), ledger.path(name)
            stands = storage.stat(path)
            there = digest(storage, path)[1] if stands else ""
            if stands and there != new and not self._ours(name, there):
                foreign.append(name)
                continue
            if there != new:
                todo[name] = stands.etag if stands else ""
            known = [ANY] if ANY in self.files.get(name, ()) else sorted({new, *([there] if there else [])})
            self.files[name] = known
        ledger.check()
        self.save(ledger)
        for name, version in todo.items():
            storage.write(ledger.path(name), files[name], version)
            if self.files[name] != [ANY]:
                self.files[name] = [_sha(files[name])]
        return foreign

    def drop(self, ledger: Ledger, names: Iterable[str]) -> None:
        """Delete files of ours, where they are as we wrote them; and forget all of them."""
        for name in names:
            path = ledger.path(name)
            stands = ledger.storage.stat(path)
            if stands and self._ours(name, digest(ledger.storage, path)[1]):
                ledger.storage.delete(path, stands.etag)
            self.files.pop(name, None)

    def blocked(self, storage: Storage, output: str, names: Iterable[str]) -> list[str]:
        """Those of ``names`` at which something stands that this run did not write."""
        taken = []
        for name in names:
            path = join(output, name)
            if storage.stat(path) is not None and not self._ours(name, digest(storage, path)[1]):
                taken.append(name)
        return taken

    def changed(self, storage: Storage, output: str) -> list[Damaged]:
        """Its files that are not as they were written, each with the reason."""
        found = []
        for name in sorted(self.files):
            try:
                if not self._ours(name, digest(storage, join(output, name))[1]):
                    found.append(Damaged(join(output, name), "has changed"))
            except Damaged as damage:
                found.append(damage)
        return found

    def _ours(self, name: str, sha256: str) -> bool:
        known = self.files.get(name, [])
        return ANY in known or sha256 in known


def claim(storage: Storage, output: str, name: str, whole: Iterable[str]) -> Manifest:
    """The manifest of the run ``name`` in an output that is its own, or may become it; nothing is written.

    ``whole``: files that speak of the whole, which the run may have written if the manifest got lost.
    NotOurs if the output holds anything else.
    """
    manifest = Manifest.read(storage, output)
    if manifest is None and (earlier := _planned(storage, output)) is not None:
        manifest = Manifest(earlier, {file: [ANY] for file in (PLAN, *whole)})
    if manifest is None:
        found = list(islice(foreign(storage, output, name), _NAMED + 1))
        if found:
            raise NotOurs(
                f"{output} holds files that are not of this run: {listed(found)}; give the run an output of "
                "its own, an empty or a new directory"
            )
        return Manifest(name, {PLAN: [ANY]})
    if manifest.name != name:
        raise NotOurs(
            f"{output} holds the run {manifest.name!r}; give {name!r} an output of its own, or go on with "
            f"the run that is there as `name: {manifest.name}`"
        )
    return manifest


def _planned(storage: Storage, output: str) -> str | None:
    """The name of the run whose plan is there. NotOurs if it is of another format or damaged."""
    path = join(output, PLAN)
    if storage.stat(path) is None:
        return None
    try:
        plan = json.loads(storage.read(path))
        name, segments, version = plan["name"], plan["segments"], plan.get("format", 1)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotOurs(
            f"{path} is not the plan of a run, or damaged; give the run an output of its own, or remove the "
            "file if this is the right place"
        ) from None
    if version != FORMAT or not isinstance(segments, list):
        raise NotOurs(_other_format(output, name))
    return str(name)


def _other_format(output: str, name: str) -> str:
    return (
        f"{output} holds the run {name!r} as another version of nanocorpus wrote it, which this one cannot "
        "go on with; give another output, or remove this one and start again"
    )


def foreign(storage: Storage, output: str, name: str) -> Iterator[str]:
    """Files and links below an output to be that a first start of the run ``name`` would find in its way.
    Hidden ones, those of file systems, and its own dry run are not."""
    for info in storage.scan(output):
        entry = info.path[len(output.rstrip("/")) + 1 :]
        if not _hidden(entry) and not _of_dry_run(storage, output, name, entry):
            yield entry


def _of_dry_run(storage: Storage, output: str, name: str, entry: str) -> bool:
    if not entry.startswith(f"{DRY_RUN}/"):
        return False
    manifest = Manifest.read(storage, join(output, DRY_RUN))
    return manifest is not None and manifest.name == name


def _hidden(entry: str) -> bool:
    return any(part.startswith(".") or part == "lost+found" for part in entry.split("/"))


def listed(names: list[str], more: int = 0) -> str:
    """The first of some names, for a message."""
    rest = len(names) - _NAMED + more
    return ", ".join(names[:_NAMED]) + (" and more" if rest > 0 else "")


def tidy(ledger: Ledger, manifest: Manifest, current: set[str]) -> list[str]:
    """Remove what this run made and does not want any more: all that its receipts or the manifest name beside
    ``current``, and what killed writers left. Returns the names of what is not of this run."""
    storage, output = ledger.storage, ledger.output
    there = {}
    for info in storage.scan(output):
        entry = info.path[len(output.rstrip("/")) + 1 :]
        if not entry.startswith(f"{DRY_RUN}/"):
            there[entry] = info.etag
    stale = [entry for entry in there if entry not in current and _RECEIPT.fullmatch(entry)]
    ledger.check()
    named: set[str] = set()
    for path, receipt in load(storage, [ledger.path(entry) for entry in stale]):
        entry = path[len(output.rstrip("/")) + 1 :]
        if receipt is None or receipt.run != ledger.name:
            continue
        for file in (*receipt.files, *receipt.named):
            if file.name in current or not _belongs(entry, file.name):
                continue
            named.add(file.name)
            if file.name not in there:
                continue
            # of a part that was being published, another file may stand where ours was to come
            if receipt.status != BEGUN or digest(storage, ledger.path(file.name))[1] == file.sha256:
                storage.delete(ledger.path(file.name), there.pop(file.name))
        storage.delete(path, there.pop(entry))
    gone = [name for name in manifest.files if name not in current]
    manifest.drop(ledger, gone)
    for name in gone:
        there.pop(name, None)
    ours = {ledger.path(name) for name in (*current, *named)}
    sweep(storage, output, lambda path: path in ours)
    known = {*current, *manifest.files, MANIFEST, TOKEN}
    return sorted(entry for entry in there if entry not in known and not _hidden(entry))


def sweep(storage: Storage, output: str, ours: Callable[[str], bool]) -> None:
    """Remove temporary files in the directories of the run, and old unfinished uploads of ``ours``."""
    clear_spools()
    storage.sweep(output, UPLOAD_AGE_S, ours, deep=False)
    for directory in ("work", "corpus", "artefacts"):
        storage.sweep(join(output, directory), UPLOAD_AGE_S, ours)


def _belongs(receipt: str, file: str) -> bool:
    """Whether a receipt that stands there may speak of that file."""
    match = _RECEIPT.fullmatch(receipt)
    directory = match[1] if match else ""
    if directory.endswith("/shards") and file.startswith(f"corpus/{directory.split('/')[1]}/"):
        return True
    return file.startswith(f"{directory}/") and ".." not in file.split("/")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
