"""Requests on their way through the slots of a machine, from the first prompt to the last completion.

Knows how scheduler, network, state, sampler and texts work together, and what happens when something fails.
Does not know documents, prompts' meaning, or how arithmetic is done.

One turn of the loop gives free slots to waiting requests and processes their prompts; if there is nothing to
admit, all running sequences are decoded by one token. The common beginning of several prompts is computed
once: the first of them leaves a snapshot of its state there (``model.prefixes`` says when).

On a machine that ``overlaps``, tokens of a step are read after the next one was launched, which finds them on
the device. A sequence that has ended meanwhile is in that step too, and what it adds there is dropped.

Failures are assigned to requests: one that does not fit, or whose logits are not finite, gets a completion
that says so, and if a whole batch fails, each of its requests is tried again alone. An exception is raised
only if the device itself does not work any more.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import torch

from model.machine import Machine
from model.network import PackedBatch
from model.requests import Completion, Request, checked, failed, misfit
from model.scheduler import Job, Part, Scheduler, pack
from model.text import Transcript
from model.transfers import to_device, to_host

log = logging.getLogger(__name__)

#: After this many consecutive failed steps with a single row, although prompts worked, decoding is considered
#: broken.
GIVE_UP = 3

#: What ``next`` returns at the end; anything else that is not a request is an error.
_END: Any = object()


class Run:
    """One call: its requests on their way through the slots of a machine."""

    def __init__(self, machine: Machine, requests: Iterator[Request]) -> None:
        self._machine = machine
        self._network, self._state = machine.network, machine.state
        self._sampler, self._decoder = machine.sampler, machine.decoder
        self._requests: Iterator[Request] | None = requests
        # Large enough to find long requests early, and to keep slots busy while the longest one runs.
        window = max(1024, 8 * machine.slots)
        self._ahead = 2 * window
        machine.prefixes.begin()
        self._scheduler = Scheduler(machine.slots, window, machine.prefixes)
        self._done: dict[int, Completion] = {}
        #: The exception that ended the reading of requests.
        self.failure: Exception | None = None
        # Maximum rows per step, lowered after a larger step has failed; and how often a single row failed.
        self._rows, self._failures = machine.slots, 0
        self._taken = self._given = 0
        # By slot: the text of the tokens that were read, and how many tokens the state holds: all of them but
        # the last one chosen.
        self._transcripts: list[Transcript | None] = [None] * machine.slots
        self._lengths = [0] * machine.slots
        #: What was launched and not read yet: the jobs of a step, and what waits for their tokens.
        self._launched: deque[tuple[Sequence[Job], Callable[[], list[int]]]] = deque()

    def ready(self) -> Iterator[Completion]:
        """Completions whose turn it is."""
        while self._given in self._done:
            self._given += 1
            yield self._done.pop(self._given - 1)

    def advance(self) -> bool:
        """One turn of the loop; False if there is nothing left to do."""
        self._read()
        with torch.inference_mode():
            earlier = len(self._launched)
            # Long ones first, until the completions that wait for an early short one leave no room to read
            # on.
            held = self._requests is not None and self._taken - self._given > self._ahead * 3 // 4
            admitted = self._scheduler.admit(oldest=held)
            if admitted:
                self._prefill(admitted)
            else:
                for source, target in self._scheduler.compact():
                    self._move(source, target)
                if not self._scheduler.running:
                    return self._requests is not None
                if any(job and self._chosen(job) < job.request.max_tokens for job in self._scheduler.running):
                    self._decode()
            self._collect(max(len(self._launched) - earlier, 0) if self._machine.overlaps else 0)
            return True

    def _chosen(self, job: Job) -> int:
        """How many tokens were chosen for a job, those that were not read yet included."""
        return self._lengths[job.slot] + 1 - len(job.request.prompt_ids)

    def _read(self) -> None:
        while self._requests is not None and self._scheduler.room and self._taken - self._given < self._ahead:
            try:
                request = next(self._requests, _END)
                if request is not _END:
                    checked(request)
            except Exception as problem:
                self.failure, request = problem, _END
            if request is _END:
                self._requests = None
                return
            place, self._taken = self._taken, self._taken + 1
            error = misfit(request, self._network.config.vocab_size, self._machine.max_length)
            if error is None:
                self._scheduler.add(place, request)
            else:
                self._done[place] = failed(request, error)

    def _prefill(self, jobs: Sequence[Job]) -> None:
        """Process the prompts of newly admitted jobs, and choose their first tokens."""
        waiting = dict.fromkeys(jobs)
        failure = None
        try:
            for job in jobs:
                self._start(job)
                if job.shared is None or job.leads:  # other jobs get a state that overwrites the old one
                    self._state.clean(job.slot)
            leaders = [(job, 0, job.shared.length) for job in jobs if job.leads and job.shared]
            for batch in pack(leaders, self._machine.budget):
                self._take_in(batch)
            for job, _, length in leaders:
                assert job.shared is not None
                job.shared.snapshot = self._state.snapshot(job.slot, length)
            spans = []
            for job in jobs:
                start = 0
                if job.shared is not None and job.shared.snapshot is not None:
                    start = job.shared.length
                    if not job.leads:
                        self._state.restore(job.shared.snapshot, job.slot)
                elif job.shared is not None:
                    self._state.clean(job.slot)
                spans.append((job, start, len(job.request.prompt_ids)))
            for batch in pack(spans, self._machine.budget):
                ended, tokens = self._take_in(batch)
                for job in ended:
                    del waiting[job]
                self._launched.append((ended, tokens))
        except Exception as error:
            failure = _words(error)
        # Not inside the except block, where the memory of the failed batch is still referenced.
        if failure is not None:
            self._one_by_one(list(waiting), failure)
        self._scheduler.settle(jobs)

    def _start(self, job: Job) -> None:
        self._sampler.admit(job.slot, job.request)
        self._transcripts[job.slot] = Transcript(job.request, self._machine.vocabulary)
        self._lengths[job.slot] = len(job.request.prompt_ids)

    def _take_in(self, parts: Sequence[Part]) -> tuple[list[Job], Callable[[], list[int]]]:
        """Run parts of prompts; returns the jobs whose prompts are now complete, and what waits for their
        next tokens."""
        tokens = chain.from_iterable(part.job.request.prompt_ids[part.start : part.stop] for part in parts)
        batch = PackedBatch(
            to_device(list(tokens), self._network.device),
            [part.job.slot for part in parts],
            [part.start for part in parts],
            [part.stop - part.start for part in parts],
        )
        rows = [row for row, part in enumerate(parts) if part.ends]
        logits = self._network.prefill(batch, self._state, rows)
        if not rows:
            return [], list
        jobs = [parts[row].job for row in rows]
        return jobs, to_host(self._sampler.sample(logits, [job.slot for job in jobs]))

    def _decode(self) -> None:
        """One more token for every running job, in as few steps as possible."""
        running, first = [job for job in self._scheduler.running if job is not None], 0
        while first < len(running):
            jobs, failure = running[first : first + self._rows], None
            slots = range(first, first + len(jobs))
            try:
                for job in jobs:
                    self._force(job)
                self._sampler.record(slots)
                tokens = self._sampler.last[first : slots.stop]
                logits = self._decoder.step(tokens, self._lengths[first : slots.stop], first)
                self._launched.append((jobs, to_host(self._sampler.sample(logits, slots))))
            except Exception as error:
                failure = _words(error)
            # Not inside the except block, where the memory of the failed step is still referenced.
            if failure is None:
                self._failures = 0
                for slot in slots:
                    self._lengths[slot] += 1
            else:
                self._collect()
                self._recover(jobs, failure)
            first = slots.stop

    def _force(self, job: Job) -> None:
        """If the text says which token comes next, the next step takes that one in, not the one chosen."""
        transcript = self._transcripts[job.slot] if job.slot >= 0 else None
        if transcript is None or not transcript.forced:
            return
        if self._chosen(job) == len(transcript.token_ids) + 1:  # otherwise it was taken in already
            self._sampler.last[job.slot] = transcript.forced[0]

    def _collect(self, keep: int = 0) -> None:
        """Read the tokens of what was launched, except for the last ``keep`` steps."""
        while len(self._launched) > keep:
            jobs, read = self._launched.popleft()
            tokens, failure = list[int](), None
            try:
                tokens = read()
            except Exception as error:
                failure = _words(error)
            if failure is None:
                self._go_on(jobs, tokens)
            else:  # what was launched later went on from its results
                jobs = [*jobs, *(job for later, _ in self._launched for job in later)]
                self._launched.clear()
                self._recover(jobs, failure)

    def _recover(self, failed_jobs: Sequence[Job], failure: str) -> None:
        """Called after a step failed. It is not known how far the step got, so the states are rebuilt. If
        that works for every job, the cause was not one of the jobs but their number, or decoding itself."""
        jobs = [job for job in dict.fromkeys(failed_jobs) if job.slot >= 0]
        if not jobs:
            return
        if len(jobs) == 1 and self._failures >= GIVE_UP:
            self._leave(jobs[0].slot, failure)
            self._probe()
        elif self._one_by_one(jobs, failure):
            if len(jobs) > 1:
                self._rows = len(jobs) // 2
            else:
                self._failures += 1

    def _one_by_one(self, jobs: Sequence[Job], failure: str) -> bool:
        """After a batch failed, run each of its jobs alone, from its prompt and its generated tokens. Returns
        whether that worked for all."""
        log.warning("a batch of %d failed, its requests are tried one by one: %s", len(jobs), failure)
        survivors = 0
        for job in jobs:
            try:
                token = self._alone(job)
            except Exception as error:
                self._leave(job.slot, _words(error))
            else:
                survivors += 1
                self._go_on([job], [token])
        if not survivors:
            self._probe()
        return survivors == len(jobs)

    def _probe(self) -> None:
        """Check that the device still works; raises if it does not, so that requests are not blamed."""
        torch.ones(1, device=self._network.device).item()

    def _alone(self, job: Job) -> int:
        transcript = self._transcripts[job.slot]
        generated = [] if transcript is None else transcript.token_ids
        if transcript is None:
            self._start(job)
        self._state.clean(job.slot)
        self._sampler.admit(job.slot, job.request, step=len(generated))
        if generated:
            self._sampler.record([job.slot] * len(generated), generated)
        ids = to_device([*job.request.prompt_ids, *generated], self._network.device)
        self._lengths[job.slot] = len(ids)
        for start in range(0, len(ids), self._machine.budget):
            part = ids[start : start + self._machine.budget]
            batch = PackedBatch(part, [job.slot], [start], [len(part)])
            last = start + len(part) == len(ids)
            logits = self._network.prefill(batch, self._state, None if last else [])
        return int(self._sampler.sample(logits, [job.slot]))

    def _go_on(self, jobs: Sequence[Job], tokens: Sequence[int]) -> None:
        """Add the next tokens to the transcripts; finished jobs leave their slots."""
        for job, token in zip(jobs, tokens, strict=True):
            if job.slot < 0:
                continue  # it ended before this step was read
            transcript = self._transcripts[job.slot]
            assert transcript is not None
            if token < 0:
                length = len(job.request.prompt_ids) + len(transcript.token_ids)
                self._leave(job.slot, f"the logits after {length} tokens are not finite")
                continue
            self._force(job)
            try:
                over = transcript.push(transcript.forced[0] if transcript.forced else token)
            except Exception as error:
                self._leave(job.slot, _words(error))
                continue
            if over:
                self._leave(job.slot)

    def _leave(self, slot: int, error: str | None = None) -> None:
        """Remove a job that has finished or failed."""
        job, transcript = self._scheduler.running[slot], self._transcripts[slot]
        assert job is not None
        try:
            completion = (
                failed(job.request, error or "") if transcript is None else transcript.completion(error=error)
            )
        except Exception as other:
            completion = failed(job.request, error or _words(other))
        self._done[job.place] = completion
        self._transcripts[slot] = None
        self._scheduler.retire(job)

    def _move(self, source: int, target: int) -> None:
        self._state.move(source, target)
        self._sampler.move(source, target)
        self._transcripts[target] = self._transcripts[source]
        self._lengths[target] = self._lengths[source]


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
