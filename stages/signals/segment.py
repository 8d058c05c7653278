# mypy: allow-untyped-defs, allow-untyped-calls
"""Finds the tokens of a text: in English as spaCy does (``english.py``), in other languages by Unicode words.

Knows code points and their classes. Does not know what is counted about tokens.

A text is divided into chunks between blanks, and a chunk into tokens. In languages other than English a token
is a run of letters and digits, including an apostrophe, full stop, colon or middle dot between two letters,
or a full stop, comma or apostrophe between two digits (a short form of UAX 29); every other character is a
token of its own, with its combining marks. Scripts that are written without blanks have their own rules,
which use no dictionary:

- Han: a character is a token; in Japanese text a run of them is one token, since compounds are mostly words
  there;
- hiragana, katakana: a run is a token; so Japanese is split where the script changes;
- Thai: a cluster of a consonant with its vowels and tone marks is a token, the smallest unit that is
  pronounced.

For counts this means: Chinese words are characters (a word has about 1.5), Thai ones about half a syllable to
a syllable, and Japanese ones often a stem or its endings. Lao, Khmer and Burmese are treated as if they had
blanks.
"""

from __future__ import annotations

from stages.compiled import compiled
from stages.signals import characters as of
from stages.signals import english
from stages.signals.english import APOSTROPHE, COLON, COMMA, RIGHT_QUOTE, STOP, UNDERSCORE

#: Bits of the mode of a text.
ENGLISH, KANJI_RUNS, WORDS_ARE_TOKENS = 1, 2, 4

MIDDLE_DOT = ord("·")
_LETTERS = of.ALPHABETIC | of.EXTEND


@compiled
def _joins(codes, at, classes):
    """Whether a character is inside a word, judged by its two neighbours."""
    code, left, right = codes[at], classes[codes[at - 1]], classes[codes[at + 1]]
    either = code in (APOSTROPHE, RIGHT_QUOTE, STOP)
    if left & of.DIGIT and right & of.DIGIT:
        return either or code == COMMA
    letters = left & _LETTERS and right & of.ALPHABETIC and not right & of.SEGMENTED
    return letters and (either or code in (COLON, MIDDLE_DOT))


@compiled
def _words(codes, start, stop, kanji_runs, classes, starts, stops, count):
    """Write the Unicode words and other tokens of a chunk; returns the new number of tokens."""
    at = start
    while at < stop:
        starts[count] = at
        kind = classes[codes[at]]
        at += 1
        if kind & of.HAN:
            while kanji_runs and at < stop and classes[codes[at]] & of.HAN:
                at += 1
        elif kind & of.KANA:
            while at < stop and classes[codes[at]] & kind & of.KANA:
                at += 1
        elif kind & (of.THAI_LEADING | of.THAI_CONSONANT):
            if kind & of.THAI_LEADING and at < stop and classes[codes[at]] & of.THAI_CONSONANT:
                at += 1
            while at < stop and classes[codes[at]] & of.THAI_SIGN:
                at += 1
        elif kind & (of.ALPHABETIC | of.DIGIT) or codes[at - 1] == UNDERSCORE:
            while at < stop and not classes[codes[at]] & of.SEGMENTED:
                inside = classes[codes[at]] & (_LETTERS | of.DIGIT) or codes[at] == UNDERSCORE
                if not inside and (at + 1 == stop or not _joins(codes, at, classes)):
                    break
                at += 1
        while at < stop and classes[codes[at]] & of.EXTEND:
            at += 1
        stops[count] = at
        count += 1
    return count


@compiled
def tokenize(
    codes, bounds, modes, classes, keys, values, hints, unit_keys, unit_values, ends,
    starts, stops, token_bounds, chunk_starts, chunk_stops, chunk_bounds,
):  # fmt: skip
    """Tokens and chunks of texts, one after the other; those of text ``i`` are ``bounds[i]`` to
    ``bounds[i + 1]`` of the token or chunk bounds. The outputs have room for as many as there are code
    points."""
    tokens, chunks = bounds[0], bounds[0]  # 0; with a literal, called functions are compiled twice
    for text in range(modes.size):
        token_bounds[text], chunk_bounds[text] = tokens, chunks
        is_english, kanji_runs = modes[text] & ENGLISH != 0, modes[text] & KANJI_RUNS != 0
        at, end = bounds[text], bounds[text + 1]
        while at < end:
            kinds = classes[codes[at]]
            start = at
            at += 1
            if kinds & of.SPACE:
                continue
            while at < end:
                kind = classes[codes[at]]
                if kind & of.SPACE:
                    break
                kinds |= kind
                at += 1
            chunk_starts[chunks], chunk_stops[chunks] = start, at
            chunks += 1
            if not is_english:
                tokens = _words(codes, start, at, kanji_runs, classes, starts, stops, tokens)
            elif kinds & of.ACTIVE or english.pieces(codes, start, at, keys, values, hints):
                tokens = english.tokens(
                    codes, start, at, kinds, classes, keys, values, hints, unit_keys, unit_values, ends,
                    starts, stops, tokens,
                )  # fmt: skip
            else:
                starts[tokens], stops[tokens] = start, at
                tokens += 1
    token_bounds[modes.size], chunk_bounds[modes.size] = tokens, chunks
