"""The stage ``regressor``: one score per document from a BERT encoder with a linear head.

Knows the input of the published classifiers (the first 512 tokens) and how their output is used (the score
clipped to 0 to 5). Does not know the network (``bert``) or thresholds (``ensemble``).

It reads checkpoints of transformers' ``BertForSequenceClassification`` with one label, among them

    nvidia/nemocurator-fineweb-mixtral-edu-classifier       educational value, labels by Mixtral 8x22B
    nvidia/nemocurator-fineweb-nemotron-4-edu-classifier    the same, labels by Nemotron-4-340B
    HuggingFaceFW/fineweb-edu-classifier                    the same, labels by Llama 3 70B
    HuggingFaceTB/finemath-classifier                       reasoning in mathematics

The first two are in Nemotron-CC's ensemble (arXiv 2412.02595, section 2.2). On the CPU the arithmetic is
fp32, one document at a time on one core: batches would not be faster there, and a text has the same score to
the last bit whatever other texts are scored with it. On CUDA it is fp16, as in NVIDIA's own pipeline, with
different rounding. A run should give the same result on every machine, so the device is a setting and is not
detected.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from stages.base import MIB, Annotation, Annotator, AssetFile, Fault, Resources, StageConfig
from stages.quality.regressor.tokens import load_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from stages.quality.regressor.bert import Encoder

#: Number of tokens that are read, including special ones, as in the training of the classifiers.
TOKENS = 512

#: Number of characters that are tokenized for these, so that a text of a megabyte costs no more than a page.
#: Half as many would be enough for each of 2,086 real pages in 20 languages.
CHARS = 16 * TOKENS

#: Range of scores in the annotations.
LOWEST, HIGHEST = 0.0, 5.0

#: Tokens in a micro-batch; with 1, each text is scored alone.
_BATCH_TOKENS = {"cpu": 1, "cuda": 16_384}

#: Documents per call: on one core a long one takes most of a second; on a GPU they must fill micro-batches.
_ROWS = {"cpu": 16, "cuda": 256}


class RegressorConfig(StageConfig):
    #: A directory or Hugging Face repository with config.json, safetensors, and tokenizer.json or vocab.txt.
    model: AssetFile
    #: Name of the score: the column is ``quality.<name>``.
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    #: Where the model runs. The device affects the result: scores differ slightly between CPU (fp32) and GPU
    #: (fp16).
    device: Literal["cpu", "cuda"] = "cpu"


class Regressor(Annotator):
    """Adds ``quality.<name>`` (float32, 0 to 5). An empty text has the score of the empty input.

    Fails with ``no_text`` (the text is null) and ``not_finite`` (the score is not a number).
    """

    name = "regressor"
    version = 1
    Config = RegressorConfig
    reads = ("text",)

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__(config)
        self.rows = _ROWS[config.device]
        self._loaded: tuple[Tokenizer, Encoder] | None = None

    @classmethod
    def added(cls, config: RegressorConfig) -> pa.Schema:
        return pa.schema([(f"quality.{config.name}", pa.float32())])

    @classmethod
    def requires(cls, config: RegressorConfig) -> Resources:
        if config.device == "cpu":
            return Resources(memory=1024 * MIB)
        # The one core of a worker, which also runs the tokenizer and other stages, can keep only part of a
        # GPU busy.
        return Resources(gpus=0.25, memory=3072 * MIB)

    def open(self) -> None:
        """Loads tokenizer and network. Raises ``ImportError`` without the extra ``[model]``, ``ValueError``
        if the directory is not a checkpoint of such a regressor or there is no CUDA device."""
        try:
            import torch

            from stages.quality.regressor.bert import Encoder
        except ModuleNotFoundError as error:
            if error.name not in ("torch", "safetensors"):
                raise
            raise ImportError(f"regressor needs {error.name}: pip install 'nanocorpus[model]'") from error
        device, path = self.config.device, self.config.model
        if device == "cpu":
            # The executor assumes one core per worker; both libraries would use all of them.
            torch.set_num_threads(1)
        elif not torch.cuda.is_available():
            raise ValueError("regressor.device: cuda, and torch finds no CUDA device here")
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        try:
            dtype = torch.float16 if device == "cuda" else torch.float32
            encoder = Encoder.load(path, device=device, dtype=dtype)
            shape = encoder.config
            if shape.labels != 1:
                raise ValueError(f"{path}: a classifier of {shape.labels} labels; a regressor has one")
            tokenizer = load_tokenizer(path, min(TOKENS, shape.max_position_embeddings))
            if tokenizer.get_vocab_size() > shape.vocab_size:
                found = f"{tokenizer.get_vocab_size()} tokens, the network {shape.vocab_size}"
                raise ValueError(f"{path}: the tokenizer has {found}")
        except ValueError as error:
            raise ValueError(f"regressor.model: {error}") from error
        self._loaded = tokenizer, encoder

    def annotate(self, batch: pa.Table) -> Annotation:
        if self._loaded is None:
            raise RuntimeError("Regressor.open() comes before annotate()")
        tokenizer, encoder = self._loaded
        texts = batch["text"].to_pylist()
        rows = [row for row, text in enumerate(texts) if text is not None]
        encodings = tokenizer.encode_batch_fast([texts[row][:CHARS] for row in rows])
        logits = encoder.logits([encoding.ids for encoding in encodings], _BATCH_TOKENS[self.config.device])
        scores = np.full(len(texts), np.nan, dtype=np.float32)
        scores[rows] = logits.numpy()[:, 0]
        failed = ~np.isfinite(scores)
        faults = {
            row: Fault("no_text") if texts[row] is None else Fault("not_finite", f"score {scores[row]}")
            for row in np.flatnonzero(failed).tolist()
        }
        column = pa.array(np.clip(scores, LOWEST, HIGHEST), mask=failed)
        return Annotation({f"quality.{self.config.name}": column}, faults)
