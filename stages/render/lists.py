"""Numbers of list items in letters, as lynx writes them. Does not know lists."""

from __future__ import annotations

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
