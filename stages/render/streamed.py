"""Pages that arrive in pieces: what stands where, once the scripts that follow each piece have run.

Knows how React, and what is built on it, streams a page. Where something is awaited the page has
``<template id="B:1">`` and then, up to a comment ``/$``, what is shown meanwhile; the piece follows at the
end of the page as ``<div hidden id="S:1">``, with a script that puts its content there
(``$RC("B:1","S:1")``). Pieces have places for others in them (``<template id="P:2">``). Does not know how
text is laid out.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

#: Before the letter stands what a page has set to tell its parts from those of others.
_PIECE = re.compile(r"(?:.*[^A-Za-z])?S:[0-9a-f]+", re.DOTALL)
_CALL = re.compile(r"""\$R[CRS]\(\s*["']([^"']*)["']\s*,\s*["']([^"']*)["']""")


class Move(NamedTuple):
    """What is to be printed in place of a template."""

    piece: LexborNode  # the content of this
    last: LexborNode  # up to this sibling of the template goes what was shown meanwhile


def pieces_of(node: LexborNode) -> list[LexborNode]:
    """What ``node``, which is hidden, is or has of content that waits for its place: rows wait in a table."""
    inner = [node, *node.css('[id*="S:"]')] if node.tag == "table" else [node]
    return [one for one in inner if _PIECE.fullmatch(one.attributes.get("id") or "")]


def find(tree: LexborHTMLParser, waiting: list[LexborNode]) -> dict[int, Move]:
    """The moves of a page by the ``mem_id`` of the template; ``waiting``: all of its pieces. Those whose
    place is not known stay where they are."""
    if not waiting:
        return {}
    pieces: dict[str, LexborNode] = {}
    for node in waiting:
        pieces.setdefault(node.attributes.get("id") or "", node)
    # Scripts ask for the place first where a boundary is complete, and for the piece first within pieces.
    named: dict[str, str] = {}
    for script in tree.css("script"):
        if "$R" in (text := script.text()):
            for one, other in _CALL.findall(text):
                named.setdefault(*((other, one) if "S:" in one else (one, other)))
    moves: dict[int, Move] = {}
    templates = tree.css('template[id*="B:"], template[id*="P:"]')
    ends = _ends(templates)
    for template in templates:
        place = template.attributes.get("id") or ""
        head, _, number = place.rpartition(":")
        piece = pieces.get(named.get(place) or f"{head[:-1]}S:{number}")
        if piece is not None and head:
            moves[template.mem_id] = Move(piece, ends.get(template.mem_id, template))
    return moves


def _ends(templates: list[LexborNode]) -> dict[int, LexborNode]:
    """The comments that end what is shown meanwhile, by the ``mem_id`` of the template."""
    awaited = {node.mem_id for node in templates if "B:" in (node.attributes.get("id") or "")}
    parents = {parent.mem_id: parent for node in templates if (parent := node.parent) is not None}
    ends: dict[int, LexborNode] = {}
    for parent in parents.values():
        waiting: list[list[int]] = [[]]  # templates by how many boundaries are open around them
        for node in parent.iter(include_text=True):
            if node.mem_id in awaited:
                waiting[-1].append(node.mem_id)
            elif node.is_comment_node:
                comment = node.comment_content or ""
                if comment in ("$", "$?", "$!", "$~"):
                    waiting.append([])
                elif comment == "/$":
                    ends.update((mark, node) for mark in waiting.pop())
                    waiting = waiting or [[]]
    return ends
