"""Pages that arrive in pieces: where each piece belongs once the scripts that follow it have run.

Knows how React, and frameworks built on it, stream a page. In place of pending content the page has
``<template id="B:1">`` and then, up to a comment ``/$``, a fallback; the piece follows at the end of the page
as ``<div hidden id="S:1">``, with a script that puts its content there (``$RC("B:1","S:1")``). Pieces may
contain places for other pieces (``<template id="P:2">``). Does not know how text is laid out.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

#: Before the letter there may be a prefix that distinguishes several roots on a page.
_PIECE = re.compile(r"(?:.*[^A-Za-z])?S:[0-9a-f]+", re.DOTALL)
_CALL = re.compile(r"""\$R[CRS]\(\s*["']([^"']*)["']\s*,\s*["']([^"']*)["']""")


class Move(NamedTuple):
    """The content to print in place of a template."""

    place: LexborNode
    piece: LexborNode  # the content of this
    last: LexborNode  # the fallback, up to this sibling of the template, is dropped


def pieces_of(node: LexborNode) -> list[LexborNode]:
    """The pieces of pending content that the hidden ``node`` is or contains: table rows wait inside a
    table."""
    inner = [node, *node.css('[id*="S:"]')] if node.tag == "table" else [node]
    return [one for one in inner if _PIECE.fullmatch(one.attributes.get("id") or "")]


def find(tree: LexborHTMLParser, waiting: list[LexborNode]) -> list[Move]:
    """The moves of a page; ``waiting``: all of its pieces. Pieces whose place is not known stay where they
    are."""
    if not waiting:
        return []
    pieces: dict[str, LexborNode] = {}
    for node in waiting:
        pieces.setdefault(node.attributes.get("id") or "", node)
    # Scripts name the place first if they complete a boundary, and the piece first within pieces.
    named: dict[str, str] = {}
    for script in tree.css("script"):
        if "$R" in (text := script.text()):
            for one, other in _CALL.findall(text):
                named.setdefault(*((other, one) if "S:" in one else (one, other)))
    moves: list[Move] = []
    templates = tree.css('template[id*="B:"], template[id*="P:"]')
    ends = _ends(templates)
    for template in templates:
        place = template.attributes.get("id") or ""
        head, _, number = place.rpartition(":")
        piece = pieces.get(named.get(place) or f"{head[:-1]}S:{number}")
        if piece is not None and head:
            moves.append(Move(template, piece, ends.get(template.mem_id, template)))
    return moves


def _ends(templates: list[LexborNode]) -> dict[int, LexborNode]:
    """The comments that end the fallbacks, by the ``mem_id`` of the template."""
    awaited = {node.mem_id for node in templates if "B:" in (node.attributes.get("id") or "")}
    parents = {parent.mem_id: parent for node in templates if (parent := node.parent) is not None}
    ends: dict[int, LexborNode] = {}
    for parent in parents.values():
        waiting: list[list[int]] = [[]]  # templates by the number of boundaries open around them
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


def move(moves: list[Move]) -> list[LexborNode]:
    """Puts pieces in their places, and the fallbacks where the pieces were; returns the elements that hold
    fallbacks."""
    done: dict[int, LexborNode] = {}
    for place, piece, last in moves:
        around: LexborNode | None = place
        while around is not None and around.mem_id != piece.mem_id and around.tag != "body":
            around = around.parent
        if around is None or around.tag != "body" or piece.mem_id in done:
            continue  # a piece does not move into itself, nor to where nothing is shown, nor twice
        done[piece.mem_id] = piece
        content = list(piece.iter(include_text=True))
        for child in content:
            place.insert_before(child, move=True)
        while place.mem_id != last.mem_id and (following := place.next) is not None:
            ended = following.mem_id == last.mem_id
            piece.insert_child(following, move=True)
            if ended:
                break
    return list(done.values())
