"""How uncertain a forecast by proportion is, from how much the parts that were measured differ.

Knows numbers only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

#: 95 % quantiles of Student's t by degrees of freedom (NIST/SEMATECH e-Handbook, 1.3.6.7.2); between two of
#: them, the one of fewer degrees, which is larger.
_T = {
    1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015, 6: 1.943, 7: 1.895, 8: 1.860, 9: 1.833, 10: 1.812,
    12: 1.782, 15: 1.753, 20: 1.725, 30: 1.697, 60: 1.671, 120: 1.658,
}  # fmt: skip


def t95(degrees: int) -> float:
    """Of 90 in 100 samples, the mean lies within this many standard errors."""
    return _T[max(known for known in _T if known <= degrees)]


def deviation(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """Standard error of the sum of ``costs`` as a forecast by ``sizes``, in units of cost; None of one part.

    That of a ratio estimator (Cochran, Sampling Techniques, 1977, section 6.4): by how much the cost of each
    part differs from the mean cost of its size.
    """
    count, ratio = len(sizes), sum(costs) / max(sum(sizes), 1e-12)
    if count < 2:
        return None
    squares = sum((cost - ratio * size) ** 2 for size, cost in zip(sizes, costs, strict=True))
    return math.sqrt(squares * count / (count - 1))
