"""Code on a page: which elements are line numbers and buttons, which boxes are code without being a
``<pre>``, and in which language.

Knows the markup of highlighters, code hosts and editors (Pygments, Rouge, Chroma, Prism, highlight.js,
Crayon, SyntaxHighlighter, prettify, CodeMirror, GitHub, GitLab, cgit, Doxygen, Javadoc, Jupyter, MediaWiki
...). Does not know how text is laid out, cannot tell a language from code, and sees no styles but ``style``
attributes.

How it works. One query finds the pages with code; other pages need nothing more. On pages with code a
second query collects possible gutters and buttons, and each box examines the elements before itself and its
wrappers, because that is where a gutter is. A number is dropped only if a class calls it a line number and it
consists of digits, or if, without such a class, it is one of consecutive integers beside code with the same
number of lines. In doubt it is kept: data tables, lists, and programs that print 1 2 3 keep their numbers.

``white-space: pre`` and the like in a ``style`` makes an element preformatted if its text has several lines
and it holds no paragraphs, headings, lists, tables or other ``<pre>``. The wrapping values, which chats and
page builders set on prose, also need a sign of code: a monospace font, a class, the shape of the lines. Other
elements stay prose, and their line breaks are white space.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render.code_beside import (
    COPY,
    COPY_LABEL,
    GUTTER,
    GUTTER_TAGS,
    LABEL_CHARS,
    NO_WRAPPERS,
    PROMPT,
    WRAPPERS,
    consecutive,
)
from stages.render.code_languages import first_element, known_language, language
from stages.render.code_text import (
    diff_mark,
    element_before,
    flowed,
    is_code_line,
    last_element,
    line_of,
    looks_like_code,
    text_of,
)
from stages.render.marks import Nodes
from stages.render.searching import Query, Source


class Code(NamedTuple):
    """Elements by ``mem_id``."""

    skip: set[int]  # not printed: gutters of line numbers, copy buttons, toolbars of code boxes
    preformatted: set[int]  # to be treated like <pre>; <pre> itself is not included
    languages: dict[int, str]  # of a <pre> or preformatted element: its language ("python", "c++")
    #: The code of those <pre> and preformatted elements whose lines are elements of their own (table rows,
    #: list items, ``div``): text between those is not code, so the walk prints this text instead.
    listings: dict[int, str]


#: Cells that each hold one line of a file (GitHub and gists, Gitiles, ViewVC): their table is the box.
_LINE_CELLS = frozenset(["FileContents-lineContents", "blob-code", "vc_file_line_text"])
#: Boxes that are not a <pre>, and the elements that are lines in them.
_BOXES = {
    "react-code-lines": ".react-file-line",
    "syntaxhighlighter": ".code .line, .lines .content",
    "dp-highlighter": "ol > li",
    "CodeMirror-code": ".CodeMirror-line",
    "cm-content": ".cm-line",
    "crayon-pre": ".crayon-line",
    "fragment": "div.line",
}
_SUBJECTS: Query = {
    "pre": b"<pre",
    **{f"td.{name}": name.encode() for name in sorted(_LINE_CELLS)},
    # With the tag before the classes, most elements need not be compared with classes.
    **{f"div.{name}": name.encode() for name in (*_BOXES, "w3-code")},
    "code br": b"<code",
    "[style*=white-space i]": b"white-space",
}
# Fewer and wider patterns than the names wanted ("ine": lineno, line-number, sourceLineNo, cm-line): an
# alternative costs time on each element of the page, a wrong candidate only once.
_SUSPECTS: Query = {
    "pre :is([class*=ine]:not(.line), [class*=ln], [class*=utter], li, tr)": b"<pre",
    "pre a:is(.l, .hl)": b"<pre",
    ".fragment .lineno": b"lineno",
    "button": b"<button",
    "[class*=opy]": b"opy",
    "[class*=oolbar]": b"oolbar",
    ".gist-meta": b"gist-meta",
    "div[class*=line-numbers]": b"line-numbers",
    "div[class*=rompt]": b"rompt",
    "div[class*=lang]": b"lang",
    "span[class*=lang]": b"lang",
}
#: Smallest share of a box's text that its lines must have; the rest is gutters.
_MOST = 0.7
_WHITE_SPACE = re.compile(r"(?i)white-space\s*:\s*(pre-wrap|break-spaces|pre)\s*(?:!|;|$)")
_MONOSPACE = re.compile(r"(?i)mono|courier|consolas|menlo|lucida console")
_CODE_CLASS = re.compile(r"(?i)\b(?:code|hljs|shiki|prism|highlight|terminal|console|snippet|mono)\b")
_BLOCKS = "p, h1, h2, h3, h4, h5, ul, ol, dl, table, section, article, blockquote, pre, img, form, button, hr"


class _Row(NamedTuple):
    """A table row that consists of a number and a single line in a ``<pre>``."""

    number: int
    cell: LexborNode
    pre: LexborNode


#: Boxes by id, each with its lines.
_Lines = dict[int, tuple[LexborNode, list[LexborNode]]]


class _Finder:
    def __init__(self, tree: LexborHTMLParser, source: Source, nodes: Nodes) -> None:
        self.tree = tree
        self.source = source
        self.nodes = nodes
        self.found = Code(set(), set(), {}, {})
        self.pres: list[LexborNode] = []
        self.boxes: list[tuple[LexborNode, str]] = []  # and the selector of their lines
        self.files: _Lines = {}  # tables and their cells of code
        self.flowing: dict[int, LexborNode] = {}
        self.styled: list[LexborNode] = []
        self.near: set[int] = set()  # the wrappers nearest to code
        self.seen: set[int] = set()  # elements whose surroundings have been examined
        self.rows: dict[int, tuple[LexborNode, list[_Row]]] = {}
        self.owners: dict[tuple[str, int], LexborNode | None] = {}
        # Limit on markup that is searched for nested boxes: without it a page could make us read all of it
        # once per level. Ordinary pages use a fraction.
        self.budget = 8 * source.size + 10_000

    def run(self) -> Code:
        self._sort()
        for node in self.styled:
            self._judge_style(node)
        surrounded = [
            *self.pres,
            *(box for box, _ in self.boxes),
            *(table for table, _ in self.files.values()),
        ]
        for box in surrounded:
            self._look_around(box)
        for table, rows in self.rows.values():
            self._judge_rows(table, rows)
        lines = self._judge_suspects() if surrounded else {}
        skip = self.found.skip
        for box, selector in self.boxes:
            if self._afford(box):
                self._judge_box(box, _distinct(box.css(selector)))
        for table, cells in self.files.values():
            self._judge_box(table, cells)
        for pre, elements in lines.values():
            if all(map(self._afford, [pre, *elements])) and self._owner(pre, "pre") is None:
                listing = "\n".join(line_of(element, skip) for element in elements)
                # Only if the <pre> contains nothing else.
                if "".join(listing.split()) == "".join(text_of(pre, skip).replace("\u200b", "").split()):
                    self.found.listings[pre.mem_id] = listing.strip("\n")
                    self.nodes[pre.mem_id] = pre
        for code in self.flowing.values():
            self._judge_flow(code)
        return self.found

    def _sort(self) -> None:
        for node in _distinct(self.source.select(self.tree, _SUBJECTS)):
            tag = node.tag
            if tag == "pre":
                self.pres.append(node)
                continue
            names = (node.attributes.get("class") or "").split()
            if tag == "br":
                if (code := self._owner(node, "code")) is not None:
                    self.flowing[code.mem_id] = code
            elif tag == "td" and not _LINE_CELLS.isdisjoint(names):
                if (table := self._owner(node, "table")) is not None:
                    self.files.setdefault(table.mem_id, (table, []))[1].append(node)
            elif tag == "div" and (kind := next(filter(_BOXES.__contains__, names), None)):
                self.boxes.append((node, _BOXES[kind]))
            elif tag == "div" and "w3-code" in names:
                if self._afford(node):
                    self._add_listing(node, [flowed(node)])
            else:
                self.styled.append(node)

    def _owner(self, node: LexborNode, tag: str) -> LexborNode | None:
        """The nearest ancestor with the given tag."""
        path: list[int] = []
        at = node.parent
        while at is not None and at.tag != tag and (tag, at.mem_id) not in self.owners:
            path.append(at.mem_id)
            at = at.parent
        owner = at if at is None or at.tag == tag else self.owners[tag, at.mem_id]
        self.owners.update(((tag, step), owner) for step in path)
        return owner

    def _afford(self, node: LexborNode) -> bool:
        if self.budget > 0:
            self.budget -= len(node.html or "")
        return self.budget > 0

    def _peek(self, node: LexborNode) -> str:
        if self.budget <= 0:
            return ""
        text = node.text(separator="\n")
        self.budget -= len(text)
        return text

    def _skip(self, node: LexborNode) -> None:
        self.nodes[node.mem_id] = node
        self.found.skip.add(node.mem_id)

    def _add_listing(self, box: LexborNode, lines: list[str]) -> None:
        if listing := "\n".join(lines).strip("\n"):
            self.nodes[box.mem_id] = box
            self.found.preformatted.add(box.mem_id)
            self.found.listings[box.mem_id] = listing

    def _judge_box(self, box: LexborNode, elements: list[LexborNode]) -> None:
        """Judge a box whose lines are known; if the lines are too small a part of it, it is no such box."""
        if all(map(self._afford, [box, *elements])):
            lines = [diff_mark(element) + line_of(element, self.found.skip) for element in elements]
            if len("".join("".join(lines).split())) >= _MOST * len("".join(box.text().split())):
                self._add_listing(box, lines)

    def _judge_flow(self, code: LexborNode) -> None:
        """A ``<code>`` that is the whole content of its parent, with lines indented by no-break spaces, which
        it would lose if it were laid out as text."""
        parent = code.parent
        if parent is None or parent.tag not in ("div", "p", "body", "blockquote") or not self._afford(parent):
            return
        listing = flowed(code)
        if (
            self._owner(code, "pre") is None
            and "\n " in listing
            and "".join(listing.split()) == "".join(parent.text().split())
        ):
            self._add_listing(code, [listing])
            self._look_around(code)

    def _judge_style(self, node: LexborNode) -> None:
        attributes = node.attributes
        style = attributes.get("style") or ""
        value = _WHITE_SPACE.search(style)
        if value is None or node.tag in ("html", "body", "main", "article", "textarea") or self.budget <= 0:
            return
        text = node.text()
        self.budget -= len(text)
        monospace = _MONOSPACE.search(style) is not None
        lines = [line for line in text.split("\n") if line.strip()]
        divided = monospace and len(lines) < 2 and _divided(node)
        if (len(lines) < 2 and not divided) or not self._afford(node):
            return
        # The node itself is among the matches of its own selection.
        divides = any(inner.mem_id != node.mem_id for inner in node.css(_BLOCKS))
        if self._owner(node, "pre") is not None or divides:
            return
        code = (
            monospace
            or value[1].lower() == "pre"
            or node.tag in ("code", "tt", "samp", "kbd")
            or _CODE_CLASS.search(attributes.get("class") or "") is not None
            or 2 * sum(map(is_code_line, lines)) >= len(lines)
        )
        if divided:
            self._add_listing(node, [line_of(child, set()) for child in node.iter()])
        elif code:
            self.nodes[node.mem_id] = node
            self.found.preformatted.add(node.mem_id)
        if node.mem_id in self.found.preformatted:
            self._look_around(node)

    # -------------------------------------------------------- what stands beside code

    def _look_around(self, box: LexborNode) -> None:
        wrappers: list[LexborNode] = []
        node: LexborNode | None = box
        while node is not None and len(wrappers) <= WRAPPERS and node.tag not in ("body", "html"):
            if node.mem_id not in self.seen:
                self.seen.add(node.mem_id)
                before = element_before(node)
                if before is not None and before.tag in GUTTER_TAGS:
                    self._judge_gutter(before, node, box)
            node = node.parent
            if node is not None and node.tag not in NO_WRAPPERS:
                wrappers.append(node)
        wrappers = wrappers[:WRAPPERS]
        self.near.update(wrapper.mem_id for wrapper in wrappers[:2])
        if name := language(box, wrappers):
            self.nodes[box.mem_id] = box
            self.found.languages[box.mem_id] = name

    def _judge_gutter(self, before: LexborNode, node: LexborNode, box: LexborNode) -> None:
        numbers = consecutive(self._peek(before))
        if not numbers:
            return
        beside = node.tag in ("td", "th")
        first = first_element(before.first_child)
        marked = any(_is_marked(element) for element in (before, first) if element is not None)
        lines = box.text().strip("\n").split("\n")
        row = node.parent if beside else None
        if marked and (len(numbers) > 1 or len(lines) == 1):
            self._skip(before)
        elif len(numbers) > 1:
            # A programming problem's sample, with input beside output, is a table with more rows or without
            # signs of code.
            alone = row is None or (element_before(row) is None and first_element(row.next) is None)
            if alone and abs(len(numbers) - len(lines)) <= 1 and any(map(looks_like_code, lines)):
                self._skip(before)
        elif row is not None and box.tag == "pre" and len(lines) == 1:
            table = self._owner(row, "table")
            if table is not None and element_before(before) is None and first_element(node.next) is None:
                self.rows.setdefault(table.mem_id, (table, []))[1].append(_Row(numbers[0], before, box))

    def _judge_rows(self, table: LexborNode, rows: list[_Row]) -> None:
        """Whether this is a table of numbered lines: all of its rows are numbered in sequence, and it has no
        header cells."""
        sequence = all(b.number == a.number + 1 for a, b in pairwise(rows))
        if len(rows) < 2 or not sequence or len(table.css("tr, th, caption")) != len(rows):
            return
        for row in rows:
            self._skip(row.cell)
        self._add_listing(table, [line_of(row.pre, set()) for row in rows])
        if name := self.found.languages.get(rows[0].pre.mem_id):
            self.nodes[table.mem_id] = table
            self.found.languages[table.mem_id] = name

    # -------------------------------------------------------- what looks like gutter, button or label

    def _judge_suspects(self) -> _Lines:
        """Yields each ``<pre>`` whose lines are elements, and those elements."""
        lines: _Lines = {}
        for node in _distinct(self.source.select(self.tree, _SUSPECTS)):
            if node.tag in ("li", "tr") or (node.tag == "div" and _is_line(node)):
                pre = self._owner(node, "pre")
                line = last_element(node) if node.tag == "tr" else node
                if pre is not None and line is not None:
                    lines.setdefault(pre.mem_id, (pre, []))[1].append(line)
            elif self._is_unwanted(node):
                self._skip(node)
        return lines

    def _is_unwanted(self, node: LexborNode) -> bool:
        attributes = node.attributes
        names = attributes.get("class") or ""
        text = self._peek(node).strip()
        if not text or len(text) > LABEL_CHARS:
            return False
        if PROMPT.fullmatch(text):
            return "rompt" in names
        if _is_marked(node) and consecutive(text):
            return node.tag != "pre"
        said = " ".join(filter(None, (text, attributes.get("aria-label"), attributes.get("title"))))
        if node.tag == "button":
            inside = self._owner(node, "pre") is not None and not looks_like_code(text)
            return inside or COPY.search(f"{said} {names}") is not None
        parent = node.parent
        around = parent.parent if parent is not None else None
        near = any(wrapper is not None and wrapper.mem_id in self.near for wrapper in (parent, around))
        lower = names.lower()
        if "copy" in lower:
            return COPY_LABEL.fullmatch(text) is not None
        if "toolbar" in lower or "gist-meta" in lower:
            return node.mem_id not in self.seen and (near or "gist-meta" in lower)
        return "lang" in lower and near and bool(known_language(text.lower()))


def _distinct(nodes: list[LexborNode]) -> list[LexborNode]:
    """Distinct nodes, in order; a query returns a node once for each alternative that it matches."""
    return list({node.mem_id: node for node in nodes}.values())


def _divided(node: LexborNode) -> bool:
    """Whether it holds only ``div`` and breaks, one per line, as code pasted from an editor does."""
    children = list(node.iter())
    return len(children) > 1 and all(child.tag in ("div", "br") for child in children)


def _is_line(node: LexborNode) -> bool:
    return not {"token-line", "cm-line"}.isdisjoint((node.attributes.get("class") or "").split())


def _is_marked(node: LexborNode) -> bool:
    return GUTTER.search(node.attributes.get("class") or "") is not None


def find(tree: LexborHTMLParser, source: Source, nodes: Nodes) -> Code:
    """Facts about the code in ``tree``, which was parsed from ``source``; the tree is not changed. The
    elements are added to ``nodes``.

    Linear in the size of the page, apart from the depth of its elements.
    """
    return _Finder(tree, source, nodes).run()
