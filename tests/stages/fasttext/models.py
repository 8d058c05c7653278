"""Random models of every kind that the fastText library knows, texts that are hard on them, and the library."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stages.fasttext.format import Loss, Model, Settings, entries, write

WORDS = [
    b"</s>", b"the", b"harbour", "straße".encode(), "Überfahrt".encode(), "灯台".encode(), "маяк".encode(),
    "คน".encode(), b"a", b"<", "é".encode(), b"x" * 60,
]  # fmt: skip
LABELS = [b"__label__hq", b"__label__lq", "__label__日本".encode(), b"__label__d", b"__label__e"]
TEXTS = [
    "the harbour at night, the boats",
    "",
    " \t\v\f\r\x00 ",
    "die Überfahrt  straße Straße\nthe the",
    "灯台 маяк คน 👩‍🚀 ꙮ é é \u00a0\u3000 ",
    "the </s> harbour",
    "</s>",
    "the</s> __label__hq __label__lq __label__nowhere __label_ harbour",
    "x" * 60 + " " + "x" * 61,
    "a < > <> <a>",
    "unheard-of " * 300 + "the harbour",
    "\ufeffthe\u2028harbour\x1f\x85",
]
#: dim, word n-grams, buckets, least and most characters, labels.
KINDS = {
    "words": (8, 1, 0, 0, 0, 2),
    "pairs": (5, 2, 97, 0, 0, 2),
    "triples": (16, 3, 1009, 0, 0, 3),
    "characters": (7, 1, 331, 2, 4, 5),
    "everything": (33, 2, 331, 1, 6, 5),
    "one label": (4, 2, 10, 0, 0, 1),
}


def random_model(kind: str, loss: Loss) -> Model:
    dim, word_ngrams, buckets, least, most, labels = KINDS[kind]
    numbers = np.random.default_rng(7)
    counts = sorted(numbers.integers(1, 50, labels).tolist(), reverse=True)
    dictionary = entries(
        [(word, 9) for word in WORDS], list(zip(LABELS[:labels], counts, strict=True)), tokens=1000
    )
    return Model(
        Settings(dim, word_ngrams=word_ngrams, loss=loss, buckets=buckets, min_chars=least, max_chars=most),
        dictionary,
        numbers.normal(0, 1, (len(WORDS) + buckets, dim)).astype(np.float32),
        numbers.normal(0, 1, (labels, dim)).astype(np.float32),
    )


def file_of(model: Model) -> bytes:
    buffer = io.BytesIO()
    write(model, buffer)
    return buffer.getvalue()


def answers(path: Path) -> Callable[[str, list[str]], list[float]]:
    """The library's probabilities of labels, which it adds 1e-5 to."""
    library = pytest.importorskip("fasttext", reason="the oracle is a fastText package (fasttext-predict)")
    model = library.load_model(str(path))

    def answer(text: str, labels: list[str]) -> list[float]:
        found = {label: p for p, label in model.f.predict(text.replace("\n", " ") + "\n", 999, 0.0, "strict")}
        return [max(found.get(label, 0) - 1e-5, 0) for label in labels]

    return answer
