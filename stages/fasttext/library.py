"""Probabilities by the fastText library, in the place of this package's own code.

Knows how the library is called and what it adds to its answers. Does not know what is in a model's file. The
library reads all of it into the memory of each process.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stages.fasttext.predict import Scores

#: The library adds this to each probability, before it takes the logarithm.
_ADDED = 1e-5


class Library:
    """As ``predict.Predictor``. Raises ImportError without the library."""

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
        # the method of the model itself makes arrays in a way that NumPy 2 refuses in some packages
        self._predict = fasttext.load_model(path).f.predict

    def probabilities(self, texts: pa.Array | pa.ChunkedArray) -> Scores:
        """See ``predict.Predictor``: equal to 5e-5 where labels are in a tree, else to 2e-6."""
        found = np.full((len(texts), len(self.labels)), np.nan, np.float32)
        for row, text in enumerate(texts.to_pylist()):
            if text is None:
                continue
            # one line, ended: without its end the library leaves out the token that stands for it
            line = text.replace("\n", " ") + "\n"
            try:
                answers = self._predict(line, len(self.labels), 0.0, "strict")
            except RuntimeError as error:
                if "NaN" not in str(error):  # a row of the model is no number
                    raise
                continue
            if answers:
                found[row] = 0.0  # it leaves out labels of less than what it adds
            for probability, label in answers:
                found[row, self._column[label]] = min(max(probability - _ADDED, 0.0), 1.0)
        return found
