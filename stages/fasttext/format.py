"""The file format of fastText classifiers (``.bin`` and ``.ftz``).

In order, little-endian, without padding:

    int32 magic, int32 version (12; 11 is the same without character n-grams)
    12 int32 and a float64: the settings
    int32 entries, words, labels; int64 tokens; int64 pruned (-1: every n-gram has its row)
    entries, words before labels: the UTF-8 of a token, a zero byte, int64 count, int8 kind
    pruned times int32, int32: an n-gram's bucket, and the row it has instead
    uint8 quantised; the input matrix, a row for each word and after these one for each bucket
    uint8 quantised; the output matrix, a row for each label (``hs``: for each inner node of a tree)

A dense matrix is int64 rows, int64 columns, float32 values; it is mapped, not read, so a process loads only
the pages that it touches, and processes share them. A quantised one (``.ftz``) consists of codes into a table
of centroids, each code for a few numbers of a row; it is small, and is expanded to float32 when it is read.

Knows bytes. Does not know how rows are used (``kernels.py``). The format is that of
github.com/facebookresearch/fastText, ``src/args.cc``, ``dictionary.cc`` and ``quantmatrix.cc``.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from stages.fasttext.kernels import scan_entries

MAGIC, VERSION = 793712314, 12

_HEAD = struct.Struct("<2i")
_SETTINGS = struct.Struct("<12id")
_DICTIONARY = struct.Struct("<3i2q")
_SHAPE = struct.Struct("<2q")
_SUPERVISED = 3
_CENTROIDS = 256

Bytes = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float32]


class ModelError(ValueError):
    """The file is not a fastText classifier, or is damaged."""


class Loss(IntEnum):
    """How outputs become probabilities, by the numbers used in the file."""

    HIERARCHICAL = 1  #: softmax by a Huffman tree of the labels
    NEGATIVE = 2  #: negative sampling; each label on its own, as ``ONE_VS_ALL``
    SOFTMAX = 3
    ONE_VS_ALL = 4


@dataclass(frozen=True)
class Settings:
    """The training settings of a model, in the file's order; settings that have no effect in a classifier
    have the library's defaults."""

    dim: int
    window: int = 5
    epochs: int = 5
    min_count: int = 1
    negatives: int = 5
    word_ngrams: int = 1
    loss: Loss = Loss.SOFTMAX
    buckets: int = 0
    min_chars: int = 0  #: least and most characters of the n-grams within words; at most 0: none
    max_chars: int = 0
    rate_updates: int = 100
    sampling: float = 1e-4


@dataclass(frozen=True)
class Dictionary:
    """Words, then labels; an entry is ``size[i]`` bytes of ``text`` from ``start[i]`` on."""

    text: Bytes
    start: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]  #: occurrences in the training text
    words: int
    tokens: int  #: of the training text, labels and line ends included
    pruned: npt.NDArray[np.int32] | None = None  #: int32[n, 2]: bucket, row behind the words

    @property
    def labels(self) -> list[str]:
        """The names of the labels, in the order of the output matrix."""
        ends = self.start + self.size
        spans = zip(self.start[self.words :], ends[self.words :], strict=True)
        return [self.text[start:end].tobytes().decode("utf-8", "replace") for start, end in spans]


@dataclass(frozen=True)
class Model:
    """The matrices, float32[words + buckets, dim] and float32[labels, dim], with the dictionary that names
    their rows.

    Matrices that were read from a file are read-only and may be at any address, not only at multiples of
    four."""

    settings: Settings
    dictionary: Dictionary
    input: Matrix
    output: Matrix


def entries(
    words: Sequence[tuple[bytes, int]], labels: Sequence[tuple[bytes, int]], tokens: int
) -> Dictionary:
    """The dictionary of words and labels with their counts, in the order given."""
    text = b"".join(
        token + b"\0" + struct.pack("<qb", count, kind)
        for kind, group in enumerate((words, labels))
        for token, count in group
    )
    return _dictionary(np.frombuffer(text, np.uint8), len(words), len(labels), tokens)[0]


def _dictionary(
    data: Bytes, words: int, labels: int, tokens: int, pruned: int = -1
) -> tuple[Dictionary, int]:
    """The dictionary at the start of ``data``, and how many bytes it has."""
    count = words + labels
    start, size = np.empty(count, np.int64), np.empty(count, np.int64)
    counts, kinds = np.empty(count, np.int64), np.empty(count, np.int8)
    end = scan_entries(data, start, size, counts, kinds)
    if end < 0:
        raise ModelError("ends within its dictionary")
    if kinds[:words].any() or not (kinds[words:] == 1).all():
        raise ModelError("does not have its labels after its words")
    if pruned < 0:
        return Dictionary(data[:end], start, size, counts, words, tokens), end
    last = end + 8 * pruned
    if last > len(data):
        raise ModelError("ends within its dictionary")
    pairs = np.frombuffer(data[end:last].tobytes(), "<i4").reshape(-1, 2)
    return Dictionary(data[:end], start, size, counts, words, tokens, pairs), last


# Writing ------------------------------------------------------------------------------------------------


