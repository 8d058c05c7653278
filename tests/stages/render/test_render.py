"""The renderer as callers see it: what shows, what is counted, and what holds for any input at all."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.lib import data
from stages.render import render
from stages.render.blocks import blocks_of, text_of

CONTENTS: tuple[Literal["full", "main"], ...] = ("full", "main")


def text(html: str, **options: str) -> str:
    return render(html, **options).text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>Tide</h1><p>one<p>two", "Tide\n\none\n\ntwo"),
        ("<div>a<div>b</div>c</div>", "a\nb\nc"),
        ("<p>a <b> b</b>\n\t c</p>", "a b c"),
        ("<p>a&nbsp;&nbsp;b&shy;c&amp;d&lt;e", "a bc&d<e"),
        ("<p>&nbsp;</p>", ""),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("<p>a<br></p><p>b", "a\n\nb"),
        ("<ul><li></li><li><a href=x>a</a></li></ul>b", "* a\n\nb"),
        ("<ul><li><br>a</ul>", "* a"),
        ("<table><tr><td>a<td><td>b</table>", "a |  | b"),
        ("<table><tr><td> <td></table>x", "x"),
        ("<table><tr><td colspan=1000000>a<td rowspan=999999>b<tr><td>c<td>d</table>", "a |  | b\nc | d"),
        ("x<pre>\n\n  a  b\n\tc \n\n</pre>y", "x\n\n  a  b\n\tc\n\ny"),
        ("<pre>a<br>b<span> c</span><div>d</div>e</pre>", "a\nb c\nd\ne"),
        ("<pre><a href=x>a\n</a><div>b</div></pre>", "a\nb"),
        ("<ul><li><pre>a\n b</pre></ul>", "a\n b"),
        ("<p>x<sub> </sub>y <sub>z</sub>", "x y z"),
        ("<a href=1><p>a</p><p>b</p></a><a href=2>c</a>", "a\n\nb\n\nc"),
        ("foo<input>bar<select><option>x</select>baz<svg></svg>, q", "foo bar baz, q"),
        ("a<img src=i alt=pic>b <img src=i>. 中<img src=i>文", "a pic b . 中文"),
        (
            "re<a href=1>un</a>ion <a href=1>this</a><a href=2></a>, <a href=1>A</a><span>B</span>",
            "reunion this, A B",
        ),
        ("<ol><li><h3>Step</h3><li><pre>cmd</pre><li>b</ol>", "1. Step\n2.\n\ncmd\n\n3. b"),
        ("<ol><li><ol type=a><li>x</ol></ol>", "1.\n   a. x"),
        ("<ul><li>x<li><br>a</ul>", "* x\n* a"),
        ("m<sup>2</sup>3 T<sub>max</sub>T H<sub>2</sub>O (<sub>x</sub>)", "m^{2}3 T_{max}T H_2O (x)"),
        ("<a href=1>H</a><sub>2</sub> a<sub>b<sub>c</sub></sub>", "H_2 a_{b_c}"),
        ("<p>a <b>b</b> <sup>x<br>one <b>two</b> three</sup>", "a b x\none two three"),
        ("<a style='display:block'>a</a>t<div style='display:flex'><i>b</i><i>c</i></div>", "a\nt\nb\nc"),
        ("<h1><span style='float:right'>3 items</span>Title</h1>", "3 items\nTitle"),
        ("<b>中</b>\n<b>文</b>", "中文"),
        ("<p style='white-space:pre;font-family:monospace'>if x:\n    y()</p>", "if x:\n    y()"),
        ("<math><mi>x</mi></math><math><mi>y</mi></math>5", "$x$ $y$ 5"),
        ("<math><semantics><mrow></mrow><annotation encoding=MTEF>junk</annotation></semantics></math>", ""),
        ("<div style='display:none'><math><mi>x</mi></math>" + "secret words " * 12 + "</div>a", "a"),
        ("<frameset><noframes><p>text</noframes></frameset>", "text"),
        ("<button>注文方法を教えてください。</button><button>Buy</button>", "注文方法を教えてください。"),
        ("<ol start='3abc'><li>a</ol><ol start='1_0'><li>b</ol>", "3. a\n\n1. b"),
        (
            "<table><tr><td>k<td>v<tr><td>l<td>a<br>b<br>c<br>d<tr><td>m<td>w</table>",
            "k | v\nl | a b c d\nm | w",
        ),
        # rowspan=0: down to the end of the group of rows, beyond which no cell reaches.
        (
            "<table><tr><th>R<th>P<th>U<tr><td rowspan=0>E<td>C<td>1<tr><td>H<td>7</table>",
            "R | P | U\nE | C | 1\n| H | 7",
        ),
        (
            "<table><thead><tr><th ROWSPAN=' 0 '>A<th>B<th>C<tbody><tr><td rowspan='0'>x<td>1<td>2<tr><td>3<td>4"
            "<tbody><tr><td>y<td>5<td>6</table>",
            "A | B | C\nx | 1 | 2\n| 3 | 4\ny | 5 | 6",
        ),
        ("<table><tr><td>1<td rowspan=0 colspan=2>A<td>2<tr><td>3<td>4</table>", "1 | A |  | 2\n3 |  |  | 4"),
        ("<table><thead><tr><th rowspan=3>A<th>B<tbody><tr><td>x<td>1</table>", "A | B\nx | 1"),
        ("<table><tr><td rowspan=-1>a<td>b<tr><td>c<td>d</table>", "a | b\nc | d"),
        # What stands in an object, which is not there, is shown.
        ("a<object data=f.swf><param name=n>fall <b>back</b></object>z", "a fall back z"),
        ("a <OBJECT TYPE='application/x'><object data=p.png>inner</object></OBJECT>.", "a inner."),
        (
            "a<object data=x><embed src=y><p>par<table><tr><td>1<td>2</table></object>z",
            "a\n\npar\n\n1 | 2\n\nz",
        ),
        (
            "a <applet code=x>note</applet> <object hidden>no</object> <object declare>no</object> z",
            "a note z",
        ),
        ("<object style='display:block'>a</object>b<pre>x<object>  y</object></pre>", "a\nb\n\nx  y"),
        ("a <video>No player.</video> <canvas>no</canvas> <meter>5</meter> z", "a z"),
    ],
)
def test_layout(html: str, expected: str) -> None:
    assert text(html) == expected


@pytest.mark.parametrize("tag", ["object", "applet", "video", "audio", "canvas", "progress"])
@pytest.mark.parametrize("content", CONTENTS)
def test_an_element_that_was_never_closed_does_not_swallow_the_page(tag: str, content: str) -> None:
    story = "".join(
        f"<p>The tide came in at {hour}, and all the boats that had waited went out." for hour in range(24)
    )
    shown = text(f"<h1>Tides</h1><{tag} data=x>{story}<h2>More</h2>{story}", content=content)
    assert shown.count("came in at 23") == 2


def test_scripts_in_a_player_are_no_text() -> None:
    assert text(f"<p>a <video>No player.<script>{'x = 1; ' * 200}</script></video> b") == "a b"


def test_empty_cells_of_spans_do_not_grow_with_the_square() -> None:
    page = render("<table>" + "<tr><td rowspan=0>a<td>b" * 2000 + "</table>")
    assert page.chars < 300_000
    assert page.text.count("b") == 2000


def test_a_page_that_hides_itself_until_its_script_runs_is_read() -> None:
    assert text("<html hidden><body style='display:none'><p>a") == "a"


@pytest.mark.parametrize("content", CONTENTS)
def test_elements_of_any_name_hold_text(content: str) -> None:
    # The parser numbers unknown tags by an address that an earlier document may have used for another tag.
    for name in [f"app-{number}" for number in range(60)] + ["annotation", "app-root"] * 60:
        assert "All the words" in text(f"<body><{name}><p>All the words of it</p></{name}>", content=content)


def test_titles_are_found_where_the_parser_puts_them() -> None:
    assert render("<head><noscript><p>no</noscript><title>T\n t</title></head><p>a").title == "T t"
    assert render("<body><svg><title>no</title></svg><p>a").title == ""
    assert render("<head><noscript><img src=x alt=pixel></noscript></head><p>a").text == "a"


@pytest.mark.parametrize(
    "repeated",
    [
        lambda n: "<p>" + "".join(f"\\begin{{e{i:04x}}}\n" for i in range(n)),
        lambda n: "<div hidden>" * 400 + "<b>x</b>" * n + "</div>" * 400 + "<math><mi>x</mi></math>",
        lambda n: "<table>" * 100 + "<tr><td>a<td>b</tr>" * n,
        lambda n: "<p>" + "a<sup>2</sup>" * n,
        lambda n: "<p>" + "<math><mi>x</mi></math>" * n,
        lambda n: "<a href=x>" * n,
    ],
    ids=["environments", "hidden", "tables", "scripts", "formulas", "links"],
)
def test_growth_is_linear(repeated: Callable[[int], str]) -> None:
    def calls(size: int) -> int:
        count = 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(counted)
        try:
            render(repeated(size))
        finally:
            sys.setprofile(None)
        return count

    assert calls(2000) < 2.6 * calls(1000)


def test_what_scripts_would_show_stands_in_for_a_page_without_other_text() -> None:
    assert text("<body><div id=app></div><noscript><p>thread</p></noscript>") == "thread"
    assert text("<body><div style='display: none'><p>faded in") == "faded in"
    thread = "<p>" + "A post with some words in it. " * 20
    assert "A post" in text(f"<body>Loading<noscript>{thread}</noscript>")
    assert "A post" in text(f"<body>Loading<div hidden>{thread}</div>")
    assert text("<body>Loading<noscript>Please turn scripts on.</noscript>") == "Loading"


def test_counts() -> None:
    page = render(
        "<title> Two\n words </title><a href=/>a</a><a name=b>b</a><pre class='language-Rust'>code</pre><pre> </pre>"
        "<table><tr><td>1<td>2</table><table><tr><td>layout</table>"
        "<math><mi>x</mi></math><script type='math/tex; mode=display'>y</script><p>raw \\(z\\) and $5"
    )
    assert (page.title, page.links, page.code_blocks, page.tables) == ("Two words", 1, 1, 1)
    assert page.code_languages == ["rust"]
    assert page.equations == page.equations_on_page == 3
    assert page.chars == len(page.text)
    assert [block.kind for block in page.blocks] == ["text", "pre", "row", "text", "text", "equation", "text"]


def test_alternative_texts_of_images_are_for_full_pages() -> None:
    html = "<p>The ferry <img src=f.jpg alt='at its quay'> waits, and so do we. It leaves at nine.</p>"
    assert "at its quay" in text(html)
    assert "at its quay" not in text(html, content="main")


@pytest.mark.parametrize("html", ["", " ", "<frameset><frame src=x></frameset>", "<html></html>", "<title>t"])
@pytest.mark.parametrize("content", CONTENTS)
def test_nothing_to_show_is_an_empty_text(html: str, content: str) -> None:
    assert text(html, content=content) == ""


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 30_000 + "x",  # the parser takes quadratic time for these: 60,000 are 9 s
        "<b>" * 60_000 + "x",
        "<table><tr><td>" * 20_000 + "x",
        "<ul><li>" * 20_000 + "x",
        "<blockquote>" * 20_000 + "x",
        "<main>" + "<aside>" * 3_000 + "</aside>" * 3_000 + "x",
        "<span class=katex>" * 20_000 + "x",
        "<pre>" * 3_000 + "x",
        "<p hidden>y</p>" * 20_000 + "x",
        "<sup>" * 20_000 + "x",
        "<select>" + "<option>" * 30_000 + "</select>x",
    ],
    ids=["div", "b", "table", "list", "quote", "aside", "katex", "pre", "hidden", "sup", "option"],
)
@pytest.mark.parametrize("content", CONTENTS)
def test_depth_costs_no_recursion(html: str, content: str) -> None:
    assert text(html, content=content).strip("* ^{}+o#@-=").endswith("x")


def test_nul_and_lone_surrogates_are_harmless() -> None:
    shown = text("<p>a\x00b\ud800c</p><p>d")
    assert shown.endswith("\n\nd")
    assert [letter for letter in shown if letter in "abc"] == ["a", "b", "c"]
    shown.encode()


_TAGS = (
    "a b blockquote br button caption code dd div dl dt dialog form h2 head li main math mi mfrac nav noscript ol p"
    " pre rt ruby script semantics annotation sub sup svg table td th title tr ul"
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([f"<{c}{tag}>" for tag in _TAGS.split() for c in ("", "/")]),
            st.sampled_from(
                [
                    "word",
                    " ",
                    "\n",
                    "&nbsp;",
                    "<p hidden>",
                    "<!--",
                    "<",
                    "\x00",
                    "語",
                    "$",
                    "\\(",
                    "\\begin{align}",
                ]
            ),
            st.sampled_from(
                [
                    "<td rowspan=3 colspan=2>",
                    "<span class=katex>",
                    "<script type='math/tex'>",
                    "<ol reversed>",
                ]
            ),
        ),
        max_size=40,
    )
)
def test_any_soup_gives_tidy_text_and_the_same_again(parts: list[str]) -> None:
    html = "".join(parts)
    for content in CONTENTS:
        page = render(html, content=content)
        assert page == render(html, content=content)
        assert page.text == page.text.strip("\n")
        assert "\n\n\n" not in page.text or "<pre>" in html
        assert page.text.count("word") <= html.count("word")
        assert page.text or content == "full" or not render(html).text.strip("|*")
        assert page.chars == len(page.text)


# Well-formed pages whose words are numbered: what the parser does not move, the renderer does not either.
_NUMBERED = st.recursive(
    st.just("w "),
    lambda inner: (
        st.builds(
            lambda tag, children: f"<{tag}>" + "".join(children) + f"</{tag}>",
            st.sampled_from(
                [
                    "div",
                    "p",
                    "b",
                    "ul",
                    "li",
                    "h3",
                    "blockquote",
                    "pre",
                    "dl",
                    "dd",
                    "q",
                    "section",
                    "sup",
                    "a href=x",
                ]
            ),
            st.lists(inner, min_size=1, max_size=4),
        )
        | st.builds(
            lambda rows: (
                "<table>"
                + "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
                + "</table>"
            ),
            st.lists(st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3),
        )
    ),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None)
@given(_NUMBERED)
def test_text_keeps_the_order_of_the_page(html: str) -> None:
    pieces = html.split("w ")
    numbered = "".join(f"{piece}w{i}w " for i, piece in enumerate(pieces[:-1])) + pieces[-1]
    shown = (
        text(numbered)
        .replace("|", " ")
        .replace('"', " ")
        .replace("^", " ")
        .replace("{", " ")
        .replace("}", " ")
    )
    assert [word for word in shown.split() if word[0] == "w"] == [f"w{i}w" for i in range(len(pieces) - 1)]


@settings(max_examples=200, deadline=None)
@given(
    st.text(
        st.characters(exclude_characters="<&`", exclude_categories=["Cs", "Cc"]) | st.sampled_from(" \n\\$"),
        max_size=80,
    )
)
def test_plain_text_is_rendered_to_itself(plain: str) -> None:
    once = text(plain)
    assert "".join(once.split()) == "".join(plain.replace("\xad", "").replace("\ufeff", "").split())
    assert text(once) == once


def test_real_pages_show_the_words_that_their_gold_text_has() -> None:
    if (path := data.find("gold/aeb.jsonl.gz")) is None:
        pytest.skip(data.missing("gold/aeb.jsonl.gz"))
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        pages = [json.loads(line) for _, line in zip(range(60), lines, strict=False)]
    recalls = []
    for page in pages:
        seen, gold = set(render(page["html"]).text.split()), set(page["main"].split())
        recalls.append(len(seen & gold) / len(gold))
    assert sum(recalls) / len(recalls) > 0.97


def test_more_text_than_the_page_has() -> None:
    """Empty cells, numbers and rows of rows need more room than the page takes."""
    cells = "<td colspan=9>" * 2 + "x<td>y"
    rows = f"<tr>{'<td>' * 12}z" + f"<tr>{cells}" * 40
    nested = f"<table>{rows}<tr><td>" * 3 + "</table>" * 3
    lines = render(f"<table>{rows}</table>").text.split("\n")
    assert lines == ["z", *[(" | " * 9 + "x" + " | " * 3 + "y").strip()] * 40]
    assert render(nested).text.count("y") == 3 * 40


def test_blocks_as_objects_and_as_arrays() -> None:
    page = render(
        "<h1 id=a>Title <a href=#a>#</a></h1><ol type=i><li>é<li><p>two<pre class=language-c>a\n  b</pre></ol>"
        "<table><tr><th>a<th>b<tr><td>1<td>2</table><p>$x_1$"
    )
    blocks = list(page.blocks)
    assert [block.prefix for block in blocks[:3]] == ["", "i. ", "ii. "]
    assert blocks[0].permalink == "#"
    again = blocks_of(blocks)
    assert again.objects() == blocks
    assert text_of(again) == page.text


@pytest.mark.parametrize(
    ("html", "chars"),
    [("<a href=x>two words</a>", 9), ("<a href=x>one<p>two</a>", 6), ("a <a href=x><b>b</b></a>c", 1)],
)
def test_characters_in_links(html: str, chars: int) -> None:
    assert sum(block.link_chars for block in render(html).blocks) == chars


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href=x>a</a> <a href=y> <div>b</div></a>c", [("a", 2, 2), ("b", 1, 1), ("c", 1, 0)]),
        ("<a href=x>a</a><a href=y><div>b</div></a>", [("a", 2, 1), ("b", 1, 1)]),
        ("<div><a href=x><p>a</p></a>\n<a href=y> <img src=q> <p>b</p></a> d", [("a", 1, 1), ("b", 2, 3), ("d", 1, 0)]),
    ],
)  # fmt: skip
def test_links_around_blocks_count_for_the_blocks_beside_them(
    html: str, expected: list[tuple[str, int, int]]
) -> None:
    assert [(block.text, block.links, block.link_chars) for block in render(html).blocks] == expected
