"""Probabilities computed by the fastText library instead of this package's own code.

Knows how the library is called and what it adds to its results. Does not know the content of a model file.
The library reads the whole file into the memory of each process.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stages.fasttext.predict import Scores

#: The library adds this to each probability, before it takes the logarithm.
_ADDED = 1e-5


class Library:
    """Same interface as ``predict.Predictor``. Raises ImportError without the library."""

    def __init__(self, path: str, labels: Sequence[str]) -> None:
        try:
            import fasttext
        except ModuleNotFoundError as error:
            if error.name != "fasttext":
                raise
            raise ImportError(
                "backend: library needs fastText: pip install 'nanocorpus[fasttext]'"
            ) from error
        self.labels = list(labels)
        self._column = {label: column for column, label in enumerate(labels)}
        # in some packages the model's own method creates arrays in a way that NumPy 2 rejects
        self._predict = fasttext.load_model(path).f.predict

    def probabilities(self, texts: pa.Array | pa.ChunkedArray) -> Scores:
        """See ``predict.Predictor``: equal to 5e-5 where labels are in a tree, else to 2e-6."""
        found = np.full((len(texts), len(self.labels)), np.nan, np.float32)
        for row, text in enumerate(texts.to_pylist()):
            if text is None:
                continue
            # one line with its end: without the end, the library leaves out the token ``</s>``
            line = text.replace("\n", " ") + "\n"
            try:
                answers = self._predict(line, len(self.labels), 0.0, "strict")
            except RuntimeError as error:
                if "NaN" not in str(error):  # a row of the model is NaN
                    raise
                continue
            if answers:
                found[row] = 0.0  # it omits labels below the value that it adds
            for probability, label in answers:
                found[row, self._column[label]] = min(max(probability - _ADDED, 0.0), 1.0)
        return found
