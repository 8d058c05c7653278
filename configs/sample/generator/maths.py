r"""Formulas in the carriers that web pages use, from one LaTeX source.

A small parser reads the subset of LaTeX that the texts use into a tree; the tree is written as presentation
MathML, as KaTeX's and MathJax's spans and as AsciiMath. Carriers that keep the source as it is (raw
delimiters, images, scripts) need no tree.

This module knows formulas and their markup. It does not know pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S")
GREEK = dict(
    zip(
        ["pi", "mu", "sigma", "lambda", "theta", "gamma", "varphi", "alpha", "beta"], "πμσλθγφαβ", strict=True
    )
)
OPERATORS = {
    "pm": "±", "ne": "≠", "to": "→", "infty": "∞", "cdot": "⋅", "cdots": "⋯", "ldots": "…", "mid": "|",
    "approx": "≈", "sum": "∑", "int": "∫", "lim": "lim",
}  # fmt: skip
ASCII_OPERATORS = {
    "≈": "~~",
    "±": "+-",
    "≠": "!=",
    "→": "->",
    "∞": "oo",
    "⋅": "*",
    "⋯": "cdots",
    "…": "ldots",
}
FUNCTIONS = {"sin", "cos", "ln", "log"}


@dataclass(frozen=True)
class Node:
    """One node: ``mi``, ``mn``, ``mo`` with ``text``; ``mrow``, ``mfrac``, ``msqrt`` … with ``children``."""

    tag: str
    text: str = ""
    children: tuple[Node, ...] = ()


class _Parser:
    def __init__(self, latex: str) -> None:
        self.tokens = TOKEN.findall(latex)
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def row(self, end: str = "") -> Node:
        children = []
        while self.peek() and self.peek() != end:
            children.append(self.scripted())
        self.next()
        return children[0] if len(children) == 1 else Node("mrow", children=tuple(children))

    def argument(self) -> Node:
        if self.peek() == "{":
            self.next()
            return self.row("}")
        return self.atom()

    def scripted(self) -> Node:
        base = self.atom()
        below = above = None
        while self.peek() in ("_", "^", "'"):
            mark = self.next()
            if mark == "_":
                below = self.argument()
            elif mark == "^":
                above = self.argument()
            else:
                above = Node("mo", "″" if above else "′")
        under = base.text in ("∑", "lim")
        if below and above:
            return Node("munderover" if under else "msubsup", children=(base, below, above))
        if below:
            return Node("munder" if under else "msub", children=(base, below))
        return Node("msup", children=(base, above)) if above else base

    def atom(self) -> Node:
        token = self.next()
        name = token[1:]
        if token == "{":
            return self.row("}")
        if not token.startswith("\\"):
            tag = "mn" if token[0].isdigit() else "mi" if token.isalpha() else "mo"
            return Node(tag, "−" if token == "-" else token)
        if name in ("frac", "binom"):
            return Node("m" + name, children=(self.argument(), self.argument()))
        if name in ("sqrt", "overline"):
            return Node("m" + name, children=(self.argument(),))
        if name in ("left", "right"):
            return Node("mo", self.next())
        if name == ",":
            return Node("mspace")
        if name in GREEK or name in FUNCTIONS:
            return Node("mi", GREEK.get(name, name))
        if name in OPERATORS:
            return Node("mo", OPERATORS[name])
        raise ValueError(f"no rule for {token} in a formula of the sample")


def parse(latex: str) -> Node:
    """The tree of a formula; ``ValueError`` names a command that the subset lacks."""
    return _Parser(latex).row()


def mathml(node: Node) -> str:
    """Presentation MathML without the ``math`` element around it."""
    inner = "".join(mathml(child) for child in node.children)
    if node.tag == "mspace":
        return '<mspace width="0.167em"></mspace>'
    if node.tag == "mbinom":
        return f'<mrow><mo>(</mo><mfrac linethickness="0">{inner}</mfrac><mo>)</mo></mrow>'
    if node.tag == "moverline":
        return f'<mover accent="true">{inner}<mo>¯</mo></mover>'
    return f"<{node.tag}>{escape(node.text)}{inner}</{node.tag}>"


def glyphs(node: Node) -> str:
    """The characters of a formula from left to right: what a naive text extraction shows."""
    return node.text + "".join(glyphs(child) for child in node.children)


def asciimath(node: Node) -> str:
    """The formula in AsciiMath, as MathJax's input jax and ASCIIMathML read it."""
    parts = [asciimath(child) for child in node.children]
    if node.tag == "mfrac":
        return f"({parts[0]})/({parts[1]})"
    if node.tag == "msqrt":
        return f"sqrt({parts[0]})"
    if node.tag in ("msub", "msup"):
        return f"{parts[0]}{'_' if node.tag == 'msub' else '^'}({parts[1]})"
    if node.tag == "msubsup":
        return f"{parts[0]}_({parts[1]})^({parts[2]})"
    if node.children:
        return " ".join(parts)
    names = {sign: name for name, sign in GREEK.items()}
    return names.get(node.text, ASCII_OPERATORS.get(node.text, node.text.replace("−", "-")))


def _math(latex: str, display: bool, *, annotation: str = "", alttext: bool = False) -> str:
    attributes = ' xmlns="http://www.w3.org/1998/Math/MathML"'
    if alttext:
        attributes += f' alttext="{escape(latex)}" class="ltx_Math"'
    attributes += f' display="{"block" if display else "inline"}"'
    body = mathml(parse(latex))
    if annotation:
        note = f'<annotation encoding="application/x-tex">{escape(annotation)}</annotation>'
        body = f"<semantics>{body if body.startswith('<mrow') else f'<mrow>{body}</mrow>'}{note}</semantics>"
    return f"<math{attributes}>{body}</math>"


