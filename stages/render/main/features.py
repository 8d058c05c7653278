"""The input of the main-content model: numbers per block, per group of containers, and a few words.

Knows the shape of the block tree (``tree``), and what ``words`` counted. Does not know HTML, weights, nor
which block is content. A group's blocks are contiguous, so its sums are differences of prefix sums. Cost is
linear in the text and in the number of containers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from stages.compiled import allocating, compiled
from stages.render.blocks import Block, Outline
from stages.render.main.tree import Names, tree
from stages.render.main.words import (
    CLASSES,
    COMMA,
    DIGIT,
    MONEY,
    STOP,
    UPPER,
    Bytes,
    Floats,
    Ints,
    Lexicon,
    count,
)


class Vocabulary:
    """Words that have an embedding. Built by ``train``, shipped with the weights."""

    def __init__(self, names: Sequence[str], text: Sequence[str]) -> None:
        """``names``: words of class, id, role and itemprop, and tags as ``"<div>"``; the id of a word is its
        position."""
        self.names = Names(names)
        self.text = Lexicon(text)


class Features(NamedTuple):
    """One page of n blocks in g groups."""

    block: Floats  # (n, len(BLOCK_FEATURES))
    group: Floats  # (g, len(GROUP_FEATURES))
    ancestors: Ints  # (n, LEVELS): groups from the innermost out; g where there is none
    first: Ints  # (g,)
    last: Ints  # (g,): blocks first:last are in the group
    up: Ints  # (g,): the group around each; g around the first
    name_ids: Ints  # words of names, ascending by group
    name_groups: Ints  # the group of each
    text_ids: Ints  # words among the first of a block, ascending by block
    text_blocks: Ints  # the block of each
    tokens: Ints  # (n,)


#: A block at least this long counts as prose in the features of groups.
LONG = 20

KINDS = ("text", "heading", "item", "term", "definition", "pre", "row", "equation", "caption")
_KIND = {kind: index for index, kind in enumerate(KINDS)}
_HEADING, _ITEM, _ROW, _PRE = (_KIND[kind] for kind in ("heading", "item", "row", "pre"))

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
    *("kin", "kin_share", "kin_before", "kin_page_share", "kin_parent_share", "kin_mean", "kin_links"),
    *("kin_function_words", "kin_long_share", "kin_years", "kin_long", "kin_same_size"),
)

# Counts and lengths, which are replaced by their logarithm.
_LOGGED_OF_BLOCK = np.array(
    [
        BLOCK_FEATURES.index(name)
        for name in (
            *("chars", "tokens", "links", "repeats", "from_start", "from_end", "blocks", "page_tokens"),
            *("depth", "years", "word_length"),
        )
    ]
)
_LOGGED_OF_GROUP = np.array(
    [
        GROUP_FEATURES.index(name)
        for name in (
            *("tokens", "blocks", "mean_length", "links_per_block", "long_blocks", "children", "alike"),
            *("alike_before", "depth", "wraps", "money", "years"),
            *("kin", "kin_before", "kin_mean"),
        )
    ]
)
#: Logarithms of n + 1 for small whole numbers n: most counts are small.
_LOGS = np.array([math.log1p(number) for number in range(1024)], np.float32)
#: Classes of characters that have a feature of their own.
_MARKS = np.array([STOP, COMMA, DIGIT, MONEY, UPPER])
#: Quantities that are summed over the blocks of a group.
_SUMMANDS = 17


def extract(blocks: Sequence[Block], outline: Outline, vocabulary: Vocabulary) -> Features:
    """Features of a page with at least one block. Containers without blocks are ignored.

    A permalink counts as the link and the characters that it is on the page: headings of the content have
    one, while those of menus, often with the same words, have none.
    """
    texts = [block.text + block.permalink for block in blocks]
    words = count(texts)
    seen = Counter(texts)
    # Pages with formulas are too rare to learn from: a block with formulas is treated as plain text.
    facts = [
        (
            _KIND["text" if block.equations else block.kind],
            block.level,
            block.links + (block.permalink != ""),
            block.link_chars + len(block.permalink),
            seen[text],
        )
        for block, text in zip(blocks, texts, strict=True)
    ]
    groups = tree(blocks, outline, vocabulary.names)
    of_blocks, summands = _of_blocks(
        np.fromiter(chain.from_iterable(facts), np.int64, 5 * len(facts)).reshape(-1, 5),
        *(words.classes, words.chars, words.tokens, words.function_words),
        *(words.years, words.first, words.last),
        *(groups.depth, _MARKS, _LOGGED_OF_BLOCK, _LOGS, len(BLOCK_FEATURES)),
    )
    of_groups = _of_groups(
        *(summands, groups.first, groups.last, groups.up, groups.wraps, groups.alike, groups.rank),
        *(groups.kin, groups.kin_rank),
        *(groups.depth, _LOGGED_OF_GROUP, _LOGS, len(GROUP_FEATURES)),
    )
    return Features(
        *(of_blocks, of_groups, groups.ancestors, groups.first, groups.last, groups.up),
        *(groups.name_ids, groups.name_groups, *vocabulary.text.early(words), words.tokens),
    )


@compiled
def _take_logs(row: Floats, columns: Ints, logs: Floats) -> None:
    """Logarithm of one more than the value, since counts begin at 0. Computed in double precision and
    rounded, so that the result does not depend on the machine's library."""
    for column in columns:
        value = row[column]
        whole = int(value)
        if whole == value and whole < len(logs):
            row[column] = logs[whole]
        else:
            row[column] = math.log1p(np.float64(value))


