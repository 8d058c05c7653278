"""Which request runs in which slot, and which pieces of prompts go through the network together.

Knows prompts as token ids, how long completions may be, slots by number. Does not know tensors, logits or
text: the caller provides snapshots, and says when a completion ends.

It is made for offline work: all slots should be busy until the end, and it does not matter how soon an answer
comes. So a slot is filled again as soon as it is free, with the waiting request that may take longest, so
that no long ones remain at the end, when nothing is left to run beside them. Only if finished answers have to
wait for an early short request do the oldest requests begin first (``admit``). A slot has room for everything
that its request may need, so a running request is never stopped for lack of space. Slots in use are kept
contiguous, starting at 0.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from model.memory import GRAIN as GRAIN
from model.memory import SNAPSHOTS as SNAPSHOTS
from model.requests import Request

#: A common prefix is computed on its own if that saves at least this many tokens of prefill, about the cost
#: of one more pass over the weights.
WORTH = 4 * GRAIN


@dataclass(slots=True, eq=False)
class Prefix:
    """The beginning of a prompt, up to a multiple of ``GRAIN``: a node in the tree of all waiting prompts.

    waiting: requests that wait and begin with it. snapshot: the state after it, once there is one.
    """

    length: int
    block: tuple[int, ...] = ()
    waiting: int = 0
    children: dict[tuple[int, ...], Prefix] = field(default_factory=dict)
    planned: bool = False
    snapshot: Any = None


@dataclass(slots=True, eq=False)
class Job:
    """A request that has a slot. ``place``: its number in the order of the call."""

    place: int
    request: Request
    path: tuple[Prefix, ...] = ()
    slot: int = -1
    #: The beginning of its prompt that is shared with others, if any.
    shared: Prefix | None = None
    #: Whether this job computes the shared beginning.
    leads: bool = False


class Scheduler:
    """Slots 0 to ``slots`` - 1, and the requests that wait for one."""

    def __init__(self, slots: int, window: int, snapshots: int = SNAPSHOTS) -> None:
        """``window``: how many requests may wait; the longest is chosen among these. ``snapshots``: how many
        fit into memory."""
        self._slots, self._window, self._snapshots = slots, window, snapshots
        self._queue: list[tuple[int, int, Job]] = []
        self._root = Prefix(0)
        self._holders: list[Prefix] = []
        self._free: list[int] = []
        #: The jobs by slot; None if one was retired and neither ``admit`` nor ``compact`` has been called
        #: since.
        self.running: list[Job | None] = []

    @property
    def room(self) -> int:
        """How many more requests may be added now."""
        return self._window - len(self._queue)

    def add(self, place: int, request: Request) -> None:
        """Add a request, which must fit into a slot, to those that wait."""
        ids, node, path = request.prompt_ids, self._root, []
        # At least one token must remain for the pass that gives the first logits.
        for end in range(GRAIN, len(ids), GRAIN):
            block = tuple(ids[end - GRAIN : end])
            child = node.children.get(block)
            if child is None:
                child = node.children[block] = Prefix(end, block)
            child.waiting += 1
            path.append(child)
            node = child
        heapq.heappush(self._queue, (-request.max_tokens, place, Job(place, request, tuple(path))))

    def admit(self, oldest: bool = False) -> list[Job]:
        """Give free slots to waiting requests: longest first, or those that have waited longest. Call
        ``settle`` when their prompts have been processed."""
        self._holders = [node for node in self._holders if node.waiting]
        admitted = []
        free = len(self._free) + self._slots - len(self.running)
        for job in self._next(min(free, len(self._queue)), oldest):
            self._leave(job)
            self._share(job)
            if self._free:
                job.slot = heapq.heappop(self._free)
                self.running[job.slot] = job
            else:
                job.slot = len(self.running)
                self.running.append(job)
            admitted.append(job)
        return admitted

    def settle(self, jobs: Iterable[Job]) -> None:
        """Call when the prompts of these jobs have been processed: they no longer need the state of their
        common beginnings."""
        for job in jobs:
            if job.leads and job.shared is not None and job.shared.snapshot is None:  # it failed
                job.shared.planned = False
                self._holders.remove(job.shared)
            job.path, job.shared, job.leads = (), None, False

    def retire(self, job: Job) -> None:
        """Call when a job has ended; frees its slot."""
        self.running[job.slot] = None
        heapq.heappush(self._free, job.slot)

    def compact(self) -> list[tuple[int, int]]:
        """Close the gaps: returns moves (from slot, to slot), which must be made in this order."""
        moves = []
        while self._free:
            while self.running and self.running[-1] is None:
                self.running.pop()
            gap = heapq.heappop(self._free)
            if gap >= len(self.running):
                continue
            job = self.running.pop()
            assert job is not None
            moves.append((job.slot, gap))
            job.slot, self.running[gap] = gap, job
        return moves

    def _next(self, count: int, oldest: bool) -> list[Job]:
        """Take the given number of requests out of the queue."""
        if not oldest or not count:
            return [heapq.heappop(self._queue)[2] for _ in range(count)]
        first = heapq.nsmallest(count, self._queue, key=lambda entry: entry[1])
        places = {place for _, place, _ in first}
        self._queue = [entry for entry in self._queue if entry[1] not in places]
        heapq.heapify(self._queue)
        return [job for _, _, job in first]

    def _leave(self, job: Job) -> None:
        """The request no longer waits. Beginnings that no waiting request has are removed."""
        parent = self._root
        for node in job.path:
            node.waiting -= 1
            if not node.waiting:
                del parent.children[node.block]
            parent = node

    def _share(self, job: Job) -> None:
        """Choose the shared beginning that saves most, in this request and in those that still wait."""
        most = 0
        for node in job.path:
            if node.planned:
                spared = node.length * (node.waiting + 1)
            elif len(self._holders) < self._snapshots and node.length * node.waiting >= WORTH:
                spared = node.length * node.waiting
            else:
                continue
            if spared > most:
                most, job.shared = spared, node
        if job.shared is not None and not job.shared.planned:
            job.leads = job.shared.planned = True
            self._holders.append(job.shared)


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens ``start`` to ``stop`` of a job's prompt; ``ends`` if the prompt ends there."""

    job: Job
    start: int
    stop: int
    ends: bool


def pack(spans: Iterable[tuple[Job, int, int]], budget: int) -> Iterator[list[Part]]:
    """Cut spans of prompts into batches of at most ``budget`` tokens, a multiple of ``GRAIN``, and of at most
    ``budget / GRAIN`` jobs, whose states take memory too. A batch has at most one part of a job; the parts of
    a job come in order."""
    if budget < GRAIN or budget % GRAIN:
        raise ValueError(f"a prefill batch of {budget} tokens is not a multiple of {GRAIN}")
    batch: list[Part] = []
    room = budget
    for job, start, stop in spans:
        while start < stop:
            end = min(stop, start + room)
            if end < stop:
                end -= end % GRAIN
            if end > start:
                batch.append(Part(job, start, end, end == len(job.request.prompt_ids)))
                room -= end - start
                start = end
            if start < stop or len(batch) == budget // GRAIN:
                yield batch
                batch, room = [], budget
    if batch:
        yield batch
