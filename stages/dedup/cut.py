"""Cutting spans out of a text so that the rest still reads well: no words joined, no doubled blanks.

Knows characters. Does not know why a span is cut.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.text.characters import joins

Span = tuple[int, int]  # code points: the first, and the one after the last


def cut(text: str, spans: Iterable[Span]) -> str:
    """``text`` without ``spans``, which are in order and may overlap.

    Of the white space on the two sides of a cut, the side with more line breaks is kept, with the indentation
    of what follows; at either end of the text none is kept. Where there is no white space, a blank separates
    the two words."""
    kept: list[str] = []
    end = 0
    for start, stop in spans:
        kept.append(text[end : max(start, end)])
        end = max(stop, end)
    kept.append(text[end:])
    pieces: list[str] = []
    gap = ""
    for index, piece in enumerate(kept):
        bare = piece.strip()
        lead = piece[: len(piece) - len(piece.lstrip())]
        if not bare:
            gap = _between(gap, lead)
            continue
        if pieces:
            gap = _between(gap, lead)
            pieces.append(gap or (" " if joins(pieces[-1][-1], bare[0]) else ""))
        elif not index:
            pieces.append(lead)  # nothing was cut before it
        pieces.append(bare)
        gap = piece[len(lead) + len(bare) :]
    if not kept[-1].strip():
        gap = ""
    return "".join([*pieces, gap])


def widen(text: str, start: int, stop: int) -> Span:
    """A span of tokens with the punctuation that belongs to it: after it, whatever touches its end, up to an
    opening bracket or quote; before it, opening brackets or quotes, and punctuation that stands by itself."""
    end = stop
    while end < len(text) and _punctuation(text[end]) and not _opening(text[end]):
        end += 1
    begin = start
    while begin and _punctuation(text[begin - 1]):
        begin -= 1
    if begin and not text[begin - 1].isspace():
        begin = start
        while begin and _opening(text[begin - 1]):
            begin -= 1
    return begin, end


def replace(column: pa.ChunkedArray, rows: npt.NDArray[Any], texts: Sequence[str]) -> pa.ChunkedArray:
    """The column with the values at ``rows`` (sorted) replaced by ``texts``."""
    mask = np.zeros(len(column), bool)
    mask[rows] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array(texts, column.type))


def _between(before: str, after: str) -> str:
    if "\n" not in before + after:
        return max(before, after, key=len)
    indented = after if "\n" in after else before
    breaks = max(before, after, key=lambda gap: gap.count("\n"))
    return breaks[: breaks.rfind("\n") + 1] + indented[indented.rfind("\n") + 1 :]


def _punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] == "P"


def _opening(char: str) -> bool:
    return unicodedata.category(char) in ("Ps", "Pi")
