from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.render import guards
from stages.render.guards import MAX_ATTRIBUTES, MAX_DEPTH, MAX_OPTIONS, to_parse

#: Elements that the parser adds around what the page has: tbody and tr around a cell, html and body.
IMPLIED = 5


def depth(html: bytes) -> int:
    deepest, stack = 0, [(LexborHTMLParser(html).body, 1)]
    while stack:
        node, level = stack.pop()
        if node is None:
            continue
        deepest = max(deepest, level)
        child = node.child
        while child is not None:
            stack.append((child, level + 1))
            child = child.next
    return deepest


def attributes(html: bytes) -> int:
    return max(len(node.attributes) for node in LexborHTMLParser(html).css("*"))


def nodes(html: bytes) -> int:
    return len(LexborHTMLParser(html).css("*"))


def words(html: bytes) -> list[str]:
    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style"])
    return tree.root.text(separator=" ").split() if tree.root is not None else []


SIZE = 200_000


def page(unit: Callable[[int], str], before: str = "", after: str = "") -> str:
    """``unit(0) + unit(1) + …``; every unit has its number as its only word."""

    def units() -> Iterator[str]:
        size = number = 0
        while size < SIZE:
            text = unit(number)
            size += len(text)
            number += 1
            yield text

    return before + "".join(units()) + after


NESTED = {
    "unclosed blocks": page(lambda i: f"<div>{i} "),
    "closed blocks": "<div>" * 20_000 + "0" + "</div>" * 20_000,
    "unclosed inline": page(lambda i: f"<b>{i} <i>"),
    "closing tags of nothing": page(lambda i: f"<div>{i} </span></p></section>"),
    "links around blocks": page(lambda i: f"<a href={i}>{i}<div> "),
    "crossed formatting": page(lambda i: f"<b><i><div>{i} </b></i>"),
    "fonts without end": page(lambda i: f"<font color=c{i}>{i} "),
    "fonts in paragraphs": page(lambda i: f"<p><font color=c{i}>{i} "),
    "fonts, then paragraphs": page(
        lambda i: f"<p>{i} ", "<p>" + "".join(f"<b id=b{i}>" for i in range(1000))
    ),
    "nested tables": page(lambda i: f"<table><tr><td>{i} "),
    "nested lists": page(lambda i: f"<ul><li>{i} "),
    "nested definitions": page(lambda i: f"<dl><dt>{i} <dd>"),
    "drawings": page(lambda i: f"<g>{i} ", "<svg>"),
    "html in drawings": page(lambda i: f"<svg><foreignObject>{i} <div>"),
    "formulas": page(lambda i: f"<mrow>{i} ", "<math>"),
    "buttons, objects": page(lambda i: f"<button><object>{i} "),
    "unknown elements": page(lambda i: f"<x-{i}>{i} "),
    "closing tags in attributes": page(lambda i: f'<div title="</div>">{i} '),
    "closing tags in comments": page(lambda i: f"<div><!-- > </div> -->{i} "),
    "closing tags in scripts": page(lambda i: f"<div><script></div></script>{i} "),
    "closing tags out of scope": page(lambda i: "<div>" * 50 + f"<object>{i} " + "</div>" * 50),
}


@pytest.mark.parametrize("name", NESTED)
def test_nesting_is_cut_and_the_text_stays(name: str) -> None:
    # The last three deceive the look up to this number of tags.
    before = NESTED[name] + "<!>" * guards._MANY_TAGS
    html = to_parse(before)
    assert depth(html) <= MAX_DEPTH + IMPLIED
    numbers = [word for word in words(html) if word.isdigit()]
    assert numbers == [str(i) for i in range(len(numbers))]
    assert int(numbers[-1]) == max(
        int(word) for word in before.replace("<", " ").replace(">", " ").split() if word.isdigit()
    )
    assert nodes(html) <= 2 * before.count("<")


