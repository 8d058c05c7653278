"""Beginnings that prompts have in common: which are worth computing on their own, and which are kept.

Knows prompts as token ids, in a tree of pieces of ``GRAIN`` tokens, and how many requests wait behind each.
Does not know tensors: snapshots of the state after a beginning come from the caller.

A beginning stays when nobody waits for it any more, so the instruction of a task is computed once and not
with every call; the one that was not used for longest goes when another needs its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from model.memory import GRAIN, SNAPSHOTS

#: A beginning is computed on its own if that saves at least this many tokens of prefill, about the cost of
#: one more pass over the weights.
WORTH = 4 * GRAIN


@dataclass(slots=True, eq=False)
class Prefix:
    """The beginning of a prompt, up to a multiple of ``GRAIN``: a node in the tree.

    waiting: requests that wait and begin with it. users: those that were admitted and need its snapshot, the
    state after it, once there is one.
    """

    length: int
    block: tuple[int, ...] = ()
    parent: Prefix | None = None
    waiting: int = 0
    users: int = 0
    children: dict[tuple[int, ...], Prefix] = field(default_factory=dict)
    planned: bool = False
    snapshot: Any = None

    def child(self, block: tuple[int, ...]) -> Prefix:
        """The beginning that is longer by a block; new, if there is none yet."""
        if block not in self.children:
            self.children[block] = Prefix(self.length + len(block), block, self)
        return self.children[block]

    def blocks(self) -> list[tuple[int, ...]]:
        """Its tokens."""
        return [] if self.parent is None else [*self.parent.blocks(), self.block]


class Prefixes:
    """Beginnings of the prompts that wait, and at most ``most`` of which the state is kept."""

    def __init__(self, most: int = SNAPSHOTS) -> None:
        self._most = most
        self._root = Prefix(0)
        #: Those whose state is kept or will be; the one that was not used for longest first.
        self._kept: list[Prefix] = []

    def begin(self) -> None:
        """Call when a call begins: forgets the requests of earlier ones, of which some may have been broken
        off. What was computed stays."""
        earlier, self._root, self._kept = self._kept, Prefix(0), []
        for old in earlier:
            if old.snapshot is not None:
                node = self._root
                for block in old.blocks():
                    node = node.child(block)
                node.planned, node.snapshot = True, old.snapshot
                self._kept.append(node)

    def add(self, ids: Sequence[int]) -> tuple[Prefix, ...]:
        """A prompt that begins to wait; returns its beginnings."""
        node, path = self._root, []
        # At least one token must remain for the pass that gives the first logits.
        for end in range(GRAIN, len(ids), GRAIN):
            node = node.child(tuple(ids[end - GRAIN : end]))
            node.waiting += 1
            path.append(node)
        return tuple(path)

    def choose(self, path: Sequence[Prefix]) -> tuple[Prefix | None, bool]:
        """A prompt no longer waits. Returns the shared beginning that saves most, in it and in those that
        still wait, and whether this prompt is the one to compute it. ``settle`` must follow."""
        for node in path:
            node.waiting -= 1
        chosen, most = None, 0
        for node in path:
            if node.planned:
                spared = node.length * (node.waiting + 1)
            elif node.length * node.waiting >= WORTH and (len(self._kept) < self._most or self._idle()):
                spared = node.length * node.waiting
            else:
                continue
            if spared > most:
                most, chosen = spared, node
        leads = chosen is not None and not chosen.planned
        if chosen is not None:
            if chosen.planned:
                self._kept.remove(chosen)
            elif len(self._kept) == self._most:
                self._drop(self._idle()[0])
            chosen.planned = True
            chosen.users += 1
            self._kept.append(chosen)
        if path:
            self._prune(path[-1])
        return chosen, leads

    def settle(self, node: Prefix) -> None:
        """Call when a prompt that ``choose`` gave the beginning to no longer needs its snapshot."""
        node.users -= 1
        if node.snapshot is None and not node.users and node.planned:  # it failed
            self._drop(node)

    def _idle(self) -> list[Prefix]:
        return [node for node in self._kept if not node.waiting and not node.users]

    def _drop(self, node: Prefix) -> None:
        self._kept.remove(node)
        node.planned, node.snapshot = False, None
        self._prune(node)

    def _prune(self, node: Prefix) -> None:
        """Remove beginnings that nobody needs, from the longest on."""
        while node.parent is not None and not (node.waiting or node.planned or node.children):
            node.parent.children.pop(node.block, None)
            node = node.parent
