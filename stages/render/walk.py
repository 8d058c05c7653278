"""The walk: one pass over the tree of a page, which produces blocks of text.

Knows the tags of HTML, and where a formula, a gutter or a hidden element is on this page (``Findings``,
made beforehand). Does not know what a formula or a highlighter looks like (``equations``, ``code``),
what an element does to the text (``elements``), when a table is data (``tables``), nor which blocks are
the content of the page (``main``).

How it works. The walk does not use recursion, so depth costs nothing: it steps to the first child, else to
the next sibling, else back up, and remembers per open element what to do when it closes. Every element has
one *kind*, looked up by the parser's number for its tag. Inline text gathers in ``inline`` until a block
starts or ends; only then is its white space collapsed, so that ``a <b> b</b>`` has one space, as on a screen,
and it becomes a ``Block``. A block-level element requests a *gap* before the next content: 1 (new line) or 2
(blank line); of adjoining gaps the largest counts, as with margins. A list sets the indentation and leaves a
*marker* for the next block to begin with. A table remembers the blocks of its cells, and decides at its end
which rows are lines. Blocks are only appended, so the blocks of every element are contiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any, NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render import elements
from stages.render.elements import (
    BLOCK,
    BOX,
    BUTTON,
    CLOSES,
    ELEMENTS,
    EMBEDDING,
    HEADING,
    INLINE,
    LINE,
    LINK,
    OBJECT,
    OPENS,
    PRE,
    SKIP,
    TEXT,
)
from stages.render.equations import Formula
from stages.render.layout import BOX_JOINT, Page
from stages.render.permalinks import is_mark
from stages.render.streamed import Move

_TAGS = {
    # Elements that a browser does not show.
    SKIP: "datalist head noembed noframes noscript option rp script style template title",
    # Controls, whose text is not prose, and elements without text.
    BOX: "iframe input select svg textarea",
    EMBEDDING: "applet audio canvas meter object progress video",
    LINK: "a",
    elements.IMAGE: "img",
    elements.BREAK: "br",
    elements.SUPERSCRIPT: "sup",
    elements.SUBSCRIPT: "sub",
    elements.QUOTED: "q",
    elements.RUBY: "rt",
    BUTTON: "button",
    elements.CODE: "code",
    LINE: "address article aside body center details dialog div fieldset figcaption footer form header"
    " hgroup html legend main nav search section summary tbody tfoot",
    BLOCK: "dl figure hr p",
    HEADING: "h1 h2 h3 h4 h5 h6",
    elements.LIST: "ul ol menu dir",
    elements.ITEM: "li",
    elements.TERM: "dt",
    elements.DEFINITION: "dd",
    elements.QUOTE: "blockquote",
    PRE: "pre listing xmp plaintext",
    elements.TABLE: "table",
    elements.ROW: "tr",
    elements.CELL: "td",
    elements.HEADER_CELL: "th",
    elements.CAPTION: "caption",
    elements.HEAD_ROWS: "thead",
}
#: The parser's numbers of the tags that it knows. The number of any other tag is the address of its name,
#: where another document may have a different name, so those are never looked up.
_KNOWN_TAGS = 256


def _kinds() -> dict[int, int]:
    """Kinds by the numbers that the parser gives to tags; tags that are not listed are INLINE."""
    tree = LexborHTMLParser("x")
    assert tree.root is not None
    numbers = {node.tag_id: TEXT for node in tree.root.traverse(include_text=True) if node.is_text_node}
    for kind, tags in _TAGS.items():
        for tag in tags.split():
            number = tree.create_node(tag).tag_id
            assert number < _KNOWN_TAGS, tag
            numbers[number] = kind
    return numbers


_KINDS = _kinds()
#: Elements that are still opened when a listing replaces their content, to keep their place in a table or
#: list.
_PLACES = {
    kind: elements.ELEMENTS[kind]
    for kind in (elements.ITEM, elements.TERM, elements.DEFINITION, elements.CELL, elements.HEADER_CELL)
}
_MATH = LexborHTMLParser("x").create_node("math").tag_id


class Findings(NamedTuple):
    """Facts about single elements, by ``mem_id``, found before the walk."""

    formulas: Mapping[int, Formula | None]  # what to write in place of an element; None: nothing
    skip: Set[int]  # not shown
    blocks: Set[int]  # block-level by style
    preformatted: Set[int]  # to be treated as <pre>
    languages: Mapping[int, str]  # of <pre> and preformatted elements
    listings: Mapping[int, str]  # of preformatted elements: what to write in place of their lines
    moves: Mapping[int, Move]  # templates, and the content that scripts put there
    asciimath: Callable[[], bool]  # whether text between backticks is AsciiMath on this page


def walk(body: LexborNode, findings: Findings, *, structure: bool = False, alternatives: bool = True) -> Page:
    """The blocks of ``body``, with ``structure`` also their containers, with ``alternatives`` also the alt
    texts of images."""
    page = Page(findings.languages, findings.asciimath, structure=structure, alternatives=alternatives)
    inline = page.inline
    kind_of = _KINDS.get
    skip = set(findings.skip)
    marked = skip | findings.blocks | findings.preformatted
    marked |= findings.listings.keys() | findings.formulas.keys()
    moves = dict(findings.moves)
    pieces = {move.piece.mem_id for move in moves.values()}  # not printed yet
    marked |= moves.keys() | pieces
    pending = page.pending
    open_elements: list[tuple[LexborNode, int, Any]] = []

    def close(node: LexborNode, kind: int, saved: Any) -> None:
        if (closes := CLOSES[kind]) is not None:
            closes(page, saved, node)
        elif kind == BLOCK:
            page.blank_line()
        elif inline:
            page.line()
        if structure and kind >= LINE:
            if pending:
                pending.pop()
            else:
                page.close_container()

    node: LexborNode | None = body
    while node is not None:
        kind = kind_of(tag := node.tag_id, INLINE)
        if kind == TEXT:
            text = node.text_content or ""
            if not text.isspace() or page.pre:
                if page.joint:
                    page.join(text)
                inline.append(text)
            elif inline:
                inline.append("\n" if "\n" in text else " ")
        else:
            if marked and (mark := node.mem_id) in marked:
                if (move := moves.get(mark)) is not None and move.piece.mem_id in pieces:
                    pieces.remove(move.piece.mem_id)
                    skip.add(move.piece.mem_id)  # not again at its own place
                    node = move.last
                    if (child := move.piece.first_child) is not None:
                        open_elements.append((node, INLINE, None))
                        node = child
                        continue
                pieces.discard(mark)
                kind = SKIP if mark in skip else _marked(page, findings, node, mark, kind)
            elif tag == _MATH:
                # A formula that could not be read shows its content, but not its annotations.
                notes = {note.mem_id for note in node.css("annotation, annotation-xml")}
                skip |= notes
                marked |= notes
            if kind == BUTTON and not _is_content(node):
                kind = BOX
            if kind < SKIP and (kind := _embedding(node, kind)) == BOX:
                page.joint = BOX_JOINT
            elif kind != SKIP:
                saved: Any = None
                if kind >= LINE:
                    if inline:
                        page.line()
                    if structure:
                        pending.append(node)
                    if page.pre and kind != PRE:
                        kind = LINE
                    if (opens := OPENS[kind]) is not None:
                        saved = opens(page, node)
                    elif kind == BLOCK:
                        page.blank_line()
                else:
                    if kind <= LINK and inline and not inline[-1]:
                        page.joint = BOX_JOINT  # style sheets separate links from their neighbours
                    if (opens := OPENS[kind]) is not None:
                        saved = opens(page, node)
                if (child := node.first_child) is not None:
                    open_elements.append((node, kind, saved))
                    node = child
                    continue
                if kind:
                    close(node, kind, saved)
        following = None
        # The siblings of the body are not visited: the walk ends with the body.
        while open_elements and (following := node.next) is None:
            node, kind, saved = open_elements.pop()
            if kind:
                close(node, kind, saved)
        node = following
    return page


def _marked(page: Page, findings: Findings, node: LexborNode, mark: int, kind: int) -> int:
    """Writes the replacement of a special element, and returns the kind to use instead of its own."""
    if mark in findings.formulas:
        if (formula := findings.formulas[mark]) is None:
            pass
        elif kind in ELEMENTS and kind >= LINE and not page.pre:
            # For example a table cell that a script should fill.
            opens, closes = ELEMENTS[kind]
            saved = opens(page, node)
            page.formula(formula)
            closes(page, saved, node)
        else:
            page.formula(formula)
        return SKIP
    kind = _embedding(node, kind)
    if kind < INLINE:
        return kind
    if (listing := findings.listings.get(mark)) is not None:
        around = _PLACES.get(kind)
        saved = around[0](page, node) if around is not None else None
        page.listing(listing, mark)
        if around is not None:
            around[1](page, saved, node)
        return SKIP
    if mark in findings.preformatted:
        return PRE
    if kind in (INLINE, elements.CODE, OBJECT):
        return LINE
    if kind == LINK:
        return elements.BLOCK_LINK
    if kind < LINE and page.inline:
        page.line()
    return kind


#: Limits on the characters of a note to users whose browser cannot play a film, and on the elements examined
#: to find it. If there is more, the element was never closed and contains the rest of the page.
_NOTE_CHARS = 400
_NOTE_NODES = 1000


def _embedding(node: LexborNode, kind: int) -> int:
    """``kind``, except for elements that embed something: the kind that they have on this page."""
    if kind != EMBEDDING:
        return kind
    if (tag := node.tag) == "object" or tag == "applet":
        return BOX if "declare" in node.attributes else OBJECT
    chars = 0
    for number, inner in enumerate(node.traverse(include_text=True)):
        if inner.is_text_node and (inner.parent is None or inner.parent.tag not in ("script", "style")):
            chars += len((inner.text_content or "").strip())
        if chars > _NOTE_CHARS or number > _NOTE_NODES:
            return OBJECT
    return BOX


_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"])


def _is_content(button: LexborNode) -> bool:
    """Whether a button is text to be read, such as a question that reveals its answer, and not a control."""
    parent = button.parent
    text = button.text()
    if parent is not None and parent.tag in _HEADINGS:
        return not is_mark(text)
    return len(text.split()) > 4 or sum(["\u3040" <= letter <= "\u9fff" for letter in text]) > 10
