"""Telephone numbers, recognised by their country code, by their shape, or by a word before them.

Knows the country codes of ITU-T E.164 with the lengths of national plans, the shapes in which people write
national numbers, and the words that announce one in the 16 languages of the corpus. Does not know where
candidates come from.

Ten consecutive digits are more often a serial number than a telephone number, so digits alone never suffice:

1. ``+`` and a country code, with a length that the country's plan allows;
2. without any word, a shape that is hardly used for anything else: ``(415) 555-0132``, ``212-555-0187``,
   ``020 7946 0142``, ``03-5550-1234``, ``8 (495) 555-01-47``, ``01 99 00 31 47`` (unless its pairs ascend, as
   lottery numbers do);
3. after a word such as Tel., Handy, 電話 or هاتف, or after another number: groups of 7 to 12 digits, or more
   after a 0. After a word that has other uses ("call", "mobile") a 0, a bracket or a hyphen is also required.
"""

from __future__ import annotations

import re

from stages.pii.glue import WORD

Span = tuple[int, int]

#: Minimum and maximum digits of a whole number, including the country code, from the national plans that the
#: ITU publishes.
_PLANS: dict[str, tuple[int, int]] = {
    code: (least, most)
    for least, most, codes in (
        (9, 12, "46 352"),
        (9, 13, "39 358"),
        (9, 14, "49"),
        (9, 15, "43"),
        (10, 10, "45 47 65"),
        (10, 11, "32 36 51 66"),
        (10, 12, "20 60 64 82 353"),
        (10, 14, "62"),
        (11, 11, "1 7 27 31 33 34 40 41 48 56 61 852"),
        (11, 12, "44 63 81 84 92 886 966 971 972"),
        (11, 13, "86"),
        (12, 12, "30 57 90 91 98 351 380 420 421"),
        (12, 13, "52 54 55"),
    )
    for code in codes.split()
}
#: The same for codes that are not listed.
_ANY_PLAN = (9, 15)
_NO_CODE = re.compile(
    r"0|21[04579]|259|28|29[2-6]|384|42[24-9]|69[3-9]|80[1-7]|83|85[14789]|88[459]|89|978|99[0179]"
)
_GROUP = re.compile(r"(?: ?[-./] ?| |\)[ -]?| ?\()?(\d+)")


def phones(text: str, start: int, end: int, known: int) -> list[Span]:
    """The telephone numbers in a run of digits and separators.

    Digits, blanks, hyphens and brackets of ``text`` are those of ASCII; ``known`` is the end of the last
    number found before the run, negative if there is none.
    """
    spans: list[Span] = []
    at = start
    while at < end:
        first = at - (text[at - 1 : at] == "(")
        span = _international(text, first) or _shaped(text, first) or _announced(text, first, known)
        if span:
            known = at = _EXTENSION.match(text, span[1]).end()  # type: ignore[union-attr]
            spans.append((span[0], at))
        elif group := _GROUP.match(text, at):
            at = group.end()
        following = _DIGIT.search(text, at, end)
        at = following.start() if following else end
    return spans


_DIGIT = re.compile(r"\d")
_EXTENSION = re.compile(r"(?:x\d{1,6}(?![A-Za-z0-9_]))?")
#: Text directly after a number that is not part of it: a word, or an address.
_RUN_ON = rf"x\d|{WORD}|[a-zß-ÿ]{{3,}}(?![A-Z0-9_])|[a-z][\w.+%-]{{0,40}}@"
#: Characters that would make a number part of a name or a formula.
_GOES_ON = re.compile(rf"(?!{_RUN_ON})[A-Za-z0-9_]| ?(?:\*[A-Za-z*( ]|[\^=])")
_NAME = re.compile(r"[A-Za-z0-9_]")
#: Text before a plus that means addition.
_SUM = re.compile(r"[A-Za-z_+)]\Z|[\d)] ?\Z")


