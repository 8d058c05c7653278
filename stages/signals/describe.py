# mypy: allow-untyped-defs, allow-untyped-calls
"""Counts over characters and over words whose places are given; and the search for phrases.

Knows classes of characters, lists of words and phrases. Does not know lines, n-grams or how words are found.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled, inlined
from stages.signals import characters as of
from stages.signals.counts import COUNT
from stages.signals.english import find
from stages.signals.lexicon import (
    BASE,
    GOPHER,
    GOPHER_WORDS,
    JAVASCRIPT,
    LONGEST_LISTED,
    OPENINGS,
    PLACEHOLDER,
    POLICY,
    SPREAD,
    UNSAFE,
)

_ONE, _BASE, _SPREAD = np.uint64(1), np.uint64(BASE), np.uint64(SPREAD)
_BYTE, _HALF, _FOUR_BYTES, _OPENINGS = (np.uint64(value) for value in (8, 32, 0xFFFFFFFF, OPENINGS - 1))
_LONGEST_GOPHER = max(map(len, GOPHER_WORDS))
_HASH, _ELLIPSIS, _STOP, _SLASH, _COLON, _HYPHEN, _GUILLEMET = map(ord, "#…./:-»")
_BRACKETS, _ANGLES, _NO_URL = tuple(map(ord, "()[]{}")), tuple(map(ord, "⟨⟩")), tuple(map(ord, '"<>'))
_OPEN, _CLOSE, _ROUND_OPEN, _ROUND_CLOSE, _BRACE = map(ord, "[](){")
_TEXT_MARKS, _BLANKS = tuple(map(ord, "\n?!,.")), tuple(map(ord, "\t\n\r\b "))
_FEED = ord("\n")
_HTTP = tuple(map(ord, "http"))
_ZERO, _NINE, _BIG_A, _BIG_Z, _SMALL_A, _SMALL_Z, _SMALL_S = map(ord, "09AZazs")


@inlined
def list_key(value, which):
    """``lexicon.list_hash``, of a hash."""
    return value ^ np.uint64(which + 1) * _SPREAD


@inlined
def _sum(counts, first, last):
    total = 0
    for code in range(first, last + 1):
        total += counts[code]
    return total


@compiled
def characters(codes, bounds, ascii, rows):
    """Counts of single characters, ellipses and addresses; ``ascii`` has room for 128 counts."""
    for text in range(rows.shape[0]):
        row = rows[text]
        begin, end = bounds[text], bounds[text + 1]
        for code in range(128):
            ascii[code] = 0
        parentheses = ellipses = url_chars = 0
        dots, url_end = 0, begin
        for at in range(begin, end):
            code = codes[at]
            if code >= 128:
                ellipses += code == _ELLIPSIS
                parentheses += code in _ANGLES
            else:
                ascii[code] += 1
                if code == _STOP:
                    dots = dots + 1 if at > begin and codes[at - 1] == _STOP else 1
                    ellipses += dots % 3 == 0  # str.count: they do not overlap
                elif code == _SLASH and at >= url_end and at > begin and codes[at - 1] == _COLON:
                    start, url_end = _url(codes, begin, end, at)
                    url_chars += url_end - start
        row[COUNT.chars] = end - begin
        for code in _BLANKS:
            row[COUNT.whitespace] += ascii[code]
        row[COUNT.digits] = _sum(ascii, _ZERO, _NINE)
        letters = _sum(ascii, _BIG_A, _BIG_Z) + _sum(ascii, _SMALL_A, _SMALL_Z)
        row[COUNT.other_than_ascii_text] = end - begin - letters - row[COUNT.digits]
        for code in _TEXT_MARKS:
            row[COUNT.other_than_ascii_text] -= ascii[code]
        row[COUNT.parentheses] = parentheses
        for code in _BRACKETS:
            row[COUNT.parentheses] += ascii[code]
        row[COUNT.url_chars] = url_chars
        row[COUNT.hashes] = ascii[_HASH]
        row[COUNT.ellipses] = ellipses
        row[COUNT.curly_brackets] = ascii[_BRACE]
        row[COUNT.newlines] = ascii[_FEED]
        row[COUNT.other_than_newlines] = end - begin - ascii[_FEED]


@compiled
def _url(codes, begin, end, slash):
    """Start and end of the address whose first slash is given: http or https, then printable ASCII without
    quotes, angle brackets and blanks. An empty span if there is none."""
    start = slash - 5
    if start >= begin and codes[slash - 2] == _SMALL_S:
        start -= 1
    at = slash + 2
    if start < begin or at >= end or codes[slash + 1] != _SLASH:
        return slash, slash
    for place in range(4):
        if codes[start + place] != _HTTP[place]:
            return slash, slash
    while at < end and 0x21 <= codes[at] <= 0x7E and codes[at] not in _NO_URL:
        at += 1
    return (start, at) if at > slash + 2 else (slash, slash)


@inlined
def _small(code):
    """The lower-case form of an ASCII letter."""
    return code + np.uint32(0x20) if _BIG_A <= code <= _BIG_Z else code


@compiled
def search(
    codes, bounds, phrases, phrase_starts, phrase_kinds, first, openings,
    starts, ends, kinds, hit_bounds, rows,
):  # fmt: skip
    """Where phrases start, in order, where they end, and their kinds. For phrases that start at one place the
    kinds are combined, and the longest end is used."""
    count = 0
    for text in range(rows.shape[0]):
        row = rows[text]
        end = bounds[text + 1]
        hit_bounds[text] = count
        four = np.uint64(0)  # the last four characters, one byte each; 0 for non-ASCII
        for last in range(bounds[text], end):
            byte = _small(codes[last]) if codes[last] < 128 else np.uint32(0)
            four = (four << _BYTE | byte) & _FOUR_BYTES
            if not openings[(four * _SPREAD >> _HALF) & _OPENINGS]:
                continue
            at = last - 3
            if at < bounds[text] or codes[at] >= 128:
                continue
            initial = _small(codes[at])
            found, longest = np.int64(0), np.int64(0)
            for phrase in range(first[initial], first[initial + 1]):
                start, length = phrase_starts[phrase], phrase_starts[phrase + 1] - phrase_starts[phrase]
                same = 1
                while same < length and at + same < end and _small(codes[at + same]) == phrases[start + same]:
                    same += 1
                if same == length:
                    found |= phrase_kinds[phrase]
                    longest = max(longest, length)
            if found:
                starts[count], ends[count], kinds[count] = at, at + longest, found
                count += 1
                row[COUNT.placeholders] += found & PLACEHOLDER != 0
                row[COUNT.javascript] += found & JAVASCRIPT != 0
                row[COUNT.policy_phrases] += found & POLICY != 0
    hit_bounds[rows.shape[0]] = count


@compiled
def tokens(codes, starts, stops, bounds, classes, lower, keys, values, languages, seen, hashes, rows):
    """Counts of tokens; returns their hashes. ``languages`` are the numbers of word lists; ``seen`` is the
    last text in which each entry of these lists occurred, -1 at first."""
    for text in range(rows.shape[0]):
        word_count = word_chars = alphabetic = stop_words = distinct = gopher = unsafe = 0
        for token in range(bounds[text], bounds[text + 1]):
            value, any_kind, all_kinds = _ONE, np.uint32(0), np.uint32(0xFFFFFFFF)
            for at in range(starts[token], stops[token]):
                kind = classes[codes[at]]
                any_kind |= kind
                all_kinds &= kind
                value = value * _BASE + codes[at]
            hashes[token] = value
            length = stops[token] - starts[token]
            if not all_kinds & of.NO_WORD:
                word_count += 1
                word_chars += length
            if not any_kind & of.ALPHABETIC:
                continue
            alphabetic += 1
            if length > LONGEST_LISTED:
                continue
            lowered = value
            if any_kind & of.UPPER:
                lowered = _ONE
                for at in range(starts[token], stops[token]):
                    lowered = lowered * _BASE + lower[codes[at]]
            if languages[text] >= 0:
                entry = find(keys, values, list_key(lowered, languages[text]))
                if entry >= 0:
                    stop_words += 1
                    distinct += seen[entry] != text
                    seen[entry] = text
            unsafe += find(keys, values, list_key(lowered, UNSAFE)) >= 0
            if length <= _LONGEST_GOPHER:
                entry = find(keys, values, list_key(value, GOPHER))
                if entry >= 0:
                    gopher += seen[entry] != text
                    seen[entry] = text
        row = rows[text]
        row[COUNT.tokens] = bounds[text + 1] - bounds[text]
        row[COUNT.words] = word_count
        row[COUNT.word_chars] = word_chars
        row[COUNT.alphabetic_tokens] = alphabetic
        row[COUNT.stop_words] = stop_words
        row[COUNT.distinct_stop_words] = distinct
        row[COUNT.gopher_stop_words] = gopher
        row[COUNT.unsafe_words] = unsafe


@compiled
def nemotron_words(codes, starts, stops, bounds, classes, keys, values, hashes, rows):
    """Counts of words as Nemotron-CC defines them; returns their hashes."""
    for text in range(rows.shape[0]):
        chars = longest = alphabetic = symbols = common = 0
        for word in range(bounds[text], bounds[text + 1]):
            start, stop = starts[word], stops[word]
            value, any_kind = _ONE, np.uint32(0)
            for at in range(start, stop):
                any_kind |= classes[codes[at]]
                value = value * _BASE + codes[at]
            hashes[word] = value
            length = stop - start
            chars += length
            longest = max(longest, length)
            if any_kind & of.ALPHABETIC:
                alphabetic += 1
                if length <= _LONGEST_GOPHER:
                    common += find(keys, values, list_key(value, GOPHER)) >= 0
            if any_kind & of.PUNCTUATION:
                hash_runs = 0
                for at in range(start, stop):
                    hash_runs += codes[at] == _HASH and (at == start or codes[at - 1] != _HASH)
                symbols += 2 * hash_runs > length or is_ellipsis(codes, start, stop)
        row = rows[text]
        row[COUNT.nemotron_words] = bounds[text + 1] - bounds[text]
        row[COUNT.nemotron_word_chars] = chars
        row[COUNT.nemotron_longest_word] = longest
        row[COUNT.nemotron_alphabetic_words] = alphabetic
        row[COUNT.nemotron_symbol_words] = symbols
        row[COUNT.nemotron_common_words] = common


@compiled
def is_ellipsis(codes, start, stop):
    """Whether the span is one of Curator's ellipsis marks: ... … [...] […] (...) -»"""
    length = stop - start
    first, last = codes[start], codes[stop - 1]
    if length == 2:
        return first == _HYPHEN and last == _GUILLEMET
    square = length > 2 and first == _OPEN and last == _CLOSE
    if square or (length == 5 and first == _ROUND_OPEN and last == _ROUND_CLOSE):
        start, stop, length = start + 1, stop - 1, length - 2
    if length == 1:
        return codes[start] == _ELLIPSIS
    return length == 3 and codes[start] == _STOP and codes[start + 1] == _STOP and codes[start + 2] == _STOP
