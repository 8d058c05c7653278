# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code=assignment
"""Parts the code of a text from its comments, by the syntax of its language.

Knows code points and ``syntax.Coded``. It is a scanner, not a parser: it looks at each character once and
keeps one state, so it can be wrong about a slash in JavaScript, but not slow.
"""

from __future__ import annotations

import numpy as np

from stages.code.signals import syntax as of
from stages.compiled import compiled, inlined

_NEWLINE, _BACKSLASH, _QUOTE, _DOUBLE, _SLASH, _EQUALS = 10, 92, 39, 34, 47, 61
_NESTED, _ESCAPES, _ENDS, _CHARACTER, _TRIPLE, _DOC, _APART = (
    of.NESTED, of.ESCAPES, of.ENDS, of.CHARACTER, of.TRIPLE, of.DOC, of.APART,
)  # fmt: skip
_EMBEDDED, _SLASHES, _FIXED, _POD, _SHIELDED = of.EMBEDDED, of.SLASHES, of.FIXED, of.POD, of.SHIELDED
#: The longest that a character between quotes is written: '\\u{10FFFF}'.
_LONGEST_CHARACTER = 12


@compiled
def _sign(codes, place, signs):
    """Which of the signs stands here, and its length; -1: none."""
    for row in range(signs.shape[0]):
        length = 0
        while length < 8 and signs[row, length]:
            if place + length >= codes.size or codes[place + length] != signs[row, length]:
                length = -1
                break
            length += 1
        if length > 0:
            return row, length
    return -1, 0


@inlined
def _blank(point):
    return point == 32 or 9 <= point <= 13


@compiled
def split(codes, lines, opens, closes, quotes, bits, code, comments):
    """Characters of code and of comments, each in order, into two arrays; how many of both, and how many of
    the comments are not just the line feeds that part them. The line feed that ends a comment of one line is
    code too."""
    size = codes.size
    place = in_code = in_comments = counted = np.int64(0)
    line_start = True  # nothing but blanks since the line began
    before = 0  # the last character of code that is no blank, for slashes
    embedded = (bits & _EMBEDDED) == 0
    budget = 4 * size + 1000  # characters that may be looked at for a quote that nothing closes
    while place < size:
        point = codes[place]
        first = place == 0 or codes[place - 1] == _NEWLINE
        if bits & _EMBEDDED:
            if not embedded and point == 60 and place + 1 < size and codes[place + 1] == 63:
                embedded = True
            elif embedded and point == 63 and place + 1 < size and codes[place + 1] == 62:
                embedded = False
        end, kind = place, 0  # 1: a comment up to `end`, 2: a string
        if embedded:
            if bits & _FIXED and first and (point == 67 or point == 99 or point == 42 or point == 33):
                kind, end = 1, _line_end(codes, place)
            if (
                bits & _POD
                and first
                and point == _EQUALS
                and place + 1 < size
                and 97 <= codes[place + 1] <= 122
            ):
                kind, end = 1, _pod_end(codes, place)
            if not kind:
                which, length = _sign(codes, place, opens)
                if which >= 0:
                    kind, end = 1, _block_end(codes, place, length, opens, closes, which, bits & _NESTED)
            if not kind:
                which, length = _sign(codes, place, lines)
                if which >= 0 and not (
                    (bits & _APART and not first and not _blank(codes[place - 1]))
                    or (bits & _SHIELDED and not first and codes[place - 1] == _BACKSLASH)
                ):  # fmt: skip
                    kind, end = 1, _line_end(codes, place)
            if not kind:
                for quote in quotes:
                    if point == quote:
                        triple = (
                            bits & _TRIPLE and place + 2 < size
                            and codes[place + 1] == point and codes[place + 2] == point
                        )  # fmt: skip
                        if triple:
                            kind = 1 if bits & _DOC and line_start else 2
                            end = _triple_end(codes, place)
                        elif point == _QUOTE and bits & _CHARACTER:
                            end = _character_end(codes, place)
                            kind = 2 if end > place else 0
                        else:
                            # templates and raw strings go on over lines
                            ends = (bits & _ENDS) != 0 and point != 96
                            escapes = (bits & _ESCAPES) != 0
                            end = _string_end(codes, place, ends, escapes, budget)
                            if end < 0:
                                budget += end
                            kind = 2 if end > place else 0
                        break
            if not kind and point == _SLASH and bits & _SLASHES and _begins(before):
                end = _pattern_end(codes, place)
                kind = 2 if end > place else 0
        end = min(end, size)
        if kind == 1:
            for at in range(place, end):
                comments[in_comments] = codes[at]
                in_comments += 1
            counted += end - place
            comments[in_comments] = _NEWLINE
            in_comments += 1
            place = end
            continue
        if kind == 0:
            end = place + 1
        for at in range(place, end):
            code[in_code] = codes[at]
            in_code += 1
            if codes[at] == _NEWLINE:
                line_start = True
            elif not _blank(codes[at]):
                line_start = False
                before = codes[at]
        place = end
    return in_code, in_comments, counted


