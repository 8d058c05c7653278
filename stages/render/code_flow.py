"""Code laid out as normal text: lines separated by ``<br>`` or elements, indented by no-break spaces.

Blog editors, forums and word processors without ``<pre>`` set code like this, in a monospace font, in a
``<tt>``, in a box whose class says code, or without any sign. Knows these signs, and what lines of code look
like. Does not know the markup of highlighters (``code``), nor how text is laid out.

How it works. An element with a sign is *marked*, and so is an element that holds only marked ones. Outermost
marked elements with several lines are boxes; those of one line each form a box together with their
neighbours. A box is code if a line of it is indented by no-break spaces and enough of its lines look like
code; prose stays prose.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render.code_languages import language
from stages.render.code_signs import CODE_CLASS, MAYBE_CLASS
from stages.render.marks import Nodes


class Flows(NamedTuple):
    """Elements by ``mem_id``."""

    listings: dict[int, str]  # text to write in place of an element
    skip: set[int]  # elements whose lines are in the listing of an earlier element
    languages: dict[int, str]  # of elements that have a listing


_MARKS = (
    "tt, code, kbd, samp, font[face], [style*=mono i], [style*=courier i], [style*=consolas i]"
    ", [style*=menlo i], [style*=lucida i], [style*=terminal i], [style*=fixedsys i], [style*=source i]"
    ", [class*=code i], [class*=mono i], [class*=listing i]"
    ", [class*=geshi i], [class*=syntax i], [class*=highlight i], [class*=console i], [class*=terminal i]"
    ", [class*=snippet i], [class*=courier i], [class*=typewriter i], [class*=program i], [id=code i]"
)
_CODE_TAGS = frozenset(["tt", "code", "kbd", "samp"])
_MONOSPACE = re.compile(
    r"mono|courier|consolas|menlo|lucida\s*console|fixedsys|inconsolata|terminal|source\s*code", re.IGNORECASE
)
_FONT = re.compile(r"font(?:-family)?\s*:([^;]*)", re.IGNORECASE)
#: Elements that are never a line of code; a box that contains one is not code.
_NO_CODE = (
    "h1, h2, h3, h4, h5, h6, ul, dl, table, section, article, blockquote, pre, img, form, hr, iframe"
    ", textarea, select, input, video, object, math, svg"
)
#: Marks do not climb through these: their place in a table or list would be lost, or they are the whole page.
_BARRIERS = frozenset(
    str.split(
        "td th tr tbody thead tfoot table li dd dt dl ul body html article main section blockquote pre form"
    )
)
_MAX_CLIMB = 8
#: Elements that are a line, or lines, of their own.
_LINES = frozenset(str.split("div p li ol dd dt td th address center blockquote"))
_UNSEEN = frozenset(["button", "script", "style", "template", "noscript"])
_UNMARKED = frozenset(["p", "div", "td", "li", "dd", "blockquote"])

_STRUCTURE = re.compile(
    r"[{};(\[,:\\>]$|^[$#%>})@]|^//|^/\*|[^\s=<>!]\s?[-+*/|&]?=\s?[^\s=]|\w\(.*\)|[<&]\w+|[{}\[\];]"
)
#: The same, if only the lines themselves suggest code: letters have commas, poems semicolons.
_CERTAIN = re.compile(
    r"[{}]$|^[})\]]|^//|^/\*|^#\s?(?:include|define)|\w\s?[-+*/|&:]?=\s?[^\s=]|\w\([^)]*\)?|</?\w+[^<>]*>|^\w+;$"
    r"|^(?:def|class|return|import|from|if|elif|else|for|while|try|except|end|begin|var|let|const|function|echo"
    r"|print|void|int|public|private|static)\b.*[:;({)\]]?$"
)
#: Limits in characters on a line of code, and on the mean of a box's lines.
_MAX_LINE = 300
_MEAN_LINE = 100


def indentation(line: str, before: str) -> int:
    """For a line as it is in the page: 1 if no-break spaces indent it and either it or the line ``before``
    may be code, 2 if it is certainly code, 0 otherwise.

    Pages without such lines need not be searched.
    """
    line = line.strip(" \t\r\n\f")
    if not line.startswith("\xa0") or line.isspace():
        return 0
    line = line.strip()
    if _CERTAIN.search(line):
        return 2
    return int(_STRUCTURE.search(line) is not None or _STRUCTURE.search(before[-_MAX_LINE:]) is not None)


def find(
    tree: LexborHTMLParser,
    html: str,
    taken: Set[int],
    skip: Set[int],
    nodes: Nodes,
    *,
    unmarked: bool = True,
) -> Flows:
    """Boxes of code in the flow of a page. ``taken`` (``mem_id``): formulas and code already found, which no
    box may contain; ``skip`` (``mem_id``): elements that are not shown. The elements of boxes are added to
    ``nodes``. ``unmarked``: also look for boxes without a mark."""
    finder = _Finder(tree, html, taken, skip, nodes)
    finder.find_marked()
    if unmarked:
        finder.find_unmarked()
    return finder.found


class _Finder:
    def __init__(
        self, tree: LexborHTMLParser, html: str, taken: Set[int], skip: Set[int], nodes: Nodes
    ) -> None:
        self.tree = tree
        self.nodes = nodes
        self.taken = taken
        self.hidden = skip
        self.found = Flows({}, set(), {})
        self.marked: dict[int, LexborNode] = {}
        self.strong: set[int] = set()  # of these, those that say code
        self.seen: set[int] = set()  # elements in a run that has been judged
        # Limit on elements examined, once per level of marks; ordinary pages use a fraction.
        self.budget = 8 * len(html) + 10_000

    def find_marked(self) -> None:
        """Boxes with a sign of code."""
        for node in self.tree.css(_MARKS):
            if (mark := _mark(node)) and node.mem_id not in self.marked and self._may_be_code(node):
                self.marked[node.mem_id] = node
                if mark == _STRONG:
                    self.strong.add(node.mem_id)
        self._climb()
        for node in list(self.marked.values()):
            parent = node.parent
            if parent is None or parent.mem_id not in self.marked:
                self._box(node)

    def _may_be_code(self, node: LexborNode) -> bool:
        if self.budget < 0 or node.tag in ("body", "html", "main", "article"):
            return False
        self.budget -= len(node.html or "")
        # The node itself is among the matches of its own selection.
        if any(inner.mem_id != node.mem_id for inner in node.css(_NO_CODE)):
            return False
        return not any(inner.mem_id in self.taken for inner in node.traverse())

    def _climb(self) -> None:
        """Marks elements that hold only marked elements."""
        level = list(self.marked.values())
        for _ in range(_MAX_CLIMB):
            parents = {
                parent.mem_id: parent
                for node in level
                if (parent := node.parent) is not None
                and parent.mem_id not in self.marked
                and parent.tag not in _BARRIERS
            }
            level = [
                parent
                for parent in parents.values()
                if all(_is_neutral(child) or child.mem_id in self.marked for child in _children(parent))
            ]
            self.marked.update((node.mem_id, node) for node in level)
            for node in level:
                if any(child.mem_id in self.strong for child in node.iter()):
                    self.strong.add(node.mem_id)

    def _box(self, node: LexborNode) -> None:
        """A box of one outermost marked element, or of a run of them that begins with it."""
        if node.mem_id in self.seen:
            return
        lines = _lines([node], self.hidden)
        run = [node]
        if node.tag not in _LINES or len(lines) < 2:
            run = self._run(node)
            lines = _lines(run, self.hidden)
        elements = [one for one in run if one.is_element_node]
        self.seen.update(one.mem_id for one in elements)
        if _is_code(lines, strong=all(one.mem_id in self.strong for one in elements if one.tag != "br")):
            self._add(elements, lines)

    def _run(self, node: LexborNode) -> list[LexborNode]:
        """``node`` and the marked elements that continue it: one per line, or in the same line."""
        run, kept = [node], 1
        block = node.tag in _LINES
        following = node.next
        while following is not None and (_is_neutral(following) or following.mem_id in self.marked):
            if following.mem_id in self.marked:
                if (following.tag in _LINES) != block:
                    break
                if block and (following.tag != node.tag or len(_lines([following], self.hidden)) > 1):
                    break
            run.append(following)
            if following.mem_id in self.marked:
                kept = len(run)
            following = following.next
        return run[:kept]

    def _add(self, elements: list[LexborNode], lines: list[str]) -> None:
        first = elements[0]
        self.found.listings[first.mem_id] = "\n".join(lines)
        self.nodes.update((element.mem_id, element) for element in elements)
        self.found.skip.update(element.mem_id for element in elements[1:])
        if name := language(first, [] if first.parent is None else [first.parent]):
            self.found.languages[first.mem_id] = name

    def find_unmarked(self) -> None:
        """Blocks of several lines, and neighbours of one line each, that look like code without a mark."""
        blocks: set[int] = set()
        for br in self.tree.css("br"):
            block = br.parent
            if block is None or block.mem_id in blocks:
                continue
            blocks.add(block.mem_id)
            if block.tag in _UNMARKED and self._is_text(block):
                lines = _lines([block], self.hidden)
                if _is_code(lines, strong=False, marked=False):
                    self._add([block], lines)
        for node in self.tree.css("p, div"):
            if node.mem_id not in self.seen and node.mem_id not in blocks and _begins_indented(node):
                run = self._neighbours(node)
                lines = [line for _, line in run]
                if _is_code(lines, strong=False, marked=False):
                    self._add([element for element, _ in run], lines)

    def _neighbours(self, node: LexborNode) -> list[tuple[LexborNode, str]]:
        """The elements around ``node`` that are each a line of code, or an empty one, and their lines."""
        run: list[tuple[LexborNode, str]] = []
        first = node
        while (before := _sibling(first, back=True)) is not None and self._line_of_code(before) is not None:
            first = before
        at: LexborNode | None = first
        while at is not None and (line := self._line_of_code(at)) is not None:
            self.seen.add(at.mem_id)
            run.append((at, line))
            at = _sibling(at, back=False)
        while run and not run[0][1].strip():
            run.pop(0)
        while run and not run[-1][1].strip():
            run.pop()
        return run

    def _line_of_code(self, node: LexborNode) -> str | None:
        """The text of an element that is one line of code, "" for an empty one; None for any other."""
        if node.tag not in ("p", "div") or not self._is_text(node):
            return None
        lines = _lines([node], self.hidden)
        if not lines:
            return ""
        line = lines[0]
        return line if len(lines) == 1 and (line[0] == "\xa0" or _CERTAIN.search(line)) else None

    def _is_text(self, block: LexborNode) -> bool:
        """Whether a block holds only text, and is in no box that has been found."""
        if any(child.tag in _LINES for child in block.iter()) or not self._may_be_code(block):
            return False
        listings, skip = self.found.listings, self.found.skip
        if any(inner.mem_id in listings or inner.mem_id in skip for inner in block.traverse()):
            return False
        node: LexborNode | None = block
        while node is not None and node.tag not in ("pre", "code"):
            mark = node.mem_id
            if mark in listings or mark in skip or mark in self.taken or mark in self.hidden:
                return False
            node = node.parent
        return node is None


_NONE, _WEAK, _STRONG = range(3)


def _mark(node: LexborNode) -> int:
    attributes = node.attributes
    classes = attributes.get("class") or ""
    if node.tag == "code" or (attributes.get("id") or "").lower() == "code" or CODE_CLASS.search(classes):
        return _STRONG
    if node.tag in _CODE_TAGS or MAYBE_CLASS.search(classes):
        return _WEAK
    if _MONOSPACE.search(attributes.get("face") or ""):
        return _WEAK
    fonts = _FONT.findall(attributes.get("style") or "")
    return _WEAK if any(map(_MONOSPACE.search, fonts)) else _NONE


def _children(node: LexborNode) -> list[LexborNode]:
    return list(node.iter(include_text=True))


def _begins_indented(node: LexborNode) -> bool:
    """Whether the first text in an element begins with a no-break space, and is more than that."""
    at = node.first_child
    for _ in range(_MAX_CLIMB):
        while at is not None and not at.is_element_node and (at.text_content or " ").strip(" \t\r\n\f") == "":
            at = at.next
        if at is None or not at.is_element_node:
            break
        at = at.first_child
    text = (at.text_content or "") if at is not None and at.is_text_node else ""
    return text.lstrip(" \t\r\n\f").startswith("\xa0") and not node.text().isspace()


def _sibling(node: LexborNode, *, back: bool) -> LexborNode | None:
    """The element before or after ``node``, if only white space is between them."""
    at = node.prev if back else node.next
    while at is not None and not at.is_element_node and not (at.text_content or "").strip(" \t\r\n\f"):
        at = at.prev if back else at.next
    return at if at is not None and at.is_element_node else None


def _is_neutral(node: LexborNode) -> bool:
    """Whether a node has no content of its own: white space, a break, a comment, an empty element."""
    if node.is_text_node:
        return (node.text_content or "").isspace()
    return node.tag == "br" or not node.is_element_node or node.first_child is None


def _lines(nodes: list[LexborNode], hidden: Set[int]) -> list[str]:
    """The lines of neighbouring nodes as a browser shows them; no-break spaces stay what they are."""
    lines: list[str] = []
    line: list[str] = []

    def end(*, always: bool) -> None:
        text = " ".join("".join(line).replace("\u200b", "").split(" "))
        line.clear()
        text = re.sub("[ \t\r\n\f]+", " ", text).strip(" ")
        if text or always:
            lines.append(text.rstrip(" \xa0"))

    for top in nodes:
        if top.is_text_node:
            line.append(top.text_content or "")
            continue
        at: LexborNode | None = top
        depth = 0
        while at is not None:
            inner = None
            if at.is_text_node:
                line.append(at.text_content or "")
            elif at.tag == "br":
                end(always=True)
            elif at.is_element_node and at.tag not in _UNSEEN and at.mem_id not in hidden:
                if at.tag in _LINES:
                    end(always=False)
                inner = at.first_child
            if inner is not None:
                depth += 1
                at = inner
                continue
            while at is not None and depth and at.next is None:
                at = at.parent
                depth -= 1
                if at is not None and at.tag in _LINES:
                    end(always=False)
            if not depth:
                break
            at = at.next if at is not None else None
    end(always=False)
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _is_code(lines: list[str], *, strong: bool, marked: bool = True) -> bool:
    """Whether lines are code. ``strong``: the box says so; ``marked``: there is at least some sign of it."""
    full = [line for line in lines if line.strip()]
    indented = sum(line.startswith("\xa0") for line in full)
    if len(full) < (2 if marked else 3) or not indented:
        return False
    if max(map(len, full)) > _MAX_LINE or sum(map(len, full)) > _MEAN_LINE * len(full):
        return False
    structured = sum((_STRUCTURE if marked else _CERTAIN).search(line.strip()) is not None for line in full)
    if strong:
        return structured > 0
    if marked:
        likely = sum(line.startswith("\xa0") or _STRUCTURE.search(line) is not None for line in full)
        return 2 * likely >= len(full) and 3 * structured >= len(full)
    return 3 * structured >= 2 * len(full)
