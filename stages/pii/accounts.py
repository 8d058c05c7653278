"""Payment cards and IBANs: numbers with a checksum, recognised by the checksum, the length and the grouping.

Knows issuers' prefixes (ISO/IEC 7812, as the networks publish them) and the lengths of IBANs (ISO 13616, the
registry that SWIFT keeps). Does not know where candidates come from. Test numbers of cards, which payment
providers publish, are found on request only.
"""

from __future__ import annotations

import re

from stages.pii.glue import LOOK, WORD

Span = tuple[int, int]

# Cards ---------------------------------------------------------------------------------------------------

#: A card number must not be part of a longer number, a name, a formula, or a row of four-digit numbers.
_ALONE = r"(?<![A-Za-z0-9_])(?<![.,/#*+-])(?<![*+] )(?<!\d{4} )"
_CARD = re.compile(
    _ALONE + r"(?:"
    r"\d{4}(?P<four>[ -])\d{4}(?P=four)\d{4}(?P=four)\d{4}(?:(?P=four)\d{3})?(?!(?P=four)\d{4})"
    r"|3\d{3}(?P<amex>[ -])\d{6}(?P=amex)\d{4,5}"
    r"|\d{14,19})"
    rf"(?!(?!{WORD})[A-Za-z0-9_]|[.,]\d|-\d| ?[*^])"
)
_ISSUERS = (
    (re.compile(r"4"), (16, 19)),  # Visa; numbers of 13 digits are no longer issued
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"6011|64[4-9]|65"), (16, 19)),  # Discover, RuPay
    (re.compile(r"30[0-5]|3[689]"), (14, 16)),  # Diners Club
    (re.compile(r"352[89]|35[3-8]"), (16,)),  # JCB
    (re.compile(r"62|81"), (16, 17, 18, 19)),  # UnionPay
    (re.compile(r"220[0-4]"), (16,)),  # Mir
    (re.compile(r"5018|5020|5038|5893|6304|6390|67"), (16, 18, 19)),  # Maestro
)
#: Digits of the shortest of these.
_SHORTEST = 14
_TESTS = frozenset(
    str.split(
        "4111111111111111 4242424242424242 4012888888881881 4000056655665556 5555555555554444 "
        "5105105105105100 5200828282828210 2223003122003222 378282246310005 371449635398431 "
        "6011111111111117 6011000990139424 30569309025904 38520000023237 3530111333300000 "
        "3566002020360505 6200000000000005"
    )
)


def cards(text: str, start: int, end: int, documentation: bool) -> list[Span]:
    """The cards in a run of digits and separators. ``text`` has ASCII digits, blanks and hyphens only."""
    if end - start < _SHORTEST:
        return []
    return [
        found.span()
        for found in _CARD.finditer(text, start, min(end + LOOK, len(text)))
        if found.start() < end and _is_card(found[0].replace(" ", "").replace("-", ""), documentation)
    ]


def _is_card(digits: str, documentation: bool) -> bool:
    if digits in _TESTS and not documentation:
        return False
    if not any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _ISSUERS):
        return False
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + doubled) % 10 == 0


# IBANs ---------------------------------------------------------------------------------------------------

_LENGTHS = {
    length: frozenset(countries.split())
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD FK",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ TL OM SO",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV HN",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
}
_LENGTH = {country: length for length, countries in _LENGTHS.items() for country in countries}
_CHARACTER = re.compile(r"[ -]?([A-Z0-9])")
_NAME = re.compile(r"[A-Za-z0-9]")
#: Characters that may directly precede or follow an IBAN.
_LABEL, _RUN_ON = re.compile(r"(?:IBAN|[a-zß-ÿ])\Z"), re.compile(rf"{WORD}|BIC|SWIFT|[a-z]{{2}}")


def iban(text: str, start: int) -> Span | None:
    """The IBAN that begins at a position, written without separators or with single blanks or hyphens between
    groups."""
    length = _LENGTH.get(text[start : start + 2])
    before = text[max(0, start - 4) : start]
    if length is None or (_NAME.match(before[-1:]) and not _LABEL.search(before)):
        return None
    end, digits = start + 4, text[start : start + 4]
    while len(digits) < length:
        found = _CHARACTER.match(text, end)
        if not found:
            return None
        end, digits = found.end(), digits + found[1]
    if _NAME.match(text, end) and not _RUN_ON.match(text, end):
        return None
    number = int("".join(str(int(digit, 36)) for digit in digits[4:] + digits[:4]))
    return (start, end) if number % 97 == 1 else None