def _international(text: str, at: int) -> Span | None:
    """The number whose first digit or bracket follows a ``+``."""
    plus = at - 1
    if plus < 0 or text[plus] != "+":
        return None
    if _SUM.search(text, max(0, plus - 2), plus) and not _word_ends(text, plus):
        return None
    digits, ends = "", []
    while len(digits) <= _ANY_PLAN[1] and (group := _GROUP.match(text, at)):
        at = group.end()
        if digits and group[0].endswith("(0") and text[at : at + 1] == ")":
            continue  # +44 (0)20: not dialled
        digits += group[1]
        ends.append((len(digits), at))
    if _NO_CODE.match(digits):
        return None
    least, most = next((_PLANS[digits[:n]] for n in (1, 2, 3) if digits[:n] in _PLANS), _ANY_PLAN)
    fitting = [end for count, end in ends if least <= count <= most]
    if not fitting or _GOES_ON.match(text, fitting[-1]):
        return None
    return plus, fitting[-1]


# Shapes --------------------------------------------------------------------------------------------------

_SHAPE = re.compile(
    r"(?<![A-Za-z0-9_])(?<![./#$-])(?<!\d )(?:"
    r"(?:1[-. ]?)?\([2-9]\d\d\)[ -]?\d{3}[-. ]\d{4}"  # North America
    r"|(?:1-)?[2-9]\d\d-[2-9]\d\d-\d{4}|(?:1\.)?[2-9]\d\d\.[2-9]\d\d\.\d{4}"
    r"|\([1-9]\d\) ?(?:9[ .]?\d{4}|[2-5]\d{3})[-. ]\d{4}"  # Brazil
    r"|[78][ -]?\(\d{3}\)[ -]?\d{3}[- ]?\d\d[- ]?\d\d|\(\d{3}\) ?\d{3}-\d\d-\d\d"  # Russia
    r"|0\d{1,2}-\d{3,4}-\d{4}|0\d{3}-\d{2,3}-\d{4}|0\d{1,3}\(\d{2,4}\)\d{4}"  # Japan, Korea, Thailand
    r"|0[1-9](?P<pair>[ .-])\d\d(?:(?P=pair)\d\d){3}"  # France
    r"|(?P<trunk>\(0[\d ]{1,5}\)[ -]?\d{2,5}(?:[ -]?\d{2,5}){0,3}|0[1-9]\d{0,3}(?: \d{3,6}){1,3}"  # Europe
    r"|0[1-9]\d{1,2}[ -]\d{2,3}(?: \d\d){2})"  # Switzerland, Sweden, Belgium
    rf")(?!(?!{_RUN_ON})[A-Za-z0-9_]|[-./ ]\d)"
)


def _shaped(text: str, at: int) -> Span | None:
    found = _SHAPE.match(text, at)
    if not found:
        return None
    digits = re.sub(r"\D", "", found[0])
    if found["trunk"] and not 10 <= len(digits) <= 11:
        return None
    if found["pair"]:
        pairs = [digits[i : i + 2] for i in range(0, 10, 2)]
        if pairs == sorted(pairs):
            return None
    return found.span()


# Words ---------------------------------------------------------------------------------------------------

