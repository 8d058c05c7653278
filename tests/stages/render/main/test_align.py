"""Alignment of texts, and the metric."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.render.main.align import aligned, matched, scores, tokens


def test_boilerplate_that_shares_words_is_not_matched() -> None:
    gold = tokens("The old mill stands by the river. It was sold in May to the town.")
    page = [
        "Sold the river mill",
        "The old mill stands by the river.",
        "It was sold in May to the town.",
        "The town",
    ]
    assert matched([tokens(text) for text in page], gold).tolist() == [0, 7, 8, 0]


def test_reordered_content_is_matched() -> None:
    first = "Apples are picked early in the morning while it is cool."
    second = "Pears are left on the tree until the first frost has come and gone, which can take weeks."
    counts = matched([tokens(first), tokens(second)], tokens(second + " " + first))
    assert counts.tolist() == [len(tokens(first)), len(tokens(second))]


@given(st.lists(st.sampled_from("abcdefg"), max_size=60))
def test_a_text_aligns_with_itself(text: list[str]) -> None:
    assert aligned(text, text).all()


def test_scores() -> None:
    assert scores(["a", "a", "b"], ["a", "b", "c"]) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert scores([], ["a"]) == scores(["a"], []) == (0, 0, 0)
