"""Texts that go round in circles: the same few words again and again, or the same line.

Knows words; does not know languages.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter

#: Longest period of a loop, in words.
_PERIODS = 8
_LINE = re.compile(r"[^\n.!?。！？]+")
_SHORT = 20  # characters: shorter lines may well come twice


def repeats(words: list[str]) -> int:
    """How often the same one to eight words come one right after the other, at most; 1: they never do."""
    count = len(words)
    if count - len(set(words)) < 2:
        return 1
    most = 1
    for period in range(1, min(_PERIODS, count // 2) + 1):
        run = 0
        for one, other in zip(words, words[period:], strict=False):
            if one == other:
                run += 1
                if run // period + 1 > most and run >= period:
                    most = run // period + 1
            else:
                run = 0
    return most


def same_lines(text: str) -> int:
    """How often the sentence or line comes that comes most often, of those of 20 characters and more."""
    lines = [line.strip() for line in _LINE.findall(text.lower())]
    counts = Counter(line for line in lines if len(line) >= _SHORT)
    return max(counts.values(), default=1)


def compression(text: str) -> float:
    """Bytes of the text compressed, for one of the text; 1 for texts too short to say."""
    data = text.encode()
    return len(zlib.compress(data, 1)) / len(data) if len(data) >= 400 else 1.0
