"""What later groups need to know of finished tasks, in some four hundred bytes each.

A group may have ninety thousand tasks, and a run a dozen such groups, so results are kept as short texts and
taken apart when they are asked for. What the files of a task are called differs only in the task's name: the
rest stands once. Knows files, counts and names; does not know receipts, nor who wrote them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.ledger.receipts import File

_TASK = "\0"  # stands for the name of the task; no name of a file has it


class Made(NamedTuple):
    """What later groups need to know of a finished task. The receipt itself is in storage."""

    done: bool
    files: Mapping[str, File]  # by role; without etags
    counts: Mapping[str, int]

    def digest(self, role: str) -> str:
        """sha256 of its file of a role, "" if it has none. Results depend on this, not on names."""
        return self.files[role].sha256 if role in self.files else ""


class Place(NamedTuple):
    """Where tasks of a group have a file of a role."""

    role: str
    pattern: str

    def name(self, task: str) -> str:
        """The file of a task."""
        return self.pattern.replace(_TASK, task)


class Parts(Mapping[str, Made]):
    """Results by the names of tasks."""

    def __init__(self) -> None:
        self._rows: dict[str, str] = {}
        #: Places of files, and the names of counts; rows have their numbers.
        self.places: list[Place] = []
        self._shapes: list[tuple[str, ...]] = []
        self._numbers: dict[Any, int] = {}

    def put(self, name: str, made: Made) -> None:
        """Add a result, or replace it."""
        words = [str(int(made.done)), str(self._number(self._shapes, tuple(made.counts)))]
        words += map(str, made.counts.values())
        for file in made.files.values():
            place = Place(file.role, file.name.replace(name, _TASK))
            number = self._number(self.places, place)
            words += (str(number), str(file.size), file.sha256, file.foot)
        self._rows[sys.intern(name)] = " ".join(words)

    def _number(self, known: list[Any], item: Any) -> int:
        if (number := self._numbers.get(item)) is None:
            number = self._numbers[item] = len(known)
            known.append(item)
        return number

    def __getitem__(self, name: str) -> Made:
        words = self._rows[name].split(" ")
        shape = self._shapes[int(words[1])]
        first = 2 + len(shape)
        files = {}
        for start in range(first, len(words), 4):
            number, size, sha256, foot = words[start : start + 4]
            place = self.places[int(number)]
            files[place.role] = File(place.role, place.name(name), int(size), sha256, foot)
        return Made(words[0] == "1", files, dict(zip(shape, map(int, words[2:first]), strict=True)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def sorted(self) -> Iterator[tuple[str, Made]]:
        """In the order of names, one after the other."""
        for name in sorted(self._rows):
            yield name, self[name]

    def digests(self, role: str) -> Iterator[tuple[str, bool, str]]:
        """Of each task, in the order of names: whether it is done, and the sha256 of its file of a role, ""
        without one."""
        numbers = {str(number) for number, place in enumerate(self.places) if place.role == role}
        firsts = [2 + len(shape) for shape in self._shapes]
        for name in sorted(self._rows):
            words = self._rows[name].split(" ")
            first = firsts[int(words[1])]
            found = (words[at + 2] for at in range(first, len(words), 4) if words[at] in numbers)
            yield name, words[0] == "1", next(found, "")

    def count(self, role: str) -> int:
        """How many tasks have a file of a role."""
        return sum(digest != "" for _, _, digest in self.digests(role))

    def sizes(self, name: str) -> Iterator[tuple[str, int]]:
        """Names and bytes of the files of a task, in the order in which they were put."""
        words = self._rows[name].split(" ")
        for start in range(2 + len(self._shapes[int(words[1])]), len(words), 4):
            yield self.places[int(words[start])].name(name), int(words[start + 1])

    def has(self, name: str, place: int) -> bool:
        """Whether a task has its file in a place, by the number of that."""
        if (row := self._rows.get(name)) is None:
            return False
        words = row.split(" ")
        first = 2 + len(self._shapes[int(words[1])])
        return str(place) in words[first::4]

    # As it is kept in a file

    def tables(self) -> dict[str, Any]:
        """What rows refer to, as plain values."""
        return {
            "places": [list(place) for place in self.places],
            "shapes": [list(one) for one in self._shapes],
        }

    def row(self, name: str) -> str:
        """The row of a task."""
        return self._rows[name]

    @classmethod
    def of(cls, tables: Mapping[str, Any], names: Iterable[str], rows: Sequence[str]) -> Parts:
        """From ``tables`` and rows."""
        found = cls()
        for role, pattern in tables["places"]:
            found._number(found.places, Place(role, pattern))
        for shape in tables["shapes"]:
            found._number(found._shapes, tuple(shape))
        found._rows = dict(zip(map(sys.intern, names), rows, strict=True))
        return found


class Named:
    """Whether a name is that of a file of some results, without a list of all names."""

    def __init__(self) -> None:
        self._folders: dict[str, list[tuple[str, str, Parts, int]]] = {}
        self._others: set[str] = set()

    def add(self, pattern: str, parts: Parts, place: int = -1) -> None:
        """Files of ``parts`` in a place, or (-1) one for each task; ``pattern`` has the name of the task."""
        folder, _, base = pattern.rpartition("/")
        before, task, after = base.partition(_TASK)
        if not task:
            self._others.add(pattern)
        self._folders.setdefault(folder, []).append((before, after, parts, place))

    def add_all(self, receipt: str, parts: Parts) -> None:
        """All files of a group, and its receipts."""
        self.add(receipt, parts)
        for number, place in enumerate(parts.places):
            self.add(place.pattern, parts, number)

    def __contains__(self, name: str) -> bool:
        folder, _, base = name.rpartition("/")
        for before, after, parts, place in self._folders.get(folder, ()):
            if base.startswith(before) and base.endswith(after):
                task = base[len(before) : len(base) - len(after)]
                if task in parts and (place < 0 or parts.has(task, place)):
                    return True
        return name in self._others


def pattern(name_of: Any) -> str:
    """The pattern of names that a function gives to tasks."""
    return str(name_of(_TASK))
