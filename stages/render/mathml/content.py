"""Converts the common operators of Content MathML to atoms, for pages without Presentation MathML beside it.

Knows how each operator is written, and when an operand needs parentheses. Does not know bound variables
(sums, integrals, lambda): an unknown operator is written as a function of its operands.
"""

from __future__ import annotations

from stages.render.mathml.atoms import Atom
from stages.render.mathml.rows import attach, resolve
from stages.render.mathml.symbols import BIN, CLOSE, FUNCTIONS, OP, OPEN, PUNCT, REL
from stages.render.mathml.typeset import render

# operator -> LaTeX, class, how strongly it binds
_INFIX = {
    "eq": ("=", REL, 1),
    "neq": ("\\neq", REL, 1),
    "lt": ("<", REL, 1),
    "gt": (">", REL, 1),
    "leq": ("\\leq", REL, 1),
    "geq": ("\\geq", REL, 1),
    "equivalent": ("\\equiv", REL, 1),
    "approx": ("\\approx", REL, 1),
    "in": ("\\in", REL, 1),
    "notin": ("\\notin", REL, 1),
    "subset": ("\\subseteq", REL, 1),
    "prsubset": ("\\subset", REL, 1),
    "implies": ("\\Rightarrow", REL, 0),
    "tendsto": ("\\to", REL, 1),
    "and": ("\\wedge", BIN, 2),
    "or": ("\\vee", BIN, 2),
    "union": ("\\cup", BIN, 3),
    "intersect": ("\\cap", BIN, 3),
    "setdiff": ("\\setminus", BIN, 3),
    "plus": ("+", BIN, 4),
    "minus": ("-", BIN, 4),
    "times": ("", BIN, 5),
    "compose": ("\\circ", BIN, 5),
}
CONSTANTS = {
    "pi": "\\pi",
    "infinity": "\\infty",
    "exponentiale": "e",
    "imaginaryi": "i",
    "emptyset": "\\emptyset",
    "integers": "\\mathbb{Z}",
    "reals": "\\mathbb{R}",
    "rationals": "\\mathbb{Q}",
    "naturalnumbers": "\\mathbb{N}",
    "complexes": "\\mathbb{C}",
    "true": "\\text{true}",
    "false": "\\text{false}",
}
_AROUND = {"abs": ("|", "|"), "floor": ("\\lfloor ", " \\rfloor"), "ceiling": ("\\lceil ", " \\rceil")}

#: Elements that mark a formula as Content MathML.
CONTENT = frozenset(("apply", "ci", "cn", "csymbol", "bind", *CONSTANTS))


def apply(children: list[tuple[str, list[Atom]]]) -> list[Atom]:
    """The atoms of an <apply>, given for every child its atoms and its tag or, if the child is an <apply>,
    its operator."""
    if not children:
        return []
    (operator, head), operands = children[0], children[1:]
    if operator in _INFIX and operands:
        tex, kind, strength = _INFIX[operator]
        if len(operands) == 1:
            return [Atom(tex or "\\times", kind), *_bound(operands[0], strength + 1)]
        row: list[Atom] = []
        for i, operand in enumerate(operands):
            if i and tex:
                row.append(Atom(tex, kind))
            elif i and operand[0] == "cn":
                row.append(Atom("\\cdot", BIN))
            # a - (b + c), but (a + b) - c without
            row += _bound(operand, strength + (operator == "minus" and i > 0))
        return row
    texts = [render(resolve(list(row)), False) for _, row in operands]
    if operator in ("superscript", "subscript") and len(operands) == 2:  # LaTeXML, if it found no meaning
        script = operands[1][1]
        base = _bound(operands[0], 9 if operands[0][0] not in ("superscript", "subscript") else 0)
        return attach(base, script, None) if operator == "subscript" else attach(base, None, script)
    if operator == "absent":
        return []
    if operator == "fragments" or not operands:
        return [*(head if not operands else ()), *(atom for _, row in operands for atom in row)]
    if operator == "divide" and len(texts) == 2:
        return [Atom(f"\\frac{{{texts[0]}}}{{{texts[1]}}}", tall=True)]
    if operator == "power" and len(operands) == 2:
        return attach(_bound(operands[0], 9), None, operands[1][1])
    if operator == "root" and texts:
        if len(texts) == 2 and operands[0][0] == "degree":
            return [Atom(f"\\sqrt[{texts[0]}]{{{texts[1]}}}")]
        return [Atom(f"\\sqrt{{{texts[-1]}}}")]
    if operator in _AROUND and len(texts) == 1:
        return [Atom(texts[0].join(_AROUND[operator]))]
    if operator == "factorial" and len(operands) == 1:
        return [*_bound(operands[0], 9), Atom("!")]
    if operator == "not" and len(operands) == 1:
        return [Atom("\\neg"), *_bound(operands[0], 9)]
    operator = "det" if operator == "determinant" else operator
    if operator in FUNCTIONS:
        function = Atom("\\" + operator, OP)
        if len(operands) == 1 and operands[0][0] in ("ci", "cn"):
            return [function, *operands[0][1]]
        head = [function]
    elif not head:
        head = [
            Atom(f"\\operatorname{{{operator}}}" if operator.isalpha() and operator.isascii() else "", OP)
        ]
    row = [*head, Atom("(", OPEN, delim="(")]
    for i, (_, operand_row) in enumerate(operands):
        row += [Atom(",", PUNCT)] * (i > 0) + operand_row
    return [*row, Atom(")", CLOSE, delim=")")]


def _bound(operand: tuple[str, list[Atom]], strength: int) -> list[Atom]:
    """An operand, in parentheses if its own operator binds less strongly."""
    operator, row = operand
    own = (
        _INFIX[operator][2]
        if operator in _INFIX
        else 6
        if operator in ("divide", "power") and strength > 8
        else 9
    )
    if own >= strength:
        return row
    return [Atom("(", OPEN, delim="("), *row, Atom(")", CLOSE, delim=")")]
