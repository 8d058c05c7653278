# mypy: allow-untyped-defs, allow-untyped-calls
"""English tokens, by the rules of spaCy's tokenizer: the thresholds of Gopher and FineWeb were published for
counts of its tokens, since datatrove uses it.

Knows one chunk, the characters between two blanks. Does not know languages or texts.

A chunk that is an exception ("can't", "Mr.", ":-)") is split into its pieces. Otherwise affixes are removed,
one from each end at a time, until an exception is left or nothing more can be removed: marks, quotes,
currencies, icons, runs of full stops, "'s", units after a digit. The rest is kept whole if it is an address,
and is otherwise cut at infixes: a hyphen, a slash or a comma between letters, a full stop between a small and
a capital letter, an operator between digits. Last, pieces of emoticons and abbreviations that were cut are
joined again.

Exceptions are few and short, and a table of hints (``exceptions.hint``) rules them out for most words without
a hash.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled, inlined
from stages.signals import characters as of
from stages.signals.lexicon import BASE, HINTS, LONGEST_EXCEPTION, LONGEST_UNIT, SPREAD

_BASE, _SPREAD = np.uint64(BASE), np.uint64(SPREAD)
_ONE, _HALF, _NOTHING = np.uint64(1), np.uint64(32), np.uint32(0)

STOP, COMMA, COLON, SLASH, HYPHEN, UNDERSCORE, PLUS, AT = map(ord, ".,:/-_+@")
STAR, CARET, TILDE, DOLLAR, QUESTION, HASH, EM_DASH, ELLIPSIS = map(ord, "*^~$?#—…")
APOSTROPHE, RIGHT_QUOTE, DEGREE, SMALL_S, BIG_S, BIG_U = map(ord, "'’°sSU")
_SCALES = tuple(map(ord, "FCK"))


@inlined
def find(keys, values, key):
    """The value of a key in a ``lexicon.Table``, -1 if it is missing."""
    mask = np.uint64(keys.size - 1)
    slot = (key * _SPREAD >> _HALF) & mask
    while keys[slot] != 0:
        if keys[slot] == key:
            return np.int64(values[slot])
        slot = (slot + _ONE) & mask
    return np.int64(-1)


@compiled
def _find_span(codes, start, stop, keys, values):
    """``find`` for the ``lexicon.word_hash`` of a span."""
    value = _ONE
    for at in range(start, stop):
        value = value * _BASE + codes[at]
    return find(keys, values, value)


@inlined
def pieces(codes, start, stop, keys, values, hints):
    """The packed lengths of an exception's pieces; 0 if the span is not an exception."""
    length = stop - start
    if not 0 < length <= LONGEST_EXCEPTION:
        return np.int64(0)
    if not hints[(codes[start] * 37 + codes[stop - 1] * 101 + length * 401) % HINTS]:
        return np.int64(0)
    return max(_find_span(codes, start, stop, keys, values), 0)


@inlined
def _digit(code):
    return np.uint32(0x30) <= code <= np.uint32(0x39)


@inlined
def _prefix(codes, start, stop, classes):
    """The length of the prefix, 0 if there is none."""
    kind = classes[codes[start]]
    if kind & of.PREFIX:
        return np.int64(1)
    return _long_prefix(codes, start, stop) if kind & of.LONG_PREFIX else np.int64(0)


@compiled
def _long_prefix(codes, start, stop):
    """Length of a prefix of several characters or with a condition: runs of full stops, a plus sign that does
    not belong to a number, US$, A$ and C$."""
    code = codes[start]
    after = codes[start + 1] if start + 1 < stop else _NOTHING
    if code == STOP:
        end = start + 1
        while end < stop and codes[end] == STOP:
            end += 1
        return end - start if end - start > 1 else 0
    if code == PLUS:
        return 0 if _digit(after) else 1
    if after == DOLLAR:
        return 0 if code == BIG_U else 2
    return 3 if code == BIG_U and after == BIG_S and start + 2 < stop and codes[start + 2] == DOLLAR else 0


