"""Repositories for the tests of readers of code: mirrors made with git's plumbing, and archives byte by byte."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage import Storage
from stages.base import Reader, Reject

MIT = b"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\n"
GPL = b"GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991\n"
CODE = b"def add(a, b):\n    return a + b\n"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123\n"
#: A file of each kind, and what becomes of it: the encoding of a document, or the reason.
FILES: dict[str, bytes] = {
    "LICENSE": MIT,
    "README.md": b"# A thing\n\nLicensed under MIT.\n",
    "src/add.py": CODE,
    "src/crlf.c": b"int main(void)\r\n{\r\n\treturn 0;\r\n}\r\n",
    "src/marked.cs": b"\xef\xbb\xbfclass A { }\n",
    "src/wide.rc": "\ufeffIDD_ABOUT DIALOG 0, 0, 170, 62\n".encode("utf-16-le"),
    "src/latin.c": "/* Größe der Datei, für später */\nint size;\n".encode("latin-1"),
    "src/binary.o": b"\x7fELF\0\0\1",
    "src/noise.bin": bytes(range(128, 256)) * 3,
    "src/empty.py": b"",
    "src/blank.py": b" \n\n",
    "src/big.txt": b"x" * 5000,
    "data/model.bin": LFS,
    "vendor/lib/COPYING": GPL,
    "vendor/lib/lib.c": b"int lib(void) { return 1; }\n",
}
BECOMES = {
    "LICENSE": "utf-8",
    "README.md": "utf-8",
    "src/add.py": "utf-8",
    "src/crlf.c": "utf-8",
    "src/marked.cs": "utf-8",
    "src/wide.rc": "utf-16le",
    "src/latin.c": "windows-1252",
    "src/binary.o": "binary",
    "src/noise.bin": "encoding",
    "src/empty.py": "empty",
    "src/blank.py": "empty",
    "src/big.txt": "size",
    "data/model.bin": "lfs_pointer",
    "vendor/lib/COPYING": "utf-8",
    "vendor/lib/lib.c": "utf-8",
}
#: Settings with which that is so.
SETTINGS = {"max_bytes": 4000}
_ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0100",
    "GIT_COMMITTER_DATE": "1700000000 +0100",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
DATE = "2023-11-14T22:13:20Z"  # of the commits


def git(folder: Path, *arguments: str, data: bytes = b"") -> str:
    """What a command of git says."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        input=data,
        capture_output=True,
        check=True,
        env=os.environ | _ENVIRONMENT,
    )
    return done.stdout.decode().strip()


def mirror(
    folder: Path,
    files: Mapping[str, bytes],
    others: Iterable[tuple[str, str, str]] = (),
    branch: str = "main",
) -> str:
    """A bare repository with one more commit; its id. ``others`` are mode, object and path."""
    if not folder.exists():
        folder.mkdir(parents=True)
        git(folder, "init", "--bare", "-q", "-b", "main")
    index = {"GIT_INDEX_FILE": str(folder / "made.index")}
    lines = [
        f"100644 {git(folder, 'hash-object', '-w', '--stdin', data=data)}\t{path}"
        for path, data in files.items()
    ]
    lines += [f"{mode} {blob}\t{path}" for mode, blob, path in others]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in index.items():
            patch.setenv(name, value)
        git(folder, "update-index", "--add", "--index-info", data="\n".join(lines).encode() + b"\n")
        tree = git(folder, "write-tree", "--missing-ok")
    (folder / "made.index").unlink()
    commit = git(folder, "commit-tree", tree, "-m", "A commit")
    git(folder, "update-ref", f"refs/heads/{branch}", commit)
    return commit


def blob(folder: Path, data: bytes) -> str:
    """The id of an object that is written."""
    return git(folder, "hash-object", "-w", "--stdin", data=data)


def tarball(
    files: Mapping[str, bytes | None] | Iterable[tuple[str, bytes | None]],
    prefix: str = "",
    comment: str = "",
    links: Mapping[str, str] = {},
    mtime: int = 1_700_000_000,
) -> bytes:
    """A tar archive as ``git archive`` writes it. None is a directory."""
    buffer = io.BytesIO()
    headers = {"comment": comment} if comment else {}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
        for path, data in files.items() if isinstance(files, Mapping) else files:
            info = tarfile.TarInfo(prefix + path)
            info.mtime = mtime
            if data is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        for path, target in links.items():
            info = tarfile.TarInfo(prefix + path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes], prefix: str = "", comment: bytes = b"") -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for path, data in files.items():
            archive.writestr(
                zipfile.ZipInfo(prefix + path, (2023, 11, 14, 22, 13, 20)), data, zipfile.ZIP_DEFLATED
            )
    return buffer.getvalue()


def read(reader: Reader, storage: Any = None, limit: int | None = None) -> tuple[list[dict], list[Reject]]:
    """All documents and rejects of a reader, each input checked to be as it was listed."""
    storage = storage or Storage()
    reader.open()
    rows: list[dict] = []
    rejects: list[Reject] = []
    for item in reader.list(storage):
        assert reader.current(item, storage) == item.etag
        for batch in reader.read(item, storage, limit):
            assert batch.documents.schema.names[-len(reader.adds) :] == reader.adds.names
            batch.documents.validate(full=True)
            rows += batch.documents.to_pylist()
            rejects += batch.rejects
    return rows, rejects


def outcomes(rows: list[dict], rejects: list[Reject]) -> dict[str, str]:
    """Of each path the encoding, or the reason."""
    found = {row["path"]: row["encoding"] for row in rows}
    for reject in rejects:
        path = str(reject.provenance["record"])
        assert path not in found
        found[path] = reject.fault.reason
    return found


def notices(rows: list[dict], path: str) -> list[str]:
    """Paths of the notices of a document."""
    return next([one["path"] for one in row["notices"]] for row in rows if row["path"] == path)