#: Where a word begins; a small letter or a number may directly precede it.
_BEGINS = r"(?:(?<![^\W\d_])|(?-i:(?=[A-ZÀ-Þ])(?<=[a-zß-ÿ])))"
# the first letters of words are tested first: most positions have none of them
_STRONG = (
    rf"(?:(?=[tpfkghmrdcwтмф]){_BEGINS}(?:tel|tél|tlf|tfn|telf|tlfn|ph|fone?|kom|gsm|t[eé]l[eé]phones?"
    r"|tel[eé]?f[oó]\w{0,12}|phones?|(?:tele)?fax|handy|mobil(?:nummer|nr|telefon)|rufnummer|durchwahl|hotline"
    r"|m[oó]vil|celular|cellulare|whatsapp|telemóvel|тел|телефон\w{0,3}|моб|факс)(?![^\W\d_])"
    r"|(?=[電携フ전휴핸연팩电手传傳热行هتجموفโมแเ])(?:電話|携帯|ファ[ック]{0,2}クス|전화|휴대폰|핸드폰|연락처|팩스|电话|手机|手機"
    r"|传真|傳真|热线|行動|هاتف|تلفون|جوال|موبايل|فاكس|واتساب|โทร|มือถือ|แฟกซ์|เบอร์))"
)
_STRONG_WORD = re.compile(_STRONG, re.I)
#: Such a word, or mobile, right before a number: "Tel030 1234567", "Fax.030 1234567", "Mobil+49 170 1234567".
_WORD_ENDS = re.compile(rf"(?:{_STRONG}|{_BEGINS}(?:mobi(?:le?|el)?|cell|call|contact|kontakt))\.?\Z", re.I)
_WEAK_WORD = re.compile(
    rf"(?=[crdtsmpbajluzз]){_BEGINS}(?:call|ring|dial|reach\w*|text|sms|mobile?|cell|contact|portable|mobiel|bel"
    r"|appelez|joindre|llam\w{1,6}|ligue|chiam\w{1,5}|anrufen|ruf\w{0,2}|unter|dzwoń|zadzwoń|звон\w{1,4})"
    r"(?![^\W\d_])",
    re.I,
)
#: Between two numbers in a list.
_AND = re.compile(
    r"[\s,;/|&()]*(?:or|and|oder|und|bzw\.?|ou|et|o|y|e|of|en|lub|i|eller|och|og|или|и)?[\s,;/|&()]*", re.I
)
_REACH = 40
_DATE = re.compile(r"(?:\d{4}([-./])\d\d?\1\d\d?|\d\d?([-./])\d\d?\2\d{2,4})(?!\d)")


def _announced(text: str, at: int, known: int) -> Span | None:
    """The number that begins at a position, if a word before it, or a number before it in a list, announces
    it."""
    if 0 <= known <= at <= known + 12 and _AND.fullmatch(text, known, at):
        return _grouped(text, at, strong=True)
    before = text[max(0, at - _REACH) : at]
    line = before.rpartition("\n")[2]
    if not _WORD.search(line):
        line = before.rstrip("\n |:").rpartition("\n")[2]  # the word may be on a line of its own
    line = line[_AFTER_DIGITS.match(line).end() :]  # type: ignore[union-attr]
    if _STRONG_WORD.search(line):
        return _grouped(text, at, strong=True)
    return _grouped(text, at, strong=False) if _WEAK_WORD.search(line) else None


_WORD = re.compile(r"\w")
_AFTER_DIGITS = re.compile(r"(?:.*\d)?", re.S)


def _word_ends(text: str, at: int) -> bool:
    """Whether a word that announces a number directly precedes the position."""
    return bool(_WORD_ENDS.search(text[max(0, at - _REACH) : at]))


def _grouped(text: str, at: int, strong: bool) -> Span | None:
    """The groups of digits from a position on that form a number, if they are written like a telephone
    number."""
    if at and (text[at - 1] in ".,-/" or _NAME.match(text, at - 1)) and not _word_ends(text, at):
        return None
    dialled = text[at] in "(0"
    most = 15 if text.startswith("00", at) else 12 + dialled
    groups: list[str] = []
    count, end = 0, at + (text[at] == "(")
    while (group := _GROUP.match(text, end)) and count + len(group[1]) <= most:
        end = group.end()
        count += len(group[1])
        groups.append(group[1])
    if count < 7 or len(groups) > 6 or _GOES_ON.match(text, end) or _MORE.match(text, end):
        return None
    written = text[at:end]
    decimal = len(groups) == 2 and "." in written and (groups[0] == "0" or not dialled)
    lone = (len(groups[0]) == 1 and groups[0] not in "0178") or any(len(group) == 1 for group in groups[1:-1])
    years = all(len(group) == 4 and "1900" <= group < "2100" for group in groups)
    thousands = set(groups[1:]) == {"000"}
    if decimal or lone or years or thousands or _DATE.match(text, at):
        return None
    if not strong and not dialled and ("-" not in written or len(groups) < 2):
        return None
    return at, end


_MORE = re.compile(r"[-.,/]\d")
