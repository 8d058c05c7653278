"""Assets: files that stages load (models, tables, lists), hashed by the driver and brought to each machine.

The run keeps a copy under a name that contains the checksum, so that every worker loads the bytes that were
hashed, even if the original changes during the run. Knows files, directories and repositories of a model hub;
does not know what is in them.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pipeline import layout
from pipeline.sealed import Damaged, digest
from pipeline.storage import Storage, StorageError, is_local, join

HUB = "hf://"
_HUB = re.compile(
    r"hf://(?P<data>datasets/)?(?P<name>[^/@]+/[^/@]+)(?:@(?P<revision>[^/]+))?(?:/(?P<file>.+))?"
)
#: Files of hub repositories that are skipped: the same weights in formats that are not read here.
_OTHER_FORMATS = ("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Asset:
    """A file, or a directory of ``files``, kept under a name that contains its checksum."""

    sha256: str  # for a directory: of its names and their checksums
    path: str
    files: tuple[tuple[str, str], ...] = ()  # for a directory: relative names and sha256

    def contents(self) -> Iterator[tuple[str, str]]:
        """Every file: its name below ``path`` ("" for an asset that is a file) and its sha256."""
        yield from self.files or [("", self.sha256)]

    def kept(self, output: str) -> Iterator[tuple[str, str]]:
        """Every file as the run keeps it: its name relative to the output, and its sha256."""
        for name, sha in self.contents():
            yield _below(self.path, name).removeprefix(join(output, "")), sha


def find(storage: Storage, source: str, output: str) -> Asset:
    """Hash a file, directory or hub repository. Hidden files are left out.
    StorageError if it cannot be read."""
    if not source:
        raise StorageError("an empty path")
    origin = _origin(source)
    if storage.stat(origin) is not None:
        sha = _hash(storage, origin)
        return Asset(sha, _kept(output, sha, PurePosixPath(origin).suffix))
    found = (info.path.removeprefix(origin.rstrip("/") + "/") for info in storage.list(origin))
    names = [name for name in found if not any(part.startswith(".") for part in name.split("/"))]
    if not names:
        raise StorageError(f"{source}: there is no such file or directory")
    files = tuple((name, _hash(storage, _below(origin, name))) for name in sorted(names))
    sha = hashlib.sha256("".join(f"{name}\n{sha}\n" for name, sha in files).encode()).hexdigest()
    return Asset(sha, _kept(output, sha), files)


def keep(storage: Storage, source: str, asset: Asset) -> None:
    """Copy an asset into the output, unless the same bytes are there. StorageError if the original has
    changed since it was hashed."""
    for name, sha in asset.contents():
        kept, path = _below(asset.path, name), _below(_origin(source), name)
        if storage.stat(kept) is None or _hash(storage, kept) != sha:
            with storage.create(kept) as local, storage.open(path) as file:
                if _copy(file, local) != sha:
                    raise StorageError(f"{path}: changed while the run was being prepared; start again")


def fetch(asset: Asset, storage: Storage) -> Path:
    """A local path of an asset; downloaded once on each machine if needed. Damaged if its bytes are not those
    that were hashed."""
    if is_local(asset.path):
        for name, sha in asset.contents():
            path = _below(asset.path, name)
            if digest(storage, path)[1] != sha:
                raise Damaged(path, "has changed")
        return Path(asset.path)
    folder = Path(tempfile.gettempdir()) / f"nanocorpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user; set TMPDIR to a directory of your own")
    target = folder / asset.path.rsplit("/", 1)[1]
    if target.exists():
        return target
    with (folder / f"{target.name}.lock").open("w") as lock:
        # one worker copies and the others wait; the lock ends with the process that holds it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            scratch = folder / f"{target.name}.part"
            shutil.rmtree(scratch, ignore_errors=True)  # left by a worker that was killed
            try:
                _bring(asset, storage, scratch / "whole")
                (scratch / "whole").rename(target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return target


def _bring(asset: Asset, storage: Storage, whole: Path) -> None:
    for name, sha in asset.contents():
        path, copy = _below(asset.path, name), whole / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        with storage.open(path) as source:
            if _copy(source, copy) != sha:
                raise Damaged(path, "has changed")


@functools.cache
def _origin(source: str) -> str:
    """A path at which a source can be read; hub repositories are downloaded into the hub's own cache."""
    if not source.startswith(HUB):
        return source
    import huggingface_hub

    if (match := _HUB.fullmatch(source)) is None:
        how = "hf://organisation/name or hf://datasets/organisation/name, with @revision or /file at will"
        raise StorageError(f"{source}: write it as {how}")
    name, file = match["name"], match["file"]
    where: dict[str, Any] = {
        "revision": match["revision"],
        "repo_type": "dataset" if match["data"] else "model",
    }
    try:
        if file:
            return huggingface_hub.hf_hub_download(name, file, **where)
        return huggingface_hub.snapshot_download(name, ignore_patterns=list(_OTHER_FORMATS), **where)
    except Exception as error:  # from requests, the hub, or the file system of the cache
        what = " ".join(str(error).split())
        raise StorageError(f"{source}: {type(error).__name__}: {what}") from error


def _below(path: str, name: str) -> str:
    return join(path, name) if name else path


def _kept(output: str, sha: str, suffix: str = "") -> str:
    return join(output, layout.asset(sha, suffix))


def _hash(storage: Storage, path: str) -> str:
    with storage.open(path) as file:
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _copy(source: BinaryIO, target: Path) -> str:
    """The checksum of the copy."""
    digest = hashlib.sha256()
    with target.open("wb") as copy:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
    return digest.hexdigest()
