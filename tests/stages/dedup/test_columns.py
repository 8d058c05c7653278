"""Columns of a batch from what is known of some rows."""

from __future__ import annotations

import pyarrow as pa

from stages.dedup.columns import places


def test_documents_that_nothing_is_known_of_have_null() -> None:
    found = pa.table({"row": pa.array([1, 4], pa.uint32()), "said": ["x", "y"]})
    assert found.column("said").take(places(found, 5)).to_pylist() == [None, "x", None, None, "y"]
    nothing = found.slice(0, 0)
    assert nothing.column("said").take(places(nothing, 2)).to_pylist() == [None, None]
    assert len(places(nothing, 0)) == 0
