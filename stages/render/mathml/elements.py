"""Converts presentation elements to atoms, and a whole formula to LaTeX.

Knows what each element does to its children, as MathJax, KaTeX, Temml, LaTeXML, MathType and Word use it.
<mrow> and similar elements pass on the atoms of their children, so that brackets are matched in the flat row
(``rows``); an element that separates its children (fraction, root, script, cell) renders them and becomes one
atom.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from selectolax.lexbor import LexborNode

from stages.render.mathml import symbols
from stages.render.mathml.atoms import BREAK, FENCE, LEFT, RIGHT, Atom, font
from stages.render.mathml.content import CONSTANTS, CONTENT, apply
from stages.render.mathml.rows import resolve
from stages.render.mathml.scripts import multiscripts, over, scripts
from stages.render.mathml.symbols import BAR, CLOSE, OPEN
from stages.render.mathml.tables import table
from stages.render.mathml.tokens import characters, clean, length, mi, mn, mo, ms, mspace, mtext
from stages.render.mathml.tree import SCRIPTED, Node, tree
from stages.render.mathml.typeset import render


def to_latex(math: LexborNode) -> str:
    """LaTeX without delimiters of a <math> element; "" if nothing is in it. Never raises; linear time."""
    order = tree(math)
    for node in reversed(order):
        node.row = _ELEMENTS.get(node.tag, _row)(node)
    row = resolve(order[0].row)
    for atom in row:
        if atom.table is not None and any(atom.table.tags):
            atom.tex, atom.table = atom.table.numbered(), None
    lines: list[list[Atom]] = [[]]
    depth = 0
    for atom in row:
        depth += (atom.kind == LEFT) - (atom.kind == RIGHT)
        if atom.kind == BREAK and not depth:
            lines.append([])
        else:
            lines[-1].append(atom)
    texts = [text for line in lines if (text := render(line, False).strip())]
    if len(texts) < 2:
        return "".join(texts)
    return "\\begin{gathered} " + " \\\\ ".join(texts) + " \\end{gathered}"


def _row(node: Node) -> list[Atom]:
    """<mrow> and every element that is only a container: the atoms of the children."""
    if len(node.children) == 1:  # the most frequent case; avoids a copy per level
        return node.children[0].row
    row = [atom for child in node.children for atom in child.row]
    if len(row) > 1:
        first, last = row[0], row[-1]
        if first.kind == FENCE:
            first.kind, first.delim = OPEN, "."
        if last.kind == FENCE:
            last.kind, last.delim = CLOSE, "."
        if first.kind == BAR and last.kind in (BAR, CLOSE):
            first.form = "prefix"
        if last.kind == BAR and (first.kind == OPEN or first.form == "prefix"):
            last.form = "postfix"
        if len(row) == len(node.children) and row[0].letters and row[0].font != ("\\mathrm",):
            return _joined(row)
    return row


def _joined(row: list[Atom]) -> list[Atom]:
    """Letters that one group sets in one font: \\mathbf{Ax}."""
    first = row[0]
    if any(not atom.letters or atom.font != first.font or not atom.bare for atom in row):
        return row
    letters = "".join(atom.letters for atom in row)
    return [Atom(font(first.font, letters))]


def _arg(node: Node, index: int) -> str:
    """LaTeX of a child; "" if it is missing."""
    if index >= len(node.children):
        return ""
    child = node.children[index]
    return render(resolve(child.row), child.tight).strip(" ")


def _mfrac(node: Node) -> list[Atom]:
    top, bottom = _arg(node, 0), _arg(node, 1)
    thickness = node.get("linethickness")
    if node.get("bevelled") == "true":
        parts = [f"({tex})" if re.search(r"[-+ =]", tex) else tex for tex in (top, bottom)]
        return [Atom("/".join(parts)), *node.rest(2)]
    if thickness and length(thickness) == 0:
        if node.tight and node.parent is not None and node.parent.tag in SCRIPTED:
            return [Atom(f"\\substack{{{top} \\\\ {bottom}}}"), *node.rest(2)]
        return [Atom("", tall=True, pile=(top, bottom)), *node.rest(2)]
    return [Atom(f"\\frac{{{top}}}{{{bottom}}}", tall=True, src="frac"), *node.rest(2)]


def _msqrt(node: Node) -> list[Atom]:
    row = resolve(_row(node))
    return [Atom(f"\\sqrt{{{render(row, node.tight)}}}", tall=any(atom.tall for atom in row))]


def _mroot(node: Node) -> list[Atom]:
    inner, index = _arg(node, 0), _arg(node, 1)
    if "]" in index:
        index = f"{{{index}}}"
    tall = bool(node.children) and any(atom.tall for atom in node.children[0].row)
    return [
        Atom(f"\\sqrt[{index}]{{{inner}}}" if index else f"\\sqrt{{{inner}}}", tall=tall),
        *node.rest(2),
    ]


def _mfenced(node: Node) -> list[Atom]:
    separators = re.sub(
        r"\s", "", node.attrs.get("separators") or ("" if "separators" in node.attrs else ",")
    )
    row = _fence(node, "open", "(", OPEN)
    for i, child in enumerate(node.children):
        if i and separators:
            row += characters(separators[min(i, len(separators)) - 1], "", "mo")
        row += child.row
    return row + _fence(node, "close", ")", CLOSE)


def _fence(node: Node, side: str, default: str, kind: str) -> list[Atom]:
    text = clean(node.attrs[side] or "" if side in node.attrs else default)
    known = symbols.COMPOUND.get(text)
    atoms = [Atom(known.tex, known.kind, delim=known.tex)] if known else characters(text, "", "mo")
    if len(atoms) != 1:
        return atoms or [Atom("", kind, delim=".")]
    atom = atoms[0]
    if atom.kind == BAR:
        atom.form = "prefix" if kind == OPEN else "postfix"
    elif atom.tex in ("<", ">"):
        atom.tex = atom.delim = "\\langle" if kind == OPEN else "\\rangle"
        atom.kind = kind
    elif atom.delim:
        atom.kind = kind
    return atoms


def _mstyle(node: Node) -> list[Atom]:
    row = _row(node)
    if len(row) != 1 or not row[0].bare:
        return row
    atom, display = row[0], node.get("displaystyle")
    if atom.table is not None and node.get("scriptlevel") == "1":
        atom.table.small = True
    elif atom.src == "frac" and atom.tex.startswith("\\frac") and display:
        parent = node.parent  # a formula or cell that is a single fraction inherits its style
        while parent is not None and len(parent.children) == 1 and parent.tag not in ("math", "mtd"):
            parent = parent.parent
        if parent is None or parent.tag not in ("math", "mtd") or len(parent.children) > 1:
            atom.tex = ("\\dfrac" if display == "true" else "\\tfrac") + atom.tex[len("\\frac") :]
            atom.tall = display == "true"
    return row


def _wrapped(command: str) -> Callable[[Node], list[Atom]]:
    def convert(node: Node) -> list[Atom]:
        row = resolve(_row(node))
        return (
            [Atom(f"{command}{{{render(row, node.tight)}}}", tall=any(atom.tall for atom in row))]
            if row
            else []
        )

    return convert


_STRIKES = {"updiagonalstrike": "\\cancel", "downdiagonalstrike": "\\bcancel", "horizontalstrike": "\\sout"}
_ENCLOSURES = {
    "box": "\\boxed",
    "roundedbox": "\\boxed",
    "top": "\\overline",
    "bottom": "\\underline",
} | _STRIKES


def _menclose(node: Node) -> list[Atom]:
    notation = node.get("notation").split() or ["longdiv"]
    if "radical" in notation:
        return _msqrt(node)
    if {"updiagonalstrike", "downdiagonalstrike"} <= set(notation):
        return _wrapped("\\xcancel")(node)
    if {"top", "bottom", "left", "right"} <= set(notation):
        return _wrapped("\\boxed")(node)
    if "actuarial" in notation:  # an overline with a corner: \overline{n}|
        return [*_wrapped("\\overline")(node), Atom("|")]
    command = next((_ENCLOSURES[name] for name in notation if name in _ENCLOSURES), "")
    return _wrapped(command)(node) if command else _row(node)


def _maction(node: Node) -> list[Atom]:
    selection = node.get("selection")
    index = int(selection) - 1 if selection.isascii() and selection.isdigit() and len(selection) < 4 else 0
    return node.children[index if 0 <= index < len(node.children) else 0].row if node.children else []


def _semantics(node: Node) -> list[Atom]:
    own = [child for child in node.children if child.tag != "annotation-xml"]
    if node.children and (not own or own[0].tag in CONTENT):
        shown = [child for child in node.children if child.tag == "annotation-xml"]
        own = shown or own
    return [atom for child in own for atom in child.row]


def _apply(node: Node) -> list[Atom]:
    operands = []
    for child in node.children:
        inner = child.tag == "apply" and child.children
        name = child.children[0].tag if inner else child.text.strip() if child.tag == "csymbol" else child.tag
        operands.append((name, child.row))
    return apply(operands)


def _mtr(node: Node) -> list[Atom]:
    """A row outside of a table is treated as an <mrow>; ``table`` reads the cells of other rows itself."""
    return [] if node.parent is not None and node.parent.tag == "mtable" else _row(node)


def _constant(tag: str) -> Callable[[Node], list[Atom]]:
    return lambda node: [Atom(CONSTANTS[tag]), *_row(node)]


_ELEMENTS: dict[str, Callable[[Node], list[Atom]]] = {
    "mi": mi,
    "ci": mi,
    "csymbol": mi,
    "mn": mn,
    "cn": mn,
    "mo": mo,
    "chars": lambda node: characters(clean(node.text), node.variant, "mo"),
    "mtext": mtext,
    "ms": ms,
    "mspace": mspace,
    "none": lambda node: [],
    "mprescripts": lambda node: [],
    "mfrac": _mfrac,
    "msqrt": _msqrt,
    "mroot": _mroot,
    "msub": scripts,
    "msup": scripts,
    "msubsup": scripts,
    "munder": over,
    "mover": over,
    "munderover": over,
    "mmultiscripts": multiscripts,
    "mfenced": _mfenced,
    "mstyle": _mstyle,
    "mphantom": _wrapped("\\phantom"),
    "menclose": _menclose,
    "maction": _maction,
    "semantics": _semantics,
    "mtable": table,
    "mtr": _mtr,
    "mlabeledtr": _mtr,
    "apply": _apply,
    **{tag: _constant(tag) for tag in CONSTANTS},
}
