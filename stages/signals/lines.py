# mypy: allow-untyped-defs, allow-untyped-calls
"""Counts over lines and paragraphs: repetition, how lines begin and end, and sentences.

Knows where tokens, words and phrases are. Does not know thresholds, except those that are part of a
definition.

The published rule sets have three definitions of a line: a non-blank piece between line feeds (FineWeb,
Nemotron-CC, RefinedWeb), a piece between runs of line feeds (Gopher repetition in datatrove), and the results
of ``str.splitlines``, including blank ones (Gopher quality, C4: see ``c4.py``).
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled, inlined
from stages.signals import characters as of
from stages.signals.counts import COUNT
from stages.signals.describe import is_ellipsis, list_key
from stages.signals.english import find
from stages.signals.lexicon import (
    BASE,
    BOILERPLATE,
    COUNTER,
    LOREM_IPSUM,
    NAV_FIRST,
    NAV_INSIDE,
    NAV_LAST,
    READ_MORE,
)
from stages.text.numbering import number

_ONE, _BASE = np.uint64(1), np.uint64(BASE)
FEED, BLANK, STOP, ELLIPSIS, HYPHEN, PLUS, COMMA = map(ord, "\n .…-+,")
_MARKS = tuple(map(ord, ".?!\"'"))
_THOUSANDS = tuple(map(ord, "km"))

SHORT_LINE = 30  # FineWeb
NAVIGATION_WORDS = 10  # RefinedWeb: only lines this short are checked for navigation


@inlined
def ends_in_dots(codes, start, stop):
    return (
        stop - start > 2 and codes[stop - 1] == STOP and codes[stop - 2] == STOP and codes[stop - 3] == STOP
    )


@inlined
def ends_in_mark(codes, start, stop):
    """Whether a line ends in one of . ? ! " ' as in C4 and Curator."""
    return stop > start and codes[stop - 1] in _MARKS


@inlined
def strip(codes, start, stop, classes):
    while start < stop and classes[codes[start]] & of.SPACE:
        start += 1
    while stop > start and classes[codes[stop - 1]] & of.SPACE:
        stop -= 1
    return start, stop


@inlined
def _ellipsis_end(codes, start, stop):
    """Whether a stripped line ends in one of Curator's ellipsis marks."""
    if ends_in_dots(codes, start, stop) or codes[stop - 1] == ELLIPSIS:
        return True
    brackets = stop - start > 4 and is_ellipsis(codes, stop - 5, stop)  # [...] (...)
    brackets |= stop - start > 2 and is_ellipsis(codes, stop - 3, stop)  # […]
    return brackets or (stop - start > 1 and is_ellipsis(codes, stop - 2, stop))  # -»


@compiled
def sentences(codes, classes, starts, stops, first, last):
    """Sentences of the tokens ``first`` to ``last`` of a line, as spaCy's sentencizer counts them: a sentence
    ends after a token that is a terminal mark, and the marks that follow it."""
    if first == last:
        return 0
    count, ended = 1, False
    for token in range(first, last):
        start, stop = starts[token], stops[token]
        kind = classes[codes[start]]
        if ended:
            # more than one blank is a token, but not a mark
            gap = start - stops[token - 1]
            if gap > 1 or (gap == 1 and codes[start - 1] != BLANK):
                count, ended = count + 1, False
            else:
                marks = True
                for at in range(start, stop):
                    marks &= classes[codes[at]] & of.PUNCTUATION != 0
                if not marks and not (stop - start == 1 and kind & of.TERMINAL):
                    count, ended = count + 1, False
        if stop - start == 1 and kind & of.TERMINAL:
            ended = True
    return count


@compiled
def _is_counter(codes, starts, stops, first, classes, lower, keys, values):
    """Whether a word and the next one are a number and a noun that it counts ("1,234 likes", "2.5k
    views")."""
    start, stop = starts[first], stops[first]
    for at in range(start, stop):
        code = codes[at]
        separator = at > start and code in (COMMA, STOP, PLUS)
        thousands = at > start and at == stop - 1 and lower[code] in _THOUSANDS
        if not (classes[code] & of.DIGIT or separator or thousands):
            return False
    value = _ONE
    for at in range(starts[first + 1], stops[first + 1]):
        value = value * _BASE + lower[codes[at]]
    return find(keys, values, list_key(value, COUNTER)) >= 0


