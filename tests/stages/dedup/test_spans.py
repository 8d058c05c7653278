"""Spans of characters from ranges of tokens, against the same in plain Python."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import tokens

from stages.dedup.spans import spans
from stages.text.utf8 import utf8


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(st.sampled_from("ab c漢."), max_size=20), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(1, 9)), max_size=6),
)
def test_spans_are_the_union_of_ranges(texts: list[str], ranges: list[tuple[int, int, int]]) -> None:
    inside = [
        (row, first, first + size)
        for row, first, size in sorted(ranges)
        if row < len(texts) and first + size <= len(tokens(texts[row]))
    ]
    columns = np.array(inside, np.uint32).reshape(-1, 3).T.copy()
    seen = spans(*utf8(pa.array(texts, pa.string())), *columns)
    wanted = []
    for row, text in enumerate(texts):
        marked = sorted({i for r, first, stop in inside if r == row for i in range(first, stop)})
        runs = [i for i in marked if i - 1 not in marked]
        for run in runs:
            last = next(i for i in range(run, len(text) + 1) if i + 1 not in marked)
            wanted.append((row, tokens(text)[run][1], tokens(text)[last][2], last - run + 1))
    assert list(zip(*(column.tolist() for column in seen[:4]), strict=True)) == wanted
