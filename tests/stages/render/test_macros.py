"""Definitions of macros in TeX: what shows nothing goes, macros of a formula's own are replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.render.macros import applied, head


@pytest.mark.parametrize(
    "source",
    [
        r"\newcommand{\R}{\mathbb{R}}",
        r"\newcommand\abs[1]{\left|#1\right|} \renewcommand*{\v}{\mathbf}",
        r"\providecommand{\x}[2][a]{b}",
        r"\DeclareMathOperator{\rank}{rank}\DeclareMathOperator*{\argmax}{arg\,max}",
        r"\def\N{\mathbb N}\gdef\x#1#2{#2#1}\global\let\y=\x \let\z\y",
        "% macros\n\\newcommand{\\R}{R} % real\n",
        r"\usepackage[T1]{fontenc}\usepackage{amsmath} \setlength\parindent{0pt} \pagestyle{empty}",
        r"\begingroup",
        r"\require{AMScd}",
    ],
)
def test_definitions_alone_show_nothing(source: str) -> None:
    assert applied(source) == ""


@pytest.mark.parametrize(
    ("source", "formula"),
    [
        (r"\newcommand{\R}{\mathbb{R}} f:\R\to\R", r"f:\mathbb{R}\to\mathbb{R}"),
        (r"\def\sq#1{#1^2} \sq{y}+\sq z", r"y^2+z^2"),
        (r"\def\pair#1#2{(#1,#2)}\pair a{b c}", r"(a,b c)"),
        (r"\let\a\alpha \a x", r"\alpha x"),
        (r"\newcommand{\a}{\alpha}\a b", r"\alpha b"),
        (r"\DeclareMathOperator*{\argmax}{arg\,max}\argmax_x f", r"\operatorname*{arg\,max}_x f"),
        (r"\def\a{\b\b}\def\b{x}\a", "xx"),
        (r"\renewcommand{\arraystretch}{1.3} \begin{array}{c}x\end{array}", r"\begin{array}{c}x\end{array}"),
        (r"\usepackage{amsmath} r_1", "r_1"),
        # All stays.
        (r"x+1", "x+1"),
        (r"\begingroup x \endgroup", r"\begingroup x \endgroup"),
        (r"\require{AMScd} \begin{CD}A\end{CD}", r"\require{AMScd} \begin{CD}A\end{CD}"),
        (r"\def\a{\a\a}\a", r"\def\a{\a\a}\a"),
        (r"\newcommand{\x}[1][a]{b#1} \x", r"\newcommand{\x}[1][a]{b#1} \x"),
        (r"\newcommand{\R", r"\newcommand{\R"),
        (r"\sq#1 \def\x{y}", r"\sq#1 \def\x{y}"),
        ("", ""),
    ],
)
def test_macros_are_replaced_where_they_can_be(source: str, formula: str) -> None:
    assert applied(source) == formula


def test_a_formula_does_not_grow_without_bound() -> None:
    calls = {name: ("\\" + following) * 10 for name, following in zip("abcde", "bcdef", strict=True)}
    bomb = "".join(f"\\def\\{name}{{{body}}}" for name, body in calls.items()) + r"\def\f{xxxxxxxxxx}\a"
    assert applied(bomb) == bomb


@given(st.text(alphabet=r"\defnwcomalt{}[]#12 x%" + "\n", max_size=60))
def test_any_text(source: str) -> None:
    found = head(source)
    assert 0 <= found.end <= len(source)
    assert len(applied(source)) <= max(4 * len(source), 1000)
