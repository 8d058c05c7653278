"""Classes of characters as Python's strings and regular expressions have them, as a table for kernels.

Knows Unicode as the Python that runs has it. Does not know what is counted.
"""

from __future__ import annotations

import string
import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

#: ``str.isalpha``, ``str.isdigit``, ``str.isspace``, ``\\w``, ``str.isupper``, and lower or title case.
ALPHA, DIGIT, SPACE, WORD, UPPER, LOWER = (1 << bit for bit in range(6))
#: Beyond this nothing is a letter, a digit or a blank.
TABLED = 0x32400


@cache
def classes() -> npt.NDArray[np.uint8]:
    """The classes of each code point below ``TABLED``, and of one more for all others."""
    table = np.zeros(TABLED + 1, np.uint8)
    for point in range(TABLED):
        char = chr(point)
        table[point] = (
            ALPHA * char.isalpha()
            | DIGIT * char.isdigit()
            | SPACE * char.isspace()
            | WORD * (char.isalnum() or char == "_")
            | UPPER * char.isupper()
            | LOWER * (char.islower() or (char.istitle() and not char.isupper()))
        )
    table.flags.writeable = False
    return table


def _normal() -> dict[int, str | None]:
    """What becomes of characters before words are looked for, as OpenCoder has it."""
    table: dict[int, str | None] = {}
    controls = [*range(0x08), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x202C]
    table |= dict.fromkeys(controls)
    table |= {0x2009: " ", 0x200B: " ", ord("￥"): "¥"}
    for mark in string.punctuation:
        table[ord(mark)] = " "
        table[ord(mark) + 0xFEE0] = " "
    table |= {ord(mark): " " for mark in "。、《》【】「」“”‘’"}
    return table


_NORMAL = _normal()


def normal(text: str) -> str:
    """A text in lower case, with blanks for punctuation (that of ASCII, underscores, and what stands for it
    in Chinese), without control characters, in Unicode's form NFKC."""
    return unicodedata.normalize("NFKC", text.translate(_NORMAL).lower())


@cache
def plain() -> npt.NDArray[np.uint8]:
    """The same for ASCII: the character in lower case, a blank, or 255 where nothing is left of it."""
    table = np.zeros(128, np.uint8)
    for point in range(128):
        left = normal(chr(point))
        table[point] = ord(left) if left else 255
    table.flags.writeable = False
    return table
