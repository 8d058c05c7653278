"""``render``: a page of HTML as text that keeps its equations, code and tables.

Lays a page out as the text browser lynx prints it, which is what made Nemotron-CC-Math possible, and keeps
more where lynx loses content (formulas in scripts and attributes, cells of wide tables, HTML5 blocks) or
prints hidden junk. Takes decoded text. Regular pages are read as they are written; others are parsed, finders
look for elements that a scan alone could not recognise and mark them, and the parser writes its tree again. A
scan of either makes events; a walk over them makes blocks; for main content a small model selects among the
blocks. Knows only the order of these steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Literal

import numpy as np
from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser

from stages.render import backticks, code, code_flow, code_signs, equations, hidden, regular, streamed
from stages.render.block_kernels import EQUATIONS, LANGUAGE, TABLE, TABLE_COUNT
from stages.render.blocks import Block, Blocks, Container, joined, number_containers
from stages.render.formulas import written
from stages.render.guards import encoded, tamed
from stages.render.layout import Page
from stages.render.marks import Findings, Nodes, set_marks
from stages.render.scan import Scan
from stages.render.searching import Source
from stages.render.walk import walk


@dataclass(frozen=True)
class Rendered:
    """A page as text, and how much of each kind of content is in that text."""

    text: str
    title: str  # of <title>, on one line; "" without one
    equations: int  # formulas, raw TeX included
    code_blocks: int  # <pre> and similar elements that are not empty
    tables: int  # tables with at least one row of several cells
    links: int  # <a href>
    chars: int  # code points of text
    equations_on_page: int  # formulas of the whole page, even if the text is a part of it
    _blocks: Blocks = field(repr=False, compare=False)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of the text, in order."""
        return tuple(self._blocks.objects())

    @property
    def code_languages(self) -> list[str]:
        """Programming languages that the page names for its code blocks, sorted."""
        names = self._blocks.languages
        if not self.code_blocks or not names:
            return []
        marks = self._blocks.column(LANGUAGE).tolist()
        return sorted({names[mark] for mark in marks if mark >= 0})


#: Without the side effects of a live document: copying the chosen <option> into its <select> is quadratic.
_OPTIONS = LexborDocumentOptions.WO_EVENTS

#: What a browser without scripts shows.
_PLAIN = re.compile("<no(?:script|frames)[\t\n\f\r />]", re.IGNORECASE)
#: A page with fewer characters may be waiting for its script ("Loading", "Skip to content").
_SPARSE = 400


class _Attempts:
    """Ways to read one parsed page: as it stands, or with other findings."""

    def __init__(self, tree: LexborHTMLParser, html: str, data: bytes, *, structure: bool) -> None:
        """``data``: the page in UTF-8."""
        self._tree, self._html, self._structure = tree, html, structure
        nodes: Nodes = {}
        source = Source(data)
        formulas = equations.find(tree, source, nodes)
        styles = hidden.find(tree, formulas, nodes)
        found = code.find(tree, source, nodes)
        moved = streamed.move(streamed.find(tree, styles.pieces))
        nodes.update((piece.mem_id, piece) for piece in moved)
        self.findings = Findings(
            nodes=nodes,
            formulas=formulas,
            skip=styles.hidden | found.skip | {piece.mem_id for piece in moved},
            blocks=styles.blocks,
            preformatted=found.preformatted,
            languages=found.languages,
            listings=found.listings,
        )
        self.veiled = styles.hidden - found.skip  # only hidden
        self._marked: list[int] = []

    def page(self) -> Page:
        """The page as the findings have it."""
        findings = self.findings
        self._marked = marked = set_marks(findings, self._marked)
        body = self._tree.body
        source = (body.html or "").encode() if body is not None else b""
        formulas = written(findings.formulas, marked)
        structure = self._structure
        scan = Scan(source, structure=structure, alternatives=not structure, formulas=formulas)
        languages = findings.languages
        named = {number: languages[id_] for number, id_ in enumerate(marked) if id_ in languages}
        page = Page(scan, named, cache(lambda: backticks.declared(self._tree)))
        walk(page, scan, findings, marked)
        return page

    def look_for_code(self, *, unmarked: bool) -> bool:
        """Whether there is code laid out as normal text; it is added to the findings."""
        findings = self.findings
        taken = findings.formulas.keys() | findings.preformatted | findings.listings.keys()
        flows = code_flow.find(
            self._tree, self._html, taken, findings.skip, findings.nodes, unmarked=unmarked
        )
        self.findings = findings._replace(
            skip=findings.skip | flows.skip,
            preformatted=findings.preformatted | flows.listings.keys(),
            listings={**findings.listings, **flows.listings},
            languages={**findings.languages, **flows.languages},
        )
        return bool(flows.listings)

    def unveil(self) -> None:
        """Shows what is only hidden."""
        self.findings = self.findings._replace(skip=self.findings.skip - self.veiled)


