from __future__ import annotations

import contextlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.where import WhereError, parse

TABLE = pa.table(
    {
        "quality.label": ["high", "low", None, "it's"],
        "n": [1, 2, 3, None],
        "score": [0.5, -1.0, 2.5, 3.0],
        "good": [True, False, None, True],
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("quality.label = 'high'", [0]),
        ("quality.label != 'high'", [1, 3]),
        ("quality.label = 'it''s'", [3]),
        ("n >= 2 and not (quality.label in ('low'))", []),
        ("n >= 2 or score > 2.9", [1, 2, 3]),
        ("quality.label not in ['high']", [1, 3]),
        ("quality.label in [high, low]", [0, 1]),
        ("quality.label is null or n == 1", [0, 2]),
        ("n is not null AND score <> -1", [0, 2]),
        ("good = true", [0, 3]),
        ("`quality.label` in ('high', 'low') and \"n\" < 2", [0]),
        ("not n = 1 and not score = 2.5", [1]),
        ("n = 1 or n = 2 and good = true", [0]),  # `and` binds closer
    ],
)
def test_selects(text: str, rows: list[int]) -> None:
    where = parse(text)
    where.check(TABLE.schema)
    indexed = TABLE.append_column("i", pa.array(range(len(TABLE))))
    assert where.select(indexed)["i"].to_pylist() == rows
    assert where.mask(indexed).nonzero()[0].tolist() == rows


@pytest.mark.parametrize(
    "text",
    ["", "n", "n =", "n = 'a' extra", "n ! 2", "n in ()", "n in (1, 'a')", "n like 'x'", "1 = n", "(n = 1", "not",
     "n not 3", "__import__('os')", "n is 3"],
)  # fmt: skip
def test_refuses_with_the_place(text: str) -> None:
    with pytest.raises(WhereError):
        parse(text)


def test_unknown_column_and_wrong_type_are_named() -> None:
    with pytest.raises(WhereError, match="no column 'lable'"):
        parse("lable = 'x'").check(TABLE.schema)
    with pytest.raises(WhereError, match="cannot be evaluated"):
        parse("n = 'x'").check(TABLE.schema)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(WhereError):
        parse(text)
