"""Defines which differences between copies of a question are ignored: a table of how each character is
compared.

A question is copied with other line breaks, bullets, quotes, bold marks and dollar signs; with accents
composed or not; in full-width digits. So that all copies give the same tokens,

- case, width and other variants of a letter or digit are equal (NFKC and case folding, code point by code
  point), and accents and vowel signs are left out (``é``, composed or not, is ``e``; only Hangul decomposed
  into its letters is a different text);
- punctuation, white space and symbols only separate: Markdown marks, LaTeX delimiters, bullets and operators
  are not compared;
- words of one letter are left out: option letters, the article, the names of variables;
- digits of any script are tokens apart from letters (``3x`` is ``3``, ``1,200`` are two), and are all kept,
  because another number makes another problem;
- a letter of a script without blanks between words (Han, kana, Thai and the like) is a token of its own.

Knows characters. Does not know what is compared with what.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

from stages.decontaminate.kernels import APART, CLASS, DIGIT, IGNORED, LETTER, WORD
from stages.text import characters

_CLASSES = {
    characters.WORD: WORD,
    characters.LETTER: LETTER,
    characters.MARK: IGNORED,
    characters.IGNORED: IGNORED,
}


@cache
def table() -> npt.NDArray[np.uint32]:
    """For each code point of planes 0 and 1: its class << 24 | the code point it is compared as."""
    kinds = (characters.table() >> characters.CLASS).tolist()
    entries = [_entry(chr(point), _CLASSES.get(kind, APART)) for point, kind in enumerate(kinds)]
    result = np.array(entries, np.uint32)
    result.flags.writeable = False
    return result


def _entry(char: str, kind: int) -> int:
    base = unicodedata.normalize("NFKD", char)
    if any(unicodedata.category(other)[0] != "M" for other in base[1:]):
        base = char  # a ligature, a fraction, a Hangul syllable
    base = base[0]
    if base.isdecimal():
        return DIGIT << CLASS | ord(str(unicodedata.decimal(base)))
    if unicodedata.category(base)[0] == "M":
        kind = IGNORED
    folded = base.casefold()
    return kind << CLASS | ord(folded if len(folded) == 1 else base.lower())