def write(model: Model, file: BinaryIO) -> None:
    """The bytes of an unquantised ``.bin`` file, which the library can read as well."""
    settings, words = model.settings, model.dictionary
    if words.pruned is not None:
        raise ValueError("a quantised model cannot be written")
    file.write(_HEAD.pack(MAGIC, VERSION))
    file.write(
        _SETTINGS.pack(
            settings.dim,
            settings.window,
            settings.epochs,
            settings.min_count,
            settings.negatives,
            settings.word_ngrams,
            settings.loss,
            _SUPERVISED,
            settings.buckets,
            settings.min_chars,
            settings.max_chars,
            settings.rate_updates,
            settings.sampling,
        )
    )
    count = len(words.start)
    file.write(_DICTIONARY.pack(count, words.words, count - words.words, words.tokens, -1))
    file.write(words.text.data)
    for matrix in (model.input, model.output):
        file.write(b"\0" + _SHAPE.pack(*matrix.shape))
        file.write(np.ascontiguousarray(matrix, "<f4").data)


# Reading ------------------------------------------------------------------------------------------------


def read(path: str | Path) -> Model:
    """The model in a local file. Raises ``ModelError`` with what is wrong with it, ``OSError``."""
    try:
        if os.path.getsize(path) < _HEAD.size:
            raise ModelError("is no fastText model")
        return _read(_Cursor(np.memmap(path, np.uint8, "r")))
    except ModelError as error:
        raise ModelError(f"{path} {error}") from None


class _Cursor:
    """A position in the bytes of a file."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.position = 0

    def bytes(self, size: int) -> Bytes:
        found = self.data[self.position : self.position + max(size, 0)]
        if len(found) != size:
            raise ModelError(f"ends after {len(self.data)} bytes: it is incomplete")
        self.position += size
        return found

    def numbers(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack(self.bytes(layout.size).tobytes())


def _read(file: _Cursor) -> Model:
    magic, version = file.numbers(_HEAD)
    if magic != MAGIC:
        raise ModelError("is no fastText model")
    if version not in (11, VERSION):
        raise ModelError(f"is a fastText model of version {version}; known are 11 and {VERSION}")
    settings = _settings(file, version)
    size, words, labels, tokens, pruned = file.numbers(_DICTIONARY)
    if words < 0 or labels < 1 or size != words + labels or size > len(file.data):
        raise ModelError(f"claims {size} entries, {words} words and {labels} labels")
    dictionary, used = _dictionary(file.data[file.position :], words, labels, tokens, pruned)
    file.position += used
    rows = words + (settings.buckets if pruned < 0 else pruned)
    first, quantised = _matrix(file, (rows, settings.dim))
    second, _ = _matrix(file, (labels, settings.dim), quantised)
    if not np.isfinite(second).all():
        raise ModelError("has outputs that are no numbers: its training failed")
    if left := len(file.data) - file.position:
        raise ModelError(f"has {left} bytes more than it should")
    if dictionary.pruned is not None and not _fits(dictionary.pruned, settings.buckets, pruned):
        raise ModelError("has a damaged table of n-grams")
    return Model(settings, dictionary, first, second)


def _fits(pruned: npt.NDArray[np.int32], buckets: int, rows: int) -> bool:
    return not len(pruned) or bool((pruned >= 0).all() and (pruned.max(axis=0) < (buckets, rows)).all())


def _settings(file: _Cursor, version: int) -> Settings:
    *numbers, sampling = file.numbers(_SETTINGS)
    if (kind := numbers.pop(7)) != _SUPERVISED:
        raise ModelError(f"has word vectors (model {kind}) and is no classifier")
    if numbers[6] not in list(Loss):
        raise ModelError(f"has the unknown loss {numbers[6]}")
    numbers[6] = Loss(numbers[6])
    settings = Settings(*[*numbers, sampling])
    if version == 11:  # older than character n-grams in classifiers, so the setting is ignored
        settings = replace(settings, max_chars=0)
    hashed = settings.word_ngrams > 1 or settings.max_chars > 0
    if settings.dim < 1 or settings.buckets < hashed or max(settings.word_ngrams, settings.max_chars) > 99:
        raise ModelError(f"has settings that cannot be: {settings}")
    return settings


def _matrix(file: _Cursor, shape: tuple[int, int], quantised: bool = True) -> tuple[Matrix, bool]:
    """The matrix at the cursor and whether it is quantised; the flag only counts if the file may have
    quantised matrices."""
    quantised = bool(file.bytes(1)[0]) and quantised
    norms = quantised and bool(file.bytes(1)[0])
    if (found := file.numbers(_SHAPE)) != shape:
        raise ModelError("has a matrix of {} times {} instead of {} times {}".format(*found, *shape))
    if not quantised:
        values = file.bytes(4 * shape[0] * shape[1])
        return np.frombuffer(values, "<f4").reshape(shape), False
    (size,) = file.numbers(struct.Struct("<i"))
    codes = file.bytes(size)
    matrix = _spelled_out(file, codes, shape)
    if norms:
        codes = file.bytes(shape[0])
        matrix *= _spelled_out(file, codes, (shape[0], 1))
    return matrix, True


def _spelled_out(file: _Cursor, codes: Bytes, shape: tuple[int, int]) -> Matrix:
    """float32 of ``shape``, from codes and the table of centroids at the cursor."""
    dim, parts, width, last = file.numbers(struct.Struct("<4i"))
    values = np.frombuffer(file.bytes(4 * _CENTROIDS * max(dim, 0)).tobytes(), "<f4")
    rows, columns = shape
    fits = min(parts, width, last) > 0 and last <= width and (parts - 1) * width + last == dim
    if dim != columns or len(codes) != rows * parts or not fits:
        raise ModelError("has a damaged table of centroids")
    found = np.empty(shape, np.float32)
    for part in range(parts):
        first, size = part * width, last if part == parts - 1 else width
        table = values[first * _CENTROIDS :][: _CENTROIDS * size].reshape(_CENTROIDS, size)
        found[:, first : first + size] = table[codes[part::parts]]
    return found
