"""Words found by compiled code, against Python."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.render.searching import Source, places


@settings(deadline=None)  # the first compiles
@given(st.text("abm<", max_size=120), st.text("abm<", min_size=1, max_size=5))
@example("a" * 31 + "math", "math")
@example("math", "math")
@example("mat", "math")
@example("", "math")
@example("aaaa" * 20, "aa")
def test_words_are_found_where_python_finds_them(text: str, word: str) -> None:
    expected = [found.start() for found in re.finditer(f"(?={re.escape(word)})", text)]
    assert list(places(text.encode(), word.encode())) == expected


@settings(deadline=None)
@given(st.text("abAB<-_", max_size=120), st.text("abAB<-_", min_size=1, max_size=5))
@example("x" * 40 + "data-TEX", "data-tex")
@example("td.LTX_cell", "ltx_cell")
def test_words_are_found_in_large_and_small_letters(text: str, word: str) -> None:
    assert (word.encode() in Source(text.encode())) == (word.lower() in text.lower())


def test_queries_find_what_they_would_find_with_all_alternatives() -> None:
    query = {"p": b"<p", ".one": b"one", "[data-two]": b"data-two", "b": b""}
    for html in ("<P>a", "<i class=one>a", "<u Data-Two=1>a", "<b>a", "<s>a", "<p class='x one'><b>a"):
        tree = LexborHTMLParser(html)
        expected = [node.mem_id for node in tree.css(", ".join(query))]
        source = Source(html.encode())
        assert [node.mem_id for node in source.select(tree, query)] == expected
        assert source.has(tree, query) == bool(expected)
    assert Source(b"").select(LexborHTMLParser("<p>"), {"p": b"<p"}) == []


@pytest.mark.parametrize(
    "value",
    ["math&sol;tex", "ma&#116;h/tex", "math&#X2F;tex", "math&#0047tex", "m&#x00061;th/tex", "mat&#104/tex"],
)
def test_references_hide_no_word(value: str) -> None:
    html = f"<script type='{value}'>x</script>"
    query = {'script[type="math/tex"]': b"math/tex"}
    assert len(Source(html.encode()).select(LexborHTMLParser(html), query)) == 1


@given(st.integers(0, 0x3000), st.booleans())
def test_only_references_to_signs_of_words_count(number: int, in_hex: bool) -> None:
    signs = "-/_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    reference = f"&#x{number:x} " if in_hex else f"&#{number} "
    assert Source(f"a {reference}b &amp; c".encode()).hides_words == (chr(number) in signs)