def _script(latex: str, display: bool) -> str:
    return f'<script type="math/tex{"; mode=display" if display else ""}">{latex}</script>'


def _script_with_preview(latex: str, display: bool) -> str:
    return f'<span class="MathJax_Preview">{escape(glyphs(parse(latex)))}</span>{_script(latex, display)}'


def _katex_spans(node: Node) -> str:
    if node.children:
        return f'<span class="mord {node.tag}">{"".join(map(_katex_spans, node.children))}</span>'
    return f'<span class="{"mathnormal" if node.tag == "mi" else "mord"}">{escape(node.text)}</span>'


def _katex(latex: str, display: bool) -> str:
    html = f'<span class="katex-html" aria-hidden="true">{_katex_spans(parse(latex))}</span>'
    source = f'<span class="katex-mathml">{_math(latex, display, annotation=latex)}</span>'
    span = f'<span class="katex">{source}{html}</span>'
    return f'<span class="katex-display">{span}</span>' if display else span


def _chtml_glyphs(node: Node) -> str:
    # MathJax draws glyphs with CSS: the elements are empty and name the code point in their class.
    signs = "".join(f'<mjx-c class="mjx-c{ord(sign):X}"></mjx-c>' for sign in node.text)
    return f"<mjx-{node.tag}>{signs}{''.join(map(_chtml_glyphs, node.children))}</mjx-{node.tag}>"


def _chtml(latex: str, display: bool, container: str = "", inner: str = "", assistive: bool = False) -> str:
    mode = ' display="true"' if display else ""
    twin = ""
    if assistive:
        twin = f'<mjx-assistive-mml unselectable="on">{_math(latex, display)}</mjx-assistive-mml>'
    drawn = f'<mjx-math class="MJX-TEX" aria-hidden="true"{inner}>{_chtml_glyphs(parse(latex))}</mjx-math>'
    return f'<mjx-container class="MathJax" jax="CHTML"{mode}{container}>{drawn}{twin}</mjx-container>'


def _mwe(latex: str, display: bool) -> str:
    source = f"{{\\displaystyle {latex}}}"
    kind = "display" if display else "inline"
    hidden = _math(latex, display, annotation=source)
    return (
        f'<span class="mwe-math-element"><span class="mwe-math-mathml-{kind} mwe-math-mathml-a11y" '
        f'style="display: none;">{hidden}</span><img src="/math/svg/{len(latex)}" '
        f'class="mwe-math-fallback-image-{kind}" aria-hidden="true" alt="{escape(source)}"></span>'
    )


def _image(latex: str, display: bool, *, alt: bool) -> str:
    service = (
        "https://latex.codecogs.example/svg.image?" if display else "https://s0.wp.example/latex.php?latex="
    )
    end = "" if display else "&amp;bg=ffffff&amp;fg=000000"
    label = f' alt="{escape(latex)}"' if alt else ""
    return f'<img class="latex" src="{service}{quote(latex)}{end}"{label}>'


def _raw(latex: str, left: str, right: str) -> str:
    lines = latex.replace("\\\\ ", "\\\\\n")
    return escape(left + lines + right, quote=False)


CARRIERS: dict[str, Callable[[str, bool], str]] = {
    "mathml-annotation": lambda tex, display: _math(tex, display, annotation=tex),
    "mathml-alttext": lambda tex, display: _math(tex, display, alttext=True),
    "mathml-presentation": lambda tex, display: _math(tex, display),
    "script-tex": _script_with_preview,
    "script-tex-only": _script,
    "katex": _katex,
    "mathjax-chtml": lambda tex, display: _chtml(tex, display, assistive=True),
    "mathjax-label": lambda tex, display: _chtml(tex, display, f' role="img" aria-label="{escape(tex)}"'),
    "mathjax-data": lambda tex, display: _chtml(tex, display, inner=f' data-latex="{escape(tex)}"'),
    "img-alt": lambda tex, display: _image(tex, display, alt=True),
    "img-src": lambda tex, display: _image(tex, display, alt=False),
    "mwe-math": _mwe,
    "raw-paren": lambda tex, display: _raw(tex, *(("\\[", "\\]") if display else ("\\(", "\\)"))),
    "raw-dollar": lambda tex, display: _raw(tex, *(("$$", "$$") if display else ("$", "$"))),
    "raw-environment": lambda tex, display: _raw(tex, *(("\\[\n", "\n\\]") if display else ("\\(", "\\)"))),
    "asciimath": lambda tex, display: f"`{escape(asciimath(parse(tex)), quote=False)}`",
}

#: What the head of a page must load for its formulas to be drawn.
HEAD = {
    "script-tex": '<script src="/static/MathJax.js?config=TeX-AMS_HTML"></script>',
    "script-tex-only": '<script src="/static/MathJax.js?config=TeX-AMS_HTML"></script>',
    "katex": '<link rel="stylesheet" href="/static/katex.min.css">',
    "raw-paren": '<script src="/static/tex-chtml.js" async></script>',
    "raw-dollar": "<script>MathJax = {tex: {inlineMath: [['$', '$']]}};</script>"
    '<script src="/static/tex-chtml.js" async></script>',
    "raw-environment": '<script src="/static/tex-chtml.js" async></script>',
    "asciimath": '<script src="/static/MathJax.js?config=AM_CHTML"></script>',
}
