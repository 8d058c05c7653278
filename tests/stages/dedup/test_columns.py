"""Columns in one array, and columns of a batch from what is known of some rows."""

from __future__ import annotations

import pyarrow as pa

from stages.dedup.columns import as_array, places


def test_a_column_in_any_number_of_chunks_is_one_array() -> None:
    one = pa.array(["a", None, "b"])
    assert as_array(one) is one
    assert as_array(pa.chunked_array([one])).buffers()[2].address == one.buffers()[2].address
    assert as_array(pa.chunked_array([one, one])).to_pylist() == one.to_pylist() * 2
    assert as_array(pa.chunked_array([], pa.string())).equals(pa.array([], pa.string()))


def test_documents_that_nothing_is_known_of_have_null() -> None:
    found = pa.table({"row": pa.array([1, 4], pa.uint32()), "said": ["x", "y"]})
    assert found.column("said").take(places(found, 5)).to_pylist() == [None, "x", None, None, "y"]
    nothing = found.slice(0, 0)
    assert nothing.column("said").take(places(nothing, 2)).to_pylist() == [None, None]
    assert len(places(nothing, 0)) == 0
