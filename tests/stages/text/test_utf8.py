"""Columns in one array, and their bytes."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest

from stages.text.utf8 import as_array, utf8


def test_a_column_in_any_number_of_chunks_is_one_array() -> None:
    one = pa.array(["a", None, "b"])
    assert as_array(one) is one
    assert as_array(pa.chunked_array([one])).buffers()[2].address == one.buffers()[2].address
    assert as_array(pa.chunked_array([one, one])).to_pylist() == one.to_pylist() * 2
    assert as_array(pa.chunked_array([], pa.string())).equals(pa.array([], pa.string()))


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