@pytest.mark.parametrize(
    "unit",
    [
        'a{}="{}" ', "a{}='{}'", 'a{}="{}"', "a{} ", "a{}/", "a{}\f", "a{} = {}\n", 'a{}=">" ', "a{}='>'", 'a{}="<" ', 'a{}="<b c>" ',
        'a{}"=">" ', "=a{} ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["<div ", "</b ", "<br "])
def test_attributes_are_dropped_and_the_text_stays(before: str, unit: str) -> None:
    # Balanced "<b c>" in attributes looks like nesting; on a page of _MANY_TAGS nothing is left to looks.
    many = "".join(unit.replace("{}", str(i)) for i in range(50_000))
    html = to_parse(f"<p>before</p>{before}{many}>inside</div><p>after</p>")
    assert len(html) < 1000
    assert words(html) == ["before", "inside", "after"]


def test_attributes_up_to_the_cap_stay() -> None:
    most = "<div " + " ".join(f"a{i}" for i in range(MAX_ATTRIBUTES - 1)) + ">x</div>"
    assert to_parse(most) == most.encode()
    assert attributes(to_parse(most.replace("<div", "<div " + " ".join(f"b{i}" for i in range(100))))) == 0


def test_an_endless_tag_and_repeated_roots() -> None:
    endless = "<p>before</p><div " + " ".join(f"a{i}" for i in range(50_000))
    assert words(to_parse(endless)) == ["before"]
    assert attributes(to_parse(endless)) == 0
    roots = "".join(f"<html a{i}=x><body b{i}=y>{i} " for i in range(20_000))
    assert attributes(to_parse(roots)) == 1
    assert words(to_parse(roots)) == [str(i) for i in range(20_000)]


def test_options_of_one_list() -> None:
    html = to_parse("<select>" + "".join(f"<option>{i} " for i in range(20_000)) + "</select><p>after")
    assert len(LexborHTMLParser(html).css("option")) == MAX_OPTIONS
    assert words(html) == [*map(str, range(20_000)), "after"]


def test_ordinary_pages_are_left_alone() -> None:
    for html in (
        "<div><p>x</div>" * 20_000,
        "<table>" + "<tr><td>a<td>b" * 10_000,
        "<ul>" + "<li><a href=x>a</a>" * 8_000 + "</ul>",
        "<p>a<br>b<img src=x>" * 10_000,
        f'<img src="data:image/png;base64,{"QUJD" * 100_000}"> text',
        "<script>" + "var a = 1; " * 5_000 + "</script><p>x</p>",
        "<script>" + "if (a<b && c<d) x();" * 20_000 + "</script><p>x</p>",
        "<pre>" + "for x in range(3): print(x)\n" * 20_000 + "</pre>",
        ("<div>" * 200 + "x" + "</div>" * 200) * 100,
        "<svg>" + '<path d="M0 0"/><g><circle r="1"/></g>' * 20_000 + "</svg>",
        "<select>" + "<option>x</option>" * MAX_OPTIONS + "</select>",
        "<" * 100_000,
        "a < b & c > d " * 50_000,
    ):
        assert to_parse(html) == html.encode()


def test_a_page_has_a_size() -> None:
    assert to_parse("x" * guards.MAX_CHARS)
    with pytest.raises(ValueError, match="16,777,217 characters, larger than"):
        to_parse("x" * (guards.MAX_CHARS + 1))


def test_surrogates_and_nul() -> None:
    assert to_parse("a\ud800b\udfffc") == "a\ufffdb\ufffdc".encode()
    assert words(to_parse("a\0b")) == ["ab"]


NAMES = sorted(
    {
        "a",
        "b",
        "body",
        "button",
        "caption",
        "code",
        "dd",
        "div",
        "dl",
        "dt",
        "font",
        "foreignObject",
        "form",
        "g",
        "h1",
        "html",
    }
    | {
        "li",
        "math",
        "mi",
        "nobr",
        "object",
        "ol",
        "option",
        "p",
        "path",
        "pre",
        "rt",
        "ruby",
        "select",
        "span",
        "svg",
        "table",
    }
    | {"tbody", "td", "th", "tr", "ul", "x-y"}
)


def soup(rng: random.Random) -> str:
    pieces = []
    for number in range(rng.choice((8, 40, 200))):
        kind, name = rng.random(), rng.choice(NAMES)
        if kind < 0.45:
            pieces.append(f"<{name}{rng.choice(['', ' a=1', ' /'])}>")
        elif kind < 0.7:
            pieces.append(f"</{name}>")
        elif kind < 0.95:
            pieces.append(f" w{number} ")
        else:
            pieces.append(
                rng.choice(
                    (
                        "<!-- <b> -->",
                        "<",
                        "&lt;",
                        "<![CDATA[ z ]]>",
                        "</>",
                        "<!x>",
                        "<?p ?>",
                        "<br>",
                        "<script>'<b>'</script>",
                    )
                )
            )
    return "".join(pieces)


@pytest.mark.parametrize("cap", [6, MAX_DEPTH])
def test_no_word_of_a_rewritten_page_is_lost(cap: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "_MUCH_FORMATTING", -1)  # nothing counts as harmless
    for seed in range(1500):
        html = soup(random.Random(seed)).encode()
        rewritten = guards._rewrite(html, cap)
        assert depth(rewritten) <= cap + IMPLIED, html
        lost = Counter(words(html)) - Counter(words(rewritten))
        assert not [word for word in lost if word.startswith("w")], html


@given(st.text(alphabet="<>/adiv =\"'x\n!-", max_size=3000))
def test_any_text(text: str) -> None:
    assert words(guards._rewrite(text.encode(), MAX_DEPTH)) is not None
    to_parse(text * 20).decode()
