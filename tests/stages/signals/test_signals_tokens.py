"""Tokens: English against written cases and, where it is installed, spaCy; other languages against written cases."""

from __future__ import annotations

import random

import numpy as np
import pytest

from stages.signals import exceptions, lexicon, measuring

#: Chunks that are cut, as spaCy 3.8 cuts them.
ENGLISH = """
Hello|,  (well|-|known|)  don|'t  x
"""


def tokens(text: str, language: str | None = "en") -> list[str]:
    codes = np.frombuffer(bytearray(text.encode("utf-32-le")), "<u4")
    spans, _ = measuring._tokenize(codes, np.array([0, codes.size]), np.array([measuring._mode(language)]))
    return [text[spans.starts[i] : spans.stops[i]] for i in range(spans.bounds[-1])]