@inlined
def _suffix(codes, start, stop, kinds, classes, keys, values):
    """The length of the suffix, 0 if there is none; ``kinds`` are all classes in the chunk."""
    if stop <= start:
        return np.int64(0)
    code = codes[stop - 1]
    kind = classes[code]
    if kind & of.SUFFIX and code != ELLIPSIS:
        return np.int64(1)
    if kind & of.LONG_SUFFIX or kinds & of.NUMERAL:
        return _long_suffix(codes, start, stop, classes, keys, values)
    return np.int64(0)


@compiled
def _long_suffix(codes, start, stop, classes, keys, values):
    """The length of the longest suffix that matches, which a search from the left would find; characters
    required before it must be inside the span."""
    code = codes[stop - 1]
    before = codes[stop - 2] if stop - 2 >= start else _NOTHING
    if code == STOP:
        begin = stop - 1
        while begin > start and codes[begin - 1] == STOP:
            begin -= 1
        if stop - begin > 1:
            return stop - begin
        if before == 0:
            return 0
        earlier = codes[stop - 3] if stop - 3 >= start else _NOTHING
        capitals = classes[before] & classes[earlier] & of.UPPER_OR_UNCASED
        degrees = earlier == DEGREE and before in _SCALES
        return 1 if classes[before] & of.BEFORE_STOP or (earlier != 0 and (capitals or degrees)) else 0
    if code == ELLIPSIS:
        return 2 if before == ELLIPSIS else 1
    if code in (SMALL_S, BIG_S) and before in (APOSTROPHE, RIGHT_QUOTE):
        return 2
    if not _digit(code):
        for length in range(1, LONGEST_UNIT + 1):
            if stop - length - 1 < start:
                break
            if _digit(codes[stop - length - 1]):
                unit = _find_span(codes, stop - length, stop, keys, values) >= 0
                return length if unit or (code == PLUS and length == 1) else 0
    return 0


@compiled
def _infix(codes, start, stop, at, classes):
    """The length of the infix at a place with a character that may be one, 0 if there is none."""
    code = codes[at]
    if code == STOP and at + 1 < stop and codes[at + 1] == STOP:
        end = at + 2
        while end < stop and codes[end] == STOP:
            end += 1
        return end - at
    if code == ELLIPSIS or classes[code] & of.ICON:
        return 1
    if at == start or at + 1 >= stop:
        return 0
    before, after = codes[at - 1], codes[at + 1]
    left, right = classes[before], classes[after]
    if code == STOP:
        ends = left & (of.LOWER_OR_UNCASED | of.QUOTE)
        return 1 if ends and right & (of.UPPER_OR_UNCASED | of.QUOTE) else 0
    if code == COMMA:
        return 1 if left & of.LETTER and right & of.LETTER else 0
    operator = code in (PLUS, STAR, CARET)
    if (operator or code == HYPHEN) and _digit(before) and (_digit(after) or after == HYPHEN):
        return 1
    if operator or not (left & of.LETTER or _digit(before)):
        return 0
    if right & of.LETTER:
        return 1
    most = 3 if code == HYPHEN else 2 if code == EM_DASH else 1  # only these occur in runs
    for length in range(2, most + 1):
        if at + length >= stop or codes[at + length - 1] != code:
            break
        if classes[codes[at + length]] & of.LETTER:
            return length
    return 0


@compiled
def _host(codes, start, stop, classes):
    """Whether here is a host name with a lower-case top level, followed only by an optional port and path."""
    label, dot, at = start, -1, start
    while at < stop:
        code = codes[at]
        if code == STOP:
            joined = codes[label] in (HYPHEN, UNDERSCORE) or codes[at - 1] in (HYPHEN, UNDERSCORE)
            if at == label or at - label > 64 or joined:
                return False
            dot, label = at, at + 1
        elif not (0xA1 <= code <= 0xFFFF or code in (HYPHEN, UNDERSCORE)) and (
            code >= 0x80 or not classes[code] & (of.ALPHABETIC | of.NUMERAL)
        ):
            break
        at += 1
    if dot < 0 or not 2 <= at - dot - 1 <= 63:
        return False
    for place in range(dot + 1, at):
        if not classes[codes[place]] & of.LOWER_OR_UNCASED:
            return False
    if at < stop and codes[at] == COLON:
        port = at + 1
        while port < stop and _digit(codes[port]):
            port += 1
        if not 2 <= port - at - 1 <= 5:
            return False
        at = port
    return at == stop or codes[at] in (SLASH, QUESTION, HASH)


