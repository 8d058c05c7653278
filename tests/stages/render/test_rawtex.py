"""Raw TeX in pages: what is for the typesetter alone is no text, line breaks within formulas end nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.render import render
from stages.render.rawtex import tidy


@pytest.mark.parametrize(
    ("html", "text", "equations"),
    [
        # Groups, as on Stack Exchange.
        ("<p>$\\begingroup$ Let $x^2$ be.</p><p>$\\endgroup$</p>", "Let $x^2$ be.", 1),
        ("<p>\\$\\begingroup\\$ Two wires. \\$\\endgroup\\$ <b>Ann</b>", "Two wires. Ann", 0),
        ("<p>a \\(\\begingroup\\) b $$ \\endgroup $$ c", "a b c", 0),
        ("<p>$\\endgroup$$\\begingroup$ a", "a", 0),
        # Preambles.
        (
            "<p>$\\newcommand{\\R}{\\mathbb{R}}\\def\\N{\\mathbb N}$</p><p>For $x \\in \\R$.",
            "For $x \\in \\R$.",
            1,
        ),
        ("<p>$$\\newcommand{\\abs}[1]{|#1|}$$ Let \\[\\DeclareMathOperator{\\a}{b}\\] it be", "Let it be", 0),
        ("<p>Let $$\\newcommand{\\abs}[1]{|#1|} x_1$$ be.", "Let $$x_1$$ be.", 1),
        ("<p>Let $\\def\\a{b}\\a_1$ be.", "Let $\\def\\a{b}\\a_1$ be.", 1),
        ("<p>\\begin{equation}\\def\\a{b}\\end{equation} a", "a", 0),
        ("<p>$$<br>\\def\\x{y}<br>$$ a", "a", 0),
        (
            "<p>The command \\newcommand{\\x}{y} defines $x_1$.",
            "The command \\newcommand{\\x}{y} defines $x_1$.",
            1,
        ),
        ("<p>$x_1$ \\newcommand{\\x}{y} and $y_1$", "$x_1$ \\newcommand{\\x}{y} and $y_1$", 2),
        ("<p>Type <code>$\\newcommand{\\x}{y}$</code> there", "Type $\\newcommand{\\x}{y}$ there", 1),
        ("<pre>$\\begingroup$ \\def\\x{y}</pre>", "$\\begingroup$ \\def\\x{y}", 0),
        # Whole documents.
        (
            "<p>Rate \\documentclass{minimal} \\usepackage{amsmath} \\begin{document}$$r_1$$\\end{document} is",
            "Rate $r_1$ is",
            1,
        ),
        (
            "<p>\\documentclass{article}\\begin{document}Hello there\\end{document} is the least.",
            "\\documentclass{article}\\begin{document}Hello there\\end{document} is the least.",
            0,
        ),
        # Line breaks: tags, and tags that were escaped.
        ("<p>\\[<br />\na = b\\\\<br/>\nc<br>\n\\]</p>", "\\[\na = b\\\\\nc\n\\]", 1),
        ("<p>$$<br>x<BR CLEAR=all>$$ and <br>next", "$$\nx\n$$ and\nnext", 1),
        ("<p>\\begin{align}<br>a&amp;=b<br>\\end{align}", "\\begin{align}\na&=b\n\\end{align}", 1),
        (
            "<p>\\(x<br>y\\) <em>$a_1<br>b$</em> [latex]a<br />b[/latex]",
            "\\(x y\\) $a_1 b$ [latex]a b[/latex]",
            3,
        ),
        ("<p>[latex]a<br>b[/latex]", "[latex]a b[/latex]", 1),
        (
            "<p>$x$ and $$a<br>" + "x+y^{2} " * 60 + "<br>b$$",
            "$x$ and $$a\n" + ("x+y^{2} " * 60).strip() + "\nb$$",
            2,
        ),
        ("<p>$$a &lt;br /&gt; b$$ $c_1&lt;br&gt;d$ and &lt;br /&gt;", "$$a \n b$$ $c_1 d$ and <br />", 2),
        ("<p>Costs $5<br>or $10<br>but not $$<br>\\(", "Costs $5\nor $10\nbut not $$\n\\(", 0),
        ("<p>$$</p><p>x<br>$$", "$$\n\nx\n$$", 0),
        # LaTeXML's own.
        ("<p>$2.5\\lx@arcdegree$ \\(\\pagecolor{red}x_1\\)", "$2.5^{\\circ}$ \\(x_1\\)", 2),
    ],
)
def test_in_a_page(html: str, text: str, equations: int) -> None:
    page = render(html)
    assert page.text == text
    assert page.equations == equations


@given(st.text(alphabet="ab $\\()[]{}\n", max_size=60))
def test_text_without_such_commands_stays(text: str) -> None:
    assert tidy(text) == text


@given(
    st.lists(
        st.sampled_from(
            [
                "$",
                "$$",
                "\\(",
                "\\)",
                "\\newcommand{\\x}{y}",
                "\\begingroup",
                "\\def\\",
                "<br>",
                " x ",
                "{",
                "}",
                "\\documentclass{a}\\begin{document}",
                "\\end{document}",
                "\\lx@b{c}",
                "\\pagecolor{d}",
            ]
        ),
        max_size=14,
    )
)
def test_any_order_of_commands(parts: list[str]) -> None:
    text = "".join(parts)
    assert len(tidy(text)) <= len(text) + 4 * text.count("document")
