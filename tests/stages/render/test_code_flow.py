"""Code in running text: editors, forums and word processors that indent by no-break spaces; prose stays prose."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.render import code_signs, render, text

CODE = "if x:\n    y = f(1)\n\n        z = 2\nend(x)"


def lines(form: str, joint: str = "", code: str = CODE, alternate: bool = False) -> str:
    """``form`` once a line, %s the line indented by no-break spaces, every second of them if ``alternate``."""
    indent = "&nbsp; &nbsp; " if alternate else "&nbsp;" * 4
    indented = (line.replace("    ", indent) for line in code.split("\n"))
    return joint.join(form.replace("%s", line or "<br>" * ("<br" not in joint.lower())) for line in indented)


MONO = "font-family: 'Courier New', monospace"

BOXES = {
    "div a line": f'<div style="{MONO}">{lines("<div>%s</div>")}</div>',
    "alternating": f'<div style="{MONO}">{lines("<div>%s</div>", alternate=True)}</div>',
    "tt": f"<p><tt>{lines('%s', '<br>')}</tt></p>",
    "TT": f"<P><TT>{lines('%s', '<BR>')}</TT>",
    "class code": f'<div class="code">{lines("%s", "<br />")}</div>',
    "class with more": f'<div class="post bbcode_code">{lines("%s", "<br>")}</div>',
    "quotation": f'<blockquote class="code">{lines("%s", "<br>")}</blockquote>',
    "camel case": f'<div class="xoopsCode">{lines("%s", "<br>")}</div>',
    "phpBB 2": f'<table><tr><td class="code">{lines("%s", "<br />")}</td></tr></table>',
    "phpBB 3": f'<dl class="codebox"><dd><code>{lines("%s", "<br />")}</code></dd></dl>',
    "IPB": f"<table><tr><td id='CODE'>{lines('%s', '<br />')}</td></tr></table>",
    "SMF": f'<code class="bbc_code">{lines("%s", "<br />")}</code>',
    "MyBB": f'<div class="codeblock"><div class="body"><code>{lines("%s", "<br />")}</code></div></div>',
    "font": f'<p><font face="Courier New, Courier">{lines("%s", "<br>")}</font></p>',
    "span a line": lines(f'<div><span style="{MONO}">%s</span></div>'),
    "tt a line": f"<p>{lines('<tt>%s</tt>', '<br>')}</p>",
    "Word": lines(f"<p class=MsoNormal><span lang=EN style='font-size:10pt;{MONO.replace(chr(39), '')}'>%s</span></p>"),
    "Word, nested": lines(f'<p><b><span style="{MONO}">%s</span></b></p>'),
    "numeric references": f"<div class=code>{lines('%s', '<br>').replace('&nbsp;', '&#160;')}</div>",
    "characters": f"<div class=code>{lines('%s', '<br>').replace('&nbsp;', chr(160))}</div>",
    "spans within": f'<div class=code>{lines("%s", "<br>").replace("y", "<b>y</b>").replace("1", "<span class=m>1</span>")}</div>',
    "line ends": f"<div class=code>\n{lines('%s', '<br>' + chr(10))}\n</div>",
    "list of lines": f'<div class="php geshi" style="{MONO}"><ol>{lines("<li><div>%s</div></li>")}</ol></div>',
    "missing end tags": f"<div class=code>{lines('<p>%s')}",
    "unmarked, breaks": f"<p>{lines('%s', '<br>')}</p>",
    "unmarked, a paragraph a line": lines("<p>%s</p>"),
    "button within": f"<div class=code><button>Copy</button>{lines('%s', '<br>')}</div>",
}  # fmt: skip


@pytest.mark.parametrize("name", BOXES)
def test_boxes(name: str) -> None:
    page = render(f"<body><p>Before.</p><div>{BOXES[name]}</div><h2>After</h2></body>")
    assert page.text == f"Before.\n\n{CODE}\n\nAfter"
    assert page.code_blocks == 1


def test_boxes_one_after_another_and_in_text() -> None:
    html = (
        f'<p>The old way:</p><div style="{MONO}"><div>if x:</div><div>&nbsp; &nbsp; y = 1</div></div>'
        "<p><tt>def f():<br>&nbsp;&nbsp;&nbsp;&nbsp;return 1</tt></p>"
        "<div class=code>for i in x:<br>&nbsp;&nbsp;&nbsp;&nbsp;print i</div>"
        "<p>See <code>a(<br>&nbsp;b)</code> too."
    )
    assert render(html).text == (
        "The old way:\n\nif x:\n    y = 1\n\ndef f():\n    return 1\n\nfor i in x:\n    print i\n\nSee\n\na(\n b)\n\ntoo."
    )


def test_a_place_in_a_list_or_table_is_kept() -> None:
    box = "<tt>f(<br>&nbsp; x);</tt>"
    assert render(f"<ul><li>{box}<li>b</ul>").text == "f(\n  x);\n\n* b"
    code = "<td class=code>f(<br>&nbsp; x);"
    assert (
        render(f"<table><tr><th>a<th>b<tr><td>1{code}<tr><td>2<td>c</table>").text
        == "a | b\n1\n\nf(\n  x);\n\n2 | c"
    )


@pytest.mark.parametrize(
    "html",
    [
        "<p>&nbsp;&nbsp;A paragraph begins with an indent.<br>&nbsp;&nbsp;So does the next, as in print.<br>Not this.",
        "<p>Roses are red;<br>&nbsp;&nbsp;violets are blue,<br>sugar is sweet;<br>&nbsp;&nbsp;and so are you.",
        "<p>Menu:<br>&nbsp;&nbsp;Soup (hot)<br>&nbsp;&nbsp;Fish<br>&nbsp;&nbsp;Cake, or fruit",
        "<div class=address>Harbour Office<br>&nbsp;&nbsp;12 Quay Street<br>&nbsp;&nbsp;Lune</div>",
        "<p>Dear all,</p><p>&nbsp;&nbsp;we meet at five (in the hall).</p><p>Yours; etc.</p>",
        "<div class='promo-code'><p>&nbsp;Use SAVE10</p><p>at the till</p></div>",
        "<div class=highlight><p>&nbsp;&nbsp;First the news.</p><p>Then the weather</p></div>",
        f"<div style='font: 10pt monospace'><p>&nbsp;{'A page whose whole design is in this font goes on. ' * 8}</p><p>So: it does.</p></div>",
        "<div style='font: 10pt monospace'><h2>&nbsp;A title</h2><p>&nbsp;Text</p></div>",
        "<p>&nbsp;<tt>x = 1;</tt></p><p>one line</p>",
        "<p>&nbsp;&nbsp;<img src=a alt='a = b;'><br>c = d;<br>e = f;",
    ],
)
def test_prose_is_no_code(html: str) -> None:
    page = render(html)
    assert page.code_blocks == 0
    assert not re.search(r"^ ", page.text, re.MULTILINE)


def test_formulas_are_not_lost_in_code() -> None:
    html = "<div class=code>a:<br>&nbsp;&nbsp;<math><mi>x</mi></math> = 1</div>"
    assert "$x$" in render(html).text


_pieces = st.sampled_from(
    [
        *("<tt>", "</tt>", "<br>", "<div class=code>", "<div>", "</div>", "<p>", "<code>", "</code>"),
        *("<table><tr><td>", "<ol><li>", "</ol>", "<span style='font:monospace'>", "</span>", "w1 = f(w2);"),
        *("&nbsp;&nbsp;w3 {", "w4 ", "&nbsp;"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_pieces, max_size=30).map("".join))
def test_no_word_is_lost_or_doubled(html: str) -> None:
    shown = render(html).text
    for word in ("w1", "w2", "w3", "w4"):
        assert shown.count(word) == html.count(word)


def test_growth_is_linear() -> None:
    line = "&nbsp;&nbsp;x = f(1);"
    for html in (
        f"<p class=code>a</p>{'<p class=code>a</p>' * 1000}<p>{line}",
        "<div>a<br>" * 200 + line + "<b></b>" * 1000,
        f"<p>{line}</p><p>prose here</p>" * 2000,
        f"<tt>{line}</tt><br>" * 1000,
        "<div class=code>" * 200 + f"{line}<br>" * 1000,
    ):
        assert render(html).text


@pytest.mark.parametrize(
    ("sign", "parsed"),
    [
        ("", False),
        ("<p>the code in a highlight of courier programs", False),
        ("<p class=codex>text", False),
        ("<p class='a source-code'>text", True),
        ("<p><tt>x</tt>", True),
        ("<p style='font: 1em Courier'>text", True),
        ("<font size=1 face=monospace>text</font>", True),
    ],
)
def test_pages_without_a_sign_of_code_need_no_parser(
    sign: str, parsed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parses = []
    parser = text.LexborHTMLParser
    monkeypatch.setattr(
        text, "LexborHTMLParser", lambda *args, **options: parses.append(args) or parser(*args, **options)
    )
    words = "<p>" + "Words of an ordinary text. " * 30
    page = render(f"<!doctype html><title>T</title>{words}<p>a list, b;<br>&nbsp; of c, d<br>{sign}")
    assert "a list, b;\nof c, d" in page.text
    assert bool(parses) == parsed


def test_a_name_of_any_length_is_looked_at_once() -> None:
    """Two ways to read each of its words would be more than a billion ways to read the name."""
    name = "code" + "contents" * 4000
    assert code_signs.CODE_CLASS.search(name)
    assert not code_signs.CODE_CLASS.search(name + "!")
