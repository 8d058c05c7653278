"""Which elements of a page contain a formula in some form (its carriers), and how far each is trusted.

Knows the elements, classes and attributes that hold TeX and MathML: those of page generators, of editors that
store formulas in attributes for scripts to draw (Quill, TipTap), and of publishers. Does not know which of
several carriers of one formula is taken and what it replaces (``equations``), nor what counts as TeX
(``tex``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render import asciimath, glyphs, mathml, tex
from stages.render.searching import Query, Source
from stages.render.wrappings import clean, is_foreign, unwrap

#: Limit on wrappers that are climbed around a carrier; real ones are nested five deep at most.
MAX_CLIMB = 8
#: A rendered twin has at most this many characters per character of its source, plus a constant.
EXPANSION = 10
SLACK = 300

# Trust, most trusted first.
(
    _ANNOTATION,
    PUBLISHED,  # TeX as a publisher supplies it, before or after its MathML
    _ALTTEXT,
    _SCRIPT,
    _ATTRIBUTE,
    _TEXT,
    _LABEL,
    _IMAGE,
    _CONVERTED,
    _GLYPHS,
) = range(10)


class Carrier(NamedTuple):
    node: LexborNode
    trust: int
    kind: str  # one element replaces at most one carrier of each kind
    tex: str | Callable[[], str]  # called only if there is nothing better
    display: bool


_ALWAYS: Query = {
    "img": b"<im",  # <image> is one too
    "[data-tex]": b"data-tex",
    "[data-latex]": b"data-latex",
    "[data-expr]": b"data-expr",
    ".latex-rendered": b"latex-rendered",
    ".ql-formula": b"ql-formula",
}
_MATH: Query = {"math": b"<math", "mml\\:math": b"<mml:math", "m\\:math": b"<m:math"}
_SCRIPTS: Query = {'script[type^="math/" i]': b"math/"}
#: Pages without any of these have formulas only in the elements that are always looked for. Rarer elements
#: and attributes below that are not listed here are read only if the page also contains something that is.
_SIGNS: Query = {
    **_MATH,
    **_SCRIPTS,
    "[class*=math i]": b"math",
    ".tex": b"tex",
    ".latex": b"latex",
    ".mjpage": b"mjpage",
    "d-math": b"<d-math",
    "dt-math": b"<dt-math",
    "[data-mathml]": b"data-mathml",
    "[data-formula]": b"data-formula",
    "[data-equation]": b"data-equation",
    "tex-math": b"<tex-math",
    "math-inline": b"<math-inline",
    "math-display": b"<math-display",
    "mjx-container": b"<mjx-container",
}
_ATTRIBUTED: Query = {
    "[data-katex]": b"data-katex",
    "[data-equation-content]": b"data-equation-content",
    "[data-formula]": b"data-formula",
    "[data-equation]": b"data-equation",
    "[data-math]": b"data-math",
    "[data-mathml]": b"data-mathml",
    ".hurmet-tex": b"hurmet-tex",
    "[data-value]": b"data-value",
    "[data-content]": b"data-content",
    "[data-source]": b"data-source",
}
# Elements that one formula may replace. Not cells and items: their place in a table or list would be lost.
REPLACEABLE = frozenset(["span", "div", "code", "var", "em", "i", "figure", "svg", "center"])

#: These may be replaced too if they are empty.
_FILLED_BY_SCRIPT = frozenset(["td", "th", "li", "p", "dd"])

# Elements whose whole text is TeX without delimiters.
_BARE: Query = {
    "span.math": b"math",
    "div.math": b"math",
    ".math-inline": b"math-inline",
    ".math-display": b"math-display",
    ".tex": b"tex",
    ".latex": b"latex",
    ".katex-error": b"katex-error",
    "d-math": b"<d-math",
    "dt-math": b"<dt-math",
    "math-field": b"<math-field",
    "math-inline": b"<math-inline",
    "math-display": b"<math-display",
    "[data-math-style]": b"data-math-style",
    ".mathquill-embedded-latex": b"mathquill-embedded-latex",
    ".mq-selectable": b"mq-selectable",
    ".mathquill-rendered-math > .selectable": b"mathquill-rendered-math",
}
_DELIMITED = re.compile(r"\\[(\[]|\$|\\begin\{")
_BARE_TAGS = frozenset(str.split("d-math dt-math math-field math-inline math-display"))
_DOCUMENT = "\\begin{document}"
#: Elements whose text is not part of the page, or is to be shown unchanged.
_VERBATIM = frozenset(str.split("script style pre code textarea title xmp samp kbd"))


def find(tree: LexborHTMLParser, source: Source) -> list[Carrier]:
    """All carriers of a page, of which ``source`` is the source."""
    always = source.select(tree, _ALWAYS)
    carriers = [carrier for node in always if (carrier := _attribute(node, node.attributes)) is not None]
    if b"math" in source and source.has(tree, _SIGNS):
        carriers += _of_math(tree, source)
        carriers += _of_scripts(source.select(tree, _SCRIPTS))
        carriers += _of_attributes(source.select(tree, _ATTRIBUTED))
        carriers += filter(None, map(_bare, source.select(tree, _BARE)))
        if b"tex-math" in source or _DOCUMENT.encode() in source:
            carriers += _of_publishers(tree)
        if b"mjx-" in source:
            carriers += _of_glyphs(tree)
    return carriers


_TEX_ENCODING = re.compile(r"(?:application|text)/(?:x-)?(?:la)?tex|(?:la)?tex", re.IGNORECASE)
_ANNOTATIONS: Query = {
    "annotation": b"<annotation",
    "mml\\:annotation": b"<mml:annotation",
    "m\\:annotation": b"<m:annotation",
}
_LABELLED: Query = {
    ".mjx-math[aria-label]": b"mjx-math",
    "mjx-container": b"<mjx-container",
    "mjx-math[data-latex]": b"<mjx-math",
    "g[data-mml-node=math][data-latex]": b"data-mml-node",
    "svg > title[id^=MathJax-SVG]": b"mathjax-svg",
}


def _of_math(tree: LexborHTMLParser, source: Source) -> Iterator[Carrier]:
    """MathML, and what generators of MathML put around it."""
    formulas = source.select(tree, _MATH)
    if formulas:
        annotations: dict[int, str] = {}
        for annotation in source.select(tree, _ANNOTATIONS):
            if (text := _annotated(annotation)) and (math := _enclosing_math(annotation)) is not None:
                annotations.setdefault(math.mem_id, text)
        # A formula within a formula is part of it; otherwise nested formulas would be converted once per
        # level.
        nested = {math.mem_id for math in tree.css("math math")}
        for math in formulas:
            if math.mem_id not in nested:
                yield _math(math, annotations.get(math.mem_id))
    for node in source.select(tree, _LABELLED):
        attributes = node.attributes
        carrying: LexborNode | None = node
        while carrying is not None and carrying.tag in ("g", "title"):  # the walk never looks into an svg
            carrying = carrying.parent
        if carrying is None:
            continue
        if latex := attributes.get("data-latex"):
            yield Carrier(carrying, _ATTRIBUTE, "source", latex, False)
        label = node.text() if node.tag == "title" else attributes.get("aria-label")
        if label and label != "Equation" and not tex.is_spoken(label):
            yield Carrier(carrying, _LABEL, "label", label, False)


def _annotated(annotation: LexborNode) -> str:
    encoding = (annotation.attributes.get("encoding") or "").strip()
    if _TEX_ENCODING.fullmatch(encoding):
        return annotation.text()
    if "asciimath" in encoding.lower():
        return asciimath.to_latex(annotation.text())
    return ""


def _enclosing_math(annotation: LexborNode) -> LexborNode | None:
    """The formula that an annotation describes as a whole; not a formula of which it describes a part."""
    node = annotation.parent
    for _ in range(MAX_CLIMB):
        if node is None or (node.tag or "").endswith("math"):
            return node
        parent = node.parent
        if parent is None or any(sibling.mem_id != node.mem_id for sibling in parent.iter()):
            return None
        node = parent
    return None


def _math(math: LexborNode, annotation: str | None) -> Carrier:
    attributes = math.attributes
    display = attributes.get("display") == "block" or attributes.get("mode") == "display"
    if is_foreign(source := annotation or attributes.get("alttext") or ""):
        return Carrier(math, _CONVERTED, "math", lambda: mathml.to_latex(math) or source, display)
    if annotation and annotation.strip():
        return Carrier(math, _ANNOTATION, "math", annotation, display)
    if (alternative := attributes.get("alttext")) and (
        not tex.is_spoken(alternative) or "ltx_Math" in (attributes.get("class") or "")
    ):
        return Carrier(math, _ALTTEXT, "math", alternative, display)
    if label := attributes.get("data-latex"):
        return Carrier(math, _ATTRIBUTE, "math", label, display)
    return Carrier(math, _CONVERTED, "math", lambda: mathml.to_latex(math), display)


def _parsed_math(source: str, carried_by: LexborNode) -> Carrier | None:
    """MathML as text in an attribute or a script."""
    if "«" in source:  # WIRIS
        source = source.replace("«", "<").replace("»", ">").replace("¨", '"').replace("§", "&")
    found = _of_math(LexborHTMLParser(source), Source(source.encode("utf-8", "replace")))
    first = next((carrier for carrier in found if carrier.kind == "math"), None)
    return None if first is None else first._replace(node=carried_by, kind="attribute")


def _of_scripts(scripts: list[LexborNode]) -> Iterator[Carrier]:
    for script in scripts:
        kind = (script.attributes.get("type") or "").lower()
        source = script.text()
        display = "mode=display" in kind.replace(" ", "")
        if kind.startswith(("math/tex", "math/latex")):
            yield Carrier(script, _SCRIPT, "script", source, display)
        elif kind.startswith("math/asciimath"):
            yield Carrier(script, _SCRIPT, "script", asciimath.to_latex(clean(source)), display)
        elif kind.startswith("math/mml") and (carrier := _parsed_math(clean(source), script)) is not None:
            yield carrier._replace(trust=_SCRIPT, kind="script")


def _of_attributes(nodes: list[LexborNode]) -> Iterator[Carrier]:
    for node in nodes:
        attributes = node.attributes
        carrier = _attribute(node, attributes)
        if carrier is not None and carrier.trust != _IMAGE:
            yield carrier
        if (source := attributes.get("data-mathml")) and (parsed := _parsed_math(source, node)) is not None:
            yield parsed


def _attribute(node: LexborNode, attributes: dict[str, str | None]) -> Carrier | None:
    """An element with TeX in its attributes, images included."""
    tag = node.tag or ""
    if tag == "img":
        parent = node.parent
        if parent is not None and parent.tag == "noscript":
            return None  # the copy of a lazily loaded image
        image = tex.from_image(attributes)
        return None if image is None else Carrier(node, _IMAGE, "image", *image)
    unfilled = tag in _FILLED_BY_SCRIPT and not node.text().strip()
    if tag not in REPLACEABLE and not unfilled and ("-" not in tag or tag.startswith("mjx-")):
        return None
    # The text inside is the formula again, rendered; if it is much longer, the attribute means something
    # else.
    found = tex.from_attributes(attributes)
    if found is None or len(node.text()) > SLACK + EXPANSION * len(found[0]):
        return None
    return Carrier(node, _ATTRIBUTE, "attribute", *found)


def _bare(node: LexborNode) -> Carrier | None:
    """An element that holds TeX without delimiters, and nothing else."""
    if not (source := _only_text(node)):
        return None
    attributes = node.attributes
    classes = (attributes.get("class") or "").split()
    owned = node.tag in _BARE_TAGS or "data-math-style" in attributes or "selectable" in classes[0]
    if not owned and _DELIMITED.search(source):
        return None  # raw: the walk keeps it unchanged
    if not (owned or classes[:2] in (["math", "inline"], ["math", "display"]) or tex.is_formula(source)):
        return None
    display = (
        "block" in attributes or node.tag == "math-display" or attributes.get("data-math-style") == "display"
    )
    return Carrier(node, _TEXT, "text", source, display or (node.tag == "div" and "math" in classes))


def _documents(tree: LexborHTMLParser) -> Iterator[LexborNode]:
    """Elements that may be replaced and have a LaTeX document in them."""
    seen: set[int] = set()
    for text in () if tree.root is None else tree.root.traverse(include_text=True):
        parent = text.parent if text.is_text_node and _DOCUMENT in (text.text_content or "") else None
        if parent is not None and parent.mem_id not in seen and parent.tag in REPLACEABLE - _VERBATIM:
            seen.add(parent.mem_id)
            yield parent


def _of_publishers(tree: LexborHTMLParser) -> Iterator[Carrier]:
    """``<tex-math>`` of JATS, and other elements whose whole text is a LaTeX document around a formula."""
    for node in (*tree.css("tex-math"), *_documents(tree)):
        formula, display = unwrap(_only_text(node))
        if formula and (node.tag == "tex-math" or tex.is_formula(formula)):
            yield Carrier(node, PUBLISHED, "published", formula, display)


def _only_text(node: LexborNode) -> str:
    """The text of an element that holds no elements except line breaks; an HTML parser takes CDATA for a
    comment."""
    parts = []
    for child in node.iter(include_text=True):
        if child.is_text_node:
            parts.append(child.text_content or "")
        elif child.tag == "br":
            parts.append("\n")
        elif child.is_comment_node and (comment := child.comment_content or "").startswith("[CDATA["):
            parts.append(comment[len("[CDATA[") :] if comment.endswith("]]") else f"{comment[7:]}>")
        else:
            return ""
    return "".join(parts)


def _of_glyphs(tree: LexborHTMLParser) -> Iterator[Carrier]:
    """Output of MathJax 3 and 4, used where there is no other form of the formula."""
    for node in tree.css("mjx-math, mjx-container > svg"):
        parent = node.parent
        carrying = parent if parent is not None and parent.tag == "mjx-container" else node
        yield Carrier(carrying, _GLYPHS, "glyphs", partial(glyphs.to_latex, node), False)
