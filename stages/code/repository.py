"""The order of a repository's files: each after those that it imports, otherwise by path.

Names are resolved to files of the repository alone: of several files that a name could mean, the one that
is nearest to the file that names it. Files that import each other in a circle stay together, by path; circles
and files are in the order of what they import, and among those that could come next, by path. The order
depends on paths and names, not on the order in which files are given.

A namespace or package that is imported as a whole is a place of its own in the graph, so that its edges are
as many as its files, and not as many as pairs of them.

Knows paths and names (``stages.code.imports``). Does not know what is in a file.
"""

from __future__ import annotations

import heapq
import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class File(NamedTuple):
    """A file and what it names, as ``imports.names`` writes it."""

    path: str
    language: str | None
    names: Sequence[str]


#: Of so many files of one name none is taken to be the one that is meant, unless it is beside the other.
MOST_OF_A_NAME = 200
#: Most parts of a package's name.
DEEPEST = 16


def order(files: Sequence[File]) -> list[int]:
    """Indices of files, those that others need first."""
    by_path = sorted(range(len(files)), key=lambda index: files[index].path)
    sorted_files = [files[index] for index in by_path]
    needs = _Graph(sorted_files).needs
    return [by_path[index] for index in _topological(needs, len(files))]


class _Graph:
    """Of each file, by its index, what comes before it; indices beyond the files are packages."""

    def __init__(self, files: Sequence[File]) -> None:
        self._files = files
        self._index = {file.path: number for number, file in enumerate(files)}
        self._modules = _Suffixes()  # Python
        self._classes = _Suffixes()  # Java
        self._sources = _Suffixes()  # C and C++
        self._packages: dict[str, int] = {}
        self.needs: list[set[int]] = [set() for _ in files]
        for number, file in enumerate(files):
            if file.language == "Python":
                self._modules.add(_module(file.path), number)
            elif file.language == "Java":
                self._classes.add(_parts(file.path), number)
                for start in _starts(file.path.split("/")[:-1]):
                    self.needs[self._package(f"java {start}")].add(number)
            elif file.language in ("C", "C++"):
                self._sources.add(tuple(file.path.split("/")), number)
            elif file.language == "C#":
                for name in file.names:
                    if name.startswith("="):
                        self.needs[self._package(name)].add(number)
        for number, file in enumerate(files):
            for other in self._meant(number, file):
                if other != number:
                    self.needs[number].add(other)

    def _package(self, name: str) -> int:
        if name not in self._packages:
            self._packages[name] = len(self.needs)
            self.needs.append(set())
        return self._packages[name]

    def _meant(self, number: int, file: File) -> Iterator[int]:
        for name in file.names:
            if file.language == "Python":
                found = self._python(file.path, name)
            elif file.language == "Java":
                found = self._java(file.path, name)
            elif file.language == "C#":
                found = self._packages.get(f"={name}")
            else:
                found = self._included(file.path, name)
            if found is not None:
                yield found

    def _python(self, path: str, name: str) -> int | None:
        here = tuple(path.split("/")[:-1])
        relative = len(name) - len(name.lstrip("."))
        parts = tuple(part for part in name.split(".") if part)
        if relative:
            base = here[: len(here) - relative + 1]
            if relative - 1 > len(here):
                return None
            for size in (len(parts), len(parts) - 1):
                if size >= 0 and (found := self._modules.exactly(base + parts[:size])) is not None:
                    return found
            return None
        for size in (len(parts), len(parts) - 1):
            some = parts[:size]
            if size == 1:  # a package or module of many names: beside the file, or at the top
                for base in (here, (), ("src",), ("lib",), ("python",)):
                    if (found := self._modules.exactly(base + some)) is not None:
                        return found
            elif size > 1 and (found := self._modules.nearest(some, here)) is not None:
                return found
        return None

    def _java(self, path: str, name: str) -> int | None:
        if name.endswith(".*"):
            return self._packages.get(f"java {name[:-2]}")
        here, parts = tuple(path.split("/")[:-1]), tuple(name.split("."))
        # a class within a class, and a name of a class that is imported by ``static``
        for size in range(len(parts), max(1, len(parts) - 3), -1):
            if (found := self._classes.nearest(parts[:size], here)) is not None:
                return found
        return None

    def _included(self, path: str, name: str) -> int | None:
        target = name[1:]
        if name[0] == '"':
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            if (found := self._index.get(beside)) is not None:
                return found
        parts = tuple(part for part in posixpath.normpath(target).split("/") if part not in ("..", "."))
        if (name[0] == "<" and len(parts) < 2) or not parts:
            return None  # of the system
        return self._sources.nearest(parts, tuple(path.split("/")[:-1]))


