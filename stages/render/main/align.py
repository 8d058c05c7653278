"""Which tokens of a page are in its gold text: labels for the main-content model.

Knows two token sequences. Does not know features of blocks, nor the network. Used in training and evaluation
only.

Words that boilerplate shares with the content must not make it positive, so tokens are matched in
order: n-grams unique on both sides are anchors (patience diff), the longest increasing chain of them is
kept, and the gaps are aligned in the same way with shorter n-grams until they are small enough for an
exact matcher. Gold texts that reorder the page are caught by a second step: a block still unmatched
counts if its 4-grams are in the gold and its words are not used up.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

#: A word, or one character of a script that is written without spaces.
_TOKEN = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|\w+")
_EXACT = 20_000  # a gap of this many token pairs is aligned exactly
_GRAM = 4  # length of n-grams in the second step
_SUPPORTED = 0.7  # of a block's tokens, for the second step


def tokens(text: str) -> list[str]:
    """Tokens of the metric: lower-cased words; each CJK or Thai character is one."""
    return _TOKEN.findall(text.lower())


def scores(predicted: Sequence[str], gold: Sequence[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of bags of tokens; zeros if nothing is shared."""
    shared = (Counter(predicted) & Counter(gold)).total()
    if not shared:
        return 0.0, 0.0, 0.0
    precision, recall = shared / len(predicted), shared / len(gold)
    return precision, recall, 2 * precision * recall / (precision + recall)


def _unique(sequence: Sequence[str], n: int) -> dict[tuple[str, ...], int]:
    """Position of every n-gram that occurs once."""
    grams = [tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1)]
    counts = Counter(grams)
    return {gram: i for i, gram in enumerate(grams) if counts[gram] == 1}


def _anchors(a: Sequence[str], b: Sequence[str], n: int) -> list[tuple[int, int]]:
    """The longest chain of shared unique n-grams that ascends on both sides."""
    in_a, in_b = _unique(a, n), _unique(b, n)
    pairs = [(i, in_b[gram]) for gram, i in in_a.items() if gram in in_b]
    tails: list[int] = []  # smallest end of a chain of each length, and which pair that is
    ends: list[int] = []
    before = [-1] * len(pairs)
    for index, (_, j) in enumerate(pairs):
        length = bisect_left(tails, j)
        if length == len(tails):
            tails.append(j)
            ends.append(index)
        else:
            tails[length], ends[length] = j, index
        before[index] = ends[length - 1] if length else -1
    chain = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]


def aligned(a: Sequence[str], b: Sequence[str]) -> NDArray[np.bool_]:
    """(len(a),): whether each token of ``a`` has a partner in ``b``, in order on both sides."""
    hit = np.zeros(len(a), bool)
    todo = [(0, len(a), 0, len(b), 6)]
    while todo:
        a0, a1, b0, b1, n = todo.pop()
        if a1 <= a0 or b1 <= b0 or n < 1:
            continue
        if (a1 - a0) * (b1 - b0) <= _EXACT:
            matcher = SequenceMatcher(None, a[a0:a1], b[b0:b1], autojunk=False)
            for start, _, size in matcher.get_matching_blocks():
                hit[a0 + start : a0 + start + size] = True
            continue
        i0, j0 = a0, b0
        for i, j in _anchors(a[a0:a1], b[b0:b1], n):
            i, j = i + a0, j + b0
            if i < i0 or j < j0:  # overlaps the anchor before: only a straight continuation counts
                if i - i0 == j - j0:
                    hit[i : i + n] = True
                    i0, j0 = max(i0, i + n), max(j0, j + n)
                continue
            todo.append((i0, i, j0, j, n - 2 if n > 2 else n - 1))
            hit[i : i + n] = True
            i0, j0 = i + n, j + n
        todo.append((i0, a1, j0, b1, n - 2 if n > 2 else n - 1))
    return hit


def matched(blocks: Sequence[Sequence[str]], gold: Sequence[str]) -> NDArray[np.float32]:
    """Number of tokens of each block (a list of tokens) that are in the gold text: (len(blocks),)."""
    flat = [token for block in blocks for token in block]
    hit = aligned(flat, gold)
    ends = np.cumsum([len(block) for block in blocks], dtype=np.int64)
    counts = np.array(
        [hit[end - len(block) : end].sum() for end, block in zip(ends, blocks, strict=True)], np.float32
    )
    left = Counter(gold)
    left.subtract(token for token, is_hit in zip(flat, hit, strict=True) if is_hit)
    grams = {tuple(gold[i : i + _GRAM]) for i in range(len(gold) - _GRAM + 1)}
    for index, block in enumerate(blocks):
        if len(block) < _GRAM + 2 or counts[index] >= 0.3 * len(block):
            continue
        covered = np.zeros(len(block), bool)
        for i in range(len(block) - _GRAM + 1):
            if tuple(block[i : i + _GRAM]) in grams:
                covered[i : i + _GRAM] = True
        words = Counter(block)
        unused = sum(min(count, max(left[word], 0)) for word, count in words.items())
        if covered.mean() > _SUPPORTED and unused > _SUPPORTED * len(block):
            counts[index] = unused
            left.subtract(words)
    return counts
