"""Tables: matrices, cases, aligned equations.

Knows which environment fits a table (``Table``) and how <mtable> says alignment, rules and numbers. Which
brackets stand around it, and so pmatrix or cases, is known only in the row (``rows``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stages.render.mathml.atoms import Atom
from stages.render.mathml.rows import resolve
from stages.render.mathml.symbols import REL
from stages.render.mathml.tree import Node
from stages.render.mathml.typeset import render

#: Cells that a columnspan stands for; more is an attack.
MAX_SPAN = 20


@dataclass(slots=True)
class Table:
    """Rows of finished cells, and what of the table's looks chooses its environment."""

    rows: list[list[str]]
    aligns: list[str]  # "l", "c", "r" or "" (not said) per column
    lines: list[bool]  # a rule to the right of column i
    rules: list[bool]  # a rule below row i
    frame: bool
    relations: bool  # every second column starts with a relation
    stacked: bool  # of equations, if it has one column
    script: bool  # stands in a script
    tags: list[str]  # number of the equation in each row, "" without one
    small: bool = False

    @property
    def ruled(self) -> bool:
        return self.frame or any(self.lines) or any(self.rules)

    @property
    def paired(self) -> bool:
        """Columns are right, left, right, left ... as those of ``aligned``."""
        said = "".join(self.aligns)
        if said and len(said) == len(self.aligns):
            return len(said) > 1 and said == ("rl" * len(said))[: len(said)]
        return not said and self.relations

    @property
    def plain(self) -> bool:
        """Set as a matrix is: centred, no rules."""
        return not self.ruled and not self.paired and set(self.aligns) <= {"", "c"}

    def environment(self, name: str) -> str:
        spec = f"{{{self._columns()}}}" if name == "array" else ""
        out = [f"\\begin{{{name}}}{spec}"]
        if self.frame:
            out.append("\\hline")
        last = len(self.rows) - 1
        for i, cells in enumerate(self.rows):
            line = " &".join(f" {cell}" if cell else "" for cell in cells).strip()
            if name == "align" and self.tags[i]:
                line += f" \\tag{{{self.tags[i]}}}"
            # after \\ a bracket would be read as its argument, a star as its starred form
            out.append("{}" + line if i and line[:1] in ("[", "*") else line)
            rule = self.frame if i == last else i < len(self.rules) and self.rules[i]
            if i < last or rule:
                out.append("\\\\ \\hline" if rule else "\\\\")
        out.append(f"\\end{{{name}}}")
        return " ".join(filter(None, out))

    def _columns(self) -> str:
        count = max(map(len, self.rows))
        spec = ""
        for i in range(count):
            spec += (self.aligns[i] if i < len(self.aligns) else "") or "c"
            if i < count - 1 and i < len(self.lines) and self.lines[i]:
                spec += "|"
        return f"|{spec}|" if self.frame else spec

    def numbered(self) -> str:
        """LaTeX of a table that is a whole formula with numbers."""
        if len(self.rows) > 1:
            return self.environment("align")
        return f"{' '.join(filter(None, self.rows[0]))} \\tag{{{self.tags[0]}}}"

    def unfenced(self) -> str:
        """LaTeX of a table without brackets around it."""
        count = max(map(len, self.rows))
        if self.script and count == 1:
            return "\\substack{" + " \\\\ ".join(cells[0] if cells else "" for cells in self.rows) + "}"
        if self.ruled:
            return self.environment("array")
        if len(self.rows) == count == 1:
            return self.rows[0][0]
        if self.small:
            return self.environment("smallmatrix")
        if self.paired:
            return self.environment("aligned")
        if count == 1 and self.stacked and self.aligns[:1] != ["l"]:
            return self.environment("aligned" if self.aligns[:1] == ["r"] else "gathered")
        return self.environment("matrix" if self.plain else "array")


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
        # the alignment of most cells counts
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
    """One of the values of an attribute; the last holds for all that follow."""
    return values[min(index, len(values) - 1)] if values else ""


def _align(cell: Node) -> str:
    value, style, classes = cell.get("columnalign"), _STYLE.search(cell.get("style")), cell.get("class")
    if not value and style:
        value = style[1]
    elif not value and "tml-" in classes:  # Temml
        value = "right" if "tml-right" in classes else "left" if "tml-left" in classes else ""
    return _SIDES.get(value, "")


def _tag(row: list[Atom]) -> str:
    """The number of an equation from its label: (1) -> 1; "" if the label is no plain text."""
    tex = render(resolve(row), True).strip()
    match = re.fullmatch(r"\\text\{([^{}]*)\}", tex)
    tex = match[1].strip() if match else tex
    tex = tex[1:-1] if tex[:1] == "(" and tex[-1:] == ")" else tex
    return tex if re.fullmatch(r"[\w.,*'() -]+", tex) and "_" not in tex else ""
