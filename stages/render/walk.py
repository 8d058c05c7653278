"""The walk: one pass over the tree of a page, from which blocks of text fall out.

Knows the tags of HTML, and where a formula, a gutter or a hidden element is on this page (``Findings``,
made beforehand). Does not know what a formula or a highlighter looks like (``equations``, ``code``),
what an element does to the text (``layout``), when a table is data (``tables``), nor which blocks are
the content of the page (``main``).

How it works. The walk keeps no recursion, so depth costs nothing: it steps to the first child, else to
the next sibling, else back up, and remembers per open element what to do when it closes. Every element
has one *kind*, looked up by the parser's number for its tag. Inline text gathers in ``inline`` until a
block starts or ends; only then is its white space collapsed, so that ``a <b> b</b>`` has one space, as
on a screen, and it becomes a ``Block``. A block-level element asks for a *gap* before what comes next: 1
(new line) or 2 (blank line); adjoining gaps merge to the largest, as margins do. A list sets the
indentation and leaves a *marker* for the next block to begin with. A table remembers which blocks its
cells gave, and decides at its end which rows are lines. Blocks are only ever appended, so that every
element's blocks are contiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any, NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render import layout
from stages.render.equations import Formula
from stages.render.layout import BLOCK, BUTTON, ELEMENTS, HEADING, INLINE, LINE, PRE, SKIP, TEXT, Page

_TAGS = {
    # What a browser does not show, and controls, whose text is not prose.
    SKIP: "annotation annotation-xml applet audio canvas datalist head iframe input noembed noframes"
    " noscript object option rp script select style svg template textarea title video",
    layout.LINK: "a",
    layout.IMAGE: "img",
    layout.BREAK: "br",
    layout.SUPERSCRIPT: "sup",
    layout.SUBSCRIPT: "sub",
    layout.QUOTED: "q",
    layout.RUBY: "rt",
    BUTTON: "button",
    layout.CODE: "code",
    LINE: "address article aside body center details dialog div fieldset figcaption footer form header"
    " hgroup html legend main nav search section summary tbody tfoot thead",
    BLOCK: "dl figure hr p",
    HEADING: "h1 h2 h3 h4 h5 h6",
    layout.LIST: "ul ol menu dir",
    layout.ITEM: "li",
    layout.TERM: "dt",
    layout.DEFINITION: "dd",
    layout.QUOTE: "blockquote",
    PRE: "pre listing xmp plaintext",
    layout.TABLE: "table",
    layout.ROW: "tr",
    layout.CELL: "td th",
    layout.CAPTION: "caption",
}


def _kinds() -> dict[int, int]:
    """Kinds by the numbers that the parser gives to tags; what is not in it is INLINE."""
    tree = LexborHTMLParser("x")
    assert tree.root is not None
    numbers = {node.tag_id: TEXT for node in tree.root.traverse(include_text=True) if node.is_text_node}
    for kind, tags in _TAGS.items():
        for tag in tags.split():
            numbers[tree.create_node(tag).tag_id] = kind
    return numbers


_KINDS = _kinds()


class Findings(NamedTuple):
    """What is known of single elements, by ``mem_id``, before the walk."""

    formulas: Mapping[int, Formula | None]  # what to write in place of an element; None: nothing
    skip: Set[int]  # not shown
    blocks: Set[int]  # block-level by style
    preformatted: Set[int]  # to be treated as <pre>
    languages: Mapping[int, str]  # of <pre> and preformatted elements
    listings: Mapping[int, str]  # of preformatted elements: what to write in place of their lines
    asciimath: Callable[[], bool]  # whether text between backticks is AsciiMath on this page


def walk(body: LexborNode, findings: Findings, *, structure: bool = False, alternatives: bool = True) -> Page:
    """The blocks of ``body``, with ``structure`` also their containers, with ``alternatives`` also the alt
    texts of images."""
    page = Page(findings.languages, findings.asciimath, structure=structure, alternatives=alternatives)
    inline, elements = page.inline, ELEMENTS
    kind_of = _KINDS.get
    marked = findings.formulas.keys() | findings.skip | findings.blocks | findings.preformatted
    marked |= findings.listings.keys()
    open_elements: list[tuple[LexborNode, int, Any]] = []

    def close(node: LexborNode, kind: int, saved: Any) -> None:
        if kind in elements:
            elements[kind][1](page, saved, node)
        elif kind == BLOCK:
            page.blank_line()
        elif inline:
            page.line()
        if structure and kind >= LINE:
            page.close_container()

    node: LexborNode | None = body
    while node is not None:
        kind = kind_of(node.tag_id, INLINE)
        if kind == TEXT:
            text = node.text_content or ""
            if not text.isspace() or page.pre:
                inline.append(text)
            elif inline:
                inline.append(" ")
        else:
            if marked and (mark := node.mem_id) in marked:
                kind = _marked(page, findings, mark, kind)
            if kind != SKIP and (kind != BUTTON or _is_content(node)):
                saved: Any = None
                if kind:
                    if kind >= LINE:
                        if structure:
                            page.open_container(node)
                        if page.pre and kind != PRE:
                            kind = LINE
                    if kind in elements:
                        saved = elements[kind][0](page, node)
                    elif kind == BLOCK:
                        page.blank_line()
                    elif inline:
                        page.line()
                if (child := node.first_child) is not None:
                    open_elements.append((node, kind, saved))
                    node = child
                    continue
                if kind:
                    close(node, kind, saved)
        following = None
        # The body's own siblings are not asked for: the walk ends with the body.
        while open_elements and (following := node.next) is None:
            node, kind, saved = open_elements.pop()
            if kind:
                close(node, kind, saved)
        node = following
    return page


def _marked(page: Page, findings: Findings, mark: int, kind: int) -> int:
    """Writes what stands for a marked element, and gives the kind that the element has instead of its own."""
    if (formula := findings.formulas.get(mark)) is not None:
        page.formula(formula)
    elif mark in findings.skip or mark in findings.formulas or kind == SKIP:
        pass
    elif (listing := findings.listings.get(mark)) is not None:
        page.listing(listing, mark)
    elif mark in findings.preformatted:
        return PRE
    else:
        return LINE if kind == INLINE else kind
    return SKIP


_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"])


def _is_content(button: LexborNode) -> bool:
    """Whether a button is text to be read, such as a question whose answer it opens, and no control."""
    parent = button.parent
    return (parent is not None and parent.tag in _HEADINGS) or len(button.text().split()) > 4
