"""AsciiMath to LaTeX.

Knows the language as asciimath.org publishes it: its grammar and its table of symbols. Does not know where on
a page formulas stand, nor MathML. Source that is not AsciiMath still gives some LaTeX, with balanced braces.

How it works. A regular expression cuts the source into symbols, always taking the longest one that matches,
as the language requires (``sinx`` is sin x, ``xpi`` is x pi). One pass over them decides which bars open and
which close. Then a recursive descent follows the grammar::

    simple        S = symbol | left E right | unary S | binary S S
    intermediate  I = S | S_S | S^S | S_S^S
    expression    E = I E | I/I

Factorial marks and primes belong to the operand before them (n!/k!, f'(x)/g'(x)), where the official grammar
would require brackets. Brackets around an operand of ``/``, of a script or of a unary symbol only group, and
are removed. The rest is written as an author types it: ``\\left(`` only around content taller than a line,
braces only where needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from stages.render.asciimath_symbols import (
    ACCENTS,
    BIG,
    BINARY,
    ESCAPES,
    FENCES,
    FONTS,
    FUNCTIONS,
    GREEK,
    INFIX,
    LEFT,
    LIMITS,
    PLAIN,
    POSTFIX,
    RIGHT,
    TEXT_ESCAPES,
    UNARY,
)
from stages.render.asciimath_tokens import Token, pair_bars, tokens_of

#: Limit on nested groups and operators; deeper ones are written as plain symbols.
MAX_DEPTH = 60


#: Brackets that only group where an operand is expected.
_GROUPING = frozenset(["(", "[", "{", "{:", "left(", "left[", "left{"])
_MATRICES = {
    ("(", ")"): "pmatrix", ("[", "]"): "bmatrix", ("{", "}"): "Bmatrix", ("|", "|"): "vmatrix",
    ("||", "||"): "Vmatrix", ("{", ":}"): "cases", ("{:", ":}"): "matrix",
}  # fmt: skip
_COLOR = re.compile(r"#?[A-Za-z0-9]+(?:[ ,.!-][A-Za-z0-9]+)*")
#: Symbols in the name of a colour or an id.
MAX_NAME = 40
_TEXT_FRAME = re.compile(r"\A(?:\"|(?:text|mbox)\s*[(\[{])|[)\]}\"]\Z")
_COMMAND_END = re.compile(r"\\[A-Za-z]+\Z")
#: Scripts that need no braces: TeX does not accept every command there.
_SHORT = re.compile(rf"[A-Za-z0-9*]|\\(?:{'|'.join(GREEK.split())}|infty|ast|star|circ|partial|nabla)")


class _Node(NamedTuple):
    tex: str
    tall: bool = False  # taller than a line: brackets around it grow
    spaced: bool = False
    left: str = ""  # of a group: its brackets in AsciiMath, and the content
    right: str = ""
    children: tuple[_Node, ...] = ()
    raised: bool = False  # ends with a superscript


def _escape(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(c, " " if c.isspace() else c) for c in text if c.isprintable() or c.isspace())


def _join(nodes: Sequence[_Node]) -> str:
    out: list[str] = []
    raised = False
    for node in nodes:
        tex = node.tex
        if not tex:
            continue
        if out and (node.spaced or (tex[0].isalpha() and _COMMAND_END.search(out[-1]))):
            out.append(" ")
        if raised and tex.startswith("'"):
            out.append("{}")  # a prime is a superscript itself, and TeX takes no second one
        out.append(tex)
        raised = node.raised
    return "".join(out)


def _fenced(left: str, inner: str, right: str, tall: bool) -> str:
    if tall and (left or right):
        return f"\\left{left or '.'}{_gap(left, inner)}{inner}\\right{right or '.'}"
    return f"{left}{_gap(left, inner)}{inner}{right}"


def _gap(left: str, inner: str) -> str:
    return " " if inner[:1].isalpha() and _COMMAND_END.search(left) else ""


def _bare(node: _Node) -> str:
    """The operand without brackets that only group it."""
    return _join(node.children) if node.left in _GROUPING and node.right else node.tex


def _cells(row: _Node) -> list[list[_Node]]:
    cells: list[list[_Node]] = [[]]
    for node in row.children:
        if node.tex == ",":
            cells.append([])
        else:
            cells[-1].append(node)
    return cells


def _matrix(nodes: list[_Node], left: str, right: str) -> str | None:
    """A matrix: rows in brackets of one kind, separated by commas, with equal numbers of cells; else None."""
    rows = nodes[::2]
    brackets = (rows[0].left, rows[0].right) if rows else ("", "")
    if (
        brackets not in (("(", ")"), ("[", "]"))
        or (brackets[0] == "(" and right == "}")
        or len(nodes) % 2 == 0
    ):
        return None
    if any(node.tex != "," for node in nodes[1::2]) or any((row.left, row.right) != brackets for row in rows):
        return None
    table = [_cells(row) for row in rows]
    width = len(table[0])
    if any(len(cells) != width for cells in table) or (len(table) == 1 and width == 1):
        return None
    lines = [all([node.tex for node in cells[i]] == ["|"] for cells in table) for i in range(width)]
    body = r" \\ ".join(
        " & ".join(_join(cell) for cell, line in zip(cells, lines, strict=True) if not line)
        for cells in table
    )
    if any(lines):
        columns = "".join("|" if line else "c" for line in lines)
        body = rf"\begin{{array}}{{{columns}}} {body} \end{{array}}"
    elif name := _MATRICES.get((left, right)):
        return rf"\begin{{{name}}} {body} \end{{{name}}}"
    else:
        body = rf"\begin{{matrix}} {body} \end{{matrix}}"
    return _fenced(_delimiter(left), body, _delimiter(right), True)


def _delimiter(source: str) -> str:
    if source in LEFT:
        return LEFT[source]
    return RIGHT.get(source, r"\|" if source == "||" else source)


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = pair_bars(tokens_of(source))
        self.at = 0

    def formula(self) -> str:
        nodes: list[_Node] = []
        while self.at < len(self.tokens):
            nodes += self.expression(0)
            if self.at < len(self.tokens):  # a bracket that closes nothing
                nodes.append(self.plain(self.take()))
        return _join(nodes)

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self) -> str:
        """The next symbol; "" at the end of the group."""
        if self.at == len(self.tokens):
            return ""
        token = self.tokens[self.at]
        return "" if token.source in RIGHT or token.kind == "close" else token.source

    def expression(self, depth: int) -> list[_Node]:
        nodes: list[_Node] = []
        while self.peek():
            node = self.intermediate(depth)
            if self.peek() == "/":
                self.at += 1
                node = _Node(
                    rf"\frac{{{_bare(node)}}}{{{_bare(self.operand(depth, self.intermediate))}}}",
                    True,
                    node.spaced,
                )
            nodes.append(node)
        return nodes

    def intermediate(self, depth: int) -> _Node:
        symbol = self.peek()
        spaced = bool(symbol) and self.tokens[self.at].spaced
        base = _Node("{}") if symbol in ("_", "^") else self.simple(depth)
        while self.peek() in POSTFIX and not self.tokens[self.at].spaced:
            mark = self.plain(self.take())
            base = _Node(_join([base, mark]), base.tall, spaced)
            if symbol in ("f", "g") and self.peek() in LEFT and depth < MAX_DEPTH:
                argument = self.argument(depth)
                base = _Node(base.tex + argument.tex, argument.tall, spaced)
        scripts: dict[str, str] = {}
        while (script := self.peek()) in ("_", "^") and script not in scripts:
            self.at += 1
            inner = _bare(self.operand(depth, self.simple))
            scripts[script] = inner if _SHORT.fullmatch(inner) else f"{{{inner}}}"
        if not scripts:
            return base
        tex = base.tex + "".join(mark + scripts[mark] for mark in "_^" if mark in scripts)
        tall = base.tall or symbol in LIMITS
        node = _Node(tex, tall, spaced, raised="^" in scripts)
        if symbol in FUNCTIONS and depth < MAX_DEPTH and self.applies(symbol):
            # sin^2 x is one operand
            argument = self.intermediate(depth + 1)
            node = _Node(_join([node, argument]), tall or argument.tall, spaced, raised=argument.raised)
        return node

    def applies(self, function: str) -> bool:
        """Whether what follows is the argument of the function; for f and g only if it is in brackets."""
        following = self.peek()
        if following in ("", ",", *INFIX) or self.tokens[self.at].kind == "bar":
            return False
        return len(function) > 1 or following in LEFT

    def operand(self, depth: int, parse: Callable[[int], _Node]) -> _Node:
        """The operand after an infix, where a minus belongs to the symbol directly after it."""
        if self.peek() == "-" and self.at + 1 < len(self.tokens) and not self.tokens[self.at + 1].spaced:
            self.at += 1
            node = parse(depth)
            return _Node("-" + node.tex, node.tall)
        return parse(depth)

    def argument(self, depth: int) -> _Node:
        return self.simple(depth + 1)

    def simple(self, depth: int) -> _Node:
        if not self.peek():
            return _Node("")
        token = self.take()
        if depth >= MAX_DEPTH:
            return self.plain(token)
        symbol = token.source
        node = self.plain(token)
        if token.kind == "open" or symbol in LEFT:
            node = self.group(token, depth)
        elif symbol in FUNCTIONS:
            if self.applies(symbol):
                argument = self.argument(depth)
                node = _Node(_join([node, argument]), argument.tall)
        elif symbol in UNARY:
            argument = self.argument(depth)
            tall = argument.tall or "brace" in symbol
            node = _Node(f"{UNARY[symbol]}{{{_bare(argument)}}}", tall)
        elif symbol in ACCENTS:
            argument = self.argument(depth)
            inner = _bare(argument)
            short, wide = ACCENTS[symbol]
            node = _Node(f"{short if _SHORT.fullmatch(inner) else wide}{{{inner}}}", argument.tall)
        elif symbol in FONTS:
            text = self.at < len(self.tokens) and self.tokens[self.at].kind == "text"
            argument = self.argument(depth)
            inner = argument.tex.removeprefix(r"\text{").removesuffix("}") if text else _bare(argument)
            node = _Node(f"{FONTS[symbol]}{{{inner}}}", argument.tall)
        elif symbol in FENCES:
            argument = self.argument(depth)
            left, right = FENCES[symbol]
            node = _Node(_fenced(left, _bare(argument), right, argument.tall), argument.tall)
        elif symbol in BINARY:
            node = self.binary(symbol, depth)
        return node._replace(spaced=token.spaced)

    def binary(self, symbol: str, depth: int) -> _Node:
        if symbol in ("color", "id", "class"):
            name = self.raw()
            argument = self.argument(depth)
            if symbol != "color" or not _COLOR.fullmatch(name):
                return argument
            return _Node(rf"\color{{{name}}}{{{_bare(argument)}}}", argument.tall)
        first, second = self.argument(depth), self.argument(depth)
        if symbol == "root":
            index = _bare(first)
            index = f"{{{index}}}" if "[" in index or "]" in index else index
            return _Node(rf"\sqrt[{index}]{{{_bare(second)}}}", second.tall)
        return _Node(f"{BINARY[symbol]}{{{_bare(first)}}}{{{_bare(second)}}}", True)

    def raw(self) -> str:
        """The source in the brackets that follow, unchanged."""
        if self.peek() not in LEFT:
            return self.simple(MAX_DEPTH).tex
        start = self.tokens[self.at].start + len(self.tokens[self.at].source)
        for end in range(self.at + 1, min(self.at + MAX_NAME, len(self.tokens))):
            if self.tokens[end].source in RIGHT:
                self.at = end + 1
                return self.source[start : self.tokens[end].start].strip()
        return ""

    def group(self, token: Token, depth: int) -> _Node:
        left = token.source
        nodes = self.expression(depth + 1)
        closing = self.tokens[self.at] if self.at < len(self.tokens) else None
        if closing is None or (closing.kind == "close") != (token.kind == "open"):
            return _Node(_fenced(_delimiter(left), _join(nodes), "", False))
        self.at += 1
        right = closing.source
        if (matrix := _matrix(nodes, left, right)) is not None:
            return _Node(matrix, True)
        tall = any(node.tall for node in nodes)
        tex = _fenced(_delimiter(left), _join(nodes), _delimiter(right), tall)
        return _Node(tex, tall, left=left, right=right, children=tuple(nodes))

    def plain(self, token: Token) -> _Node:
        """The symbol by itself."""
        symbol = token.source
        tall = False
        if token.kind == "text":
            body = _TEXT_FRAME.sub("", symbol)
            tex = rf"\text{{{_escape(body, TEXT_ESCAPES)}}}"
        elif token.kind in ("open", "close", "bar"):
            tex = r"\mid" if token.kind == "bar" and token.spaced else _delimiter(symbol)
        elif symbol in PLAIN:
            tex = PLAIN[symbol]
            tall = symbol in BIG
        else:
            tex = _escape(symbol, ESCAPES)
        return _Node(tex, tall, token.spaced)


def to_latex(source: str) -> str:
    """AsciiMath without delimiters as LaTeX without delimiters; takes time in proportion to its length."""
    return _Parser(source).formula()
