"""Computes the probabilities of a model's labels for texts.

Knows Arrow and the arguments of the kernels. Does not know files or the pipeline.

Probabilities are those of the library, without the 1e-5 that it adds to each one, and to each step through
the tree of ``hs``, before it takes a logarithm; so its probabilities may exceed 1, while these do not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.fasttext import kernels
from stages.fasttext.format import Dictionary, Loss, Model, Settings

Scores = npt.NDArray[np.float32]


class Predictor:
    """A model, ready to score. It may be called from several threads at once."""

    def __init__(self, model: Model) -> None:
        self.labels = model.dictionary.labels
        self._input, self._output = model.input, model.output
        self._known = lookup(model.settings, model.dictionary)
        loss = model.settings.loss
        self._loss = {Loss.SOFTMAX: kernels.SOFTMAX, Loss.HIERARCHICAL: kernels.TREE}.get(loss, kernels.EACH)
        counts = model.dictionary.count[model.dictionary.words :].tolist()
        self._tree = _huffman(counts if loss == Loss.HIERARCHICAL else [])

    def probabilities(self, texts: pa.Array | pa.ChunkedArray) -> Scores:
        """float32[texts, labels], 0 to 1: rows sum to 1, unless each label was trained on its own.

        NaN if there is no result: the text is null, or the model has no row for any of its words nor for the
        end of a text.
        """
        found = np.empty((len(texts), len(self.labels)), np.float32)
        first = 0
        for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
            rows = found[first : first + len(chunk)]
            self._score(chunk, rows)
            first += len(chunk)
        return found

    def _score(self, texts: pa.Array, found: Scores) -> None:
        data, starts = utf8(texts)
        matrices = self._input.ctypes.data, self._output.ctypes.data, self._input.shape[1]
        kernels.score(data, starts, self._known, *matrices, self._loss, *self._tree, found)
        found[texts.is_null().to_numpy(zero_copy_only=False)] = np.nan


def utf8(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of texts, without a copy, and where each starts in them (with the end as last entry); null is
    empty."""
    wide = texts.cast(pa.large_string())
    _, offsets, data = wide.buffers()
    found = np.frombuffer(data or b"\0", np.uint8), np.frombuffer(offsets or bytes(8), np.int64)
    for array in found:
        array.flags.writeable = False  # kernels are compiled per type, and this is part of it
    return found[0], found[1][wide.offset :][: len(wide) + 1]


def lookup(settings: Settings, words: Dictionary) -> kernels.Lookup:
    """The table that gives the rows of a text. It takes 20 to 40 bytes for each entry of the dictionary."""
    slots = np.zeros((1 << (5 * len(words.start) // 4).bit_length(), 2), np.uint64)
    kernels.index(words.text, words.start, words.size, slots)
    moved = np.empty(0, np.int32)
    if words.pruned is not None:
        moved = np.full(max(settings.buckets, 1), -1, np.int32)
        moved[words.pruned[:, 0]] = words.pruned[:, 1]
    return kernels.Lookup(
        slots,
        moved,
        words.words,
        settings.word_ngrams,
        settings.buckets,
        settings.min_chars,
        settings.max_chars,
    )


def _huffman(counts: list[int]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The children of the inner nodes of the labels' Huffman tree, as the library builds it.

    ``counts`` are in falling order. The two rarest nodes are merged repeatedly; leaves are taken from the
    end, inner nodes in the order in which they were made, and of equal counts the inner node comes first.
    """
    labels = len(counts)
    weights, leaf, inner = list(counts), labels - 1, labels
    children = []
    for _ in range(labels - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and (inner >= len(weights) or weights[leaf] < weights[inner]):
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(inner)
                inner += 1
        weights.append(weights[pair[0]] + weights[pair[1]])
        children.append(pair)
    table = np.array(children, np.int64).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])
