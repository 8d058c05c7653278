"""Reads formulas back from the output of MathJax 3 and 4: ``to_latex(drawn) -> str``.

A crawler that runs scripts saves formulas as MathJax drew them; without the MathML for screen readers, the
drawing is all there is. MathJax's CHTML has an element for each element of MathML (``<mjx-mi>``) and a class
for each letter (``mjx-c1D465``: U+1D465), with boxes between them that only position; its SVG has the same in
attributes (``data-mml-node``, ``data-c``). Knows these drawings. Converts them to MathML, which ``mathml``
converts to LaTeX; does not know which formulas of a page have no better form (``carriers``).
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render import mathml

#: Limit on elements of one formula; a larger one is not read.
_MAX_NODES = 20_000

_CLASS_CODE = re.compile(r"(?:^|\s)mjx-c([0-9A-F]{2,6})(?=\s|$)")
_FONT = re.compile(r"TEX-([A-Z]+)")
#: Fonts whose letters have the codes of plain ones.
_VARIANTS = {
    "C": "script",
    "SC": "script",
    "FR": "fraktur",
    "A": "double-struck",
    "SS": "sans-serif",
    "T": "monospace",
}
_WIDTH = re.compile(r"width:\s*(-?[\d.]+em)")
_HEIGHT = re.compile(r"translate\([^,)]*,\s*(-?[\d.]+)")

_TOKENS = frozenset(["mi", "mn", "mo", "mtext", "ms"])
#: Elements of MathML that are rebuilt; all others pass their content to the element around them.
_BUILT = frozenset(
    str.split("msup msub msubsup munder mover munderover mfrac msqrt mroot mtable mtr mtd mspace mlabeledtr")
)
#: Boxes of CHTML that give the role of their content in the element around them.
_PARTS = frozenset(str.split("num den base over under script root"))
#: Not content: struts, rules and signs of roots, labels, copies for screen readers.
_DROPPED = frozenset(
    str.split(
        "surd line nstrut dstrut tstrut spacer mark labels assistive-mml mphantom annotation annotation-xml"
    )
)
#: Elements that cannot be reconstructed from the drawing alone.
_UNREADABLE = frozenset(["mmultiscripts", "merror"])
#: Brackets and braces that are drawn in pieces, by the first piece.
_ASSEMBLED = {"⎛": "(", "⎞": ")", "⎡": "[", "⎤": "]", "⎧": "{", "⎫": "}", "⎰": "{", "⎱": "}"}
_ASSEMBLED |= {"\ue150": "⏞", "\ue152": "⏟"}


class _Part(NamedTuple):
    """Content of an element: MathML, and its role in the element around it."""

    role: str  # one of _PARTS, the name of the element, or "char" for letters of a token
    mathml: str
    height: float = 0.0  # above the line, in SVG
    variant: str = ""  # mathvariant of a letter, if its font says more than its code point


class _Open(NamedTuple):
    node: LexborNode
    name: str
    parts: list[_Part]


def to_latex(drawn: LexborNode) -> str:
    """LaTeX of a ``<mjx-math>`` or of the ``<svg>`` of an ``<mjx-container>``; "" if it cannot be read."""
    parts = _parts(drawn)
    if not parts:
        return ""
    math = LexborHTMLParser(f"<math>{_row(parts)}</math>").css_first("math")
    return "" if math is None else mathml.to_latex(math)


def _name(node: LexborNode) -> str:
    """The element's name in MathML, or that of its CHTML box; "" if it is neither."""
    if kind := node.attributes.get("data-mml-node"):
        return kind.lower()
    tag = node.tag or ""
    return tag.removeprefix("mjx-") if tag.startswith("mjx-") else ""


def _parts(drawn: LexborNode) -> list[_Part]:
    """The content of the drawing, without recursion; nothing if it is not readable."""
    stack = [_Open(drawn, "math", [])]
    node = drawn.first_child
    seen = 0
    while True:
        while node is None:
            done = stack.pop()
            if not stack:
                return done.parts
            stack[-1].parts.extend(_closed(done))
            node = done.node.next
        seen += 1
        if seen > _MAX_NODES:
            return []
        if not node.is_element_node:
            node = node.next
            continue
        name = _name(node)
        if name in _UNREADABLE:
            return []
        if node.tag == "rect" and stack[-1].name == "mfrac":
            stack[-1].parts.append(_Part("rule", ""))
        elif (char := _char(node, name)) is not None:
            stack[-1].parts.append(char)
        elif name in _DROPPED or "data-labels" in node.attributes or node.tag in ("defs", "title", "style"):
            pass
        else:
            stack.append(_Open(node, name, []))
            node = node.first_child
            continue
        node = node.next


def _char(node: LexborNode, name: str) -> _Part | None:
    """The letter, or the text, that an element draws by itself."""
    attributes = node.attributes
    if name == "c" or name.startswith("stretchy"):
        font = attributes.get("class") or ""
        code = match[1] if (match := _CLASS_CODE.search(font)) else ""
    else:
        font = attributes.get("xlink:href") or attributes.get("href") or ""
        code = attributes.get("data-c") or ""
    try:
        char = chr(int(code, 16)) if code else ""
    except ValueError:
        return None
    if not char:
        text = node.text() if name in ("c", "utext") or node.tag == "text" else ""
        return _Part("char", html.escape(text)) if text else None
    plain = char.isascii() and char.isalpha()
    named = _FONT.search(font) if plain else None
    return _Part("char", html.escape(char), variant=_VARIANTS.get(named[1], "") if named else "")


