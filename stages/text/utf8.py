"""Texts as compiled loops read them: their UTF-8, and where each one starts in it.

Knows Arrow's string columns. Does not know what a text says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
#: Texts as a list or as a column; the chunks of a chunked column are never concatenated.
Texts: TypeAlias = Sequence[str] | pa.Array | pa.ChunkedArray


def as_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column as one array, copied only if it is in several chunks.

    Raises ArrowInvalid where strings are too many for one array (2 GiB)."""
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column


def utf8(column: pa.ChunkedArray | pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of a string column, and where each row starts in them (rows + 1 offsets); no copy of bytes
    where it is in one chunk.

    Raises ValueError for a null: a document without text cannot be compared.
    """
    if column.null_count:
        raise ValueError("a document without text cannot be compared")
    array = as_array(column)
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, offsets, data = array.buffers()
    if not len(array) or offsets is None:
        starts = np.zeros(1, np.int64)
    else:
        starts = np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    # bytes() is read-only, as Arrow's buffers are, so that kernels see one type
    return np.frombuffer(data if data is not None and data.size else b"\0", np.uint8), starts


def pieces(texts: Texts) -> Iterator[tuple[Bytes, Offsets]]:
    """UTF-8 of the texts and where each starts in it (with the end as last entry): a list as one piece, a
    column chunk by chunk without a copy. Lone surrogates in a list are encoded as such.

    Raises ValueError for a text that is null, TypeError for anything but texts.
    """
    if isinstance(texts, pa.ChunkedArray):
        for chunk in texts.chunks:
            yield from pieces(chunk)
    elif isinstance(texts, pa.Array):
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
            raise TypeError(f"texts are strings, not {texts.type}")
        data, starts = utf8(texts)
        data.flags.writeable = False  # kernels are compiled per type, and this is part of it
        yield data, starts
    elif isinstance(texts, str):
        raise TypeError("one text was given where a sequence of texts was expected")
    else:
        if any(text is None for text in texts):
            raise ValueError("a document without text cannot be compared")
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        starts = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=starts[1:])
        yield np.frombuffer(b"".join(encoded) or b"\0", np.uint8), starts
