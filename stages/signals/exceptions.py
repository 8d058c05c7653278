"""Word lists of the English tokenizer: exceptions from its rules, and units.

A word that is an exception becomes the given pieces, whatever the rules say; below, "+" separates pieces.
Knows the exceptions of spaCy's English tokenizer; does not know the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

from stages.signals.lexicon import HINTS, Table, table, word_hash

_ABBREVIATIONS = """
Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun.
Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. Mt. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct.
Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. Adm. Bros. Co. Corp. D.C. Dr. E.G. E.g. Gen. Gov. I.E.
I.e. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. Ph.D. Prof. Rep. Rev. Sen. St. a.m. co. e.g. i.e. p.m.
v.s. vs. ä. ö. ü. C++ <space> \\n \\t \\") '' and/or w/o
"""
_APOSTROPHES = """
' 's 'S ‘s ‘S 'd 're 'em 'll 'nuff 'cause 'Cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout ma'am Ma'am o'clock
O'clock
"""
_CLIPPED = "doin goin nothin nuthin ol somethin lovin havin"
_SPLIT = """
can+not gon+na got+ta let+'s c'm+on y'+all y+all how+'d+'y not+'ve not+ve i+'m i+m i+'m+a i+m+a
"""
#: Emoticons: eyes and nose with each of the mouths, their mirror images, and faces.
_SIDEWAYS = {
    ": :-": ") )) ))) ( (( ((( ] } / | P p O o 0 * 3 > X x D",
    ":' :'-": ") (",
    "; ;-": ") D",
    "=": ") ( ] [ / | 3 D",
    "8 8-": ") D",
}
_FROM_RIGHT = {": -:": "( ) [", "; -;": "(", "=": "( [ ]", "-8": "(", "o:": "("}
_FACES = r"""
:o) :1 :() >:( >:o xD XD xDD XDD ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V o_o o_O O_o O_O
0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ
(ಠ_ಠ) ¯\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>
"""
#: Units that are split off after a digit.
_UNITS = """
km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph
hPa Pa mbar mb MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг
м/с км/ч кПа Па мбар Кб КБ кб Мб МБ мб Гб ГБ гб Тб ТБ тб كم كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ غرام جرام
جم كغ ملغ كوب اكواب US$ C$ A$ $ £ € ¥ ฿ ₽ ﷼ ₴ ₠ ₡ ₢ ₣ ₤ ₥ ₦ ₧ ₨ ₩ ₪ ₫ ₭ ₮ ₯ ₰ ₱ ₲ ₳ ₵ ₶ ₷ ₸ ₹ ₺ ₻ ₼ ₾ ₿
"""
#: Contracted endings and the words that take them, with and without the apostrophe.
_CONTRACTED = {
    "'ve 'll 'll+'ve 'd 'd+'ve": "i",
    "'ve 're 'll 'll+'ve 'd 'd+'ve": "you we they these those",
    "'s 'll 'll+'ve 'd 'd+'ve": "he she it that this",
    "'s 've 're 'll 'll+'ve 'd 'd+'ve": "who what when where why how there",
    "n't": "ai are is was were have has dare",
    "n't n't+'ve": "ca do does did had may need ought sha wo",
    "n't n't+'ve 've": "could might must should would",
}
#: Words kept whole, though they look like contractions without an apostrophe.
_UNTOUCHED = (
    "Ill ill Its its Hell hell Shell shell Shed shed Well well were Were Whore whore Yall Y'all Y’all"
)


def _combined(table: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Every word of a key combined with every word of its value."""
    return ((one, other) for key, value in table.items() for one in key.split() for other in value.split())


def _exceptions() -> Iterable[tuple[str, ...]]:
    yield from ((word,) for word in (_ABBREVIATIONS + _APOSTROPHES + _FACES).split())
    yield from ((eyes + mouth,) for eyes, mouth in _combined(_SIDEWAYS))
    yield from ((mouth + eyes,) for eyes, mouth in _combined(_FROM_RIGHT))
    yield from ((f"{letter}.",) for letter in map(chr, range(ord("a"), ord("z") + 1)))
    for word in _CLIPPED.split():
        yield from ((word,), (word.title(),), (f"{word}'",), (f"{word.title()}'",))
    yield from ((hour, half) for hour in map(str, range(1, 13)) for half in ("a.m.", "am", "p.m.", "pm"))
    yield from (("°", scale, ".") for scale in "cfkCFK")
    contracted = [f"{stem}+{ending}" for ending, stem in _combined(_CONTRACTED)]
    for entry in (*_SPLIT.split(), *contracted, *(entry.replace("'", "") for entry in contracted)):
        pieces = entry.split("+")
        yield from (tuple(pieces), (pieces[0].capitalize(), *pieces[1:]))


def hint(word: str) -> int:
    """A number below ``HINTS`` from properties of a word that are cheap to read: its first and last
    characters and its length."""
    return (ord(word[0]) * 37 + ord(word[-1]) * 101 + len(word) * 401) % HINTS


@cache
def exceptions() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """A table of exceptions with the lengths of their pieces, eight bits each; and the hints that they
    have."""
    lengths: dict[str, int] = {}
    for pieces in _exceptions():
        packed = sum(len(piece) << 8 * place for place, piece in enumerate(pieces))
        for mark in ("'", "’"):
            lengths.setdefault("".join(pieces).replace("'", mark), packed)
    lengths = {word: packed for word, packed in lengths.items() if word not in _UNTOUCHED.split()}
    hints = np.zeros(HINTS, dtype=bool)
    hints[[hint(word) for word in lengths]] = True
    return *table({word_hash(word): packed for word, packed in lengths.items()}), hints


@cache
def units() -> Table:
    """Table of the units that are split off after a digit."""
    return table({word_hash(unit): 1 for unit in _UNITS.split()})
