"""The forms in which other programs read tokens: what the files of a shard hold, and how they are named.

Every form is one file with all tokens of a shard, each document ended by the end token, and small files
beside it that say where documents end:

- ``Megatron``: ``PREFIX.bin``, ``PREFIX.idx`` (``pipeline.blend.megatron``);
- ``Nanotron``: ``PREFIX.ds``, uint16 or uint32; ``PREFIX.ds.index``, where each document ends, in tokens,
  uint64; ``PREFIX.ds.metadata``, three lines: name of the tokenizer ``|`` bytes of a token, number of tokens,
  the same for people. So ``DocumentTokenizer`` of datatrove 0.10.1 writes them
  (``pipeline/tokens/tokenizer.py``; the bound for uint16 is in ``utils/tokenization.py``), and its
  ``DatatroveFileDataset`` and nanotron read them;
- ``Olmo``: ``PREFIX.npy``, which has no header and is no file for ``numpy.load``, uint16 or uint32, and
  ``PREFIX.csv.gz``, a line ``start,end`` in tokens for each document: so OLMo-core reads what Dolma writes
  (``src/olmo_core/data/utils.py``);
- ``Flat``: ``PREFIX.npy`` and ``PREFIX.ends.npy``, where each document ends, in tokens, int64: arrays that
  ``numpy.load(…, mmap_mode="r")`` opens.

All numbers are little-endian. Knows files; does not know where a corpus comes from, nor where files go.
Memory: one row group, and 20 bytes for every document of a shard.
"""

from __future__ import annotations

import gzip
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.blend import megatron
from pipeline.blend.corpus import Corpus, check_tokens
from pipeline.sealed import ParquetFile

Lengths = npt.NDArray[np.int32]


class Form(ABC):
    """How one kind of program wants the tokens of a shard."""

    #: What is written, in one sentence.
    told: ClassVar[str]
    #: After the prefix of a shard: of the file of tokens, and of the record of what was written.
    suffix: ClassVar[str]
    record: ClassVar[str]
    #: Whether a list of weights is written for each phase, with the addresses of the files. It is split at
    #: blanks, and who reads it finds documents by their end tokens.
    lists: ClassVar[bool] = False

    def __init__(self, corpus: Corpus) -> None:
        self._tokenizer = corpus.tokenizer.get("name") or "Unknown Tokenizer"

    @abstractmethod
    def dtype(self, vocabulary: int | None) -> np.dtype[Any]:
        """The type of the tokens; ``vocabulary`` is the largest id plus one, None if it is not known."""

    def head(self, tokens: int, dtype: np.dtype[Any]) -> bytes:
        """What stands before the tokens."""
        return b""

    @abstractmethod
    def beside(self, lengths: Lengths, dtype: np.dtype[Any]) -> Mapping[str, bytes]:
        """The other files by suffix. ``lengths``: of documents, with their end tokens."""


class Megatron(Form):
    """For Megatron-LM."""

    told = "Write .bin and .idx for Megatron-LM, and its blend list for each phase."
    suffix, record = "bin", "json"
    lists = True

    def dtype(self, vocabulary: int | None) -> np.dtype[Any]:
        return megatron.token_type(vocabulary)

    def beside(self, lengths: Lengths, dtype: np.dtype[Any]) -> Mapping[str, bytes]:
        return {"idx": megatron.index(lengths, dtype)}


class Nanotron(Form):
    """For nanotron, and what else reads files of datatrove."""

    told = "Write .ds, .ds.index and .ds.metadata for nanotron and datatrove."
    suffix, record = "ds", "ds.json"

    def dtype(self, vocabulary: int | None) -> np.dtype[Any]:
        return _unsigned(vocabulary)

    def beside(self, lengths: Lengths, dtype: np.dtype[Any]) -> Mapping[str, bytes]:
        total = int(lengths.sum(dtype=np.int64))
        said = f"{self._tokenizer}|{dtype.itemsize}\n{total}\n{_short(total)}"
        return {"ds.index": _ends(lengths).astype("<u8").tobytes(), "ds.metadata": said.encode()}


