"""Content beside, over and under a base: scripts, limits, accents, braces, labelled arrows.

Knows which of these an <msub>, <munder>, <mmultiscripts> or similar element means. Does not know how a row
takes a script (``rows.attach``).
"""

from __future__ import annotations

import re

from stages.render.mathml import symbols
from stages.render.mathml.atoms import APPLY, FENCE, NULL, SPACE, TEXT, Atom
from stages.render.mathml.rows import attach, resolve
from stages.render.mathml.symbols import BIN, OP, ORD, REL
from stages.render.mathml.tokens import enlarge
from stages.render.mathml.tree import Node
from stages.render.mathml.typeset import render

#: LaTeX of a single symbol, perhaps in a font: it takes the narrow form of an accent.
_SINGLE = re.compile(r"(?:\\[a-z]+\{)*(?:[^\\{}]|\\[A-Za-z]+)\}*")
_LINES = frozenset("‾―_⎯─")
_BRACES = frozenset("⏞⏟⎴⎵︷︸")


def scripts(node: Node) -> list[Atom]:
    rows = [child.row for child in node.children] + [[], [], []]
    sub = [] if node.tag == "msup" else rows[1]
    sup = rows[1] if node.tag == "msup" else rows[2] if node.tag == "msubsup" else []
    base = rows[0]
    if len(base) == 1 and base[0].kind == FENCE:
        base = []
    elif len(base) == 1 and base[0].kind == TEXT:
        base[0].kind = ORD
    return attach(base, sub, sup) + node.rest(3 if node.tag == "msubsup" else 2)


def over(node: Node) -> list[Atom]:
    """<munder>, <mover>, <munderover>: limits, accents, braces, arrows, or just one expression above
    another."""
    children = node.children + [Node("mrow", {}, node)] * 3
    under = None if node.tag == "mover" else children[1]
    above = None if node.tag == "munder" else children[2 if node.tag == "munderover" else 1]
    base = [atom for atom in node.children[0].row if atom.kind != APPLY] if node.children else []
    if above is not None:
        base, above = _accented(node, base, above, True)
    if under is not None:
        base, under = _accented(node, base, under, False)
    low = under.row if under is not None else []
    high = above.row if above is not None else []
    if low or high:
        base = _stacked(node, base, low, high)
    return base + node.rest(3 if node.tag == "munderover" else 2)


def _accented(node: Node, base: list[Atom], mark: Node, above: bool) -> tuple[list[Atom], Node | None]:
    """The base with the accent, line, arrow or brace that ``mark`` stands for; also ``mark`` itself if it is
    none of these."""
    row = [atom for atom in mark.row if atom.kind != SPACE]
    if not row or not base:
        return base, mark if row else None
    text = "".join(atom.src for atom in row)
    sign = row[0]
    if above and text in symbols.DOTS:
        command = symbols.DOTS[text]
    elif len(row) != 1 or (
        len(base) == 1 and (base[0].kind in (REL, BIN) or (base[0].kind == OP and base[0].limits))
    ):
        return base, mark
    elif above and sign.src in symbols.ACCENTS:
        narrow, wide = symbols.ACCENTS[sign.src]
        single = len(base) == 1 and base[0].bare and _SINGLE.fullmatch(base[0].tex) is not None
        stretch = sign.stretch if sign.stretch is not None else not single
        if sign.src in _LINES:  # Temml writes \\bar as one
            stretch = sign.stretch is not False
        elif narrow == "\\bar" and single:  # generators contradict each other here, except MathJax
            stretch = sign.accent == "false"
        elif narrow == "\\vec" and single:
            stretch = False
        command = wide if stretch else narrow
    elif not above and sign.src in symbols.UNDER:
        command = symbols.UNDER[sign.src]
    else:
        return base, mark
    inner = resolve(base)
    atom = Atom(f"{command}{{{render(inner, node.tight).strip(' ')}}}", tall=any(a.tall for a in inner))
    if command.endswith("brace") or command.endswith("bracket"):
        atom.limits, atom.tall, atom.src = True, True, command
        atom.sub, atom.sup = sign.sub, sign.sup  # the label of the brace
    return [atom], None


def _stacked(node: Node, base: list[Atom], low: list[Atom], high: list[Atom]) -> list[Atom]:
    last = base[-1] if base else None
    if last is not None and len(base) == 1 and last.kind == BIN and last.src in symbols.ENLARGED:
        enlarge(last)
    if last is not None and (len(base) == 1 or all(atom.kind == OP for atom in base)):
        if last.name and not last.limits:
            last.tex, last.kind, last.limits = f"\\operatorname*{{{last.name}}}", OP, True
        integral = last.src in symbols.INTEGRALS
        if last.limits or integral or last.src in _BRACES:
            return attach(base, low, high, wide=integral)
    arrow = (
        last is not None
        and len(base) == 1
        and last.src in symbols.LABELLED_ARROWS
        and last.stretch is not False
    )
    for row in (low, high):
        for end in (row, row[::-1]) if arrow else ():  # KaTeX and Temml pad the labels of arrows
            for atom in end:
                if atom.kind != SPACE:
                    break
                atom.kind = NULL
    texts = [render(resolve(row), True).strip(" ") for row in (low, high)]
    if last is not None and arrow:
        lower = f"[{texts[0]}]" if texts[0] else ""
        return [Atom(f"{symbols.LABELLED_ARROWS[last.src]}{lower}{{{texts[1]}}}", REL)]
    kind = last.kind if last is not None and len(base) == 1 and last.kind in (REL, BIN, OP) else ORD
    tex = render(resolve(base), node.tight).strip(" ")
    if texts[0]:
        tex = f"\\underset{{{texts[0]}}}{{{tex}}}"
    if texts[1]:
        tex = f"\\overset{{{texts[1]}}}{{{tex}}}"
    return [Atom(tex, kind)]


def multiscripts(node: Node) -> list[Atom]:
    children = node.children
    split = next((i for i, child in enumerate(children) if child.tag == "mprescripts"), len(children))
    before: list[Atom] = []
    pre, post = _pairs(children[split + 1 :]), _pairs(children[1:split])
    if (not split or not children[0].row) and len(pre) == len(post) == 1:  # LaTeXML: scripts of nothing
        (sub, sup), (low, high) = pre[0], post[0]
        if not ((sub and low) or (sup and high)):
            return attach([], sub or low, sup or high)
    for sub, sup in pre:
        before += attach([Atom("{}")], sub, sup)
    base = children[0].row if split else []
    for i, (sub, sup) in enumerate(post):
        base = attach(base, sub, sup) if not i else base + attach([Atom("{}")], sub, sup)
    return before + base


def _pairs(nodes: list[Node]) -> list[tuple[list[Atom], list[Atom]]]:
    """Subscript and superscript in turn; neighbours that do not stagger share one pair."""
    rows = [node.row for node in nodes] + [[]]
    pairs: list[tuple[list[Atom], list[Atom]]] = []
    for sub, sup in zip(rows[::2], rows[1::2], strict=False):
        if not sub and not sup:
            continue
        if pairs and ((not sup and not pairs[-1][1]) or (not sub and not pairs[-1][0])):
            pairs[-1] = (pairs[-1][0] + sub, pairs[-1][1] + sup)
        else:
            pairs.append((sub, sup))
    return pairs