@allocating
def _of_blocks(
    facts: Ints,
    classes: Ints,
    lengths: Ints,
    tokens: Ints,
    function_words: Ints,
    years: Ints,
    firsts: Bytes,
    lasts: Bytes,
    depth: Ints,
    marks: Ints,
    logged: Ints,
    logs: Floats,
    columns: int,
) -> tuple[Floats, Ints]:
    """``Features.block``, and the quantities summed for groups: (n, _SUMMANDS).

    ``facts``, per block: kind, level, links, characters in links, and how many blocks have the same text.
    """
    n = len(facts)
    stop, comma, digit, money, upper = marks[0], marks[1], marks[2], marks[3], marks[4]
    total = 0
    page_function_words = 0
    for i in range(n):
        total += tokens[i]
        page_function_words += function_words[i]
    total = max(total, 1)
    rows = np.zeros((n, columns), np.float32)
    summands = np.empty((n, _SUMMANDS), np.int64)
    before = 0
    for i in range(n):
        kind, level, links, link_chars, seen = facts[i]
        chars = max(lengths[i], 1)
        linked = min(link_chars, chars)
        words = max(tokens[i], 1)
        after = before + tokens[i]
        numbers = (
            float(chars),
            float(tokens[i]),
            float(links),
            linked / chars,
            float(seen - 1),
            (i + 0.5) / n,
            before / total,
            1 - after / total,
            float(i),
            float(n - 1 - i),
            float(n),
            float(total),
            float(level),
            float(depth[i]),
            function_words[i] / words,
            float(years[i]),
            chars / words,
            float(int(lasts[i] == stop)),
            float(int(lasts[i] == comma)),
            float(int(firsts[i] == upper)),
            page_function_words / total,
            float(int(5 * linked > 4 * chars)),
        )
        row = rows[i]
        for column in range(len(numbers)):
            row[column] = numbers[column]
        _take_logs(row, logged, logs)
        for column in range(classes.shape[1]):
            row[len(numbers) + column] = classes[i, column] / chars
        row[len(numbers) + classes.shape[1] + kind] = 1
        long = int(tokens[i] >= LONG)
        to_sum = (
            tokens[i],
            lengths[i],
            linked,
            links,
            function_words[i],
            classes[i, stop],
            classes[i, comma],
            classes[i, digit],
            classes[i, money],
            years[i],
            long * tokens[i],
            long,
            int(kind == _HEADING),
            int(kind == _ITEM),
            int(kind == _ROW),
            int(kind == _PRE),
            int(seen > 1),
        )
        for column in range(_SUMMANDS):
            summands[i, column] = to_sum[column]
        before = after
    return rows, summands


