"""Rows of atoms: which brackets match and stretch, which atoms take a script, which words name an operator.

Knows atoms and matrices. Does not know MathML (``elements`` and ``tokens`` make the atoms), nor spaces
(``typeset``).

A row is a flat list of atoms. MathML nests ``<mrow>``s freely and pages nest them wrongly, so brackets are
matched in the flat row: ``resolve`` keeps a stack of open brackets and, when one closes, examines the atoms
between. Only tall content (a fraction, a matrix, a large operator) gets ``\\left`` and ``\\right``; around a
single matrix the brackets become pmatrix and the like. Everything is one pass over the row; strings are
joined once per level of real nesting.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stages.render.mathml.atoms import (
    APPLY,
    DEGREE,
    LEFT,
    MAX_WORD,
    NULL,
    PRIME,
    RIGHT,
    SPACE,
    SUB,
    SUPER,
    TEXT,
    Atom,
    font,
)
from stages.render.mathml.matrix import Table
from stages.render.mathml.symbols import (
    BAR,
    BIN,
    CLOSE,
    MATRICES,
    OP,
    OPEN,
    ORD,
    PUNCT,
    REL,
)
from stages.render.mathml.typeset import render

#: MathJax and KaTeX add a \\; on both sides of these, Temml around its \\xrightarrow.
_LONG_ARROWS = frozenset(("\\iff", "\\implies", "\\impliedby"))


def attach(
    base: list[Atom], sub: list[Atom] | None, sup: list[Atom] | None, wide: bool = False
) -> list[Atom]:
    """The row ``base`` with scripts; ``wide`` if they stand under and over it."""
    sub_tex = render(resolve(sub), True) if sub else ""
    primes, rest = 0, list(sup or ())
    while primes < len(rest) and rest[primes].kind == PRIME and rest[primes].bare:
        primes += 1
    count = sum(len(atom.tex) for atom in rest[:primes])
    rest = rest[primes:]
    for atom in rest:
        if atom.kind == DEGREE:
            atom.tex, atom.kind = "\\circ", ORD
    sup_tex = render(resolve(rest), True) if rest else ""
    if len(base) == 2 and base[1].kind == APPLY and base[0].name:
        base[0].operator()
    base = [atom for atom in base if atom.kind != APPLY]
    if not sub_tex and not sup_tex and not count:
        return base
    if not base:
        base = [Atom("{}")]
    if len(base) > 1 and not _takes_scripts(base):
        base = [_group(base)]
    atom = base[-1]
    if (
        (sub_tex and atom.sub is not None)
        or ((sup_tex or count) and (atom.sup is not None or atom.primes))
        or atom.kind in (PRIME, DEGREE, SUPER, SUB, SPACE)
    ):
        atom = base[-1] = _group([atom])
    if sub_tex:
        atom.sub = sub_tex
    if sup_tex:
        atom.sup = sup_tex
    atom.primes += count
    if wide:
        atom.wide = "\\limits"
    return base


def _group(row: list[Atom]) -> Atom:
    row = resolve(row)
    return Atom(f"{{{render(row, False)}}}", tall=any(atom.tall for atom in row))


def _takes_scripts(row: list[Atom]) -> bool:
    """Whether scripts after a row of several atoms can be read as the scripts of the whole row."""
    first, last = row[0], row[-1]
    if all(atom.kind == OP for atom in row):  # \arg\max_x
        return True
    if last.kind == BAR and not last.form and first.kind != BAR and any(atom.tall for atom in row):
        row.insert(0, Atom("", OPEN, delim="."))  # evaluated at: \left. ... \right|_{x=0}
        last.form = "postfix"
        return True
    opens = first.kind == OPEN or first.form == "prefix"
    if not opens or not (last.kind == CLOSE or last.form == "postfix"):
        return False
    depth = 0
    for i, atom in enumerate(row):
        if atom.kind == OPEN or atom.form == "prefix":
            depth += 1
        elif atom.kind == CLOSE or atom.form == "postfix":
            depth -= 1
            if not depth and i < len(row) - 1:
                return False
    return depth == 0


@dataclass(slots=True)
class _Open:
    index: int
    atom: Atom
    bar: bool
    tall: bool = False
    middle: list[Atom] = field(default_factory=list)


def resolve(row: list[Atom]) -> list[Atom]:
    """The row with its brackets matched, names of operators settled and letters of one font together."""
    out: list[Atom] = []
    stack: list[_Open] = []
    brackets = 0  # entries of the stack that are not bars
    previous: Atom | None = None  # that is not a space
    padded = False  # the following space was added by the renderer, not by the author
    for atom in row:
        kind = atom.kind
        if kind == APPLY:
            if out and out[-1].name:
                out[-1].operator()
            padded = True
            continue
        if padded and kind == SPACE:
            continue
        padded = kind == REL and (atom.tex in _LONG_ARROWS or atom.tex.startswith("\\x"))
        if padded and out and out[-1].tex == "\\;":
            out[-1].kind = NULL
        if kind in (SUPER, SUB):
            _script(out, Atom(atom.tex), kind == SUPER)
            continue
        if (
            kind == OPEN
            and atom.delim == "("
            and previous is not None
            and previous.name
            and not previous.spelled
        ):
            previous.operator()
        if kind == BAR:
            kind = _side(atom, stack, previous)
        if kind == OPEN:
            stack.append(_Open(len(out), atom, atom.kind == BAR))
            brackets += atom.kind != BAR
            out.append(atom)
        elif kind == CLOSE:
            if atom.kind != BAR:
                while stack and stack[-1].bar and brackets:
                    entry = stack.pop()
                    _plain(entry.atom, ORD)
                    stack[-1].tall |= entry.tall
                while (
                    stack
                    and stack[-1].atom.delim == "\\{"
                    and atom.delim != "\\}"
                    and _cases(out, stack[-1], atom)
                ):
                    stack.pop()
                    brackets -= 1
            if stack:
                entry = stack.pop()
                brackets -= not entry.bar
                _close(out, entry, atom)
                if stack:
                    stack[-1].tall |= entry.tall
            else:
                _stray(out, atom, previous)
        else:
            _append(out, atom)
        if stack and atom.tall:
            stack[-1].tall = True
        if kind == BAR and stack:
            stack[-1].middle.append(atom)
        if kind != SPACE:
            previous = atom
    while stack:
        entry = stack.pop()
        if stack:
            stack[-1].tall |= entry.tall
        if not _cases(out, entry, None) and (entry.bar or entry.atom.delim == "."):
            _plain(entry.atom, ORD)
    return out


def _script(out: list[Atom], script: Atom, above: bool) -> None:
    """Attach a script that is a character of its own to the atom before it, or to an empty one."""
    last = out[-1] if out else None
    if last is None or last.kind not in (ORD, CLOSE) or (last.sup if above else last.sub) is not None:
        last = Atom("{}")
        out.append(last)
    attach([last], None if above else [script], [script] if above else None)


def _append(out: list[Atom], atom: Atom) -> None:
    """Append an atom that is not a bracket to the row, joined with letters or text before it."""
    last = out[-1] if out else None
    if atom.letters and last is not None and last.letters and _one_word(last, atom):
        last.letters += atom.letters
        last.tex = font(last.font, last.letters)
        last.sub, last.sup, last.primes = atom.sub, atom.sup, atom.primes
    elif atom.kind == TEXT and last is not None and last.kind == TEXT and _one_text(last, atom):
        last.tex = last.tex[:-1] + atom.tex[atom.tex.index("{") + 1 :]
    else:
        out.append(atom)


def _one_word(last: Atom, atom: Atom) -> bool:
    upright = last.font == atom.font and last.font in (("\\mathrm",), ("\\mathsf",), ("\\mathtt",))
    return upright and last.bare and len(last.letters) + len(atom.letters) <= MAX_WORD


def _one_text(last: Atom, atom: Atom) -> bool:
    same = last.tex.startswith(atom.tex[: atom.tex.index("{") + 1])
    return same and last.bare and atom.bare and len(last.tex) < 4 * MAX_WORD


def _side(atom: Atom, stack: list[_Open], previous: Atom | None) -> str:
    """Whether a bar opens, closes, or separates (BAR)."""
    if atom.form == "prefix":
        return OPEN
    if atom.form == "postfix":
        return CLOSE
    inside = bool(stack) and stack[-1].bar and stack[-1].atom.delim == atom.delim
    fresh = (
        previous is None
        or previous.kind in (BIN, REL, OPEN, OP, PUNCT)
        or previous is (stack and stack[-1].atom)
    )
    if inside and not fresh:
        return CLOSE
    if fresh and atom.bare:
        return OPEN
    if not atom.bare and previous is not None and previous.tall and atom.stretch is not False:
        return CLOSE
    return BAR


def _close(out: list[Atom], entry: _Open, atom: Atom) -> None:
    """Append the closing bracket ``atom`` to ``out``, now that the content between the brackets is known."""
    first = entry.atom
    count = len(out) - entry.index - 1
    inner = out[entry.index + 1] if count else None
    if count == 1 and inner is not None and inner.bare:
        tex = _fenced(inner, first.delim, atom.delim)
        if tex:
            inner.tex, inner.table, inner.pile = tex, None, None
            inner.sub, inner.sup, inner.primes = atom.sub, atom.sup, atom.primes
            del out[entry.index]
            entry.tall = True
            return
    if (
        inner is not None
        and (inner.src == "mod" or inner.tex == "\\mathrm{mod}")
        and count > 1
        and (first.delim, atom.delim) == ("(", ")")
    ):
        first.tex, first.kind, inner.kind = "\\pmod{", LEFT, NULL
        for space in (entry.index - 1, entry.index + 2):  # \\pmod adds its own brackets
            if space >= 0 and out[space].kind == SPACE:
                out[space].kind = NULL
        atom.tex, atom.kind = "}", CLOSE
    elif entry.tall and first.stretch is not False and atom.stretch is not False:
        first.tex, first.kind = "\\left" + first.delim, LEFT
        atom.tex, atom.kind = "\\right" + atom.delim, RIGHT
        for bar in entry.middle:
            if bar.stretch is not False:
                bar.tex, bar.kind = "\\middle" + bar.delim, REL
    else:
        _plain(first, OPEN)
        _plain(atom, CLOSE)
    out.append(atom)


def _plain(bracket: Atom, kind: str) -> None:
    bracket.kind = kind
    if bracket.delim == ".":
        bracket.kind = NULL if bracket.bare else ORD
    elif bracket.tex in ("\\mid", "\\parallel"):
        bracket.tex = bracket.delim


def _fenced(atom: Atom, left: str, right: str) -> str:
    """LaTeX of a table or pile together with its brackets; "" if they remain ordinary brackets."""
    table = atom.table
    if table is not None:
        name = MATRICES.get((left, right))
        if name and table.plain and not table.small:
            return table.environment(name)
        if (left, right) == ("\\{", ".") and _fits_cases(table):
            return table.environment("cases")
    elif atom.pile is not None and "." not in (left, right):
        top, bottom = atom.pile
        if (left, right) == ("(", ")"):
            return f"\\binom{{{top}}}{{{bottom}}}"
        return f"\\genfrac{{{left}}}{{{right}}}{{0pt}}{{}}{{{top}}}{{{bottom}}}"
    return ""


def _fits_cases(table: Table) -> bool:
    return not table.ruled and not table.paired and max(map(len, table.rows)) <= 2


def _cases(out: list[Atom], entry: _Open, close: Atom | None) -> bool:
    """Turn an unclosed left brace before a table into cases."""
    inner = out[entry.index + 1] if len(out) > entry.index + 1 else None
    if (
        entry.atom.delim != "\\{"
        or inner is None
        or inner.table is None
        or (close is not None and close.delim == ".")
    ):
        return False
    if _fits_cases(inner.table):
        inner.tex = inner.table.environment("cases")
        entry.atom.kind = NULL
    else:
        name = "aligned" if inner.table.paired else "array"
        inner.tex = f"{inner.table.environment(name)} \\right."
        entry.atom.tex, entry.atom.kind = "\\left\\{", LEFT
    inner.table = None
    return True


def _stray(out: list[Atom], atom: Atom, previous: Atom | None) -> None:
    """A closing bracket that nothing opened."""
    evaluated = previous is not None and previous.tall and atom.kind == BAR and out and out[-1] is previous
    if out and (evaluated or (out[-1].table is not None and atom.delim in ("\\}", "]", ")"))):
        out.insert(len(out) - 1, Atom("\\left.", LEFT))
        atom.tex, atom.kind = "\\right" + atom.delim, RIGHT
    elif atom.delim == ".":
        atom.kind = NULL
    elif atom.kind == BAR:
        atom.tex, atom.kind = atom.delim, CLOSE
    if atom.kind != NULL:
        out.append(atom)
