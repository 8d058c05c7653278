"""Formulas of a page: which elements stand for one, and its LaTeX.

Knows how generators of pages (MathJax 2 to 4, KaTeX, LaTeXML, MediaWiki, Temml, Pandoc) mark formulas, and
that a formula often stands on a page several times: as source, as MathML for screen readers, as glyphs,
as image. Does not know what is TeX (``tex``), how MathML or AsciiMath become TeX (``mathml``, ``asciimath``),
nor where the walk puts a formula.

How it works. Every element that has a formula in some form is a *carrier* of a certain *trust*. From it one
climbs through the *wrappers* around it (``.katex``, ``mjx-container``) to the outermost that holds nothing
else: the element which the formula replaces, rendered twin and all. Of the carriers that climb to the same
element the most trusted is taken. Twins without a common wrapper, as of MathJax 2, whose source is a script,
are looked for beside it.

Formulas in raw delimiters (``\\(x\\)``, ``$x$``) are text and none of this: the walk prints them as they are.

Cost: on pages without formulas one search for "math" and one selection of images. On others linear in the
page: climbs are short, and how much text is measured is capped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render import asciimath, mathml, tex


class Formula(NamedTuple):
    """What the walk writes in place of an element."""

    tex: str  # LaTeX without delimiters, stripped, without blank lines
    display: bool  # on lines of its own


# Trust, most trusted first.
_ANNOTATION, _ALTTEXT, _SCRIPT, _ATTRIBUTE, _TEXT, _LABEL, _IMAGE, _CONVERTED = range(8)


class _Carrier(NamedTuple):
    node: LexborNode
    trust: int
    kind: str  # one element replaces at most one carrier of each kind
    tex: str | Callable[[], str]  # called only when nothing better is there
    display: bool


# Wrappers hold one formula, in one form or several, and nothing else.
_WRAPPERS = (
    ".katex, .katex-mathml, .katex-display"
    ", mjx-container, mjx-assistive-mml"
    ", .MathJax, .MathJax_CHTML, .MathJax_SVG, .MathJax_MathML, .MathJax_PHTML, .MJX_Assistive_MathML"
    ", .MathJax_Display, .MathJax_SVG_Display, .MJXc-display, .mjx-chtml, .mjx-math, .mjpage, svg[focusable]"
    ", .mwe-math-element, .mwe-math-mathml-inline, .mwe-math-mathml-display"
    ", .mq-math-mode, .mathquill-rendered-math"
)
_TWINS = (
    ".MathJax_Preview, .MathJax, .MathJax_CHTML, .MathJax_SVG, .MathJax_MathML, .MathJax_PHTML"
    ", .MathJax_Display, .MathJax_SVG_Display, .MJXc-display, .mjx-chtml"
)
_DISPLAYS = (
    ".katex-display, .MathJax_Display, .MathJax_SVG_Display, .MJXc-display, .mjpage__block"
    ', mjx-container[display="true"], .mwe-math-element-block, .mwe-math-mathml-display, .math.display'
    ", .math-display, .js-display-math, .ltx_DisplayMath, td.ltx_eqn_cell, table.ltx_equation td"
)
#: Wrappers that one climbs through; real ones are nested five deep at most.
_MAX_CLIMB = 8
#: A rendered twin has at most so many characters per character of its source, and so many more.
_EXPANSION = 10
_SLACK = 300
#: How many characters of twins are measured, as a multiple of the page.
_MAX_MEASURED = 20

_ALWAYS = "img, [data-tex], [data-latex], [data-expr], .latex-rendered"
#: Pages without any of these have no formula but in images and attributes.
_SIGNS = (
    'math, mml\\:math, m\\:math, script[type^="math/" i], [class*=math i], .tex, .latex, .mjpage'
    ", d-math, dt-math, [data-mathml], [data-formula], [data-equation]"
)
_ATTRIBUTED = (
    "[data-katex], [data-equation-content], [data-formula], [data-equation], [data-math], [data-mathml]"
    ", .hurmet-tex"
)
# Elements that one formula may replace. Not cells and items: their place in a table or list would be lost.
_REPLACEABLE = frozenset(["span", "div", "code", "var", "em", "i", "figure", "svg", "center"])

#: But these too while they are empty.
_FILLED_BY_SCRIPT = frozenset(["td", "th", "li", "p", "dd"])

# Elements whose whole text is TeX without delimiters.
_BARE = (
    "span.math, div.math, .math-inline, .math-display, .tex, .latex, .katex-error"
    ", d-math, dt-math, math-field, [data-math-style]"
    ", .mathquill-embedded-latex, .mq-selectable, .mathquill-rendered-math > .selectable"
)
_DELIMITED = re.compile(r"\\[(\[]|\$|\\begin\{")
_BARE_TAGS = frozenset(["d-math", "dt-math", "math-field"])


def find(tree: LexborHTMLParser, html: str) -> dict[int, Formula | None]:
    """What to write in place of which elements, by ``mem_id``; ``None`` for nothing (a rendered twin).

    ``html`` is the page as parsed. What is inside a replaced element may be listed or not. A formula that
    cannot be read is not listed, so that its element is printed as any other.
    """
    carriers = [carrier for node in tree.css(_ALWAYS) if (carrier := _attribute(node)) is not None]
    scripts: list[LexborNode] = []
    if "math" in html and tree.css_first(_SIGNS) is not None:
        scripts = tree.css('script[type^="math/" i]')
        carriers += _of_math(tree)
        carriers += _of_scripts(scripts)
        carriers += _of_attributes(tree)
        carriers += _of_text(tree)
    return _Page(tree, html).choose(carriers, scripts) if carriers else {}


class _Page:
    """What replaces what, once all carriers of a page are known."""

    def __init__(self, tree: LexborHTMLParser, html: str) -> None:
        self.wrappers = {node.mem_id for node in tree.css(_WRAPPERS)}
        self.displays = {node.mem_id for node in tree.css(_DISPLAYS)}
        self.left = _MAX_MEASURED * len(html) + 10_000
        self.tree = tree

    def choose(self, carriers: list[_Carrier], scripts: list[LexborNode]) -> dict[int, Formula | None]:
        self.wrappers.update(carrier.node.mem_id for carrier in carriers if carrier.kind == "attribute")
        # A wrapper with two carriers of a kind is none: it holds two formulas, or was never closed.
        climbs = [(carrier, self._chain(carrier.node)) for carrier in carriers]
        kinds = Counter((node.mem_id, carrier.kind) for carrier, chain in climbs for node in chain)
        groups: dict[int, list[_Carrier]] = {}
        roots: dict[int, LexborNode] = {}
        for carrier, chain in climbs:
            root = carrier.node
            size = self._size(carrier.node) if chain else 0
            for node in chain:
                if kinds[node.mem_id, carrier.kind] > 1 or self.left < 0:
                    break
                allowed = _SLACK + _EXPANSION * (len(carrier.tex) if isinstance(carrier.tex, str) else size)
                if self._size(node) - size > allowed:
                    break
                root = node
            groups.setdefault(root.mem_id, []).append(carrier)
            roots[root.mem_id] = root
        found: dict[int, Formula | None] = {}
        for mark, group in groups.items():
            if (formula := self._formula(roots[mark], group)) is not None:
                found[mark] = formula
        self._twins_of_scripts(scripts, found)
        self._rows(found, roots)
        return found

    def _chain(self, node: LexborNode) -> list[LexborNode]:
        """The wrappers around ``node``, innermost first."""
        chain: list[LexborNode] = []
        parent = node.parent
        while parent is not None and parent.mem_id in self.wrappers and len(chain) < _MAX_CLIMB:
            chain.append(parent)
            parent = parent.parent
        return chain

    def _size(self, node: LexborNode) -> int:
        size = len(node.text())
        self.left -= size
        return size

    def _formula(self, root: LexborNode, group: list[_Carrier]) -> Formula | None:
        display = any(carrier.display for carrier in group) or self._displayed(root)
        for carrier in sorted(group, key=lambda carrier: carrier.trust):
            source, delimited = tex.unwrap(carrier.tex if isinstance(carrier.tex, str) else carrier.tex())
            if source:
                return Formula(source, display or delimited)
        return None

    def _displayed(self, node: LexborNode | None) -> bool:
        for _ in range(_MAX_CLIMB):
            if node is None or node.mem_id in self.displays:
                return node is not None
            node = node.parent
        return False

    def _twins_of_scripts(self, scripts: list[LexborNode], found: dict[int, Formula | None]) -> None:
        """MathJax 2 puts a preview and its output before the script; some publishers an image as well."""
        twins = {node.mem_id for node in self.tree.css(_TWINS)} if scripts else set()
        for script in scripts:
            if (formula := found.get(script.mem_id)) is None:
                continue
            twin = script.prev
            while twin is not None:
                if twin.is_element_node:
                    if not (
                        self._small(twin, formula) if twin.mem_id in twins else _shows(twin, formula, found)
                    ):
                        break
                    found[twin.mem_id] = None
                elif twin.is_text_node and not (twin.text_content or "").isspace():
                    break
                twin = twin.prev

    def _small(self, twin: LexborNode, formula: Formula) -> bool:
        return self.left > 0 and self._size(twin) <= _SLACK + _EXPANSION * len(formula.tex)

    def _rows(self, found: dict[int, Formula | None], roots: dict[int, LexborNode]) -> None:
        """LaTeXML sets the parts of an aligned equation in cells of their own: one formula per row."""
        rows: dict[tuple[int, int], list[tuple[int, Formula]]] = {}
        words = 0  # cells with other things so far: what stands on both sides of them stays apart
        for cell in self.tree.css("td.ltx_eqn_cell"):
            parts = [node for node in cell.iter(include_text=True) if not _blank(node)]
            part = parts[0] if len(parts) == 1 else None
            while part is not None and part.mem_id not in roots:
                part = part.first_child if part.tag == "span" else None
            if part is None or cell.parent is None:
                words += len(parts)
            elif (formula := found.get(part.mem_id)) is not None:
                rows.setdefault((cell.parent.mem_id, words), []).append((part.mem_id, formula))
        for parts_of_row in rows.values():
            if len(parts_of_row) > 1:
                first = parts_of_row[0][0]
                joined = " ".join(formula.tex for _, formula in parts_of_row)
                found.update((mark, None) for mark, _ in parts_of_row)
                found[first] = Formula(joined, True)


def _blank(node: LexborNode) -> bool:
    return node.tag == "br" or (node.is_text_node and (node.text_content or "").isspace())


def _shows(node: LexborNode, formula: Formula, found: dict[int, Formula | None]) -> bool:
    """Whether ``node`` is, or has as its child, an image of ``formula``."""
    image: LexborNode | None = node if node.tag == "img" else node.first_child
    while image is not None and _blank(image):
        image = image.next
    other = None if image is None else found.get(image.mem_id)
    return other is not None and other.tex.split() == formula.tex.split()


_TEX_ENCODING = re.compile(r"(?:application|text)/(?:x-)?(?:la)?tex|(?:la)?tex", re.IGNORECASE)
_LABELLED = (
    ".mjx-math[aria-label], mjx-container, mjx-math[data-latex], g[data-mml-node=math][data-latex]"
    ", svg > title[id^=MathJax-SVG]"
)


def _of_math(tree: LexborHTMLParser) -> Iterator[_Carrier]:
    """MathML; with what generators of MathML put around it."""
    formulas = tree.css("math, mml\\:math, m\\:math")
    if formulas:
        annotations: dict[int, str] = {}
        for annotation in tree.css("annotation, mml\\:annotation, m\\:annotation"):
            if (source := _annotated(annotation)) and (math := _enclosing_math(annotation)) is not None:
                annotations.setdefault(math.mem_id, source)
        # A formula within a formula is part of it; depth would be converted once per level.
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
            yield _Carrier(carrying, _ATTRIBUTE, "source", latex, False)
        label = node.text() if node.tag == "title" else attributes.get("aria-label")
        if label and label != "Equation" and not tex.is_spoken(label):
            yield _Carrier(carrying, _LABEL, "label", label, False)


def _annotated(annotation: LexborNode) -> str:
    encoding = (annotation.attributes.get("encoding") or "").strip()
    if _TEX_ENCODING.fullmatch(encoding):
        return annotation.text()
    if "asciimath" in encoding.lower():
        return asciimath.to_latex(annotation.text())
    return ""


def _enclosing_math(annotation: LexborNode) -> LexborNode | None:
    """The formula that an annotation says the whole of; not one that it says a part of."""
    node = annotation.parent
    for _ in range(_MAX_CLIMB):
        if node is None or (node.tag or "").endswith("math"):
            return node
        parent = node.parent
        if parent is None or any(sibling.mem_id != node.mem_id for sibling in parent.iter()):
            return None
        node = parent
    return None


def _math(math: LexborNode, annotation: str | None) -> _Carrier:
    attributes = math.attributes
    display = attributes.get("display") == "block" or attributes.get("mode") == "display"
    if annotation and annotation.strip():
        return _Carrier(math, _ANNOTATION, "math", annotation, display)
    if (alternative := attributes.get("alttext")) and (
        not tex.is_spoken(alternative) or "ltx_Math" in (attributes.get("class") or "")
    ):
        return _Carrier(math, _ALTTEXT, "math", alternative, display)
    if label := attributes.get("data-latex"):
        return _Carrier(math, _ATTRIBUTE, "math", label, display)
    return _Carrier(math, _CONVERTED, "math", lambda: mathml.to_latex(math), display)


def _parsed_math(source: str, carried_by: LexborNode) -> _Carrier | None:
    """MathML that stands as text in an attribute or a script."""
    if "«" in source:  # WIRIS
        source = source.replace("«", "<").replace("»", ">").replace("¨", '"').replace("§", "&")
    carriers = (carrier for carrier in _of_math(LexborHTMLParser(source)) if carrier.kind == "math")
    first = next(carriers, None)
    return None if first is None else first._replace(node=carried_by, kind="attribute")


def _of_scripts(scripts: list[LexborNode]) -> Iterator[_Carrier]:
    for script in scripts:
        kind = (script.attributes.get("type") or "").lower()
        source = script.text()
        display = "mode=display" in kind.replace(" ", "")
        if kind.startswith(("math/tex", "math/latex")):
            yield _Carrier(script, _SCRIPT, "script", source, display)
        elif kind.startswith("math/asciimath"):
            yield _Carrier(script, _SCRIPT, "script", asciimath.to_latex(tex.clean(source)), display)
        elif kind.startswith("math/mml") and (carrier := _parsed_math(tex.clean(source), script)) is not None:
            yield carrier._replace(trust=_SCRIPT, kind="script")


def _of_attributes(tree: LexborHTMLParser) -> Iterator[_Carrier]:
    for node in tree.css(_ATTRIBUTED):
        source = node.attributes.get("data-mathml")
        for carrier in (_attribute(node), _parsed_math(source, node) if source else None):
            if carrier is not None and carrier.trust != _IMAGE:
                yield carrier


def _attribute(node: LexborNode) -> _Carrier | None:
    """An element with TeX in its attributes, images included."""
    tag = node.tag or ""
    if tag == "img":
        parent = node.parent
        if parent is not None and parent.tag == "noscript":
            return None  # the copy of a lazily loaded image
        image = tex.from_image(node.attributes)
        return None if image is None else _Carrier(node, _IMAGE, "image", *image)
    unfilled = tag in _FILLED_BY_SCRIPT and not node.text().strip()
    if tag not in _REPLACEABLE and not unfilled and ("-" not in tag or tag.startswith("mjx-")):
        return None
    # The text inside is the formula again, rendered; where it is far more, the attribute means other things.
    found = tex.from_attributes(node.attributes)
    if found is None or len(node.text()) > _SLACK + _EXPANSION * len(found[0]):
        return None
    return _Carrier(node, _ATTRIBUTE, "attribute", *found)


def _of_text(tree: LexborHTMLParser) -> Iterator[_Carrier]:
    """Elements that hold TeX without delimiters, and nothing else."""
    for node in tree.css(_BARE):
        child = node.first_child
        if child is None or not child.is_text_node or child.next is not None:
            continue
        source = child.text_content or ""
        attributes = node.attributes
        classes = (attributes.get("class") or "").split()
        owned = node.tag in _BARE_TAGS or "data-math-style" in attributes or "selectable" in classes[0]
        if not owned and _DELIMITED.search(source):
            continue  # raw: the walk keeps it as it is
        if owned or classes[:2] in (["math", "inline"], ["math", "display"]) or tex.is_formula(source):
            display = "block" in attributes or attributes.get("data-math-style") == "display"
            yield _Carrier(node, _TEXT, "text", source, display or (node.tag == "div" and "math" in classes))
