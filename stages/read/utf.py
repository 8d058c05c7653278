"""Recognises Unicode encodings from bytes. It does not know labels or pages."""

from __future__ import annotations

import struct
from typing import Literal

import numpy as np
import pyarrow as pa

from stages.read.utf_kernels import sequences


def is_utf8(body: bytes) -> bool:
    """Whether ``body`` is valid UTF-8, several times faster than decoding it."""
    if body.isascii():
        return True
    ends = pa.py_buffer(struct.pack("<2i", 0, len(body)))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(body)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def utf8_within(body: bytes) -> tuple[float, int]:
    """Share of the bytes above 0x7F that belong to valid UTF-8 sequences, and the number of those."""
    found = np.empty(3, np.int64)
    sequences(np.frombuffer(body, np.uint8), found)
    inside, characters, high = found.tolist()
    return inside / high if high else 1.0, characters


def utf16_order(head: bytes) -> Literal["utf-16-le", "utf-16-be"] | None:
    """Byte order of UTF-16 without a mark, inferred from its NULs; None if it is not obvious.

    Markup is ASCII: most bytes of one parity are NUL and nearly none of the other.
    """
    even, odd = head[0::2], head[1::2]
    if len(odd) < 4:
        return None
    in_even, in_odd = even.count(0), odd.count(0)
    if in_odd * 2 > len(odd) and in_even * 10 < in_odd:
        return "utf-16-le"
    if in_even * 2 > len(even) and in_odd * 10 < in_even:
        return "utf-16-be"
    return None
