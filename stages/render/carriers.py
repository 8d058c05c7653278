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
from stages.render.searching import holds
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


_ALWAYS = "img, [data-tex], [data-latex], [data-expr], .latex-rendered, .ql-formula"
#: Pages without any of these have formulas only in the elements that are always looked for. Rarer elements
#: and attributes below that are not listed here are read only if the page also contains something that is.
_SIGNS = (
    'math, mml\\:math, m\\:math, script[type^="math/" i], [class*=math i], .tex, .latex, .mjpage'
    ", d-math, dt-math, [data-mathml], [data-formula], [data-equation]"
    ", tex-math, math-inline, math-display, mjx-container"
)
_ATTRIBUTED = (
    "[data-katex], [data-equation-content], [data-formula], [data-equation], [data-math], [data-mathml]"
    ", .hurmet-tex, [data-value], [data-content], [data-source]"
)
# Elements that one formula may replace. Not cells and items: their place in a table or list would be lost.
REPLACEABLE = frozenset(["span", "div", "code", "var", "em", "i", "figure", "svg", "center"])

#: These may be replaced too if they are empty.
_FILLED_BY_SCRIPT = frozenset(["td", "th", "li", "p", "dd"])

# Elements whose whole text is TeX without delimiters.
_BARE = (
    "span.math, div.math, .math-inline, .math-display, .tex, .latex, .katex-error"
    ", d-math, dt-math, math-field, math-inline, math-display, [data-math-style]"
    ", .mathquill-embedded-latex, .mq-selectable, .mathquill-rendered-math > .selectable"
)
_DELIMITED = re.compile(r"\\[(\[]|\$|\\begin\{")
_BARE_TAGS = frozenset(str.split("d-math dt-math math-field math-inline math-display"))
_DOCUMENT = "\\begin{document}"
#: Elements whose text is not part of the page, or is to be shown unchanged.
_VERBATIM = frozenset(str.split("script style pre code textarea title xmp samp kbd"))


def find(tree: LexborHTMLParser, source: bytes) -> list[Carrier]:
    """All carriers of a page, of which ``source`` is the source."""
    carriers = [carrier for node in tree.css(_ALWAYS) if (carrier := _attribute(node)) is not None]
    if holds(source, b"math") and tree.css_first(_SIGNS) is not None:
        carriers += _of_math(tree)
        carriers += _of_scripts(tree.css('script[type^="math/" i]'))
        carriers += _of_attributes(tree)
        carriers += filter(None, map(_bare, tree.css(_BARE)))
        if holds(source, b"tex-math") or holds(source, _DOCUMENT.encode()):
            carriers += _of_publishers(tree)
        if holds(source, b"mjx-"):
            carriers += _of_glyphs(tree)
    return carriers


_TEX_ENCODING = re.compile(r"(?:application|text)/(?:x-)?(?:la)?tex|(?:la)?tex", re.IGNORECASE)
_LABELLED = (
    ".mjx-math[aria-label], mjx-container, mjx-math[data-latex], g[data-mml-node=math][data-latex]"
    ", svg > title[id^=MathJax-SVG]"
)


def _of_math(tree: LexborHTMLParser) -> Iterator[Carrier]:
    """MathML, and what generators of MathML put around it."""
    formulas = tree.css("math, mml\\:math, m\\:math")
    if formulas:
        annotations: dict[int, str] = {}
        for annotation in tree.css("annotation, mml\\:annotation, m\\:annotation"):
            if (source := _annotated(annotation)) and (math := _enclosing_math(annotation)) is not None:
                annotations.setdefault(math.mem_id, source)
        # A formula within a formula is part of it; otherwise nested formulas would be converted once per
        # level.
        nested = {math.mem_id for math in tree.css("math math")}
        for math in formulas:
            if math.mem_id not in nested:
                yield _math(math, annotations.get(math.mem_id))
    for node in tree.css(_LABELLED):
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
    carriers = (carrier for carrier in _of_math(LexborHTMLParser(source)) if carrier.kind == "math")
    first = next(carriers, None)
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


def _of_attributes(tree: LexborHTMLParser) -> Iterator[Carrier]:
    for node in tree.css(_ATTRIBUTED):
        source = node.attributes.get("data-mathml")
        for carrier in (_attribute(node), _parsed_math(source, node) if source else None):
            if carrier is not None and carrier.trust != _IMAGE:
                yield carrier


def _attribute(node: LexborNode) -> Carrier | None:
    """An element with TeX in its attributes, images included."""
    tag = node.tag or ""
    if tag == "img":
        parent = node.parent
        if parent is not None and parent.tag == "noscript":
            return None  # the copy of a lazily loaded image
        image = tex.from_image(node.attributes)
        return None if image is None else Carrier(node, _IMAGE, "image", *image)
    unfilled = tag in _FILLED_BY_SCRIPT and not node.text().strip()
    if tag not in REPLACEABLE and not unfilled and ("-" not in tag or tag.startswith("mjx-")):
        return None
    # The text inside is the formula again, rendered; if it is much longer, the attribute means something
    # else.
    found = tex.from_attributes(node.attributes)
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
