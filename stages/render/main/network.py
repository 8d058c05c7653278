"""The main-content network: probabilities per block.

Knows matrices and the shape of a page (``Features``). Does not know where features come from, what a
page says, nor how the weights were found (``train``, which builds the same network in torch).

The network, for a page of n blocks in g groups and a width of D (``WIDTH``):

1. *Groups*: features and the summed embeddings of their class words and tags, one dense layer: (g, D).
   Then every group adds what it makes of itself and of the group around it, from the outermost inwards, so
   that a block knows all that is around it, however deep it is.
2. *Blocks*: features, summed embeddings of their first words, and a linear map of their ``LEVELS`` innermost
   groups: (n, D). Means and maxima over the page tell every block what kind of page it is on.
3. *Neighbours*: residual convolutions over the sequence of blocks, of growing dilation.
4. *Tree*: between convolutions, groups take the mean of their blocks, pass it inwards in the same way, and
   back to their blocks: this tells a comment that its siblings look like comments.
5. One logit per block.

Sums are taken in the order of the loops below, in single precision: the same on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.compiled import compiled
from stages.render.main.features import Features
from stages.render.main.products import WIDTH, add_dense, add_product, dense
from stages.render.main.words import Floats, Ints

Doubles = NDArray[np.float64]

#: Dilations of the convolutions, and those that are preceded by a tree step.
DILATIONS = (1, 2, 4, 8)
TREE_STEP = 2


class Weights(NamedTuple):
    """Matrices are (in, out), contiguous."""

    names: Floats  # embeddings
    text: Floats
    group: Floats
    block: Floats
    squares: Floats  # (42, D, D): see ``_ABOVE`` and what follows it
    biases: Floats  # (14, D): of groups, blocks, heard, told; of each convolution; of what comes out of it;
    # of what groups pass inwards before and at the tree step
    head: Floats  # (2, D): weights; the bias, as the first number


# The first of the squares of each kind: for the groups above at each level; for means and maxima of blocks
# and of groups; for what groups hear of their blocks and know; for what blocks are told by the groups above
# at each level, and by the page; three for each convolution; for what comes out of each; for what a group is
# and is passed by the group around it, before and at the tree step.
_ABOVE, _PAGE, _HEARD, _TOLD, _TOLD_PAGE, _CONV, _OUT, _INWARDS, _PASSED = 0, 6, 10, 12, 18, 22, 34, 38, 40


def weights_of(arrays: Mapping[str, Floats]) -> Weights:
    """From the arrays that ``train`` saves: parameters of its network by name, matrices (in, out).

    Raises KeyError if one is missing, ValueError if one has another shape.
    """

    def get(*names: str, shape: tuple[int, ...] = (-1, WIDTH)) -> Floats:
        stacked = np.stack([arrays[name] for name in names]).astype(np.float32)
        return np.ascontiguousarray(stacked.reshape(shape))

    layers = range(len(DILATIONS))
    step = TREE_STEP
    squares = [get(f"{name}.weight", shape=(-1, WIDTH, WIDTH)) for name in ("above", "page", f"heard{step}")]
    squares += [get(f"{name}{step}.weight", shape=(-1, WIDTH, WIDTH)) for name in ("told", "page")]
    squares += [
        get(f"{name}{n}.weight", shape=(-1, WIDTH, WIDTH)) for name in ("conv", "out") for n in layers
    ]
    squares += [get(f"{name}.weight", shape=(-1, WIDTH, WIDTH)) for name in ("inwards", f"passed{step}")]
    biases = ["group", "block", f"heard{step}", f"told{step}"]
    biases += [f"{name}{layer}" for name in ("conv", "out") for layer in layers]
    biases += ["inwards", f"passed{step}"]
    head = np.zeros((2, WIDTH), np.float32)
    head[0], head[1, :1] = get("head.weight", shape=(WIDTH,)), get("head.bias", shape=(1,))
    return Weights(
        names=np.ascontiguousarray(arrays["names.weight"], np.float32),
        text=np.ascontiguousarray(arrays["text.weight"], np.float32),
        group=get("group.weight"),
        block=get("block.weight"),
        squares=np.concatenate(squares),
        biases=get(*(f"{name}.bias" for name in biases)),
        head=head,
    )


def probabilities(features: Features, weights: Weights) -> Floats:
    """(n,): how likely each block is main content."""
    n, g = len(features.block), len(features.group)
    words = (weights.names.shape[1], weights.text.shape[1])
    chances = np.empty(n, np.float32)
    _probabilities(
        *(features.block, features.group, features.ancestors, features.first, features.last),
        features.up,
        *(features.name_ids, features.name_groups, features.text_ids, features.text_blocks),
        *weights,
        np.zeros((g, features.group.shape[1] + words[0]), np.float32),
        np.zeros((n, features.block.shape[1] + words[1]), np.float32),
        np.empty((4, g, WIDTH), np.float32),
        np.empty((3, n, WIDTH), np.float32),
        np.empty((n + 3, WIDTH)),
        np.empty((3, 1, WIDTH), np.float32),
        np.empty(g, np.int64),
        chances,
    )
    return chances


@compiled
def _add_row(y: Floats, x: Floats) -> None:
    """``y += x`` as a loop, because Numba takes seconds to compile the array expression."""
    for j in range(len(x)):
        y[j] += x[j]


@compiled
def _add_words(rows: Floats, numbers: Floats, embeddings: Floats, ids: Ints, owners: Ints) -> None:
    """Fills rows of zeros with those of ``numbers``, each followed by the sum of its words' embeddings."""
    n, columns = numbers.shape
    for i in range(n):
        _add_row(rows[i], numbers[i])
    for word in range(len(ids)):
        _add_row(rows[owners[word], columns:], embeddings[ids[word]])