def _row(parts: list[_Part]) -> str:
    return "".join([part.mathml for part in parts])


def _group(parts: list[_Part]) -> str:
    return parts[0].mathml if len(parts) == 1 else f"<mrow>{_row(parts)}</mrow>"


def _closed(element: _Open) -> list[_Part]:
    """The parts that an element passes to the one around it, once all of its content has been read."""
    node, name, parts = element
    attributes = node.attributes
    match = _HEIGHT.search(attributes.get("transform") or "")
    height = float(match[1]) if match else 0.0
    if name in _TOKENS:
        return [_Part(name, _token(name, parts), height)]
    if name in _PARTS:
        # If a base has both scripts, the superscript comes first.
        return (
            [_Part(name, part.mathml) for part in parts]
            if name == "script"
            else [_Part(name, _group(parts), height)]
        )
    if name == "mspace":
        width = _WIDTH.search(attributes.get("style") or "")
        return [_Part(name, f'<mspace width="{width[1]}"></mspace>' if width else "", height)]
    if name == "frac" and "atop" in attributes:
        return [*parts, _Part("atop", "")]
    if name not in _BUILT:
        # An element of MathML is one part of the element around it, however much it contains.
        one = bool(attributes.get("data-mml-node")) or name.startswith("m") or name == "texatom"
        return [_Part(name, _group(parts), height)] if one and len(parts) != 1 else parts
    return [_Part(name, _built(name, parts), height)]


def _token(name: str, parts: list[_Part]) -> str:
    letters = [part for part in parts if part.role == "char"]
    text = "".join([letter.mathml for letter in letters])
    if name == "mo":
        text = next((_ASSEMBLED[letter.mathml] for letter in letters if letter.mathml in _ASSEMBLED), text)
    variants = {letter.variant for letter in letters}
    variant = variants.pop() if len(variants) == 1 else ""
    if not variant and name == "mi" and len(text) == 1 and text.isascii() and text.isalpha():
        variant = "normal"  # others are drawn with letters whose code points are italic
    return f'<{name} mathvariant="{variant}">{text}</{name}>' if variant else f"<{name}>{text}</{name}>"


def _built(name: str, parts: list[_Part]) -> str:
    if name in ("mtable", "mtr", "mlabeledtr", "mtd"):
        tag = "mtr" if name == "mlabeledtr" else name
        return f"<{tag}>{_row(parts)}</{tag}>"
    if name == "mfrac":
        return _fraction(parts)
    if name in ("msqrt", "mroot"):
        index = [part for part in parts if part.role == "root"]
        content = [part for part in parts if part.role != "root" and part.mathml != "<mo>√</mo>"]
        if name == "mroot" and not index and len(content) > 1:  # SVG draws it behind
            index = [content.pop()]
        return (
            f"<mroot>{_group(content)}{index[0].mathml}</mroot>"
            if index
            else f"<msqrt>{_row(content)}</msqrt>"
        )
    return _scripts(name, parts)


def _fraction(parts: list[_Part]) -> str:
    above = [part for part in parts if part.role == "num"]
    below = [part for part in parts if part.role == "den"]
    if not above or not below:
        plain = [part for part in parts if part.mathml]
        if len(plain) != 2:
            return f"<mrow>{_row(parts)}</mrow>"
        above, below = plain[:1], plain[1:]
    # CHTML declares that there is no fraction bar, SVG just draws none.
    roles = {part.role for part in parts}
    bare = "atop" in roles or not roles.intersection(("num", "rule"))
    rule = ' linethickness="0"' if bare else ""
    return f"<mfrac{rule}>{above[0].mathml}{below[0].mathml}</mfrac>"


def _scripts(name: str, parts: list[_Part]) -> str:
    by_role: dict[str, list[str]] = {}
    for part in parts:
        by_role.setdefault(part.role if part.role in _PARTS else "", []).append(part.mathml)
    plain = by_role.get("", [])
    scripts = by_role.get("script", [])
    base = "".join(by_role.get("base", plain[:1]))
    over, under = by_role.get("over", []), by_role.get("under", [])
    if not over and not under:
        if not scripts:  # SVG: all follow the base, and only their positions distinguish them
            behind = [part for part in parts if part.role not in _PARTS][1:]
            scripts = [part.mathml for part in sorted(behind, key=lambda part: -part.height)]
        if not scripts:
            return base
        if len(scripts) > 1:
            over, under = scripts[:1], scripts[1:2]
        elif name in ("msub", "munder"):
            under = scripts
        else:
            over = scripts
    below, above = ("under", "over") if name in ("munder", "mover", "munderover") else ("sub", "sup")
    tag = "m" + below * bool(under) + above * bool(over)
    return f"<{tag}>{base}{''.join(under)}{''.join(over)}</{tag}>"
