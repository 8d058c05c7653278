"""What the main-content model sees of a page: numbers per block, per container, and a few words.

Knows the shape of the block tree, and what ``words`` counted. Does not know HTML, weights, nor
which block is content. Everything is vectorised: the texts of a page are joined once, looked at as
one array of code points, and summed per block; a container's blocks are contiguous, so its sums are
differences of prefix sums. Cost is linear in the text and in the number of containers.

Containers that wrap exactly the same blocks (``<main><div><div>``) are one *group*: what matters is
which blocks belong together, not how many elements say so. A block sees its ``LEVELS`` innermost groups.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.render.blocks import Block, Container
from stages.render.main.words import (
    CLASSES,
    COMMA,
    DIGIT,
    MONEY,
    STOP,
    UPPER,
    Floats,
    Ints,
    Words,
    count,
    find,
    word_hash,
)


class _WordIds(dict[str, int]):
    """Ids of known words as pages spell them, -1 for others; each spelling is looked up once."""

    def __init__(self, words: Sequence[str]) -> None:
        """``words``: of class, id, role and itemprop, and tags as ``"<div>"``; the id is the position."""
        super().__init__()
        self.known = {word: index for index, word in enumerate(words)}

    def __missing__(self, word: str) -> int:
        if len(word) > _LONGEST:
            return -1
        if len(self) >= _REMEMBERED:
            self.clear()
        self[word] = found = self.known.get(word.lower(), -1) if len(word) > 1 else -1
        return found

    def of_looks(self, looks: Sequence[tuple[str, str]]) -> list[tuple[int, ...]]:
        """For each (tag, names): the ids of its tag and of the known words in its names, once each."""
        known = self.known
        texts = [
            names if names.count(" ") < NAMES else " ".join(names.split(None, NAMES)[:NAMES])
            for _, names in looks
        ]
        # One search for all of them; a line break ends each.
        words = _LETTERS_OR_END.findall("\n".join([text.replace("\n", " ") for text in texts]) + "\n")
        found: list[tuple[int, ...]] = []
        ids: dict[int, None] = {}
        at = 0
        for word in words:
            if word != "\n":
                if (index := self[word]) >= 0:
                    ids[index] = None
                continue
            tag = known.get(f"<{looks[at][0]}>", -1)
            found.append(tuple(ids) if tag < 0 else (tag, *ids))
            ids = {}
            at += 1
        return found


class Vocabulary:
    """Words that have an embedding. Built by ``train``, shipped with the weights."""

    def __init__(self, names: Sequence[str], text: Sequence[str]) -> None:
        self.names = _WordIds(names)
        hashes = np.array([word_hash(word) for word in text], np.uint64)
        self.text_ids = np.argsort(hashes)
        self.text_hashes = hashes[self.text_ids]


class Features(NamedTuple):
    """One page of n blocks in g groups."""

    block: Floats  # (n, len(BLOCK_FEATURES))
    group: Floats  # (g, len(GROUP_FEATURES))
    ancestors: Ints  # (n, LEVELS): groups from the innermost out; g where there is none
    first: Ints  # (g,)
    last: Ints  # (g,): blocks first:last are in the group
    name_ids: Ints  # words of names, ascending by group
    name_groups: Ints  # the group of each
    text_ids: Ints  # words among the first of a block, ascending by block
    text_blocks: Ints  # the block of each
    tokens: Ints  # (n,)


#: Groups that a block sees, from the innermost out.
LEVELS = 6
#: Class names per container that are looked at; utility-class style sheets put dozens on an element.
NAMES = 16
_LONGEST = 40  # letters of a word
_REMEMBERED = 1 << 16  # spellings of words; then the memory starts anew
#: A block at least this long counts as prose when groups count their blocks.
LONG = 20

KINDS = ("text", "heading", "item", "term", "definition", "pre", "row", "equation", "caption")
_KIND = {kind: index for index, kind in enumerate(KINDS)}

#: Names of the columns of ``Features.block``.
BLOCK_FEATURES = (
    *("chars", "tokens", "links", "link_density", "repeats", "position", "text_before", "text_after"),
    *("from_start", "from_end", "blocks", "page_tokens", "level", "depth", "function_words", "years"),
    *("word_length", "ends_in_stop", "ends_in_comma", "starts_upper", "page_function_words", "is_link"),
    *CLASSES,
    *KINDS,
)
#: Names of the columns of ``Features.group``.
GROUP_FEATURES = (
    *("tokens", "share", "blocks", "block_share", "mean_length", "link_density", "links_per_block"),
    *("function_words", "stops", "commas", "digits", "long_share", "long_blocks"),
    *("headings", "items", "rows", "pre", "children", "alike", "alike_share", "alike_before"),
    *("depth", "start", "end", "wraps", "repeats", "parent_share", "money", "years"),
)

# Counts and lengths, of which the logarithm is taken.
_LOG_BLOCK = (
    "chars",
    "tokens",
    "links",
    "repeats",
    "from_start",
    "from_end",
    "blocks",
    "page_tokens",
    "depth",
)
_LOG_GROUP = ("tokens", "blocks", "mean_length", "links_per_block", "long_blocks", "children", "alike")
_LOGGED_BLOCK = [BLOCK_FEATURES.index(name) for name in (*_LOG_BLOCK, "years", "word_length")]
_LOGGED_GROUP = [
    GROUP_FEATURES.index(name) for name in (*_LOG_GROUP, "alike_before", "depth", "wraps", "money", "years")
]

_LETTERS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_A-Za-z]+")
_LETTERS_OR_END = re.compile(_LETTERS.pattern + r"|\n")


def name_words(names: str) -> list[str]:
    """Lower-case words of class names: ``"postBody post-title_2"`` → post, body, post, title."""
    return [word.lower() for word in _LETTERS.findall(names) if len(word) > 1]


def _prefix(values: NDArray[Any]) -> NDArray[np.float64]:
    """Sums before each index, along axis 0: the sum over first:last is ``p[last] - p[first]``."""
    sums = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums


def _columns(columns: Sequence[NDArray[Any]], logged: Sequence[int] = ()) -> Floats:
    """Rows of equal length as the columns of a matrix (a transposed view, faster than ``stack``)."""
    rows = np.concatenate(columns, dtype=np.float32, casting="same_kind").reshape(len(columns), -1)
    if logged:
        rows[logged] = np.log1p(rows[logged])
    return rows.T


def extract(blocks: Sequence[Block], containers: Sequence[Container], vocabulary: Vocabulary) -> Features:
    """Features of a page with at least one block. Containers without blocks are passed over."""
    n = len(blocks)
    texts = [block.text for block in blocks]
    text = count(texts)
    chars, tokens = np.maximum(text.chars, 1), text.tokens
    # Pages with formulas are too rare to learn from: a block that holds one is taken for the text that it is.
    kinds = np.array([_KIND["text" if block.equations else block.kind] for block in blocks], np.int64)
    links = np.array([block.links for block in blocks], np.float32)
    link_chars = np.minimum(np.array([block.link_chars for block in blocks], np.float32), chars)
    seen = Counter(texts)
    repeats = np.array([seen[each] for each in texts], np.float32) - 1

    tree = _tree(blocks, containers, vocabulary)
    before = _prefix(tokens)
    total = max(before[-1], 1.0)
    index = np.arange(n)
    words = np.maximum(tokens, 1)
    columns = [
        *(chars, tokens, links, link_chars / chars, repeats, (index + 0.5) / n, before[:-1] / total),
        *(1 - before[1:] / total, index, n - 1 - index, np.full(n, n), np.full(n, total)),
        *(np.array([block.level for block in blocks], np.int64), tree.depth, text.function_words / words),
        *(text.years, chars / words, text.last == STOP, text.last == COMMA, text.first == UPPER),
        *(np.full(n, text.function_words.sum() / total), link_chars > 0.8 * chars),
        *(text.classes.T / chars),
        *(np.arange(len(KINDS))[:, None] == kinds),
    ]
    return Features(
        _columns(columns, _LOGGED_BLOCK),
        _groups(text, kinds, links, link_chars, repeats, tree),
        tree.ancestors,
        tree.first,
        tree.last,
        tree.name_ids,
        tree.name_groups,
        *_text_ids(text, vocabulary),
        tokens,
    )


def _text_ids(text: Words, vocabulary: Vocabulary) -> tuple[Ints, Ints]:
    if not len(vocabulary.text_hashes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    at, found = find(text.early, vocabulary.text_hashes)
    return vocabulary.text_ids[at[found]], text.early_blocks[found]


class _Tree(NamedTuple):
    """Groups of containers; see ``Features`` for those of the same name."""

    first: Ints
    last: Ints
    ancestors: Ints
    name_ids: Ints
    name_groups: Ints
    up: Ints  # (g,): the group around each; g around the first
    wraps: Ints  # (g,): containers in it
    depth: Ints  # (n,): groups around each block
    alike: Ints  # (g,): siblings that look the same (tag and names), itself included
    rank: Ints  # (g,): how many of those come before it


def _tree(blocks: Sequence[Block], containers: Sequence[Container], vocabulary: Vocabulary) -> _Tree:
    n = len(blocks)
    parent = np.array([c.parent for c in containers], np.int64)
    first = np.array([c.first for c in containers], np.int64)
    last = np.array([c.last for c in containers], np.int64)
    looks = [(c.tag, c.names) for c in containers]
    codes: dict[tuple[str, str], int] = {}
    code = [codes.setdefault(each, len(codes)) for each in looks]
    of_codes = vocabulary.names.of_looks(list(codes))
    ids = [of_codes[each] for each in code]
    # A container with just its parent's blocks has only empty ones between itself and its parent, so
    # groups are runs of containers once the empty ones are taken away.
    head = (last > first) & ((first != first[parent]) | (last != last[parent]) | (parent < 0))
    group = np.cumsum(head) - 1
    heads = np.flatnonzero(head)
    g = len(heads)
    up = group[parent[heads]]
    up[0] = g
    outward = np.append(up, g)
    full, first, last = last > first, first[heads], last[heads]
    ancestors = np.empty((n, LEVELS), np.int64)
    ancestors[:, 0] = group[np.array([block.container for block in blocks], np.int64)]
    for level in range(1, LEVELS):
        ancestors[:, level] = outward[ancestors[:, level - 1]]
    # How many groups hold a block: one more from the first block of each, one less after its last.
    depth = np.cumsum(np.bincount(first, minlength=n + 1) - np.bincount(last, minlength=n + 1))[:n]

    counts = np.where(full, np.array([len(each) for each in ids], np.int64), 0)
    names = chain.from_iterable(each for each, count in zip(ids, counts.tolist(), strict=True) if count)
    name_ids = np.array(list(names), np.int64)
    siblings: dict[tuple[int, int], int] = {}
    rank = []
    keys = list(zip(up.tolist(), np.array(code, np.int64)[heads].tolist(), strict=True))
    for key in keys:
        before = siblings.get(key, 0)
        rank.append(before)
        siblings[key] = before + 1
    alike = [siblings[key] for key in keys]
    return _Tree(
        *(first, last, ancestors, name_ids, np.repeat(group, counts)),
        *(up, np.bincount(group[full], minlength=g), depth, np.array(alike), np.array(rank)),
    )


def _groups(
    text: Words, kinds: Ints, links: Floats, link_chars: Floats, repeats: Floats, tree: _Tree
) -> Floats:
    n, g = len(kinds), len(tree.first)
    first, last = tree.first, tree.last
    long = text.tokens >= LONG
    per_block = [
        *(text.tokens, text.chars, link_chars, links, text.function_words, text.classes[:, STOP]),
        *(text.classes[:, COMMA], text.classes[:, DIGIT], np.where(long, text.tokens, 0), long),
        *(kinds == _KIND[kind] for kind in ("heading", "item", "row", "pre")),
        *(repeats > 0, text.classes[:, MONEY], text.years),
    ]
    sums = _prefix(_columns(per_block))
    total = max(sums[-1, 0], 1.0)
    of_groups = (sums[last] - sums[first]).T
    tokens, chars, linked, links, functions, stops, commas, digits, long_tokens, longs, *rest = of_groups
    headings, items, rows, pre, repeated, money, years = rest
    size = (last - first).astype(np.float64)
    words, chars = np.maximum(tokens, 1), np.maximum(chars, 1)
    above = np.minimum(tree.up, g - 1)
    children = np.bincount(tree.up[1:], minlength=g)
    columns = [
        *(tokens, tokens / total, size, size / n, words / size, linked / chars, links / size),
        *(functions / words, stops / words, commas / words, digits / chars, long_tokens / words, longs),
        *(headings / size, items / size, rows / size, pre / size, children, tree.alike),
        *(tree.alike / np.maximum(children[above], 1), tree.rank, tree.depth[first], first / n, last / n),
        *(tree.wraps, repeated / size, tokens / words[above], money, years),
    ]
    return _columns(columns, _LOGGED_GROUP)
