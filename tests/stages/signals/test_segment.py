"""Tokens: English against written cases and, where it is installed, spaCy; other languages against written cases."""

from __future__ import annotations

import random

import numpy as np
import pytest

from stages.signals import exceptions, lexicon, measuring

#: A chunk, and its tokens as spaCy cuts it.
ENGLISH = """
Hello, -> Hello ,
(hello!?) -> ( hello ! ? )
can't -> ca n't
I'd've -> I 'd 've
dont -> do nt
cannot -> can not
its -> its
John’s -> John ’s
Mr. -> Mr.
"Mr. -> " Mr.
end. -> end .
U.S. -> U.S.
USA. -> USA .
Ph.D., -> Ph.D. ,
well-known -> well - known
2010-2020 -> 2010 - 2020
3.5 -> 3.5
1,000,000 -> 1,000,000
one,two -> one , two
end.Start -> end . Start
and/or -> and/or
this/that -> this / that
wait... -> wait ...
$5 -> $ 5
US$5 -> US$ 5
10km -> 10 km
50% -> 50 %
5€, -> 5 € ,
8am -> 8 am
+1 -> +1
C++ -> C++
:-) -> :-)
fun:) -> fun :)
(8) -> ( 8)
https://example.com/foo-bar?q=a/b -> https://example.com/foo-bar?q=a/b
example.com/a-b, -> example.com/a-b ,
first-last@mail.example.org -> first-last@mail.example.org
foo-bar.Com -> foo - bar . Com
“quoted.” -> “ quoted . ”
'tis -> ' tis
rock'n'roll -> rock'n'roll
a—b -> a — b
#tag -> # tag
*** -> * * *
© -> ©
東京-大阪。 -> 東京 - 大阪 。
日本。語 -> 日本。語
"""

OTHERS = {
    "de": "z.B|l'été|3,5|%|aujourd’hui|–|„|Ach|!|“|km|x_1",
    "ca": "col·lecció|.",
    "zh": "今|天|AI|技|术|3.5|亿|。|“|好|”",
    "ja": "東京|タワー|に|行|きました|。|ラーメン|、|ﾃﾞｰﾀ|AI",
    "th": "ที่|นี่|มี|แม|ว|และ|เมื|อ|ง|ๆ|ไป|๒๕๖๐",
    "ko": "고양이가|집에|.",
    "ar": "القطة|،|١٢٣",
    None: "e\u0301te\u0301|👩‍|👩‍|👧|❤️|a\u200bb",
}


def tokens(text: str, language: str | None = "en") -> list[str]:
    codes = np.frombuffer(bytearray(text.encode("utf-32-le")), "<u4")
    spans, _ = measuring._tokenize(codes, np.array([0, codes.size]), np.array([measuring._mode(language)]))
    return [text[spans.starts[i] : spans.stops[i]] for i in range(spans.bounds[-1])]


CASES = [tuple(line.split(" -> ")) for line in ENGLISH.strip().splitlines()]


def test_english_is_cut_by_the_rules():
    assert {chunk: " ".join(tokens(chunk)) for chunk, _ in CASES} == dict(CASES)


@pytest.mark.parametrize("language", OTHERS, ids=str)
def test_other_languages_have_unicode_words(language):
    expected = OTHERS[language].split("|")
    glued = "".join(expected) if language in ("zh", "ja", "th") else " ".join(expected)
    assert tokens(glued, language) == expected


def test_exceptions_fit_their_tables():
    written = list(exceptions._exceptions())
    assert max(map(len, map("".join, written))) == lexicon.LONGEST_EXCEPTION
    assert max(map(len, exceptions._UNITS.split())) == lexicon.LONGEST_UNIT
    for pieces in written:
        if "".join(pieces) not in exceptions._UNTOUCHED.split():
            assert "".join(tokens("".join(pieces))) == "".join(pieces)


def test_spacy_finds_the_same_tokens():
    spacy = pytest.importorskip("spacy", reason="the oracle for English is the package spacy")
    tokenizer = spacy.blank("en").tokenizer

    def theirs(text: str) -> list[str]:
        return [token.text for token in tokenizer(text) if not token.is_space]

    assert {chunk: " ".join(theirs(chunk)) for chunk, _ in CASES} == dict(CASES)
    rng = random.Random(7)
    letters = [
        *"abAB19é中ж .,:;-_/'\"()[]!?$%+#@&*~^=<>’“”…—–°²€\t",
        "’s",
        "n't",
        "km",
        "a.com",
        "U.S.",
        ":)",
        "Mr.",
    ]
    texts = ["".join(rng.choices(letters, k=rng.randint(1, 60))) for _ in range(2000)]
    different = [text for text in texts if tokens(text) != theirs(text)]
    assert len(different) <= len(texts) // 100, different[:5]
