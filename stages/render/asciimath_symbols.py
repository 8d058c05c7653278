"""The symbols of AsciiMath, as the table on asciimath.org names them, and their LaTeX.

Knows names. Does not know the grammar (``asciimath``).
"""

from __future__ import annotations

import re


def _table(entries: str) -> dict[str, str]:
    """Symbols by name, from ``tex name name ...; ...``; a command without its backslash is a name too."""
    table: dict[str, str] = {}
    for entry in entries.split(";"):
        tex, *names = entry.split()
        table.update(dict.fromkeys([*names, *re.findall(r"\\([A-Za-z]+)\Z", tex)], tex))
    return table


#: Symbols with operands beside them: operations, relations, logic, arrows.
OPERATORS = _table(
    r"""+ +; - -; \cdot *; \ast **; \star ***; / //; \backslash \\; \setminus; \times xx; \div -: divide;
    \ltimes |><; \rtimes ><|; \bowtie |><|; \circ @; \oplus o+; \otimes ox; \odot o.; \wedge ^^; \vee
    vv; \cap nn; \cup uu; \pm +-; \mp -+; = =; := :=; < < lt; > > gt; \ne !=; \le <= lt= leq; \ge >= gt=
    geq; \ll mlt; \gg mgt; \prec -< -lt; \preceq -<=; \succ >-; \succeq >-=; \in; \notin !in; \subset
    sub; \supset sup; \subseteq sube; \supseteq supe; \equiv -=; \cong ~=; \approx ~~; \sim ~; \propto
    prop; \neg not; \Rightarrow => implies rArr; \Leftrightarrow <=> iff hArr; \Leftarrow lArr; \forall
    AA; \exists EE; \bot _|_; \top TT; \vdash |--; \models |==; \uparrow uarr; \downarrow darr;
    \rightarrow rarr; \to ->; \rightarrowtail >->; \twoheadrightarrow ->>; \twoheadrightarrowtail >->>;
    \mapsto |->; \leftarrow larr; \leftrightarrow harr"""
)
OPERATORS |= {"and": r"\text{ and }", "or": r"\text{ or }", "if": r"\text{if }"}
GREEK = """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi
rho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"""
ORDINARY = {name: "\\" + name for name in GREEK.split()} | _table(
    r"""\emptyset O/; \infty oo; \aleph; \hbar; \ldots ...; \cdots; \vdots; \ddots; \angle /_; \triangle /_\;
    \diamond; \square; \frown; ' ' prime; \mathbb{C} CC; \mathbb{N} NN; \mathbb{Q} QQ; \mathbb{R} RR;
    \mathbb{Z} ZZ; dx dx; dy dy; dz dz; dt dt"""
)
#: Symbols that are neither operands nor infixes.
OTHERS = _table(r"\partial del; \nabla grad; \therefore :.; \because :'; \quad; \qquad") | {"\\ ": r"\ "}
BIG = _table(r"\sum; \prod; \bigwedge ^^^; \bigvee vvv; \bigcap nnn; \bigcup uuu; \int; \oint")
LIMITS = _table(r"\lim; \operatorname*{Lim} Lim; \min; \max")
NAMED = "sin cos tan sec csc cot arcsin arccos arctan sinh cosh tanh coth exp log ln det dim gcd"
UNNAMED = """sech csch lcm lub glb Sin Cos Tan Sec Csc Cot Arcsin Arccos Arctan Sinh Cosh Tanh Sech Csch
Coth Log Ln"""
FUNCTIONS = {"f": "f", "g": "g", "mod": r"\bmod"}
FUNCTIONS |= {name: "\\" + name for name in NAMED.split()}
FUNCTIONS |= {name: rf"\operatorname{{{name}}}" for name in UNNAMED.split()}
#: Accents, with their LaTeX over one letter, and over several.
ACCENTS = {
    "hat": (r"\hat", r"\widehat"),
    "bar": (r"\bar", r"\overline"),
    "vec": (r"\vec", r"\overrightarrow"),
    "tilde": (r"\tilde", r"\widetilde"),
}
UNARY = _table(
    r"""\sqrt; \overline; \underline ul; \dot; \ddot; \underbrace ubrace; \overbrace obrace; \cancel;
    \overset{\frown} overarc overparen"""
)
FONTS = _table(r"\mathbf bb; \mathbb bbb; \mathcal cc; \mathtt tt; \mathfrak fr; \mathsf sf")
FENCES = {
    "abs": ("|", "|"), "Abs": ("|", "|"), "norm": (r"\|", r"\|"), "floor": (r"\lfloor", r"\rfloor"),
    "ceil": (r"\lceil", r"\rceil"),
}  # fmt: skip
BINARY = _table(r"\frac; \sqrt root; \stackrel; \overset; \underset; \color") | {"id": "", "class": ""}
TEXT = ("text", "mbox")
LEFT = _table(r"( ( left(; [ [ left[; \{ { left{; \langle (: <<; \lfloor |__; \lceil |~ lceiling") | {
    "{:": ""
}
RIGHT = _table(r") ) right); ] ] right]; \} } right}; \rangle :) >>; \rfloor __|; \rceil ~| rceiling") | {
    ":}": ""
}
del BINARY["sqrt"]
INFIX = ("/", "_", "^")
POSTFIX = ("!", "'", "prime")
#: Characters that LaTeX reads as commands; the other characters of the language are among the symbols above.
ESCAPES = {c: "\\" + c for c in "#$%&_{}"} | {"\\": r"\backslash", "^": r"\hat{}", "~": r"\sim"}
TEXT_ESCAPES = ESCAPES | {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"}

SYMBOLS = sorted(
    {
        *OPERATORS,
        *ORDINARY,
        *OTHERS,
        *BIG,
        *LIMITS,
        *FUNCTIONS,
        *ACCENTS,
        *UNARY,
        *FONTS,
        *FENCES,
        *BINARY,
        *LEFT,
        *RIGHT,
        *INFIX,
    },
    key=lambda symbol: (-len(symbol), symbol),
)
TOKEN = re.compile(
    rf"""(?P<text>"[^"]*"?|(?:{"|".join(TEXT)})\s*(?:\([^)]*\)?|\[[^]]*\]?|\{{[^}}]*\}}?))"""
    r"|(?P<number>\d+(?:\.\d+)?)"
    rf"|(?P<symbol>{'|'.join(map(re.escape, SYMBOLS))})"
    r"|\\(?=[^\s\\])|(?P<bar>\|)|(?P<space>\s+)|(?P<other>.)",
    re.DOTALL,
)
#: The LaTeX of each symbol by itself; symbols that take operands have none here.
PLAIN = {
    **OPERATORS, **ORDINARY, **OTHERS, **BIG, **LIMITS, **FUNCTIONS, **LEFT, **RIGHT,
    **{name: f"{tex}{{}}" for name, tex in (UNARY | FONTS).items()},
    **{name: f"{tex}{{}}" for name, (tex, _) in ACCENTS.items()},
    **{name: left + right for name, (left, right) in FENCES.items()},
    **{name: f"{tex}{{}}{{}}" if tex else "" for name, tex in BINARY.items()},
    "/": "/", "_": r"\_", "^": r"\hat{}",
}  # fmt: skip
