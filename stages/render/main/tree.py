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

from stages.compiled import allocating
from stages.render.blocks import Block, Outline
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
        self._tags = {name[1:-1]: index for index, name in enumerate(names) if name[0] == "<"}
        self._words = Lexicon(names)

    def of_looks(self, looks: Sequence[tuple[str, str]]) -> tuple[Ints, Ints, Ints]:
        """For each (tag, names): the id of its tag, -1 if unknown; the ids of the known words in its names,
        once each; and how many those are."""
        tags = np.array([self._tags.get(tag, -1) for tag, _ in looks], np.int64)
        return tags, *self._words.names([names for _, names in looks], NAMES, _LONGEST)


class Tree(NamedTuple):
    """Groups of the containers of n blocks, outermost first."""

    first: Ints  # (g,)
    last: Ints  # (g,): blocks first:last are in the group
    ancestors: Ints  # (n, LEVELS): groups from the innermost out; g where there is none
    up: Ints  # (g,): the group around each; g around the first
    wraps: Ints  # (g,): containers in it
    alike: Ints  # (g,): siblings that look the same (tag and names), itself included
    rank: Ints  # (g,): how many of those come before it
    kin: Ints  # (g,): the first of the siblings with the same known words, in all of their containers
    kin_rank: Ints  # (g,): how many of those come before it
    depth: Ints  # (n,): groups around each block
    name_ids: Ints  # words of names, ascending by group
    name_groups: Ints  # the group of each


def tree(blocks: Sequence[Block], outline: Outline, known: Names) -> Tree:
    """Builds the groups; containers without blocks are ignored."""
    inner = [block.container for block in blocks]
    merged = np.array(outline.merged, np.int64).reshape(-1, 2)
    return Tree(
        *_group(
            outline.parent,
            outline.look,
            *known.of_looks(outline.looks),
            np.array(inner, np.int64),
            merged[:, 0].copy(),
            merged[:, 1].copy(),
            LEVELS,
        )
    )


@allocating
def _group(
    parent: Ints,
    look: Ints,
    tags: Ints,
    words: Ints,
    sizes: Ints,
    inner: Ints,
    merged: Ints,
    places: Ints,
    levels: int,
) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints, Ints, Ints, Ints, Ints, Ints, Ints]:
    """Takes the fields of ``Outline``, the result of ``Names`` for each look, and ``inner``, the container of
    each block."""
    c, n = len(parent), len(inner)
    first = np.full(c, n, np.int64)
    last = np.zeros(c, np.int64)
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
    of = np.empty(c, np.int64)  # group of each container with blocks
    heads = np.empty(c, np.int64)  # the outermost container of each group
    wraps = np.zeros(c, np.int64)
    named = 0
    g = 0
    for i in range(c):
        if first[i] == last[i]:
            continue
        # Between a container and a parent with the same blocks there are only empty containers, so groups are
        # runs of containers once the empty ones are removed.
        around = parent[i]
        if around < 0 or first[i] != first[around] or last[i] != last[around]:
            heads[g] = i
            g += 1
        of[i] = g - 1
        wraps[g - 1] += 1
        named += sizes[look[i]] + (tags[look[i]] >= 0)

    firsts = np.empty(g, np.int64)
    lasts = np.empty(g, np.int64)
    up = np.empty(g, np.int64)
    nesting = np.empty(g, np.int64)  # groups around each, itself included
    for group in range(g):
        i = heads[group]
        firsts[group] = first[i]
        lasts[group] = last[i]
        up[group] = of[parent[i]] if parent[i] >= 0 else g
        nesting[group] = nesting[up[group]] + 1 if parent[i] >= 0 else 1

    rank, member = _siblings(up, look[heads[:g]])
    alike = np.zeros(g, np.int64)
    for group in range(g):
        alike[member[group]] += 1
    for group in range(g):
        alike[group] = alike[member[group]]
    ancestors = np.empty((n, levels), np.int64)
    depth = np.empty(n, np.int64)
    for block in range(n):
        group = of[inner[block]]
        depth[block] = nesting[group]
        for level in range(levels):
            ancestors[block, level] = group
            if group < g:
                group = up[group]
    name_ids, name_groups = _names(first, last, look, tags, words, sizes, of, named)
    shape = np.zeros(g, np.int64)
    for word in range(named):
        seen_as = (name_ids[word] + 1) * 2_654_435_761 & 0xFFFFFFFF
        shape[name_groups[word]] += seen_as * seen_as >> 24
    kin_rank, kin = _siblings(up, shape)
    return firsts, lasts, ancestors, up, wraps[:g], alike, rank, kin, kin_rank, depth, name_ids, name_groups


@allocating
def _names(
    first: Ints, last: Ints, look: Ints, tags: Ints, words: Ints, sizes: Ints, of: Ints, named: int
) -> tuple[Ints, Ints]:
    """The ``named`` words of the names of all containers with blocks, and the group of each word."""
    c = len(first)
    starts = np.zeros(len(sizes) + 1, np.int64)
    for i in range(len(sizes)):
        starts[i + 1] = starts[i] + sizes[i]
    name_ids = np.empty(named, np.int64)
    name_groups = np.empty(named, np.int64)
    at = 0
    for i in range(c):
        if first[i] == last[i]:
            continue
        before = at
        if tags[look[i]] >= 0:
            name_ids[at] = tags[look[i]]
            at += 1
        for word in range(starts[look[i]], starts[look[i] + 1]):
            name_ids[at] = words[word]
            at += 1
        for word in range(before, at):
            name_groups[word] = of[i]
    return name_ids, name_groups


@allocating
def _siblings(up: Ints, look: Ints) -> tuple[Ints, Ints]:
    """For each group: how many siblings before it look the same, and the first of them."""
    g = len(up)
    # Siblings are counted in a table of (group around, look) with open addressing, at most half full.
    capacity = 4
    while capacity < 2 * g:
        capacity *= 2
    members = np.empty(capacity, np.int64)  # one group of each kind of sibling
    counts = np.zeros(capacity, np.int64)
    rank = np.empty(g, np.int64)
    family = np.empty(g, np.int64)
    for group in range(g):
        seen_as = look[group]
        slot = (up[group] * 1_000_003 + seen_as * 7919) % capacity
        while counts[slot] and (up[members[slot]] != up[group] or look[members[slot]] != seen_as):
            slot = (slot + 1) % capacity
        if not counts[slot]:
            members[slot] = group
        family[group] = members[slot]
        rank[group] = counts[slot]
        counts[slot] += 1
    return rank, family
