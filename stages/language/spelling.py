"""Replaces letters written with special code points by the plain letters that an identifier knows.

These are full-width and half-width forms, the presentation forms of Arabic and other scripts, ligatures,
compatibility ideographs and radicals (text from PDF), mathematical alphabets and letters in circles or
squares (which people use for bold text). The replacement is Unicode's NFKC, but only for those blocks:
elsewhere NFKC would also decompose Thai, Lao and Korean letters, and turn Chinese punctuation into English.
Arabic word ligatures, which are used as signs in texts of other languages, are not replaced. Small capitals
and light-on-dark letters, which Unicode does not decompose, are recognised by their names.

The result is only for identification: it must not replace the text of a document.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: First and last code points of blocks with such letters.
_LETTERS = (
    (0x0262, 0x02B8),  # small capitals and raised letters
    (0x1D00, 0x1DBF),
    (0xA730, 0xA731),
    (0x2071, 0x209C),  # lowered letters
    (0x2102, 0x2149),  # letter-like; except № and ™, which are not letters
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0xFB00, 0xFDC7),  # ligatures and presentation forms of Latin, Armenian, Hebrew and Arabic
    (0xFE70, 0xFEFC),
    (0xFF21, 0xFF5A),  # full-width
    (0xFFA0, 0xFFDC),  # half-width, of Korean
    (0x1D400, 0x1D7CB),  # mathematical
    (0x1EE00, 0x1EEBB),
    (0x2F800, 0x2FA1F),
)
#: Letters in blocks that Unicode classifies as symbols.
_SYMBOLS = (
    (0x249C, 0x24E9),  # in brackets and circles
    (0x2E80, 0x2FD5),  # radicals
    (0x1F110, 0x1F189),  # in brackets, circles and squares
)
_BY_NAME = re.compile(
    r"LATIN LETTER SMALL CAPITAL (?P<small>[A-Z])|NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER ([A-Z])"
)


#: Blanks and punctuation of the same width, which occur between such letters.
_BETWEEN = "\u3000\uff01-\uff65"


@cache
def _plain() -> dict[str, str]:
    """The special letters with the plain letters that they stand for; and the characters allowed between
    them."""
    found = {}
    for first, last in (*_LETTERS, *_SYMBOLS):
        for sign in map(chr, range(first, last + 1)):
            folded = unicodedata.normalize("NFKC", sign).strip(" ()")
            if named := _BY_NAME.fullmatch(unicodedata.name(sign, "")):
                found[sign] = named["small"].lower() if named["small"] else named[2]
            elif (sign.isalpha() or (first, last) in _SYMBOLS) and folded and all(map(_spells, folded)):
                found[sign] = folded
    return found | {
        sign: unicodedata.normalize("NFKC", sign) for sign in map(chr, (0x3000, *range(0xFF01, 0xFF21)))
    }


def _spells(sign: str) -> bool:
    """Whether a character is a letter or a mark on one."""
    return unicodedata.category(sign)[0] in "LM"


#: A run from the first to the last such letter, with only such letters and punctuation between. The classes
#: use whole blocks: single code points above U+FFFF in a class would be tried one after the other.
_BLOCKS = "".join(f"{chr(first)}-{chr(last)}" for first, last in (*_LETTERS, *_SYMBOLS))
_RUN = re.compile(rf"[{_BLOCKS}](?:[{_BLOCKS}{_BETWEEN}]*[{_BLOCKS}\uff01-\uff65])?")


#: Half-width kana, with their punctuation.
_NARROW = re.compile("[\uff61-\uff9f]+")
_KANA, _HAN = re.compile("[\u3041-\u30fa\u30fc-\u30ff]"), re.compile("[\u4e00-\u9fff]")


def plain(text: str) -> str:
    """The text in NFC, with such letters and the characters between them made plain; ordinary text is
    unchanged."""
    if text.isascii():
        return text
    text = _RUN.sub(_replaced, unicodedata.normalize("NFC", text))
    if _NARROW.search(text) and _japanese(text):
        text = _NARROW.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return text


def _japanese(text: str) -> bool:
    """Whether half-width kana can be real: they stand almost alone, or are no more than other kana. Many of
    them among other kana and ideographs are a sign of UTF-8 decoded as Shift_JIS."""
    narrow, kana, han = (sum(map(len, one.findall(text))) for one in (_NARROW, _KANA, _HAN))
    return narrow <= kana or 50 * (kana + han) <= narrow


def _replaced(found: re.Match[str]) -> str:
    known = _plain()
    return unicodedata.normalize("NFC", "".join(known.get(sign, sign) for sign in found[0]))
