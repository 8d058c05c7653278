"""The main-content network: probabilities per block.

Knows matrices and the shape of a page (``Features``). Does not know where features come from, what a
page says, nor how the weights were found (``train``, which builds the same network in torch).

The network, for a page of n blocks in g groups and a width of D:

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

from stages.compiled import allocating, compiled
from stages.render.main.features import Features
from stages.render.main.words import Floats, Ints

#: D. A constant at compile time; otherwise the loops would not be vectorised.
WIDTH = 40
#: Dilations of the convolutions, and those that are preceded by a tree step.
DILATIONS = (1, 2, 4, 8)
TREE_STEP = 2


class Weights(NamedTuple):
    """Matrices are (in, out), contiguous, and stacked where a layer has several."""

    names: Floats  # embeddings
    text: Floats
    group: Floats
    group_bias: Floats
    inwards: Floats  # (2, D, D): of the group, of the group around it
    inwards_bias: Floats
    block: Floats
    block_bias: Floats
    above: Floats  # (LEVELS, D, D)
    page: Floats  # (4, D, D): means and maxima of blocks, of groups
    heard: Floats  # (2, D, D)
    heard_bias: Floats
    passed: Floats  # (2, D, D): as inwards
    passed_bias: Floats
    told: Floats  # (LEVELS, D, D)
    told_bias: Floats
    told_page: Floats  # (4, D, D)
    conv: Floats  # (len(DILATIONS), 3, D, D)
    conv_bias: Floats
    out: Floats  # (len(DILATIONS), D, D)
    out_bias: Floats
    head: Floats  # (D,)
    head_bias: Floats


def weights_of(arrays: Mapping[str, Floats]) -> Weights:
    """From the arrays that ``train`` saves: parameters of its network by name, matrices (in, out).

    Raises KeyError if one is missing, ValueError if one has another shape.
    """

    def get(*names: str, shape: tuple[int, ...] = (-1, WIDTH)) -> Floats:
        stacked = np.stack([arrays[name] for name in names]).astype(np.float32)
        return np.ascontiguousarray(stacked.reshape(shape))

    square = (-1, WIDTH, WIDTH)
    layers = range(len(DILATIONS))
    return Weights(
        names=np.ascontiguousarray(arrays["names.weight"], np.float32),
        text=np.ascontiguousarray(arrays["text.weight"], np.float32),
        group=get("group.weight"),
        group_bias=get("group.bias", shape=(WIDTH,)),
        inwards=get("inwards.weight", shape=square),
        inwards_bias=get("inwards.bias", shape=(WIDTH,)),
        block=get("block.weight"),
        block_bias=get("block.bias", shape=(WIDTH,)),
        above=get("above.weight", shape=square),
        page=get("page.weight", shape=square),
        heard=get(f"heard{TREE_STEP}.weight", shape=square),
        heard_bias=get(f"heard{TREE_STEP}.bias", shape=(WIDTH,)),
        passed=get(f"passed{TREE_STEP}.weight", shape=square),
        passed_bias=get(f"passed{TREE_STEP}.bias", shape=(WIDTH,)),
        told=get(f"told{TREE_STEP}.weight", shape=square),
        told_bias=get(f"told{TREE_STEP}.bias", shape=(WIDTH,)),
        told_page=get(f"page{TREE_STEP}.weight", shape=square),
        conv=get(*(f"conv{layer}.weight" for layer in layers), shape=(len(DILATIONS), 3, WIDTH, WIDTH)),
        conv_bias=get(*(f"conv{layer}.bias" for layer in layers)),
        out=get(*(f"out{layer}.weight" for layer in layers), shape=square),
        out_bias=get(*(f"out{layer}.bias" for layer in layers)),
        head=get("head.weight", shape=(WIDTH,)),
        head_bias=get("head.bias", shape=(1,)),
    )


def probabilities(features: Features, weights: Weights) -> Floats:
    """(n,): how likely each block is main content."""
    found: Floats = _probabilities(
        *(features.block, features.group, features.ancestors, features.first, features.last),
        features.up,
        *(features.name_ids, features.name_groups, features.text_ids, features.text_blocks),
        *weights,
    )
    return found


@compiled
def _add_product(y: Floats, x: Floats, matrix: Floats) -> None:
    """``y += x @ matrix``, two rows and four terms at a time, which fit in registers."""
    n, terms = x.shape
    fours = terms // 4 * 4
    for i in range(0, n // 2 * 2, 2):
        for k in range(0, fours, 4):
            a, b, c, d = x[i, k], x[i, k + 1], x[i, k + 2], x[i, k + 3]
            e, f, g, h = x[i + 1, k], x[i + 1, k + 1], x[i + 1, k + 2], x[i + 1, k + 3]
            for j in range(WIDTH):
                p, q, r, s = matrix[k, j], matrix[k + 1, j], matrix[k + 2, j], matrix[k + 3, j]
                y[i, j] = y[i, j] + a * p + b * q + c * r + d * s
                y[i + 1, j] = y[i + 1, j] + e * p + f * q + g * r + h * s
        for k in range(fours, terms):
            for j in range(WIDTH):
                y[i, j] += x[i, k] * matrix[k, j]
                y[i + 1, j] += x[i + 1, k] * matrix[k, j]
    for i in range(n // 2 * 2, n):
        for k in range(terms):
            for j in range(WIDTH):
                y[i, j] += x[i, k] * matrix[k, j]


@compiled
def _add_row(y: Floats, x: Floats) -> None:
    """``y += x`` as a loop, because Numba takes seconds to compile the array expression."""
    for j in range(len(x)):
        y[j] += x[j]


@allocating
def _with_words(numbers: Floats, embeddings: Floats, ids: Ints, owners: Ints) -> Floats:
    """The rows of ``numbers``, each followed by the sum of its words' embeddings."""
    n, columns = numbers.shape
    width = embeddings.shape[1]
    rows = np.zeros((n, columns + width), np.float32)
    for i in range(n):
        _add_row(rows[i], numbers[i])
    for word in range(len(ids)):
        _add_row(rows[owners[word], columns:], embeddings[ids[word]])
    return rows


