"""The page being written: lines, blocks, gaps and indentation, and how words meet.

Knows the line being written, the gap before the next block, and how blocks of code, formulas and containers
are added. Knows neither tags (``elements``) nor the tree (``walk``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from stages.render import backticks, code_flow, rawtex, tex
from stages.render.blocks import Block, Kind, Outline
from stages.render.joints import STICKS_TO_WORD, WORD_STICKS_TO
from stages.render.lists import ListState
from stages.render.marks import Formula
from stages.render.scan import Element, Scan
from stages.render.tables import Table
from stages.render.whitespace import collapse

_BLANK_START = re.compile(r"\A(?:[ \t]*\n)+")
#: Placeholders, until the line is finished, for a backtick in code, which opens no AsciiMath, and for a
#: backslash in code, which is shown literally.
CODE_BACKTICK, CODE_BACKSLASH = "\ufdd0", "\ufdd3"

# The last item on the line, where it matters for text that follows without white space.
NO_JOINT = 0
BOX_JOINT = 1  # a box, image, or end of a link before another element: words are set apart
SCRIPT_JOINT = 2  # a script without braces: gets them if the next text would be read as part of it
FORMULA_JOINT = 3  # "$x$" before a digit would be no formula
#: From this code point on, most scripts are written without spaces.
_WIDE = "\u2e80"


class Page:
    """Blocks and containers so far, and the state of the line being written."""

    def __init__(self, scan: Scan, languages: Mapping[int, str], asciimath: Callable[[], bool]) -> None:
        self.scan = scan
        self.languages = languages  # of code, by the mark of the preformatted element
        self.asciimath = asciimath  # whether text between backticks is AsciiMath
        self.blocks: list[Block] = []
        self.container: Element = -1  # the innermost; -1 if containers are not wanted
        self.merged: list[tuple[Element, int]] = []  # containers of blocks that became part of other blocks
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
        self.pre_mark = -1  # the mark of the outermost; -1: it has none
        self.links = 0
        self.link_chars = 0
        self.link_from = -1  # index into inline of the open link; -1: none is open
        self.permalink = ""  # marks taken from the line
        self.formulas = 0
        self.joint = NO_JOINT
        self.indented = 0  # the largest ``code_flow.indentation`` of a line
        self.breaks = rawtex.Breaks()

    def emit(self, text: str, kind: Kind, *, raw: bool = True) -> None:
        """Appends a block with everything gathered for it; ``raw``: there may be raw TeX in it."""
        prefix = ""
        if self.indent or self.marker:
            if kind == "heading":
                prefix, self.marker = self.marker, ""  # headings are not indented
            elif kind != "pre":
                prefix = " " * self.indent
                if self.marker:
                    prefix = prefix[: -len(self.marker)] + self.marker
                    self.marker = ""
        equations = self.formulas
        if raw and kind != "pre":
            equations = max(equations, tex.count_raw(text))
        level = self.level if kind == "heading" else len(self.lists)
        gap = self.gap or 1
        block = Block(text, kind, level, self.container, prefix, gap, self.links, self.link_chars, equations)
        if self.permalink:
            block.permalink, self.permalink = self.permalink, ""
        self.blocks.append(block)
        self.gap = self.links = self.link_chars = self.formulas = 0

    def flush(self) -> bool:
        """Ends the current line; whether there was anything on it."""
        inline = self.inline
        if self.link_from >= 0:
            self.link_chars += sum(map(len, inline[self.link_from :]))
            self.link_from = 0
        text = "".join(inline)
        inline.clear()
        self.joint = NO_JOINT
        ascii_only = text.isascii()
        if not ascii_only and "\xa0" in text and self.indented < 2:
            before = self.blocks[-1].text if self.blocks else ""
            self.indented = max(self.indented, code_flow.indentation(text, before))
        text = collapse(text)
        if not text:
            return False
        # The same test as ``tex.may_be_raw``, which would be called too often here.
        raw = "$" in text or "\\" in text or ("[" in text and "[/" in text) or ("#" in text and "##" in text)
        if raw and not (text := rawtex.tidy(text)):
            return False
        if not ascii_only and CODE_BACKSLASH in text:
            text, raw = text.replace(CODE_BACKSLASH, "\\"), True
        if ("`" in text or (not ascii_only and CODE_BACKTICK in text)) and self.asciimath():
            text, raw = backticks.convert(text).replace(CODE_BACKTICK, "`"), True
        self.emit(text, "item" if self.marker and self.kind == "text" else self.kind, raw=raw)
        if self.link_from >= 0:
            self.links = 1  # the link continues
        return True

    def line_of_text(self, text: str) -> None:
        """Adds a line of plain text, collapsed, when nothing is on the line."""
        self.joint = NO_JOINT
        linked = self.link_from >= 0
        self.emit(text, "item" if self.marker and self.kind == "text" else self.kind, raw=False)
        if linked:
            self.link_from = 0
            self.links = 1  # the link continues

    def line(self) -> None:
        """Ends the line that text has gathered for; within ``<pre>``, starts a new one."""
        if not self.pre:
            self.flush()
        elif not self.inline[-1].endswith("\n"):
            self.inline.append("\n")

    def blank_line(self) -> None:
        """Ends the line, and requests a blank line before the next block."""
        if self.inline:
            self.line()
        # The first block of an item directly follows its bullet.
        if not self.marker and not self.pre:
            self.gap = 2

    def join(self, text: str) -> None:
        """Separates the line so far from the ``text`` that follows, as the joint between them requires."""
        joint, self.joint = self.joint, NO_JOINT
        inline = self.inline
        before = "".join(inline[-2:])
        if not before or self.pre:
            return
        first, last = text[0], before[-1]
        if joint == SCRIPT_JOINT:
            script = inline[-1]
            runs_on = (first.isdigit() and last.isdigit()) or (first.isalpha() and last.isalpha())
            if runs_on and script[:1] in ("^", "_"):
                inline[-1] = f"{script[0]}{{{script[1:]}}}"
        elif joint == FORMULA_JOINT:
            if last == "$" and (first.isdigit() or first == "$"):
                inline.append(" ")
        elif not (
            first.isspace()
            or last.isspace()
            or first in STICKS_TO_WORD
            or last in WORD_STICKS_TO
            or (first >= _WIDE and last >= _WIDE)
        ):
            inline.append(" ")

    def formula(self, formula: Formula) -> None:
        source = formula.tex
        if not source:
            return
        if (len(source) - len(source.rstrip("\\"))) % 2:
            source += " "  # the formula ends in a control space, which would escape the dollar
        if formula.display and not self.pre:
            if self.inline:
                self.flush()
            self.formulas += 1
            self.emit(f"$${source}$$", "equation")
        else:
            if self.inline and self.inline[-1][-1:] == "$":
                self.inline.append(" ")
            self.formulas += 1
            self.inline.append(f"${source}$")
            self.joint = FORMULA_JOINT

    def release_marker(self) -> None:
        """Called before content that cannot follow a marker: a number gets a line of its own, a bullet is
        dropped."""
        marker, self.marker = self.marker, ""
        if marker.endswith(". "):
            indent, self.indent = self.indent, max(self.indent - len(marker), 0)
            self.emit(marker.rstrip(), "item")
            self.indent = indent

    def listing(self, code: str, mark: int) -> None:
        """Writes ``code`` in place of the element with this mark."""
        if self.pre:
            self.inline.append(code)
        else:
            self.blank_line()
            self._emit_code(code, mark)

    def _emit_code(self, text: str, mark: int) -> None:
        text = _BLANK_START.sub("", text.replace("\xa0", " ")).rstrip()
        if text:
            self.release_marker()  # a marker before its first line would break the indentation
            self.gap = 2
            self.emit(text, "pre")
            self.blocks[-1].language = self.languages.get(mark, "")
        self.gap = 2

    def close_code_block(self) -> None:
        """Ends a ``<pre>``."""
        self.pre -= 1
        if self.pre:
            return
        text = "".join(self.inline)
        self.inline.clear()
        if self.link_from >= 0:
            self.link_from = 0
        self._emit_code(text, self.pre_mark)

    def outline(self) -> Outline:
        """The containers of the blocks."""
        return self.scan.outline(self.merged)
