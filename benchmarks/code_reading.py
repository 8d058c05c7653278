"""Claim: files of bare mirrors are read at 30 MB/s of one core, in less than 100 MB beyond the start.

Usage: ``python benchmarks/code_reading.py MIRRORS``: a folder with ``owner/name.git``. Ours is the whole
reader: decoding, ids, the notices of every file, Arrow. pygit2 and dulwich, where installed, read the bytes
of all blobs and do nothing with them. Rates are MB of files per second of CPU time, that of ``git`` included;
memory is the peak of the process beyond what it takes before it reads. Every side runs in a process of its
own for each repository.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.lib import data
from pipeline.storage import Storage
from stages.read.code.repositories import Repositories, RepositoriesConfig
from stages.read.utf import utf8_within

NEEDS = ("git!", "data:code/mirrors")
FLOORS = {"MB/s": 30.0}
CEILINGS = {"MB of memory beyond the start": 100.0}


def ours(folder: str) -> int:
    """Bytes of all files that became documents."""
    reader = Repositories(RepositoriesConfig(paths=[folder]))
    reader.open()
    storage = Storage()
    size = 0
    for item in reader.list(storage):
        for batch in reader.read(item, storage):
            size += sum(batch.documents.column("bytes").to_pylist())
    return size


def pygit2(folder: str) -> int:
    """Bytes of all blobs of HEAD."""
    import pygit2

    repository = pygit2.Repository(folder)
    size = 0
    todo = [repository.revparse_single("HEAD").peel(pygit2.Tree)]
    while todo:
        for entry in todo.pop():
            if entry.type_str == "tree":
                todo.append(entry)
            elif entry.type_str == "blob" and entry.id in repository:
                size += len(repository[entry.id].data)
    return size


def dulwich(folder: str) -> int:
    """Bytes of all blobs of HEAD."""
    from dulwich.object_store import iter_tree_contents
    from dulwich.repo import Repo

    repository = Repo(folder)
    store = repository.object_store
    size = 0
    for entry in iter_tree_contents(store, repository[repository.head()].tree):
        if entry.mode != 0o160000 and entry.sha in store:
            size += len(store[entry.sha].data)
    return size


SIDES = {"ours": ours, "pygit2": pygit2, "dulwich": dulwich}


def cpu() -> float:
    """Seconds of this process and of those that it waited for."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def measure(side: str, folder: str) -> None:
    """Print what one side takes, as JSON."""
    if side == "ours":
        utf8_within(b"\x80")  # loads the loop, as every worker does once
    else:
        __import__(side)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, wall = cpu(), time.perf_counter()
    size = SIDES[side](folder)
    print(
        json.dumps(
            {
                "size": size,
                "cpu": cpu() - started,
                "wall": time.perf_counter() - wall,
                "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024,
            }
        )
    )


def run(side: str, mirrors: list[Path]) -> dict[str, float]:
    """MB, seconds and the largest memory over all mirrors."""
    total = {"size": 0.0, "cpu": 0.0, "wall": 0.0, "memory": 0.0}
    for mirror in mirrors:
        command = [sys.executable, __file__, "--one", side, str(mirror)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for name in ("size", "cpu", "wall"):
            total[name] += found[name]
        total["memory"] = max(total["memory"], found["memory"])
    return total


def main() -> int:
    """Print the rates; 1 if ours is under its floor or over its ceiling."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mirrors", nargs="?", default=data.find("code/mirrors"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.mirrors is None:
        parser.error(data.missing("code/mirrors"))
    if options.one:
        measure(options.one, options.mirrors)
        return 0
    mirrors = sorted(head.parent for head in Path(options.mirrors).glob("*/*.git/HEAD"))
    if not mirrors:
        parser.error(f"{options.mirrors} has no owner/name.git")
    floor, ceiling = FLOORS["MB/s"], CEILINGS["MB of memory beyond the start"]
    found = {side: run(side, mirrors) for side in SIDES if side == "ours" or find_spec(side)}
    rates = {side: one["size"] / 1e6 / one["cpu"] for side, one in found.items()}
    for side in found:
        if side != "ours":
            ratio = rates["ours"] / rates[side]
            print(f"code_reading/{side}  {rates['ours']:.1f} MB/s  {rates[side]:.1f} MB/s  {ratio:.2f}  0.00")
    mine = found["ours"]
    memory, wall = mine["memory"] / 1e6, mine["size"] / 1e6 / mine["wall"]
    print(
        f"code_reading/rate  {rates['ours']:.1f} MB/s  -  {rates['ours'] / floor:.2f}  {floor:.0f} MB/s "
        f"({mine['size'] / 1e6:.1f} MB of {len(mirrors)} repositories; {wall:.1f} MB/s of wall time)"
    )
    print(f"code_reading/memory  {memory:.0f} MB  -  {ceiling / memory:.2f}  at most {ceiling:.0f} MB")
    return int(rates["ours"] < floor or memory > ceiling)


if __name__ == "__main__":
    sys.exit(main())
