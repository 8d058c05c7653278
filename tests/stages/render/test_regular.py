"""Regular pages, which are read without the parser, against the parser."""

from __future__ import annotations

import dataclasses
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.lib import data
from stages.render import regular, text
from stages.render.blocks import number_containers
from stages.render.guards import to_parse
from stages.render.layout import Page
from stages.render.scan import Scan
from stages.render.walk import walk


def by_parser(html: str, *, structure: bool) -> tuple[Any, ...]:
    """Blocks, containers and title."""
    tree = text.LexborHTMLParser(to_parse(html), scripting=True, options=text._OPTIONS)
    return shown(text._Attempts(tree, html, to_parse(html), structure=structure).page(), text._title(tree))


def by_source(html: str, *, structure: bool) -> tuple[Any, ...] | None:
    if (found := regular.read(text.encoded(html))) is None:
        return None
    scan = Scan(found.body, structure=structure, alternatives=not structure)
    page = Page(scan, found.languages, bool)
    walk(page, scan, text._NOTHING, [])
    return shown(page, found.title)


def is_shown_without_parser(html: str) -> bool:
    return text._read_regular(html, html.encode(), structure=False) is not None


def shown(page: Page, title: str) -> tuple[Any, ...]:
    blocks = page.blocks.objects()
    structured = any(block.container >= 0 for block in blocks)
    containers = number_containers(blocks, page.outline()) if structured else []
    return (
        containers,
        [dataclasses.astuple(block) for block in blocks],
        title,
        page.indented,
    )


def assert_same(html: str) -> bool:
    """Whether the page is regular; if it is, it must come out as from the parser."""
    for structure in (False, True):
        if (found := by_source(html, structure=structure)) is None:
            return False
        assert found == by_parser(html, structure=structure), html
    return True


HEAD = "<!doctype html><title>T</title>"


@pytest.mark.parametrize(
    "html",
    [
        "<p>one<p>two<ul><li>a<li>b<ul><li>c</ul><li>d</ul>three",
        "<dl><dt>a<dd>b<dd>c<dt>d</dl>",
        "<table><tr><td>a<td>b<tr><th>c<td>d</table>e",
        "<table><caption>x</caption><col><thead><tr><td>a<tbody><tr><td>b</table>",
        "<table><tr><td><table><tr><td>a</table>b<td>c</table>",
        "<table><form><tr><td>a</form></table><form>b</form>",
        "<div><form><div>a</form>b</div>c</div>d",
        "<p>a<shreddit-post-text-body>b</shreddit-post-text-body><context-bar>c</context-bar>",
        "<h1>a<h2>b</h3>c",
        "<b>a<div>b</b>c</div>d",
        "<p>a<b>b<p>c</b>d",
        "<a href=x><b>a</a>b</b>c",
        "<p>a</p></p>b</br>c",
        "<button>a<button>that has more than four words in it</button>b",
        "<select><option>a<option>b</select>c",
        "<svg><title>a</title><path/><a>b</a></svg>c<svg/>",
        "<svg><path id='&copy'/></svg>a</p class='&copy'>b",
        "<a style='display:flex'>a <!-- -->b</a>",
        "<template><p>a<template>b</template></template>c",
        "<div hidden>a</div><p style='display:none'>b</p><span style='float : left'>c</span>d",
        "<div style='display:flex'><span>a</span><b>b</b>c<i>d</i></div>",
        "<dialog>a</dialog><dialog open>b</dialog><p hidden=until-found>c",
        "a &amp; b &lt;c&gt; &eacute;&nbsp;&#8212;&#x2014; AT&T &unknown; &x=1 &",
        "<p title='&quot;>'>a<!-- > -->b<!--->c<!-->d<!--x--!>e<?php x ?>f</ x>g",
        "<script>'<p>'</script><style>p{}</style><noscript><p>no</noscript><iframe><p></iframe>a",
        "<script><!-- x --></script>a<script>if (a<b) c</script>b",
        "<textarea>\n<p>a</textarea>b<title>c</title>",
        "<img alt='a'><img alt='b &amp; c'>d<img>e",
        "<body class=late>a</body>b</html>c",
        "<p>a<body class=late>b",
        "text\r\nwith\rreturns",
        "<p>a<p><span>b</div>c</span>d",
        "<sup>a</sup><sub>b<p>c</sub>d",
        "<div/>a<br/>b<p/class=x>c",
        "<DIV CLASS=A>a</DIV><P>b",
        "<div class=a class=b>c</div>",
        "<p>a<p",
        "<p>a</p",
        "<ul><li><a href=x>a</a><li><p>b<li>c</ul>",
        "<td>a</td><tr>b</table>c<caption>d",
        "<object>a</object><video>b</video><canvas><p>c</canvas><meter>3</meter>",
        "<p>a<hr>b<center>c</center><address>d<p>e</address>",
        "<article><header><nav>a</nav></header><section>b</article>c",
        "<blockquote><p>a</blockquote>b<fieldset><legend>c</legend>d</fieldset>",
        "<details><summary>a<button>#</button></summary>b</details>",
        "<q>a</q><code>b `c`</code><kbd>d</kbd>e",
        "a<wbr>b<nav>c</nav><custom-element>d</custom-element>e",
        "&copy 2 &copyx &copy=3 a&nbspb &notit; &notin; &ampamp &lt;&lt &frac123 &Aacutex &amp",
        "<p title='&copy 2 &copyx &copy=3 a&nbspb &notit; &notin; &ampamp &lt'>a",
        "&#150;&#151 &#8212x &#x2014 b &#146;Internet&#146; &#xf002 &#241ol",
        "<script><!-- document.write('<script src=x></script>') //--></script>a<p>b",
        "<script><!-- <script> x</script> <b> --></script>c",
        "<script><!--<script></script>--></script>d",
        "<script>a</script\r>b<style>c</style\f>d",
        "<p><code>a<br>b<br> c&nbsp;d</code><code>e</br>f</code>",
        "<svg><desc>a</desc><path/></svg>b<svg><desc/></svg>c",
        "<p>a<body class='" + "x" * 700 + "'>b",
    ],
)
def test_as_the_parser(html: str) -> None:
    assert assert_same(HEAD + html)


