"""``render``: a page of HTML as text that keeps its equations, code and tables.

Lays a page out as the text browser lynx prints it, which is what made Nemotron-CC-Math possible, and
better where lynx loses things (formulas in scripts and attributes, cells of wide tables, HTML5 blocks,
hidden junk). Takes decoded text. One parse; the finders look for what needs more than the walk sees; one
walk makes blocks; for main content a small model picks among the blocks. Knows the order of these steps
and nothing else of any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render import code, equations, main
from stages.render.blocks import Block, Container, text_of
from stages.render.guards import to_parse
from stages.render.layout import Page
from stages.render.walk import Findings, walk
from stages.render.whitespace import collapse


@dataclass(frozen=True)
class Rendered:
    """A page as text, and how much of each kind of content is in that text."""

    text: str
    title: str  # of <title>, on one line; "" without one
    equations: int  # formulas, raw TeX included
    code_blocks: int  # <pre> and their like, with something in them
    tables: int  # tables with at least one row of several cells
    links: int  # <a href>
    chars: int  # code points of text
    blocks: tuple[Block, ...]  # what the text is made of, in order
    equations_on_page: int  # formulas of the whole page, whatever part of it the text is

    @property
    def code_languages(self) -> list[str]:
        """Programming languages that the page names for its code blocks, sorted."""
        return sorted({block.language for block in self.blocks if block.language})


# Not visibility: pages that fade in by script, as all of WeChat's, have their whole content under it.
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none", re.IGNORECASE)
#: A page with fewer characters may be waiting for its script ("Loading", "Skip to content").
_SPARSE = 400
_BLOCK_STYLE = re.compile(r"display\s*:\s*(?:block|flex|grid|list-item)", re.IGNORECASE)


def _by_style(tree: LexborHTMLParser) -> tuple[set[int], set[int], list[LexborNode]]:
    """Elements hidden by the page itself, elements made block-level, and the hidden ones as nodes.

    Not hidden are ``html`` and ``body``: pages which hide themselves against flicker or framing show
    themselves by script.
    """
    hidden: list[LexborNode] = []
    blocks: set[int] = set()
    for node in tree.css("[hidden], [style*=display i], dialog"):
        tag = node.tag
        if tag == "html" or tag == "body":
            continue
        attributes = node.attributes
        style = attributes.get("style") or ""
        if (
            ("hidden" in attributes and attributes["hidden"] != "until-found")
            or (tag == "dialog" and "open" not in attributes)
            or _HIDDEN_STYLE.search(style)
        ):
            hidden.append(node)
        elif _BLOCK_STYLE.search(style):
            blocks.add(node.mem_id)
    return {node.mem_id for node in hidden}, blocks, hidden


def _holding(nodes: Iterable[LexborNode], wanted: set[int]) -> set[int]:
    """Which of ``nodes`` have an element of ``wanted`` in them."""
    return {
        node.mem_id
        for node in nodes
        if any(inner.mem_id in wanted for inner in node.traverse(include_text=False))
    }


def _find(tree: LexborHTMLParser, html: str) -> Findings:
    formulas = equations.find(tree, html)
    hidden, blocks, nodes = _by_style(tree)
    if formulas and hidden:
        written = {mem_id for mem_id, formula in formulas.items() if formula is not None}
        hidden -= _holding(nodes, written)
    found = code.find(tree, html)
    return Findings(
        formulas=formulas,
        skip=hidden | found.skip,
        blocks=blocks,
        preformatted=found.preformatted,
        languages=found.languages,
        listings=found.listings,
        asciimath=cache(lambda: equations.asciimath_declared(tree, html)),
    )


def _walk(tree: LexborHTMLParser, html: str, content: Literal["full", "main"]) -> Page:
    structure = content == "main"

    def attempt(findings: Findings) -> Page:
        if tree.body is None:
            return Page({}, findings.asciimath, structure=structure, alternatives=not structure)
        return walk(tree.body, findings, structure=structure, alternatives=not structure)

    findings = _find(tree, html)
    page = attempt(findings)
    if (shown := _size(page)) < _SPARSE:
        # What a script would show: forums serve threads in <noscript>, and other pages hide all they have.
        noscript = tree.css_first("body noscript") is not None
        if noscript:
            tree.unwrap_tags(["noscript"])
        if noscript or findings.skip:
            revealed = attempt(findings._replace(skip=frozenset()))
            if _size(revealed) > (2 * shown + _SPARSE // 2 if shown else 0):
                page = revealed
    return page


def _size(page: Page) -> int:
    return sum([len(block.text) for block in page.blocks])


def _title(tree: LexborHTMLParser) -> str:
    head = tree.head
    for node in head.iter() if head is not None else ():
        if node.tag == "title":
            return collapse(node.text())
    # A stray element ends the head: what comes after it is in the body.
    title = tree.css_first("body > title")
    return "" if title is None else collapse(title.text())


def structure(html: str) -> tuple[list[Block], list[Container]]:
    """All blocks of a page and their containers, as ``main.select`` is given them."""
    page = _walk(LexborHTMLParser(to_parse(html)), html, "main")
    return page.blocks, page.containers


def render(html: str, *, content: Literal["full", "main"] = "full", url: str | None = None) -> Rendered:
    """The text of ``html`` (decoded; a charset named in it is ignored).

    ``content="full"``: all that a browser shows. ``content="main"``: the content that the page is there
    for, without navigation, advertisements, related links and the like; image descriptions are left out as
    well. ``url`` is the page's address; this renderer has no use for it. Raises ValueError for a page beyond
    ``guards.MAX_CHARS``.
    """
    tree = LexborHTMLParser(to_parse(html))
    page = _walk(tree, html, content)
    blocks = page.blocks
    on_page = sum([block.equations for block in blocks])
    if content == "main" and blocks:
        chosen = main.select(blocks, page.containers)
        blocks = [block for block, keep in zip(blocks, chosen, strict=True) if keep]
    text = text_of(blocks)
    return Rendered(
        text=text,
        title=_title(tree),
        equations=on_page if content == "full" else sum([block.equations for block in blocks]),
        code_blocks=sum([block.kind == "pre" for block in blocks]),
        tables=len({block.table for block in blocks if block.table}),
        links=sum([block.links for block in blocks]),
        chars=len(text),
        blocks=tuple(blocks),
        equations_on_page=on_page,
    )
