"""AsciiMath to LaTeX: reviewed cases, and what holds for any source."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.render.asciimath import MAX_DEPTH, to_latex

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "asciimath_cases.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=[case["asciimath"] for case in CASES])
def test_reviewed_case(case: dict[str, str]) -> None:
    assert to_latex(case["asciimath"]) == case["latex"]


def test_enough_cases() -> None:
    assert len({case["asciimath"] for case in CASES}) == len(CASES) >= 120


def _check(latex: str) -> None:
    """Braces, ``\\left`` and environments are balanced, and no character is left that TeX would choke on."""
    bare = re.sub(r"\\[{}]", "", latex)
    depth = 0
    for brace in re.findall(r"[{}]", bare):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert len(re.findall(r"\\left(?![a-z])", latex)) == len(re.findall(r"\\right(?![a-z])", latex))
    begun = re.findall(r"\\begin\{(\w+)\}", latex)
    assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+)\}", latex))
    assert not re.search(r"(?<!\\)[$%]", latex)
    if not begun:
        assert not re.search(r"(?<!\\)&", latex)
    assert not re.search(r"[\x00-\x1f]", latex)


@pytest.mark.parametrize("case", CASES, ids=[case["asciimath"] for case in CASES])
def test_case_is_well_formed(case: dict[str, str]) -> None:
    _check(case["latex"])


_symbols = st.sampled_from(
    [
        "x",
        "y",
        "f",
        "g",
        "1",
        "2.5",
        "+",
        "-",
        "*",
        "/",
        "_",
        "^",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "(:",
        ":)",
        "{:",
        ":}",
        "|",
        "||",
        ",",
        ";",
        "!",
        "'",
        "\\",
        "#",
        "$",
        "%",
        "&",
        "~",
        "@",
        '"',
        "sqrt",
        "frac",
        "root",
        "sin",
        "lim",
        "sum",
        "int",
        "alpha",
        "oo",
        "hat",
        "bar",
        "vec",
        "bb",
        "bbb",
        "text(",
        "text{",
        "color(",
        "stackrel",
        "ubrace",
        "abs",
        "floor",
        "norm",
        "mod",
        "dx",
        "->",
        "<=",
        "in",
        "if",
        "and",
        "<<",
        ">>",
        "|__",
        "__|",
        "|~",
        "~|",
        "quad",
        "del",
        "d/dx",
        "((a,b),(c,d))",
        "[[1,|,2],[3,|,4]]",
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(_symbols, st.sampled_from(["", " "])), max_size=40))
def test_any_symbols(parts: list[tuple[str, str]]) -> None:
    _check(to_latex("".join(symbol + space for symbol, space in parts)))


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=80))
def test_any_text(source: str) -> None:
    latex = to_latex(source)
    _check(latex)
    # No letter is lost, but in names of colours and ids, which those two commands take.
    if not re.search("color|id|class", source):
        for letter in set(source):
            assert not letter.isalpha() or letter in latex or letter.isascii()


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        "sqrt ",
        "|",
        "^",
        "_",
        "a/",
        "x^-",
        "sin ",
        "color(",
        'text("',
        "((a),",
        "[[a,b],",
        "{:",
        "f'",
        "||",
        "-",
        "(|",
        "ubrace(",
    ],
)
def test_long_and_deep(unit: str) -> None:
    source = unit * 3000
    latex = to_latex(source)
    _check(latex)
    # The output grows with the source and no faster.
    assert len(latex) <= 14 * len(source) + 100


def test_depth_beyond_the_cap_stays_text() -> None:
    deep = MAX_DEPTH + 10
    assert to_latex("(" * deep + "x" + ")" * deep).count("x") == 1
    assert to_latex("sqrt " * deep + "x").count(r"\sqrt") == deep
