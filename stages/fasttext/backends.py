"""Chooses the code that computes a model's probabilities: this package's own, or the fastText library.

Knows that both give the same results, apart from rounding. Does not know what these are used for.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

import pyarrow as pa
from pydantic import Field

from stages.fasttext.format import read
from stages.fasttext.library import Library
from stages.fasttext.predict import Predictor, Scores

#: A setting of stages. The value ``own`` is not part of what identifies a result, so outputs from before this
#: setting existed stay valid.
Backend = Annotated[Literal["own", "library"], Field(exclude_if=lambda backend: backend == "own")]


class Scorer(Protocol):
    """A model, ready to score."""

    labels: list[str]

    def probabilities(self, texts: pa.Array | pa.ChunkedArray) -> Scores:
        """See ``predict.Predictor``."""
        ...


def open_model(path: str, backend: Backend) -> Scorer:
    """The model in a local file. Raises ``format.ModelError`` and ``OSError`` for both backends, and
    ``ImportError`` if the requested library is not installed."""
    model = read(path)
    return Predictor(model) if backend == "own" else Library(path, model.dictionary.labels)
