"""The page being written: blocks, the line being written, and how words meet.

Knows the line, what gathers for the next block, and how blocks of code and formulas are added. Knows neither
tags (``elements``) nor the order of events (``walk``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from stages.render import backticks, code_flow, rawtex, tex
from stages.render import block_kernels as columns
from stages.render.block_kernels import CAPTION, EQUATION, HEADING, ITEM, PRE, TERM, TEXT, add_block
from stages.render.blocks import Blocks, Outline
from stages.render.formulas import in_dollars
from stages.render.joints import STICKS_TO_WORD, WORD_STICKS_TO
from stages.render.list_kernels import NOT_GIVEN, OPEN, release_marker
from stages.render.marks import Formula
from stages.render.scan import Element, Scan
from stages.render.walk_kernels import walk
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
#: Kinds of blocks that have permalinks to themselves.
_HEADINGS = (HEADING, TERM, CAPTION)


class Page:
    """Blocks so far, and the state of the line being written. What gathers for the next block is here while
    something is on the line, and in ``state`` otherwise (``line_begins``, ``line_is_over``)."""

    def __init__(self, scan: Scan, languages: Mapping[int, str], asciimath: Callable[[], bool]) -> None:
        self.scan = scan
        self.languages = languages  # of code, by the mark of the preformatted element
        self.asciimath = asciimath  # whether text between backticks is AsciiMath
        events = len(scan.events)
        self.state = state = np.zeros(columns.STATES, np.int64)
        self._now = state.data  # the same: single numbers are read and written faster
        state[[columns.EVENTS, columns.BYTES]] = events, scan.bytes
        state[[columns.LINK_FROM, columns.NUMBER]] = -1, NOT_GIVEN
        self._rows = np.empty((3 * events + 4, columns.COLUMNS), np.int64)
        self.open = np.empty((events + 1, OPEN), np.int64)  # what is open (``walk_kernels``)
        self.text = scan.out
        self._bytes = self.text.data
        self.container: Element = -1  # the innermost; -1 if containers are not wanted
        # Containers of blocks that became part of other blocks, and those, with the places of blocks.
        self._merged = np.empty((4 * events + 8, 2), np.int64)
        self._places = np.empty(len(self._rows), np.int64)
        self.inline: list[str] = []
        self.pre = 0  # how many preformatted elements are open
        self.pre_mark = -1  # the mark of the outermost; -1: it has none
        self.links = self.link_chars = self.formulas = 0
        self.link_from = -1  # index into inline of the open link; -1: none is open
        self.saved = 0  # how many elements have something saved
        self.kind = TEXT
        self.marked = False  # a marker waits for the next block
        self.permalink = ""  # marks taken from the line
        self.joint = NO_JOINT
        self.indented = 0  # the largest ``code_flow.indentation`` of a line
        self.breaks = rawtex.Breaks()

    @property
    def blocks(self) -> Blocks:
        """The blocks so far."""
        return Blocks(self.text, self._rows[: self.state[columns.BLOCKS]], self.languages)

    @property
    def in_heading(self) -> bool:
        """Whether a permalink on the line would be one of its block."""
        return self.kind in _HEADINGS

    def whole_lines(self) -> int:
        """Makes blocks of events up to one that is left to others; returns what (``walk_kernels``)."""
        scan = self.scan
        blocks = (self.text, self.state, self._rows, self.open, self._merged, self._places)
        wanted: int = walk(scan.source, scan.events, scan.elements, *blocks)
        return wanted

    def line_begins(self) -> int:
        """Returns the next event."""
        gathered = self.state[: columns.AT + 1].tolist()
        self.links, self.link_chars, self.formulas, self.link_from, self.saved, self.kind = gathered[:6]
        marker, stop, first, last, edged, apart, at = gathered[6:]
        self.joint = BOX_JOINT if apart else NO_JOINT
        self.marked = marker < stop
        if first < last:
            self.permalink = self.string(first, last)
            self._now[columns.PERMALINK_STOP] = first
        if edged:
            self.inline.append("")
        return int(at)

    def line_is_over(self, at: int) -> None:
        """``at``: the next event."""
        now = self._now
        now[columns.LINKS_OPEN], now[columns.LINK_CHARS_OPEN] = self.links, self.link_chars
        now[columns.FORMULAS], now[columns.LINK_FROM], now[columns.SAVED] = (
            self.formulas,
            self.link_from,
            self.saved,
        )
        now[columns.EDGED], now[columns.APART], now[columns.AT] = 0, self.joint, at
        if self.permalink:
            self._keep_permalink()

    def _keep_permalink(self) -> None:
        now = self._now
        now[columns.PERMALINK], now[columns.PERMALINK_STOP] = self.write(self.permalink)
        self.permalink = ""

    def string(self, start: int, end: int) -> str:
        """Text by its places."""
        return str(self._bytes[start:end], "utf-8", "surrogatepass")

    def write(self, text: str) -> tuple[int, int]:
        """Appends to the array of text; returns where it is."""
        data = text.encode("utf-8", "surrogatepass")
        start: int = self._now[columns.BYTES]
        end = start + len(data)
        if end > len(self.text):
            self.make_room(len(data))
        self._bytes[start:end] = data
        self._now[columns.BYTES] = end
        return start, end

    def make_room(self, size: int) -> None:
        """Makes room for so many bytes of text."""
        done = self.state[columns.BYTES]
        longer = np.empty(2 * (done + size), np.uint8)
        longer[:done] = self.text[:done]
        self.text, self._bytes = longer, longer.data

    def last(self) -> np.ndarray:
        """The row of the last block."""
        row: np.ndarray = self._rows[self.state[columns.BLOCKS] - 1]
        return row

    def emit(self, text: str, kind: int, *, raw: bool = True) -> None:
        """Appends a block with everything gathered for it; ``raw``: there may be raw TeX in it."""
        equations = self.formulas
        if raw and kind != PRE:
            equations = tex.count_raw(text, equations)
        now = self._now
        start, end = self.write(text)
        if self.permalink:
            self._keep_permalink()
        now[columns.LINKS_OPEN], now[columns.LINK_CHARS_OPEN], now[columns.FORMULAS] = (
            self.links,
            self.link_chars,
            0,
        )
        about = (start, end, len(text), kind, equations, self.container)
        add_block(*about, self.state, self._rows, self.text)
        if "\n" in text:
            self.last()[columns.BREAKS] = text.count("\n")
        self.links = self.link_chars = self.formulas = 0
        self.marked = self.marked and kind == PRE

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
            self.indented = max(self.indented, code_flow.indentation(text, self._before()))
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
        self.emit(text, ITEM if self.marked and self.kind == TEXT else self.kind, raw=raw)
        if self.link_from >= 0:
            self.links = 1  # the link continues
        return True

    def _before(self) -> str:
        """The text of the last block."""
        if not self.state[columns.BLOCKS]:
            return ""
        start, end = self.last()[columns.START : columns.END + 1].tolist()
        return self.string(start, end)

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
        if not self.marked and not self.pre:
            self._now[columns.GAP_NOW] = 2

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
        if not formula.tex:
            return
        if formula.display and not self.pre:
            if self.inline:
                self.flush()
            self.formulas += 1
            self.emit(in_dollars(formula), EQUATION)
        else:
            if self.inline and self.inline[-1][-1:] == "$":
                self.inline.append(" ")
            self.formulas += 1
            self.inline.append(in_dollars(formula._replace(display=False)))
            self.joint = FORMULA_JOINT

    def listing(self, code: str, mark: int) -> None:
        """Writes ``code`` in place of the element with this mark."""
        if self.pre:
            self.inline.append(code)
        else:
            self.blank_line()
            self._emit_code(code, mark)

    def open_code_block(self, mark: int) -> None:
        """Begins a ``<pre>``."""
        self.blank_line()
        self.pre += 1
        if self.pre == 1:
            self.pre_mark = mark

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

    def _emit_code(self, text: str, mark: int) -> None:
        text = _BLANK_START.sub("", text.replace("\xa0", " ")).rstrip()
        state = self.state
        if text:
            if self.marked:  # a marker before its first line would break the indentation
                self._release_marker()
            state[columns.GAP_NOW] = 2
            self.emit(text, PRE)
            if mark in self.languages:
                self.last()[columns.LANGUAGE] = mark
        state[columns.GAP_NOW] = 2

    def _release_marker(self) -> None:
        state = self.state
        state[: columns.FORMULAS + 1] = self.links, self.link_chars, self.formulas
        if self.permalink:
            self._keep_permalink()
        release_marker(self.container, state, self._rows, self.text)
        self.links, self.link_chars, self.formulas = state[: columns.FORMULAS + 1].tolist()
        self.marked = False

    def outline(self) -> Outline:
        """The containers of the blocks."""
        merged = self._merged[: self.state[columns.MERGED]]
        return self.scan.outline(merged)