@pytest.mark.parametrize(
    "html",
    [
        "<p>a<math><mi>x</mi></math>",
        "<span class='math inline'>x</span>",
        "<img alt='$x$' class=latex>",
        "<img src='https://latex.codecogs.com/gif.latex?x' alt=''>",
        "<p data-tex='x'>a",
        "<span data-math='x_{1}'>a</span>",
        "<div class=dp-highlighter><ol><li>a</ol></div>",
        "<p><code>a<br><i> &nbsp;b</i></code>",
        "<p style='white-space: pre-wrap'>a",
        "<table><tr>a<td>b</table>",
        "<table><p>a</table>",
        "<p><a href=x>a<p>b</a>",
        "<a href=x><a href=y><div><a href=z>a",
        "<font><li><a href=x>a</font> b",
        "<ruby>a<rt>b</ruby>",
        "<frameset><frame></frameset>",
        "<select><input>",
        "<svg><foreignObject><p>a</p></foreignObject></svg>",
        "<template id='B:0'></template><div hidden id='S:0'>a</div>",
        "<p>&#129;",
        "<script type='math/tex'>x</script>a",
        "<script><!-- <script> x</script>a",
        "<svg><desc>a<g></desc></svg>b",
        "<p><b hidden>a<p>b",
        "a\0b",
        "<div>" * 1000,
    ],
)
def test_left_to_the_parser(html: str) -> None:
    assert regular.read((HEAD + html).encode()) is None
    assert isinstance(regular.build_tree((HEAD + html).encode()), int)


_TAGS = [
    "a",
    "b",
    "i",
    "em",
    "code",
    "span",
    "div",
    "p",
    "li",
    "ul",
    "ol",
    "dl",
    "dt",
    "dd",
    "h1",
    "h2",
    "table",
    "tr",
    "td",
    "th",
    "tbody",
    "thead",
    "caption",
    "col",
    "colgroup",
    "form",
    "button",
    "section",
    "nav",
    "br",
    "hr",
    "img",
    "input",
    "select",
    "option",
    "svg",
    "template",
    "sup",
    "sub",
    "q",
    "label",
    "center",
    "object",
    "video",
    "dialog",
    "font",
    "pre",
    "main",
]
_PIECES = st.one_of(
    st.sampled_from([f"<{tag}>" for tag in _TAGS]),
    st.sampled_from([f"</{tag}>" for tag in _TAGS]),
    st.sampled_from(
        ["<a href=x>", "<div hidden>", "<b style='display:block'>", "<div style='display:flex'>"]
    ),
    st.sampled_from(
        ["x", " ", "\n", "two words", "&amp;", "<!-- c -->", "<body class=z>", "</body>", "</html>"]
    ),
)


