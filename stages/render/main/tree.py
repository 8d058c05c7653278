"""The containers of a page as groups, and the known words of their class names.

Containers that wrap exactly the same blocks (``<main><div><div>``) are one *group*: what matters is which
blocks belong together, not how many elements group them. A block sees its ``LEVELS`` innermost groups. Knows
containers and class names. Does not know what is in a block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stages.compiled import compiled
from stages.render.blocks import Looks, Outline
from stages.render.main.words import Ints, Lexicon

#: Groups that a block sees, from the innermost out.
LEVELS = 6
#: Limit on class names read per container; utility-class style sheets put dozens on an element.
NAMES = 16
_LONGEST = 40  # letters of a word


_LETTERS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_A-Za-z]+")


def name_words(names: str) -> list[str]:
    """Lower-case words of class names: ``"postBody post-title_2"`` → post, body, post, title.

    For training; ``Names`` looks up the same words, without making them.
    """
    return [word.lower() for word in _LETTERS.findall(names) if len(word) > 1]


class Names:
    """Known tags and words of class, id, role and itemprop."""

    def __init__(self, names: Sequence[str]) -> None:
        """``names``: words, and tags as ``"<div>"``; the id is the position."""
        self._words = Lexicon(names)

    def of_looks(self, looks: Looks) -> tuple[Ints, Ints, Ints]:
        """For each look: the id of its tag, -1 if it is unknown; the ids of the known words in its names,
        once each; and how many those are."""
        return self._words.names(looks.text, looks.places, NAMES, _LONGEST)


class Tree(NamedTuple):
    """Groups of the containers of n blocks, outermost first."""

    first: Ints  # (g,)
    last: Ints  # (g,): blocks first:last are in the group
    ancestors: Ints  # (n, LEVELS): groups from the innermost out; g where there is none
    up: Ints  # (g,): the group around each; g around the first
    wraps: Ints  # (g,): containers in it
    alike: Ints  # (g,): siblings that look the same (tag and names), itself included
    rank: Ints  # (g,): how many of those come before it
    kin: Ints  # (g,): the first sibling with the same known words in the names of its containers
    kin_rank: Ints  # (g,): how many of those come before it
    depth: Ints  # (n,): groups around each block
    name_ids: Ints  # words of names, ascending by group
    name_groups: Ints  # the group of each


def tree(inner: Ints, outline: Outline, known: Names) -> Tree:
    """Builds the groups; containers without blocks are ignored. ``inner``: the container of each block."""
    c, n = len(outline.parent), len(inner)
    tags, words, sizes = known.of_looks(outline.looks)
    look = outline.look
    name_ids = np.empty(int((sizes + (tags >= 0))[look].sum()), np.int64)
    name_groups = np.empty_like(name_ids)
    spans, of = np.empty((2, c), np.int64), np.empty(c, np.int64)
    groups = np.zeros((11, c), np.int64)
    ancestors, depth = np.empty((n, LEVELS), np.int64), np.empty(n, np.int64)
    containers = (outline.parent, look, tags, words, sizes)
    blocks = (inner, outline.merged[:, 0].copy(), outline.merged[:, 1].copy())
    g, named = _group(*containers, *blocks, spans, of, groups, name_ids, name_groups, ancestors, depth)
    first, last, up, wraps, alike, rank, looks, words_of, kin, kin_rank, counts = groups[:, :g]
    members = np.empty((2, 1 << (2 * g).bit_length()), np.int64)
    _siblings(up, words_of, members, kin_rank, counts, kin)
    _siblings(up, looks, members, rank, alike, counts)
    return Tree(
        *(first, last, ancestors, up, wraps, alike, rank, kin, kin_rank),
        *(depth, name_ids[:named], name_groups[:named]),
    )


@compiled
def _group(
    parent: Ints,
    look: Ints,
    tags: Ints,
    words: Ints,
    sizes: Ints,
    inner: Ints,
    merged: Ints,
    places: Ints,
    spans: Ints,
    of: Ints,
    groups: Ints,
    name_ids: Ints,
    name_groups: Ints,
    ancestors: Ints,
    depth: Ints,
) -> tuple[int, int]:
    """Takes the fields of ``Outline``, the result of ``Names`` for each look, and ``inner``, the container of
    each block. Fills the rest: spans of containers, the group of each container with blocks; of groups first,
    last, up, wraps and (in the seventh row) look and a hash of the words; ``Tree``. Returns how many groups
    there are, and words."""
    c, n = len(parent), len(inner)
    first, last = spans[0], spans[1]
    for i in range(c):
        first[i], last[i] = n, 0
    for i in range(n + len(merged)):
        of_block = inner[i] if i < n else merged[i - n]
        place = i if i < n else places[i - n]
        first[of_block] = min(first[of_block], place)
        last[of_block] = max(last[of_block], place + 1)
    for i in range(c - 1, -1, -1):
        around = parent[i]
        if first[i] >= last[i]:
            first[i] = last[i] = 0
        elif around >= 0:
            first[around] = min(first[around], first[i])
            last[around] = max(last[around], last[i])
    g = named = 0
    starts = groups[4]  # of the words of each look
    for i in range(1, len(sizes)):
        starts[i] = starts[i - 1] + sizes[i - 1]
    for i in range(c):
        if first[i] == last[i]:
            continue
        # Between a container and a parent with the same blocks there are only empty containers, so groups are
        # runs of containers once the empty ones are removed.
        around = parent[i]
        if around < 0 or first[i] != first[around] or last[i] != last[around]:
            groups[0, g], groups[1, g], groups[6, g] = first[i], last[i], look[i]
            groups[2, g] = of[around] if around >= 0 else -1
            # Groups around each, itself included.
            groups[5, g] = groups[5, of[around]] + 1 if around >= 0 else 1
            g += 1
        of[i] = g - 1
        groups[3, g - 1] += 1
        if tags[look[i]] >= 0:
            name_ids[named], name_groups[named] = tags[look[i]], g - 1
            named += 1
        for word in range(sizes[look[i]]):
            name_ids[named], name_groups[named] = words[starts[look[i]] + word], g - 1
            named += 1
    for word in range(named):
        mixed = (name_ids[word] + 1) * 2_654_435_761 & 0xFFFFFFFF
        groups[7, name_groups[word]] += mixed * mixed >> 24  # a sum: names may come in any order
    for group in range(g):
        if groups[2, group] < 0:
            groups[2, group] = g
    for block in range(n):
        group = of[inner[block]]
        depth[block] = groups[5, group]
        for level in range(ancestors.shape[1]):
            ancestors[block, level] = group
            if group < g:
                group = groups[2, group]
    return g, named


@compiled
def _siblings(up: Ints, look: Ints, table: Ints, rank: Ints, alike: Ints, eldest: Ints) -> None:
    """For each group: how many siblings before it look the same, how many in all, including itself, and the
    first of them. ``table``: two rows, a power of two and at least twice the groups."""
    # Siblings are counted by the group around and the look, with open addressing.
    members, counts = table[0], table[1]  # one group of each kind of sibling
    last = len(counts) - 1
    for slot in range(last + 1):
        counts[slot] = 0
    for group in range(len(up)):
        seen_as = look[group]
        slot = (up[group] * 1_000_003 + seen_as * 7919) & last
        while counts[slot] and (up[members[slot]] != up[group] or look[members[slot]] != seen_as):
            slot = (slot + 1) & last
        if not counts[slot]:
            members[slot] = group
        eldest[group] = members[slot]
        alike[group] = slot
        rank[group] = counts[slot]
        counts[slot] += 1
    for group in range(len(up)):
        alike[group] = counts[alike[group]]
