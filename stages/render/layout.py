"""The page being written: what each kind of element does to the text around it.

Knows kinds of elements, gaps, indentation, markers, rows and the line being written. Does not know how
the tree is walked, nor which elements are special on this page (``walk``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from selectolax.lexbor import LexborNode

from stages.render import tex
from stages.render.blocks import Block, Container, Kind
from stages.render.equations import Formula, convert_asciimath
from stages.render.lists import ListState, integer
from stages.render.tables import Cell, Row, Table
from stages.render.whitespace import collapse

#: Columns of indentation that nesting may add up to: beyond that, text drifts off any page, and its size
#: would grow with the square of the depth.
MAX_INDENT = 40
DEFINITION_INDENT = 4
QUOTE_INDENT = 2

# Kinds of elements. Plain integers because the walk looks one up per node; the order matters: below LINE an
# element is inline, and from HEADING on it does more than to ask for a gap.
TEXT = -2
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
LINE = 10  # starts and ends a line
BLOCK = 11  # blank line before and after
HEADING = 12
LIST = 13
ITEM = 14
TERM = 15
DEFINITION = 16
QUOTE = 17
PRE = 18
TABLE = 19
ROW = 20
CELL = 21
CAPTION = 22

_BLANK_START = re.compile(r"\A(?:[ \t]*\n)+")
#: Stands for a backtick in code, which opens no AsciiMath, until the line is finished.
_CODE_BACKTICK = "\ufdd0"
#: A script that needs no braces: a number, a word, a sign or a call-out, after an optional sign.
_ONE_TOKEN = re.compile(r"[-+−]?(?:\w+|[^\w\s])|[\[(][^\[\]()]*[\])]")


class Page:
    """Blocks and containers so far, and the state of the line being written."""

    def __init__(
        self,
        languages: Mapping[int, str],
        asciimath: Callable[[], bool],
        *,
        structure: bool,
        alternatives: bool,
    ) -> None:
        self.languages = languages  # of code, by mem_id of the preformatted element
        self.structure = structure  # keep containers
        self.alternatives = alternatives  # print the alt text of images
        self.asciimath = asciimath  # whether text between backticks is AsciiMath
        self.blocks: list[Block] = []
        self.containers: list[Container] = []
        self.container = -1
        self.inline: list[str] = []
        self.gap = 0
        self.indent = 0
        self.marker = ""
        self.kind: Kind = "text"
        self.level = 0
        self.lists: list[ListState] = []
        self.tables: list[Table] = []
        self.table_count = 0
        self.pre = 0  # how many preformatted elements are open
        self.pre_id = 0  # mem_id of the outermost
        self.links = 0
        self.link_chars = 0
        self.link_from = -1  # index into inline of the open link; -1: none is open
        self.formulas = 0

    def emit(self, text: str, kind: Kind) -> None:
        """Appends a block with what has gathered for it."""
        equations = self.formulas
        prefix = ""
        if kind == "heading":
            self.marker = ""  # headings stand flush left
        elif self.indent and kind != "pre":
            prefix = " " * self.indent
            if self.marker:
                prefix = prefix[: -len(self.marker)] + self.marker
                self.marker = ""
        if kind != "pre" and ("$" in text or "\\" in text):
            equations = max(equations, tex.count_raw(text))
        self.blocks.append(
            Block(
                text,
                kind,
                self.level if kind == "heading" else len(self.lists),
                self.container,
                prefix,
                self.gap or 1,
                self.links,
                self.link_chars,
                equations,
            )
        )
        self.gap = self.links = self.link_chars = self.formulas = 0

    def flush(self) -> bool:
        """Ends the current line; whether there was anything on it."""
        inline = self.inline
        if self.link_from >= 0:
            self.link_chars += sum(map(len, inline[self.link_from :]))
            self.link_from = 0
        text = collapse("".join(inline))
        inline.clear()
        if not text:
            return False
        if ("`" in text or _CODE_BACKTICK in text) and self.asciimath():
            text = convert_asciimath(text).replace(_CODE_BACKTICK, "`")
        self.emit(text, "item" if self.marker and self.kind == "text" else self.kind)
        if self.link_from >= 0:
            self.links = 1  # the link goes on
        return True

    def line(self) -> None:
        """Ends the line that text has gathered for; within ``<pre>``, starts a new one."""
        if not self.pre:
            self.flush()
        elif not self.inline[-1].endswith("\n"):
            self.inline.append("\n")

    def blank_line(self) -> None:
        """Ends the line, and asks for a blank line before what follows."""
        if self.inline:
            self.line()
        # The first block of an item follows its bullet at once.
        if not self.marker and not self.pre:
            self.gap = 2

    def formula(self, formula: Formula) -> None:
        source = formula.tex
        if not source:
            return
        if (len(source) - len(source.rstrip("\\"))) % 2:
            source += " "  # a control space at its end, which would escape the dollar
        self.formulas += 1
        if formula.display and not self.pre:
            self.formulas = 0
            if self.inline:
                self.flush()
            self.formulas = 1
            self.emit(f"$${source}$$", "equation")
        else:
            self.inline.append(f"${source}$")

    def listing(self, code: str, mark: int) -> None:
        """Writes ``code`` in place of the element with the ``mem_id`` ``mark``."""
        if self.pre:
            self.inline.append(code)
        else:
            self.blank_line()
            self._emit_code(code, mark)

    def _emit_code(self, text: str, mark: int) -> None:
        text = _BLANK_START.sub("", text.replace("\xa0", " ")).rstrip()
        self.marker = ""  # a bullet before its first line would break its indentation
        self.gap = 2
        if text:
            self.emit(text, "pre")
            self.blocks[-1].language = self.languages.get(mark, "")
            self.gap = 2

    def open_container(self, node: LexborNode) -> None:
        if self.inline:
            self.line()
        names = ""
        if attributes := node.attributes:
            names = attributes.get("class") or ""
            if len(attributes) > 1:
                names = " ".join([value for key in _NAMES if (value := attributes.get(key))])
        first = len(self.blocks)
        self.containers.append(Container(self.container, node.tag or "", names, first, first))
        self.container = len(self.containers) - 1

    def close_container(self) -> None:
        container = self.containers[self.container]
        container.last = len(self.blocks)
        self.container = container.parent

    # Elements. What ``open_…`` returns, ``close_…`` is given. Within <pre>, blocks only break lines.

    def open_link(self, node: LexborNode) -> bool:
        if node.attrs.get("href") is None:
            return False
        inline = self.inline
        if inline and not inline[-1]:
            inline.append(" ")  # links side by side are set apart by style, not by a space
        self.links += 1
        self.link_from = len(inline)
        return True

    def close_link(self, is_link: bool, node: LexborNode) -> None:
        if is_link and self.link_from >= 0:
            inline = self.inline
            self.link_chars += sum(map(len, inline[self.link_from :]))
            self.link_from = -1
            if not self.pre:
                inline.append("")

    def open_image(self, node: LexborNode) -> None:
        if self.alternatives and (alternative := node.attrs.get("alt")):
            if self.inline and self.inline[-1][-1:].isalnum():
                self.inline.append(" ")
            self.inline.append(alternative)

    def open_break(self, node: LexborNode) -> None:
        if self.pre:
            self.inline.append("\n")
        elif not self.flush():
            self.gap = 2  # a break on a line of its own is a blank line

    def open_quoted(self, node: LexborNode) -> None:
        self.inline.append('"')

    def close_quoted(self, saved: None, node: LexborNode) -> None:
        self.inline.append('"')

    def open_ruby(self, node: LexborNode) -> None:
        self.inline.append("(")

    def close_ruby(self, saved: None, node: LexborNode) -> None:
        self.inline.append(")")

    def open_button(self, node: LexborNode) -> None:
        self.inline.append(" ")

    def close_button(self, saved: None, node: LexborNode) -> None:
        self.inline.append(" ")

    def open_code(self, node: LexborNode) -> int:
        return len(self.inline)

    def close_code(self, start: int, node: LexborNode) -> None:
        code = "".join(self.inline[start:])
        if "`" in code and not self.pre and self.asciimath():
            self.inline[start:] = [code.replace("`", _CODE_BACKTICK)]

    def open_script(self, node: LexborNode) -> int:
        return len(self.inline)

    def close_superscript(self, start: int, node: LexborNode) -> None:
        self._script("^", start)

    def close_subscript(self, start: int, node: LexborNode) -> None:
        self._script("_", start)

    def _script(self, sign: str, start: int) -> None:
        inline = self.inline
        script = "".join(inline[start:])
        text = collapse(script)
        before = inline[start - 1][-1:] if 0 < start <= len(inline) and inline[start - 1] else " "
        if not text or text[0] == "$" or (sign == "_" and (before.isspace() or before == "$")):
            return
        inline[start:] = [sign + (text if _ONE_TOKEN.fullmatch(text) else "{" + text + "}")]
        if script[-1].isspace():
            inline.append(" ")

    def open_heading(self, node: LexborNode) -> Kind:
        self.blank_line()
        saved, self.kind, self.level = self.kind, "heading", int((node.tag or "h6")[1])
        return saved

    def close_heading(self, saved: Kind, node: LexborNode) -> None:
        self.blank_line()
        self.kind = saved

    def open_list(self, node: LexborNode) -> None:
        if not self.lists:
            self.blank_line()
        elif self.inline:
            self.line()
        depth = len(self.lists)
        # A list within an item is indented by the item; one directly within a list indents itself.
        indent = self.indent
        if self.lists and indent == self.lists[-1].indent:
            indent = min(indent + 2, MAX_INDENT)
        if node.tag != "ol":
            self.lists.append(ListState(depth, indent, len(self.blocks)))
            return
        attributes = node.attributes
        start, step = integer(attributes.get("start")), 1
        if "reversed" in attributes:
            step = -1
            if start is None:
                start = sum([child.tag == "li" for child in node.iter()])
        style = attributes.get("type") or "1"
        start = 1 if start is None else start
        self.lists.append(ListState(depth, indent, len(self.blocks), start, style, step))

    def close_list(self, saved: None, node: LexborNode) -> None:
        if len(self.lists) == 1:
            self.blank_line()
        elif self.inline:
            self.line()
        self.lists.pop()

    def open_item(self, node: LexborNode) -> int:
        if self.inline:
            self.line()
        saved = self.indent
        if self.lists:
            state = self.lists[-1]
            if len(self.blocks) > state.first_block:
                self.gap = 1  # items follow each other without blank lines, paragraphs in them or not
            indent = min(state.indent, MAX_INDENT)
            self.marker = state.marker(integer(node.attrs.get("value")) if state.numbered else None)
        else:
            indent, self.marker = saved, "* "
        self.indent = indent + len(self.marker)
        return saved

    def close_item(self, saved: int, node: LexborNode) -> None:
        if self.inline:
            self.line()
        self.marker, self.indent = "", saved

    def open_term(self, node: LexborNode) -> Kind:
        if self.inline:
            self.line()
        saved, self.kind = self.kind, "term"
        return saved

    def open_caption(self, node: LexborNode) -> Kind:
        if self.inline:
            self.line()
        saved, self.kind = self.kind, "caption"
        if self.tables:
            self.tables[-1].headed = True
        return saved

    def close_kind(self, saved: Kind, node: LexborNode) -> None:
        if self.inline:
            self.line()
        self.kind = saved

    def open_definition(self, node: LexborNode) -> tuple[Kind, int]:
        if self.inline:
            self.line()
        saved = self.kind, self.indent
        self.kind, self.indent = "definition", min(self.indent + DEFINITION_INDENT, MAX_INDENT)
        return saved

    def close_definition(self, saved: tuple[Kind, int], node: LexborNode) -> None:
        if self.inline:
            self.line()
        self.kind, self.indent = saved

    def open_quote(self, node: LexborNode) -> int:
        self.blank_line()
        saved, self.indent = self.indent, min(self.indent + QUOTE_INDENT, MAX_INDENT)
        return saved

    def close_quote(self, saved: int, node: LexborNode) -> None:
        self.blank_line()
        self.indent = saved

    def open_pre(self, node: LexborNode) -> None:
        self.blank_line()
        self.pre += 1
        if self.pre == 1:
            self.pre_id = node.mem_id

    def close_pre(self, saved: None, node: LexborNode) -> None:
        self.pre -= 1
        if self.pre:
            return
        text = "".join(self.inline)
        self.inline.clear()
        if self.link_from >= 0:
            self.link_from = 0
        self._emit_code(text, self.pre_id)

    def open_table(self, node: LexborNode) -> None:
        self.blank_line()
        layout = node.attrs.get("role") in ("presentation", "none")
        self.tables.append(Table(len(self.blocks), len(self.containers), layout))

    def close_table(self, saved: None, node: LexborNode) -> None:
        if self.inline:
            self.line()
        self.table_count += 1
        self.tables.pop().finish(self.blocks, self.containers, self.table_count)
        self.blank_line()

    def open_row(self, node: LexborNode) -> None:
        if self.inline:
            self.line()
        if self.tables:
            self.tables[-1].rows.append(Row(self.container, []))

    def close_row(self, saved: None, node: LexborNode) -> None:
        if self.inline:
            self.line()

    def open_cell(self, node: LexborNode) -> tuple[int, Kind]:
        if self.inline:
            self.line()
        saved = len(self.blocks), self.kind
        self.kind = "text"
        return saved

    def close_cell(self, saved: tuple[int, Kind], node: LexborNode) -> None:
        if self.inline:
            self.line()
        first, self.kind = saved
        if not self.tables or not self.tables[-1].rows:
            return
        columns = rows = 1
        if attributes := node.attributes:
            columns = max(integer(attributes.get("colspan")) or 1, 1)
            rows = max(integer(attributes.get("rowspan")) or 1, 1)
        table = self.tables[-1]
        table.rows[-1].cells.append(Cell(first, len(self.blocks), columns, rows))
        if not table.headed and node.tag == "th":
            table.headed = True


_NAMES = ("class", "id", "role", "itemprop")


def _nothing(page: Page, saved: Any, node: LexborNode) -> None:
    """Closes an element of whose end the text shows nothing."""


#: By kind, how an element opens and how it closes.
ELEMENTS: dict[int, tuple[Callable[[Page, LexborNode], Any], Callable[[Page, Any, LexborNode], None]]] = {
    LINK: (Page.open_link, Page.close_link),
    IMAGE: (Page.open_image, _nothing),
    BREAK: (Page.open_break, _nothing),
    SUPERSCRIPT: (Page.open_script, Page.close_superscript),
    SUBSCRIPT: (Page.open_script, Page.close_subscript),
    QUOTED: (Page.open_quoted, Page.close_quoted),
    RUBY: (Page.open_ruby, Page.close_ruby),
    BUTTON: (Page.open_button, Page.close_button),
    CODE: (Page.open_code, Page.close_code),
    HEADING: (Page.open_heading, Page.close_heading),
    LIST: (Page.open_list, Page.close_list),
    ITEM: (Page.open_item, Page.close_item),
    TERM: (Page.open_term, Page.close_kind),
    DEFINITION: (Page.open_definition, Page.close_definition),
    QUOTE: (Page.open_quote, Page.close_quote),
    PRE: (Page.open_pre, Page.close_pre),
    TABLE: (Page.open_table, Page.close_table),
    ROW: (Page.open_row, Page.close_row),
    CELL: (Page.open_cell, Page.close_cell),
    CAPTION: (Page.open_caption, Page.close_kind),
}
