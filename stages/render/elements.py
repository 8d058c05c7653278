"""What each kind of element does to the page being written, when it opens and when it closes.

Knows the elements of HTML and their attributes. Does not know how the tree is walked, nor which elements are
special on this page (``walk``), nor how lines become blocks (``layout``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from selectolax.lexbor import LexborNode

from stages.render import permalinks, rawtex
from stages.render.blocks import Kind
from stages.render.layout import BOX_JOINT, CODE_BACKSLASH, CODE_BACKTICK, SCRIPT_JOINT, Page
from stages.render.lists import ListState, integer
from stages.render.table_elements import (
    close_cell,
    close_row,
    close_table,
    open_cell,
    open_head_rows,
    open_header_cell,
    open_row,
    open_table,
)
from stages.render.whitespace import collapse

#: Columns of indentation that nesting may add up to: beyond that, text would move off any page, and its size
#: would grow with the square of the depth.
MAX_INDENT = 40
DEFINITION_INDENT = 4
QUOTE_INDENT = 2

# Kinds of elements. Plain integers because the walk looks one up per node; the order matters: below LINE an
# element is inline, and from HEADING on it does more than request a gap.
TEXT = -4
EMBEDDING = -3  # an OBJECT or a BOX, depending on its content
BOX = -2  # nothing of it is printed, but it separates words
SKIP = -1
INLINE = 0
LINK = 1
IMAGE = 2
BREAK = 3
SUPERSCRIPT = 4
SUBSCRIPT = 5
QUOTED = 6
RUBY = 7
BUTTON = 8
CODE = 9
OBJECT = 10  # what it embeds is not in the page; its fallback content is printed
LINE = 11  # starts and ends a line
BLOCK = 12  # blank line before and after
HEADING = 13
LIST = 14
ITEM = 15
TERM = 16
DEFINITION = 17
QUOTE = 18
PRE = 19
TABLE = 20
ROW = 21
CELL = 22
CAPTION = 23
HEAD_ROWS = 24
HEADER_CELL = 25
BLOCK_LINK = 26  # a link made block-level by its style

#: A sub- or superscript that needs no braces: a number, a word, a sign or a footnote mark, after an optional
#: sign.
_ONE_TOKEN = re.compile(r"[-+−]?(?:[^\W_]+|[^\w\s])|[\[(][^\[\]()]*[\])]")
#: Characters that can have a subscript, besides letters and digits.
_BASES = frozenset(")]}′'")

#: Kinds of blocks that have permalinks to themselves.
_HEADINGS = frozenset(["heading", "term", "caption"])

# ``close_…`` receives what ``open_…`` returned. Within <pre>, blocks only break lines: their functions are
# not called.


def open_link(page: Page, node: LexborNode) -> bool:
    if node.attrs.get("href") is None:
        return False
    page.links += 1
    page.link_from = len(page.inline)
    return True


def close_link(page: Page, is_link: bool, node: LexborNode) -> None:
    if is_link and page.link_from >= 0:
        inline = page.inline
        text = "".join(inline[page.link_from :])
        if 0 < len(text) < 6 or page.kind in _HEADINGS:
            text = _without_permalink(page, text, node)
        page.link_chars += len(text)
        page.link_from = -1
        if not page.pre and (page.links or not text):
            inline.append("")  # tells the walk that an element directly follows a link


def _without_permalink(page: Page, text: str, link: LexborNode) -> str:
    """The ``text`` of a link that ends, or "" if it was a permalink, which is then removed from the line."""
    in_heading = page.kind in _HEADINGS
    if page.pre or len(text) > permalinks.MAX_CHARS or not permalinks.is_permalink(text, link, in_heading):
        return text
    del page.inline[page.link_from :]
    page.permalink += text.strip()
    page.links -= 1
    return ""


def open_block_link(page: Page, node: LexborNode) -> bool:
    if page.inline:
        page.line()
    return open_link(page, node)


def close_block_link(page: Page, is_link: bool, node: LexborNode) -> None:
    close_link(page, is_link, node)
    if page.inline:
        page.line()


def open_object(page: Page, node: LexborNode) -> None:
    page.joint = BOX_JOINT


def close_object(page: Page, saved: None, node: LexborNode) -> None:
    page.joint = BOX_JOINT


def open_image(page: Page, node: LexborNode) -> None:
    page.joint = BOX_JOINT
    if page.alternatives and (alternative := node.attrs.get("alt")) and not alternative.isspace():
        page.join(alternative)
        page.inline.append(alternative)
        page.joint = BOX_JOINT


def open_break(page: Page, node: LexborNode) -> None:
    if page.pre or (page.inline and page.breaks.within_formula(page.inline, node)):
        page.inline.append("\n")
    elif not page.flush() and not page.marker:
        page.gap = 2  # a break on a line of its own is a blank line


def open_quoted(page: Page, node: LexborNode) -> None:
    page.inline.append('"')


def close_quoted(page: Page, saved: None, node: LexborNode) -> None:
    page.inline.append('"')


def open_ruby(page: Page, node: LexborNode) -> None:
    page.inline.append("(")


def close_ruby(page: Page, saved: None, node: LexborNode) -> None:
    page.inline.append(")")


def open_button(page: Page, node: LexborNode) -> None:
    page.inline.append(" ")


def close_button(page: Page, saved: None, node: LexborNode) -> None:
    page.inline.append(" ")


def open_text(page: Page, node: LexborNode) -> tuple[int, int]:
    """Where the text of an inline element starts: the line, and the place on it."""
    return len(page.inline), len(page.blocks)


def close_code(page: Page, start: tuple[int, int], node: LexborNode) -> None:
    place, line = start
    code = "".join(page.inline[place:])
    if line != len(page.blocks) or page.pre:
        return
    if "`" in code and page.asciimath():
        code = code.replace("`", CODE_BACKTICK)
        page.inline[place:] = [code]
    if rawtex.is_suspect(code):
        page.inline[place:] = [code.replace("\\", CODE_BACKSLASH)]


def close_superscript(page: Page, start: tuple[int, int], node: LexborNode) -> None:
    _script(page, "^", *start)


def close_subscript(page: Page, start: tuple[int, int], node: LexborNode) -> None:
    _script(page, "_", *start)


def _script(page: Page, sign: str, place: int, line: int) -> None:
    if line != len(page.blocks):
        return  # its text is on several lines
    inline = page.inline
    script = "".join(inline[place:])
    text = collapse(script)
    base = "".join(inline[max(place - 2, 0) : place])[-1:]
    if not text or text[0] == "$" or (sign == "_" and not (base.isalnum() or base in _BASES)):
        return
    if _ONE_TOKEN.fullmatch(text):
        inline[place:] = [sign + text]
        page.joint = SCRIPT_JOINT
    else:
        inline[place:] = [sign + "{" + text + "}"]
    if script[-1].isspace():
        inline.append(" ")


def open_heading(page: Page, node: LexborNode) -> Kind:
    page.blank_line()
    saved, page.kind, page.level = page.kind, "heading", int((node.tag or "h6")[1])
    return saved


def close_heading(page: Page, saved: Kind, node: LexborNode) -> None:
    page.blank_line()
    page.kind = saved


def open_list(page: Page, node: LexborNode) -> None:
    if not page.lists:
        page.blank_line()
    elif page.inline:
        page.line()
    if page.marker:
        page.release_marker()
    depth = len(page.lists)
    # A list within an item is indented by the item; one directly within a list indents itpage.
    indent = page.indent
    if page.lists and indent == page.lists[-1].indent:
        indent = min(indent + 2, MAX_INDENT)
    if node.tag != "ol":
        page.lists.append(ListState(depth, indent, len(page.blocks)))
        return
    attributes = node.attributes
    start, step = integer(attributes.get("start")), 1
    if "reversed" in attributes:
        step = -1
        if start is None:
            start = sum([child.tag == "li" for child in node.iter()])
    style = attributes.get("type") or "1"
    start = 1 if start is None else start
    page.lists.append(ListState(depth, indent, len(page.blocks), start, style, step))


def close_list(page: Page, saved: None, node: LexborNode) -> None:
    if len(page.lists) == 1:
        page.blank_line()
    elif page.inline:
        page.line()
    page.lists.pop()


def open_item(page: Page, node: LexborNode) -> int:
    if page.inline:
        page.line()
    saved = page.indent
    if page.lists:
        state = page.lists[-1]
        if len(page.blocks) > state.first_block and page.blocks[-1].kind != "pre":
            page.gap = 1  # no blank lines between items, whether or not they contain paragraphs
        indent = min(state.indent, MAX_INDENT)
        page.marker = state.marker(integer(node.attrs.get("value")) if state.numbered else None)
    else:
        indent, page.marker = saved, "* "
    page.indent = indent + len(page.marker)
    return saved


def close_item(page: Page, saved: int, node: LexborNode) -> None:
    if page.inline:
        page.line()
    page.marker, page.indent = "", saved


def open_term(page: Page, node: LexborNode) -> Kind:
    if page.inline:
        page.line()
    saved, page.kind = page.kind, "term"
    return saved


def open_caption(page: Page, node: LexborNode) -> Kind:
    if page.inline:
        page.line()
    saved, page.kind = page.kind, "caption"
    if page.tables:
        page.tables[-1].headed = True
    return saved


def close_kind(page: Page, saved: Kind, node: LexborNode) -> None:
    if page.inline:
        page.line()
    page.kind = saved


def open_definition(page: Page, node: LexborNode) -> tuple[Kind, int]:
    if page.inline:
        page.line()
    saved = page.kind, page.indent
    page.kind, page.indent = "definition", min(page.indent + DEFINITION_INDENT, MAX_INDENT)
    return saved


def close_definition(page: Page, saved: tuple[Kind, int], node: LexborNode) -> None:
    if page.inline:
        page.line()
    page.kind, page.indent = saved


def open_quote(page: Page, node: LexborNode) -> int:
    page.blank_line()
    saved, page.indent = page.indent, min(page.indent + QUOTE_INDENT, MAX_INDENT)
    return saved


def close_quote(page: Page, saved: int, node: LexborNode) -> None:
    page.blank_line()
    page.indent = saved


def open_pre(page: Page, node: LexborNode) -> None:
    page.blank_line()
    page.pre += 1
    if page.pre == 1:
        page.pre_id = node.mem_id


def close_pre(page: Page, saved: None, node: LexborNode) -> None:
    page.close_code_block()


def _nothing(page: Page, saved: Any, node: LexborNode) -> None:
    """Closes an element whose end leaves no trace in the text."""


#: By kind, how an element opens and how it closes.
ELEMENTS: dict[int, tuple[Callable[[Page, LexborNode], Any], Callable[[Page, Any, LexborNode], None]]] = {
    LINK: (open_link, close_link),
    IMAGE: (open_image, _nothing),
    BREAK: (open_break, _nothing),
    SUPERSCRIPT: (open_text, close_superscript),
    SUBSCRIPT: (open_text, close_subscript),
    QUOTED: (open_quoted, close_quoted),
    RUBY: (open_ruby, close_ruby),
    BUTTON: (open_button, close_button),
    CODE: (open_text, close_code),
    OBJECT: (open_object, close_object),
    HEADING: (open_heading, close_heading),
    LIST: (open_list, close_list),
    ITEM: (open_item, close_item),
    TERM: (open_term, close_kind),
    DEFINITION: (open_definition, close_definition),
    QUOTE: (open_quote, close_quote),
    PRE: (open_pre, close_pre),
    TABLE: (open_table, close_table),
    ROW: (open_row, close_row),
    CELL: (open_cell, close_cell),
    HEADER_CELL: (open_header_cell, close_cell),
    CAPTION: (open_caption, close_kind),
    HEAD_ROWS: (open_head_rows, close_row),
    BLOCK_LINK: (open_block_link, close_block_link),
}
#: The same, indexed by kind; ``None`` for kinds that are not listed.
OPENS, CLOSES = zip(*(ELEMENTS.get(kind, (None, None)) for kind in range(BLOCK_LINK + 1)), strict=True)
