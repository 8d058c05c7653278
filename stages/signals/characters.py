"""Classes of code points as bits in one table: for words, for lines, and for the rules of the English
tokenizer.

Knows the Unicode categories of the running Python, and sets of characters that published implementations
name. Does not know words or texts.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

CODE_POINTS = 0x110000

SPACE = 1 << 0  # str.isspace
ALPHABETIC = 1 << 1  # str.isalpha: category L
DIGIT = 1 << 2  # category Nd
EXTEND = 1 << 3  # categories M and Cf: part of the character before
UPPER = 1 << 4  # categories Lu and Lt
PUNCTUATION = 1 << 5  # category P
NO_WORD = 1 << 6  # datatrove: a token of only these is not a word
TERMINAL = 1 << 7  # ends a sentence, in any script
CLOSING = 1 << 8  # may follow the mark that ends a sentence
LINE_BREAK = 1 << 9  # str.splitlines
BULLET = 1 << 10  # Curator's list

# Scripts without blanks between words
HAN = 1 << 11
HIRAGANA = 1 << 13
KATAKANA = 1 << 14
THAI_LEADING = 1 << 15  # vowels written before their consonant
THAI_CONSONANT = 1 << 16
THAI_SIGN = 1 << 17  # vowels after, above and below, tone marks
KANA = HIRAGANA | KATAKANA
SEGMENTED = HAN | KANA | THAI_LEADING | THAI_CONSONANT | THAI_SIGN

# Classes of spaCy's English tokenizer
LOWER_OR_UNCASED = 1 << 18
UPPER_OR_UNCASED = 1 << 19
LETTER = LOWER_OR_UNCASED | UPPER_OR_UNCASED
QUOTE = 1 << 20
PREFIX = 1 << 21  # split off singly at the start of a word
SUFFIX = 1 << 22  # split off singly at its end
ICON = 1 << 23  # split off anywhere
BEFORE_STOP = 1 << 24  # a full stop is split off after these
ACTIVE = 1 << 25  # a word without any of these is left whole
SMILEY = 1 << 26  # may begin an exception of several tokens
NUMERAL = 1 << 27  # 0 to 9
LONG_PREFIX = 1 << 28  # may begin a longer prefix
LONG_SUFFIX = 1 << 29  # may end a longer suffix, with no digit before it
INFIX = 1 << 30  # split off between others

#: Sentence_Terminal of Unicode 15, and three Khmer marks that datatrove counts among them: first and last.
_TERMINALS = """
21 2e 3f 589 61d-61f 6d4 700-702 7f9 837 839 83d-83e 964-965 104a-104b 1362 1367-1368 166e 1735-1736
17d4-17d6 17d9-17da 1803 1809 1944-1945 1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1b7d-1b7e 1c3b-1c3c 1c7e-1c7f 203c-203d
2047-2049 2e2e 2e3c 2e53-2e54 3002 a4ff a60e-a60f a6f3 a6f7 a876-a877 a8ce-a8cf a92f a9c8-a9c9 aa5d-aa5f
aaf0-aaf1 abeb fe52 fe56-fe57 ff01 ff0e ff1f ff61 10a56-10a57 10f55-10f59 10f86-10f89 11047-11048 110be-110c1
11141-11143 111c5-111c6 111cd 111de-111df 11238-11239 1123b-1123c 112a9 1144b-1144c 115c2-115c3 115c9-115d7
11641-11642 1173c-1173e 11944 11946 11a42-11a43 11a9b-11a9c 11c41-11c42 11ef7-11ef8 11f43-11f44 16a6e-16a6f
16af5 16b37-16b38 16b44 16e98 1bc9f 1da88
"""

#: Scripts whose letters the English tokenizer splits at a hyphen, a comma or a full stop between them.
_CASED = "0-24f 250-2af 386-3cf 400-4ff 1d00-1d9a 1e00-1eff 2c60-2c7f a722-a7fa ab30-ab64 ff21-ff3a ff41-ff5a"
_UNCASED = """
591-5f4 620-64a 66e-6d5 6e5-6ff 750-77f 8a0-8bd 900-97f 980-9ff b80-bff c00-c7f c80-cff d80-dff 1100-11ff
1200-137f 2e80-2fdf 2ff0-303f 3040-30ff 31c0-31ef 3200-4dbf 4e00-9fff ac00-d7af f900-faff fb1d-fb4f fb50-fbb1
fbd3-fd3d fd50-fdc7 fdf0-fdfb fe30-fe4f fe70-fefc 1ee00-1eebb 1f200-1f2ff 20000-2fa1f
"""
_MARKS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉\u2329\u232a⟦⟧"
_CURRENCIES = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿"
_BULLETS = "•‣⁃⁌⁍∙○●◘◦⦾⦿"
#: The characters of datatrove's set that are neither ASCII nor control characters nor terminal marks.
_NO_WORD = "«´»–—’“”„…∶━►、〈〉《》「」【】％（），１：；～"


def _members(ranges: str) -> npt.NDArray[np.intp]:
    parts = ([int(end, 16) for end in item.split("-")] for item in ranges.split())
    return np.concatenate([np.arange(ends[0], ends[-1] + 1) for ends in parts])


def _codes(characters: str) -> list[int]:
    return [ord(character) for character in characters]


@cache
def classes() -> npt.NDArray[np.uint32]:
    """The bits above for every code point; shape ``[0x110000]``. Do not write to it."""
    category = np.zeros(CODE_POINTS, dtype="U2")
    for code in (*range(0x32400), *range(0xE0000, 0xE0200)):  # beyond: unassigned and private use
        category[code] = unicodedata.category(chr(code))
    kind = category.astype("U1")
    table = np.zeros(CODE_POINTS, dtype=np.uint32)

    def mark(bit: int, which: npt.ArrayLike) -> None:
        table[np.asarray(which)] |= np.uint32(bit)

    letters = kind == "L"
    upper = (category == "Lu") | (category == "Lt")
    mark(ALPHABETIC, letters)
    mark(UPPER, upper)
    mark(DIGIT, category == "Nd")
    mark(EXTEND, (kind == "M") | (category == "Cf"))
    mark(PUNCTUATION, kind == "P")
    mark(CLOSING, np.isin(category, ["Pe", "Pf", "Pi"]))
    mark(CLOSING, _codes("\"'"))
    mark(SPACE, [code for code in range(0x3001) if chr(code).isspace()])
    mark(LINE_BREAK, _codes("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"))
    mark(TERMINAL | NO_WORD, _members(_TERMINALS))
    mark(NO_WORD, np.r_[0:9, 11:32, 127:160, _codes(_NO_WORD)])
    mark(NO_WORD, [code for code in range(33, 127) if not chr(code).isalnum()])
    mark(BULLET, _codes(_BULLETS))

    mark(HAN, _members("3005-3007 3400-4dbf 4e00-9fff f900-faff 20000-3ffff"))
    mark(HIRAGANA, _members("3041-309f 30fc"))
    mark(KATAKANA, _members("30a1-30fa 30fc-30ff 31f0-31ff ff66-ff9f"))
    mark(THAI_LEADING, _members("e40-e44"))
    mark(THAI_CONSONANT, _members("e01-e2e"))
    mark(THAI_SIGN, _members("e30-e3a e45 e47-e4e"))

    cased = np.zeros(CODE_POINTS, dtype=bool)
    cased[_members(_CASED)] = True
    cased &= letters & (category != "Lo")
    mark(UPPER_OR_UNCASED, cased & upper)
    mark(LOWER_OR_UNCASED, cased & ~upper)
    mark(LETTER, _members(_UNCASED))
    mark(ICON | PREFIX | SUFFIX | ACTIVE, category == "So")
    mark(QUOTE | PREFIX | SUFFIX | ACTIVE, _codes(_QUOTES))
    mark(PREFIX | SUFFIX | ACTIVE | BEFORE_STOP, _codes(_MARKS))
    mark(PREFIX | ACTIVE, _codes(_CURRENCIES + "§%="))
    mark(PREFIX | SUFFIX | ACTIVE, _codes("—–"))
    mark(ACTIVE, _codes(".+-*^~/0123456789"))
    mark(NUMERAL, _codes("0123456789"))
    mark(LONG_PREFIX, _codes(".+ACU"))
    mark(LONG_SUFFIX, _codes(".…sS"))
    mark(INFIX, _codes(".…+-*^,:<=>/~–—"))
    mark(INFIX, (table & ICON) != 0)
    mark(BEFORE_STOP, (table & LOWER_OR_UNCASED) != 0)
    mark(BEFORE_STOP, _codes(_QUOTES + "0123456789%²-+|"))
    mark(SMILEY, _codes("’‘:;=()[]-'<>^_.@8083oOxXVv¬¯ಠ"))
    table.setflags(write=False)
    return table


@cache
def lower_case() -> npt.NDArray[np.uint32]:
    """The lower case of every capital letter whose lower case is a single code point, and every other code
    point itself; shape ``[0x110000]``."""
    table = np.arange(CODE_POINTS, dtype=np.uint32)
    for code in np.flatnonzero(classes() & UPPER):
        form = chr(code).lower()
        if len(form) == 1:
            table[code] = ord(form)
    table.setflags(write=False)
    return table
