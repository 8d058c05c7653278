"""<mtable>, with its alignment, rules and equation numbers.

Knows the attributes and styles of tables, and which cells are fillers. Does not know which LaTeX environment
fits (``matrix``).
"""

from __future__ import annotations

import re

from stages.render.mathml.atoms import Atom
from stages.render.mathml.matrix import Table
from stages.render.mathml.rows import resolve
from stages.render.mathml.symbols import REL
from stages.render.mathml.tree import Node
from stages.render.mathml.typeset import render

#: Limit on the cells of a columnspan; more is an attack.
MAX_SPAN = 20


def table(node: Node) -> list[Atom]:
    """An <mtable> as one atom; nothing if all its cells are empty."""
    rows: list[list[str]] = []
    tags: list[str] = []
    said: list[list[str]] = []
    ruled: set[int] = set()  # columns with a rule to the right, in CSS (Temml)
    underlined: set[int] = set()
    relations, stacked = True, False
    everywhere = node.get("columnalign").split()
    for row in node.children:
        cells, tag = _cells(row)
        here = row.get("columnalign").split() if row.tag != "mtd" else []
        texts: list[str] = []
        for i, cell in enumerate(cells):
            resolved = resolve(cell.row)
            texts.append(render(resolved, node.tight).strip(" "))
            if i % 2 and resolved and resolved[0].kind != REL:
                relations = False
            style = cell.get("style")
            if "border-right" in style and "hidden" not in style:
                ruled.add(i)
            if "border-bottom" in style:
                underlined.add(len(rows))
            stacked = stacked or any(atom.kind == REL for atom in resolved)
            if i >= len(said):
                said.append([])
            said[i].append(_align(cell) or _SIDES.get(_nth(here, i)) or _SIDES.get(_nth(everywhere, i), ""))
            texts += [""] * (_span(cell) - 1)
        rows.append(texts)
        tags.append(tag)
    while rows and not any(rows[-1]) and not tags[-1]:
        rows.pop()
        tags.pop()
    if not any(map(any, rows)):
        return []
    width = max(map(len, rows))
    if width > 2 and not any((texts and texts[0]) or (len(texts) == width and texts[-1]) for texts in rows):
        rows = [texts[1 : width - 1] for texts in rows]  # KaTeX and Temml: fillers on both sides
        said, width = said[1:], width - 2
    elif width == 2 and not any(len(texts) == 2 and texts[1] for texts in rows):
        rows, width = [texts[:1] for texts in rows], 1
    lines, rules = node.get("columnlines").split(), node.get("rowlines").split()
    made = Table(
        rows,
        # the most frequent alignment of cells is used
        aligns=[max(sorted(set(values)), key=values.count) for values in said[:width]],
        lines=[i in ruled or _nth(lines, i) in _DRAWN for i in range(width - 1)],
        rules=[i in underlined or _nth(rules, i) in _DRAWN for i in range(len(rows) - 1)],
        frame=node.get("frame") in _DRAWN,
        relations=relations and width > 1,
        stacked=stacked or node.get("displaystyle") == "true",
        script=node.tight,
        tags=tags,
    )
    return [Atom("", tall=not node.tight, table=made)]


def _cells(row: Node) -> tuple[list[Node], str]:
    """The cells of a row and the number of its equation."""
    if row.tag not in ("mtr", "mlabeledtr"):
        return [row], ""
    cells = row.children
    if row.tag == "mlabeledtr" and cells:
        tag = _tag(cells[0].row)
        return (cells[1:], tag) if tag else (cells[1:] + cells[:1], "")
    cells = [cell for cell in cells if cell.get("class") not in ("mtr-glue", "mml-eqn-num")]  # KaTeX
    half = [cell.get("width") == "50%" or _HALF.search(cell.get("style")) is not None for cell in cells]
    if any(half):  # fillers around the equation; Temml has its number in the last, KaTeX after it
        cells = [cell for cell, is_filler in zip(cells, half, strict=True) if cell.row or not is_filler]
        tag = _tag(cells[-1].row) if len(cells) > 1 else ""
        return (cells[:-1], tag) if tag else (cells, "")
    return cells, ""


def _span(cell: Node) -> int:
    span = cell.get("columnspan") or cell.get("colspan")
    return max(1, min(int(span), MAX_SPAN)) if span.isascii() and span.isdigit() and len(span) < 4 else 1


_HALF = re.compile(r"(?<![-\w])width: ?50%")
_DRAWN = ("solid", "dashed")
_SIDES = {"left": "l", "center": "c", "right": "r"}
_STYLE = re.compile(r"text-align: ?(?:-webkit-|-moz-)?(left|right|center)")


def _nth(values: list[str], index: int) -> str:
    """One of the values of an attribute; the last value applies to all further columns or rows."""
    return values[min(index, len(values) - 1)] if values else ""


def _align(cell: Node) -> str:
    value, style, classes = cell.get("columnalign"), _STYLE.search(cell.get("style")), cell.get("class")
    if not value and style:
        value = style[1]
    elif not value and "tml-" in classes:  # Temml
        value = "right" if "tml-right" in classes else "left" if "tml-left" in classes else ""
    return _SIDES.get(value, "")


def _tag(row: list[Atom]) -> str:
    """The number of an equation from its label: (1) -> 1; "" if the label is not plain text."""
    tex = render(resolve(row), True).strip()
    match = re.fullmatch(r"\\text\{([^{}]*)\}", tex)
    tex = match[1].strip() if match else tex
    tex = tex[1:-1] if tex[:1] == "(" and tex[-1:] == ")" else tex
    return tex if re.fullmatch(r"[\w.,*'() -]+", tex) and "_" not in tex else ""