@compiled
def _line_end(codes, place):
    while place < codes.size and codes[place] != _NEWLINE:
        place += 1
    return place


@compiled
def _pod_end(codes, place):
    """After the line that begins with =cut or =end."""
    while place < codes.size:
        end = _line_end(codes, place)
        if place + 4 <= codes.size and codes[place] == _EQUALS and (
            (codes[place + 1] == 99 and codes[place + 2] == 117 and codes[place + 3] == 116)
            or (codes[place + 1] == 101 and codes[place + 2] == 110 and codes[place + 3] == 100)
        ):  # fmt: skip
            return end
        place = end + 1
    return codes.size


@compiled
def _block_end(codes, place, length, opens, closes, which, nested):
    """After what closes the block; the end of the text where nothing does."""
    depth = 1
    place += length
    while place < codes.size:
        closed, length = _sign(codes, place, closes[which : which + 1])
        if closed >= 0:
            depth -= 1
            place += length
            if not depth:
                return place
            continue
        if nested:
            opened, length = _sign(codes, place, opens[which : which + 1])
            if opened >= 0:
                depth += 1
                place += length
                continue
        place += 1
    return codes.size


@compiled
def _triple_end(codes, place):
    quote = codes[place]
    place += 3
    while place < codes.size:
        if codes[place] == _BACKSLASH:
            place += 2
            continue
        if (
            codes[place] == quote and place + 2 < codes.size
            and codes[place + 1] == quote and codes[place + 2] == quote
        ):  # fmt: skip
            return place + 3
        place += 1
    return codes.size


@compiled
def _string_end(codes, place, ends, escapes, budget):
    """After the quote that closes; where nothing does (on the line, for strings that end there) it is no
    string: the number of characters that were looked at, below zero."""
    quote, start = codes[place], place
    place += 1
    while place < min(codes.size, start + budget):
        if codes[place] == _BACKSLASH and escapes:
            place += 2
            continue
        if codes[place] == quote:
            return place + 1
        if ends and codes[place] == _NEWLINE:
            break
        place += 1
    return start - place


@compiled
def _character_end(codes, place):
    """After 'a' or '\\n'; ``place`` where the quote is something else, a lifetime for instance."""
    if place + 1 >= codes.size:
        return place
    at = place + 1
    if codes[at] != _BACKSLASH:
        return place + 3 if at + 1 < codes.size and codes[at + 1] == _QUOTE else place
    at += 2
    while at < min(place + _LONGEST_CHARACTER, codes.size) and codes[at] != _NEWLINE:
        if codes[at] == _QUOTE:
            return at + 1
        at += 1
    return place


@compiled
def _begins(before):
    """Whether a slash after this character begins a regular expression: after an operator or an opening
    bracket."""
    return (
        before == 0 or before == 40 or before == 44 or before == 61 or before == 58 or before == 91
        or before == 33 or before == 38 or before == 124 or before == 63 or before == 123 or before == 59
    )  # fmt: skip


@compiled
def _pattern_end(codes, place):
    start, in_class = place, False
    place += 1
    while place < codes.size and codes[place] != _NEWLINE:
        point = codes[place]
        if point == _BACKSLASH:
            place += 2
            continue
        if point == 91:
            in_class = True
        elif point == 93:
            in_class = False
        elif point == _SLASH and not in_class:
            return place + 1
        place += 1
    return start
