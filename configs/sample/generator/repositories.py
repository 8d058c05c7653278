"""Small repositories of source code, as archives, with what should become of every file.

A store is one file in ``repositories/``: ``key: value`` lines, then files, each ``=== path | outcome stage
reason | key: value; …`` and its lines. ``{{…}}`` in them stands for what is made: terms of licences, secrets that
open nothing, notebooks, bytes that are no text. The outcome is

- ``kept``, ``dropped``, ``failed``, the last two with the stage and the reason;
- ``none``: no row at all, such as the folder of a submodule, or what lies behind a cut.

``(repository)`` as a path is the row that stands for a repository, or for the rest of it.

Archives are as hosts write them: one folder with the commit in its name, files by path, all with the time of the
commit, the commit as a comment. The same code gives the same bytes.

This module knows the markup, archives and what hosts put into them. It does not know the pipeline.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import string
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .terms import TERMS, notice, terms
from .warc import member

STORES = Path(__file__).with_name("repositories")
#: The time of all commits: the first of May 2024, noon.
MOMENT = 1_714_564_800
_MADE = re.compile(r"\{\{([^}]+)\}\}")
_BASE62 = string.ascii_letters + string.digits
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class File:
    """One file: its path as bytes of an archive, its content, and what the store says."""

    path: str
    raw: bytes
    data: bytes
    link: str = ""
    folder: bool = False
    truth: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Repository:
    """A store."""

    name: str
    about: dict[str, str]
    files: tuple[File, ...]

    @property
    def commit(self) -> str:
        """Forty digits that no repository has."""
        return hashlib.sha1(f"commit of {self.name}".encode()).hexdigest()


# Stores ------------------------------------------------------------------------------------------------


def load_all() -> list[Repository]:
    """All stores, by name."""
    texts: dict[tuple[str, str], str] = {}
    return [
        _load(path.read_text(encoding="utf-8"), texts) for path in sorted(STORES.glob("*.txt"), reverse=True)
    ]


def _load(content: str, texts: dict[tuple[str, str], str]) -> Repository:
    head, *pieces = re.split(r"^=== ", content, flags=re.M)
    about = dict(line.split(": ", 1) for line in head.splitlines() if line)
    files = []
    for piece in pieces:
        line, _, body = piece.partition("\n")
        path, outcome, *rest = (part.strip() for part in line.split(" | "))
        extra = dict(item.split(": ", 1) for item in rest[0].split("; ")) if rest else {}
        if "same" in extra:
            body = texts[tuple(extra["same"].split(" ", 1))]  # type: ignore[index]
        if "edited" in extra:
            body = _edited(texts[tuple(extra["edited"].split(" ", 1))])  # type: ignore[index]
        texts[about["repo"], path] = body
        files.append(_file(about["repo"], path, outcome, extra, body, texts))
    return Repository(about["repo"], about, tuple(files))


def _file(
    repo: str, path: str, outcome: str, extra: dict[str, str], body: str, texts: dict[tuple[str, str], str]
) -> File:
    what, *why = outcome.split()
    truth: dict[str, Any] = {
        "repo": repo,
        "path": path,
        "outcome": what,
        "stage": why[0] if why else None,
        "reason": why[1] if why else None,
        "must_contain": _listed(extra.get("contains")),
        "must_not_contain": _listed(extra.get("lacks")),
        "code_language": extra.get("language"),
        "encoding": extra.get("encoding"),
        "secrets": {
            rule: int(count) for rule, count in (one.split() for one in _listed(extra.get("secrets")))
        },
        "near": extra.get("near"),
        "copies": extra.get("copies"),
    }
    raw = bytes.fromhex(extra["raw_path"]) if "raw_path" in extra else path.encode()
    if path == "(repository)":
        return File("", b"", b"", truth=truth | {"path": ""})
    if "submodule" in extra:
        return File(path, raw, b"", folder=True, truth=truth)
    if "link" in extra:
        return File(path, raw, b"", link=extra["link"], truth=truth)
    if body.startswith("{{notebook "):
        data = _notebook(body).encode()
    elif body == "{{png}}\n":
        data = _png()
    elif body == "{{minified}}\n":
        data = _minified(texts[repo, "gauge.js"]).encode()
    else:
        text = _MADE.sub(lambda found: _made(found[1], f"{repo} {path}"), body)
        if extra.get("newline") == "crlf":
            text = text.replace("\n", "\r\n")
        data = text.encode(extra.get("encoding", "utf-8"))
    return File(path, raw, data, truth=truth)


def _listed(value: str | None) -> list[str]:
    return value.split(", ") if value else []


# What is made --------------------------------------------------------------------------------------------


def _made(what: str, seed: str) -> str:
    kind, _, about = what.partition(" ")
    if kind.endswith("-notice"):
        return notice(kind.removesuffix("-notice"), about).rstrip("\n")
    if kind in TERMS:
        return terms(kind, about).rstrip("\n")
    if kind == "secret":
        return secret(about, seed)
    if kind == "sri":
        return "sha512-" + base64.b64encode(hashlib.sha512(about.encode()).digest()).decode()
    if kind == "numbers":
        rows = (_drawn("0123456789", 24, f"{seed} {number}") for number in range(int(about)))
        return "\n".join(f"    {', '.join(f'0.{row[i : i + 4]}' for i in range(0, 24, 4))}," for row in rows)
    if kind == "noise":
        return _drawn(_BASE62, int(about), seed)
    if kind == "nothing":
        return ""
    raise ValueError(f"{{{{{what}}}}} is nothing that can be made")


def _drawn(alphabet: str, size: int, seed: str) -> str:
    """Characters that look drawn at random, always the same ones."""
    found = b""
    while len(found) < 4 * size:
        found += hashlib.blake2b(f"{seed} {len(found)}".encode()).digest()
    numbers = (int.from_bytes(found[at : at + 4], "big") for at in range(0, 4 * size, 4))
    return "".join(alphabet[number % len(alphabet)] for number in numbers)


def secret(kind: str, seed: str) -> str:
    """Something in the form of a secret, which nobody has given out."""
    seed = f"{seed} {kind}"
    if kind == "aws":
        return "AKIA" + _drawn(_BASE32, 16, seed)
    if kind == "base64-40":
        return _drawn(_BASE62, 40, seed)
    if kind == "github":
        return "ghp_" + _drawn(_BASE62, 36, seed)
    if kind == "password":
        return f"{_drawn(string.ascii_letters, 6, seed)}{_drawn(string.digits, 2, seed)}{_drawn(_BASE62, 6, seed)}"
    if kind == "mixed":
        return f"{_drawn(string.ascii_lowercase, 4, seed)}&{_drawn(string.ascii_uppercase, 3, seed)}{_drawn(string.digits, 3, seed)}"
    if kind == "sha1":
        return hashlib.sha1(seed.encode()).hexdigest()
    if kind == "sha256":
        return hashlib.sha256(seed.encode()).hexdigest()
    if kind == "pem":
        lines = [_drawn(_BASE62 + "+/", 64, f"{seed} {number}") for number in range(6)]
        return "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----"])
    raise ValueError(f"no secret is called {kind!r}")


def _png() -> bytes:
    """A picture of one grey point."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = (1).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0\x80", 9))
        + chunk(b"IEND", b"")
    )


