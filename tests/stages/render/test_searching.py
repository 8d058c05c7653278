"""Words found by compiled code, against Python."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stages.render.searching import holds, places


@settings(deadline=None)  # the first compiles
@given(st.text("abm<", max_size=120), st.text("abm<", min_size=1, max_size=5))
@example("a" * 31 + "math", "math")
@example("math", "math")
@example("mat", "math")
@example("", "math")
@example("aaaa" * 20, "aa")
def test_words_are_found_where_python_finds_them(text: str, word: str) -> None:
    page = text.encode()
    expected = [found.start() for found in re.finditer(f"(?={re.escape(word)})", text)]
    assert list(places(page, word.encode())) == expected
    assert holds(page, word.encode()) == bool(expected)
