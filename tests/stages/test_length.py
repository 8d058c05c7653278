"""Bounds on text length, in code points."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.base import Fault
from stages.length import Length, LengthConfig


def judge(texts: list[str | None], **config: int | None) -> list[Fault | None]:
    stage = Length(LengthConfig(**config))  # type: ignore[arg-type]
    stage.open()
    return list(stage.judge(pa.table({"text": pa.array(texts, pa.string())})))


def test_bounds_may_be_met_and_faults_say_value_and_bound() -> None:
    assert judge(["a", "ab", "abc", "abcd"], min_chars=2, max_chars=3) == [
        Fault("too_short", "1 < 2 chars"),
        None,
        None,
        Fault("too_long", "4 > 3 chars"),
    ]


def test_code_points_are_counted_not_bytes() -> None:
    assert judge(["語語", "🧿🧿", "e\u0301"], min_chars=2, max_chars=2) == [None, None, None]


def test_null_has_no_characters() -> None:
    assert judge([None], min_chars=1) == [Fault("too_short", "0 < 1 chars")]
    assert judge([None, "", "a" * 10_000]) == [None, None, None]


def test_no_rows_and_chunked_columns() -> None:
    assert judge([], min_chars=1) == []
    chunks = pa.chunked_array([["a"], ["abc", "b"]])
    assert [
        fault is None for fault in Length(LengthConfig(min_chars=2)).judge(pa.table({"text": chunks}))
    ] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("config", [{"min_chars": -1}, {"min_chars": 5, "max_chars": 4}, {"min_words": 1}])
def test_wrong_settings(config: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        LengthConfig(**config)


@given(st.lists(st.text(max_size=12)), st.integers(0, 8), st.integers(0, 4))
def test_same_as_len(texts: list[str], least: int, span: int) -> None:
    verdicts = judge(texts, min_chars=least, max_chars=least + span)  # type: ignore[arg-type]
    assert [fault is None for fault in verdicts] == [least <= len(text) <= least + span for text in texts]
