"""The scheduler against simulated runs: who gets which slot when, how prompts are cut, what is shared."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.memory import SNAPSHOTS
from model.prefixes import WORTH, Prefixes
from model.requests import Request
from model.scheduler import GRAIN, Job, Scheduler, pack


def request(name: object, max_tokens: int = 8, prompt: list[int] | None = None) -> Request:
    return Request(str(name), prompt or [1], max_tokens)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 40), max_size=60),
    st.integers(1, 9),
    st.integers(1, 30),
    st.randoms(use_true_random=False),
)
def test_slots_are_kept_busy_and_never_shared(
    lengths: list[int], slots: int, window: int, source: object
) -> None:
    scheduler = Scheduler(slots, window, Prefixes())
    waiting = [(place, request(place, length)) for place, length in enumerate(lengths)]
    left: dict[int, int] = {}
    holders: dict[int, int] = {}  # what a slot holds, as its user sees it
    over = set()
    while True:
        while waiting and scheduler.room:
            scheduler.add(*waiting.pop(0))
        admitted = scheduler.admit()
        for job in admitted:
            assert job.slot not in {held.slot for held in scheduler.running if held and held is not job}
            holders[job.slot] = job.place
            left[job.place] = source.randint(1, job.request.max_tokens)  # type: ignore[attr-defined]
        scheduler.settle(admitted)
        if not admitted:
            for before, after in scheduler.compact():
                holders[after] = holders.pop(before)
        jobs = [job for job in scheduler.running if job is not None]
        assert len(jobs) <= slots
        assert len(jobs) == slots or window < slots or not waiting
        assert all(holders[job.slot] == job.place for job in jobs)
        if not admitted:
            assert [job.slot for job in jobs] == list(range(len(jobs)))
            if not jobs:
                break
        for job in jobs:
            left[job.place] -= 1
            if not left[job.place]:
                over.add(job.place)
                scheduler.retire(job)
    assert over == set(range(len(lengths)))


def test_the_longest_in_sight_begins_first_and_equal_ones_in_order() -> None:
    scheduler = Scheduler(2, 4, Prefixes())
    for place, length in enumerate([5, 9, 5, 7]):
        scheduler.add(place, request(place, length))
    assert scheduler.room == 0
    order = []
    while jobs := scheduler.admit():
        order += [job.place for job in jobs]
        for job in jobs:
            scheduler.retire(job)
    assert order == [1, 3, 0, 2]
    for place, length in enumerate([5, 9, 5, 7]):
        scheduler.add(place, request(place, length))
    jobs = scheduler.admit(oldest=True)
    assert [job.place for job in jobs] == [0, 1]
    for job in jobs:
        scheduler.retire(job)
    assert [job.place for job in scheduler.admit()] == [3, 2]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 900)), min_size=1, max_size=20), st.integers(1, 5)
)
def test_prompts_are_cut_at_the_grain_only(spans: list[tuple[int, int]], grains: int) -> None:
    jobs = [Job(n, request(n, prompt=[1] * (a * GRAIN + b))) for n, (a, b) in enumerate(spans)]
    asked = [(job, a * GRAIN, a * GRAIN + b) for job, (a, b) in zip(jobs, spans, strict=True)]
    reached = {job.place: start for job, start, _ in asked}
    for batch in pack(asked, grains * GRAIN):
        assert batch
        assert sum(part.stop - part.start for part in batch) <= grains * GRAIN
        assert len({part.job.place for part in batch}) == len(batch)
        for part in batch:
            assert part.start == reached[part.job.place]
            assert part.start % GRAIN == 0
            assert part.stop % GRAIN == 0 or part.ends
            assert part.ends == (part.stop == len(part.job.request.prompt_ids))
            reached[part.job.place] = part.stop
    assert all(reached[job.place] == stop for job, _, stop in asked)


def test_short_prompts_go_together() -> None:
    jobs = [Job(n, request(n, prompt=[1] * 100)) for n in range(5)]
    batches = list(pack([(job, 0, 100) for job in jobs], 2 * GRAIN))
    assert [[(part.job.place, part.stop) for part in batch] for batch in batches] == [
        [(0, 100), (1, 100)],
        [(2, 100), (3, 100)],
        [(4, 100)],
    ]
    tiny = [Job(n, request(n)) for n in range(5)]
    assert list(map(len, pack([(job, 0, 1) for job in tiny], 2 * GRAIN))) == [2, 2, 1]  # states take memory
    with pytest.raises(ValueError, match="multiple"):
        list(pack([], 100))


A, B = [7] * (4 * GRAIN), [8] * (4 * GRAIN)


def assert_only_kept(scheduler: Scheduler) -> None:
    """When nobody waits, the tree has nothing but what is kept."""
    prefixes = scheduler._prefixes
    leaves, ahead = [], [prefixes._root]
    while ahead:
        node = ahead.pop()
        assert not node.waiting
        ahead += node.children.values()
        if not node.children and node.parent is not None:
            leaves.append(node)
    assert all(node in prefixes._kept for node in leaves)
    assert not any(node.users for node in prefixes._kept)


def settle(scheduler: Scheduler, jobs: list[Job], works: bool = True) -> None:
    for job in jobs:
        if job.leads and works:
            assert job.shared is not None
            job.shared.snapshot = job.place
    scheduler.settle(jobs)


def test_a_common_beginning_is_computed_once() -> None:
    scheduler = Scheduler(3, 50, Prefixes())
    for place in range(8):
        scheduler.add(place, request(place, prompt=[*A, *B[: GRAIN + 5], place, *B]))
    first = scheduler.admit()
    # the common part ends within a block; a block is the smallest unit
    assert [(job.leads, job.shared.length if job.shared else 0) for job in first] == [
        (True, 5 * GRAIN),
        (False, 5 * GRAIN),
        (False, 5 * GRAIN),
    ]
    shared = first[0].shared
    settle(scheduler, first)
    for job in first:
        scheduler.retire(job)
    while jobs := scheduler.admit():
        assert all(job.shared is shared and not job.leads for job in jobs)
        settle(scheduler, jobs)
        for job in jobs:
            scheduler.retire(job)
    assert_only_kept(scheduler)


def test_the_longer_beginning_is_shared_by_those_that_have_it() -> None:
    scheduler = Scheduler(20, 50, Prefixes())
    for place in range(20):
        scheduler.add(place, request(place, prompt=[*([3] * GRAIN), *(A if place % 2 else B), place]))
    jobs = scheduler.admit()
    assert [job.leads for job in jobs] == [True, True] + [False] * 18
    assert {job.shared.length for job in jobs if job.shared} == {5 * GRAIN}
    assert all(job.shared is jobs[job.place % 2].shared for job in jobs)


@pytest.mark.parametrize(
    ("prompts", "why"),
    [
        ([[*A, 1], [*B, 2]], "nothing in common"),
        ([A[: WORTH - 1], [*A[: WORTH - 1], 2]], "too little in common"),
        ([A[:WORTH], A[:WORTH]], "nothing would be left for the last pass"),
    ],
)
def test_what_is_not_worth_it_is_not_shared(prompts: list[list[int]], why: str) -> None:
    scheduler = Scheduler(4, 50, Prefixes())
    for place, prompt in enumerate(prompts):
        scheduler.add(place, request(place, prompt=prompt))
    assert all(job.shared is None for job in scheduler.admit()), why


def test_only_a_few_snapshots_are_kept() -> None:
    scheduler = Scheduler(100, 100, Prefixes())
    for place in range(6 * SNAPSHOTS):
        scheduler.add(place, request(place, prompt=[place % (2 * SNAPSHOTS) + 1] * (4 * GRAIN) + [place]))
    jobs = scheduler.admit()
    assert sum(job.leads for job in jobs) == SNAPSHOTS
    settle(scheduler, jobs)
    for job in jobs:
        scheduler.retire(job)
    # those of the first round make room when nobody waits for them
    for place in range(2):
        scheduler.add(place, request(place, prompt=[99] * (4 * GRAIN) + [place]))
    assert [job.leads for job in scheduler.admit()] == [True, False]


def test_after_a_failed_beginning_another_request_computes_it() -> None:
    scheduler = Scheduler(1, 50, Prefixes())
    for place in range(4):
        scheduler.add(place, request(place, prompt=[*A, place]))
    jobs = scheduler.admit()
    assert jobs[0].leads
    settle(scheduler, jobs, works=False)
    scheduler.retire(jobs[0])
    jobs = scheduler.admit()
    assert jobs[0].leads
    settle(scheduler, jobs)
    scheduler.retire(jobs[0])
    assert not scheduler.admit()[0].leads


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=8), max_size=30),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_shared_beginnings_are_of_the_prompt_and_computed_before(
    shapes: list[list[int]], slots: int, snapshots: int
) -> None:
    prefixes = Prefixes(snapshots)
    scheduler = Scheduler(slots, 10, prefixes)
    waiting = [
        (place, request(place, 1 + place % 3, [bit for bit in shape for _ in range(GRAIN)] + [2]))
        for place, shape in enumerate(shapes)
    ]
    known: dict[int, tuple[int, ...]] = {}
    while True:
        while waiting and scheduler.room:
            scheduler.add(*waiting.pop(0))
        jobs = scheduler.admit()
        if not jobs:
            break
        for job in jobs:
            if job.shared is not None:
                beginning = tuple(job.request.prompt_ids[: job.shared.length])
                assert len(beginning) < len(job.request.prompt_ids)
                if job.leads:
                    known[id(job.shared)] = beginning
                assert known[id(job.shared)] == beginning
        assert len(prefixes._kept) <= snapshots
        settle(scheduler, jobs)
        for job in jobs:
            scheduler.retire(job)
    assert_only_kept(scheduler)
