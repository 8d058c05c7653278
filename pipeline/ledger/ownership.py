"""Which run an output belongs to, and which files in it are the run's own.

An output belongs to a run from its first start, when nothing else was there: its manifest says so. Every
later file is named before it is written, by a receipt (``pipeline.ledger``) or by the manifest. A file that
neither names was put there by somebody else: it is left alone, and the run prints its name.

Knows names, checksums and the manifest; does not know what is in the files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from pipeline import layout
from pipeline.ledger.commit import Ledger
from pipeline.ledger.receipts import BEGUN, load
from pipeline.sealed import Damaged, digest, seal, unseal
from pipeline.storage import Conflict, Missing, Storage, is_local, join
from pipeline.storage.spool import clear_spools

#: In place of a checksum: the run may replace a file of this name whatever it contains.
ANY = "*"
#: Unfinished uploads that are younger than this may still be in progress.
UPLOAD_AGE_S = 24 * 3600.0
_NO_FILE = "no file"
_NAMED = 5  # foreign files that a message lists


class NotOurs(Exception):
    """The run may not write to this output; the message says why, and what to do."""


class Manifest:
    """The files of an output that no receipt names, with the checksums that each may have."""

    def __init__(self, name: str, files: Mapping[str, list[str]], etag: str = "") -> None:
        self.name, self.files, self._etag = name, dict(files), etag
        #: Files that were damaged and have been written again.
        self.mended: set[str] = set()

    @classmethod
    def read(cls, storage: Storage, output: str) -> Manifest | None:
        """The manifest of an output; None if there is none. NotOurs if it cannot be used."""
        path = join(output, layout.MANIFEST)
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
        if version != layout.FORMAT:
            raise NotOurs(_other_format(output, manifest.name))
        return manifest

    def save(self, ledger: Ledger) -> None:
        """Write it. Superseded if another driver has written it meanwhile."""
        data = seal({"format": layout.FORMAT, "name": self.name, "files": dict(sorted(self.files.items()))})
        try:
            self._etag = ledger.storage.write(ledger.path(layout.MANIFEST), data, self._etag)
        except Conflict:
            ledger.check()
            raise

    def put(self, ledger: Ledger, files: Mapping[str, bytes]) -> list[str]:
        """Write files after recording their checksums; files that are right already are not written. Returns
        the names of those that were not written because a file of somebody else is there."""
        storage, foreign = ledger.storage, []
        todo: dict[str, str] = {}
        for name, data in files.items():
            new = _sha(data)
            there, version = _stands(storage, ledger.path(name))
            if there and there != new and not self._ours(name, there):
                foreign.append(name)
                continue
            if there != new:
                todo[name] = version
                self._note(name, there)
            always = {ANY} & {*self.files.get(name, ())}
            self.files[name] = sorted({new, there, *always} - {""})
        ledger.check()
        self.save(ledger)
        for name, version in todo.items():
            storage.write(ledger.path(name), files[name], version)
            self.files[name] = sorted({_sha(files[name]), *({ANY} & {*self.files[name]})})
        return foreign

    def drop(self, ledger: Ledger, names: Iterable[str]) -> None:
        """Delete those files that are unchanged since the run wrote them, and forget all of them."""
        for name in names:
            there, version = _stands(ledger.storage, ledger.path(name))
            if there and self._ours(name, there):
                self._note(name, there)
                ledger.storage.delete(ledger.path(name), version)
            self.files.pop(name, None)

    def blocked(self, storage: Storage, output: str, names: Sequence[str]) -> list[str]:
        """Those of ``names`` that exist and were not written by this run. None is one that people edit."""
        paths = {name: join(output, name) for name in names}
        return [
            name
            for name, path in paths.items()
            if (_linked(path) if name in self.files else _there(storage, path))
        ]

    def changed(self, storage: Storage, output: str) -> list[Damaged]:
        """Its files that are missing or changed, each with the reason."""
        found = []
        for name in sorted(self.files):
            try:
                known = {*self.files[name]} - {ANY}
                if digest(storage, join(output, name))[1] not in known and known:
                    found.append(Damaged(join(output, name), "has changed"))
            except Damaged as damage:
                found.append(damage)
        return found

    def _ours(self, name: str, sha256: str) -> bool:
        """Whether the run may replace an existing file: everything that it wrote, damaged or not, except a
        card that was edited."""
        if sha256 == _NO_FILE or name not in self.files:
            return False
        return name not in layout.EDITED or sha256 in self.files[name]

    def _note(self, name: str, sha256: str) -> None:
        if sha256 and not {ANY, sha256} & {*self.files.get(name, [ANY])}:
            self.mended.add(name)


def claim(storage: Storage, output: str, name: str) -> Manifest:
    """The manifest of the run ``name`` in an output that belongs to it, or may. Nothing is written.

    NotOurs if the output holds anything else.
    """
    manifest = Manifest.read(storage, output)
    earlier = _planned(storage, output) if manifest is None else None
    if earlier is not None and any(True for _ in _receipts(storage, output, earlier)):
        # the manifest was lost, so files outside work/ may be anybody's
        whole = (layout.PLAN, layout.INDEX, layout.SPENT, layout.WHOLE)
        manifest = Manifest(earlier, {name: [ANY] for name in (*whole, *_packs(storage, output))})
    if manifest is None:
        found = list(islice(foreign(storage, output, name), _NAMED + 1))
        if found:
            raise NotOurs(
                f"{output} holds files that are not of this run: {listed(found)}; give the run an output of "
                "its own, an empty or a new directory"
            )
        return Manifest(name, {layout.PLAN: [ANY]})
    if manifest.name != name:
        raise NotOurs(
            f"{output} holds the run {manifest.name!r}; give {name!r} an output of its own, or "
            f"continue the run that is there with `name: {manifest.name}`"
        )
    return manifest


def _receipts(storage: Storage, output: str, name: str) -> Iterator[str]:
    """Names of receipts of the run ``name`` that are in their original place."""
    entries = (_entry(output, info.path) for info in storage.scan(join(output, layout.WORK)))
    for entry in filter(layout.is_receipt, entries):
        for _, receipt in load(storage, [join(output, entry)]):
            if receipt is not None and (receipt.run, receipt.name) == (name, entry):
                yield entry


def _packs(storage: Storage, output: str) -> Iterator[str]:
    """Names of packed receipts. One that nobody minds would be believed when it is no longer right."""
    entries = (_entry(output, info.path) for info in storage.scan(join(output, layout.WORK)))
    return (entry for entry in entries if layout.is_pack(entry))


def _entry(output: str, path: str) -> str:
    return path[len(output.rstrip("/")) + 1 :]


def _planned(storage: Storage, output: str) -> str | None:
    """Name of the run whose plan is there, if any. NotOurs if the plan is damaged or of another format."""
    path = join(output, layout.PLAN)
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
    if version != layout.FORMAT or not isinstance(segments, list):
        raise NotOurs(_other_format(output, name))
    return str(name)


def _other_format(output: str, name: str) -> str:
    return (
        f"{output} holds the run {name!r} as another version of nanocorpus wrote it, which this one cannot "
        "continue; give another output, or remove this one and start again"
    )


def foreign(storage: Storage, output: str, name: str) -> Iterator[str]:
    """Files and links that make a first start of the run ``name`` impossible. Hidden files, those of file
    systems (lost+found), and the run's own dry run do not."""
    for info in storage.scan(output):
        entry = _entry(output, info.path)
        if not _hidden(entry) and not _of_dry_run(storage, output, name, entry):
            yield entry


