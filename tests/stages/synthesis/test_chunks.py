"""Segments: nothing is lost, nothing that belongs together is cut, sizes are even."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.synthesis.chunks import segments


def count(text: str) -> int:
    return len(text.split())


def prose(words: int) -> str:
    return " ".join(f"Word{number} follows." for number in range(words // 2))


PIECE = st.one_of(
    st.sampled_from(
        [
            "\n\n",
            "\n",
            " ",
            "```\ncode a\n\nb\n```\n",
            "$$\nx\n\ny\n$$\n",
            "| a | b |\n| 1 | 2 |\n",
            "\\begin{align}\na\n\nb\n\\end{align}\n",
            "```\nnever closed\n",
        ]
    ),
    st.text("ab .!\n$`|", max_size=30),
    st.integers(1, 40).map(prose),
)


@given(st.lists(PIECE, max_size=12).map("".join), st.integers(4, 40))
@settings(max_examples=300, deadline=None)
def test_segments_and_the_blank_space_between_them_are_the_text(text: str, most: int) -> None:
    found = segments(text, most, count)
    at = 0
    for one in found:
        assert not text[at : one.start].strip()
        assert one.start >= at
        assert text[one.start : one.end].strip()
        at = one.end
    assert not text[at:].strip()


@given(st.integers(1, 400), st.integers(8, 60))
@settings(max_examples=100, deadline=None)
def test_prose_is_cut_into_segments_of_like_size(words: int, most: int) -> None:
    text = prose(words * 2)
    sizes = [count(text[one.start : one.end]) for one in segments(text, most, count)]
    assert max(sizes) <= most
    if len(sizes) > 1:
        assert min(sizes) >= most / 4


@pytest.mark.parametrize(
    "block",
    [
        "```python\n" + "line of code\n\n" * 30 + "```",
        "~~~\n" + "line\n" * 60 + "~~~",
        "$$\n" + "x + y\n\n" * 30 + "$$",
        "\\begin{align}\n" + "x &= y\n\n" * 30 + "\\end{align}",
        "\n".join(f"| {row} | cell |" for row in range(40)),
    ],
)
def test_blocks_are_never_cut(block: str) -> None:
    text = f"{prose(60)}\n\n{block}\n\n{prose(60)}"
    found = segments(text, 25, count)
    holding = [one for one in found if block in text[one.start : one.end]]
    assert len(holding) == 1
    assert holding[0].tokens > 25
    assert all(one.tokens <= 25 for one in found if one not in holding)


def test_a_text_without_any_place_to_cut_is_cut_anyway() -> None:
    text = "x" * 1000
    found = segments(text, 100, len)
    assert "".join(text[one.start : one.end] for one in found) == text
    assert max(one.tokens for one in found) <= 100


def test_paragraphs_are_preferred_to_lines_and_these_to_sentences() -> None:
    text = "One two. Three four.\nFive six.\n\nSeven eight. Nine ten.\n\nEleven twelve."
    assert [text[one.start : one.end] for one in segments(text, 6, count)] == [
        "One two. Three four.\nFive six.",
        "Seven eight. Nine ten.\n\nEleven twelve.",
    ]
    first = segments(text, 4, count)[0]
    assert text[first.start : first.end] == "One two. Three four."


def test_nothing_gives_nothing() -> None:
    assert segments("", 10, count) == []
    assert segments(" \n\n ", 10, count) == []
