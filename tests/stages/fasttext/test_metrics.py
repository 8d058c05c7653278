"""What is measured, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.fasttext.metrics import auc, confusion, thresholds

scored = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.7, 0.9, 1.0]), st.booleans()), min_size=2)


@settings(max_examples=60, deadline=None)
@given(scored.filter(lambda rows: {kind for _, kind in rows} == {True, False}))
def test_measures_are_those_of_their_definitions(rows: list[tuple[float, bool]]) -> None:
    scores, positive = np.array([score for score, _ in rows]), np.array([kind for _, kind in rows])
    good, bad = scores[positive], scores[~positive]
    pairs = [(a > b) + (a == b) / 2 for a in good for b in bad]
    assert auc(scores, positive) == pytest.approx(sum(pairs) / len(pairs))
    for threshold in (0.0, 0.5, 0.95):
        cells = confusion(scores, positive, threshold)
        hits, said = int((good >= threshold).sum()), int((scores >= threshold).sum())
        assert sum(cells) == len(rows)
        assert cells.precision == (hits / said if said else 0.0)
        assert cells.recall == hits / len(good)
        assert cells.f1 == pytest.approx(2 * hits / (said + len(good)))
    for precision, found in zip((0.3, 0.8, 1.0), thresholds(scores, positive, (0.3, 0.8, 1.0)), strict=True):
        enough = [s for s in set(scores.tolist()) if confusion(scores, positive, s).precision >= precision]
        assert found == min(enough, default=None)