def _of_dry_run(storage: Storage, output: str, name: str, entry: str) -> bool:
    return entry.startswith(f"{layout.DRY_RUN}/") and is_run(storage, join(output, layout.DRY_RUN), name)


def is_run(storage: Storage, output: str, name: str) -> bool:
    """Whether an output belongs to the run ``name``."""
    try:
        manifest = Manifest.read(storage, output)
    except NotOurs:
        return False
    return manifest is not None and manifest.name == name


def _hidden(entry: str) -> bool:
    return any(part.startswith(".") or part == "lost+found" for part in entry.split("/"))


def listed(names: list[str]) -> str:
    """The first of some names, for a message."""
    return ", ".join(map(shown, names[:_NAMED])) + (" and more" if len(names) > _NAMED else "")


def shown(name: str) -> str:
    """A name that is safe to print on one line of a terminal."""
    return name if name.isprintable() else ascii(name)


def tidy(ledger: Ledger, manifest: Manifest, current: Container[str], datasets: set[str]) -> list[str]:
    """Remove files of this run that are no longer needed: those that its receipts or the manifest name and
    that are not in ``current``, and what killed writers left in the directories of its ``datasets``. Returns
    the names of files that do not belong to this run."""
    storage, output = ledger.storage, ledger.output
    there = {}
    for info in storage.scan(output):
        entry = _entry(output, info.path)
        if not entry.startswith(f"{layout.DRY_RUN}/") and entry not in current:
            there[entry] = info.etag
    stale = [*filter(layout.is_receipt, there)]
    ledger.check()
    named: set[str] = set()
    for path, receipt in load(storage, [ledger.path(entry) for entry in stale]):
        entry = _entry(output, path)
        if receipt is None or (receipt.run, receipt.name) != (ledger.name, entry):
            continue
        for file in (*receipt.files, *receipt.named):
            if file.name in current or not layout.belongs(entry, file.name):
                continue
            named.add(file.name)
            if file.name not in there:
                continue
            # if publishing was interrupted, somebody else's file may be where ours was to come
            if receipt.status != BEGUN or digest(storage, ledger.path(file.name))[1] == file.sha256:
                storage.delete(ledger.path(file.name), there.pop(file.name))
        storage.delete(path, there.pop(entry))
    gone = [name for name in manifest.files if name not in current]
    manifest.drop(ledger, gone)
    for name in gone:
        there.pop(name, None)
    datasets = datasets | {entry.split("/")[1] for entry in stale}
    sweep(storage, output, datasets, lambda path: (name := _entry(output, path)) in current or name in named)
    dry = join(output, layout.DRY_RUN)
    if is_run(storage, dry, ledger.name):
        sweep(storage, dry, datasets, lambda path: False)
    known = {*manifest.files, layout.MANIFEST, layout.TOKEN}
    return sorted(e for e in there if e not in current and e not in known and not _hidden(e))


