"""Which elements of a page carry formulas: every form is found, every formula printed once and in place."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from benchmarks.lib import data
from stages.render import backticks, equations, render
from stages.render.searching import Source

_UNSEEN = {"script", "style", "svg", "noscript", "head"}


def written(html: str) -> str:
    """The text of a page with its formulas in place: a walk as plain as can be."""
    tree = LexborHTMLParser(html)
    found = equations.find(tree, Source(html.encode("utf-8", "replace")), {})
    out: list[str] = []
    assert tree.body is not None
    waiting: list[LexborNode] = [tree.body]
    while waiting:
        node = waiting.pop()
        if node.is_text_node:
            out.append(node.text_content or "")
        elif node.mem_id in found:
            if (formula := found[node.mem_id]) is not None:
                out.append(f"$${formula.tex}$$" if formula.display else f"${formula.tex}$")
        elif node.tag not in _UNSEEN:
            waiting.extend(reversed(list(node.iter(include_text=True))))
    return re.sub(r"\s+", " ", "".join(out)).strip()


MATHML = "<math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>"


def annotated(source: str, encoding: str = "application/x-tex", attributes: str = "") -> str:
    return (
        f"<math {attributes}><semantics><mrow><mi>z</mi></mrow>"
        f'<annotation encoding="{encoding}">{source}</annotation></semantics></math>'
    )


def katex(source: str, display: bool = False) -> str:
    inner = (
        f'<span class="katex"><span class="katex-mathml">{annotated(source)}</span>'
        '<span class="katex-html" aria-hidden="true"><span class="base">z</span></span></span>'
    )
    return f'<span class="katex-display">{inner}</span>' if display else inner


def mathjax2(source: str, display: bool = False) -> str:
    output = (
        '<span class="MathJax" id="MathJax-Element-1-Frame"><nobr><span class="math">z</span></nobr></span>'
    )
    if display:
        output = f'<span class="MathJax_Display">{output}</span>'
    kind = "math/tex; mode=display" if display else "math/tex"
    return f'<span class="MathJax_Preview">z</span>{output}<script type="{kind}">{source}</script>'


def mathjax3(assistive: str, label: str = "", attributes: str = "") -> str:
    return (
        f'<mjx-container class="MathJax" jax="CHTML" aria-label="{label}" {attributes}><mjx-math><mjx-mi>z</mjx-mi>'
        f"</mjx-math><mjx-assistive-mml>{assistive}</mjx-assistive-mml></mjx-container>"
    )


def wikipedia(source: str) -> str:
    styled = "{\\displaystyle " + source + "}"
    return (
        '<span class="mwe-math-element"><span class="mwe-math-mathml-inline" style="display: none">'
        f'{annotated(styled)}</span><img class="mwe-math-fallback-image-inline" alt="{styled}"></span>'
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        # MathML, by its sources in order of trust.
        (annotated("x^2", attributes='alttext="y"'), "$x^2$"),
        (annotated("x^2", "TeX"), "$x^2$"),
        (annotated("x^2", "LaTeX"), "$x^2$"),
        (annotated("x^2", "application/x-latex", 'display="block"'), "$$x^2$$"),
        (annotated("%MTEF", "MathType-MTEF"), "$z$"),
        (annotated("5.0 x", "StarMath 5.0"), "$z$"),
        (f'<math alttext="\\alpha" display="block">{MATHML}</math>', r"$$\alpha$$"),
        ('<math alttext="x squared"><msup><mi>x</mi><mn>2</mn></msup></math>', "$x^2$"),
        (MATHML, r"$\frac{a}{b}$"),
        ("<mml:math><mml:mi>x</mml:mi></mml:math>", "$x$"),
        ("<m:math display='block'><m:mi>x</m:mi></m:math>", "$$x$$"),
        (
            '<math><mrow><semantics><mi>z</mi><annotation encoding="TeX">a</annotation></semantics>'
            "<mo>+</mo><mi>b</mi></mrow></math>",
            "$z + b$",
        ),
        # Scripts.
        ('<script type="math/tex">x_1</script>', "$x_1$"),
        ('<SCRIPT TYPE="math/TeX; mode=display">x_1</SCRIPT>', "$$x_1$$"),
        ('<script type="math/tex">% <![CDATA[\na < b %]]></script>', "$a < b$"),
        (f'<script type="math/mml">{MATHML}</script>', r"$\frac{a}{b}$"),
        ('<script type="math/asciimath">a/b</script>', r"$\frac{a}{b}$"),
        (mathjax2(r"\alpha"), r"$\alpha$"),
        (mathjax2("x", display=True), "$$x$$"),
        ('<span class="MathJax_Preview">x</span><script type="math/tex">x</script>', "$x$"),
        ('<span class="MathJax_Preview">x</span> and <script type="math/tex">y</script>', "x and $y$"),
        (
            '<span class="texImage"><img src="a.gif" alt="$x^2$"></span><script type="math/tex">x^2</script>',
            "$x^2$",
        ),
        # MathJax 2 with its scripts gone.
        (
            '<span class="MathJax" data-mathml="&lt;math&gt;&lt;mi&gt;q&lt;/mi&gt;&lt;/math&gt;"><nobr>q</nobr>'
            '<span class="MJX_Assistive_MathML"><math><mi>q</mi></math></span></span>',
            "$q$",
        ),
        # MathJax 3 and 4, as glyphs and as SVG.
        (mathjax3(MATHML), r"$\frac{a}{b}$"),
        (mathjax3(MATHML, attributes='display="true"'), r"$$\frac{a}{b}$$"),
        (mathjax3(MATHML, label="a over b"), r"$\frac{a}{b}$"),
        (mathjax3(MATHML, label=r"\dfrac ab"), r"$\dfrac ab$"),
        (mathjax3(annotated("q")), "$q$"),
        (
            '<mjx-container class="MathJax" jax="SVG" aria-label="x squared"><svg focusable="false"><g><g data-mml-node="math"'
            ' data-latex="x^2"><g data-mml-node="mi" data-latex="x"></g></g></g></svg></mjx-container>',
            "$x^2$",
        ),
        # mathjax-node: the label of the glyphs is the source.
        (
            '<span class="mjpage mjpage__block"><span class="mjx-chtml MJXc-display"><span class="mjx-math"'
            ' aria-label="a+b"><span class="mjx-mrow">a+b</span></span></span></span>',
            "$$a+b$$",
        ),
        (
            '<span class="mjpage"><svg focusable="false"><title id="MathJax-SVG-1-Title">\\beta</title></svg></span>'
            "<style>.mjx-math {}</style>",
            r"$\beta$",
        ),
        # KaTeX, Wikipedia, Temml.
        (katex("c^2"), "$c^2$"),
        (katex("c^2", display=True), "$$c^2$$"),
        (katex("a") + ' <span class="katex-error" title="?">\\foo{x}</span>', r"$a$ $\foo{x}$"),
        (wikipedia("a^{2}"), "$a^{2}$"),
        (
            '<span class="hurmet-tex" data-entry="\\utilde{AB}"><math><mi>A</mi></math></span>',
            r"$\utilde{AB}$",
        ),
        # Attributes.
        ('<span class="math inline" data-tex="y^2"></span>', "$y^2$"),
        ('<span class="tex" data-expr="\\alpha"></span>', r"$\alpha$"),
        ('<div data-latex="x+1" class="block-math">x plus 1</div>', "$$x+1$$"),
        (f'<span class="ztext-math" data-tex="x_2"><span>{mathjax2("x_2")}</span></span>', "$x_2$"),
        (f'<span data-tex="x_2">{katex("x_2")}</span>', "$x_2$"),
        (
            '<div class="latex-rendered" data-attrs="{&quot;persistentExpression&quot;:&quot;\\\\pi&quot;}"></div>',
            r"$$\pi$$",
        ),
        (
            '<img class="Wirisformula" alt="x squared" src="show?formula=1" data-mathml="«math xmlns=¨m¨»«msup»'
            '«mi»x«/mi»«mn»2«/mn»«/msup»«/math»">',
            "$x^2$",
        ),
        ('<span class="ql-formula" data-value="x">\ufeff</span>', "$x$"),
        (f'<SPAN CLASS="ql-formula" DATA-VALUE="a &lt; 2"><span>{katex("a")}</span></SPAN>', "$a < 2$"),
        ('<span data-type="inline-math" data-latex="x"></span>', "$x$"),
        ('<span class="math-tex" data-value="\\alpha"></span>', r"$\alpha$"),
        # Text that is TeX.
        ('<span class="math inline">\\alpha</span>', r"$\alpha$"),
        ('<span class="math display">RELIES = 1</span>', "$$RELIES = 1$$"),
        ('<code class="language-math math-inline">a^2</code>', "$a^2$"),
        ('<code data-math-style="display" class="code math">a^2</code>', "$$a^2$$"),
        ("<d-math block>x</d-math> <dt-math>\\star</dt-math>", r"$$x$$ $\star$"),
        ("<math-inline>x</math-inline> <math-display>y</math-display>", "$x$ $$y$$"),
        ('<span class="math inline">\\alpha<br>\\beta</span>', r"$\alpha \beta$"),
        (
            '<span class="mq-math-mode"><span class="mq-selectable">$\\frac12$</span>'
            '<span class="mq-root-block">12</span></span>',
            r"$\frac12$",
        ),
        # Images.
        ('<img class="latex" alt="AB" src="x.png">', "$AB$"),
        ('<img src="https://latex.codecogs.com/gif.latex?x^2">', "$x^2$"),
        (
            '<img data-src="/latex.php?latex=x" src="data:,"><noscript><img src="/latex.php?latex=x"></noscript>',
            "$x$",
        ),
    ],
)
def test_every_form_of_a_formula(html: str, text: str) -> None:
    assert written(f"<p>Let {html} be.") == f"Let {text} be."


@pytest.mark.parametrize("doctype", ["", "<!doctype html>"])
def test_classes_are_compared_as_they_are_written(doctype: str) -> None:
    """Also where style sheets would not tell large letters from small ones, in pages without a doctype."""
    for names, display in (("katex-display", True), ("KATEX-DISPLAY", False), ("Math Display", False)):
        tex = "$$x$$" if display else "$x$"
        assert written(f"{doctype}<p class='{names}'>{katex('x')}") == tex


@pytest.mark.parametrize(
    "html",
    [
        # Raw delimiters stay as they are.
        r"\(x\) and $y$ and $$z$$ and \begin{equation} a \label{e} \end{equation}",
        r'<span class="math inline">\(x\)</span> <span class="math-container">$x$</span>',
        '<math-renderer class="js-inline-math">$x^2$</math-renderer>',
        r'<div class="equation">\begin{equation} a = b \end{equation}</div>',
        # Formulas set in plain HTML.
        '<span class="math inline"><em>x</em><sup>2</sup></span>',
        '<span class="texhtml">i</span>',
        # Not formulas.
        '<a class="math" href="/math">Math</a> <div class="math">Mathematics</div>',
        '<span class="latex">L<sup>A</sup>T<sub>E</sub>X</span>',
        '<span data-formula="price * 2" data-tex="wood texture">Total</span>',
        '<img alt="IMG_1" src="photo.jpg"><img alt="Latex gloves" src="latex.jpg"> math',
        '<td data-tex="x">cell</td>',
        '<script type="text/javascript">var math = "<math>";</script> text',
        '<span class="katex"><span class="katex-html">x</span></span>',
        "<math></math>",
    ],
)
def test_what_is_left_alone(html: str) -> None:
    assert equations.find(LexborHTMLParser(html), Source(html.encode("utf-8", "replace")), {}) == {}


def document(source: str) -> str:
    """A formula as publishers of articles make pages of it."""
    return (
        f"\\documentclass{{minimal}} \\usepackage{{amsmath}}\\begin{{document}}$${source}$$\\end{{document}}"
    )


TWIN = "<mml:math xmlns:mml=x><mml:msub><mml:mi>r</mml:mi><mml:mn>1</mml:mn></mml:msub></mml:math>"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f"<alternatives><tex-math id=M1>{document('r_1')}</tex-math>{TWIN}</alternatives>", "$r_1$"),
        (
            f'<span class="inline-formula"><alternatives>{TWIN}<TEX-MATH>{document("r_1")}</TEX-MATH></alternatives></span>',
            "$r_1$",
        ),
        (
            f"<inline-formula><tex-math><![CDATA[{document('r_1')}]]></tex-math>{TWIN}</inline-formula>",
            "$r_1$",
        ),
        # Without a wrapper, or in one with the number of the formula.
        (f"<b><tex-math>{document('r_1')}</tex-math> {TWIN}</b>", "$r_1$"),
        (
            f'<div class="disp-formula">(1) <tex-math>{document("r_1")}</tex-math>{TWIN}</div>',
            "(1) $$r_1$$",
        ),
        (f"<span class=any>{document('r_1')}</span>{TWIN}", "$r_1$"),
        (f'<math alttext="{document("r_1")}"><mi>r</mi></math>', "$r_1$"),
        (f'<script type="math/tex">{document("r_1")}</script>', "$r_1$"),
        (f'<script type="math/tex; mode=display">{document("r_1")}</script>', "$$r_1$$"),
        (f'<img class="inline-graphic" alt="{document("r_1")}" src="a.gif">', "$r_1$"),
    ],
)
def test_formulas_of_publishers_once(html: str, text: str) -> None:
    assert written(f"<p>Rate {html} is") == f"Rate {text} is"


def test_definitions_are_replaced_by_nothing_with_their_twins() -> None:
    source = r"\newcommand{\R}{\mathbb{R}}"
    assert written(f"<p>a <script type='math/tex'>{source}</script>b") == "a b"
    assert written(f"<p>a {mathjax2(source)}b") == "a b"
    assert written(f"<p>a {annotated(source)}b") == "a b"


def test_macros_of_latexml_are_not_tex() -> None:
    mathml = "<mrow><mn>2.67</mn><mi>°</mi></mrow>"
    assert written(f'<math alttext="2.67\\lx@arcdegree">{mathml}</math>') == r"$2.67^{\circ}$"
    assert written(f'<math alttext="2.67\\lx@unheard{{of}}">{mathml}</math>') == r"$2.67^\circ$"
    assert written('<math alttext="\\pagecolor{yellow}12"><mn>12</mn></math>') == "$12$"


def test_an_attribute_does_not_replace_what_is_not_its_formula() -> None:
    text = "A long question about many things. " * 20
    assert written(f'<div data-latex="x^2">{text} {katex("x^2")}</div>') == f"{text} $x^2$".replace("  ", " ")


def test_a_wrapper_that_was_never_closed_loses_no_text() -> None:
    """The next formula and all text up to the end of the block are in the wrapper then."""
    text = "Some words that are no formula. " * 20
    html = f'<p>If <span class="katex">{annotated("a^2")} then {text}{katex("b^2")}.'
    assert written(html) == re.sub(r"\s+", " ", f"If $a^2$ then {text}$b^2$.")


def test_rows_of_an_aligned_equation() -> None:
    def cell(content: str, classes: str = "") -> str:
        return f'<td class="ltx_eqn_cell {classes}">{content}</td>'

    def math(source: str) -> str:
        return f'<math class="ltx_Math" alttext="\\displaystyle {source}" display="inline"><mi>z</mi></math>'

    number = cell('<span class="ltx_tag">(1)</span>', "ltx_eqn_eqno")
    html = (
        '<table class="ltx_equationgroup"><tr class="ltx_eqn_row">'
        f"{cell('')}{cell(math('a'))}{cell(math('=b'))}{number}</tr>"
        f'<tr class="ltx_eqn_row">{cell(math("c"))}{cell("for")}{cell(math("d"))}</tr></table>'
    )
    assert written(html) == (
        r"$$\displaystyle a \displaystyle =b$$(1)$$\displaystyle c$$for$$\displaystyle d$$"
    )


def test_wrapped_lines_of_latexml() -> None:
    assert written('<math alttext="a+%\n\\alpha%\nb"><mi>z</mi></math>') == r"$a+\alpha b$"


SOURCES = st.from_regex(r"[a-z]_\{[0-9]{1,3}\}", fullmatch=True)
FORMS = st.sampled_from([annotated, katex, mathjax2, wikipedia, lambda s: mathjax3(annotated(s))])
WRAPPINGS = st.sampled_from(
    ["{}", "<b>{}</b>", "<div>{}</div>", '<span style="display:none">{}</span>', "<td>{}"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(FORMS, SOURCES, WRAPPINGS), max_size=12))
def test_each_formula_once_and_in_order(parts: list[tuple[Callable[[str], str], str, str]]) -> None:
    html = " and ".join(wrapping.format(form(source)) for form, source, wrapping in parts)
    assert re.findall(r"\$([^$]+)\$", written(html)) == [source for _, source, _ in parts]
    assert written(html).count("z") == sum("z" in source for _, source, _ in parts)


_TAGS = st.sampled_from(
    [
        "<math>", "</math>", "<semantics>", '<annotation encoding="TeX">x', "</annotation>", "<mi>y", "text ",
        '<span class="katex">', "</span>", '<span class="MathJax_Preview">', '<script type="math/tex">x</script>',
        '<script type="math/mml">', "</script>", '<img class="latex" alt="x">', "<mjx-container>", "<p>", "</p>",
        '<div data-tex="a_1">', "</div>", '<td class="ltx_eqn_cell">', '<span class="math inline">', "<svg>",
        '<title id="MathJax-SVG-1">', '<g data-mml-node="math" data-latex="x">', "<table><tr>", '<b data-mathml="<">',
        '<i class="latex-rendered" data-attrs="[[">',
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(_TAGS, max_size=40))
def test_any_order_of_tags(tags: list[str]) -> None:
    html = "".join(tags)
    found = equations.find(LexborHTMLParser(html), Source(html.encode("utf-8", "replace")), {})
    for formula in found.values():
        assert formula is None or formula.tex.strip()


def test_asciimath_is_declared_by_scripts() -> None:
    def declared(html: str) -> bool:
        return backticks.declared(LexborHTMLParser(html))

    assert declared('<script src="/js/ASCIIMathML.js"></script> `x`')
    assert declared('<script src="https://x.org/MathJax.js?config=TeX-MML-AM_CHTML"></script> `x`')
    assert declared("<script>MathJax = {loader: {load: ['input/asciimath']}}</script> `x`")
    assert declared(
        '<script type="text/x-mathjax-config">MathJax.Hub.Config({asciimath2jax: {}})</script> `x`'
    )
    assert not declared('<script src="https://x.org/MathJax.js?config=TeX-AMS_HTML"></script> `x`')
    assert not declared('<script type="application/json">{"x": "input/asciimath"}</script> `x`')
    assert not declared("AsciiMath: { `x` }")


@pytest.mark.parametrize("backtick", ["`", "&#x60;", "&#96;", "&grave;"])
def test_asciimath_is_found_however_backticks_are_written(backtick: str) -> None:
    script = '<script src="/js/ASCIIMathML.js"></script>'
    for page in (f"<p>Let {backtick}x^2{backtick} be.", f"<math></math><p>Let {backtick}x^2{backtick} be."):
        assert render(script + page).text.endswith("Let $x^2$ be.")


def test_asciimath_in_text() -> None:
    assert backticks.convert("let `a/b` be `x^2`") == r"let $\frac{a}{b}$ be $x^2$"
    assert backticks.convert(r"a \` b \` c") == "a ` b ` c"
    assert backticks.convert("one ` alone, ` ` nothing") != ""
    assert backticks.convert("no formula") == "no formula"


@pytest.mark.parametrize(
    ("name", "formulas"),
    [
        ("01_mathml", [r"x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}", r"\frac{a}{b}", "E^{2}"]),
        ("02_tex_script", [r"e^{i\pi}+1=0", r"\int_0^1 x^2\,dx = \frac13", r"\alpha=1"]),
        ("03_katex", [r"c = \sqrt{a^2 + b^2}"]),
        ("04_img_latex", [r"\zeta(s)=\sum_{n\ge 1} n^{-s}", "x^2", "a^{2}"]),
        ("13_eqn_tables", ["x", "b", "x", r"D=\left|x\right|", "y^2", r"\alpha"]),
    ],
)
def test_lynx_cases(name: str, formulas: list[str]) -> None:
    if (path := data.find(f"web/lynx_cases/{name}.html")) is None:
        pytest.skip(data.missing("web/lynx_cases"))
    html = path.read_text()
    tree = LexborHTMLParser(html)
    found = equations.find(tree, Source(html.encode("utf-8", "replace")), {})
    assert tree.root is not None
    printed = [
        formula.tex
        for node in tree.root.traverse()
        if (formula := found.get(node.mem_id)) is not None and not _inside(node.parent, found)
    ]
    assert [re.sub(r"\s+", "", formula) for formula in printed] == [
        re.sub(r"\s+", "", tex) for tex in formulas
    ]


def _inside(node: LexborNode | None, found: dict[int, equations.Formula | None]) -> bool:
    while node is not None:
        if node.mem_id in found:
            return True
        node = node.parent
    return False
