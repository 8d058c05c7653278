"""The walk: from the events of a page to blocks of text.

Knows how events follow each other. Does not know HTML (``scan``), what an element does to the text
(``elements``), when a table is data (``tables``), nor which blocks are the content of the page (``main``).

How it works. Most lines come whole. Of others the inline text gathers in ``inline`` until a block starts or
ends; only then is its white space collapsed, so that ``a <b> b</b>`` has one space, as on a screen, and it
becomes a ``Block``. A block-level element requests a *gap* before the next content: 1 (new line) or 2 (blank
line); of adjoining gaps the largest counts, as with margins. A list sets the indentation and leaves a
*marker* for the next block to begin with. A table remembers the blocks of its cells, and decides at its end
which rows are lines. Blocks are only appended, so the blocks of every element are contiguous.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from stages.render.elements import ELEMENTS, line_break
from stages.render.kinds import (
    ALTERNATIVE,
    BREAKS,
    BUTTON,
    CLOSES,
    CONTROL,
    EDGE,
    FLUSH,
    FORMULA,
    GAP,
    INLINE,
    JOINT,
    LINE_OF_TEXT,
    LINKS,
    LISTING,
    SPACE,
    TEXT,
)
from stages.render.layout import BOX_JOINT, Page
from stages.render.marks import Findings
from stages.render.permalinks import is_mark
from stages.render.scan import Scan

_OPENS = {kind: opens for kind, (opens, _) in ELEMENTS.items()}
_CLOSES = {CLOSES + kind: closes for kind, (_, closes) in ELEMENTS.items()}


def walk(page: Page, scan: Scan, findings: Findings, marked: list[int]) -> None:
    """Writes the events of ``scan`` to ``page``; ``marked``: the ``mem_id`` by the number of a mark."""
    inline = page.inline
    characters = scan.text
    saved: list[Any] = []  # what elements that are open have to remember
    events = scan.events()
    for event, one, other, page.container in events:
        if event == LINE_OF_TEXT:
            page.line_of_text(characters[one:other])
        elif event >= CLOSES:
            _CLOSES[event](page, saved.pop(), one)
        elif event > INLINE:
            saved.append(_OPENS[event](page, one))
        elif event == TEXT:
            text = characters[one:other]
            if page.joint:
                page.join(text)
            inline.append(text)
        elif event == FLUSH:
            if inline:
                page.line()
        elif event == GAP:
            page.blank_line()
        elif event == LINKS:
            if one or page.link_from >= 0:
                page.links += one
                page.link_chars += other
        elif event == SPACE:
            if inline:
                inline.append(chr(one))
        elif event == JOINT:
            page.joint = BOX_JOINT
        elif event == ALTERNATIVE:
            page.joint = BOX_JOINT
            page.join(text := characters[one:other])
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
            if _is_content(*scan.button(one)):
                saved.append(_OPENS[BUTTON](page, one))
            else:
                page.joint = BOX_JOINT
                next(islice(events, other, other), None)


def _is_content(text: str, in_heading: bool) -> bool:
    """Whether a button is text to be read, such as a question that reveals its answer, and not a control."""
    if in_heading:
        return not is_mark(text)
    return len(text.split()) > 4 or sum(["\u3040" <= letter <= "\u9fff" for letter in text]) > 10
