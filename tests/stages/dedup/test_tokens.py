"""Tokens: the compiled code against the same rules in plain Python; any bytes."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import LANGUAGES, passage, tokens

from stages.dedup.cut import cut, widen
from stages.dedup.kernels import tokenize
from stages.dedup.spans import spans
from stages.dedup.tokens import table, utf8

CHARS = "ab cdé ßÉ٣ñ,.-(“”+<=|€²½ \n\t\u00ad\u200d\u200b\ufe0fกิเขา漢字々〇かなカー한글नमस्ते😀👍🏽𝒙𠀀\u0338\u0301_\ue000"


def compiled(texts: list[str]) -> list[list[tuple[int, int, int]]]:
    """Hash, begin and end of the tokens of each text."""
    data, starts = utf8(pa.array(texts, pa.string()))
    result = []
    for start, stop in itertools.pairwise(starts):
        first, second = np.empty(stop - start, np.uint64), np.empty(stop - start, np.uint64)
        begins, ends = np.empty(stop - start, np.int64), np.empty(stop - start, np.int64)
        count = tokenize(data, start, stop, table(), first, second, begins, ends)
        both = first[:count].astype(object) << 64 | second[:count].astype(object)
        columns = (column[:count].tolist() for column in (both, begins, ends))
        result.append(list(zip(*columns, strict=True)))
    return result


def check(texts: list[str]) -> None:
    known: dict[int, str] = {}
    for text, found in zip(texts, compiled(texts), strict=True):
        wanted = tokens(text)
        assert [(begin, end) for _, begin, end in found] == [(begin, end) for _, begin, end in wanted]
        for (value, _, _), (token, _, _) in zip(found, wanted, strict=True):
            assert known.setdefault(value, token) == token, "different tokens, different hashes"
    assert len(set(known.values())) == len(known), "equal tokens, equal hashes"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(st.sampled_from(CHARS), max_size=30), max_size=4))
def test_tokens_are_those_of_the_rules(texts: list[str]) -> None:
    check(texts)


def test_every_language() -> None:
    rng = random.Random(7)
    check([passage(rng, language, 200) for language in LANGUAGES])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Don't: 3.14!", ["don", "t", "3", "14"]),
        ("東京へ行く", ["東", "京", "へ", "行", "く"]),
        ("น้ำ", ["น้", "ำ"]),
        ("한국어 책", ["한국어", "책"]),
        ("x < 3", ["x", "<", "3"]),
        ("= = = ====", ["======="]),
        ("soft\u00adhyphen", ["softhyphen"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σίσυφοσ", "σίσυφοσ"]),
        ("a≠b =\u0338 c", ["a", "≠", "b", "=\u0338", "c"]),
        ("", []),
    ],
)
def test_examples(text: str, wanted: list[str]) -> None:
    assert [value for value, _, _ in tokens(text)] == wanted
    check([text])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=5))
def test_broken_utf8_is_read_within_its_bounds(rows: list[bytes]) -> None:
    column = pa.array(rows, pa.binary())
    texts = pa.Array.from_buffers(pa.string(), len(column), column.buffers())
    data, starts = utf8(texts)
    none, nowhere = np.empty(0, np.uint64), np.empty(0, np.int64)
    for start, stop in itertools.pairwise(starts):
        alone = np.frombuffer(bytes(data[start:stop]) + b"\0", np.uint8)
        counts, hashes = [], []
        for source, begin, end in ((data, start, stop), (alone, 0, stop - start)):
            first = np.zeros(stop - start, np.uint64)
            counts.append(tokenize(source, begin, end, table(), first, none, nowhere, nowhere))
            hashes.append(first.tolist())
        assert counts[0] == counts[1]
        assert hashes[0] == hashes[1]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_any_layout_of_a_column(kind: pa.DataType) -> None:
    texts = ["one", "", "zwei drei", "四"]
    whole = pa.array(["x", *texts, "y"], kind)
    layouts = [
        whole.slice(1, 4),
        pa.chunked_array([whole.slice(1, 2), whole.slice(3, 2)]),
        pa.chunked_array([whole.slice(1, 4)]),
    ]
    for column in layouts:
        data, starts = utf8(column)
        found = [bytes(data[a:b]).decode() for a, b in itertools.pairwise(starts)]
        assert found == texts
    for empty in (pa.array([], kind), pa.chunked_array([], kind)):
        assert utf8(empty)[1].tolist() == [0]


def test_a_null_is_an_error() -> None:
    with pytest.raises(ValueError, match="without text"):
        utf8(pa.array(["a", None]))


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
