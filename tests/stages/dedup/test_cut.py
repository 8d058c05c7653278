"""Cutting: what is left of a text, and that nothing else goes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import tokens

from stages.dedup.cut import cut, widen


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("one two three", ["two"], "one three"),
        ("one two three", ["one"], "two three"),
        ("one two three", ["three"], "one two"),
        ("one", ["one"], ""),
        ("  one two", ["two"], "  one"),
        ("Go on. (See there.) Well.", ["See there"], "Go on. Well."),
        ("He said “no way” and left.", ["no way"], "He said and left."),
        ("First. Second one. Third.", ["Second one"], "First. Third."),
        ("前の文。次の文。“最後の文”", ["次の文"], "前の文。“最後の文”"),
        ("前の文。次の文", ["前の文"], "次の文"),
        ("para\n\ngone\n\nnext", ["gone"], "para\n\nnext"),
        ("line\ngone\nnext", ["gone"], "line\nnext"),
        ("line\n\ngone\n    indented", ["gone"], "line\n\n    indented"),
        ("a\n  gone of line", ["gone"], "a\n  of line"),
        ("wordข้าวword", ["ข้าว"], "word word"),
        ("a gone\ngone b", ["gone", "gone"], "a\nb"),
        ("漢gone字", ["gone"], "漢字"),
    ],
)
def test_cutting(text: str, gone: list[str], left: str) -> None:
    places, start = [], 0
    for piece in gone:
        start = text.index(piece, start)
        places.append((start, start + len(piece)))
        start += len(piece)
    assert cut(text, (widen(text, *place) for place in places)) == left


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab\n ,(“漢ก"), max_size=40), st.data())
def test_cutting_takes_nothing_else(text: str, data: st.DataObject) -> None:
    words = tokens(text)
    gone = data.draw(st.sets(st.integers(0, max(0, len(words) - 1)), max_size=len(words)))
    if not words:
        return
    left = cut(text, [widen(text, *words[i][1:]) for i in sorted(gone)])
    assert [value for value, _, _ in tokens(left)] == [w[0] for i, w in enumerate(words) if i not in gone]
    if not gone:
        assert left == text