class Olmo(Form):
    """For OLMo-core."""

    told = "Write .npy without a header and .csv.gz for OLMo-core, as Dolma does."
    suffix, record = "npy", "npy.json"

    def dtype(self, vocabulary: int | None) -> np.dtype[Any]:
        return _unsigned(vocabulary)

    def beside(self, lengths: Lengths, dtype: np.dtype[Any]) -> Mapping[str, bytes]:
        ends = _ends(lengths)
        lines = (
            f"{start},{end}\n" for start, end in zip((ends - lengths).tolist(), ends.tolist(), strict=True)
        )
        return {"csv.gz": gzip.compress("".join(lines).encode(), mtime=0)}


class Flat(Form):
    """Arrays for everybody."""

    told = "Write arrays for numpy.load: .npy of tokens, .ends.npy of where documents end."
    suffix, record = "npy", "npy.json"

    def dtype(self, vocabulary: int | None) -> np.dtype[Any]:
        small = vocabulary is not None and vocabulary <= 1 << 16
        return np.dtype(np.uint16 if small else np.int32)

    def head(self, tokens: int, dtype: np.dtype[Any]) -> bytes:
        file = io.BytesIO()
        descr = np.lib.format.dtype_to_descr(dtype.newbyteorder("<"))
        np.lib.format.write_array_header_1_0(
            file, {"descr": descr, "fortran_order": False, "shape": (tokens,)}
        )
        return file.getvalue()

    def beside(self, lengths: Lengths, dtype: np.dtype[Any]) -> Mapping[str, bytes]:
        file = io.BytesIO()
        np.save(file, _ends(lengths).astype("<i8"))
        return {"ends.npy": file.getvalue()}


#: By the names that commands and configs know them by.
FORMS: Mapping[str, type[Form]] = {"megatron": Megatron, "nanotron": Nanotron, "olmo": Olmo, "npy": Flat}


class Piece(NamedTuple):
    """A row group: its tokens as bytes, and the lengths of its documents, both with end tokens."""

    tokens: memoryview
    lengths: Lengths


def pieces(shard: ParquetFile, dtype: np.dtype[Any], eos: int | None) -> Iterator[Piece]:
    """The tokens of a shard, row group after row group. ValueError if an id does not fit the type, or it is
    no token shard."""
    check_tokens(shard)
    for group in range(shard.metadata.num_row_groups):
        column = shard.table(group, ["input_ids"])["input_ids"].chunk(0)
        offsets = column.offsets.to_numpy()
        values = column.values.to_numpy()[offsets[0] : offsets[-1]]
        lengths = np.diff(offsets)
        if eos is not None:
            values = np.insert(values, offsets[1:] - offsets[0], eos)
            lengths = lengths + np.int32(1)
        if len(values) and not (values.min() >= 0 and values.max() <= np.iinfo(dtype).max):
            raise ValueError(f"{shard.path}: it has token ids that are no {dtype.name}")
        yield Piece(values.astype(dtype.newbyteorder("<"), copy=False).data.cast("B"), lengths)


def _unsigned(vocabulary: int | None) -> np.dtype[Any]:
    return np.dtype(np.uint16 if vocabulary is not None and vocabulary <= 1 << 16 else np.uint32)


def _ends(lengths: Lengths) -> npt.NDArray[np.int64]:
    return np.cumsum(lengths, dtype=np.int64)


def _short(tokens: int) -> str:
    """As a number for people, such as ``1.23 MT``."""
    powers = (("T", 12), ("G", 9), ("M", 6), ("k", 3))
    unit, power = next(((unit, power) for unit, power in powers if tokens >= 10**power), ("", 0))
    return f"{tokens / 10**power:.3g} {unit}T"
