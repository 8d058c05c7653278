"""Presentation MathML to LaTeX: reviewed cases, hostile trees, and what any tree of elements must give."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.render.mathml import to_latex

CASES = [json.loads(line) for line in (Path(__file__).parent / "mathml_cases.jsonl").read_text().splitlines()]

#: Cases that are not exact, by name: why.
KNOWN: dict[str, str] = {}

_TOKEN = re.compile(r"\\(?:text\w*|tag)\{(?:[^{}\\]|\\.)*\}|\\[A-Za-z]+|\\.|\S", re.DOTALL)


def normalise(tex: str) -> list[str]:
    """Tokens of TeX's, without the white space it ignores in formulas and without braces around a single token."""
    tokens: list[str] = []
    opened: list[int] = []
    for token in _TOKEN.findall(tex):
        if token == "{":
            opened.append(len(tokens))
        elif token == "}" and opened:
            start = opened.pop()
            if len(tokens) - start == 2:
                del tokens[start]
                continue
        tokens.append(token)
    return tokens


def convert(html: str) -> str:
    math = LexborHTMLParser(html).css_first("math, mml\\:math, m\\:math")
    assert math is not None
    return to_latex(math)


def balanced(tex: str) -> bool:
    depth = 0
    for token in re.findall(r"\\.|[{}]", tex, re.DOTALL):
        depth += (token == "{") - (token == "}")
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case: dict[str, str]) -> None:
    if case["name"] in KNOWN:
        pytest.xfail(KNOWN[case["name"]])
    assert normalise(convert(case["mathml"])) == normalise(case["latex"]), convert(case["mathml"])


def test_enough_cases_and_few_exceptions() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names)) >= 200
    assert set(KNOWN) <= set(names)
    assert len(KNOWN) < 0.05 * len(CASES)
    assert all(balanced(case["latex"]) for case in CASES)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x^{2}", "x ^ 2", True),
        ("\\frac{1}{2}", "\\frac 1 2", True),
        ("\\alpha x", "\\alpha  {x}", True),
        ("\\text{a b}", "\\text{ab}", False),
        ("x^{10}", "x^10", False),
        ("{ab}^2", "ab^2", False),
        ("\\alpha", "a", False),
    ],
)
def test_normalise_drops_only_what_tex_does_not_see(one: str, other: str, same: bool) -> None:
    assert (normalise(one) == normalise(other)) is same


# Any tree

_LEAVES = [
    "mi",
    "mn",
    "mo",
    "mtext",
    "ms",
    "mspace",
    "none",
    "mprescripts",
    "ci",
    "cn",
    "plus",
    "power",
    "sep",
]
_HOLDERS = [
    "mrow",
    "mfrac",
    "msqrt",
    "mroot",
    "msub",
    "msup",
    "msubsup",
    "munder",
    "mover",
    "munderover",
    "mmultiscripts",
    "mfenced",
    "mtable",
    "mtr",
    "mtd",
    "mlabeledtr",
    "mstyle",
    "mpadded",
    "mphantom",
    "menclose",
    "merror",
    "maction",
    "semantics",
    "annotation-xml",
    "apply",
    "mtext",
    "mi",
    "math",
    "foo",
    "mml:mrow",
    "mml:none",
]
_ATTRIBUTES = [
    'mathvariant="bold"',
    'mathvariant="double-struck"',
    'stretchy="false"',
    'stretchy="true"',
    'fence="true"',
    'form="prefix"',
    'form="postfix"',
    'linethickness="0"',
    'bevelled="true"',
    'open="|"',
    'close=""',
    'open="{" close="a"',
    'separators=";|"',
    'columnalign="right left"',
    'columnlines="solid" rowlines="solid"',
    'frame="solid"',
    'columnspan="3"',
    'width="50%"',
    'width="-1em"',
    'linebreak="newline"',
    'notation="actuarial"',
    'notation="updiagonalstrike"',
    'selection="2"',
    'displaystyle="true"',
    'scriptlevel="1"',
    'minsize="3em" maxsize="3em"',
    'largeop="true"',
    'accent="false"',
    "mathvariant",
    "open",
]
_TEXTS = [
    *"xα𝐱ℝé7(){}[]|∣‖∥⟨⟩⌊=+-−∑∫⊕→∘°′'^~¯‾⏟⏞.,;:!%#$&_\\²½ñ中☉",
    "sin",
    "lim sup",
    "rank",
    "mod",
    "dx",
    "12",
    ":=",
    "≠",
    "x̂",
]
_TEXTS += ["\u2061", "\u2063", "\xa0", "\u2009", " if ", "a_b^{c}", "...", "x1", "and", "||", "\u0338", "\n"]


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _element(tag: str, attributes: list[str], inside: str) -> str:
    return f"<{tag} {' '.join(attributes)}>{inside}</{tag}>"


_attributes = st.lists(st.sampled_from(_ATTRIBUTES), max_size=2, unique=True)
_text = st.one_of(st.sampled_from(_TEXTS), st.text(max_size=4)).map(_escape)
_leaf = st.one_of(st.builds(_element, st.sampled_from(_LEAVES), _attributes, _text), _text)
_trees = st.recursive(
    _leaf,
    lambda children: st.builds(
        _element, st.sampled_from(_HOLDERS), _attributes, st.lists(children, max_size=5).map("".join)
    ),
    max_leaves=25,
)


