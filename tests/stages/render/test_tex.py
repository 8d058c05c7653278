"""TeX source: what is wrapping and what is TeX, what addresses carry, what counts as a formula in text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.render import tex

PREAMBLE = r"\documentclass[12pt]{minimal} \usepackage{amsmath} \setlength{\oddsidemargin}{-69pt}"


@pytest.mark.parametrize(
    ("source", "cleaned", "display"),
    [
        ("x", "x", False),
        ("  x^2 ", "x^2", False),
        ("$x$", "x", False),
        ("$$x$$", "x", True),
        (r"\(x\)", "x", False),
        (r"\[ x \\[2pt] y \]", r"x \\[2pt] y", True),
        ("$a$ and $b$", "$a$ and $b$", False),
        (r"$a \text{ if $b$}$", r"a \text{ if $b$}", False),
        (r"{\displaystyle {\frac {a}{b}}}", r"{\frac {a}{b}}", False),
        (r"$$ {\textstyle x} $$", "x", True),
        (r"{\displaystyle a} + {b}", r"{\displaystyle a} + {b}", False),
        (r"\displaystyle a", r"\displaystyle a", False),
        (r"{\displaystyles}", r"{\displaystyles}", False),
        ("a &lt; b &amp;= c", "a < b &= c", False),
        ("% <![CDATA[\na < b\n%]]>", "a < b", False),
        ("<![CDATA[a]]>", "a", False),
        ("\u200bx\ufeff + y", "x + y", False),
        ("\\int%\nf", "\\int f", False),
        ("a+%\nb\\alpha%\n+c", "a+b\\alpha+c", False),
        ("50\\%\nof", "50\\%\nof", False),
        ("a % note\nb", "a % note\nb", False),
        ("a\n\n\nb", "a\nb", False),
        ("a\\ ", "a\\ ", False),
        (r"\begin{align} a &= b \end{align}", r"\begin{align} a &= b \end{align}", False),
        ("$", "$", False),
        ("", "", False),
        # A LaTeX document around a formula: its delimiters are the same in a line.
        (f"{PREAMBLE}\\begin{{document}}$$r_1$$\\end{{document}}", "r_1", False),
        (f"{PREAMBLE}\n\\begin{{document}}\n\\[\\frac12\\]\n\\end{{document}}", r"\frac12", False),
        (f"{PREAMBLE}\\begin{{document}}$r_1$", "r_1", False),
        (f"<![CDATA[{PREAMBLE}\\begin{{document}}$r_1$\\end{{document}}]]>", "r_1", False),
        # Line breaks that blog software has put in.
        ("a<br />b", "a\nb", False),
        ("$$&lt;br&gt;a\\\\<BR class='x'/>b$$", "a\\\\\nb", True),
        ("a<b>c", "a<b>c", False),
        # LaTeXML's own macros, and definitions.
        (r"6\lx@arcdegree 7\lx@arcminute 6.5\lx@arcsecond", r"6^{\circ}7'6.5''", False),
        (r"R/\lx@acronym{NA}{acronym}{short}", "R/{NA}", False),
        (r"\pagecolor[gray]{0.8}100\cdot{\pagecolor{red}6}", r"100\cdot{6}", False),
        (r"$\newcommand{\R}{\mathbb{R}}$", "", False),
        (r"\(\newcommand{\R}{\mathbb{R}} x^n\)", "x^n", False),
    ],
)
def test_unwrap(source: str, cleaned: str, display: bool) -> None:
    assert tex.unwrap(source) == (cleaned, display)


@given(st.text(alphabet="ab+\\{}^_ &%\n<>"))
def test_delimiters_come_off_and_nothing_else(source: str) -> None:
    once = tex.clean(source)
    if not once.endswith("\\ ") and not once.endswith("\\"):
        assert tex.clean(f"$${once}$$") == tex.clean(once)


@given(st.text())
def test_any_text(source: str) -> None:
    assert isinstance(tex.clean(source), str)
    assert tex.count_raw(source) >= 0
    assert isinstance(tex.from_address(source), str)
    for judge in (tex.is_tex, tex.is_formula, tex.is_spoken, tex.has_command):
        assert judge(source) in (True, False)


@pytest.mark.parametrize("source", [r"\alpha", "x_{max}", r"a\le b", r"2\pi r", "e^{x}", r"\{a\}", "x_\\max"])
def test_what_only_tex_has(source: str) -> None:
    assert tex.is_tex(source)
    assert tex.is_formula(source)
    assert not tex.is_spoken(source)


@pytest.mark.parametrize("source", ["x", "A, B", "n log n", "f(x)=x^2", "a_1", "3.14", "i<M", "x'"])
def test_what_can_be_tex(source: str) -> None:
    assert tex.is_formula(source)
    assert not tex.is_tex(source)


@pytest.mark.parametrize(
    "source",
    ["Math", "photo_of_me", "C:\\new\\file.png", "a small dog", "\\n", "price is $5", "", " ", "Figure 1"],
)
def test_what_cannot_be_tex(source: str) -> None:
    assert not tex.is_formula(source)


@pytest.mark.parametrize(
    "source", ["x squared", "x equals 1", "StartFraction a Over b", "alpha", "x hoch 2 gleich y"]
)
def test_speech(source: str) -> None:
    assert tex.is_spoken(source)


@pytest.mark.parametrize("source", ["RELIES", "stages[i]", r"\text{x squared}", "SNR<", "a b"])
def test_not_speech(source: str) -> None:
    assert not tex.is_spoken(source)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("https://s0.wp.com/latex.php?latex=A+%5Ccirc+B+%2B+1&bg=ffffff&s=0", r"A \circ B + 1"),
        ("https://latex.codecogs.com/gif.latex?x^2", "x^2"),
        (
            r"https://latex.codecogs.com/svg.image?\inline&space;\dpi{110}\bg_white&space;\large&space;a+b",
            "a+b",
        ),
        ("https://latex.codecogs.com/png.latex?%5Cfrac%7Ba%7D%7Bb%7D", r"\frac{a}{b}"),
        ("https://latex.csdn.net/eq?a%5E2", "a^2"),
        (r"/cgi-bin/mimetex.cgi?\Large \sqrt{x}", r"\sqrt{x}"),
        ("http://example.org/cgi-bin/mathtex.cgi?x_1", "x_1"),
        ("https://chart.googleapis.com/chart?cht=tx&chl=%5Cfrac%7Ba%7D%7Bb%7D", r"\frac{a}{b}"),
        ("https://chart.googleapis.com/chart?cht=p3&chl=Hello|World", ""),
        ("https://www.zhihu.com/equation?tex=x%2By+%3D+z", "x+y = z"),
        ("https://render.githubusercontent.com/render/math?math=e%5E%7Bi%5Cpi%7D&mode=inline", r"e^{i\pi}"),
        ("https://i.upmath.me/svg/x%5E2", "x^2"),
        ("/equation_images/%255Cfrac%257B1%257D%257B2%257D", r"\frac{1}{2}"),
        ("https://wikimedia.org/api/rest_v1/media/math/render/svg/28a0aaa74b", ""),
        ("https://example.org/photo.jpg?size=large", ""),
        ("", ""),
    ],
)
def test_addresses(address: str, source: str) -> None:
    assert tex.from_address(address) == source


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"class": "latex", "alt": "AB", "src": "https://s0.wp.com/latex.php?latex=AB"}, ("AB", False)),
        ({"class": "latexcenter", "alt": r"\[x\]", "src": "//latex.example.com/1.png"}, ("x", True)),
        ({"class": "ql-img-displayed-equation quicklatex-auto-format", "alt": r"\[a\]"}, ("a", True)),
        ({"class": "mwe-math-fallback-image-inline", "alt": r"{\displaystyle a}"}, ("a", False)),
        ({"class": "mwe-math-fallback-image-display", "alt": "a"}, ("a", True)),
        ({"alt": "equation", "src": "https://latex.codecogs.com/gif.latex?x^2"}, ("x^2", False)),
        ({"src": "data:image/gif;base64,R0", "data-src": "/mimetex.cgi?x^2"}, ("x^2", False)),
        (
            {"alt": r"\alpha", "src": "https://www.zhihu.com/equation?tex=%5Calpha", "eeimg": "1"},
            (r"\alpha", False),
        ),
        ({"alt": "$x_i$", "src": "img1.png"}, ("x_i", False)),
        ({"alt": r"LaTeX: \frac12", "class": "equation_image"}, (r"\frac12", False)),
        ({"alt": r"\frac{1}{2}", "src": "a.png"}, (r"\frac{1}{2}", False)),
        ({"alt": "x", "src": "a.png", "class": "math"}, ("x", False)),
        (
            {"alt": f"{PREAMBLE}\\begin{{document}}$$r_2$$\\end{{document}}", "class": "inline-graphic"},
            ("r_2", False),
        ),
        ({"alt": "f(x)=<br />\\frac12", "src": "a.png", "class": "latex"}, ("f(x)=\n\\frac12", False)),
        # Not formulas.
        ({"alt": "x", "src": "a.png"}, None),
        ({"alt": "IMG_1", "src": "photo_1.jpg"}, None),
        ({"alt": "Latex gloves", "src": "latex-gloves.jpg", "class": "latex-gloves"}, None),
        ({"alt": "Only $5", "src": "offer.jpg"}, None),
        ({"alt": "$5$", "src": "offer.jpg"}, None),
        ({"alt": "From $5 to $10", "src": "offer.jpg"}, None),
        ({"alt": r"C:\text\file.png", "src": "shot.png"}, None),
        ({"alt": "Blackboard with the formula of Euler", "src": "euler.jpg", "class": "math"}, None),
        ({"alt": "A man who writes long words in white chalk", "class": "latex"}, None),
        ({"alt": None, "src": None, "class": None}, None),
        ({}, None),
    ],
)
def test_images(attributes: dict[str, str | None], expected: tuple[str, bool] | None) -> None:
    assert tex.from_image(attributes) == expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (r"\(a\) and \[b\], $$c$$, $d_1$", 4),
        (r"\begin{equation} a \begin{cases} b \end{cases} \end{equation}", 1),
        (r"\begin{align*} a &= b \\ \text{if $x$} \end{align*}", 1),
        (r"\[ a \\[2pt] b \]", 1),
        ("the $x$-axis, $n$th, $O(n log n)$, $k$", 4),
        (r"$\alpha$ costs $5", 1),
        ("$5 and $10", 0),
        ("$1,000-$2,000 or US$ 5 to 10$ a day", 0),
        ("$HOME/bin:$PATH", 0),
        ("cheap $, dear $$, very dear $$$", 0),
        (r"\$x\$", 0),
        (r"\( \) \[\]", 0),
        (r"\(a", 0),
        # What plug-ins and forums take for delimiters.
        (r"[latex]a=\frac{1}{2}[/latex], [itex]y_1[/itex], [tex]\int_0^1 z[/tex], [math]x[/math]", 4),
        ("[LATEX]a[/latex] [latex size=2]b[/latex] [katex]c[/katex] [equation] d [/equation]", 4),
        ("[latex] no end, [tex][/tex] [/math] [link]x[/link]", 0),
        (r"##x^2## and ##F = ma##, ##\vec F ##", 3),
        ("## Heading ## a##b##c ##1## ###x### ##word##", 0),
        (r"$latex x_1$ and $latex \alpha &s=2$, $latex gloves$", 2),
        ("no formula", 0),
        ("", 0),
    ],
)
def test_count_raw(text: str, count: int) -> None:
    assert tex.count_raw(text) == count


@given(st.lists(st.sampled_from([r"\(a\)", r"\[b\]", "$$c_1$$", "$d^2$", r"\begin{gather}e\end{gather}"])))
def test_count_raw_counts_each(formulas: list[str]) -> None:
    assert tex.count_raw(" and ".join(formulas)) == len(formulas)


@pytest.mark.parametrize(
    ("text", "known", "found"),
    [
        ("$x_1$ and $y$", 2, 2),
        ("$x_1$ and $y_2$", 1, 2),
        ("$x_1$ and \\(y\\)", 1, 2),
        ("$x_1$ [latex]y[/latex] ##z_1##", 1, 3),
        ("two of them", 2, 2),
    ],
)
def test_formulas_besides_those_that_are_known(text: str, known: int, found: int) -> None:
    assert tex.count_raw(text, known) == found
