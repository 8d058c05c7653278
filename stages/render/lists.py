"""Bullets and numbers of list items, as lynx chooses them. Does not know the tree."""

from __future__ import annotations

import re

#: Bullets by depth.
_BULLETS = "*+o#@-="
_ROMAN = [
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
]  # fmt: skip


def roman(number: int) -> str:
    """Lower-case Roman numeral of 1 to 3999."""
    digits = []
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        digits.append(letters * count)
    return "".join(digits)


def alphabetic(number: int) -> str:
    """a … z, aa, ab …: number from 1."""
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(97 + letter) + letters
    return letters


def ordinal(number: int, style: str) -> str:
    """The number of an item of ``<ol type=style>``; as in CSS, a number without a form in that style is
    decimal."""
    if style in ("a", "A") and number > 0:
        text = alphabetic(number)
    elif style in ("i", "I") and 0 < number < 4000:
        text = roman(number)
    else:
        return str(number)
    return text.upper() if style.isupper() else text


_INTEGER = re.compile(r"[ \t\n\f\r]*([-+]?[0-9]{1,9})")


def integer(value: str | None) -> int | None:
    """An attribute parsed as HTML parses integers (2.3.4.1), within reasonable bounds."""
    match = _INTEGER.match(value) if value else None
    return int(match[1]) if match else None


class ListState:
    """An open list: the marker of its next item."""

    __slots__ = ("_bullet", "_number", "_step", "_style", "first_block", "indent", "numbered")

    def __init__(
        self,
        depth: int,
        indent: int,
        first_block: int,
        start: int | None = None,
        style: str = "",
        step: int = 1,
    ) -> None:
        self.indent = indent  # columns before its markers
        self.first_block = first_block  # how many blocks there were before it
        self.numbered = start is not None
        self._bullet = _BULLETS[min(depth, len(_BULLETS) - 1)]
        self._number, self._step, self._style = start, step, style

    def marker(self, value: int | None) -> str:
        """The marker of the next item; ``value`` is the item's own number, if it has one."""
        if self._number is None:
            return self._bullet + " "
        number = self._number if value is None else value
        self._number = number + self._step
        return ordinal(number, self._style) + ". "
