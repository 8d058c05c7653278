"""The result of walking a page: blocks of text within containers, and the text that they form.

A *block* corresponds to one line or paragraph on a screen: a heading, a list item, a table row, a display
formula, a whole ``<pre>``. A *container* is a block-level element around blocks; main-content extraction
judges blocks by their containers. Knows how blocks become the text of a page. Knows no HTML.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "heading", "item", "term", "definition", "pre", "row", "equation", "caption"]


@dataclass(slots=True)
class Block:
    """One block. Its text is finished: formulas are ``$TeX$``, a row is ``a | b``, ``<pre>`` is verbatim."""

    text: str
    kind: Kind
    level: int  # of a heading, 1 to 6; else the number of lists around it
    container: int  # index of the innermost container; -1 if containers were not requested
    prefix: str  # indentation and bullet of the first line: not part of the text
    gap: int  # line breaks before it: 1 or 2
    links: int  # <a href> in it
    link_chars: int  # characters of text within them
    equations: int  # formulas in it, raw TeX included
    language: str = ""  # programming language of a "pre", where the page names it
    table: int = 0  # number of the table that a "row" belongs to, from 1
    permalink: str = ""  # the mark of a link to the block itself, which is not part of the text


@dataclass(slots=True)
class Container:
    """A block-level element; ``blocks[first:last]`` are the blocks in it. Parents come before children."""

    parent: int  # -1 for the body
    tag: str
    names: str  # class, id, role and itemprop as the page spells them
    first: int
    last: int


def text_of(blocks: Iterable[Block]) -> str:
    """The text of a page. Later lines of a block are aligned with its first, but a ``<pre>`` stays
    verbatim."""
    pieces: list[str] = []
    for block in blocks:
        if pieces:
            pieces.append("\n\n" if block.gap > 1 else "\n")
        prefix, text = block.prefix, block.text
        if prefix:
            pieces.append(prefix)
            if "\n" in text:
                text = text.replace("\n", "\n" + " " * len(prefix))
        pieces.append(text)
    return "".join(pieces)
