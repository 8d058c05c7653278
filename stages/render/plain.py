"""Visible text of a page, by one walk over the tree that selectolax (lexbor) parses.

Knows which elements break a line, which never show, how a browser collapses white space, and how
to put a table row on one line. Does not know charsets (it is given decoded text), formulas beyond
counting them, nor what on a page is content rather than boilerplate: with ``content="main"`` it
trusts the page's own landmarks (``<main>``, ``<article>``) and scores nothing.

How it works. The walk keeps no recursion, so depth costs nothing: it steps to the first child, else
to the next sibling, else back up, and holds one small mark per open element that says what to do
when the element closes. Inline text gathers in ``inline`` until a block starts or ends; only then
is its white space collapsed, so that ``a <b> b</b>`` has one space as on a screen. A block asks for
a *gap* before what comes next: 1 (new line) or 2 (blank line); adjoining gaps merge to the largest,
as margins do. A table cell is written to a list of its own, and its row decides at its end: one line
with " | " when every cell is one line, else the cells below each other (tables used for layout).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render.guards import tame

#: Rows nested deeper than this are lines, not rows: text is copied once per enclosing row.
MAX_NESTED_ROWS = 32


@dataclass(frozen=True)
class Rendered:
    """A page as text, and how much of each kind of content is in that text."""

    text: str
    title: str  # of <title>, on one line; "" without one
    equations: int  # MathML elements, TeX scripts and KaTeX containers (one with MathML inside counts once)
    code_blocks: int  # <pre> with something in it
    tables: int  # with at least one row of several cells on a line
    links: int  # <a href>
    chars: int  # code points of text


# What an element does to the text around it. Plain integers because the walk tests one per node;
# LINE and BLOCK are the gaps that they ask for.
_SKIP = -1
_INLINE = 0
_LINE = 1  # starts and ends a line
_BLOCK = 2  # blank line before and after
_BREAK = 3
_ITEM = 4
_PRE = 5
_TABLE = 6
_ROW = 7
_CELL = 8
_SPACED = 9  # inline-block: inline, but words do not run into its neighbours'
_MATH = 10

_KINDS: dict[str | None, int] = {}
for _kind, _tags in {
    # What a browser does not show, and controls and fallbacks whose text is not prose.
    _SKIP: "annotation annotation-xml applet audio canvas datalist head iframe noembed noframes"
    " noscript object script select style svg template textarea title video",
    _LINE: "address body caption center dd details dialog dir div dt fieldset figcaption footer form"
    " header hgroup html legend li main nav optgroup option search section summary tbody tfoot thead article"
    " aside",
    _BLOCK: "blockquote dl figure h1 h2 h3 h4 h5 h6 hr menu ol p ul",
    _BREAK: "br",
    _ITEM: "li",
    _PRE: "pre listing xmp plaintext",
    _TABLE: "table",
    _ROW: "tr",
    _CELL: "td th",
    _SPACED: "button",
    _MATH: "math",
}.items():
    _KINDS.update(dict.fromkeys(_tags.split(), _kind))

# Runs only: most white space in a text is a single blank, which needs no replacing.
_SPACES = re.compile(r"[ \t\n\r\f\xa0]{2,}|[\t\n\r\f\xa0]")
_BLANK_START = re.compile(r"\A(?:[ \t]*\n)+")
_DISPLAY_NONE = re.compile(r"display\s*:\s*none", re.IGNORECASE)


def _collapse(text: str) -> str:
    """White space as CSS ``white-space: normal`` does it; no-break spaces are taken as spaces and
    soft hyphens as nothing, because they are layout, not text."""
    return _SPACES.sub(" ", text.replace("\xad", "")).strip(" ")


class _Page:
    """The text written so far."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.inline: list[str] = []
        self.gap = 0
        self.bullet = ""
        self.pre = 0
        self.rows: list[list[str]] = []
        self.cells: list[tuple[list[str], int, str]] = []
        self.table_has_rows: list[bool] = []
        self.tables = self.code_blocks = self.links = self.equations = 0

    def emit(self, text: str, prefix: str = "") -> None:
        if self.out:
            self.out.append("\n" * max(self.gap, 1))
        self.out.append(prefix + text)
        self.gap = 0

    def flush(self) -> bool:
        """Ends the current line; whether there was anything on it."""
        text = _collapse("".join(self.inline))
        self.inline.clear()
        if text:
            self.emit(text, self.bullet)
            self.bullet = ""
        return bool(text)

    def boundary(self, gap: int) -> None:
        if self.pre:
            if self.inline and not self.inline[-1].endswith("\n"):
                self.inline.append("\n")
            return
        if self.inline:
            self.flush()
        if gap > self.gap:
            self.gap = gap

    def open(self, kind: int, parent: int) -> int:
        """Starts an element; gives the kind that it is to be closed as."""
        if self.pre and kind in (_PRE, _ROW, _ITEM):
            kind = _LINE
        elif kind == _CELL and parent != _ROW:
            kind = _SPACED if self.pre else _LINE
        elif kind == _ROW and len(self.rows) >= MAX_NESTED_ROWS:
            kind = _LINE

        if kind == _SPACED:
            self.inline.append(" ")
        elif kind == _MATH:
            self.equations += 1
        elif kind == _BREAK:
            if self.pre:
                self.inline.append("\n")
            else:
                # A break on a line of its own is a blank line.
                self.gap = max(self.gap, _LINE if self.flush() else _BLOCK)
        else:
            self.boundary(_BLOCK if kind in (_PRE, _TABLE) else _LINE)
            if kind == _ITEM:
                self.bullet = "* "
            elif kind == _PRE:
                self.pre += 1
            elif kind == _TABLE:
                self.table_has_rows.append(False)
            elif kind == _ROW:
                self.rows.append([])
            elif kind == _CELL:
                self.cells.append((self.out, self.gap, self.bullet))
                self.out, self.gap, self.bullet = [], 0, ""
        return kind

    def close(self, kind: int) -> None:
        if kind == _LINE:
            self.boundary(_LINE)
        elif kind == _ITEM:
            self.boundary(_LINE)
            self.bullet = ""
        elif kind == _SPACED:
            self.inline.append(" ")
        elif kind == _PRE:
            self._close_pre()
        elif kind == _CELL:
            self.flush()
            self.rows[-1].append("".join(self.out))
            self.out, self.gap, self.bullet = self.cells.pop()
        elif kind == _ROW:
            self._close_row(self.rows.pop())
        elif kind == _TABLE:
            self.boundary(_BLOCK)
            self.tables += self.table_has_rows.pop()

    def _close_pre(self) -> None:
        self.pre -= 1
        text = _BLANK_START.sub("", "".join(self.inline)).rstrip()
        self.inline.clear()
        if text:
            # A bullet before the first line would break the block's indentation.
            self.bullet = ""
            self.emit(text)
            self.code_blocks += 1
        self.gap = max(self.gap, 2)

    def _close_row(self, cells: list[str]) -> None:
        self.flush()
        if any("\n" in cell for cell in cells) or sum(map(bool, cells)) == 1:
            for cell in filter(None, cells):
                self.gap = max(self.gap, 1)
                self.emit(cell)
        elif any(cells):
            self.emit(" | ".join(cells), self.bullet)
            self.bullet = ""
            if self.table_has_rows:
                self.table_has_rows[-1] = True
        self.gap = max(self.gap, 1)


