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

from stages.dedup.tokens import tokenize
from stages.text.characters import table
from stages.text.utf8 import utf8

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
