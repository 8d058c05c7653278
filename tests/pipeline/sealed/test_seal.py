"""Sealed mappings: JSON with a checksum of itself."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sealed import files

_TEXT = st.text('ab"\\ \n\u2028é', max_size=4)
_PLAIN = st.recursive(
    st.none() | st.integers(-9, 9) | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_TEXT | st.just(files.SEAL), inner, max_size=3)
    ),
)
_NAMES = _TEXT | st.sampled_from(["aa", "checksu", "checksum ", "zz"])


@given(st.dictionaries(_NAMES, _PLAIN, max_size=4), st.data())
def test_a_sealed_mapping_has_its_checksum_in_its_place(data: dict[str, Any], draw: st.DataObject) -> None:
    sealed = files.seal(data)
    assert sealed == files.canonical({**data, files.SEAL: files.checksum(data)})
    assert files.unseal(sealed) == data
    assert files.unseal(json.dumps(json.loads(sealed)).encode()) == data  # another spelling says the same
    bit = draw.draw(st.integers(0, 8 * len(sealed) - 1))
    changed = bytearray(sealed)
    changed[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(ValueError):
        assert files.unseal(bytes(changed)) == data