def _ids(nodes: Iterable[LexborNode]) -> set[int]:
    return {node.mem_id for node in nodes}


def _around(nodes: Iterable[LexborNode]) -> set[int]:
    """All ancestors; each is visited once, however many nodes share it."""
    found: set[int] = set()
    for node in nodes:
        parent = node.parent
        while parent is not None and parent.mem_id not in found:
            found.add(parent.mem_id)
            parent = parent.parent
    return found


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return (
        "hidden" in attributes
        or _DISPLAY_NONE.search(attributes.get("style") or "") is not None
        or (node.tag == "dialog" and "open" not in attributes)
    )


def _hidden(tree: LexborHTMLParser) -> set[int]:
    """Elements that the page itself hides. Not ``html`` and ``body``: pages which hide themselves
    against flicker or framing show themselves by script."""
    suspects = tree.css("[hidden], [style*=display i], dialog")
    return _ids(node for node in suspects if node.tag not in ("html", "body") and _is_hidden(node))


#: Landmarks that belong to the content when they are in it (for the first two, HTML standard 4.3.8 and
#: 4.3.9), and those that never do.
_OWN = ("header", "footer", "form")
_ASIDE = ("nav", "aside")


def _outside_main(tree: LexborHTMLParser) -> set[int]:
    """Landmarks other than the content, if the page marks its content by ``main`` or ``article``.

    One that holds the content stays: some servers wrap every page in a form.
    """
    content = tree.css("main, article")
    if not content:
        return set()
    within = ", ".join(f"{outer} {inner}" for outer in ("main", "article") for inner in _OWN)
    landmarks = _ids(tree.css(", ".join(_OWN + _ASIDE))) - _ids(tree.css(within))
    return landmarks - _around(content)


