"""The walk: from the events of a page to blocks of text.

Knows how events follow each other. Does not know HTML (``scan``), what an element does to the text
(``elements``), when a table is data (``table_kernels``), nor which blocks are the content of the page
(``main``).

How it works. Most lines come whole, and compiled code makes blocks of them (``walk_kernels``). Of others the
inline text gathers in ``inline`` until a block starts or ends; only then is its white space collapsed, so
that ``a <b> b</b>`` has one space, as on a screen, and it becomes a block. A block-level element requests a
*gap* before the next content: 1 (new line) or 2 (blank line); of adjoining gaps the largest counts, as with
margins. A list sets the indentation and leaves a *marker* for the next block to begin with. A table remembers
the blocks of its cells, and decides at its end which rows are lines. Blocks are only appended, so the blocks
of every element are contiguous.
"""

from __future__ import annotations

from stages.render.block_kernels import (
    AT,
    INDENT_NOW,
    LISTS,
    MARKER_NOW,
    MARKER_NOW_END,
    NUMBER,
)
from stages.render.elements import ELEMENTS, line_break
from stages.render.kinds import (
    ALTERNATIVE,
    BREAKS,
    BUTTON,
    CONTROL,
    EDGE,
    FLUSH,
    FORMULA,
    GAP,
    JOINT,
    LISTING,
    SPACE,
    TEXT,
)
from stages.render.layout import BOX_JOINT, Page
from stages.render.list_kernels import LIST_STYLE, NOT_GIVEN
from stages.render.lists import ordinal
from stages.render.marks import Findings
from stages.render.permalinks import is_mark
from stages.render.scan import Scan
from stages.render.walk_kernels import DONE, IN_LINE, ITEMS, ORDINAL, ROOM

#: Events that are looked at together.
_SOME = 24


def walk(page: Page, scan: Scan, findings: Findings, marked: list[int]) -> None:
    """Writes the events of ``scan`` to ``page``; ``marked``: the ``mem_id`` by the number of a mark."""
    while (wanted := page.whole_lines()) != DONE:
        if wanted == IN_LINE:
            page.line_is_over(_line(page, scan, findings, marked, page.line_begins()))
        elif wanted == ROOM:
            page.make_room(int(page.state[NUMBER]))
            page.state[NUMBER] = NOT_GIVEN
        elif wanted == ORDINAL:
            _write_number(page)
        elif wanted == ITEMS:
            page.state[NUMBER] = scan.items(int(scan.events[page.state[AT], 1]))


def _line(page: Page, scan: Scan, findings: Findings, marked: list[int], at: int) -> int:
    """Writes a line, from the event numbered ``at`` on; returns the next event."""
    inline = page.inline
    string = page.string
    while some := scan.events[at : at + _SOME, :4].tolist():
        for event, one, other, page.container in some:
            at += 1
            if event == TEXT:
                text = string(one, other)
                if page.joint:
                    page.join(text)
                inline.append(text)
            elif (does := ELEMENTS.get(event)) is not None:
                does(page, one)
            elif event == FLUSH:
                if inline:
                    page.line()
            elif event == SPACE:
                if inline or other:
                    inline.append(chr(one))
            elif event == GAP:
                page.blank_line()
            elif event == JOINT:
                page.joint = BOX_JOINT
            elif event == ALTERNATIVE:
                page.joint = BOX_JOINT
                page.join(text := string(one, other))
                inline.append(text)
                page.joint = BOX_JOINT
            elif event == BREAKS:
                line_break(page, one)
            elif event == EDGE:
                if inline and not inline[-1]:
                    page.joint = BOX_JOINT  # style sheets separate links from their neighbours
            elif event == FORMULA:
                formula = findings.formulas[marked[one]]
                assert formula is not None
                page.formula(formula)
            elif event == LISTING:
                page.listing(findings.listings[marked[one]], one)
            elif event == CONTROL:
                if is_mark(scan.text_of(one)):
                    page.joint = BOX_JOINT
                    at += other
                    break
                ELEMENTS[BUTTON](page, one)
            else:
                if inline:
                    page.flush()
                return at - 1
            if not inline and not page.pre:
                return at
    return at


def _write_number(page: Page) -> None:
    """The marker of an item whose number is written in letters."""
    state = page.state
    style = chr(page.open[state[LISTS] - 1, LIST_STYLE])
    start, end = page.write(ordinal(int(state[NUMBER]), style) + ". ")
    state[MARKER_NOW], state[MARKER_NOW_END], state[NUMBER] = start, end, NOT_GIVEN
    state[INDENT_NOW] += end - start
