# mypy: allow-untyped-defs, allow-untyped-calls
"""The part of a text that C4 keeps: it removes lines first, and judges the document by the rest.

Knows lines of ``str.splitlines``, as datatrove uses them, for C4 and for Gopher quality. Does not know how
tokens are found.

C4 removes citations from a line before it checks its end and counts its sentences. Such a line has other
tokens than the same part of the text, so the pass returns these lines, edited, to be tokenized and counted
later.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled
from stages.signals import characters as of
from stages.signals.counts import COUNT
from stages.signals.lexicon import JAVASCRIPT, LOREM_IPSUM, POLICY
from stages.signals.lines import ELLIPSIS, FEED, HYPHEN, ends_in_dots, ends_in_mark, sentences, strip

LONG_WORD, SHORT_LINE = 1000, 3
BULLET, RETURN, OPEN, CLOSE, BRACE = map(ord, "•\r[]{")
_EDIT, _CITATION_NEEDED = (
    np.array(list(map(ord, word)), np.uint32) for word in ("[edit]", "[citation needed]")
)


@compiled
def _stands(codes, at, stop, word):
    same = 0
    while same < word.size and at + same < stop and codes[at + same] == word[same]:
        same += 1
    return same == word.size


@compiled
def _citation_end(codes, at, stop, classes):
    """End of a citation that starts here ([12], [], [edit], [citation needed]); without one, the place
    itself."""
    inside = at + 1
    while inside < stop and classes[codes[inside]] & of.DIGIT:
        inside += 1
    if inside < stop and codes[inside] == CLOSE:
        return inside + 1
    if _stands(codes, at, stop, _EDIT):
        return at + _EDIT.size
    return at + _CITATION_NEEDED.size if _stands(codes, at, stop, _CITATION_NEEDED) else at


@compiled
def _without_citations(codes, start, stop, classes, edited):
    """Write the rest of a line; returns its length. Nothing is written if there are no brackets."""
    at = start
    while at < stop and codes[at] != OPEN:
        at += 1
    if at == stop:
        return stop - start
    at, length = start, 0
    while at < stop:
        after = _citation_end(codes, at, stop, classes) if codes[at] == OPEN else at
        if after == at:
            edited[length] = codes[at]
            length, after = length + 1, at + 1
        at = after
    return length


@compiled
def _judge(codes, start, stop, words, long_word, kinds):
    """The column of ``Counts`` for the verdict on a line."""
    if long_word:
        return COUNT.c4_long_word_lines
    if stop == start or not ends_in_mark(codes, start, stop) or ends_in_dots(codes, start, stop):
        return COUNT.c4_unpunctuated_lines
    if words < SHORT_LINE:
        return COUNT.c4_short_lines
    if kinds & LOREM_IPSUM:
        return COUNT.c4_lorem_ipsum_lines
    if kinds & JAVASCRIPT:
        return COUNT.c4_javascript_lines
    for at in range(start, stop):
        if codes[at] == BRACE:
            return COUNT.c4_curly_bracket_lines
    return COUNT.c4_policy_lines if kinds & POLICY else COUNT.c4_kept_lines


@compiled
def split_lines(
    codes, bounds, classes, token_starts, token_stops, token_bounds, chunk_starts, chunk_stops, chunk_bounds,
    hit_starts, hit_kinds, hit_bounds, edited, edited_bounds, owners, rows,
):  # fmt: skip
    """Count lines of ``str.splitlines``; returns how many of the lines that C4 keeps had citations.

    Line ``i`` of these, without its citations, is ``edited_bounds[i]`` to ``edited_bounds[i + 1]`` of the
    codes ``edited`` and of text ``owners[i]``. Its sentences are not counted yet.
    """
    token, chunk, hit, cited, free = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    edited_bounds[0] = 0
    for text in range(rows.shape[0]):
        row = rows[text]
        start, end = bounds[text], bounds[text + 1]
        while start < end:
            stop = start
            while stop < end and not classes[codes[stop]] & of.LINE_BREAK:
                stop += 1
            row[COUNT.text_lines] += 1
            inner, outer = strip(codes, start, stop, classes)
            start = stop + 1
            if start < end and codes[stop] == RETURN and codes[start] == FEED:
                start += 1
            if inner == outer:
                continue
            row[COUNT.bullet_lines] += codes[inner] == BULLET or codes[inner] == HYPHEN
            row[COUNT.ellipsis_lines] += ends_in_dots(codes, inner, outer) or codes[outer - 1] == ELLIPSIS
            first_token, first_chunk = token, chunk
            while token < token_bounds[text + 1] and token_starts[token] < stop:
                token += 1
            long_word, kinds = False, 0
            while chunk < chunk_bounds[text + 1] and chunk_starts[chunk] < stop:
                long_word |= chunk_stops[chunk] - chunk_starts[chunk] > LONG_WORD
                chunk += 1
            while hit < hit_bounds[text + 1] and hit_starts[hit] < stop:
                kinds |= hit_kinds[hit]
                hit += 1
            words = chunk - first_chunk
            length = _without_citations(codes, inner, outer, classes, edited[free:])
            if length < outer - inner:
                verdict = _judge(edited, free, free + length, words, long_word, kinds)
            else:
                verdict = _judge(codes, inner, outer, words, long_word, kinds)
            row[verdict] += 1
            if verdict != COUNT.c4_kept_lines:
                continue
            row[COUNT.c4_kept_words] += words
            if length < outer - inner:
                free += length
                owners[cited] = text
                cited += 1
                edited_bounds[cited] = free
            else:
                row[COUNT.c4_sentences] += sentences(
                    codes, classes, token_starts, token_stops, first_token, token
                )
    return cited


@compiled
def cited_sentences(codes, classes, starts, stops, bounds, owners, rows):
    """Add the sentences of lines without their citations."""
    for line in range(owners.size):
        rows[owners[line], COUNT.c4_sentences] += sentences(
            codes, classes, starts, stops, bounds[line], bounds[line + 1]
        )