@compiled
def lines(
    codes, bounds, classes, lower, keys, values, token_starts, token_stops, token_bounds,
    word_starts, word_stops, word_bounds, hit_starts, hit_ends, hit_kinds, hit_bounds,
    pieces, slots, numbers, firsts, counts, lengths, rows,
):  # fmt: skip
    """Counts over the lines between line feeds."""
    token, word, hit = np.int64(0), np.int64(0), np.int64(0)
    for text in range(rows.shape[0]):
        row = rows[text]
        begin, end = bounds[text], bounds[text + 1]
        start, count = begin, np.int64(0)
        while start <= end:
            stop = start
            value, kinds = _ONE, np.uint32(0)
            upper = visible = 0
            while stop < end and codes[stop] != FEED:
                kind = classes[codes[stop]]
                value = value * _BASE + codes[stop]
                kinds |= kind
                upper += (kind & of.UPPER) != 0
                visible += (kind & of.SPACE) == 0
                stop += 1
            if stop > start:
                pieces[count] = value
                lengths[count] = stop - start if visible else start - stop
                count += 1
            if visible:
                row[COUNT.lines] += 1
                row[COUNT.line_chars] += stop - start
                row[COUNT.short_lines] += stop - start <= SHORT_LINE
                row[COUNT.terminal_lines] += classes[codes[stop - 1]] & of.TERMINAL != 0
                inner, outer = strip(codes, start, stop, classes)
                row[COUNT.nemotron_bullet_lines] += classes[codes[inner]] & of.BULLET != 0
                row[COUNT.unmarked_lines] += not ends_in_mark(codes, inner, outer)
                last = outer - 1
                while last > inner and classes[codes[last]] & (of.CLOSING | of.SPACE):
                    last -= 1
                row[COUNT.punctuated_lines] += (
                    classes[codes[last]] & of.TERMINAL != 0 or codes[last] == ELLIPSIS
                )

                first = token
                while token < token_bounds[text + 1] and token_starts[token] < stop:
                    token += 1
                row[COUNT.sentences] += sentences(codes, classes, token_starts, token_stops, first, token)
                first = word
                while word < word_bounds[text + 1] and word_starts[word] < stop:
                    word += 1
                words = word - first
                phrases = 0
                while hit < hit_bounds[text + 1] and hit_starts[hit] < stop:
                    kind = hit_kinds[hit]
                    if hit_starts[hit] != inner:
                        kind &= ~NAV_FIRST
                    if hit_ends[hit] != outer:
                        kind &= ~(NAV_LAST | READ_MORE)
                    phrases |= kind
                    hit += 1
                ellipsis = phrases & READ_MORE or _ellipsis_end(codes, inner, outer)
                row[COUNT.nemotron_ellipsis_lines] += ellipsis != 0

                mostly_upper = 2 * upper > visible
                numeric = kinds & of.DIGIT != 0 and not kinds & of.ALPHABETIC
                counter = words == 2 and _is_counter(
                    codes, word_starts, word_stops, first, classes, lower, keys, values
                )
                navigation = words <= NAVIGATION_WORDS and phrases & (NAV_FIRST | NAV_LAST | NAV_INSIDE) != 0
                row[COUNT.upper_lines] += mostly_upper
                row[COUNT.numeric_lines] += numeric
                row[COUNT.counter_lines] += counter
                row[COUNT.one_word_lines] += words == 1
                row[COUNT.navigation_lines] += navigation
                if mostly_upper or numeric or counter or words == 1 or navigation:
                    row[COUNT.flagged_words] += words
            start = stop + 1
        number(pieces, count, slots, numbers, firsts, counts)
        for piece in range(count):
            if firsts[numbers[piece]] != piece:
                row[COUNT.repeated_split_lines] += 1
                row[COUNT.repeated_split_line_chars] += abs(lengths[piece])
                if lengths[piece] > 0:  # not blank
                    row[COUNT.repeated_lines] += 1
                    row[COUNT.repeated_line_chars] += lengths[piece]
        # a split at runs of line feeds gives an empty piece before a leading run and after a trailing one
        leading = end > begin and codes[begin] == FEED
        trailing = end > begin and codes[end - 1] == FEED
        row[COUNT.split_lines] = count + leading + trailing
        row[COUNT.repeated_split_lines] += leading and trailing


@compiled
def paragraphs(
    codes, bounds, classes, hit_starts, hit_kinds, hit_bounds, pieces, slots, numbers, firsts, counts,
    lengths, rows
):  # fmt: skip
    """Counts over the pieces between two or more line feeds of the stripped text. An empty text is one empty
    paragraph."""
    for text in range(rows.shape[0]):
        row = rows[text]
        start, end = strip(codes, bounds[text], bounds[text + 1], classes)
        count, hit = np.int64(0), hit_bounds[text]
        while True:
            stop, value = start, _ONE
            while stop < end and not (codes[stop] == FEED and codes[stop + 1] == FEED):
                value = value * _BASE + codes[stop]
                stop += 1
            pieces[count], lengths[count] = value, stop - start
            count += 1
            kinds = 0
            while hit < hit_bounds[text + 1] and hit_starts[hit] < stop:
                kinds |= hit_kinds[hit]
                hit += 1
            row[COUNT.boilerplate_paragraphs] += kinds & BOILERPLATE != 0
            row[COUNT.lorem_paragraphs] += kinds & LOREM_IPSUM != 0
            row[COUNT.paragraph_chars] += stop - start
            if stop >= end:
                break
            while codes[stop] == FEED:
                stop += 1
            start = stop
        number(pieces, count, slots, numbers, firsts, counts)
        row[COUNT.paragraphs] = count
        for piece in range(count):
            if firsts[numbers[piece]] != piece:
                row[COUNT.repeated_paragraphs] += 1
                row[COUNT.repeated_paragraph_chars] += lengths[piece]