@compiled
def _relu(x: Floats) -> None:
    for i in range(len(x)):
        for j in range(WIDTH):
            x[i, j] = max(x[i, j], np.float32(0))


@compiled
def _pass_inwards(
    h: Floats, up: Ints, matrices: Floats, bias: Floats, rows: Floats, passed: Floats, is_around: Ints
) -> None:
    """To each group, outermost first, adds a non-linear map of itself and of the group around it, as that has
    become."""
    g = len(h)
    dense(rows, h, matrices[0], bias)
    for group in range(g):
        is_around[group] = 0
    for group in range(1, g):
        is_around[up[group]] = 1
    for group in range(g):
        state, row, result = h[group], rows[group], passed[group]
        if up[group] < g:
            _add_row(row, passed[up[group]])
        for j in range(WIDTH):
            state[j] += max(row[j], np.float32(0))
            result[j] = 0
        if is_around[group]:
            add_product(passed[group : group + 1], h[group : group + 1], matrices[1])


@compiled
def _add_from_groups(
    y: Floats, h: Floats, ancestors: Ints, matrices: Floats, rows: Floats, mapped: Floats, places: Ints
) -> None:
    """Adds to each block, over levels, a linear map of its group at that level. Many blocks share their
    groups, so the map of a group at a level is computed once."""
    for level in range(len(matrices)):
        for group in range(len(h)):
            places[group] = -1
        size = 0
        for i in range(len(y)):
            group = ancestors[i, level]
            if group < len(h) and places[group] < 0:
                places[group] = size
                from_h, row, result = h[group], rows[size], mapped[size]
                for j in range(WIDTH):
                    row[j] = from_h[j]
                    result[j] = 0
                size += 1
        add_product(mapped[:size], rows[:size], matrices[level])
        for i in range(len(y)):
            group = ancestors[i, level]
            if group < len(h):
                _add_row(y[i], mapped[places[group]])


@compiled
def _add_page(y: Floats, x: Floats, h: Floats, matrices: Floats, room: Floats, sums: Doubles) -> None:
    """Adds to every block a linear map of means and maxima of blocks and of groups."""
    page, means, most = room[0], room[1], room[2]
    for j in range(WIDTH):
        page[0, j] = 0
    for which in range(2):
        rows = h if which else x
        for j in range(WIDTH):
            sums[0, j] = 0
            most[0, j] = rows[0, j]
        for i in range(len(rows)):
            for j in range(WIDTH):
                sums[0, j] += rows[i, j]
                most[0, j] = max(most[0, j], rows[i, j])
        for j in range(WIDTH):
            means[0, j] = sums[0, j] / len(rows)
        add_product(page, means, matrices[2 * which])
        add_product(page, most, matrices[2 * which + 1])
    for i in range(len(y)):
        _add_row(y[i], page[0])


