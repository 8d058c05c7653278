"""How many bytes PyTorch allocates on the CPU while something runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch.profiler import ProfilerActivity, profile


def peak_bytes(work: Callable[[], Any]) -> int:
    """The most that was allocated at a time beyond what there was before, temporaries inside operations
    included."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    changes: list[tuple[int, int]] = []

    def walk(events: Sequence[Any]) -> None:
        for event in events:
            if str(event.typed[0]).endswith("Allocation"):
                changes.append((event.start_time_ns, event.extra_fields.alloc_size))
            walk(event.children)

    walk(profiler.profiler.kineto_results.experimental_event_tree())  # type: ignore[union-attr]
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
