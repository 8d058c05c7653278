from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.render import render
from stages.render.guards import MAX_ATTRIBUTES, MAX_DEPTH, tame


def depth(html: str) -> int:
    deepest, stack = 0, [(LexborHTMLParser(html).body, 1)]
    while stack:
        node, level = stack.pop()
        deepest = max(deepest, level)
        child = node.child
        while child is not None:
            stack.append((child, level + 1))
            child = child.next
    return deepest


def test_nested_elements_are_flattened_and_keep_their_text() -> None:
    html = "<div>" * 30_000 + "<b>deep</b> text" + "</div>" * 30_000 + "<p>after</p>"
    assert depth(tame(html)) <= MAX_DEPTH + 5
    assert render(html).text.split() == ["deep", "text", "after"]


def test_unclosed_nesting_too() -> None:
    html = "".join(f"<div>{i} " for i in range(20_000))
    assert render(html).text.split() == [str(i) for i in range(20_000)]


def test_attributes_are_dropped_and_the_text_stays() -> None:
    attributes = " ".join(f'a{i}="{i}"' for i in range(50_000))
    html = f"<p>before</p><div {attributes}>inside</div><p>after</p>"
    assert len(tame(html)) < 1000
    assert render(html).text.split() == ["before", "inside", "after"]


def test_ordinary_pages_are_left_alone() -> None:
    flat = "<div><p>x</div>" * 20_000
    assert tame(flat) is flat
    table = "<table>" + "<tr><td>a<td>b" * 10_000
    assert tame(table) is table
    data = f'<img src="data:image/png;base64,{"QUJD" * 100_000}"> text'
    assert tame(data) is data
    script = "<script>" + "var a = 1; " * 5_000 + "</script><p>x</p>"
    assert tame(script) is script
    some = "<div " + " ".join(f"a{i}" for i in range(MAX_ATTRIBUTES - 1)) + ">x</div>"
    assert tame(some) == some


def test_small_depths_are_kept_on_large_pages() -> None:
    html = ("<div>" * 300 + "x" + "</div>" * 300) * 40
    assert tame(html) == html


@given(st.text(alphabet="<>/adiv =\"'x\n", max_size=3000))
def test_any_text(text: str) -> None:
    assert isinstance(tame(text * 20), str)
