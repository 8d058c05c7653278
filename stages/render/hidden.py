"""What a page does not show: elements hidden by attribute or style, and what only a script would reveal.

Knows ``hidden``, inline styles, ``<dialog>`` and ``<noscript>``; style sheets are not read. Does not know how
text is laid out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render.marks import Formula, Nodes
from stages.render.streamed import pieces_of

# ``visibility`` is not among them: pages that fade in by script, such as all of WeChat's, hide their whole
# content with it.
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_BLOCK = re.compile(
    r"display\s*:\s*(?:block|list-item|table\b|flow-root)|float\s*:\s*(?:left|right)", re.IGNORECASE
)
_BOXES = re.compile(r"display\s*:\s*(?:flex|grid)", re.IGNORECASE)
#: A hidden element is the source of a formula if it holds little else: at most this many characters, plus
#: this many per character of TeX.
_SLACK, _EXPANSION = 100, 10
#: Limit on elements examined in the search for formulas in hidden elements, per element of an ordinary page.
_MAX_SEEN = 1_000_000


class Styles(NamedTuple):
    """Elements by ``mem_id``."""

    hidden: set[int]
    blocks: set[int]  # block-level by style
    pieces: list[LexborNode]  # hidden only until a script moves them into place


def find(tree: LexborHTMLParser, formulas: Mapping[int, Formula | None], found: Nodes) -> Styles:
    """Hidden and block-level elements, which are added to ``found``.

    These do not count as hidden: an element that holds just one of ``formulas``, a piece of a streamed page
    that waits for its place, and ``html`` and ``body``, since pages that hide themselves against flicker or
    framing are shown by a script.
    """
    nodes: list[LexborNode] = []
    blocks: set[int] = set()
    pieces: list[LexborNode] = []
    for node in tree.css("[hidden], [style*=display i], [style*=float i], dialog"):
        tag = node.tag
        if tag == "html" or tag == "body":
            continue
        attributes = node.attributes
        style = attributes.get("style") or ""
        if (
            ("hidden" in attributes and attributes["hidden"] != "until-found")
            or (tag == "dialog" and "open" not in attributes)
            or _HIDDEN.search(style)
        ):
            waiting = pieces_of(node) if attributes.get("id") or tag == "table" else []
            pieces += waiting
            if not waiting:
                nodes.append(node)
                found[node.mem_id] = node
        elif _BLOCK.search(style):
            blocks.add(node.mem_id)
            found[node.mem_id] = node
        elif _BOXES.search(style):
            children = {child.mem_id: child for child in node.iter() if child.is_element_node}
            blocks.update(children)
            found.update(children)
    hidden = {node.mem_id for node in nodes}
    if formulas and nodes:
        hidden -= _sources(nodes, hidden, formulas)
    return Styles(hidden, blocks, pieces)


def _sources(nodes: list[LexborNode], hidden: set[int], formulas: Mapping[int, Formula | None]) -> set[int]:
    """Which of the hidden ``nodes``, in document order, hold one formula and little else."""
    found: set[int] = set()
    settled: set[int] = set()  # within an element that stays hidden
    budget = _MAX_SEEN
    for node in nodes:
        if node.mem_id in settled or budget < 0:
            continue
        within = [inner.mem_id for inner in node.traverse(include_text=False)]
        budget -= len(within)
        written = [formula for mark in within if (formula := formulas.get(mark)) is not None]
        if len(written) == 1 and len(node.text()) <= _SLACK + _EXPANSION * len(written[0].tex):
            found.add(node.mem_id)
        else:
            settled.update(hidden.intersection(within))
    return found
