"""A complete row as LaTeX, with the spaces that an author types.

Knows where TeX requires a space, and where a reader expects one: around relations and operators (except
signs), after commas, beside functions. Does not know brackets: ``rows`` has matched them.
"""

from __future__ import annotations

import re

from stages.render.mathml.atoms import (
    BREAK,
    DEGREE,
    FENCE,
    LEFT,
    MAX_WORD,
    NULL,
    PRIME,
    RIGHT,
    SPACE,
    TEXT,
    Atom,
)
from stages.render.mathml.symbols import BAR, BIN, CLOSE, LARGE, OP, OPEN, ORD, PUNCT, REL

_WORD_END = re.compile(r"\\[A-Za-z]+\Z")


def render(row: list[Atom], tight: bool) -> str:
    """LaTeX of a resolved row; ``tight`` (in scripts) without spaces around ``=`` and ``+``."""
    row = [atom for atom in row if atom.kind not in (NULL, FENCE, BREAK)]
    while row and row[-1].kind == SPACE and row[-1].tex == "\\ ":  # would end in a backslash after stripping
        row.pop()
    out: list[str] = []
    tail = ""  # the end of the last piece
    before = ""  # kind of the previous atom as it acts here
    spaced = False  # the previous atom wants a space after it
    for i, atom in enumerate(row):
        kind, tex = atom.kind, atom.whole()
        if not tex:
            continue
        after = row[i + 1] if i + 1 < len(row) else None
        if kind == BIN and (
            before in ("", BIN, REL, OP, OPEN, LEFT, PUNCT, BREAK)
            or after is None
            or after.kind in (REL, CLOSE, RIGHT, PUNCT)
        ):
            kind = ORD
        elif kind == BAR:
            kind = REL if tex in ("\\mid", "\\parallel") else ORD
        elif kind in (PRIME, DEGREE) and (i == 0 or row[i - 1].sup is not None or row[i - 1].kind == DEGREE):
            tex = "{}" + tex
        wants = kind in (REL, BIN) and (not tight or (tex[0] == "\\" and tex[1:2].isalpha()))
        wants = wants or kind in (SPACE, TEXT, BREAK)
        first = wants or kind in (OP, LEFT, RIGHT)
        if kind in (CLOSE, PUNCT):
            first = kind == CLOSE and tex[0] == "\\" and tex[1:2].isalpha()
        elif before == OPEN and kind != SPACE:
            first = False
        elif spaced:
            first = True
        if kind == REL and tex == "=" and tail == ":":
            first = False
        if out and (first or _needs_space(tail, tex[:2])) and tail[-2:] != "\\ ":
            out.append(" ")
        out.append(tex)
        tail = tex[-MAX_WORD:]
        before = kind
        word = tex[0] == "\\" and tex[1:2].isalpha()
        spaced = wants or kind == LEFT or (kind == PUNCT and not tight) or (atom.kind in (BIN, OPEN) and word)
        if kind == LEFT and tex == "\\pmod{":
            spaced, before = False, OPEN
        elif (kind == OP and tex[0] == "\\") or kind == TEXT:
            spaced = atom.src in LARGE or after is None or after.kind != OPEN or len(after.delim) > 1
    return "".join(out)


def _needs_space(tail: str, tex: str) -> bool:
    """Whether two pieces are separated by a space: because TeX requires one, or because it reads better (x^2
    y, \\alpha \\beta)."""
    if not (tex[0].isalpha() or (tex[0] == "\\" and tex[1:].isalpha())):
        return False
    return tail[-2:-1] in ("^", "_") or _WORD_END.search(tail) is not None
