"""Lines with formulas: whole ones by compiled loops, others by Python, and both alike."""

from __future__ import annotations

import dataclasses
import html
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stages.render import formulas, render, scan, text
from stages.render.formulas import in_dollars, written
from stages.render.marks import Formula

#: Sources of formulas, and what may stand between them.
_SOURCES = [
    "x",
    "5",
    "a<b",
    "\\frac12",
    "x\\ ",
    "a  b",
    "é",
    "\\$5",
    "[z",
    "a[/b",
    "p\\\\q",
    "\\begin{matrix}a\\end{matrix}",
]
_SOURCES += ["\\newcommand{\\R}{R} \\R", "`q`", "a <br> b", "\\let\\x y", "\\(y\\)"]
_WORDS = [
    "word",
    "2",
    " ",
    "\n ",
    "$",
    "<b>b</b>",
    "&lt;br&gt;",
    "<",
    "中文",
    "，",
    "0",
    "²",
    "\xa0",
    "\xad",
    "#",
    "##",
    "[",
]
_WORDS += [
    "[/",
    "\\",
    "`",
    "(",
    "-",
    "<br>",
    "<img src=x alt=5>",
    "<input>",
    "<a href=x>",
    "</a>",
    "<code>",
    "</code>",
    "<p>",
]


def _annotated(source: str) -> str:
    tex = f'<annotation encoding="application/x-tex">{html.escape(source)}</annotation>'
    return f"<math><semantics><mi>x</mi>{tex}</semantics></math>"


def _shown(page: str) -> tuple[Any, ...]:
    found = render(page)
    return found.text, found.equations, found.links, [dataclasses.astuple(block) for block in found.blocks]


@settings(deadline=None)  # the first compiles
@given(st.lists(st.sampled_from([*map(_annotated, _SOURCES), *_WORDS]), max_size=12))
@example([_annotated("x"), _annotated("y"), "2"])
@example([_annotated("x"), "</a>", "2"])
def test_lines_are_the_same_as_by_python(pieces: list[str]) -> None:
    page = f"<p>{''.join(pieces)}"
    with patch.object(text, "written", lambda *_: formulas.NONE):
        expected = _shown(page)
    assert _shown(page) == expected


def test_a_line_with_formulas_needs_no_python() -> None:
    page = f"<p>Let {_annotated('x')} be in <a href=x>{_annotated('R')}</a>, or {_annotated('y')}2."
    with patch("stages.render.walk._line", side_effect=AssertionError):
        found = render(page)
    assert (found.text, found.equations, found.links) == ("Let $x$ be in $R$, or $y$ 2.", 3, 1)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (Formula("x", False), "$x$"),
        (Formula("x", True), "$$x$$"),
        (Formula("x\\", False), "$x\\ $"),
        (Formula("x\\\\", False), "$x\\\\$"),
        (Formula("", False), ""),
    ],
)
def test_dollars(formula: Formula, expected: str) -> None:
    assert in_dollars(formula) == expected


def test_which_formulas_lines_take() -> None:
    plain = {7: Formula("x", False), 8: None, 9: Formula("a<b", False)}
    others = {
        1: Formula("x", True),
        2: Formula("é", False),
        3: Formula("a\nb", False),
        4: Formula("\\$", False),
    }
    found = written(plain | others, [7, 1, 2, 8, 3, 9, 4, 5])
    taken = [found.text[start:end].decode() for start, end, plain in found.places.tolist() if plain]
    assert taken == ["$x$", "$a<b$"]
    assert found.places[:, 2].tolist() == [1, 0, 0, 0, 0, 1, 0, 0]
    assert written({}, [1]) is formulas.NONE is scan.NONE
