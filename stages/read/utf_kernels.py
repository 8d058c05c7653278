"""How much of a text in another encoding happens to be valid UTF-8; the compiled half of ``utf``.

It knows the table of well-formed sequences (Unicode 16, table 3-7). It does not know what follows from the
share.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled


@compiled
def sequences(data: Any, found: Any) -> Any:
    """Counts the well-formed sequences of more than one byte in ``data`` (uint8): ``found`` (int64, 3) gets
    their bytes, their number, and the number of all bytes above 0x7F."""
    size = len(data)
    inside = characters = high = 0
    at = 0
    while at < size:
        lead = np.int64(data[at])
        at += 1
        if lead < 0x80:
            continue
        high += 1
        if lead < 0xC2 or lead > 0xF4:
            continue
        rest = 1 if lead < 0xE0 else (2 if lead < 0xF0 else 3)
        if at + rest > size:
            continue
        second = np.int64(data[at])
        low = 0xA0 if lead == 0xE0 else (0x90 if lead == 0xF0 else 0x80)
        top = 0x9F if lead == 0xED else (0x8F if lead == 0xF4 else 0xBF)
        if second < low or second > top:
            continue
        if rest > 1 and np.int64(data[at + 1]) & 0xC0 != 0x80:
            continue
        if rest > 2 and np.int64(data[at + 2]) & 0xC0 != 0x80:
            continue
        characters += 1
        inside += 1 + rest
        high += rest
        at += rest
    found[0], found[1], found[2] = inside, characters, high