@compiled
def _take_means(means: Floats, x: Floats, first: Ints, last: Ints, sums: Doubles) -> None:
    """Means over the blocks of each group."""
    for j in range(WIDTH):
        sums[0, j] = 0
    for i in range(len(x)):
        for j in range(WIDTH):
            sums[i + 1, j] = sums[i, j] + x[i, j]
    for group in range(len(first)):
        before, after, mean = sums[first[group]], sums[last[group]], means[group]
        for j in range(WIDTH):
            mean[j] = (after[j] - before[j]) / (last[group] - first[group])


@compiled
def _probabilities(
    block_numbers: Floats,
    group_numbers: Floats,
    ancestors: Ints,
    first: Ints,
    last: Ints,
    up: Ints,
    name_ids: Ints,
    name_groups: Ints,
    text_ids: Ints,
    text_blocks: Ints,
    names: Floats,
    text: Floats,
    group: Floats,
    block: Floats,
    squares: Floats,
    biases: Floats,
    head: Floats,
    of_groups: Floats,
    of_blocks: Floats,
    group_room: Floats,
    block_room: Floats,
    sums: Doubles,
    page_room: Floats,
    places: Ints,
    chances: Floats,
) -> None:
    """Fills ``chances``. Before it, room to compute in; ``of_groups`` and ``of_blocks`` are zeros."""
    h, heard_of, rows, mapped = group_room[0], group_room[1], group_room[2], group_room[3]
    x, inner, news = block_room[0], block_room[1], block_room[2]
    _add_words(of_groups, group_numbers, names, name_ids, name_groups)
    dense(h, of_groups, group, biases[0])
    _relu(h)
    _pass_inwards(h, up, squares[_INWARDS:_PASSED], biases[12], rows, mapped, places)
    _add_words(of_blocks, block_numbers, text, text_ids, text_blocks)
    dense(x, of_blocks, block, biases[1])
    _add_from_groups(x, h, ancestors, squares[_ABOVE:_PAGE], rows, mapped, places)
    _relu(x)
    _add_page(x, x, h, squares[_PAGE:_HEARD], page_room, sums)
    n = len(x)
    for layer in range(len(DILATIONS)):
        if layer == TREE_STEP:
            _take_means(rows, x, first, last, sums)
            dense(heard_of, rows, squares[_HEARD], biases[2])
            add_product(heard_of, h, squares[_HEARD + 1])
            _relu(heard_of)
            _pass_inwards(heard_of, up, squares[_PASSED:], biases[13], rows, mapped, places)
            for i in range(n):
                for j in range(WIDTH):
                    news[i, j] = biases[3, j]
            _add_from_groups(news, heard_of, ancestors, squares[_TOLD:_TOLD_PAGE], rows, mapped, places)
            _add_page(news, x, heard_of, squares[_TOLD_PAGE:_CONV], page_room, sums)
            _relu(news)
            for i in range(n):
                _add_row(x[i], news[i])
        first_of = _CONV + 3 * layer
        # Sum of linear maps of the block before at some distance, the block itself, and that after.
        dense(inner, x, squares[first_of + 1], biases[4 + layer])
        far = min(DILATIONS[layer], n)
        add_product(inner[far:], x[: n - far], squares[first_of])
        add_product(inner[: n - far], x[far:], squares[first_of + 2])
        _relu(inner)
        add_dense(x, inner, squares[_OUT + layer], biases[4 + len(DILATIONS) + layer])
    for i in range(n):
        logit = head[1, 0]
        for j in range(WIDTH):
            logit += max(x[i, j], np.float32(0)) * head[0, j]
        chances[i] = 1 / (1 + math.exp(-min(max(float(logit), -30.0), 30.0)))
