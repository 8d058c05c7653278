"""Finds the few meta elements of a page that matter, among all its bytes; the compiled half of ``optout``.

It knows tags and the marks in them. It does not know attributes, comments or what a mark means.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled, inlined

#: What the name of a meta element with a signal contains.
_ROBOTS = np.frombuffer(b"robots", np.uint8)
_TDM = np.frombuffer(b"tdm-", np.uint8)
_META = np.frombuffer(b"<meta", np.uint8)
_END = np.frombuffer(b"</head", np.uint8)


@inlined
def _here(data: Any, at: Any, end: Any, word: Any) -> Any:
    """Whether ``word``, which is in lower case, is at ``at``, in any case."""
    if at + len(word) > end:
        return False
    for index in range(len(word)):
        byte = data[at + index]
        if byte != word[index] and (byte < 65 or byte > 90 or byte + 32 != word[index]):
            return False
    return True


@compiled
def marked_meta(data: Any, at: Any, end: Any) -> Any:
    """Start of the first meta element in ``data[at:end]`` (uint8) with a mark before the next ``<``; -1 if
    there is none up to the end of the head."""
    while True:
        while at < end and data[at] != 60:  # "<"; most of a head is not in a meta element
            at += 1
        if at == end or _here(data, at, end, _END):
            return -1
        start, inside = at, _here(data, at, end, _META)
        at += 1
        while inside and at < end and data[at] != 60:
            letter = data[at] | 32
            if (letter == 114 and _here(data, at, end, _ROBOTS)) or (
                letter == 116 and _here(data, at, end, _TDM)
            ):
                return start
            at += 1
