"""The DOM of a formula as a small tree of its own: tokens with their text, everything else with its children.

Knows how an HTML parser represents MathML: prefixes in names, void elements that are not void, misplaced
text, formulas inside <mtext>. Copies without recursion, so that nesting costs nothing; elements deeper than
``MAX_DEPTH`` pass their tokens to the ancestor at that depth. Does not know what the elements mean.
"""

from __future__ import annotations

from selectolax.lexbor import LexborNode

from stages.render.mathml.atoms import Atom

#: Formulas written by hand nest to about 30, generated ones (a continued fraction of 20 terms) to about 80.
#: Text is copied once per level, so the cap also bounds the cost.
MAX_DEPTH = 200

TOKENS = frozenset(("mi", "mn", "mo", "mtext", "ms", "ci", "cn", "csymbol"))
#: Elements whose children after the first are scripts.
SCRIPTED = frozenset(("msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts"))
_VOID = frozenset(("mspace", "none", "mprescripts", "mglyph"))  # never have children
_FORMULA = frozenset(("math",))
_HOLDERS = frozenset(("mrow", "mfrac", "msqrt", "mroot", "mstyle", "mtable", "mfenced", "mpadded"))
_NO_TEXT = TOKENS | SCRIPTED | _FORMULA | _HOLDERS
_SKIPPED = frozenset(("annotation", "annotation-xml", "script", "style", "maligngroup", "malignmark"))


class Node:
    """An element; ``row`` holds its atoms once its children have been converted."""

    __slots__ = ("attrs", "children", "parent", "row", "tag", "text", "tight", "variant")

    def __init__(self, tag: str, attrs: dict[str, str | None], parent: Node | None) -> None:
        self.tag = tag
        self.attrs = attrs
        self.children: list[Node] = []
        self.parent = parent
        self.text = ""
        self.tight: bool = parent is not None and parent.tight  # in a script
        self.variant: str = parent.variant if parent is not None else ""
        self.row: list[Atom] = []

    def rest(self, count: int) -> list[Atom]:
        """The atoms of all children but the first ``count``."""
        return [atom for child in self.children[count:] for atom in child.row]

    def get(self, name: str) -> str:
        return (self.attrs.get(name) or "").strip()


def tree(math: LexborNode) -> list[Node]:
    """The nodes below ``math``, parents before their children; the first is the formula."""
    root = Node("math", math.attributes, None)
    root.variant = root.get("mathvariant")
    order = [root]
    # prose: inside an <mtext> that holds formulas (LaTeXML), where text is words and HTML elements do not
    # count
    stack: list[tuple[LexborNode | None, Node, int, bool]] = [(math.child, root, 1, False)]
    while stack:
        dom, parent, depth, prose = stack.pop()
        while dom is not None:
            if dom.is_text_node:
                text = dom.text_content or ""
                if text.strip() or prose:
                    order.append(_child(parent, "mtext" if prose else "chars", {}, text))
            elif dom.is_element_node:
                tag = (dom.tag or "").rpartition(":")[2]
                text_or_none = _text(dom) if tag in TOKENS and not prose else None
                inside = False  # its children become children of the parent
                if text_or_none is not None:
                    order.append(_child(parent, tag, dom.attributes, text_or_none))
                elif (prose and tag != "math") or depth >= MAX_DEPTH or tag == "mtext":
                    inside = tag not in _SKIPPED
                elif tag in TOKENS:  # KaTeX: <mi><mover>...</mover></mi>
                    order.append(_child(parent, "mrow", {}, ""))
                    stack.append((dom.child, order[-1], depth + 1, False))
                elif tag in _VOID:
                    order.append(_child(parent, tag, dom.attributes, ""))
                    inside = True  # <mml:none/> is not void in HTML: following siblings become children
                elif tag not in _SKIPPED or (tag == "annotation-xml" and _presents(dom)):
                    node = _child(parent, tag, dom.attributes, "")
                    order.append(node)
                    stack.append((dom.child, node, depth + 1, False))
                if inside and dom.child is not None:
                    stack.append((dom.next, parent, depth, prose))
                    prose = prose or tag == "mtext"
                    dom = dom.child
                    continue
            dom = dom.next
    return order


def _child(parent: Node, tag: str, attrs: dict[str, str | None], text: str) -> Node:
    node = Node(tag, attrs, parent)
    node.text = text
    if parent.tag in SCRIPTED and parent.children:
        node.tight = True
    if tag in ("mstyle", "mi", "mn", "mo", "mtext", "ms") and attrs.get("mathvariant"):
        node.variant = node.get("mathvariant").lower()
    parent.children.append(node)
    return node


def _presents(annotation: LexborNode) -> bool:
    return "presentation" in (annotation.attributes.get("encoding") or "").lower()


def _text(token: LexborNode) -> str | None:
    """All text in a token element; None if it contains MathML elements instead."""
    formula = _FORMULA if (token.tag or "").rpartition(":")[2] == "mtext" else _NO_TEXT
    parts: list[str] = []
    stack = [token.child]
    while stack:
        dom = stack.pop()
        while dom is not None:
            if dom.is_text_node:
                parts.append(dom.text_content or "")
            elif dom.is_element_node:
                tag = (dom.tag or "").rpartition(":")[2]
                if tag in formula:
                    return None
                if tag == "mglyph":
                    parts.append(dom.attributes.get("alt") or "")
                if dom.child is not None:
                    stack.append(dom.next)
                    dom = dom.child
                    continue
            dom = dom.next
    return "".join(parts)