def sweep(storage: Storage, output: str, datasets: Iterable[str], ours: Callable[[str], bool]) -> None:
    """Remove temporary files in the directories of the run, and old unfinished uploads of ``ours``."""
    clear_spools()
    for directory in ("", layout.WORK, layout.CORPUS):
        storage.sweep(join(output, directory), UPLOAD_AGE_S, ours, deep=False)
    below = [f"{directory}/{name}" for directory in (layout.WORK, layout.CORPUS) for name in sorted(datasets)]
    for directory in (*below, layout.RECEIPTS, layout.ASSETS, layout.ARTEFACTS):
        storage.sweep(join(output, directory), UPLOAD_AGE_S, ours)


def _stands(storage: Storage, path: str) -> tuple[str, str]:
    """Checksum and version of the file at a path; "" for none. Links and directories count as foreign."""
    if _linked(path):
        return _NO_FILE, _NO_FILE
    info = storage.stat(path)
    return (digest(storage, path)[1], info.etag) if info else ("", "")


def _linked(path: str) -> bool:
    """Whether there is a link or a directory in the place of a file."""
    return is_local(path) and (os.path.islink(path) or os.path.isdir(path))


def _there(storage: Storage, path: str) -> bool:
    """Whether there is anything at a path."""
    return _linked(path) or storage.stat(path) is not None


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
