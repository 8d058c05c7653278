"""Trains a model on labelled texts: supervised fastText with softmax, the same bytes every time.

As in the library: the vocabulary (by count, and here then by bytes), the rows of a text, the loss, the
gradient, which is divided by the number of rows, and the learning rate that falls to zero. Different from the
library: one thread instead of several that race; a completely initialised matrix; each initial number depends
on its place and the seed; the learning rate falls by texts rather than by tokens.

Texts are held as UTF-8 and tokenized again in every epoch, so memory is their bytes plus the model, which
takes 4 * (words + buckets) * dim bytes. Does not know documents; the caller decides on order and on what is
held out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.fasttext import descent
from stages.fasttext.format import Dictionary, Model, Settings, entries
from stages.fasttext.predict import lookup, utf8


class TrainingPlan(NamedTuple):
    """How to train. Defaults are the library's, except for pairs of words, as in DCLM's classifier."""

    dim: int = 100
    epochs: int = 5
    rate: float = 0.1
    word_ngrams: int = 2
    buckets: int = 2_000_000  #: rows that n-grams of words share; without such n-grams there are none
    min_count: int = 1
    seed: int = 0


class Diverged(ValueError):
    """Training diverged: the numbers are no longer finite."""


class Trained(NamedTuple):
    """A model, and its mean cross-entropy (nats) in each epoch of training."""

    model: Model
    losses: list[float]


def train(texts: pa.Array, labels: Sequence[str], plan: TrainingPlan) -> Trained:
    """Train on texts (strings without null) in the order given; ``labels`` has the label of each.

    A label has the prefix ``__label__``, as in the library; words in a text that look like one are left out.
    Every text has at least one row, that of its end. Raises ``Diverged``, ``MemoryError``.
    """
    data, starts = utf8(texts)
    dictionary = _dictionary(data, starts, labels, plan.min_count)
    settings = Settings(
        dim=plan.dim,
        epochs=plan.epochs,
        min_count=plan.min_count,
        word_ngrams=plan.word_ngrams,
        buckets=plan.buckets if plan.word_ngrams > 1 else 0,
    )
    rows = np.empty((dictionary.words + settings.buckets, plan.dim), np.float32)
    descent.scatter(rows, plan.seed)
    outputs = np.zeros((len(dictionary.labels), plan.dim), np.float32)
    numbers = {label: number for number, label in enumerate(dictionary.labels)}
    targets = np.array([numbers[label] for label in labels], np.int64)
    losses = np.empty(plan.epochs)
    known = lookup(settings, dictionary)
    descent.descend(data, starts, targets, known, rows, outputs, plan.epochs, plan.rate, losses)
    if not np.isfinite(outputs).all():
        raise Diverged(f"training diverged at a learning rate of {plan.rate:g}: try a lower one")
    return Trained(Model(settings, dictionary, rows, outputs), losses.tolist())


def _dictionary(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], labels: Sequence[str], min_count: int
) -> Dictionary:
    """Words and labels by falling count, then by their bytes."""
    place, size, count, tokens = descent.count_words(data, starts)
    frequent = count >= min_count
    ends = (place + size)[frequent].tolist()
    spans = zip(place[frequent].tolist(), ends, count[frequent].tolist(), strict=True)
    found = [(data[start:end].tobytes(), number) for start, end, number in spans]
    # the end of each text is also a word, whatever the minimum count, so every text has a row
    words = _ordered([*found, (b"</s>", len(labels))])
    sides = Counter(labels)
    ranked = _ordered([(label.encode(), number) for label, number in sides.items()])
    return entries(words, ranked, tokens + 2 * len(labels))


def _ordered(tokens: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
    return sorted(tokens, key=lambda token: (-token[1], token[0]))
