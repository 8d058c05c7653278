"""Snappy and LZ4 blocks, decoded into a window; the compiled half of ``blocks``.

Both kernels can be resumed: ``state`` holds the rest of an element that did not fit. They decode from
``data[at:]`` into ``window[fill:]`` and copy from ``window[low:fill]``. They return the new ``at`` and
``fill``; ``at`` is -1 if a copy reaches back beyond ``low``. They stop if the window is full or an element
does not end in ``data``.

Formats: google/snappy format_description.txt; lz4/lz4 doc/lz4_Block_format.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled


@compiled
def snappy(data: Any, at: Any, window: Any, low: Any, fill: Any, state: Any) -> Any:
    """Elements of a Snappy block, without its preamble."""
    end, room = len(data), len(window)
    length: Any
    offset: Any
    while True:
        while state[0] > 0 and at < end and fill < room:
            window[fill] = data[at]
            fill += 1
            at += 1
            state[0] -= 1
        if state[0] > 0 or at == end or fill + 64 > room:
            return at, fill
        tag = np.int64(data[at])
        kind = tag & 3
        if kind == 0:
            length = tag >> 2
            extra = length - 59 if length >= 60 else 0
            if at + 1 + extra > end:
                return at, fill
            if extra:
                length = 0
                for index in range(extra):
                    length |= np.int64(data[at + 1 + index]) << (8 * index)
            at += 1 + extra
            state[0] = length + 1
            continue
        size = 2 if kind == 1 else (3 if kind == 2 else 5)
        if at + size > end:
            return at, fill
        if kind == 1:
            length = ((tag >> 2) & 7) + 4
            offset = ((tag >> 5) << 8) | np.int64(data[at + 1])
        else:
            length = (tag >> 2) + 1
            offset = 0
            for index in range(size - 1):
                offset |= np.int64(data[at + 1 + index]) << (8 * index)
        if offset == 0 or fill - offset < low:
            return -1, fill
        at += size
        for _ in range(length):
            window[fill] = window[fill - offset]
            fill += 1


@compiled
def lz4(data: Any, at: Any, window: Any, low: Any, fill: Any, state: Any) -> Any:
    """Sequences of an LZ4 block. ``state``: literals left, bytes to copy left, offset, and one more than
    the token whose copy has not been read yet."""
    end, room = len(data), len(window)
    length: Any
    offset: Any
    while True:
        while state[0] > 0 and at < end and fill < room:
            window[fill] = data[at]
            fill += 1
            at += 1
            state[0] -= 1
        while state[1] > 0 and fill < room:
            window[fill] = window[fill - state[2]]
            fill += 1
            state[1] -= 1
        if state[0] > 0 or state[1] > 0 or at == end or fill == room:
            return at, fill
        ahead = at
        if state[3] == 0:
            token = np.int64(data[ahead])
            ahead += 1
            length = token >> 4
            if length == 15:
                more: Any = 255
                while more == 255:
                    if ahead == end:
                        return at, fill
                    more = np.int64(data[ahead])
                    ahead += 1
                    length += more
            state[0] = length
            state[3] = token + 1
            at = ahead
            continue
        if ahead + 2 > end:
            return at, fill
        offset = np.int64(data[ahead]) | (np.int64(data[ahead + 1]) << 8)
        ahead += 2
        length = (state[3] - 1) & 15
        if length == 15:
            more = 255
            while more == 255:
                if ahead == end:
                    return at, fill
                more = np.int64(data[ahead])
                ahead += 1
                length += more
        if offset == 0 or fill - offset < low:
            return -1, fill
        state[1] = length + 4
        state[2] = offset
        state[3] = 0
        at = ahead
