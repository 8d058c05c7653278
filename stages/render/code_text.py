"""The text of boxes of code, line by line, and the elements beside them.

Knows breaks, no-break and zero-width spaces, and elements to leave out. Does not know which box is code
(``code``).
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from stages.render.code_languages import first_element


def element_before(node: LexborNode) -> LexborNode | None:
    before = node.prev
    while before is not None and not before.is_element_node:
        before = before.prev
    return before


def last_element(node: LexborNode) -> LexborNode | None:
    last = node.last_child
    while last is not None and not last.is_element_node:
        last = last.prev
    return last


def text_of(node: LexborNode, skip: set[int], *, flow: bool = False) -> str:
    """Text without the elements to be skipped; a break is a new line. ``flow``: line ends of the source
    are blanks."""
    parts: list[str] = []
    blank, gutter, depth = True, False, 0
    at = node.first_child
    while at is not None:
        inner = None
        if at.is_text_node:
            text = at.text_content or ""
            if gutter and blank:
                text = text.removeprefix("\xa0")  # with which Doxygen separates line numbers
            gutter, blank = False, blank and not text.strip()
            parts.append(text.replace("\n", " ") if flow else text)
        elif at.mem_id in skip:
            gutter = True
        elif at.tag == "br":
            parts.append("\n")
        else:
            inner = at.first_child
        if inner is not None:
            depth += 1
            at = inner
            continue
        while (following := at.next) is None and depth:
            at = at.parent
            depth -= 1
            if at is None:
                break
        at = following
    return "".join(parts)


def line_of(node: LexborNode, skip: set[int]) -> str:
    # Editors put a zero-width space into empty lines.
    text = text_of(node, skip).replace("\xa0", " ").replace("\u200b", "")
    return text.removesuffix("\n").rstrip()


def diff_mark(cell: LexborNode) -> str:
    """The mark that a line of a diff starts with; GitHub keeps it in an attribute of the cell or inside
    it."""
    inner = first_element(cell.first_child)
    for node in (cell, inner):
        if node is not None and (mark := node.attributes.get("data-code-marker")):
            return mark
    return ""


def flowed(box: LexborNode) -> str:
    """Code in normal flow: a break ends a line, no-break spaces indent it, other white space collapses."""
    lines = (
        re.sub("[ \t\r\f]+", " ", line).strip(" ") for line in text_of(box, set(), flow=True).split("\n")
    )
    return "\n".join(line.replace("\xa0", " ").rstrip() for line in lines).strip("\n")


_LETTER = re.compile(r"[^\W\d_]")
_SIGN = re.compile(r"[(){}\[\];=<>:#\"'$/@]")
_CODE_START = re.compile(r"(?:\s{2}|\t|[$#%>})]|//|/\*)")
_CODE_END = "{};,([\\>"


def looks_like_code(line: str) -> bool:
    """Whether a line has a letter, and a sign that prose seldom has."""
    return _LETTER.search(line) is not None and _SIGN.search(line) is not None


def is_code_line(line: str) -> bool:
    """Whether a line, which is not blank, begins or ends as few lines of prose do."""
    return _CODE_START.match(line) is not None or line.rstrip()[-1] in _CODE_END
