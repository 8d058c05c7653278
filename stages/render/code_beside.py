"""What may stand beside code: numbers of lines, buttons and labels, as their classes and texts show them.

Knows names and texts. Does not know elements (``code``, ``code_source``).
"""

from __future__ import annotations

import re
from itertools import pairwise

GUTTER = re.compile(
    r"(?i)line-?_?n(?:o|um|r|(?=\W|$))|gutter|lntd?\b|\bln\b|hljs-ln-n|crayon-num|blob-num|source-line-no|^h?l$|^number$"
)
_NUMBERS = re.compile(r"[\s\d.:|]+")
_INTEGER = re.compile(r"\d+")
PROMPT = re.compile(r"(?:In|Out)?\s?\[[\s\d*]*\]:?")
COPY = re.compile(r"(?i)cop(?!yr)(?:y|ied|ier|iar|ia\b)|clipboard|kopier|复制|複製|コピー|복사|копир")
COPY_LABEL = re.compile(
    rf"(?:(?:{COPY.pattern[4:]})(?:(?!{COPY.pattern[4:]})\w){{0,6}}(?:\W{{1,3}}(?:code|link|to|the|text|snippet|command|error))*\W{{0,3}})+",
    re.IGNORECASE,
)
#: Elements that may be a gutter, and elements that do not count as wrappers.
GUTTER_TAGS = frozenset(["td", "th", "pre", "div", "span", "code"])
NO_WRAPPERS = frozenset(["td", "th", "tr", "tbody", "table", "body", "html"])
WRAPPERS = 3
#: Text of a button, a label or a toolbar is short; longer text is not dropped because of its class.
LABEL_CHARS = 80


def consecutive(text: str) -> list[int]:
    """The integers that the text consists of, if each is one more than the one before it; else none."""
    if _NUMBERS.fullmatch(text) is None:
        return []
    words = _INTEGER.findall(text)
    if max(map(len, words), default=0) > 7:
        return []
    numbers = [int(word) for word in words]
    return numbers if all(b == a + 1 for a, b in pairwise(numbers)) else []