@allocating
def _rows_of(bias: Floats, n: int) -> Floats:
    rows = np.zeros((n, WIDTH), np.float32)
    for i in range(n):
        _add_row(rows[i], bias)
    return rows


@allocating
def _dense(x: Floats, matrix: Floats, bias: Floats) -> Floats:
    y: Floats = _rows_of(bias, len(x))
    _add_product(y, x, matrix)
    return y


@compiled
def _relu(x: Floats) -> None:
    for i in range(len(x)):
        for j in range(WIDTH):
            x[i, j] = max(x[i, j], np.float32(0))


@compiled
def _add(y: Floats, x: Floats) -> None:
    for i in range(len(x)):
        _add_row(y[i], x[i])


@allocating
def _passed_inwards(h: Floats, up: Ints, matrices: Floats, bias: Floats) -> Floats:
    """To each group, outermost first, a non-linear map of itself and of the group around it, as that has
    become, is added."""
    g = len(h)
    rows: Floats = _dense(h, matrices[0], bias)
    from_around = np.zeros((g + 1, WIDTH), np.float32)  # of each group with groups in it
    is_around = np.zeros(g + 1, np.bool_)
    for group in range(g):
        is_around[up[group]] = True
    for group in range(g):
        row, before = rows[group], h[group]
        _add_row(row, from_around[up[group]])
        for j in range(WIDTH):
            row[j] = before[j] + max(row[j], np.float32(0))
        if is_around[group]:
            _add_product(from_around[group : group + 1], rows[group : group + 1], matrices[1])
    return rows


@allocating
def _add_from_groups(y: Floats, h: Floats, ancestors: Ints, matrices: Floats) -> None:
    """Adds to each block, over levels, a linear map of its group at that level. Many blocks share their
    groups, so the map of a group at a level is computed once."""
    places = np.zeros(len(h), np.int64)
    rows = np.empty((len(h), WIDTH), np.float32)
    for level in range(len(matrices)):
        places[:] = -1
        size = 0
        for i in range(len(y)):
            group = ancestors[i, level]
            if group < len(h) and places[group] < 0:
                places[group] = size
                from_h, row = h[group], rows[size]
                for j in range(WIDTH):
                    row[j] = from_h[j]
                size += 1
        mapped = np.zeros((size, WIDTH), np.float32)
        _add_product(mapped, rows[:size], matrices[level])
        for i in range(len(y)):
            group = ancestors[i, level]
            if group < len(h):
                _add_row(y[i], mapped[places[group]])


