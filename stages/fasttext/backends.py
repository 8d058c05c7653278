"""Which code computes what a model says of texts: this package's own, or the fastText library.

Knows that both give the same answers, to rounding. Does not know what they are for.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

import pyarrow as pa
from pydantic import Field

from stages.fasttext.format import read
from stages.fasttext.library import Library
from stages.fasttext.predict import Predictor, Scores

#: A setting of stages. It is left out of what identifies a result while it is ``own``, as it was before there
#: was a choice: outputs of then stay valid.
Backend = Annotated[Literal["own", "library"], Field(exclude_if=lambda backend: backend == "own")]


class Scorer(Protocol):
    """A model, ready to score."""

    labels: list[str]

    def probabilities(self, texts: pa.Array | pa.ChunkedArray) -> Scores:
        """See ``predict.Predictor``."""
        ...


def open_model(path: str, backend: Backend) -> Scorer:
    """The model in a local file. Raises ``format.ModelError`` and ``OSError``, whatever the backend, and
    ``ImportError`` without the library that was asked for."""
    model = read(path)
    return Predictor(model) if backend == "own" else Library(path, model.dictionary.labels)