@compiled
def _address(codes, start, stop, classes):
    """Whether the span is a URL, a host or a mail address."""
    if _host(codes, start, stop, classes):
        return True
    for at in range(start, stop - 3):
        if codes[at] == COLON:
            scheme = at > start + 1 and codes[at + 1] == SLASH and codes[at + 2] == SLASH
            if scheme and _host(codes, at + 3, stop, classes):
                return True
            break
        if not classes[codes[at]] & (of.ALPHABETIC | of.DIGIT) and codes[at] not in (PLUS, HYPHEN, STOP):
            break
    tries = 0
    for at in range(stop - 1, start, -1):
        if codes[at] == AT:
            if _host(codes, at + 1, stop, classes):
                return True
            tries += 1
            if tries == 2:  # with more it is not an address, and this would be quadratic
                break
    return False


@compiled
def _join(codes, classes, keys, values, hints, starts, stops, first, count):
    """Join tokens from ``first`` on that together are an exception; returns the new number of tokens."""
    kept, at = first, first
    while at < count:
        end = at + 1
        stop = end < count and codes[starts[end]] == STOP
        if stop or classes[codes[starts[at]]] & of.SMILEY:
            last = at
            while last + 1 < count and stops[last + 1] - starts[at] <= LONGEST_EXCEPTION:
                last += 1
            while last > at:
                length = stops[last] - starts[at]
                if pieces(codes, starts[at], stops[last], keys, values, hints) == length:  # in one piece
                    end = last + 1
                    break
                last -= 1
        starts[kept], stops[kept] = starts[at], stops[end - 1]
        kept += 1
        at = end
    return kept


@compiled
def _cut(codes, begin, end, classes, starts, stops, count):
    """Tokens of the rest without affixes; returns the new number of tokens."""
    at, start = begin, begin
    checked = False
    while at < end:
        length = _infix(codes, begin, end, at, classes) if classes[codes[at]] & of.INFIX else np.int64(0)
        if length and at > begin:
            if not checked and _address(codes, begin, end, classes):
                break
            checked = True
            if at > start:
                starts[count], stops[count] = start, at
                count += 1
            starts[count], stops[count] = at, at + length
            count += 1
            start = at + length
        at += max(length, 1)
    if start < end:
        starts[count], stops[count] = start, end
        count += 1
    return count


@compiled
def tokens(
    codes, begin, end, kinds, classes, keys, values, hints, unit_keys, unit_values, ends, starts, stops, count
):
    """Write the tokens of a chunk after the ``count`` existing ones; returns the new number of tokens.

    ``kinds`` are all classes in it, ``keys``, ``values`` and ``hints`` the exceptions. ``ends`` has room for
    the ends of suffixes, which are removed starting with the last.
    """
    first = count
    suffixes, size = np.int64(0), np.int64(-1)
    while begin < end and end - begin != size:
        if pieces(codes, begin, end, keys, values, hints):
            break
        size = end - begin
        prefix = _prefix(codes, begin, end, classes)
        suffix = _suffix(codes, begin + prefix, end, kinds, classes, unit_keys, unit_values)
        if prefix:
            starts[count], stops[count] = begin, begin + prefix
            count += 1
            begin += prefix
            if pieces(codes, begin, end, keys, values, hints):
                break
        if suffix:
            ends[suffixes] = end
            suffixes += 1
            end -= suffix
            # exceptions are looked up including the prefix, which then belongs to them
            if prefix and pieces(codes, begin - prefix, end, keys, values, hints):
                count -= 1
                begin -= prefix
                break
    packed = pieces(codes, begin, end, keys, values, hints)
    if not packed:
        count = _cut(codes, begin, end, classes, starts, stops, count)
    while packed:
        starts[count], stops[count] = begin, begin + (packed & 255)
        begin = stops[count]
        count += 1
        packed >>= 8
    while suffixes:
        suffixes -= 1
        starts[count], stops[count] = end, ends[suffixes]
        end = stops[count]
        count += 1
    return (
        _join(codes, classes, keys, values, hints, starts, stops, first, count)
        if count - first > 1
        else count
    )
