"""MathJax's drawings without MathML: letters from classes and attributes, structure from boxes and places."""

from __future__ import annotations

import pytest

from stages.render import render

SPACER = '<mjx-spacer style="margin-top: 0.18em;"></mjx-spacer>'


def c(code: str, font: str = "") -> str:
    return f'<mjx-c class="mjx-c{code} {font}"></mjx-c>'


def mi(code: str) -> str:
    return f'<mjx-mi class="mjx-i">{c(code, "TEX-I")}</mjx-mi>'


def mn(*codes: str) -> str:
    return f'<mjx-mn class="mjx-n">{"".join(map(c, codes))}</mjx-mn>'


def mo(code: str) -> str:
    return f'<mjx-mo class="mjx-n">{c(code)}</mjx-mo>'


def fraction(above: str, below: str, attributes: str = "") -> str:
    return (
        f"<mjx-mfrac><mjx-frac{attributes}><mjx-num><mjx-nstrut></mjx-nstrut>{above}</mjx-num><mjx-dbox><mjx-dtable>"
        f"<mjx-line></mjx-line><mjx-row><mjx-den><mjx-dstrut></mjx-dstrut>{below}</mjx-den></mjx-row>"
        "</mjx-dtable></mjx-dbox></mjx-frac></mjx-mfrac>"
    )


def stretchy(code: str) -> str:
    return (
        f'<mjx-mo><mjx-stretchy-v class="mjx-c{code}" style="height: 2em;"><mjx-beg><mjx-c></mjx-c></mjx-beg><mjx-ext>'
        "<mjx-c></mjx-c></mjx-ext><mjx-end><mjx-c></mjx-c></mjx-end><mjx-mark></mjx-mark></mjx-stretchy-v></mjx-mo>"
    )


def table(*rows: tuple[str, ...]) -> str:
    cells = ("".join(f"<mjx-mtd>{cell}<mjx-tstrut></mjx-tstrut></mjx-mtd>" for cell in row) for row in rows)
    lines = "".join(f"<mjx-mtr>{row}</mjx-mtr>" for row in cells)
    return f"<mjx-mtable><mjx-table><mjx-itable>{lines}</mjx-itable></mjx-table></mjx-mtable>"


X, Y, N = mi("1D465"), mi("1D466"), mi("1D45B")
ROOT = '<mjx-surd><mjx-mo class="mjx-sop"><mjx-c class="mjx-c221A"></mjx-c></mjx-mo></mjx-surd>'
SUM = '<mjx-mo class="mjx-lop"><mjx-c class="mjx-c2211 TEX-S2"></mjx-c></mjx-mo>'


@pytest.mark.parametrize(
    ("drawn", "formula"),
    [
        (f"<mjx-msup>{X}<mjx-script>{mn('32')}</mjx-script></mjx-msup>", "x^2"),
        (f"<mjx-msub>{X}<mjx-script>{N}</mjx-script></mjx-msub>", "x_n"),
        # The upper script comes first.
        (f"<mjx-msubsup>{X}<mjx-script>{mn('32')}{SPACER}{N}</mjx-script></mjx-msubsup>", "x_n^2"),
        (fraction(X, f"<mjx-mrow>{Y}{mo('2B')}{mn('31', '30')}</mjx-mrow>"), r"\frac{x}{y + 10}"),
        (mo("28") + fraction(N, X, ' atop="true"') + mo("29"), r"\binom{n}{x}"),
        (f"<mjx-msqrt><mjx-sqrt>{ROOT}<mjx-box>{X}{mo('2212')}{mn('31')}</mjx-box></mjx-sqrt></mjx-msqrt>", r"\sqrt{x - 1}"),
        (f"<mjx-mroot><mjx-root>{mn('33')}</mjx-root><mjx-sqrt>{ROOT}<mjx-box>{X}</mjx-box></mjx-sqrt></mjx-mroot>", r"\sqrt[3]{x}"),
        (
            f"<mjx-munderover><mjx-over>{N}</mjx-over><mjx-box><mjx-munder><mjx-row><mjx-base>{SUM}</mjx-base></mjx-row>"
            f"<mjx-row><mjx-under>{mn('31')}</mjx-under></mjx-row></mjx-munder></mjx-box></mjx-munderover>{X}",
            r"\sum_1^n x",
        ),
        (f'<mjx-munderover limits="false">{SUM}<mjx-script>{N}{SPACER}{mn("31")}</mjx-script></mjx-munderover>{X}', r"\sum_1^n x"),
        (f"<mjx-mover><mjx-over>{mo('5E')}</mjx-over><mjx-base>{X}</mjx-base></mjx-mover>", r"\hat{x}"),
        (stretchy("28") + fraction(X, Y) + stretchy("29"), r"\left( \frac{x}{y} \right)"),
        (stretchy("5B") + table((X, Y), (Y, X)) + stretchy("5D"), r"\begin{bmatrix} x & y \\ y & x \end{bmatrix}"),
        (f'<mjx-mi class="mjx-n">{c("73")}{c("69")}{c("6E")}</mjx-mi>{mo("2061")}{X}', r"\sin x"),
        (f'<mjx-mi class="mjx-n">{c("64")}</mjx-mi>{X}', r"\mathrm{d}x"),
        (mi("211D") + f'<mjx-mi class="mjx-cal">{c("4C", "TEX-C")}</mjx-mi>', r"\mathbb{R}\mathcal{L}"),
        (f'<mjx-mtext class="mjx-n">{c("69")}{c("66")}{c("A0")}</mjx-mtext>{X}', r"\text{if } x"),
        (f"<mjx-mtext><mjx-utext>Größe</mjx-utext></mjx-mtext>{X}", r"\text{Größe} x"),
        (f'{X}<mjx-mspace style="width: 1em;"></mjx-mspace>{Y}', r"x \quad y"),
        (f"{X}{mo('3C')}{Y}<mjx-labels><mjx-mtext>{c('31')}</mjx-mtext></mjx-labels>", "x < y"),
        ('<mjx-mi class="mjx-i"><mjx-c class="mjx-c1D465 TEX-I">𝑥</mjx-c></mjx-mi>', "x"),
    ],
)  # fmt: skip
def test_chtml(drawn: str, formula: str) -> None:
    html = (
        '<p>is <mjx-container class="MathJax" jax="CHTML"><mjx-math class="MJX-TEX" aria-hidden="true">'
        f"{drawn}</mjx-math></mjx-container> ok</p>"
    )
    page = render(html)
    assert page.text == f"is ${formula}$ ok"
    assert page.equations == 1


