"""Pages made from pages, for training: parts left out, thinned, added from other pages, and the content of
one page within another.

The sets have few sites, and a model that has seen the menu of a site only around articles of that site learns
the site. Every variant is a tree of containers as a page could have it; its blocks keep their labels. Knows
blocks, containers and labels. Does not know the network, nor HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stages.render.blocks import Block, Blocks, Container, Outline, blocks_of, looks_of
from stages.render.main.words import Floats, Ints

#: How often each change is made to a page that is changed.
TRANSPLANTED = 0.35
ALIKE_KIND = 0.7  # of transplants: between pages of one kind
LEFT_OUT = 0.5
THINNED = 0.4
MOST_ADDED = 2
#: Pages with more blocks are not changed, and parts with more blocks are not added.
MAX_BLOCKS = 1500
MAX_ADDED = 300
#: The content of a page is in the smallest container with this share of its tokens; it is moved to another
#: page only if it is at least this share of the container.
MOST = 0.97
PURE = 0.6
#: Families of at least this many siblings are thinned; more than this share and number of the tokens of the
#: content are left.
FAMILY = 4
LEAST_SHARE, LEAST_TOKENS = 0.1, 20
#: A part that is added to other pages has at least this many tokens.
PART_TOKENS = 5


@dataclass(slots=True)
class Form:
    """A page, or a part of one, of n blocks in c containers. Containers are in the order of the page, none is
    empty."""

    blocks: list[Block]
    inner: Ints  # (n,): the innermost container of each block
    parent: Ints  # (c,): -1 for the outermost
    look: Ints  # (c,): an index of tags and names
    first: Ints  # (c,)
    last: Ints  # (c,): blocks first:last are in the container
    size: Floats  # (n,) tokens
    matched: Floats  # (n,) tokens in the gold text

    def ends(self) -> Ints:
        """(c,): the number after the last container within each."""
        ends = np.arange(1, len(self.parent) + 1)
        for number in range(len(ends) - 1, 0, -1):
            around = self.parent[number]
            ends[around] = max(ends[around], ends[number])
        return ends

    def sums(self, of_blocks: Floats) -> Floats:
        """(c,): sums over the blocks of each container."""
        before = np.concatenate([[0], np.cumsum(of_blocks)]).astype(np.float32)
        return before[self.last] - before[self.first]

    def content(self) -> int:
        """The smallest container with nearly all of the content."""
        found = self.sums(self.matched)
        enough = np.flatnonzero(found >= MOST * found[0])
        return int(enough[np.argmin((self.last - self.first)[enough])])


def form_of(
    blocks: list[Block],
    containers: Sequence[Container],
    look: Sequence[int],
    size: Floats,
    matched: Floats,
) -> Form:
    """``look``: of each container."""
    numbers = ([getattr(c, key) for c in containers] for key in ("parent", "first", "last"))
    parent, first, last = (np.array(values, np.int64) for values in numbers)
    inner = np.array([block.container for block in blocks], np.int64)
    return Form(blocks, inner, parent, np.array(look, np.int64), first, last, size, matched)


def without(form: Form, gone: NDArray[np.bool_]) -> Form:
    """Without some blocks, and without the containers that are empty then."""
    left = np.flatnonzero(~gone)
    before = np.concatenate([[0], np.cumsum(~gone)])
    first, last = before[form.first], before[form.last]
    kept = first < last
    number = np.append(np.cumsum(kept) - 1, -1)  # of each container; -1 stays -1
    return Form(
        [form.blocks[block] for block in left],
        *(number[form.inner[left]], number[form.parent[kept]], form.look[kept], first[kept], last[kept]),
        *(form.size[left], form.matched[left]),
    )


def part(form: Form, container: int, end: int) -> Form:
    """A container with all that is in it; ``end``: see ``ends``."""
    blocks, within = slice(form.first[container], form.last[container]), slice(container, end)
    return Form(
        *(
            form.blocks[blocks],
            form.inner[blocks] - container,
            np.maximum(form.parent[within] - container, -1),
        ),
        *(form.look[within], form.first[within] - blocks.start, form.last[within] - blocks.start),
        *(form.size[blocks], form.matched[blocks]),
    )


_T = TypeVar("_T", bound=np.generic)


def _joined(old: NDArray[_T], new: NDArray[_T], at: int) -> NDArray[_T]:
    joined: NDArray[_T] = np.concatenate([old[:at], new, old[at:]])
    return joined


def with_part(form: Form, around: int, container: int, block: int, added: Form) -> Form:
    """With a part more in the container ``around``; its first container and block get the numbers given."""
    more, blocks = len(added.parent), len(added.blocks)

    def moved(numbers: Ints) -> Ints:
        return numbers + more * (numbers >= container)

    parent = added.parent + container
    parent[0] = around
    first, last = form.first.copy(), form.last.copy()
    first[container:] += blocks
    last[container:] += blocks
    while around >= 0:
        last[around] += blocks
        around = int(form.parent[around])

    return Form(
        [*form.blocks[:block], *added.blocks, *form.blocks[block:]],
        _joined(moved(form.inner), added.inner + container, block),
        _joined(moved(form.parent), parent, container),
        _joined(form.look, added.look, container),
        _joined(first, added.first + block, container),
        _joined(last, added.last + block, container),
        _joined(form.size, added.size, block),
        _joined(form.matched, added.matched, block),
    )


class Variants:
    """Makes variants of pages."""

    def __init__(self, pages: Sequence[tuple[str, Form]], looks: Sequence[tuple[str, str]]) -> None:
        """``pages``: the kind of each, and the page. ``looks``: tags and names, by ``Form.look``."""
        self.forms = [form for _, form in pages]
        self.kinds = [kind for kind, _ in pages]
        self._looks = looks
        tags = {tag: number for number, tag in enumerate(sorted({tag for tag, _ in looks}))}
        self._tags = np.array([tags[tag] for tag, _ in looks], np.int64)
        self._ends = [form.ends() for form in self.forms]
        self._content = [form.content() for form in self.forms]
        self._hosts: dict[str, list[int]] = {}  # pages with content that can be moved, by kind
        self._parts: list[tuple[int, int]] = []  # page and container: beside content, without any
        for page, form in enumerate(self.forms):
            found, tokens, content = form.sums(form.matched), form.sums(form.size), self._content[page]
            if content and found[content] > PURE * tokens[content] and len(form.blocks) <= MAX_BLOCKS:
                self._hosts.setdefault(self.kinds[page], []).append(page)
            beside = (found == 0) & (found[form.parent] > 0) & (tokens >= PART_TOKENS)
            beside &= form.last - form.first <= MAX_ADDED
            self._parts += [(page, int(container)) for container in np.flatnonzero(beside)]
        self._all_hosts = sorted(page for pages in self._hosts.values() for page in pages)

    def make(self, page: int, rng: np.random.Generator) -> Form:
        """A variant of a page, or the page itself."""
        form = self.forms[page]
        if len(form.blocks) > MAX_BLOCKS:
            return form
        if rng.random() < TRANSPLANTED and page in self._hosts.get(self.kinds[page], ()):
            form = self._transplanted(page, rng)
        if rng.random() < LEFT_OUT:
            form = _left_out(form, rng)
        if rng.random() < THINNED:
            form = self._thinned(form, rng)
        for _ in range(rng.integers(MOST_ADDED + 1)):
            form = self._added(form, rng)
        return form

    def outline(self, form: Form) -> tuple[Blocks, Outline]:
        """The blocks and containers of a form, as ``features.extract`` takes them."""
        looks, look = np.unique(form.look, return_inverse=True)
        blocks = [
            replace(block, container=inner)
            for block, inner in zip(form.blocks, form.inner.tolist(), strict=True)
        ]
        numbers = np.arange(len(form.parent))
        merged = np.stack([np.repeat(numbers, 2), np.stack([form.first, form.last - 1], 1).reshape(-1)], 1)
        outline = Outline(
            form.parent, look.astype(np.int64), looks_of([self._looks[number] for number in looks]), merged
        )
        return blocks_of(blocks), outline

    def _transplanted(self, page: int, rng: np.random.Generator) -> Form:
        """The content of another page in the place of that of this page."""
        form, content = self.forms[page], self._content[page]
        others = self._hosts[self.kinds[page]] if rng.random() < ALIKE_KIND else self._all_hosts
        other = others[rng.integers(len(others))]
        if other == page:
            return form
        theirs = self._content[other]
        added = part(self.forms[other], theirs, self._ends[other][theirs])
        place = (int(form.parent[content]), int(self._ends[page][content]), int(form.last[content]))
        gone = np.zeros(len(form.blocks) + len(added.blocks), bool)
        gone[form.first[content] : form.last[content]] = True
        return without(with_part(form, *place, added), gone)

    def _thinned(self, form: Form, rng: np.random.Generator) -> Form:
        """Without some members of up to three families of siblings with the same tag: a list or a thread of
        another length."""
        keys = form.parent * len(self._looks) + self._tags[form.look]
        _, family, members = np.unique(keys, return_inverse=True, return_counts=True)
        large = np.flatnonzero(members >= FAMILY)
        gone = np.zeros(len(form.blocks), bool)
        for chosen in rng.permutation(large)[:3]:
            rate = rng.uniform(0.1, 0.8)
            for container in np.flatnonzero(family == chosen):
                if rng.random() < rate:
                    gone[form.first[container] : form.last[container]] = True
        least = max(LEAST_TOKENS, LEAST_SHARE * float(form.matched.sum()))
        return form if form.matched[~gone].sum() <= least else without(form, gone)

    def _added(self, form: Form, rng: np.random.Generator) -> Form:
        """With a part of another page beside the content or further out."""
        if not self._parts:
            return form
        page, container = self._parts[rng.integers(len(self._parts))]
        added = part(self.forms[page], container, self._ends[page][container])
        path = _path(form)
        around = path[rng.integers(1, len(path))] if len(path) > 1 else path[0]
        children = np.flatnonzero(form.parent == around)
        place = rng.integers(len(children) + 1)
        if place == len(children):
            return with_part(form, around, int(form.ends()[around]), int(form.last[around]), added)
        return with_part(form, around, int(children[place]), int(form.first[children[place]]), added)


def _path(form: Form) -> list[int]:
    """The container of the content and all around it, outwards."""
    path = [form.content()]
    while (around := int(form.parent[path[-1]])) >= 0:
        path.append(around)
    return path


def _left_out(form: Form, rng: np.random.Generator) -> Form:
    """Without some of the parts beside the content."""
    beside = np.isin(form.parent, _path(form)) & (form.sums(form.matched) == 0)
    rate = rng.choice([0.1, 0.3, 0.7])
    gone = np.zeros(len(form.blocks), bool)
    for container in np.flatnonzero(beside):
        if rng.random() < rate:
            gone[form.first[container] : form.last[container]] = True
    return without(form, gone) if gone.any() else form
