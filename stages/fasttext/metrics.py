"""How well scores separate positive documents from negative ones.

All functions take ``scores``, float[n], and ``positive``, bool[n], with at least one document of each kind.
Knows numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


class Confusion(NamedTuple):
    """Numbers of documents by true class and predicted class."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def precision(self) -> float:
        """The share of predicted positives that are positive; 0 if none is predicted."""
        return _share(self.true_positive, self.false_positive)

    @property
    def recall(self) -> float:
        """The share of positives that are predicted positive."""
        return _share(self.true_positive, self.false_negative)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.true_positive, self.false_positive + self.false_negative)


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part + rest else 0.0


def confusion(scores: Scores, positive: Mask, threshold: float = 0.5) -> Confusion:
    """Scores of ``threshold`` and above predict positive."""
    said = scores >= threshold
    cells = (said & positive, said & ~positive, ~said & ~positive, ~said & positive)
    return Confusion(*(int(cell.sum()) for cell in cells))


def auc(scores: Scores, positive: Mask) -> float:
    """Area under the ROC curve: how likely it is that a positive document has a higher score than a negative
    one, where equal scores count half (Mann and Whitney's U)."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2  # the mean rank of equal scores, from 1
    positives = int(positive.sum())
    above = middle[place][positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(positive) - positives)))


def thresholds(scores: Scores, positive: Mask, precisions: Sequence[float]) -> list[float | None]:
    """For each precision, the lowest threshold at which it is reached; None if none reaches it."""
    values = np.unique(scores)[::-1]
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    said = np.searchsorted(-scores[order], -values, side="right")  # documents at or above each value
    reached = hits[said - 1] / said
    found: list[float | None] = []
    for precision in precisions:
        good = np.flatnonzero(reached >= precision)
        found.append(float(values[good[-1]]) if len(good) else None)
    return found