@allocating
def _of_groups(
    summands: Ints,
    first: Ints,
    last: Ints,
    up: Ints,
    wraps: Ints,
    alike: Ints,
    rank: Ints,
    kin: Ints,
    kin_rank: Ints,
    depth: Ints,
    logged: Ints,
    logs: Floats,
    columns: int,
) -> Floats:
    """``Features.group``."""
    n, g = len(summands), len(first)
    before = np.zeros((n + 1, _SUMMANDS), np.int64)
    for i in range(n):
        for column in range(_SUMMANDS):
            before[i + 1, column] = before[i, column] + summands[i, column]
    total = max(before[n, 0], 1)
    children = np.zeros(g + 1, np.int64)
    for group in range(1, g):
        children[up[group]] += 1
    # Of each set of siblings that are alike: members, tokens, letters, letters in links, function words,
    # tokens of long blocks, members with a year, with a long block, and most tokens of one member.
    kinds = np.zeros((g, 9), np.int64)
    for group in range(g):
        of_kind, a, b = kinds[kin[group]], before[first[group]], before[last[group]]
        of_kind[0] += 1
        of_kind[1] += b[0] - a[0]
        of_kind[2] += b[1] - a[1]
        of_kind[3] += b[2] - a[2]
        of_kind[4] += b[4] - a[4]
        of_kind[5] += b[10] - a[10]
        of_kind[6] += int(b[9] > a[9])
        of_kind[7] += int(b[11] > a[11])
        of_kind[8] = max(of_kind[8], b[0] - a[0])
    rows = np.empty((g, columns), np.float32)
    sums = np.empty(_SUMMANDS, np.int64)
    for group in range(g):
        for column in range(_SUMMANDS):
            sums[column] = before[last[group], column] - before[first[group], column]
        tokens, letters, linked, links, functions, stops, commas, digits, money, years = sums[:10]
        long_tokens, longs, headings, items, of_tables, pre, repeated = sums[10:]
        size = last[group] - first[group]
        words, chars = max(tokens, 1), max(letters, 1)
        of_kind = kinds[kin[group]]
        above = min(up[group], g - 1)
        words_above = max(before[last[above], 0] - before[first[above], 0], 1)
        numbers = (
            float(tokens),
            tokens / total,
            float(size),
            size / n,
            words / size,
            linked / chars,
            links / size,
            functions / words,
            stops / words,
            commas / words,
            digits / chars,
            long_tokens / words,
            float(longs),
            headings / size,
            items / size,
            of_tables / size,
            pre / size,
            float(children[group]),
            float(alike[group]),
            alike[group] / max(children[above], 1),
            float(rank[group]),
            float(depth[first[group]]),
            first[group] / n,
            last[group] / n,
            float(wraps[group]),
            repeated / size,
            tokens / words_above,
            float(money),
            float(years),
            float(of_kind[0]),
            of_kind[0] / max(children[above], 1),
            float(kin_rank[group]),
            of_kind[1] / total,
            of_kind[1] / words_above,
            of_kind[1] / of_kind[0],
            of_kind[3] / max(of_kind[2], 1),
            of_kind[4] / max(of_kind[1], 1),
            of_kind[5] / max(of_kind[1], 1),
            of_kind[6] / of_kind[0],
            of_kind[7] / of_kind[0],
            of_kind[1] / (of_kind[0] * max(of_kind[8], 1)),
        )
        row = rows[group]
        for column in range(len(numbers)):
            row[column] = numbers[column]
        _take_logs(row, logged, logs)
    return rows
