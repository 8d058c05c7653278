"""What of a text is looked at."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stages.language.sample import FURTHEST, WHOLE, WINDOW, WINDOWS, sample


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a", "menu", "wörd " * 9, "字" * 70, "x" * 999]), st.integers(1, 30))
    )
)
def test_a_sample_is_windows_of_the_text_in_order(lines: list[tuple[str, int]]) -> None:
    text = "\n".join(line for line, times in lines for _ in range(times))
    taken = sample(text)
    if len(text) <= WHOLE:
        assert taken == text
        return
    assert len(taken) == WINDOWS * WINDOW + WINDOWS - 1
    at = 0
    for start in range(0, len(taken), WINDOW + 1):
        at = text.index(taken[start : start + WINDOW], at) + 1


def test_a_sample_costs_the_same_however_long_the_text() -> None:
    assert sample("é" * FURTHEST) == sample("é" * 10 * FURTHEST)
