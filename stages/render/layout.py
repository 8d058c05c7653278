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

    def boundary(self, gap: int) -> None:
        """A block starts or ends: ``gap`` line breaks at least before what follows."""
        if self.inline:
            self.line()
        # The first block of an item follows its bullet at once.
        if gap > self.gap and not self.marker and not self.pre:
            self.gap = gap

    def formula(self, formula: Formula) -> None:
        source = formula.tex
        if not source:
            return
        if (len(source) - len(source.rstrip("\\"))) % 2:
            source += " "  # a control space at its end, which would escape the dollar
        if formula.display and not self.pre:
            self.boundary(1)
            self.formulas += 1
            self.emit(f"$${source}$$", "equation")
        else:
            self.formulas += 1
            self.inline.append(f"${source}$")

    # Elements. What an ``open_…`` returns comes back to its ``close_…`` with the same kind.

    def open_inline(self, kind: int, node: LexborNode) -> int:
        inline = self.inline
        if kind == LINK:
            if node.attrs.get("href") is None:
                return -1
            if inline and not inline[-1]:
                inline.append(" ")  # links side by side are set apart by style, not by a space
            self.links += 1
            self.link_from = len(inline)
        elif kind == IMAGE:
            if self.alternatives and (alternative := node.attrs.get("alt")):
                if inline and inline[-1][-1:].isalnum():
                    inline.append(" ")
                inline.append(alternative)
        elif kind == BREAK:
            if self.pre:
                inline.append("\n")
            elif not self.flush():
                self.gap = 2  # a break on a line of its own is a blank line
        elif kind == QUOTED:
            inline.append('"')
        elif kind == RUBY:
            inline.append("(")
        elif kind == BUTTON:
            inline.append(" ")
        return len(inline)  # where a script starts

    def close_inline(self, kind: int, start: int) -> None:
        inline = self.inline
        if kind == LINK:
            if start >= 0 and self.link_from >= 0:
                self.link_chars += sum(map(len, inline[self.link_from :]))
                self.link_from = -1
                if not self.pre:
                    inline.append("")
        elif kind == QUOTED:
            inline.append('"')
        elif kind == RUBY:
            inline.append(")")
        elif kind == BUTTON:
            inline.append(" ")
        elif kind == CODE:
            code = "".join(inline[start:])
            if "`" in code and not self.pre and self.asciimath():
                inline[start:] = [code.replace("`", _CODE_BACKTICK)]
        elif kind in (SUPERSCRIPT, SUBSCRIPT) and start <= len(inline):
            self._script("^" if kind == SUPERSCRIPT else "_", start)

    def _script(self, sign: str, start: int) -> None:
        inline = self.inline
        script = "".join(inline[start:])
        text = collapse(script)
        before = inline[start - 1][-1:] if start and inline[start - 1] else " "
        if not text or text[0] == "$" or (sign == "_" and (before.isspace() or before == "$")):
            return
        inline[start:] = [sign + (text if _ONE_TOKEN.fullmatch(text) else "{" + text + "}")]
        if script[-1].isspace():
            inline.append(" ")

    def open_block(self, kind: int, node: LexborNode) -> Any:
        """Starts an element from HEADING on."""
        if kind == PRE:
            self.boundary(2)
            self.pre += 1
            if self.pre == 1:
                self.pre_id = node.mem_id
            return None
        if self.pre:
            self.boundary(1)
            return None
        saved: Any = None
        if kind == ITEM:
            saved = self._open_item(node)
        elif kind == CELL:
            self.boundary(1)
            saved = len(self.blocks), self.kind
            self.kind = "text"
        elif kind == ROW:
            self.boundary(1)
            if self.tables:
                self.tables[-1].rows.append(Row(self.container, []))
        elif kind == HEADING:
            self.boundary(2)
            saved, self.kind, self.level = self.kind, "heading", int((node.tag or "h6")[1])
        elif kind == LIST:
            self.boundary(1 if self.lists else 2)
            self._open_list(node)
        elif kind == TERM:
            self.boundary(1)
            saved, self.kind = self.kind, "term"
        elif kind == CAPTION:
            self.boundary(1)
            saved, self.kind = self.kind, "caption"
            if self.tables:
                self.tables[-1].headed = True
        elif kind == DEFINITION:
            self.boundary(1)
            saved = self.kind, self.indent
            self.kind, self.indent = "definition", min(self.indent + DEFINITION_INDENT, MAX_INDENT)
        elif kind == QUOTE:
            self.boundary(2)
            saved, self.indent = self.indent, min(self.indent + QUOTE_INDENT, MAX_INDENT)
        elif kind == TABLE:
            self.boundary(2)
            layout = node.attrs.get("role") in ("presentation", "none")
            self.tables.append(Table(len(self.blocks), len(self.containers), layout))
        return saved

    def close_block(self, kind: int, saved: Any, node: LexborNode) -> None:
        if kind == PRE:
            self.pre -= 1
            if not self.pre:
                self._close_pre()
            return
        if self.pre:
            self.boundary(1)
            return
        if kind == ITEM:
            self.boundary(1)
            self.marker, self.indent = "", saved
        elif kind == CELL:
            self.boundary(1)
            first, self.kind = saved
            if self.tables and self.tables[-1].rows:
                self._close_cell(first, node)
        elif kind == ROW:
            self.boundary(1)
        elif kind == HEADING:
            self.boundary(2)
            self.kind = saved
        elif kind == LIST:
            self.boundary(1 if len(self.lists) > 1 else 2)
            self.lists.pop()
        elif kind in (TERM, CAPTION):
            self.boundary(1)
            self.kind = saved
        elif kind == DEFINITION:
            self.boundary(1)
            self.kind, self.indent = saved
        elif kind == QUOTE:
            self.boundary(2)
            self.indent = saved
        elif kind == TABLE:
            self.boundary(2)
            self.table_count += 1
            self.tables.pop().finish(self.blocks, self.containers, self.table_count)

    def _close_cell(self, first: int, node: LexborNode) -> None:
        attributes = node.attributes
        columns = rows = 1
        if attributes:
            columns = max(integer(attributes.get("colspan")) or 1, 1)
            rows = max(integer(attributes.get("rowspan")) or 1, 1)
        table = self.tables[-1]
        table.rows[-1].cells.append(Cell(first, len(self.blocks), columns, rows))
        if not table.headed and node.tag == "th":
            table.headed = True

    def _open_list(self, node: LexborNode) -> None:
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

    def _open_item(self, node: LexborNode) -> int:
        self.boundary(1)
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

    def _close_pre(self) -> None:
        text = "".join(self.inline)
        self.inline.clear()
        if self.link_from >= 0:
            self.link_from = 0
        self._emit_code(text, self.pre_id)

    def listing(self, code: str, mark: int) -> None:
        """Writes ``code`` in place of the element with the ``mem_id`` ``mark``."""
        if self.pre:
            self.inline.append(code)
        else:
            self.boundary(2)
            self._emit_code(code, mark)

    def _emit_code(self, text: str, mark: int) -> None:
        text = _BLANK_START.sub("", text.replace("\xa0", " ")).rstrip()
        self.marker = ""  # a bullet before its first line would break its indentation
        if text:
            self.gap = 2
            self.emit(text, "pre")
            self.blocks[-1].language = self.languages.get(mark, "")
        self.gap = 2

    def open_container(self, node: LexborNode) -> None:
        if self.inline:
            self.line()
        names = ""
        if attributes := node.attributes:
            names = " ".join([value for key in _NAMES if (value := attributes.get(key))])
        first = len(self.blocks)
        self.containers.append(Container(self.container, node.tag or "", names, first, first))
        self.container = len(self.containers) - 1

    def close_container(self) -> None:
        container = self.containers[self.container]
        container.last = len(self.blocks)
        self.container = container.parent


_NAMES = ("class", "id", "role", "itemprop")
