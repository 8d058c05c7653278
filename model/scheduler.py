"""Which request runs in which slot, and which pieces of prompts go through the network together.

Knows prompts as token ids, how long completions may be, slots by number. Does not know tensors, logits or
text, nor which beginnings are shared (``model.prefixes``): the caller says when a completion ends.

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
from dataclasses import dataclass

from model.memory import GRAIN as GRAIN
from model.prefixes import Prefix, Prefixes
from model.requests import Request


@dataclass(slots=True, eq=False)
class Job:
    """A request on its way. ``place``: its number in the order of the call; ``slot``: -1 while it waits, and
    when it has ended."""

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

    def __init__(self, slots: int, window: int, prefixes: Prefixes) -> None:
        """``window``: how many requests may wait; the longest is chosen among these."""
        self._slots, self._window, self._prefixes = slots, window, prefixes
        self._queue: list[tuple[int, int, Job]] = []
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
        path = self._prefixes.add(request.prompt_ids)
        heapq.heappush(self._queue, (-request.max_tokens, place, Job(place, request, path)))

    def admit(self, oldest: bool = False) -> list[Job]:
        """Give free slots to waiting requests: longest first, or those that have waited longest. Call
        ``settle`` when their prompts have been processed."""
        admitted = []
        free = len(self._free) + self._slots - len(self.running)
        for job in self._next(min(free, len(self._queue)), oldest):
            job.shared, job.leads = self._prefixes.choose(job.path)
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
            if job.shared is not None:
                self._prefixes.settle(job.shared)
            job.path, job.shared, job.leads = (), None, False

    def retire(self, job: Job) -> None:
        """Call when a job has ended; it has no slot (-1) any more."""
        self.running[job.slot] = None
        heapq.heappush(self._free, job.slot)
        job.slot = -1

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