def _bare_katex(tree: LexborHTMLParser) -> int:
    """KaTeX containers without MathML in them: those with it are counted by it."""
    return len(_ids(tree.css(".katex")) - _around(tree.css("math")))


def _is_tex(node: LexborNode) -> bool:
    return (node.attributes.get("type") or "").startswith("math/tex")


def _walk(body: LexborNode, page: _Page, unwanted: set[int]) -> None:
    inline, boundary, close = page.inline, page.boundary, page.close
    parents: list[LexborNode] = []  # the open elements, and what each is to be closed as
    closers: list[int] = []
    node: LexborNode | None = body
    while node is not None:
        if node.is_text_node:
            text = node.text_content or ""
            if page.pre or not text.isspace():
                inline.append(text)
            elif inline:
                inline.append(" ")
        elif (kind := _KINDS.get(tag := node.tag, _INLINE)) == _SKIP:
            if tag == "script" and _is_tex(node):
                page.equations += 1
        elif not unwanted or node.mem_id not in unwanted:
            if kind == _INLINE:
                if tag == "a" and "href" in node.attributes:
                    page.links += 1
            elif kind <= _BLOCK:
                boundary(kind)
            else:
                kind = page.open(kind, closers[-1] if closers else _INLINE)
            if (child := node.first_child) is not None:
                parents.append(node)
                closers.append(kind)
                node = child
                continue
            if kind > _BLOCK:
                close(kind)
        following = None
        # The body's own siblings are not asked for: the walk ends with the body.
        while parents and (following := node.next) is None:
            node = parents.pop()
            kind = closers.pop()
            if kind > _BLOCK:
                close(kind)
            elif kind:
                boundary(kind)
        node = following


def render(html: str, *, content: Literal["full", "main"] = "full", url: str | None = None) -> Rendered:
    """The visible text of ``html`` (decoded; a charset named in it is ignored).

    ``content="main"`` leaves out ``nav`` and ``aside``, and ``header``, ``footer`` and ``form`` around the
    content, on pages that mark their content by ``main`` or ``article``; other pages come out in full.
    ``url`` is the page's address; this renderer has no use for it.
    """
    tree = LexborHTMLParser(tame(html))
    page = _Page()
    if tree.body is not None:
        unwanted = _hidden(tree)
        if content == "main":
            unwanted |= _outside_main(tree)
        _walk(tree.body, page, unwanted)
        if not page.out and tree.css_first("body noscript") is not None:
            # Some forums serve all their content this way to clients without scripts, as we are.
            tree.unwrap_tags(["noscript"])
            page = _Page()
            _walk(tree.body, page, unwanted)
    text = "".join(page.out)
    title = tree.css_first("head title")
    return Rendered(
        text=text,
        title="" if title is None else _collapse(title.text()),
        equations=page.equations + (_bare_katex(tree) if "katex" in html else 0),
        code_blocks=page.code_blocks,
        tables=page.tables,
        links=page.links,
        chars=len(text),
    )