@allocating
def _add_page(y: Floats, x: Floats, h: Floats, matrices: Floats) -> None:
    """Adds to every block a linear map of means and maxima of blocks and of groups."""
    page = np.zeros((1, WIDTH), np.float32)
    means = np.empty((1, WIDTH), np.float32)
    for which in range(2):
        rows = h if which else x
        sums = np.zeros(WIDTH, np.float64)
        most = np.zeros((1, WIDTH), np.float32)
        _add_row(most[0], rows[0])
        for i in range(len(rows)):
            for j in range(WIDTH):
                sums[j] += rows[i, j]
                most[0, j] = max(most[0, j], rows[i, j])
        for j in range(WIDTH):
            means[0, j] = sums[j] / len(rows)
        _add_product(page, means, matrices[2 * which])
        _add_product(page, most, matrices[2 * which + 1])
    for i in range(len(y)):
        _add_row(y[i], page[0])


@allocating
def _means(x: Floats, first: Ints, last: Ints) -> Floats:
    """Means over the blocks of each group."""
    sums = np.zeros((len(x) + 1, WIDTH), np.float64)
    for i in range(len(x)):
        for j in range(WIDTH):
            sums[i + 1, j] = sums[i, j] + x[i, j]
    means = np.empty((len(first), WIDTH), np.float32)
    for group in range(len(first)):
        before, after, mean = sums[first[group]], sums[last[group]], means[group]
        for j in range(WIDTH):
            mean[j] = (after[j] - before[j]) / (last[group] - first[group])
    return means


@allocating
def _convolved(x: Floats, dilation: int, matrices: Floats, bias: Floats) -> Floats:
    """Sum of linear maps of the block ``dilation`` before, the block itself, and the block ``dilation``
    after, where they exist."""
    y: Floats = _dense(x, matrices[1], bias)
    _add_product(y[dilation:], x[:-dilation], matrices[0])
    _add_product(y[:-dilation], x[dilation:], matrices[2])
    return y


@allocating
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
    group_bias: Floats,
    inwards: Floats,
    inwards_bias: Floats,
    block: Floats,
    block_bias: Floats,
    above: Floats,
    page: Floats,
    heard: Floats,
    heard_bias: Floats,
    passed: Floats,
    passed_bias: Floats,
    told: Floats,
    told_bias: Floats,
    told_page: Floats,
    conv: Floats,
    conv_bias: Floats,
    out: Floats,
    out_bias: Floats,
    head: Floats,
    head_bias: Floats,
) -> Floats:
    h = _dense(_with_words(group_numbers, names, name_ids, name_groups), group, group_bias)
    _relu(h)
    h = _passed_inwards(h, up, inwards, inwards_bias)
    x = _dense(_with_words(block_numbers, text, text_ids, text_blocks), block, block_bias)
    _add_from_groups(x, h, ancestors, above)
    _relu(x)
    _add_page(x, x, h, page)
    for layer in range(len(DILATIONS)):
        if layer == TREE_STEP:
            heard_of = _dense(_means(x, first, last), heard[0], heard_bias)
            _add_product(heard_of, h, heard[1])
            _relu(heard_of)
            heard_of = _passed_inwards(heard_of, up, passed, passed_bias)
            news = _rows_of(told_bias, len(x))
            _add_from_groups(news, heard_of, ancestors, told)
            _add_page(news, x, heard_of, told_page)
            _relu(news)
            _add(x, news)
        inner = _convolved(x, DILATIONS[layer], conv[layer], conv_bias[layer])
        _relu(inner)
        _add(x, _dense(inner, out[layer], out_bias[layer]))
    chances = np.empty(len(x), np.float32)
    for i in range(len(x)):
        logit = head_bias[0]
        for j in range(WIDTH):
            logit += max(x[i, j], np.float32(0)) * head[j]
        chances[i] = 1 / (1 + math.exp(-min(max(float(logit), -30.0), 30.0)))
    return chances
