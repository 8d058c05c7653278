"""The stage ``fasttext``: the probability that a fastText classifier gives one of its labels.

    - fasttext: {model: openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train.bin, label: __label__hq, name: dclm}

adds ``quality.dclm``. The model is a ``.bin`` or ``.ftz`` file of the fastText library, or of
``nanocorpus train classifier``. The whole text is scored, with line breaks as spaces, as DCLM does. All
workers of a machine share the matrices of a ``.bin``; in addition each worker needs up to 40 bytes for a word
of the model. With ``backend: library`` the fastText library scores, and each worker holds the whole model.

Knows a column and a model. Does not know what a good probability is.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import Field

from stages.base import MIB, Annotation, Annotator, AssetFile, Fault, Resources, StageConfig
from stages.fasttext.backends import Backend, Scorer, open_model
from stages.fasttext.format import ModelError


class FastTextConfig(StageConfig):
    #: A supervised fastText model, ``.bin`` or ``.ftz``.
    model: AssetFile
    #: The label whose probability is the score.
    label: str = "__label__hq"
    #: Name of the score: the column is ``quality.<name>``.
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    #: What evaluates the model: our own code (``own``), or the fastText ``library`` (extra ``[fasttext]``).
    backend: Backend = "own"


class FastText(Annotator):
    """Adds ``quality.<name>`` (float32, 0 to 1; the same on every machine).

    A null text has a null score. A text that contains nothing the model knows, or for which the model gives
    a value that is not a number, fails with ``no_score``.
    """

    name = "fasttext"
    version = 1
    Config = FastTextConfig
    reads = ("text",)
    resources = Resources(memory=256 * MIB)

    config: FastTextConfig

    def __init__(self, config: FastTextConfig) -> None:
        super().__init__(config)
        self._scorer: Scorer | None = None
        self._label = 0

    @classmethod
    def added(cls, config: FastTextConfig) -> pa.Schema:
        return pa.schema([(f"quality.{config.name}", pa.float32())])

    @classmethod
    def requires(cls, config: FastTextConfig) -> Resources:
        # the library holds the file in the memory of each worker: 2.4 GB for DCLM's classifier
        return cls.resources if config.backend == "own" else Resources(memory=3072 * MIB)

    def open(self) -> None:
        """Maps the model. Raises ``ValueError`` if it is not a classifier or lacks the label, and
        ``ImportError`` if the library that ``backend`` requires is not installed."""
        try:
            self._scorer = open_model(self.config.model, self.config.backend)
        except ModelError as error:
            raise ValueError(f"fasttext.model: {error}") from None
        labels = self._scorer.labels
        if self.config.label not in labels:
            some = ", ".join(labels[:10]) + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")
            raise ValueError(f"fasttext.label: the model has no {self.config.label}; it has {some}")
        self._label = labels.index(self.config.label)

    def annotate(self, batch: pa.Table) -> Annotation:
        if self._scorer is None:
            raise RuntimeError("FastText.open() comes before annotate()")
        texts = batch["text"]
        found = self._scorer.probabilities(texts)[:, self._label]
        undone = np.flatnonzero(np.isnan(found) & texts.is_valid().to_numpy())
        faults = {int(row): Fault("no_score", "the model has nothing about this text") for row in undone}
        scores = pa.array(found, pa.float32(), from_pandas=True)
        return Annotation({f"quality.{self.config.name}": scores}, faults)
