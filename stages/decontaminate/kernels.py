"""The compiled loops: tokens of texts, hashes of n-grams, the search for items in documents.

Knows bytes and hashes. The modules that call the loops say what these mean: ``words``, ``index``,
``measure``.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import allocating, compiled

#: Classes of characters, in the upper 8 bits of an entry of ``words.table``; the last three are also the
#: kinds of tokens.
APART, IGNORED, WORD, DIGIT, LETTER = range(5)
CLASS, _FOLDED = 24, 0xFFFFFF

_HAN = 0x40000  # planes 2 and 3, which the table does not cover
#: Consecutive tokens that a copy may have changed, left out or inserted.
_SKIP = 8
#: After a run of this many tokens no other is begun within it; otherwise a page of zeros would be compared
#: from each of them.
_LONG = 32

# Odd constants: multipliers of splitmix64 (Steele et al. 2014), and the fractional part of the golden ratio.
_SEED = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xBF58476D1CE4E5B9)
_BASE = np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)


@compiled
def tokenize(data, start, stop, table, hashes, kinds):  # type: ignore[no-untyped-def]
    """Write a hash of each token of ``data[start:stop]`` into ``hashes`` and, if it has room, its kind into
    ``kinds``; returns how many. Needs room for as many tokens as there are bytes."""
    told = len(kinds) > 0
    count, kind, length, index = 0, np.int64(APART), 0, start
    value = _SEED
    while index <= stop:
        entry = np.int64(APART)
        if index < stop:
            point = np.int64(data[index])
            index += 1
            if point >= 0x80:
                size = 1 if point < 0xE0 else 2 if point < 0xF0 else 3
                point &= 0x3F >> size
                for other in range(index, min(index + size, stop)):
                    point = point << 6 | np.int64(data[other]) & 0x3F
                index = min(index + size, stop)
            if point < len(table):
                entry = np.int64(table[point])
            elif point < _HAN:
                entry = LETTER << CLASS | point
        else:
            index += 1  # as if the text ended in a blank
        now = entry >> CLASS
        if now == IGNORED:
            continue
        if now != kind or now == LETTER:
            if kind > WORD or (kind == WORD and length > 1):
                hashes[count] = value
                if told:
                    kinds[count] = kind
                count += 1
            value, kind, length = _SEED, now, 0
        value = (value ^ np.uint64(entry & _FOLDED)) * _STEP
        value ^= value >> _HALF
        length += 1
    return count


@compiled
def tokenize_all(data, starts, table, hashes, kinds, offsets):  # type: ignore[no-untyped-def]
    """``tokenize`` for each text, one after the other; writes into ``offsets`` where the tokens of each
    start, and the end."""
    offsets[0] = 0
    for text in range(len(starts) - 1):
        first = offsets[text]
        offsets[text + 1] = first + tokenize(
            data, starts[text], starts[text + 1], table, hashes[first:], kinds[first:]
        )


@compiled
def hash_grams(tokens, size, grams):  # type: ignore[no-untyped-def]
    """Write a hash of every ``size`` consecutive tokens into ``grams``; returns how many."""
    power = np.uint64(1)
    for _ in range(size):
        power *= _BASE
    value = np.uint64(0)
    for index in range(len(tokens)):
        value = value * _BASE + tokens[index]
        if index >= size:
            value -= tokens[index - size] * power
        if index >= size - 1:
            mixed = (value ^ value >> _HALF) * _STEP
            grams[index - size + 1] = mixed ^ mixed >> _HALF
    return max(0, len(tokens) - size + 1)


@compiled
def item_grams(tokens, starts, sizes, grams, items, places):  # type: ignore[no-untyped-def]
    """Write the grams of all items, of ``sizes`` tokens each (0: none), with item and place; returns how
    many."""
    found = 0
    for item in range(len(sizes)):
        if sizes[item]:
            count = hash_grams(tokens[starts[item] : starts[item + 1]], sizes[item], grams[found:])
            for place in range(count):
                items[found + place], places[found + place] = item, place
            found += count
    return found


@allocating
def scan(data, starts, table, sizes, bitmap, directory, grams, rows, found, at):  # type: ignore[no-untyped-def]
    """Find the grams of an index (``index.Index``) in documents: writes the row of the document into
    ``rows``, the gram, and its token into ``at``; returns how many. Needs room for as many as there are
    bytes, for each of the ``sizes``."""
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    tokens, hashes = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    no_kinds = np.empty(0, np.uint8)
    bits = np.uint64(8 * len(bitmap) - 1)
    shift, buckets = np.uint64(64), len(directory) - 1
    while buckets > 1:
        shift, buckets = shift - np.uint64(1), buckets >> 1
    hits = 0
    for row in range(len(starts) - 1):
        count = tokenize(data, starts[row], starts[row + 1], table, tokens, no_kinds)
        for size in sizes:
            for start in range(hash_grams(tokens[:count], size, hashes)):
                gram = hashes[start]
                bit = gram & bits
                if not bitmap[bit >> np.uint64(3)] >> (bit & np.uint64(7)) & 1:
                    continue
                bucket = gram >> shift
                for place in range(directory[bucket], directory[bucket + np.uint64(1)]):
                    if grams[place] == gram:
                        rows[hits], found[hits], at[hits] = row, place, start
                        hits += 1
    return hits


@allocating
def overlaps(data, starts, table, rows, items, groups, places, at, first, tokens, kinds, shares):  # type: ignore[no-untyped-def]
    """How much of an item is in a document, for each pair of ``rows`` (sorted) and ``items``: the share of
    the item's counted tokens, or of its numbers if that is less.

    ``groups`` says where the seeds of each pair start, sorted by ``at``. A seed is a common gram that starts
    at token ``at`` of the document and at token ``places`` of the item. ``first`` says where the ``tokens``
    and ``kinds`` of each item start."""
    document = np.empty(0, np.uint64)
    for pair in range(len(rows)):
        row, item = rows[pair], items[pair]
        if pair == 0 or row != rows[pair - 1]:
            room = np.empty(starts[row + 1] - starts[row], np.uint64)
            count = tokenize(data, starts[row], starts[row + 1], table, room, np.empty(0, np.uint8))
            document = room[:count]
        own, kind = tokens[first[item] : first[item + 1]], kinds[first[item] : first[item + 1]]
        words, numbers = 0, 0
        for place in range(len(own)):
            words += kind[place] != 0
            numbers += kind[place] == DIGIT
        where = np.full(len(own), -1)  # per token of the item: where it was last found
        end = 0
        for seed in range(groups[pair], groups[pair + 1]):
            place, start = places[seed], at[seed]
            if where[place] == start or start < end:
                continue
            after, more, stop = _walk(document, own, kind, start, place, 1, where)
            before, others, _ = _walk(document, own, kind, start - 1, place - 1, -1, where)
            if after >= _LONG:
                end = stop
            share = (after + before) / words
            if numbers:
                share = min(share, (more + others) / numbers)
            shares[pair] = max(shares[pair], share)


@compiled
def _walk(document, tokens, kinds, start, place, step, where):  # type: ignore[no-untyped-def]
    """Compare document and item, forwards or backwards, as long as they are alike; returns the number of
    counted tokens found, the number of numbers, and the first token of the document that was not reached.

    Where they differ, the smallest number of up to _SKIP tokens of both is skipped such that the next two are
    equal again (one, if the item has no more)."""
    found, numbers = 0, 0
    ahead = len(tokens) - place if step > 0 else place + 1  # remaining tokens of the item
    room = len(document) - start if step > 0 else start + 1
    while ahead > 0 and room > 0:
        if tokens[place] == document[start]:
            where[place] = start
            found += kinds[place] != 0
            numbers += kinds[place] == DIGIT
            left, right = 1, 1
        else:
            left, right = _passed(document, tokens, start, place, step, ahead, room)
            if left < 0:
                break
        place, ahead = place + step * left, ahead - left
        start, room = start + step * right, room - right
    return found, numbers, start


@compiled
def _passed(document, tokens, start, place, step, ahead, room):  # type: ignore[no-untyped-def]
    """Tokens of the item and of the document to skip; -1 if the comparison ends here."""
    for both in range(1, 2 * _SKIP + 1):
        for left in range(max(0, both - _SKIP), min(both, _SKIP) + 1):
            right = both - left
            if left >= ahead or right >= room:
                continue
            one, other = place + step * left, start + step * right
            if tokens[one] != document[other]:
                continue
            if left + 1 == ahead or (right + 1 < room and tokens[one + step] == document[other + step]):
                return left, right
    return -1, -1
