"""Permalinks of headings: each tool's mark goes, text that only looks like one stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.render import render
from stages.render.permalinks import is_mark


@pytest.mark.parametrize(
    "html",
    [
        '<h2>Tides<a class="headerlink" href="#tides" title="Link to this heading">¶</a></h2>',  # Sphinx
        '<H2>Tides<A CLASS="headerlink" HREF="#tides" TITLE="Permanent link">&para;</A></H2>',  # MkDocs
        '<h2>Tides<a class="headerlink" href="#tides">\uf0c1</a></h2>',  # Read the Docs
        '<h2>Tides<a class="headerlink" href="#tides">Â¶</a></h2>',  # in the wrong charset
        '<h2>Tides <a title="Lien permanent" href="#tides" class="permalink">&para;</a></h2>',
        '<h2><a class="doc-anchor" href="#tides">§</a>Tides</h2>',  # rustdoc
        '<h2>Tides<a class="anchor-link" href="#tides"><img alt="Link icon" src="link.svg"></a></h2>',  # Javadoc
        '<h2>Tides <span class="permalink"><a href="#tides">&#9670;&nbsp;</a></span></h2>',  # Doxygen
        '<h2>Tides <a class="header-anchor" href="#tides" aria-label="Permalink to Tides">&#8203;</a></h2>',
        '<h2>Tides<a class="hash-link" href="#tides" title="Direct link to Tides">#</a></h2>',
        '<h2><a class="anchor" href="#tides"><span aria-hidden="true">#</span></a> Tides</h2>',
        '<h2><a href="#tides">##</a> Tides</h2>',
        '<h2>Tides <a href="#tides">🔗\ufe0f</a></h2>',
        '<h2>Tides <button type="button">🔗</button></h2>',
        '<h2>Tides<a class="anchor" href="#tides"><span class="sr-only">Permalink to Tides</span></a></h2>',
        '<h2>Tides <a href="#tides">Link to this section</a></h2>',
        '<h2>Tides <small><a class="direct-link" href="#tides">[link]</a></small></h2>',
        '<h2>Tides <a href="#tides">&para;</a> <a href="#top">&uarr;</a></h2>',  # RDoc
        '<div><h2>Tides</h2><a class="anchor" href="#tides">#</a></div>',
        '<h2>Tides<a href="https://docs.test/page.html#tides">¶</a></h2>',
        '<h2>Tides<a class="headerlink" href="#tides">¶</h2>',
        '<summary>Tides<a class="headerlink" href="#tides">¶</a></summary>',
        '<p class="rubric">Tides<a class="headerlink" href="#tides">¶</a></p>',
    ],
)
def test_marks_are_no_text(html: str) -> None:
    page = render(html)
    assert page.text == "Tides"
    assert page.links == 0


def test_definitions_captions_and_numbers_of_formulas() -> None:
    html = (
        '<dl><dt>tide(port)<a class="headerlink" href="#t">¶</a></dt><dd>Height.</dd></dl>'
        '<table><caption>Ports<a class="headerlink" href="#p">¶</a></caption><tr><td>a<td>b</table>'
        '<p>as in <span class="eqno">(1)<a class="headerlink" href="#e">¶</a></span> above'
    )
    assert render(html).text == "tide(port)\n    Height.\n\nPorts\na | b\n\nas in (1) above"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<p><a href="#num">#</a> <a href="#a">A</a> <a href="#b">B</a>', "# A B"),
        ('<h2><a href="/c-sharp">C#</a></h2>', "C#"),
        ('<h2>Issue <a href="/issues/7">#</a>7</h2>', "Issue #7"),
        ('<h2>See § <a href="/law#5">5</a></h2>', "See § 5"),
        ('<p>in <a href="#s3">§</a> 3', "in § 3"),
        ('<h2><a href="/anchor">Anchor</a></h2>', "Anchor"),
        ('<h2><a href="#tag">Tag</a></h2>', "Tag"),
        ("<h2>A pilcrow: ¶</h2>", "A pilcrow: ¶"),
        ('<pre>x <a class="anchor" href="#l1">#</a> y</pre>', "x # y"),
        ('<p>icons <a href="https://social.test/">\uf09a</a>', "icons \uf09a"),
        ("<h2><button>What is the tide?</button></h2>", "What is the tide?"),
    ],
)
def test_other_links_stay(html: str, text: str) -> None:
    assert render(html).text == text


@given(st.text(st.sampled_from("¶#🔗() [§\u200b\xa0a1"), max_size=12))
def test_a_mark_has_neither_letters_nor_digits(text: str) -> None:
    assert not is_mark(text) or not any(character.isalnum() for character in text)


def test_nothing_is_no_mark() -> None:
    assert not is_mark("")
    assert not is_mark("   ")
