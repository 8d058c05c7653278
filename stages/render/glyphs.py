"""What MathJax 3 and 4 have drawn, read back: ``to_latex(drawn) -> str``.

A crawler that runs scripts saves formulas as MathJax drew them; without the MathML for screen readers they
are nothing but drawing. Its CHTML has an element for each of MathML (``<mjx-mi>``) and a class for each
letter (``mjx-c1D465``: U+1D465), with boxes between them that only set the place; its SVG has the same in
attributes (``data-mml-node``, ``data-c``). Knows these drawings. Makes MathML of them, of which ``mathml``
makes LaTeX; does not know which formulas of a page have nothing better (``carriers``).
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render import mathml

#: Elements of one formula; a larger one is not read.
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
#: Elements of MathML that are made again; all others hand their content to what is around them.
_BUILT = frozenset(
    str.split("msup msub msubsup munder mover munderover mfrac msqrt mroot mtable mtr mtd mspace mlabeledtr")
)
#: Boxes of CHTML that say what their content is to the element around them.
_PARTS = frozenset(str.split("num den base over under script root"))
#: Not content: struts, rules and signs of roots, labels, copies for screen readers.
_DROPPED = frozenset(
    str.split(
        "surd line nstrut dstrut tstrut spacer mark labels assistive-mml mphantom annotation annotation-xml"
    )
)
#: Of these nothing can be told from the drawing alone.
_UNREADABLE = frozenset(["mmultiscripts", "merror"])
#: Brackets and braces that are put together of pieces, by the first piece.
_ASSEMBLED = {"⎛": "(", "⎞": ")", "⎡": "[", "⎤": "]", "⎧": "{", "⎫": "}", "⎰": "{", "⎱": "}"}
_ASSEMBLED |= {"\ue150": "⏞", "\ue152": "⏟"}


class _Part(NamedTuple):
    """Content of an element: MathML, and what it is to the element around it."""

    role: str  # one of _PARTS, the name of the element, or "char" for letters of a token
    mathml: str
    height: float  # above the line, in SVG


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
    """The element's name in MathML, or of its box in CHTML; "" if it is none of either."""
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
            stack[-1].parts.append(_Part("rule", "", 0.0))
        elif char := _char(node, name):
            stack[-1].parts.append(_Part("char", char, 0.0))
        elif name in _DROPPED or "data-labels" in node.attributes or node.tag in ("defs", "title", "style"):
            pass
        else:
            stack.append(_Open(node, name, []))
            node = node.first_child
            continue
        node = node.next


def _char(node: LexborNode, name: str) -> str:
    """The letters that an element draws by itself, with the font where that says more than their codes."""
    attributes = node.attributes
    font = ""
    if name == "c" or name.startswith("stretchy"):
        classes = attributes.get("class") or ""
        code = match[1] if (match := _CLASS_CODE.search(classes)) else ""
        font = classes
    elif code := attributes.get("data-c") or "":
        font = attributes.get("xlink:href") or attributes.get("href") or ""
    elif name == "utext" or node.tag == "text":
        return html.escape(node.text())
    if not code:
        return html.escape(node.text()) if name == "c" else ""
    try:
        char = chr(int(code, 16))
    except ValueError:
        return ""
    if char.isascii() and char.isalpha() and (found := _FONT.search(font)) and found[1] in _VARIANTS:
        return f"{_VARIANTS[found[1]]}:{char}"
    return html.escape(char)


def _row(parts: list[_Part]) -> str:
    return "".join([part.mathml for part in parts])


def _group(parts: list[_Part]) -> str:
    return parts[0].mathml if len(parts) == 1 else f"<mrow>{_row(parts)}</mrow>"


def _closed(element: _Open) -> list[_Part]:
    """What an element gives to the one around it, once all that is in it has been read."""
    node, name, parts = element
    attributes = node.attributes
    match = _HEIGHT.search(attributes.get("transform") or "")
    height = float(match[1]) if match else 0.0
    if name in _TOKENS:
        return [_Part(name, _token(name, attributes.get("class") or "", parts), height)]
    if name in _PARTS:
        # The scripts on both sides of a base are two, first the upper one.
        return (
            [_Part(name, part.mathml, 0.0) for part in parts]
            if name == "script"
            else [_Part(name, _group(parts), height)]
        )
    if name == "mspace":
        width = _WIDTH.search(attributes.get("style") or "")
        return [_Part(name, f'<mspace width="{width[1]}"></mspace>' if width else "", height)]
    if name == "frac" and "atop" in attributes:
        return [*parts, _Part("atop", "", 0.0)]
    if name not in _BUILT:
        # An element of MathML is one thing to what is around it, however much is in it.
        one = bool(attributes.get("data-mml-node")) or name.startswith("m") or name == "texatom"
        return [_Part(name, _group(parts), height)] if one and len(parts) != 1 else parts
    return [_Part(name, _built(name, parts), height)]


def _token(name: str, classes: str, parts: list[_Part]) -> str:
    letters = [part.mathml for part in parts if part.role == "char"]
    if name == "mo" and (assembled := [letter for letter in letters if letter in _ASSEMBLED]):
        letters = [_ASSEMBLED[assembled[0]]]
    variants = {letter.partition(":")[0] for letter in letters if len(letter) > 2 and letter[-2] == ":"}
    text = "".join(
        [letter.rpartition(":")[2] if len(letter) > 2 and letter[-2] == ":" else letter for letter in letters]
    )
    variant = ""
    if len(variants) == 1:
        variant = f' mathvariant="{variants.pop()}"'
    elif name == "mi" and len(text) == 1 and text.isascii() and text.isalpha():
        variant = ' mathvariant="normal"'  # others are drawn with letters that are italic by their codes
    return f"<{name}{variant}>{text}</{name}>"


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
    # CHTML says that there is no rule, SVG draws none.
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
        if not scripts:  # SVG: all are behind the base, and only their places tell them apart
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
    limits = name in ("munder", "mover", "munderover")
    tag = (
        ("munderover" if limits else "msubsup")
        if over and under
        else (("mover" if limits else "msup") if over else ("munder" if limits else "msub"))
    )
    return f"<{tag}>{base}{''.join(under)}{''.join(over)}</{tag}>"