class _Suffixes:
    """Files by the ends of their paths."""

    def __init__(self) -> None:
        self._whole: dict[tuple[str, ...], int] = {}
        self._by_name: dict[str, list[tuple[tuple[str, ...], int]]] = defaultdict(list)

    def add(self, parts: tuple[str, ...], number: int) -> None:
        if parts:
            self._whole.setdefault(parts, number)
            self._by_name[parts[-1]].append((parts, number))

    def exactly(self, parts: tuple[str, ...]) -> int | None:
        return self._whole.get(parts)

    def nearest(self, parts: tuple[str, ...], here: tuple[str, ...]) -> int | None:
        """Of the files whose path ends with ``parts``, the one that shares most folders with ``here``; of
        equally near ones the shortest path, then the first."""
        named = self._by_name.get(parts[-1], [])
        if len(named) > MOST_OF_A_NAME:
            return self._whole.get(here + parts, self._whole.get(parts))
        ends = ((whole, number) for whole, number in named if whole[-len(parts) :] == parts)
        return min(ends, key=lambda end: (-_shared(end[0], here), len(end[0]), end[1]), default=(None, None))[
            1
        ]


def _shared(one: tuple[str, ...], two: tuple[str, ...]) -> int:
    count = 0
    for left, right in zip(one, two, strict=False):
        if left != right:
            break
        count += 1
    return count


def _parts(path: str) -> tuple[str, ...]:
    return tuple(posixpath.splitext(path)[0].split("/"))


def _module(path: str) -> tuple[str, ...]:
    parts = _parts(path)
    return parts[:-1] if parts[-1] == "__init__" else parts


def _starts(folders: Sequence[str]) -> Iterator[str]:
    """A package by all names that it could have: ``src.main.java.a.b``, ``main.java.a.b``, … ``b``."""
    for start in range(max(0, len(folders) - DEEPEST), len(folders)):
        yield ".".join(folders[start:])


def _topological(needs: Sequence[set[int]], count: int) -> list[int]:
    """The first ``count`` nodes, each after what it needs; circles by number."""
    circle = _circles(needs)
    members: dict[int, list[int]] = defaultdict(list)
    for node, label in enumerate(circle):
        members[label].append(node)
    waiting: dict[int, int] = {}
    users: dict[int, set[int]] = defaultdict(set)
    for label, nodes in members.items():
        others = {circle[other] for node in nodes for other in needs[node]} - {label}
        waiting[label] = len(others)
        for other in others:
            users[other].add(label)
    ready = [(nodes[0], label) for label, nodes in members.items() if not waiting[label]]
    heapq.heapify(ready)
    done: list[int] = []
    while ready:
        _, label = heapq.heappop(ready)
        done += (node for node in members[label] if node < count)
        for user in users[label]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, (members[user][0], user))
    return done


def _circles(needs: Sequence[set[int]]) -> list[int]:
    """A label for each node, the same for those that need each other (Tarjan's strongly connected components,
    with a stack of its own: paths may be long)."""
    label, low, seen = [-1] * len(needs), [0] * len(needs), [-1] * len(needs)
    count = labels = 0
    open_nodes: list[int] = []
    for root in range(len(needs)):
        if seen[root] >= 0:
            continue
        work = [(root, iter(sorted(needs[root])))]
        seen[root] = low[root] = count
        count += 1
        open_nodes.append(root)
        while work:
            node, others = work[-1]
            for other in others:
                if seen[other] < 0:
                    seen[other] = low[other] = count
                    count += 1
                    open_nodes.append(other)
                    work.append((other, iter(sorted(needs[other]))))
                    break
                if label[other] < 0:
                    low[node] = min(low[node], seen[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == seen[node]:
                    while label[node] < 0:
                        label[open_nodes.pop()] = labels
                    labels += 1
    return label
