"""The atom, TeX's term for a nucleus with its class and scripts; rows are made of atoms.

Knows what an atom may carry until its row is complete, and how scripts are typed. Does not know rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stages.render.mathml.matrix import Table
from stages.render.mathml.symbols import FUNCTIONS, OP, ORD

# Classes beyond TeX's own.
SPACE, TEXT, PRIME, APPLY, DEGREE, SUPER, SUB, BREAK, NULL = (
    "space",
    "text",
    "prime",
    "apply",
    "degree",
    "super",
    "sub",
    "break",
    "null",
)
FENCE, LEFT, RIGHT = "fence", "left", "right"  # an empty delimiter without a side; \left( and \right)

#: A font command joins up to this many adjacent letters: longer runs are not words (and cost n^2).
MAX_WORD = 64

_ONE_TOKEN = re.compile(r"[^\\{}^_&%#~$\s']|\\[A-Za-z]+")


@dataclass(slots=True, eq=False)
class Atom:
    tex: str
    kind: str = ORD
    sub: str | None = None
    sup: str | None = None
    primes: int = 0
    tall: bool = False
    limits: bool = False  # its scripts stand under and over it
    src: str = ""  # the character it was made from
    delim: str = ""  # LaTeX of a bracket without size
    stretch: bool | None = None
    accent: str = ""  # attribute accent="..." of <mo>
    form: str = ""  # "prefix" or "postfix" of a bar that is known to open or close
    name: str = ""  # a word that may turn out to be an operator's name
    spelled: bool = False  # a word whose font was given: an operator only if it is applied
    font: tuple[str, ...] = ()
    letters: str = ""
    table: Table | None = None
    pile: tuple[str, str] | None = None  # fraction without a bar, until its brackets are known
    wide: str = ""  # "\\limits" for scripts that stand over and under an integral

    @property
    def bare(self) -> bool:
        return self.sub is None and self.sup is None and not self.primes

    def whole(self) -> str:
        tex = self.tex
        if self.table is not None:
            tex = self.table.unfenced()
        elif self.pile is not None:
            tex = f"\\genfrac{{}}{{}}{{0pt}}{{}}{{{self.pile[0]}}}{{{self.pile[1]}}}"
        if self.bare:
            return tex
        tex += self.wide
        if self.sub is not None:
            tex += "_" + braced(self.sub)
        tex += "'" * self.primes
        if self.sup is not None:
            tex += "^" + braced(self.sup)
        return tex

    def operator(self) -> None:
        """Make a word the name of an operator."""
        self.tex, self.kind, self.name, self.letters = f"\\operatorname{{{self.name}}}", OP, "", ""


def braced(tex: str) -> str:
    """A script as an author types it: x^2, x_\\alpha, but x^{10} and x_{\\max}."""
    if tex[1:] in FUNCTIONS:
        return f"{{{tex}}}"
    return tex if _ONE_TOKEN.fullmatch(tex) else f"{{{tex}}}"


def font(commands: tuple[str, ...], tex: str) -> str:
    for command in reversed(commands):
        tex = f"{command}{{{tex}}}"
    return tex
