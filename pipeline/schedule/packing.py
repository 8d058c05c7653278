"""When receipts are packed, and when a pack is of use.

The driver alone writes and removes packs (``pipeline.ledger.packs``). Knows groups, states and the manifest,
to which packs belong; does not know how a pack is laid out.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

from pipeline import layout
from pipeline.ledger import packs
from pipeline.ledger.commit import Ledger
from pipeline.ledger.ownership import Manifest
from pipeline.ledger.packs import Packed, PackWriter
from pipeline.ledger.receipts import DONE, Receipt
from pipeline.schedule.parts import Parts
from pipeline.schedule.state import Group, State
from pipeline.sealed import seal
from pipeline.storage import Conflict, Storage
from stages.base import FileInfo

#: Tasks of a group from which on its receipts are packed: with fewer, reading them one by one is no matter.
LEAST = 64
#: Files on a page of a listing, and pieces of a long listing that are read at the same time.
_PAGE, _PIECES, _AT_ONCE = 1000, 8, 16


@dataclass
class Packs:
    """The packs of an output."""

    ledger: Ledger
    manifest: Manifest
    _writers: dict[str, PackWriter] = field(default_factory=dict)

    def read(self, group: Group) -> Packed | None:
        """The pack of a group; None without one."""
        name = layout.pack(group.receipts)
        return (
            packs.read(self.ledger.storage, self.ledger.path(name)) if name in self.manifest.files else None
        )

    def begin(self, group: Group) -> None:
        """A group starts, of which no pack was of use."""
        self._writers[group.key] = PackWriter()
        if self._adopted(name := layout.pack(group.receipts)):
            self.ledger.check()
            self.manifest.drop(self.ledger, [name])  # it is not known what it was true of

    def _adopted(self, name: str) -> bool:
        """Whether there is a pack that the manifest does not name, as a driver leaves one whose last request
        came after another had taken over. From now on the manifest names it."""
        storage, path = self.ledger.storage, self.ledger.path(name)
        if name in self.manifest.files or packs.receipts(storage, path) is None:
            return False
        self.manifest.files[name] = []
        return True

    def forget(self, group: Group) -> None:
        """A receipt that was added has been written again: the group is packed the next time."""
        self._writers.pop(group.key, None)

    def add(self, group: Group, state: State, name: str, receipt: Receipt) -> None:
        """One of its receipts, which ``state`` has."""
        if (
            (writer := self._writers.get(group.key)) is not None
            and receipt.status == DONE
            and not receipt.dry
        ):
            writer.add(name, receipt.as_json(), state.made.row(name))

    def finish(self, group: Group, state: State) -> None:
        """The group is done: write its pack, if all its receipts are those of finished tasks. A pack of what
        the group was before, with more tasks, is removed."""
        if (writer := self._writers.pop(group.key, None)) is None:
            return
        if LEAST <= writer.rows == len(state.made):
            head = {**state.made.tables(), **state.as_json()}
            self._adopted(name := layout.pack(group.receipts))
            self.manifest.put(self.ledger, {name: writer.as_bytes(head)})
        else:
            self.open(group.receipts)

    def open(self, receipts: str) -> None:
        """Before anything changes in a group, with that directory of receipts: remove its pack. A receipt
        that is lost stood in the pack alone, so it is written again first."""
        name = layout.pack(receipts)
        if name not in self.manifest.files:
            return
        self.ledger.check()
        storage, path = self.ledger.storage, self.ledger.path
        packed = packs.receipts(storage, path(name))
        there = {info.path for info in storage.list(path(receipts))} if packed is not None else set()
        for task, raw in packed or ():
            place = path(f"{receipts}/{task}.json")
            if place not in there:
                try:
                    storage.write(place, seal(raw), "")
                except Conflict:
                    continue
        self.manifest.drop(self.ledger, [name])
        self.manifest.save(self.ledger)


def state_of(packed: Packed) -> State | None:
    """What the receipts of a pack add up to; None if another version wrote it, which sums otherwise."""
    try:
        return State.from_json(packed.head, Parts.of(packed.head, packed.names, packed.rows))
    except (KeyError, TypeError, ValueError):
        return None


def listing(storage: Storage, path: Callable[[str], str], made: Parts) -> dict[str, FileInfo]:
    """The files that are where those of a group are, by path. What their names are is known, so a long
    listing is read in pieces that begin and end at some of them, several at a time."""
    pieces: list[tuple[str, str, str]] = []
    tasks = sorted(made)
    size = -(-len(tasks) // _PAGE // _PIECES) * _PAGE if storage.ranged(path("")) else len(tasks)
    size = max(size, _PAGE)
    for place in made.places if tasks else ():
        names = [path(place.name(task)) for task in (tasks[0], tasks[-1], *tasks[size - 1 :: size])]
        edges = ["", *names[2:]]
        if edges[-1] == names[1]:
            edges.pop()
        before = _common(names[0], names[1])
        pieces += [(before, *piece) for piece in pairwise([*edges, ""])]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda piece: storage.begins(*piece), pieces)
        return {info.path: info for infos in found for info in infos}


def _common(one: str, other: str) -> str:
    """What two names begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))]