def _read(html: str, content: Literal["full", "main"]) -> tuple[Page, str]:
    """The page and its title."""
    structure = content == "main"
    data = encoded(html)
    if (found := _read_regular(html, data, structure=structure)) is not None:
        return found
    data = tamed(data)
    # Parse as a browser with scripts does, so that <noscript> is text and does not end the head.
    tree = LexborHTMLParser(data, scripting=True, options=_OPTIONS)
    attempts = _Attempts(tree, html, data, structure=structure)
    page = attempts.page()
    if page.indented and attempts.look_for_code(unmarked=page.indented > 1):
        page = attempts.page()
    if _size(page) < _SPARSE:
        # Content that a script would show: forums serve threads in <noscript>, and other pages hide all their
        # content.
        if (plain := tree.css_first("noscript, noframes")) is not None:
            # Framesets have no body for the content of <noframes>.
            bare = LexborHTMLParser(data if plain.tag == "noscript" else plain.text(), options=_OPTIONS)
            bare.unwrap_tags(["noscript"])
            page = _fuller(page, _Attempts(bare, html, data, structure=structure).page())
        if attempts.veiled and _size(page) < _SPARSE:
            attempts.unveil()
            page = _fuller(page, attempts.page())
    return page, _title(tree)


_NOTHING = Findings({}, {}, frozenset(), frozenset(), frozenset(), {}, {})


def _read_regular(html: str, data: bytes, *, structure: bool) -> tuple[Page, str] | None:
    """The same for a regular page, without the parser; None for a page that it does not show in full."""
    if (found := regular.read(data)) is None:
        return None
    scan = Scan(found.body, structure=structure, alternatives=not structure)
    page = Page(scan, found.languages, cache(lambda: backticks.declared(LexborHTMLParser(html))))
    walk(page, scan, _NOTHING, [])
    if page.indented > 1 or (page.indented and code_signs.may_be_marked(data, bytes(found.body))):
        return None
    if _size(page) < _SPARSE and (regular.HIDDEN in bytes(found.body) or _PLAIN.search(html)):
        return None  # there may be more to show
    return page, found.title


def _size(page: Page) -> int:
    return page.blocks.chars()


def _fuller(page: Page, revealed: Page) -> Page:
    """``revealed`` if it has far more text: a few words more are just a note to users without scripts."""
    return (
        revealed
        if _size(revealed) > (2 * _size(page) + _SPARSE // 2 if len(page.blocks.rows) else 0)
        else page
    )


def _title(tree: LexborHTMLParser) -> str:
    head = tree.head
    titles = [node for node in head.iter() if node.tag == "title"] if head is not None else []
    # A stray element ends the head; what comes after it is in the body.
    for title in titles or tree.css("title"):
        if title.parent is None or title.parent.tag != "svg":
            return " ".join(title.text().split())
    return ""


def structure(html: str) -> tuple[list[Block], list[Container]]:
    """All blocks of a page and their containers."""
    page, _ = _read(html, "main")
    blocks = page.blocks.objects()
    return blocks, number_containers(blocks, page.outline())


def render(html: str, *, content: Literal["full", "main"] = "full") -> Rendered:
    """The text of ``html`` (decoded; a charset named in it is ignored).

    ``content="full"``: everything that a browser shows. ``content="main"``: the content that the page exists
    for, without navigation, advertisements, related links and the like; image descriptions are left out as
    well. Raises ValueError for a page beyond ``guards.MAX_CHARS``.
    """
    page, title = _read(html, content)
    blocks = page.blocks
    on_page = 0
    if content == "main" and len(blocks.rows):
        from stages.render import main  # imported late: it needs the weights of the model

        on_page = int(blocks.column(EQUATIONS).sum())
        blocks = blocks.only(main.select(blocks, page.outline()))
    text, links, equations, code = joined(blocks)
    return Rendered(
        text=text,
        title=title,
        equations=equations,
        code_blocks=code,
        tables=int(np.count_nonzero(np.unique(blocks.column(TABLE)))) if page.state[TABLE_COUNT] else 0,
        links=links,
        chars=len(text),
        equations_on_page=equations if content == "full" else on_page,
        _blocks=blocks,
    )
