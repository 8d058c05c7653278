"""Formulas of a page: which elements stand for one, and its LaTeX.

Knows how generators of pages (MathJax 2 to 4, KaTeX, LaTeXML, MediaWiki, Temml, Pandoc, publishers) set a
formula on a page several times: as source, as MathML for screen readers, as glyphs, as image. Does not know
which elements contain a formula in some form (``carriers``), what counts as TeX (``tex``), nor where the walk
puts a formula.

How it works. Every element that contains a formula in some form is a *carrier* with a certain *trust*. From
the carrier the search climbs through the *wrappers* around it (``.katex``, ``mjx-container``) to the
outermost one that holds nothing else: the formula replaces this element, including the rendered twin. Of the
carriers that lead to the same element the most trusted is taken. Twins without a common wrapper, as in
MathJax 2, where the source is a script, are looked for beside the carrier.

Formulas in raw delimiters (``\\(x\\)``, ``$x$``) are text and not handled here: the walk prints them
unchanged.

Cost: on pages without formulas one search for "math" and one selection of images. On other pages linear in
the page: climbs are short, and the amount of text that is measured is capped.
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render import carriers
from stages.render.carriers import EXPANSION, MAX_CLIMB, PUBLISHED, REPLACEABLE, SLACK, Carrier
from stages.render.marks import Formula, Nodes
from stages.render.searching import Query, Source
from stages.render.wrappings import clean, unwrap

# Wrappers hold one formula, in one form or several, and nothing else. These are classes, not selectors, since
# few elements are looked at.
_WRAPPERS = frozenset(
    str.split(
        "katex katex-mathml katex-display MathJax MathJax_CHTML MathJax_SVG MathJax_MathML MathJax_PHTML"
        " MJX_Assistive_MathML MathJax_Display MathJax_SVG_Display MJXc-display mjx-chtml mjx-math mjpage"
        " mwe-math-element mwe-math-mathml-inline mwe-math-mathml-display mq-math-mode"
        " mathquill-rendered-math"
    )
)
_WRAPPER_TAGS = frozenset(["mjx-container", "mjx-assistive-mml"])
_TWINS = frozenset(
    str.split(
        "MathJax_Preview MathJax MathJax_CHTML MathJax_SVG MathJax_MathML MathJax_PHTML MathJax_Display"
        " MathJax_SVG_Display MJXc-display mjx-chtml"
    )
)
#: Elements on lines of their own. LaTeXML sets the parts of a display in cells. ``~=`` tells large letters
#: from small ones in every page, ``.name`` only in those with a doctype.
_DISPLAYS: Query = {
    "[class~=katex-display]": b"katex-display",
    "[class~=MathJax_Display]": b"mathjax_display",
    "[class~=MathJax_SVG_Display]": b"mathjax_svg_display",
    "[class~=MJXc-display]": b"mjxc-display",
    "[class~=mjpage__block]": b"mjpage__block",
    "[class~=mwe-math-element-block]": b"mwe-math-element-block",
    "[class~=mwe-math-mathml-display]": b"mwe-math-mathml-display",
    "[class~=math-display]": b"math-display",
    "[class~=js-display-math]": b"js-display-math",
    "[class~=ltx_DisplayMath]": b"ltx_displaymath",
    "[class~=disp-formula]": b"disp-formula",
    "[class~=display-formula]": b"display-formula",
    "[class~=math][class~=display]": b"display",
    "td[class~=ltx_eqn_cell]": b"ltx_eqn_cell",
    "table[class~=ltx_equation] td": b"ltx_equation",
    "disp-formula": b"<disp-formula",
    "mjx-container[display=true]": b"<mjx-container",
}
#: Wrappers of publishers: they may also hold the number of the formula, and then do not count as wrappers.
_STRICT_WRAPPERS = (
    "alternatives, inline-formula, disp-formula, .inline-formula, .disp-formula, .display-formula"
    ", .InlineEquation, .Equation"
)
#: How many characters of twins are measured, as a multiple of the page.
_MAX_MEASURED = 20


def find(tree: LexborHTMLParser, source: Source, nodes: Nodes) -> dict[int, Formula | None]:
    """What to write in place of which elements, by ``mem_id``; ``None`` for nothing (a rendered twin).

    ``source`` is the page as parsed; the elements are added to ``nodes``. Elements inside a
    replaced element may or may not be listed. A formula that cannot be read is not listed, so that its
    element is printed like any other.
    """
    found = carriers.find(tree, source)
    return _Page(tree, source, nodes).choose(found) if found else {}


class _Page:
    """Which formula replaces which element, once all carriers of a page are known."""

    def __init__(self, tree: LexborHTMLParser, source: Source, nodes: Nodes) -> None:
        self.nodes = nodes
        # What is known of elements, by ``mem_id``.
        self.wrappers: dict[int, bool] = {}
        self.displays = {node.mem_id for node in source.select(tree, _DISPLAYS)}
        self.source = source
        self.left = _MAX_MEASURED * source.size + 10_000
        self.tree = tree
        self.strict: set[int] = set()

    def choose(self, carriers: list[Carrier]) -> dict[int, Formula | None]:
        self.wrappers.update(
            (carrier.node.mem_id, True) for carrier in carriers if carrier.kind == "attribute"
        )
        published = [carrier.node for carrier in carriers if carrier.trust == PUBLISHED]
        if published:
            strict = self.tree.css(_STRICT_WRAPPERS)
            self.strict = {node.mem_id for node in strict if not self._wraps(node)}
            self.strict.update(
                node.parent.mem_id
                for node in published
                if node.parent is not None and node.parent.tag in REPLACEABLE
            )
            self.wrappers.update(dict.fromkeys(self.strict, True))
        # A wrapper with two carriers of one kind does not count as a wrapper: it holds two formulas, or was
        # never closed.
        climbs = [(carrier, self._chain(carrier.node)) for carrier in carriers]
        kinds = Counter((node.mem_id, carrier.kind) for carrier, chain in climbs for node in chain)
        carried: Counter[int] = Counter()  # characters of carriers in each strict wrapper
        for carrier, chain in climbs if self.strict else ():
            for node in chain:
                if node.mem_id in self.strict:
                    carried[node.mem_id] += _letters(carrier.node)
        groups: dict[int, list[Carrier]] = {}
        roots: dict[int, LexborNode] = {}
        for carrier, chain in climbs:
            root = carrier.node
            size = self._size(carrier.node) if chain else 0
            for node in chain:
                if kinds[node.mem_id, carrier.kind] > 1 or self.left < 0:
                    break
                allowed = SLACK + EXPANSION * (len(carrier.tex) if isinstance(carrier.tex, str) else size)
                if node.mem_id in self.strict:
                    if _letters(node) > carried[node.mem_id]:
                        break
                elif self._size(node) - size > allowed:
                    break
                root = node
            groups.setdefault(root.mem_id, []).append(carrier)
            roots[root.mem_id] = root
        found: dict[int, Formula | None] = {}
        for mark, group in groups.items():
            formula = self._formula(roots[mark], group)
            # Definitions show nothing, so nothing may be printed in their place.
            if formula is not None or any(_only_defines(carrier) for carrier in group):
                found[mark] = formula
                self.nodes[mark] = roots[mark]
        self._twins_of_scripts([carrier.node for carrier in carriers if carrier.kind == "script"], found)
        self._twins_beside(published, roots, found)
        self._rows(found, roots)
        return found

    def _chain(self, node: LexborNode) -> list[LexborNode]:
        """The wrappers around ``node``, innermost first."""
        chain: list[LexborNode] = []
        parent = node.parent
        while parent is not None and len(chain) < MAX_CLIMB and self._wraps(parent):
            chain.append(parent)
            parent = parent.parent
        return chain

    def _size(self, node: LexborNode) -> int:
        size = len(node.text())
        self.left -= size
        return size

    def _formula(self, root: LexborNode, group: list[Carrier]) -> Formula | None:
        if len(group) > 1:
            group = sorted(group, key=_trust)
        for carrier in group:
            source, delimited = unwrap(carrier.tex if isinstance(carrier.tex, str) else carrier.tex())
            if source:
                display = delimited or any(map(_is_display, group)) or self._displayed(root)
                return Formula(source, display)
        return None

    def _displayed(self, node: LexborNode | None) -> bool:
        """Whether a node, or what is around it, is set on lines of its own."""
        for _ in range(MAX_CLIMB if self.displays else 0):
            if node is None:
                return False
            if node.mem_id in self.displays:
                return True
            node = node.parent
        return False

    def _wraps(self, node: LexborNode) -> bool:
        id_ = node.mem_id
        if (known := self.wrappers.get(id_)) is None:
            known = node.tag in _WRAPPER_TAGS or (node.tag == "svg" and "focusable" in node.attributes)
            known = self.wrappers[id_] = known or not _WRAPPERS.isdisjoint(_classes(node))
        return known

    def _twins_of_scripts(self, scripts: list[LexborNode], found: dict[int, Formula | None]) -> None:
        """MathJax 2 puts a preview and its output before the script; some publishers also put an image
        there."""
        for script in scripts:
            if script.mem_id not in found:
                continue
            formula = found[script.mem_id]  # None for definitions
            source = formula.tex if formula is not None else script.text()
            twin = script.prev
            while twin is not None:
                if twin.is_element_node:
                    is_twin = not _TWINS.isdisjoint(_classes(twin))
                    if not (self._small(twin, source) if is_twin else _shows(twin, formula, found)):
                        break
                    found[twin.mem_id] = None
                    self.nodes[twin.mem_id] = twin
                elif twin.is_text_node and not (twin.text_content or "").isspace():
                    break
                twin = twin.prev

    def _twins_beside(
        self, published: list[LexborNode], roots: dict[int, LexborNode], found: dict[int, Formula | None]
    ) -> None:
        """The MathML next to a formula that a publisher supplies as a LaTeX document, if they have no common
        wrapper."""
        for node in published:
            for step in ("prev", "next"):
                beside: LexborNode | None = getattr(node, step)
                while beside is not None and _blank(beside):
                    beside = getattr(beside, step)
                if (
                    beside is not None
                    and found.get(node.mem_id) is not None
                    and (beside.tag or "").endswith("math")
                    and beside.mem_id in roots
                ):
                    found[beside.mem_id] = None
                    self.nodes[beside.mem_id] = beside

    def _small(self, twin: LexborNode, source: str) -> bool:
        return self.left > 0 and self._size(twin) <= SLACK + EXPANSION * len(source)

    def _rows(self, found: dict[int, Formula | None], roots: dict[int, LexborNode]) -> None:
        """LaTeXML sets the parts of an aligned equation in cells of their own: one formula per row."""
        rows: dict[tuple[int, int], list[tuple[int, Formula]]] = {}
        words = 0  # cells with other content so far: formulas on the two sides of such a cell are not joined
        for cell in self.tree.css("td.ltx_eqn_cell") if b"ltx_eqn_cell" in self.source else ():
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


_trust, _is_display = attrgetter("trust"), attrgetter("display")


def _classes(node: LexborNode) -> list[str]:
    return names.split() if node.is_element_node and (names := node.attrs.get("class")) else []


def _letters(node: LexborNode) -> int:
    return len("".join(node.text().split()))


def _only_defines(carrier: Carrier) -> bool:
    return isinstance(carrier.tex, str) and not carrier.tex.isspace() and not clean(carrier.tex)


def _blank(node: LexborNode) -> bool:
    return node.tag == "br" or (node.is_text_node and (node.text_content or "").isspace())


def _shows(node: LexborNode, formula: Formula | None, found: dict[int, Formula | None]) -> bool:
    """Whether ``node`` is, or has as its child, an image of ``formula``."""
    image: LexborNode | None = node if node.tag == "img" else node.first_child
    while image is not None and _blank(image):
        image = image.next
    other = None if image is None else found.get(image.mem_id)
    return other is not None and formula is not None and other.tex.split() == formula.tex.split()
