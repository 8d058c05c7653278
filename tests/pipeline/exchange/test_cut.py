"""Cuts depend on the rows alone."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exchange.cut import Cutter, row_bytes


@given(
    st.lists(st.lists(st.text(max_size=30) | st.none(), max_size=20), max_size=10),
    st.integers(1, 200),
    st.integers(1, 9),
)
def test_cutter_borders_depend_on_rows_alone(batches, max_bytes, max_rows) -> None:
    texts = [text for batch in batches for text in batch]
    schema = pa.schema([("text", pa.string())])

    def pieces(tables: list[pa.Table]) -> list[list[str | None]]:
        cutter = Cutter(max_bytes, max_rows)
        out = [piece for table in tables for piece in cutter.add(table)]
        return [piece["text"].to_pylist() for piece in (*out, *cutter.rest())]

    as_given = pieces([pa.table({"text": pa.array(b, pa.string())}, schema=schema) for b in batches])
    at_once = pieces([pa.table({"text": pa.array(texts, pa.string())}, schema=schema)])
    assert as_given == at_once
    assert [t for piece in as_given for t in piece] == texts
    assert all(len(piece) <= max_rows for piece in as_given)


def test_row_bytes_of_a_slice() -> None:
    table = pa.table({"a": ["x", "yy", None], "b": pa.array([[1, 2], None, [3]], pa.list_(pa.int32()))})
    assert row_bytes(table).tolist() == [17, 10, 12]
    assert row_bytes(table.slice(1)).tolist() == [10, 12]