@pytest.mark.parametrize(
    "html",
    [
        "<p style='dis&#112;lay:none'>a<p style='display&colon;none'>b<p style='display:&#x20;none'>c<p>d",
        "<p style='float:&Tab;left'>a</p>b<p style='background:url(&quot;x&#39;)'>c<p style='display:&#98lock'>d",
        "<p hidden='until&#45;found'>a<p class='a&#32;b'>c<input type='hid&#100;en'><p role=&#110;avigation>d",
        "<img src='a.png?x=1&amp;y' alt='&#8217;a'>b<a href='/x&#x2F;y'>c</a>",
    ],
)
def test_references_in_attributes(html: str) -> None:
    assert assert_same(HEAD + html)


@pytest.mark.parametrize(
    "html",
    [
        "<span class='ma&#116;h inline'>x</span>",
        "<div class='dp-highlight&#101;r'><ol><li>a</ol></div>",
        "<p style='white&#45;space: pre'>a",
        "<script type='math&#x2F;tex'>x</script>a",
        "<img src='https://latex.code&#99;ogs.com/gif.latex?x'>",
        "<img alt='&#92;alpha'>",
        "<img alt='&dollar;x&#36;'>",
        "<p>a<template id='B&colon;0'></template>",
        "<p style='a&#129;'>b",
    ],
)
def test_references_that_leave_a_page_to_the_parser(html: str) -> None:
    assert regular.read((HEAD + html).encode()) is None


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES, max_size=25))
def test_any_order_of_tags(pieces: list[str]) -> None:
    assert_same(HEAD + "".join(pieces))


def test_many_orders_of_tags() -> None:
    """Longer pages than Hypothesis makes, nested with more care."""
    rng = random.Random(5)
    regular_pages = 0
    for _ in range(600):
        pieces: list[str] = []
        opened: list[str] = []
        for _ in range(rng.randrange(60)):
            choice = rng.random()
            if choice < 0.4:
                tag = rng.choice(_TAGS)
                pieces.append(f"<{tag}{' href=x' * (tag == 'a')}>")
                opened.append(tag)
            elif choice < 0.65 and opened:
                pieces.append(f"</{opened.pop() if rng.random() < 0.9 else rng.choice(_TAGS)}>")
            else:
                pieces.append(rng.choice(["x", " ", "\n", "two words"]))
        regular_pages += assert_same(HEAD + "".join(pieces))
    assert regular_pages > 40


@pytest.mark.parametrize(
    "html",
    [
        "<pre>a\n  b</pre>c<pre>\n\na</pre><pre>\r\na\r\nb</pre><pre>\ra</pre><pre>&gt;&gt;</pre>",
        "<p>x<pre>a</pre>y<p>z<pre>a<pre>b</pre>c</pre>d<pre>a<b>c</pre>d</b>",
        "<pre><p>a</pre>b<ul><li><pre>a</li>b</ul><pre>a</p>b</pre>",
        "<pre class=python>x = 1\n</pre><pre lang=php>x</pre>a",
        "<pre><code class='language-c++'>int x;\n</code></pre><pre><span>x</span><code class=sql>x</code></pre>",
        "<pre><br><samp class=python>x</samp></pre><pre><span>x<span>y</span></span>z<code class=go>x</code></pre>",
        "<div class='highlight-python'><div class=highlight><pre><span class=k>def</span> f()</pre></div></div>",
        "<div class=wp_syntax data-lang=java><table><tr><td><pre>x</pre></table></div>",
        "<div class=code><div><div><div class=php><pre>x</pre></div></div></div></div>",
        "<pre style='display:block' class=ruby>x\ny</pre><pre hidden class=go>a</pre>b",
        "<div style='display:flex'><pre class=go>x</pre><pre>y</pre></div>",
        "<p>a<body class=x><pre class=js>b</pre>",
        "<div><button>Copy</button><pre>a</pre></div>b<button aria-label='Copy code'>x</button>",
        "<button>Menu with more than four words</button><pre>a</pre><button class=copy>x</button>",
        "<p class=copyright>Copyright 2020</p>a<span class=copy>Copy</span>b<pre>a</pre>",
        "<div class='lang-switch'>English</div><div class=prompt>In [1]:</div><pre>a</pre>",
        "<div class='lang-x'><p>Python</p> and much more text than a label has, which is short, as a rule</div><pre>a</pre>",
        "<pre><span class=line>a</span>\n<span class='line hl'>b</span></pre>",
        "<img><pre>a</pre><script>1</script><pre>a</pre><a href=x>1</a><pre>a</pre><br>1<pre>b</pre>",
        "<div>version 3.</div><pre>a</pre><div>" + "1 is a number " * 90 + "</div><pre>b</pre>",
    ],
)
def test_code_as_from_the_parser(html: str) -> None:
    assert assert_same(HEAD + html)


