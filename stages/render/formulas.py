"""Formulas as they are written on a page, and which of them lines can take as they are.

Knows dollars, and what of a formula a line would change. Does not know where formulas come from
(``equations``), nor how lines are made (``line_kernels``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.render import rawtex
from stages.render.marks import Formula

#: In a formula with one of these there may be more than one formula, or other white space than it has.
_UNUSUAL = re.compile(r"[$`]|  |\\(?:[(\[]|begin)|\[/|##")


class Written(NamedTuple):
    """The formulas of a page that lines take as they are."""

    text: bytes
    places: npt.NDArray[np.int64]  # (n, 3): by the number of a mark: where in it, and 1; 0 for all others


NONE = Written(b"", np.zeros((0, 3), np.int64))


def in_dollars(formula: Formula) -> str:
    """The formula with its delimiters; "" without one."""
    source = formula.tex
    if not source:
        return ""
    if (len(source) - len(source.rstrip("\\"))) % 2:
        source += " "  # the formula ends in a control space, which would escape the dollar
    return f"$${source}$$" if formula.display else f"${source}$"


def _is_plain(source: str) -> bool:
    """Whether a line neither changes a formula nor finds another in it."""
    return (
        source.isascii()
        and source.isprintable()
        and _UNUSUAL.search(source) is None
        and not rawtex.is_suspect(source)
    )


def written(formulas: Mapping[int, Formula | None], marked: Sequence[int]) -> Written:
    """What lines may take. ``marked``: the elements by the numbers of their marks."""
    if not formulas:
        return NONE
    places: list[tuple[int, int, bool]] = []
    texts: list[str] = []
    size = 0
    for id_ in marked:
        formula = formulas.get(id_)
        text = ""
        if formula is not None and not formula.display and _is_plain(formula.tex):
            text = in_dollars(formula)
            texts.append(text)
        places.append((size, size := size + len(text), text != ""))
    return Written("".join(texts).encode(), np.array(places, np.int64).reshape(-1, 3))
