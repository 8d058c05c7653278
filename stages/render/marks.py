"""Carries what finders found into the page: each element gets a mark that the scan of the page reads.

Knows findings and the parser's tree. Does not know how findings come about, nor what a mark does.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from stages.render import kinds

#: Elements by ``mem_id``, by which findings name them.
Nodes = dict[int, LexborNode]


class Formula(NamedTuple):
    """What is written in place of an element."""

    tex: str  # LaTeX without delimiters, stripped, without blank lines
    display: bool  # on lines of its own


class Findings(NamedTuple):
    """Facts about single elements, by ``mem_id``, found before the page is scanned."""

    nodes: Nodes  # all that are named below
    formulas: Mapping[int, Formula | None]  # what to write in place of an element; None: nothing
    skip: Set[int]  # not shown
    blocks: Set[int]  # block-level by style
    preformatted: Set[int]  # to be treated as <pre>
    languages: Mapping[int, str]  # of <pre> and preformatted elements
    listings: Mapping[int, str]  # of preformatted elements: what to write in place of their lines


def set_marks(findings: Findings, before: list[int]) -> list[int]:
    """Marks the elements; returns the ``mem_id`` by the number of the mark. ``before`` was returned for
    earlier findings on the same page, whose marks are taken away."""
    wanted: dict[int, int] = {}
    for mark, group in (
        (kinds.NAMED, findings.languages),
        (kinds.BLOCKED, findings.blocks),
        (kinds.PREFORMATTED, findings.preformatted),
        (kinds.LISTED, findings.listings),
        (kinds.REPLACED, findings.formulas),
        (kinds.HIDDEN, findings.skip),
    ):
        wanted.update(dict.fromkeys(group, mark))
    for id_ in before:
        if id_ not in wanted:
            del findings.nodes[id_].attrs[kinds.MARK]
    for number, (id_, mark) in enumerate(wanted.items()):
        if mark == kinds.REPLACED and findings.formulas[id_] is None:
            mark = kinds.HIDDEN
        findings.nodes[id_].attrs[kinds.MARK] = f"{mark:c}{number}"
    return list(wanted)
