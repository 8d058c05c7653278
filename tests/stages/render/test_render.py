"""The renderer as callers see it: what shows, what is counted, and what holds for any input at all."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.render import render

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
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
        ("<table><tr><td colspan=1000000>a<td rowspan=999999>b<tr><td>c<td>d</table>", "a" + " | " * 200 + "b\nc | d"),
        ("x<pre>\n\n  a  b\n\tc \n\n</pre>y", "x\n\n  a  b\n\tc\n\ny"),
        ("<pre>a<br>b<span> c</span><div>d</div>e</pre>", "a\nb c\nd\ne"),
        ("<pre><a href=x>a\n</a><div>b</div></pre>", "a\nb"),
        ("<ul><li><pre>a\n b</pre></ul>", "a\n b"),
        ("<p>x<sub> </sub>y <sub>z</sub>", "x y z"),
        ("<a href=1><p>a</p><p>b</p></a><a href=2>c</a>", "a\n\nb\n\nc"),
    ],
)
def test_layout(html: str, expected: str) -> None:
    assert text(html) == expected


def test_a_page_that_hides_itself_until_its_script_runs_is_read() -> None:
    assert text("<html hidden><body style='display:none'><p>a") == "a"


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
    ],
    ids=["div", "b", "table", "list", "quote", "aside", "katex", "pre", "hidden", "sup"],
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
                ["word", " ", "\n", "&nbsp;", "<p hidden>", "<!--", "<", "\x00", "語", "$", "\\(", "\\begin{align}"]
            ),
            st.sampled_from(["<td rowspan=3 colspan=2>", "<span class=katex>", "<script type='math/tex'>", "<ol reversed>"]),
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
        assert page.chars == len(page.text)


# Well-formed pages whose words are numbered: what the parser does not move, the renderer does not either.
_NUMBERED = st.recursive(
    st.just("w "),
    lambda inner: st.builds(
        lambda tag, children: f"<{tag}>" + "".join(children) + f"</{tag}>",
        st.sampled_from(["div", "p", "b", "ul", "li", "h3", "blockquote", "pre", "dl", "dd", "q", "section", "sup", "a href=x"]),
        st.lists(inner, min_size=1, max_size=4),
    )
    | st.builds(
        lambda rows: "<table>" + "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows) + "</table>",
        st.lists(st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3),
    ),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None)
@given(_NUMBERED)
def test_text_keeps_the_order_of_the_page(html: str) -> None:
    pieces = html.split("w ")
    numbered = "".join(f"{piece}w{i}w " for i, piece in enumerate(pieces[:-1])) + pieces[-1]
    shown = text(numbered).replace("|", " ").replace('"', " ").replace("^", " ").replace("{", " ").replace("}", " ")
    assert [word for word in shown.split() if word[0] == "w"] == [f"w{i}w" for i in range(len(pieces) - 1)]


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_characters="<&`", exclude_categories=["Cs", "Cc"]) | st.sampled_from(" \n\\$"), max_size=80))
def test_plain_text_is_rendered_to_itself(plain: str) -> None:
    once = text(plain)
    assert once.split() == plain.replace("\xad", "").split() or any("\u2e80" <= letter for letter in plain)
    assert text(once) == once


def test_real_pages_show_the_words_that_their_gold_text_has() -> None:
    path = DATA / "gold" / "aeb.jsonl.gz"
    if not path.exists():
        pytest.skip(
            "needs ../shared/data/gold (real pages with gold text), which is not part of the repository"
        )
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        pages = [json.loads(line) for _, line in zip(range(60), lines, strict=False)]
    recalls = []
    for page in pages:
        seen, gold = set(render(page["html"]).text.split()), set(page["main"].split())
        recalls.append(len(seen & gold) / len(gold))
    assert sum(recalls) / len(recalls) > 0.97
