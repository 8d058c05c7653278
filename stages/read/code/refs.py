"""Mirrors as storage lists them: which folders are repositories, and which commit a revision is.

A bare repository or a clone is found by its file ``HEAD``, so that a listing of object storage shows it too.
Revisions are resolved from the files ``HEAD``, ``refs/…`` and ``packed-refs`` (gitrepository-layout(5)), in
the order of gitrevisions(7); no program of git runs for that.

Knows the layout of a repository. Does not read objects.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from stages.base import MIB, Member, Storage

_WILDCARDS = frozenset("*?[")
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
#: Longest ``packed-refs`` that is read: half a million names.
_PACKED_BYTES = 64 * MIB
#: Where a name of a revision is looked for.
_RULES = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
_LINKS = 5


class NoRevision(Exception):
    """The repository has no such revision."""


def find_mirrors(storage: Storage, paths: Sequence[str], revision: str) -> list[Member]:
    """The repositories that ``paths`` name: each is one, a pattern of some, or a folder that holds them one
    or two levels down (``owner/name.git``). Members have the path of the folder of git's files.

    FileNotFoundError: a path names none.
    """
    found: dict[str, Member] = {}
    for path in paths:
        before = len(found)
        for folder, name in _folders(storage, path.rstrip("/")):
            if folder not in found:
                found[folder] = Member(folder, name, *_state(storage, folder, revision))
        if len(found) == before and not any(folder.startswith(path.rstrip("/")) for folder in found):
            raise FileNotFoundError(
                f"{path!r} is no git repository and holds none: a folder with HEAD and objects/, or with "
                ".git/HEAD, itself or one or two levels down"
            )
    return list(found.values())


def state(storage: Storage, folder: str, revision: str) -> str:
    """What changes when other files may come of a repository: the commit and the packs."""
    return _state(storage, folder, revision)[1]


def resolve(storage: Storage, folder: str, revision: str) -> str:
    """The object id that a revision is, or an abbreviated one as it is. NoRevision: there is none."""
    name = revision
    for _ in range(_LINKS):
        if _HASH.fullmatch(name):
            return name
        value = next(filter(None, (_ref(storage, folder, rule.format(name)) for rule in _RULES)), None)
        if value is None:
            if re.fullmatch(r"[0-9a-f]{7,64}", name):
                return name
            raise NoRevision(f"there is no {name}")
        name = value.removeprefix("ref:").strip() if value.startswith("ref:") else value
    raise NoRevision(f"{revision} leads in a circle")


def _folders(storage: Storage, path: str) -> Iterator[tuple[str, str]]:
    """Folders of git's files, and names of the repositories."""
    literal = _WILDCARDS.isdisjoint(path)
    fixed = path if literal else path[: min(path.find(sign) % len(path) for sign in "*?[" if sign in path)]
    base = fixed[: fixed.rfind("/") + 1]
    heads: set[str] = set()
    for depth in range(3):
        below = path + "/*" * depth
        heads |= {info.path for mark in ("HEAD", ".git/HEAD") for info in storage.glob(f"{below}/{mark}")}
        if depth == 0 and literal and heads:
            break
    kept = ""
    for folder in sorted({head.removesuffix("HEAD") for head in heads}):
        if kept and folder.startswith(kept):
            continue  # logs/HEAD, refs/remotes/origin/HEAD
        own = folder.removesuffix("/").removesuffix("/.git")
        kept = f"{own}/"
        name = own.removeprefix(f"{path}/" if literal and own != path else base)
        yield folder.rstrip("/"), name.strip("/").removesuffix(".git") or "repository"


def _state(storage: Storage, folder: str, revision: str) -> tuple[int, str]:
    """Bytes of the objects, and a hash of their files and of the commit."""
    try:
        commit = resolve(storage, folder, revision)
    except NoRevision:
        commit = "none"
    packs = [one for one in storage.list(f"{folder}/objects/pack/") if one.path.endswith(".pack")]
    packs = packs or storage.list(f"{folder}/objects/")  # what is there is loose
    digest = hashlib.blake2b(commit.encode(), digest_size=16)
    for one in packs:
        digest.update(f"\n{one.path.rpartition('/')[2]} {one.size}".encode())
    return sum(one.size for one in packs), digest.hexdigest()


def _ref(storage: Storage, folder: str, name: str) -> str | None:
    """What a reference says: an id, ``ref: …``, or nothing."""
    if ".." in name or name.startswith("/") or (name != name.strip()):
        return None
    if (info := storage.stat(f"{folder}/{name}")) is not None and info.size <= 4096:
        with storage.open(info.path) as file:
            value = file.read(4096).decode("utf-8", "replace").strip()
        return value if value.startswith("ref:") or _HASH.fullmatch(value) else None
    if not name.startswith("refs/"):
        return None
    info = storage.stat(f"{folder}/packed-refs")
    if info is None or info.size > _PACKED_BYTES:
        return None
    with storage.open(info.path) as file:
        for line in file:
            value, _, ref = line.decode("utf-8", "replace").strip().partition(" ")
            if ref == name and _HASH.fullmatch(value):
                return value
    return None
