"""Training against a plain NumPy re-computation, and its bytes."""

from __future__ import annotations

import io
import re
from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from stages.fasttext.format import write
from stages.fasttext.metrics import auc
from stages.fasttext.predict import Predictor
from stages.fasttext.train import Diverged, TrainingPlan, train

PLAN = TrainingPlan(dim=6, epochs=4, rate=0.7, word_ngrams=1, seed=3)
TEXTS = [
    "boats leave the harbour at six",
    "BUY NOW buy now\x00best\u00a0price </s> never read",
    "the harbour\tmaster counts the boats __label__lq",
    "灯台 маяк best price now",
    "the price of boats\n",
    "",
]
SIDES = ["__label__hq", "__label__lq", "__label__hq", "__label__lq", "__label__hq", "__label__lq"]


def words(text: str) -> list[str]:
    """By definition: up to the first ``</s>``, which is at the end of every text, and without labels."""
    tokens = re.split("[ \t\n\v\f\r\0]+", text + " </s>")
    tokens = [token for token in tokens if token and not token.startswith("__label__")]
    return tokens[: tokens.index("</s>") + 1]


def test_the_dictionary_is_by_count_and_then_by_bytes() -> None:
    counts = Counter(word for text in TEXTS for word in words(text))
    for least in (1, 2):
        found = train(pa.array(TEXTS), SIDES, PLAN._replace(min_count=least)).model.dictionary
        ends = found.start + found.size
        names = [found.text[a:b].tobytes().decode() for a, b in zip(found.start, ends, strict=True)]
        kept = [(word, count) for word, count in counts.items() if count >= least]
        wanted = sorted(kept, key=lambda pair: (-pair[1], pair[0].encode()))
        assert list(zip(names, found.count.tolist(), strict=True)) == [
            *wanted, ("__label__hq", 3), ("__label__lq", 3),
        ]  # fmt: skip
        assert found.tokens == counts.total() + len(TEXTS)


def test_numbers_are_those_of_a_plain_computation() -> None:
    """All sums in float64, one text after the other."""
    start = train(pa.array(TEXTS), SIDES, PLAN._replace(epochs=1, rate=0.0)).model
    known = {word: row for row, word in enumerate(dictionary_of(TEXTS))}
    first, second = start.input.astype(np.float64), start.output.astype(np.float64)
    assert not second.any()
    losses = []
    for epoch in range(PLAN.epochs):
        total = 0.0
        for index, (text, side) in enumerate(zip(TEXTS, SIDES, strict=True)):
            rate = PLAN.rate * (1 - (epoch * len(TEXTS) + index) / (PLAN.epochs * len(TEXTS)))
            rows = [known[word] for word in words(text)]
            hidden = first[rows].mean(axis=0)
            powers = np.exp(second @ hidden)
            error = (np.array(["__label__hq", "__label__lq"]) == side) - powers / powers.sum()
            total -= np.log((powers / powers.sum())[np.argmax(error)])
            change = second.T @ error * rate / len(rows)
            second += rate * np.outer(error, hidden)
            np.add.at(first, rows, change)
        losses.append(total / len(TEXTS))
    found = train(pa.array(TEXTS), SIDES, PLAN)
    np.testing.assert_allclose(found.model.input, first, atol=1e-5)
    np.testing.assert_allclose(found.model.output, second, atol=1e-5)
    np.testing.assert_allclose(found.losses, losses, atol=1e-5)
    assert losses[-1] < losses[0]


def dictionary_of(texts: list[str]) -> list[str]:
    counts = Counter(word for text in texts for word in words(text))
    return sorted(counts, key=lambda word: (-counts[word], word.encode()))


def test_the_whole_matrix_starts_even_between_its_bounds() -> None:
    plan = TrainingPlan(dim=10, buckets=20_000, rate=0.0, epochs=1)
    first, again, other = (
        train(pa.array(TEXTS), SIDES, plan._replace(seed=seed)).model.input for seed in (5, 5, 6)
    )
    assert np.abs(first).max() <= 0.1
    histogram, _ = np.histogram(first, 20, (-0.1, 0.1))
    assert histogram.min() > 0.96 * histogram.mean()  # five standard deviations
    assert abs(np.corrcoef(first[:-1, 0], first[1:, 0])[0, 1]) < 0.03
    assert np.array_equal(first, again)
    assert not np.isclose(first, other).any(axis=1).all()


def corpus(count: int, seed: int) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """Texts of two sides that share every word, and differ in which follow each other."""
    numbers = np.random.default_rng(seed)
    truth = numbers.random(count) < 0.5
    names = np.array([f"w{number}" for number in range(20)])
    texts = []
    for good in truth:
        order = numbers.permutation(20)[:12].reshape(-1, 2)
        order.sort(axis=1)
        texts.append(" ".join(names[order if good else order[:, ::-1]].ravel()))
    return texts, truth


def test_pairs_of_words_tell_sides_apart_and_the_bytes_are_the_same_twice() -> None:
    texts, truth = corpus(2000, 1)
    sides = ["__label__hq" if good else "__label__lq" for good in truth]
    plan = TrainingPlan(dim=12, epochs=8, rate=0.5, buckets=50_000, seed=9)
    models, files = [], []
    for _ in range(2):
        models.append(train(pa.array(texts), sides, plan).model)
        files.append(io.BytesIO())
        write(models[-1], files[-1])
    assert files[0].getvalue() == files[1].getvalue()
    unseen, answers = corpus(500, 2)
    predictor = Predictor(models[0])
    scores = predictor.probabilities(pa.array(unseen))[:, predictor.labels.index("__label__hq")]
    assert auc(scores, answers) > 0.99
    single = Predictor(train(pa.array(texts), sides, plan._replace(word_ngrams=1)).model)
    assert auc(single.probabilities(pa.array(unseen))[:, 0], answers) < 0.6


def test_training_that_diverges_is_an_error() -> None:
    with pytest.raises(Diverged, match="learning rate of 1e"):
        train(pa.array(TEXTS), SIDES, PLAN._replace(rate=1e9, epochs=50))