def _minified(source: str) -> str:
    """A script without comments and line breaks, three times under other names."""
    bare = re.sub(r"/\*.*?\*/|^\s*//[^\n]*", "", source, flags=re.S | re.M).replace("export ", "")
    one = re.sub(r"\s*([{}();,=<>+*/?:-])\s*", r"\1", " ".join(bare.split()))
    return "".join(one.replace("createGauge", name) + ";" for name in ("a", "b", "c")) + "\n"


def _edited(source: str) -> str:
    """Another author has changed a message and added a line."""
    found = source.replace("no weights for", "there are no weights for")
    if found == source:
        raise ValueError("there is nothing to edit")
    return f"/* Taken over from the scales. */\n{found}"


def _notebook(body: str) -> str:
    kind = body[len("{{notebook ") : body.index("}}")]
    cells: list[dict[str, Any]] = []
    for piece in re.split(r"^## (?=markdown|code|heading)", body, flags=re.M)[1:]:
        head, _, text = piece.partition("\n")
        what, *about = head.split()
        lines = text.strip("\n").splitlines(keepends=True)
        cell: dict[str, Any] = {"cell_type": what, "metadata": {}, "source": lines}
        if what == "heading":
            cell |= {"level": int(about[0])}
        if what == "code":
            outputs = [_picture()] if "png" in about else []
            cell |= {"execution_count": len(cells), "outputs": outputs}
        if kind == "v3" and what == "code":
            cell = {"cell_type": "code", "collapsed": False, "input": lines, "language": "python",
                    "metadata": {}, "outputs": [], "prompt_number": len(cells)}  # fmt: skip
        cells.append(cell)
    if kind == "v3":
        found: dict[str, Any] = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0,
                                 "worksheets": [{"cells": cells, "metadata": {}}]}  # fmt: skip
    else:
        language = {"python": "python", "R": "R"}[kind]
        kernel = {"display_name": kind, "language": language, "name": {"python": "python3", "R": "ir"}[kind]}
        found = {"cells": cells, "metadata": {"kernelspec": kernel, "language_info": {"name": language}},
                 "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _picture() -> dict[str, Any]:
    data = {"image/png": base64.b64encode(_png()).decode() + "\n", "text/plain": ["<Figure>"]}
    return {"data": data, "metadata": {}, "output_type": "display_data"}


# Archives ------------------------------------------------------------------------------------------------


def archive(repository: Repository) -> tuple[str, bytes]:
    """Path below the folder of repositories, and content."""
    folder = f"{repository.name.rpartition('/')[2]}-{repository.commit}/".encode()
    if repository.about.get("archive") == "zip":
        return f"{repository.name}.zip", _zip(repository, folder)
    data = member(_tar(repository, folder))
    if "cut" in repository.about:
        data = data[: len(data) - 2000]
    return f"{repository.name}.tar.gz", data


def _tar(repository: Repository, folder: bytes) -> bytes:
    comment = f"52 comment={repository.commit}\n".encode()
    assert len(comment) == 52
    entries = [_entry(b"pax_global_header", comment, kind=b"g"), _entry(folder, kind=b"5", mode=0o775)]
    for file in sorted((file for file in repository.files if file.path), key=lambda file: file.raw):
        if file.folder:
            entries.append(_entry(folder + file.raw, kind=b"5", mode=0o775))
        elif file.link:
            entries.append(_entry(folder + file.raw, kind=b"2", link=file.link, mode=0o777))
        else:
            entries.append(_entry(folder + file.raw, file.data))
    return b"".join(entries) + bytes(1024)


def _entry(name: bytes, data: bytes = b"", *, kind: bytes = b"0", link: str = "", mode: int = 0o664) -> bytes:
    """A header in the format ustar, and the content in blocks of 512 bytes."""
    prefix = b""
    if len(name) > 100:
        cut = name.rfind(b"/", 0, 156)
        prefix, name = name[:cut], name[cut + 1 :]
    numbers = (f"{mode:07o}", "0000000", "0000000", f"{len(data):011o}", f"{MOMENT:011o}")
    head = name.ljust(100, b"\0") + b"".join(number.encode() + b"\0" for number in numbers)
    head += b" " * 8 + kind + link.encode().ljust(100, b"\0") + b"ustar\00000"
    head += b"root".ljust(32, b"\0") * 2 + b"0000000\0" * 2 + prefix.ljust(155, b"\0")
    head = head.ljust(512, b"\0")
    head = head[:148] + f"{sum(head):06o}".encode() + b"\0 " + head[156:]
    return head + data + bytes(-len(data) % 512)


def _zip(repository: Repository, folder: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.comment = repository.commit.encode()
        for one in repository.files:
            info = zipfile.ZipInfo((folder + one.raw).decode(), (2024, 5, 1, 12, 0, 0))
            info.external_attr = 0o100664 << 16
            info.create_system = 3
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, one.data)
    return out.getvalue()


# What goes beside them -------------------------------------------------------------------------------------


def metadata(repositories: list[Repository]) -> str:
    """What hosts say of them: a table in JSON Lines."""
    rows = [
        {
            "repo": one.name,
            "stars": int(one.about["stars"]),
            "forks": int(one.about["forks"]),
            "license": one.about.get("license"),
        }
        for one in sorted(repositories, key=lambda one: one.name)
    ]
    return "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)


def truth_lines(repositories: list[Repository]) -> str:
    """One JSON object a file, by repository and path."""
    rows = [file.truth for one in repositories for file in one.files]
    rows.sort(key=lambda row: (row["repo"], row["path"]))
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
