"""Beginnings that stay from call to call, and which of them goes."""

from __future__ import annotations

from model.memory import GRAIN
from model.prefixes import Prefix, Prefixes

LONG = 5 * GRAIN


def prompt(kind: int, number: int = 0) -> list[int]:
    return [kind] * LONG + [number]


def call(prefixes: Prefixes, *prompts: list[int]) -> list[tuple[int, bool]]:
    """A call that computes what it leads; returns the shared length of each prompt and whether it led."""
    prefixes.begin()
    paths = [prefixes.add(ids) for ids in prompts]
    chosen: list[tuple[Prefix | None, bool]] = []
    for ids, path in zip(prompts, paths, strict=True):
        node, leads = prefixes.choose(path)
        if node is not None and leads:
            node.snapshot = ids[: node.length]
        if node is not None:
            assert node.snapshot == ids[: node.length]
        chosen.append((node, leads))
    for node, _ in chosen:
        if node is not None:
            prefixes.settle(node)
    return [(node.length if node else 0, leads) for node, leads in chosen]


def test_the_next_call_finds_what_the_last_one_computed() -> None:
    prefixes = Prefixes(2)
    assert call(prefixes, prompt(1), prompt(1, 1)) == [(LONG, True), (LONG, False)]
    assert call(prefixes, prompt(1, 2)) == [(LONG, False)]
    assert call(prefixes, [1] * (2 * GRAIN)) == [(0, False)]  # only a part of it


def test_what_was_not_used_for_longest_goes() -> None:
    prefixes = Prefixes(2)
    for kind in (1, 2):
        call(prefixes, prompt(kind), prompt(kind, 1))
    call(prefixes, prompt(1))
    assert call(prefixes, prompt(3), prompt(3, 1)) == [(LONG, True), (LONG, False)]
    assert call(prefixes, prompt(1)) == [(LONG, False)]
    assert call(prefixes, prompt(2)) == [(0, False)]
    assert len(prefixes._kept) == 2


def test_nothing_that_is_in_use_or_waited_for_goes() -> None:
    prefixes = Prefixes(1)
    paths = [prefixes.add(prompt(kind, number)) for kind in (1, 2) for number in (0, 1)]
    first, leads = prefixes.choose(paths[0])
    assert first is not None
    assert leads
    first.snapshot = "state"
    assert prefixes.choose(paths[2]) == (None, False)  # the other prompt of kind 1 waits
    assert prefixes.choose(paths[1]) == (first, False)
    assert prefixes.choose(paths[3]) == (None, False)  # and now uses it
    assert first.snapshot == "state"
    for _ in range(2):
        prefixes.settle(first)
    paths = [prefixes.add(prompt(2, number)) for number in (0, 1)]
    second, leads = prefixes.choose(paths[0])
    assert leads
    assert second is not first
    assert first.snapshot is None


def test_a_call_that_was_broken_off_leaves_no_trace() -> None:
    prefixes = Prefixes(2)
    call(prefixes, prompt(1), prompt(1, 1))
    prefixes.begin()
    paths = [prefixes.add(prompt(kind, number)) for kind in (1, 2) for number in (0, 1)]
    assert prefixes.choose(paths[0])[0] is not None
    assert prefixes.choose(paths[2])[1]  # begun, never computed
    assert call(prefixes, prompt(2)) == [(0, False)]
    assert call(prefixes, prompt(1)) == [(LONG, False)]
    assert [node.length for node in prefixes._kept] == [LONG]


def test_none_are_kept_where_there_is_no_room() -> None:
    assert call(Prefixes(0), prompt(1), prompt(1, 1)) == [(0, False), (0, False)]
