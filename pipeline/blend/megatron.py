"""Token shards in the form that Megatron-LM trains on: ``PREFIX.bin`` and ``PREFIX.idx``, one pair a shard.

``.bin`` is all tokens, each document ended by the end token, uint16 where every id fits and else int32, and
nothing else. ``.idx`` says where documents begin: a magic number, version 1 (uint64), the code of the type
(uint8), the number of documents and that of their boundaries (uint64), then for every document its tokens
(int32), its first byte in ``.bin`` (int64), and the boundaries (int64), all little-endian. So
``IndexedDatasetBuilder`` of megatron-core 0.16 writes it (``core/datasets/indexed_dataset.py``), which also
sets the bound for uint16.

Knows the two files and lists of weights; does not know where a corpus comes from. Memory: one row group, and
20 bytes for every document of a shard.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.blend.corpus import check_tokens
from pipeline.blend.weights import decimal, rounded
from pipeline.sealed import ParquetFile

_MAGIC = b"MMIDIDX\x00\x00"
_CODES = {np.dtype(np.int32): 4, np.dtype(np.uint16): 8}
#: Vocabularies smaller than this are written as uint16 (``DType.optimal_dtype`` of megatron-core 0.16).
_SMALL = 65500


class TokenFile(NamedTuple):
    """What went into one ``.bin``, ``tokens`` with end tokens; ``offsets`` is the ``.idx`` for it."""

    documents: int
    tokens: int
    offsets: bytes


def token_type(vocabulary: int | None) -> np.dtype[Any]:
    """The type of the tokens; ``vocabulary`` is the largest id plus one, None if it is not known."""
    return np.dtype(np.uint16 if vocabulary is not None and vocabulary < _SMALL else np.int32)


def convert(
    shard: ParquetFile, write: Callable[[bytes | memoryview], object], dtype: np.dtype[Any], eos: int
) -> TokenFile:
    """Write the tokens of a shard. ValueError if an id does not fit the type, or it is no token shard."""
    check_tokens(shard)
    lengths = [np.empty(0, np.int32)]
    for group in range(shard.metadata.num_row_groups):
        column = shard.table(group, ["input_ids"])["input_ids"].chunk(0)
        offsets = column.offsets.to_numpy()
        values = column.values.to_numpy()[offsets[0] : offsets[-1]]
        ended = np.insert(values, offsets[1:] - offsets[0], eos)
        if len(ended) and not (ended.min() >= 0 and ended.max() <= np.iinfo(dtype).max):
            raise ValueError(f"{shard.path}: it has token ids that are no {dtype.name}")
        write(ended.astype(dtype.newbyteorder("<"), copy=False).data.cast("B"))
        lengths.append(np.diff(offsets) + np.int32(1))
    every = np.concatenate(lengths)
    return TokenFile(len(every), int(every.sum(dtype=np.int64)), _index(every, dtype))


def _index(lengths: npt.NDArray[np.int32], dtype: np.dtype[Any]) -> bytes:
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
