"""Token shards in the form that Megatron-LM trains on: ``PREFIX.bin`` and ``PREFIX.idx``, one pair a shard.

``.bin`` is all tokens, each document ended by the end token, uint16 where every id fits and else int32, and
nothing else. ``.idx`` says where documents begin: a magic number, version 1 (uint64), the code of the type
(uint8), the number of documents and that of their boundaries (uint64), then for every document its tokens
(int32), its first byte in ``.bin`` (int64), and the boundaries (int64), all little-endian. So
``IndexedDatasetBuilder`` of megatron-core 0.16 writes it (``core/datasets/indexed_dataset.py``), which also
sets the bound for uint16.

Knows the second file and lists of weights; does not know where a corpus comes from.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.blend.weights import decimal, rounded

_MAGIC = b"MMIDIDX\x00\x00"
_CODES = {np.dtype(np.int32): 4, np.dtype(np.uint16): 8}
#: Vocabularies smaller than this are written as uint16 (``DType.optimal_dtype`` of megatron-core 0.16).
_SMALL = 65500


def token_type(vocabulary: int | None) -> np.dtype[Any]:
    """The type of the tokens; ``vocabulary`` is the largest id plus one, None if it is not known."""
    return np.dtype(np.uint16 if vocabulary is not None and vocabulary < _SMALL else np.int32)


def index(lengths: npt.NDArray[np.int32], dtype: np.dtype[Any]) -> bytes:
    """The ``.idx`` for documents of these lengths, with their end tokens."""
    ends = np.cumsum(lengths, dtype=np.int64) * dtype.itemsize
    starts = np.concatenate([np.zeros(1, np.int64), ends])[: len(lengths)]
    head = struct.pack("<QBQQ", 1, _CODES[dtype], len(lengths), len(lengths) + 1)
    boundaries = np.arange(len(lengths) + 1, dtype="<i8")
    arrays = (lengths.astype("<i4"), starts.astype("<i8"), boundaries)
    return b"".join((_MAGIC, head, *(array.tobytes() for array in arrays)))


def prefix(shard: str) -> str:
    """What the two files of a shard have in common: its path without ``.parquet``."""
    return str(PurePosixPath(shard).with_suffix(""))


def blend_list(blend: Mapping[str, Any], phase: int, place: Callable[[str], str] = lambda name: name) -> str:
    """The blend of one phase as the flat ``weight prefix weight prefix …`` of Megatron's ``--data-path``: one
    pair per shard, the weight of a dataset split by the tokens of its files. Shards without documents are
    left out. ``place``: where the files with a prefix lie.

    ValueError for a phase that the blend does not have.
    """
    found = next((entry for entry in blend["phases"] if entry["phase"] == phase), None)
    if found is None:
        there = ", ".join(str(entry["phase"]) for entry in blend["phases"])
        raise ValueError(f"the blend has no phase {phase}; there are: {there}")
    pairs = []
    for name, row in found["datasets"].items():
        data = blend["datasets"][name]
        every = data["tokens"] + data["documents"]  # each with its end token
        for shard in data["shards"]:
            if size := shard["tokens"] + shard["documents"]:
                weight = decimal(row["weight"]) * Fraction(size, every)
                pairs.append(f"{rounded(weight)} {place(prefix(shard['path']))}")
    return " ".join(pairs)
