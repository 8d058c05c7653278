"""The input of the main-content model: numbers per block, per group of containers, and a few words.

Knows the shape of the block tree (``tree``), and what ``words`` counted. Does not know HTML, weights, nor
which block is content. A group's blocks are contiguous, so its sums are differences of prefix sums. Cost is
linear in the text and in the number of containers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stages.compiled import compiled
from stages.render import block_kernels as columns
from stages.render.blocks import KINDS, Blocks, Outline
from stages.render.main.tree import Names, tree
from stages.render.main.words import (
    ALIKE,
    CHARS,
    CLASSES,
    COMMA,
    DIGIT,
    FIRST,
    FUNCTION_WORDS,
    LAST,
    MONEY,
    STOP,
    TOKENS,
    UPPER,
    YEARS,
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
#: Columns and kinds of blocks that are read, which loops of this package must be told (``compiled._stamp``).
_READ = np.array(
    [
        *(columns.EQUATIONS, columns.KIND, columns.CHARS, columns.LINKS, columns.LINK_CHARS, columns.LEVEL),
        *(columns.TEXT, columns.HEADING, columns.ITEM, columns.ROW, columns.PRE),
    ]
)
#: Quantities that are summed over the blocks of a group.
_SUMMANDS = 17


def extract(blocks: Blocks, outline: Outline, vocabulary: Vocabulary) -> Features:
    """Features of a page with at least one block. Containers without blocks are ignored.

    A permalink counts as the link and the characters that it is on the page: headings of the content have
    one, while those of menus, often with the same words, have none.
    """
    rows = blocks.rows
    words = count(blocks.text, rows[:, columns.START], rows[:, columns.PERMALINK_END])
    groups = tree(rows[:, columns.CONTAINER].copy(), outline, vocabulary.names)
    of_blocks = np.zeros((len(rows), len(BLOCK_FEATURES)), np.float32)
    of_groups = np.empty((len(groups.first), len(GROUP_FEATURES)), np.float32)
    # Sums over the blocks before each.
    sums = np.zeros((len(rows) + 1, _SUMMANDS), np.int64)
    _of_blocks(rows, words.counts, groups.depth, _MARKS, _READ, _LOGGED_OF_BLOCK, _LOGS, of_blocks, sums)
    _of_groups(
        *(sums, groups.first, groups.last, groups.up, groups.wraps, groups.alike, groups.rank),
        *(groups.kin, groups.kin_rank, groups.depth, _LOGGED_OF_GROUP, _LOGS),
        *(np.zeros(len(of_groups) + 1, np.int64), np.zeros((len(of_groups), 9), np.int64), of_groups),
    )
    return Features(
        *(of_blocks, of_groups, groups.ancestors, groups.first, groups.last, groups.up),
        *(groups.name_ids, groups.name_groups, *vocabulary.text.early(words)),
        words.counts[:, TOKENS],
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


@compiled
def _of_blocks(
    blocks: Ints,
    words: Ints,
    depth: Ints,
    marks: Ints,
    read: Ints,
    logged: Ints,
    logs: Floats,
    rows: Floats,
    sums: Ints,
) -> None:
    """Fills ``rows`` (``Features.block``), and what is summed for groups, in ``sums`` after its first row.
    ``marks``, ``read``: ``_MARKS``, ``_READ``."""
    stop, comma, digit, money, upper = marks[0], marks[1], marks[2], marks[3], marks[4]
    text, heading, item, of_table, code = read[6], read[7], read[8], read[9], read[10]
    n = len(blocks)
    total = 0
    page_function_words = 0
    for i in range(n):
        total += words[i, TOKENS]
        page_function_words += words[i, FUNCTION_WORDS]
    total = max(total, 1)
    before = 0
    for i in range(n):
        block, counts, row = blocks[i], words[i], rows[i]
        # Pages with formulas are too rare to learn from: a block with formulas is treated as plain text.
        kind = text if block[read[0]] else block[read[1]]
        chars, tokens, alike = counts[CHARS], counts[TOKENS], counts[ALIKE]
        permalink = chars - block[read[2]]
        links = block[read[3]] + (permalink > 0)
        linked = min(block[read[4]] + permalink, max(chars, 1))
        summed = sums[i + 1]
        summed[1] = chars
        chars = max(chars, 1)
        after = before + tokens
        numbers = (
            float(chars),
            float(tokens),
            float(links),
            linked / chars,
            float(alike - 1),
            (i + 0.5) / n,
            before / total,
            1 - after / total,
            float(i),
            float(n - 1 - i),
            float(n),
            float(total),
            float(block[read[5]]),
            float(depth[i]),
            counts[FUNCTION_WORDS] / max(tokens, 1),
            float(counts[YEARS]),
            chars / max(tokens, 1),
            float(int(counts[LAST] == stop)),
            float(int(counts[LAST] == comma)),
            float(int(counts[FIRST] == upper)),
            page_function_words / total,
            float(int(5 * linked > 4 * chars)),
        )
        for column in range(len(numbers)):
            row[column] = numbers[column]
        _take_logs(row, logged, logs)
        for column in range(TOKENS):
            row[len(numbers) + column] = counts[column] / chars
        row[len(numbers) + TOKENS + kind] = 1
        summed[0], summed[2], summed[3], summed[4] = tokens, linked, links, counts[FUNCTION_WORDS]
        summed[5], summed[6], summed[7], summed[8] = counts[stop], counts[comma], counts[digit], counts[money]
        summed[9] = counts[YEARS]
        if tokens >= LONG:
            summed[10], summed[11] = tokens, 1
        summed[12], summed[13], summed[14] = kind == heading, kind == item, kind == of_table
        summed[15], summed[16] = kind == code, alike > 1
        for column in range(_SUMMANDS):
            summed[column] += sums[i, column]
        before = after


@compiled
def _of_groups(
    before: Ints,
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
    children: Ints,
    families: Ints,
    rows: Floats,
) -> None:
    """Fills ``rows`` (``Features.group``). ``before``: the sums over the blocks before each; ``children``: of
    zeros, one more than groups; ``families``: (g, 9), of zeros."""
    n, g = len(before) - 1, len(first)
    total = max(before[n, 0], 1)
    for group in range(1, g):
        children[up[group]] += 1
    # Of all kin: groups, tokens, characters, those in links, function words, tokens of long blocks, groups
    # with a year, groups with a long block, and the tokens of the longest.
    for group in range(g):
        of_kin, low, high = families[kin[group]], before[first[group]], before[last[group]]
        of_kin[0] += 1
        of_kin[1] += high[0] - low[0]
        of_kin[2] += high[1] - low[1]
        of_kin[3] += high[2] - low[2]
        of_kin[4] += high[4] - low[4]
        of_kin[5] += high[10] - low[10]
        of_kin[6] += int(high[9] > low[9])
        of_kin[7] += int(high[11] > low[11])
        of_kin[8] = max(of_kin[8], high[0] - low[0])
    for group in range(g):
        low, high = before[first[group]], before[last[group]]
        tokens, letters, linked = high[0] - low[0], high[1] - low[1], high[2] - low[2]
        links, functions, stops = high[3] - low[3], high[4] - low[4], high[5] - low[5]
        commas, digits, money = high[6] - low[6], high[7] - low[7], high[8] - low[8]
        years, long_tokens, longs = high[9] - low[9], high[10] - low[10], high[11] - low[11]
        headings, items, of_tables = high[12] - low[12], high[13] - low[13], high[14] - low[14]
        pre, repeated = high[15] - low[15], high[16] - low[16]
        size = last[group] - first[group]
        words, chars = max(tokens, 1), max(letters, 1)
        of_kin = families[kin[group]]
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
            float(of_kin[0]),
            of_kin[0] / max(children[above], 1),
            float(kin_rank[group]),
            of_kin[1] / total,
            of_kin[1] / words_above,
            of_kin[1] / of_kin[0],
            of_kin[3] / max(of_kin[2], 1),
            of_kin[4] / max(of_kin[1], 1),
            of_kin[5] / max(of_kin[1], 1),
            of_kin[6] / of_kin[0],
            of_kin[7] / of_kin[0],
            of_kin[1] / (of_kin[0] * max(of_kin[8], 1)),
        )
        row = rows[group]
        for column in range(len(numbers)):
            row[column] = numbers[column]
        _take_logs(row, logged, logs)
