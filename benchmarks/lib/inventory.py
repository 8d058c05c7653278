"""What is on a page, taken from the DOM by code that is independent of the renderer.

It is built on lxml (``dom``), imports nothing of ``stages``, and makes its own decisions on what is visible,
which elements carry formulas (``carriers``), which tables hold data and what in a ``<pre>`` is a gutter of
line numbers. Where a page leaves the right answer open (a table that may be layout, a cell with a form
control, a formula in a hidden tab), the thing is left out of the inventory: what remains is what any faithful
text of the page must have. It does not know how a tool's output is scored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from benchmarks.lib.carriers import Formula, formulas_of, raw_of
from benchmarks.lib.dom import EDGE, UNSEEN, is_hidden, parse, squeeze, text_of


@dataclass
class Inventory:
    """A page. ``raw`` are formulas between delimiters; a block of code is its lines, a row its bare cells."""

    formulas: list[Formula] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    code: list[list[str]] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    text: str = ""  # visible, formulas left out, EDGE between blocks
    beside: str = ""  # the bare text outside formulas, hidden elements included


def take(html: str) -> Inventory:
    """The inventory of a page."""
    root = parse(html)
    if root is None:
        return Inventory()
    units, formulas = formulas_of(root)
    found = Inventory(formulas=formulas)
    found.text = text_of(root, units).replace("\xad", "")
    found.beside = squeeze(text_of(root, units, hidden=True))
    coded = {e for e in root.iter("pre", "code", "kbd", "samp", "tt", "xmp", "listing") if e not in units}
    found.raw = raw_of(text_of(root, units | coded, marked=("sub", "sup", "img")))
    found.code = _code(root, units)
    found.tables = _tables(root, units)
    return found


# Code --------------------------------------------------------------------------------------------------

#: Names of columns of line numbers, and of what may stand in a block of code beside the code.
_COLUMN = r"gutter|line-?nos?|linenos|linenodiv|lnt?|ln-num|hljs-ln-(?:numbers|n)|blob-num|rouge-gutter"
_GUTTER = re.compile(rf"(?:^|[\s_-])(?:{_COLUMN})(?=[\s_-]|$)", re.IGNORECASE)
_BESIDE = re.compile(
    rf"(?:^|[\s_-])(?:{_COLUMN}|line-?numbers?(?:-rows)?|copy(?:-?btn|-?button|-?code)?|clipboard\S*|toolbar)(?=[\s_-]|$)",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\s*(?:\d+\s+)*\d+\s*")
#: Of a notebook: beside its code, by some taken for a part of it.
_PROMPT = re.compile(r"\s*(?:In|Out)?\s*\[[\s\d*]*\]:?\s*")


def lines_of(text: str) -> list[str]:
    """Lines as compared: tabs at every eighth column, no-break spaces as spaces, nothing of no width."""
    text = text.replace("\xa0", " ").replace("\u200b", "").replace("\ufeff", "").replace("\xad", "")
    return [line.rstrip().expandtabs(8).rstrip() for line in text.replace("\r", "").split("\n")]


def _code(root: etree._Element, units: set[etree._Element]) -> list[list[str]]:
    blocks = []
    for pre in root.iter("pre", "listing", "xmp"):
        above = list(pre.iterancestors())
        if any(a.tag in UNSEEN or a.tag in ("pre", "listing") or is_hidden(a) for a in above):
            continue
        if is_hidden(pre):
            continue
        within = set(pre.iter())
        if within & units or any(e.tag in ("img", "sup", "sub") for e in within):
            continue
        if any(_GUTTER.search(e.get("class") or "") for e in (pre, *above[:3])):
            continue
        gutters = {e for e in within if e is not pre and _BESIDE.search(e.get("class") or "")}
        if any(text_of(e, set()).strip() and not _is_noise(e) for e in gutters):
            continue  # a name that says gutter around what is none: undecided
        text = _lined(text_of(pre, gutters))
        lines = lines_of(text)
        while lines and not lines[0]:
            lines.pop(0)
        while lines and not lines[-1]:
            lines.pop()
        if lines and not _NUMBERS.fullmatch(text) and not _PROMPT.fullmatch(text):
            blocks.append(lines)
    return blocks


def _is_noise(element: etree._Element) -> bool:
    text = text_of(element, set()).replace(EDGE, " ").strip()
    return _NUMBERS.fullmatch(text) is not None or len(text.split()) <= 3


def _lined(text: str) -> str:
    """Edges of blocks inside code as line ends: one wherever the line has not ended already."""
    return re.sub(rf"\n?{EDGE}+", "\n", text)


# Tables ------------------------------------------------------------------------------------------------

#: A cell without a header over it and of more characters than this is rather a column of a layout.
_LONG_CELL = 200
_BLOCKS = frozenset(["p", "div", "center"])
#: A cell with one of these, or with several blocks, need not be one line: its row is left out.
_MANY_LINES = frozenset(str.split("ul ol dl li pre h1 h2 h3 h4 h5 h6 form blockquote table hr iframe figure"))
_CONTROLS = frozenset(["img", "input", "select", "button", "textarea", "label", "svg"])
_MARKS = re.compile(r"[|^_\[\]*`$\x1e]+")


def cell_text(text: str) -> str:
    """Bare, and without the marks that tools write around scripts, links and cells."""
    return _MARKS.sub("", squeeze(text))


def _tables(root: etree._Element, units: set[etree._Element]) -> list[list[list[str]]]:
    """Rows of at least two cells with text, for every table that is surely one of data."""
    found = []
    for table in root.iter("table"):
        if table.get("role") in ("presentation", "none") or any(True for _ in table.iterdescendants("table")):
            continue
        if any(a.tag in UNSEEN or a.tag == "pre" or is_hidden(a) for a in (table, *table.iterancestors())):
            continue
        rows = [[c for c in row if c.tag in ("td", "th")] for row in table.iter("tr") if not is_hidden(row)]
        rows = [[c for c in row if not is_hidden(c)] for row in rows]
        if _is_data(table, [row for row in rows if row]):
            texts = [_row(row, units) for row in rows]
            found.append([cells for cells in texts if len(cells) >= 2])
    return [rows for rows in found if rows]


def _is_data(table: etree._Element, rows: list[list[etree._Element]]) -> bool:
    """Rows of equal width; and headers, or nothing but short cells without blocks, most of them filled."""
    widths = [sum(_span(cell) for cell in row) for row in rows]
    if len(rows) < 2 or max(widths) < 2:
        return False
    if len(set(widths)) > 1 and not any(cell.get("rowspan") for row in rows for cell in row):
        return False
    cells = [cell for row in rows for cell in row]
    lengths = [len(squeeze(text_of(cell, set()).replace(EDGE, ""))) for cell in cells]
    filled = sorted(filter(None, lengths))
    simple = [cell for cell in cells if not _has_many_lines(cell)]
    if len(filled) < 4:
        return False
    if any(True for _ in table.iter("th", "thead")):
        return len(simple) >= 0.8 * len(cells)
    return (
        len(rows) >= 3
        and not any(e.tag in _BLOCKS or e.tag in _MANY_LINES for e in table.iterdescendants())
        and len(filled) >= 0.7 * len(cells)
        and filled[len(filled) // 2] <= 40
        and filled[-1] <= _LONG_CELL
    )


def _has_many_lines(cell: etree._Element) -> bool:
    inner = [element.tag for element in cell.iterdescendants()]
    return any(tag in _MANY_LINES for tag in inner) or sum(tag in _BLOCKS for tag in inner) > 1


def _span(cell: etree._Element) -> int:
    value = cell.get("colspan") or "1"
    return int(value) if value.isdigit() else 1


def _row(row: list[etree._Element], units: set[etree._Element]) -> list[str]:
    """Texts of the cells that have one; nothing where a cell holds a formula, a picture or a control, or has
    reason to be several lines."""
    for cell in row:
        if _has_many_lines(cell) or any(e in units or e.tag in _CONTROLS for e in cell.iter()):
            return []
    return [text for cell in row if (text := cell_text(text_of(cell, set())))]
