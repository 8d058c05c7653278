"""Definitions of macros in TeX: what shows nothing goes, formulas that use their own macros stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.render.macros import head, without_preamble


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
    assert without_preamble(source) == ""


@pytest.mark.parametrize(
    ("source", "formula"),
    [
        (r"\newcommand{\R}{\mathbb{R}} f(x) = 1", "f(x) = 1"),
        (r"\renewcommand{\arraystretch}{1.3} \begin{array}{c}x\end{array}", r"\begin{array}{c}x\end{array}"),
        (r"\def\a#1{#1^2}\alpha", r"\alpha"),
        (r"\usepackage{amsmath} r_1", "r_1"),
        (r"\newenvironment{tiny}{\it}{} r_1", "r_1"),
        # All stays.
        (r"\newcommand{\R}{\mathbb{R}} f:\R\to\R", r"\newcommand{\R}{\mathbb{R}} f:\R\to\R"),
        (r"\def\=#1{x}y\=z", r"\def\=#1{x}y\=z"),
        (
            r"\newenvironment{tiny}{\it}{}\begin{tiny}x\end{tiny}",
            r"\newenvironment{tiny}{\it}{}\begin{tiny}x\end{tiny}",
        ),
        (r"x+1", "x+1"),
        (r"\begingroup x \endgroup", r"\begingroup x \endgroup"),
        (r"\require{AMScd} \begin{CD}A\end{CD}", r"\require{AMScd} \begin{CD}A\end{CD}"),
        (r"\newcommand{\R", r"\newcommand{\R"),
        (r"\define x \letter y", r"\define x \letter y"),
        (r"x \def\x{y}", r"x \def\x{y}"),
        ("", ""),
    ],
)
def test_preambles_go_where_nothing_uses_them(source: str, formula: str) -> None:
    assert without_preamble(source) == formula


@given(st.text(alphabet=r"\defnwcomalt{}[]#12 x%" + "\n", max_size=60))
def test_any_text(source: str) -> None:
    found = head(source)
    assert 0 <= found.end <= len(source)
    assert source.endswith(without_preamble(source))