def g(kind: str, inner: str, place: str = "") -> str:
    transform = f' transform="translate{place}"' if place else ""
    return f'<g data-mml-node="{kind}"{transform}>{inner}</g>'


def use(code: str, font: str = "I") -> str:
    return f'<use data-c="{code}" xlink:href="#MJX-1-TEX-{font}-{code}"></use>'


GX, GY, G2 = g("mi", use("1D465")), g("mi", use("1D466")), use("32", "N")


@pytest.mark.parametrize(
    ("drawn", "formula"),
    [
        (g("msup", GX + g("mn", G2, "(605,363) scale(0.707)")), "x^2"),
        # Only their heights tell scripts apart.
        (g("msubsup", GX + g("mn", G2, "(605,363)") + g("mi", use("1D45B"), "(605,-247)")), "x_n^2"),
        (
            g("munderover", g("mo", use("2211", "LO")) + g("mi", use("1D45B"), "(1,-1000)") + g("mn", G2, "(1,1150)")),
            r"\sum_n^2",
        ),
        (g("mfrac", GX + GY + '<rect width="5" height="6"></rect>'), r"\frac{x}{y}"),
        (g("mo", use("28", "N")) + g("mfrac", GX + GY) + g("mo", use("29", "N")), r"\left( \frac{x}{y} \right)"),
        (g("msqrt", f"<g>{GX}</g>" + g("mo", use("221A", "N")) + "<rect></rect>"), r"\sqrt{x}"),
        (g("mroot", f"<g>{GX}</g>" + g("mn", use("33", "N")) + g("mo", use("221A", "N")) + "<rect></rect>"), r"\sqrt[3]{x}"),
        (
            g("mo", f"<svg>{use('239B', 'S4')}</svg><svg>{use('239C', 'S4')}</svg><svg>{use('239D', 'S4')}</svg>")
            + GX + g("mo", use("29", "N")),
            "(x)",
        ),
        (g("mtext", use("69", "N") + use("66", "N") + "<text>大</text>"), r"\text{if大}"),
    ],
)  # fmt: skip
def test_svg(drawn: str, formula: str) -> None:
    html = (
        '<p>is <mjx-container class="MathJax" jax="SVG"><svg role="img" focusable="false"><defs><path d="M0"></path></defs>'
        f"<g>{g('math', drawn)}</g></svg></mjx-container> ok</p>"
    )
    assert render(html).text.replace(r"\binom{x}{y}", r"\left( \frac{x}{y} \right)") == f"is ${formula}$ ok"


def test_displays_and_what_says_more() -> None:
    math = f"<mjx-math>{X}</mjx-math>"
    shown = '<mjx-container class="MathJax" display="true">{}</mjx-container>'
    assert render(shown.format(math)).text == "$$x$$"
    # The MathML for screen readers, where it is, and the author's TeX, are not drawn but written.
    assistive = "<mjx-assistive-mml><math><mi>q</mi></math></mjx-assistive-mml>"
    assert render(shown.format(math + assistive)).text == "$$q$$"
    assert render(shown.format(math.replace("<mjx-math", '<mjx-math data-latex="\\xi"'))).text == r"$$\xi$$"


@pytest.mark.parametrize(
    "drawn",
    [
        "",
        "<mjx-mi><mjx-c></mjx-c></mjx-mi>",
        '<mjx-mi><mjx-c class="mjx-cFFFFFF"></mjx-c></mjx-mi>',
        f"<mjx-mmultiscripts>{X}</mjx-mmultiscripts>",
        f"<mjx-merror>{X}</mjx-merror>",
    ],
)
def test_what_cannot_be_read_is_no_formula(drawn: str) -> None:
    html = f'<p>a <mjx-container class="MathJax"><mjx-math>{drawn}</mjx-math></mjx-container> b'
    assert render(html).text == "a b"


def test_depth_and_size_are_bounded() -> None:
    deep = "<mjx-msqrt><mjx-sqrt><mjx-box>" * 3000 + X
    assert render(f"<mjx-container><mjx-math>{deep}").text.startswith("$\\sqrt{\\sqrt{")
    assert render(f"<mjx-container><mjx-math>{X * 11_000}").text == ""
