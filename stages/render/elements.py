"""What each kind of element does to the page being written, when it opens and when it closes.

Knows the elements of HTML and their attributes. Does not know how the tree is walked, nor which elements are
special on this page (``walk``), nor how lines become blocks (``layout``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stages.render import permalinks, rawtex
from stages.render.blocks import Kind
from stages.render.kinds import (
    BLOCK_LINK,
    BUTTON,
    CAPTION,
    CELL,
    CODE,
    DEFINITION,
    HEAD_ROWS,
    HEADER_CELL,
    HEADING,
    ITEM,
    LINK,
    LIST,
    OBJECT,
    PRE,
    QUOTE,
    QUOTED,
    ROW,
    RUBY,
    SUBSCRIPT,
    SUPERSCRIPT,
    TABLE,
    TERM,
)
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

#: A sub- or superscript that needs no braces: a number, a word, a sign or a footnote mark, after an optional
#: sign.
_ONE_TOKEN = re.compile(r"[-+−]?(?:[^\W_]+|[^\w\s])|[\[(][^\[\]()]*[\])]")
#: Characters that can have a subscript, besides letters and digits.
_BASES = frozenset(")]}′'")

#: Kinds of blocks that have permalinks to themselves.
_HEADINGS = frozenset(["heading", "term", "caption"])

# ``close_…`` receives what ``open_…`` returned. Within <pre>, blocks only break lines: their functions are
# not called.


def open_link(page: Page, about: int) -> None:
    inline = page.inline
    if inline and not inline[-1]:
        page.joint = BOX_JOINT  # style sheets separate links from their neighbours
    page.links += 1
    page.link_from = len(inline)


def close_link(page: Page, saved: None, about: int) -> None:
    if page.link_from >= 0:
        inline = page.inline
        text = "".join(inline[page.link_from :])
        if 0 < len(text) < 6 or page.kind in _HEADINGS:
            text = _without_permalink(page, text, about)
        page.link_chars += len(text)
        page.link_from = -1
        if not page.pre and (page.links or not text):
            inline.append("")  # tells the walk that an element directly follows a link


def _without_permalink(page: Page, text: str, about: int) -> str:
    """The ``text`` of a link that ends, or "" if it was a permalink, which is then removed from the line."""
    in_heading = page.kind in _HEADINGS
    if page.pre or len(text) > permalinks.MAX_CHARS:
        return text
    if not permalinks.is_permalink(text, page.scan.attributes(about), in_heading):
        return text
    del page.inline[page.link_from :]
    page.permalink += text.strip()
    page.links -= 1
    return ""


def open_block_link(page: Page, about: int) -> None:
    if page.inline:
        page.line()
    open_link(page, about)


def close_block_link(page: Page, saved: None, about: int) -> None:
    close_link(page, saved, about)
    if page.inline:
        page.line()


def open_object(page: Page, about: int) -> None:
    page.joint = BOX_JOINT


def close_object(page: Page, saved: None, about: int) -> None:
    page.joint = BOX_JOINT


def line_break(page: Page, about: int) -> None:
    if page.pre or (page.inline and page.breaks.within_formula(page.inline, page.scan.after(about))):
        page.inline.append("\n")
    elif not page.flush() and not page.marker:
        page.gap = 2  # a break on a line of its own is a blank line


def open_quoted(page: Page, about: int) -> None:
    page.inline.append('"')


def close_quoted(page: Page, saved: None, about: int) -> None:
    page.inline.append('"')


def open_ruby(page: Page, about: int) -> None:
    page.inline.append("(")


def close_ruby(page: Page, saved: None, about: int) -> None:
    page.inline.append(")")


def open_button(page: Page, about: int) -> None:
    page.inline.append(" ")


def close_button(page: Page, saved: None, about: int) -> None:
    page.inline.append(" ")


def open_text(page: Page, about: int) -> tuple[int, int]:
    """Where the text of an inline element starts: the line, and the place on it."""
    return len(page.inline), len(page.blocks)


def close_code(page: Page, start: tuple[int, int], about: int) -> None:
    place, line = start
    code = "".join(page.inline[place:])
    if line != len(page.blocks) or page.pre:
        return
    if "`" in code and page.asciimath():
        code = code.replace("`", CODE_BACKTICK)
        page.inline[place:] = [code]
    if rawtex.is_suspect(code):
        page.inline[place:] = [code.replace("\\", CODE_BACKSLASH)]


def close_superscript(page: Page, start: tuple[int, int], about: int) -> None:
    _script(page, "^", *start)


def close_subscript(page: Page, start: tuple[int, int], about: int) -> None:
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


def open_heading(page: Page, about: int) -> Kind:
    page.blank_line()
    saved, page.kind, page.level = page.kind, "heading", about
    return saved


def close_heading(page: Page, saved: Kind, about: int) -> None:
    page.blank_line()
    page.kind = saved


def open_list(page: Page, about: int) -> None:
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
    if page.scan.tag(about) != "ol":
        page.lists.append(ListState(depth, indent, len(page.blocks)))
        return
    attributes = page.scan.attributes(about)
    start, step = integer(attributes.get("start")), 1
    if "reversed" in attributes:
        step = -1
        if start is None:
            start = page.scan.items(about)
    style = attributes.get("type") or "1"
    start = 1 if start is None else start
    page.lists.append(ListState(depth, indent, len(page.blocks), start, style, step))


def close_list(page: Page, saved: None, about: int) -> None:
    if len(page.lists) == 1:
        page.blank_line()
    elif page.inline:
        page.line()
    page.lists.pop()


def open_item(page: Page, about: int) -> int:
    if page.inline:
        page.line()
    saved = page.indent
    if page.lists:
        state = page.lists[-1]
        if len(page.blocks) > state.first_block and page.blocks[-1].kind != "pre":
            page.gap = 1  # no blank lines between items, whether or not they contain paragraphs
        indent = min(state.indent, MAX_INDENT)
        page.marker = state.marker(
            integer(page.scan.attributes(about).get("value")) if state.numbered else None
        )
    else:
        indent, page.marker = saved, "* "
    page.indent = indent + len(page.marker)
    return saved


def close_item(page: Page, saved: int, about: int) -> None:
    if page.inline:
        page.line()
    page.marker, page.indent = "", saved


def open_term(page: Page, about: int) -> Kind:
    if page.inline:
        page.line()
    saved, page.kind = page.kind, "term"
    return saved


def open_caption(page: Page, about: int) -> Kind:
    if page.inline:
        page.line()
    saved, page.kind = page.kind, "caption"
    if page.tables:
        page.tables[-1].headed = True
    return saved


def close_kind(page: Page, saved: Kind, about: int) -> None:
    if page.inline:
        page.line()
    page.kind = saved


def open_definition(page: Page, about: int) -> tuple[Kind, int]:
    if page.inline:
        page.line()
    saved = page.kind, page.indent
    page.kind, page.indent = "definition", min(page.indent + DEFINITION_INDENT, MAX_INDENT)
    return saved


def close_definition(page: Page, saved: tuple[Kind, int], about: int) -> None:
    if page.inline:
        page.line()
    page.kind, page.indent = saved


def open_quote(page: Page, about: int) -> int:
    page.blank_line()
    saved, page.indent = page.indent, min(page.indent + QUOTE_INDENT, MAX_INDENT)
    return saved


def close_quote(page: Page, saved: int, about: int) -> None:
    page.blank_line()
    page.indent = saved


def open_pre(page: Page, about: int) -> None:
    page.blank_line()
    page.pre += 1
    if page.pre == 1:
        page.pre_mark = about


def close_pre(page: Page, saved: None, about: int) -> None:
    page.close_code_block()


#: By kind, how an element opens and how it closes. What ``about`` is depends on the kind: a number of the
#: scan for its attributes, -1 without any; of a heading its level, of a break its place, of a row what it is
#: in, of code its mark.
ELEMENTS: dict[int, tuple[Callable[[Page, int], Any], Callable[[Page, Any, int], None]]] = {
    LINK: (open_link, close_link),
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
