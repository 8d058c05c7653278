"""Main content: which blocks of a page are the content that the page exists for.

A small network (``network``) reads numbers about blocks and their containers (``features``, ``words``) and
gives a probability per block; this module chooses blocks by these probabilities. ``train`` finds the weights
from pages whose content is known. Knows blocks, not HTML.

The choice. The set of blocks with the largest expected F1 of tokens is "the most probable blocks, down to
some bound", and the bound follows from the probabilities themselves. On a page where the model is unsure of
every block the bound falls, so a page with text is never left empty. The model is overconfident, so its odds
are raised to a power below one before the choice. And it errs about many blocks of a page at once, such as
all replies of a thread: the expectation is over pages with more and with less content than it believes.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.compiled import compiled
from stages.render.block_kernels import CHARS, EQUATION, EQUATIONS, KIND, LINK_CHARS, PRE, ROW
from stages.render.blocks import KINDS, Block, Blocks, Container, Outline, blocks_of, outline_of
from stages.render.main.features import Features, Vocabulary, extract
from stages.render.main.network import Doubles, Weights, probabilities, weights_of
from stages.render.main.words import Floats, Ints

WEIGHTS = Path(__file__).with_name("weights.npz")

#: A formula is content, whatever probability the network gives it, since it has seen few.
FORMULA_PROBABILITY = 0.9
#: The power of the odds.
ODDS_POWER = 0.6
#: The standard deviation of what is added to the log-odds of all blocks of a page: a normal distribution, by
#: three points of Gauss-Hermite quadrature. Of powers from 0.3 to 1 and deviations from 0 to 3, on pages that
#: the model had not seen, these raise F1 by .0019 over a power of 0.8 alone (standard error .0010).
DOUBT = 2.0
_FACTORS = np.array([math.exp(DOUBT * node) for node in (0.0, -math.sqrt(3), math.sqrt(3))])
_WEIGHTS = np.array([2 / 3, 1 / 6, 1 / 6])

#: A page with more blocks is a data dump or a trap, not a page with a menu: all its blocks are kept.
MAX_BLOCKS = 20_000

#: Kinds of blocks that matter more than their words: kept if the content continues around them.
_IS_KEPT_WITHIN = np.isin(np.arange(len(KINDS)), [PRE, ROW, EQUATION])


class Model(NamedTuple):
    """The model that ``train`` saves."""

    vocabulary: Vocabulary
    weights: Weights


def load(path: Path) -> Model:
    """Reads a file that ``train`` wrote. Raises OSError if there is none, ValueError if it is something
    else."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    if "vocabulary" not in arrays:
        raise ValueError(f"{path}: not a main-content model")
    names, text = arrays.pop("vocabulary").tobytes().decode().split("\n\n")
    return Model(Vocabulary(names.splitlines(), text.splitlines()), weights_of(arrays))


@cache
def _shipped() -> Model:
    return load(WEIGHTS)


@compiled
def _best(likely: Doubles, sizes: Doubles, factors: Doubles, weights: Doubles, expected: Doubles) -> int:
    """How many of the blocks, in this order, have the largest expected F1. ``expected``: of zeros."""
    for number in range(len(factors)):
        factor, total = factors[number], 0.0
        for i in range(len(likely)):
            raised = likely[i] * factor
            total += raised / (raised + (1 - likely[i])) * sizes[i]
        taken = gained = 0.0
        for i in range(len(likely)):
            raised = likely[i] * factor
            gained += raised / (raised + (1 - likely[i])) * sizes[i]
            taken += sizes[i]
            expected[i] += weights[number] * gained / max(taken + total, 1e-9)
    best = 0
    for i in range(len(expected)):
        if expected[i] > expected[best]:
            best = i
    return best + 1


def choose(probability: Floats, tokens: Ints) -> NDArray[np.bool_]:
    """The blocks with the largest expected F1 of tokens: (n,)."""
    order = np.argsort(-probability, kind="stable")
    likely, sizes = probability[order].astype(np.float64), tokens[order].astype(np.float64)
    chosen = np.zeros(len(order), bool)
    chosen[order[: _best(likely, sizes, _FACTORS, _WEIGHTS, np.zeros(len(order)))]] = True
    return chosen


def soften(probability: Floats) -> Floats:
    """Probabilities with their odds raised to the power ``ODDS_POWER``: their order and 0.5 do not change.

    Computed in double precision and rounded, so that the result does not depend on the processor.
    """
    double = probability.astype(np.float64)
    yes, no = double**ODDS_POWER, (1 - double) ** ODDS_POWER
    softened: Floats = (yes / (yes + no)).astype(np.float32)
    return softened


def _bridge(chosen: NDArray[np.bool_], kinds: Ints, features: Features) -> None:
    """Adds code, table rows and formulas between two chosen blocks, if most else in the smallest group with
    both is chosen."""
    add = _IS_KEPT_WITHIN[kinds] & ~chosen
    if not add.any():
        return
    first, last, up, inner = features.first, features.last, features.up, features.ancestors[:, 0]
    before = np.concatenate([[0], np.cumsum(chosen)])
    # Runs of such blocks: [start, stop) for each.
    edges = np.flatnonzero(np.diff(add, prepend=False, append=False))
    for start, stop in edges.reshape(-1, 2).tolist():
        if start == 0 or stop == len(kinds) or not (chosen[start - 1] and chosen[stop]):
            continue
        around = inner[start - 1]
        while last[around] <= stop:
            around = up[around]
        others = last[around] - first[around] - (stop - start)
        if 2 * (before[last[around]] - before[first[around]]) > others:
            chosen[start:stop] = True


def select(blocks: Blocks, outline: Outline, model: Model | None = None) -> NDArray[np.bool_]:
    """Whether each block is main content.

    At least one block is chosen if there is any, and all beyond ``MAX_BLOCKS``. ``model``: a model other than
    the one shipped.
    """
    size = len(blocks.rows)
    if not size or size > MAX_BLOCKS:
        return np.ones(size, bool)
    vocabulary, weights = model or _shipped()
    features = extract(blocks, outline, vocabulary)
    if not features.tokens.any():
        return np.ones(size, bool)  # only signs: the model has nothing to judge
    likely = soften(probabilities(features, weights))
    # Whether most of a block is not link text: teasers and menus are not main content.
    own = 2 * blocks.column(LINK_CHARS) < blocks.column(CHARS)
    formulas = own & (blocks.column(EQUATIONS) > 0)
    likely[formulas] = np.maximum(likely[formulas], FORMULA_PROBABILITY)
    chosen = choose(likely, features.tokens)
    # Code is always content; it is added after the choice, because long listings would raise the bound.
    kinds = blocks.column(KIND)
    chosen |= own & (kinds == PRE)
    _bridge(chosen, kinds, features)
    return chosen


def prepare() -> None:
    """Loads the model and its compiled code, which takes seconds to compile in a fresh installation, so that
    this time is not charged to a page."""
    body = outline_of([Container(-1, "body", "", 0, 1)])
    select(blocks_of([Block("x", "text", 0, 0, "", 1, 0, 0, 0)]), body)