@pytest.mark.parametrize(
    "html",
    [
        "<span>1\n2\n3</span><pre>a;\nb;\nc;</pre>",
        "<table><tr><td>1\n2<td><pre>a;\nb;</pre></table>",
        "<div>" + "".join(f"{line}\n" for line in range(300)) + "</div><div><pre>a</pre></div>",
        "<pre><a class=l>1</a>a</pre>",
        "<pre><span class=lineno>1</span>a</pre>",
        "<pre><span class='line'>1</span><span class=inline>a</span></pre>",
        "<pre><ol><li>a<li>b</ol></pre>",
        "<pre><button>Copy</button>a</pre>",
        "<div class=toolbar>x</div><pre>a</pre>",
        "<div><span class=lang>Python</span><pre>a</pre></div>",
        "<p><b>x<p>y<pre>a</pre>",
        "<pre>&#10;a</pre>",
        "<pre style='white-space: pre'>a</pre>",
        "<div><pre>" * 90,
    ],
)
def test_code_left_to_the_parser(html: str) -> None:
    assert regular.read((HEAD + html).encode()) is None


def test_short_pages() -> None:
    """A page that a script may complete is left to the parser; one that is only short is not."""
    for plain in ("<p>a", "<noscripts>a</noscripts>"):
        assert is_shown_without_parser(HEAD + plain)
    for more in (
        "<p>a<noscript>b</noscript>",
        "<NOSCRIPT\n>a</NOSCRIPT>",
        "<p hidden>b<p>",
        "<noframes>a</noframes>",
    ):
        assert not is_shown_without_parser(HEAD + more)
        assert is_shown_without_parser(HEAD + more + "x" * text._SPARSE)


def test_titles_and_document_types() -> None:
    found = regular.read(b"<html><head><title> a\n&amp; b </title></head><body><title>c</title>d")
    assert found is not None
    assert found.title == "a & b"
    found = regular.read(b"<p>a<svg><title>no</title></svg>")
    assert found is not None
    assert found.title == ""
    # Whether a table ends a paragraph depends on the document type, of which few are known here.
    assert assert_same("<!DOCTYPE html><p>a<table><tr><td>b</table>")
    assert assert_same(
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><p>a<table><tr><td>b</table>'
    )
    assert regular.read(b"<p>a<table><tr><td>b</table>") is None
    assert assert_same("\ud800<p>a")


def test_real_pages() -> None:
    if (path := data.find("web/pages.warc.gz")) is None:
        pytest.skip(data.missing("web/pages.warc.gz"))
    from benchmarks.lib.pages import read_pages

    pages = [page.html for number, page in enumerate(read_pages(path)) if number % 12 == 0]
    assert sum(map(assert_same, pages)) > 0.6 * len(pages)


@pytest.mark.parametrize(
    "page",
    [
        "<p title='" + ">" * 400_000 + "'>a",
        "<p class='" + "&quot;" * 100_000 + "'>a",
        '"' * 400_000,
        "<" + "x" * 300_000 + "><p>a",
        "<svg x='" + "<" * 300_000 + "'>" + '"' * 100_000 + "</svg>a",
        "<p>" * 100_000,
        "<b>" * 390 + "<p>a" * 50_000,
        "<table>" + "<tr><td>" * 60_000,
        "<!--" * 100_000,
        "</" * 100_000,
        "<a href=x>" * 50_000,
        "<hr>" * 200_000,
        "<object>" * 300 + " " * 500_000 + "x",
        "<div style='display:flex'>" * 300 + "<i>x</i>" * 30_000,
        "&#" + "9" * 300_000 + ";",
        "<title>" + "x" * 1_000_000,
        "<script>" + "<!-- " * 100_000 + "</script>a",
        "<p " + "x" * 100 + " =" * 100_000,
        "<li>" * 200_000 + "</li>" * 200_000,
    ],
    ids=range(19),
)
def test_hostile_pages(page: str) -> None:
    """Neither more memory than there is nor more time than the page is worth."""
    started = time.process_time()
    by_source(HEAD + page, structure=True)
    text.render(HEAD + page)
    assert time.process_time() - started < 30


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "rest",
    [
        ("<p>" + "copy " * 100 + "</p>") * 20_000,  # words that a label's class may have, and no quotes
        "<div class=copy>" * 60 + "<i></i>" * 400_000 + "text",  # labels in labels, of tags without text
    ],
)
def test_what_looks_like_labels_is_passed_once(rest: str) -> None:
    """Ten million bytes, for which anything quadratic would take many minutes."""
    regular.build_tree(f"<p>a b c</p><pre>x = 1</pre>{rest}".encode())
