"""The main-content network: probabilities per block, in NumPy.

Knows matrices and the shape of a page (``Features``). Does not know where features come from, what a
page says, nor how the weights were found (``train``, which builds the same network in torch).

The network, for a page of n blocks in g groups and a width of D:

1. *Groups*: features and the summed embeddings of their class words and tags, one dense layer: (g, D).
2. *Blocks*: features, summed embeddings of their first words, and a linear map of their ``LEVELS`` innermost
   groups: (n, D). Means and maxima over the page tell every block what kind of page it is on.
3. *Neighbours*: residual convolutions over the sequence of blocks, of growing dilation.
4. *Tree*: in between, groups take the mean of their blocks, and blocks hear of it from their groups: that is
   how a comment learns that its siblings look like comments.
5. One logit per block.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stages.render.main.features import LEVELS, Features
from stages.render.main.words import Floats, Ints

#: Dilations of the convolutions, and before which of them there is a tree step.
DILATIONS = (1, 2, 4, 8)
TREE_STEPS = (2,)

Weights = Mapping[str, Floats]


#: Multiplications of one product up to which OpenBLAS stays on one thread. Its threads wait by spinning: for
#: matrices as small as ours they cost many times what they save, to others on the machine as well.
_ONE_THREAD = 1 << 18


def _product(x: Floats, matrix: Floats) -> Floats:
    """``x @ matrix``, a few rows at a time."""
    rows = max(_ONE_THREAD // matrix.size, 1)
    whole = len(x) // rows * rows if x.ndim == 2 else 0
    if not whole:
        return x @ matrix
    y = np.empty((len(x), matrix.shape[1]), np.float32)
    np.matmul(x[:whole].reshape(-1, rows, x.shape[1]), matrix, out=y[:whole].reshape(-1, rows, y.shape[1]))
    np.matmul(x[whole:], matrix, out=y[whole:])
    return y


def _dense(x: Floats, weights: Weights, name: str) -> Floats:
    """Linear layer; weights are stored (in, out)."""
    y = _product(x, weights[f"{name}.weight"])
    if f"{name}.bias" in weights:
        y += weights[f"{name}.bias"]
    return y


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0, out=x)


def _sums(values: Floats, owners: Ints, size: int) -> Floats:
    """Rows summed by ascending owner: (size, width)."""
    sums = np.zeros((size, values.shape[1]), np.float32)
    if len(owners):
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        sums[owners[starts]] = np.add.reduceat(values, starts, axis=0)
    return sums


def _from_groups(h: Floats, ancestors: Ints, weights: Weights, name: str) -> Floats:
    """Sum over levels of a linear map, one per level, of the block's group at that level."""
    width = h.shape[1]
    padded = np.zeros((len(h) + 1, width), np.float32)
    padded[:-1] = h
    return _dense(padded[ancestors].reshape(len(ancestors), LEVELS * width), weights, name)


def _page(x: Floats, h: Floats, weights: Weights, name: str) -> Floats:
    """What blocks and groups say of the page as a whole: (D,)."""
    means = [values.mean(axis=0, dtype=np.float64).astype(np.float32) for values in (x, h)]
    return _dense(np.concatenate([means[0], x.max(axis=0), means[1], h.max(axis=0)]), weights, name)


def _neighbours(x: Floats, dilation: int) -> Floats:
    """(n, 3D): the block ``dilation`` before, itself, the one ``dilation`` after; zeros beyond the ends."""
    n, width = x.shape
    around = np.zeros((n, 3 * width), np.float32)
    around[:, width : 2 * width] = x
    if dilation < n:
        around[dilation:, :width] = x[:-dilation]
        around[:-dilation, 2 * width :] = x[dilation:]
    return around


def _tree(x: Floats, h: Floats, features: Features, weights: Weights, index: int) -> Floats:
    sums = np.zeros((len(x) + 1, x.shape[1]))
    np.cumsum(x, axis=0, out=sums[1:])
    size = (features.last - features.first)[:, None]
    means = ((sums[features.last] - sums[features.first]) / size).astype(np.float32)
    heard = _relu(_dense(np.concatenate([means, h], axis=1), weights, f"heard{index}"))
    told = _from_groups(heard, features.ancestors, weights, f"told{index}")
    told += _page(x, heard, weights, f"page{index}")
    return x + _relu(told)


def probabilities(features: Features, weights: Weights) -> Floats:
    """(n,): how likely each block is main content."""
    n, g = len(features.block), len(features.group)
    names = _sums(weights["names.weight"][features.name_ids], features.name_groups, g)
    words = _sums(weights["text.weight"][features.text_ids], features.text_blocks, n)
    h = _relu(_dense(np.concatenate([features.group, names], axis=1), weights, "group"))
    x = _dense(np.concatenate([features.block, words], axis=1), weights, "block")
    x = _relu(x + _from_groups(h, features.ancestors, weights, "above"))
    x += _page(x, h, weights, "page")
    for index, dilation in enumerate(DILATIONS):
        if index in TREE_STEPS:
            x = _tree(x, h, features, weights, index)
        inner = _relu(_dense(_neighbours(x, dilation), weights, f"conv{index}"))
        x += _dense(inner, weights, f"out{index}")
    logits = _dense(_relu(x), weights, "head")[:, 0]
    chances: Floats = (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
    return chances