def _wellformed(tex: str) -> None:
    assert balanced(tex), tex
    assert not re.search(r"(?<!\\)(\\\\)*\\$", tex), tex
    commands = re.findall(r"\\([A-Za-z]+|.)", tex, re.DOTALL)
    assert commands.count("left") == commands.count("right"), tex
    assert sorted(re.findall(r"\\begin\{(\w+)", tex)) == sorted(re.findall(r"\\end\{(\w+)", tex)), tex


@settings(max_examples=300, deadline=None)
@given(st.lists(_trees, max_size=6).map("".join))
def test_any_tree_gives_balanced_latex(inside: str) -> None:
    html = f"<math>{inside}</math>"
    tex = convert(html)
    _wellformed(tex)
    assert tex == tex.strip()
    assert convert(html) == tex


# Size and depth


def _nested(tag: str, depth: int) -> str:
    return f"<math>{f'<{tag}>' * depth}<mi>x</mi><mo>+</mo><mn>1</mn>{f'</{tag}>' * depth}</math>"


@pytest.mark.parametrize(
    "tag", ["mrow", "mfrac", "msqrt", "msup", "mover", "mfenced", "mtable", "mtext", "foo", "mml:none"]
)
def test_ten_thousand_levels(tag: str) -> None:
    tex = convert(_nested(tag, 10_000))
    assert "x" in tex
    assert "1" in tex
    _wellformed(tex)
    assert len(tex) < 20_000


def test_deeper_content_comes_out_as_its_tokens() -> None:
    tex = convert("<math>" + "<msqrt>" * 5_000 + "<mi>sin</mi><mi>α</mi>" + "</msqrt>" * 5_000 + "</math>")
    assert re.fullmatch(r"(\\sqrt\{){100,300}\\sin \\alpha\}+", tex)


_SHAPES: dict[str, Callable[[int], str]] = {
    "tokens": lambda n: "<mi>x</mi><mo>+</mo>" * n,
    "open": lambda n: "<mo>(</mo>" * n + "<mfrac><mi>a</mi><mi>b</mi></mfrac>",
    "pairs": lambda n: "<mo>(</mo>" * n + "<mfrac><mi>a</mi><mi>b</mi></mfrac>" + "<mo>)</mo>" * n,
    "bars": lambda n: "<mo>|</mo><mi>x</mi>" * n,
    "mixed": lambda n: "<mo>|</mo><mo>(</mo>" * n + "<mo>)</mo>" * n,
    "braces": lambda n: "<mo>{</mo><mtable><mtr><mtd><mi>x</mi></mtd></mtr></mtable>" * n,
    "letters": lambda n: '<mi mathvariant="normal">x</mi>' * n,
    "texts": lambda n: "<mtext>x</mtext>" * n,
    "primes": lambda n: f"<msup><mi>f</mi><mrow>{'<mo>′</mo>' * n}</mrow></msup>",
    "marks": lambda n: f"<mi>x{chr(0x302) * n}</mi>",
    "spaces": lambda n: (
        f"<mover><mo>→</mo><mrow>{'<mspace width=1em></mspace>' * n}<mi>x</mi></mrow></mover>"
    ),
    "newlines": lambda n: f"<mtext>{chr(10) * n}x</mtext>",
    "rows": lambda n: f"<mtable>{'<mtr><mtd><mi>x</mi></mtd><mtd><mo>=</mo></mtd></mtr>' * n}</mtable>",
    "cells": lambda n: (
        f"<mtable columnlines='{'solid ' * n}'><mtr>{'<mtd><mi>x</mi></mtd>' * n}</mtr></mtable>"
    ),
    "scripts": lambda n: f"<mmultiscripts><mi>x</mi>{'<mi>a</mi><none></none>' * n}</mmultiscripts>",
    "prefixed": lambda n: "<mml:none/><mi>x</mi>" * n,
    "words": lambda n: f"<mi>{'ab ' * n}</mi>",
    "prose": lambda n: f"<mtext>{'<b>' * 200}{'a <math><mi>x</mi></math>' * n}</mtext>",
}


def _calls(html: str) -> int:
    """How much work a conversion is: calls of functions."""
    math = LexborHTMLParser(html).css_first("math")
    assert math is not None
    count = 0

    def count_calls(frame: object, event: str, arg: object) -> None:
        nonlocal count
        count += 1 if event in ("call", "c_call") else 0

    sys.setprofile(count_calls)
    try:
        to_latex(math)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("shape", _SHAPES)
def test_work_grows_with_the_input(shape: str) -> None:
    make = _SHAPES[shape]
    small, large = _calls(f"<math>{make(200)}</math>"), _calls(f"<math>{make(1_600)}</math>")
    assert large < 10 * small


@pytest.mark.parametrize("shape", _SHAPES)
def test_huge_formulas(shape: str) -> None:
    tex = convert(f"<math>{_SHAPES[shape](5_000)}</math>")
    _wellformed(tex)


def test_nothing_in_it() -> None:
    assert convert("<math></math>") == ""
    assert (
        convert("<math><semantics><annotation encoding='application/x-tex'>x</annotation></semantics></math>")
        == ""
    )
