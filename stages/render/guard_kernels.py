"""Counts what may take the parser long, in one pass over the tags of a page; the compiled half of ``guards``.

Knows what a tag is at first sight: a "<" and letters, whatever is around it. Does not know limits.
"""

from __future__ import annotations

from typing import Any

from stages.compiled import compiled
from stages.render.byte_kernels import WIDTH, first_of

#: What is counted: signs "<" and ">", roots and options that are opened, the largest rise of the depth,
#: closing tags without an opening one, the largest rise of the number of formatting elements, and tags that
#: may be long.
BEGINS, ENDS, ROOTS, OPTIONS, RISE, SURPLUS, FORMATTING, LONGS = range(8)
COUNTS = 8
#: Flags of the names of tags.
NESTS, FORMATS, SPECIAL = 1, 2, 4
OPTION, ROOT = SPECIAL, SPECIAL + 8
#: Rows of ``balance``, for names that are taken for the same if their numbers are.
NAMES = 1024

_sign = first_of(b"<>")


@compiled
def look(page: Any, bits: Any, kinds: Any, longest: Any, balance: Any, longs: Any, counts: Any) -> Any:
    """Fills ``counts``, which are zeros, as is ``balance``. ``bits``: five of each byte of a name. ``kinds``:
    flags by those of three bytes. ``longs``: the places of tags that have no "<" in as many bytes."""
    at, size, before = 0, len(page), -1
    depth = lowest = formats = least = 0
    while at < size:
        count = _sign(page, at)
        if count == WIDTH:
            at += WIDTH
            continue
        at += count
        if at >= size:
            break
        if page[at] == 62:
            counts[ENDS] += 1
            at += 1
            continue
        if before >= 0 and at - before > longest:
            longs[counts[LONGS]] = before
            counts[LONGS] += 1
        before = at
        counts[BEGINS] += 1
        at += 1
        closing = page[at] == 47
        if closing:
            at += 1
        second = bits[page[at + 1]]
        key = bits[page[at]] << 10 | second << 5 | (bits[page[at + 2]] if second else 0)
        kind = kinds[key]
        if not closing:
            counts[ROOTS] += kind == ROOT
            counts[OPTIONS] += kind == OPTION
        step = -1 if closing else 1
        if kind & NESTS:
            depth += step
            lowest = min(lowest, depth)
            counts[RISE] = max(counts[RISE], depth - lowest)
            balance[(key ^ key >> 5) & (NAMES - 1)] += step
        if kind & FORMATS:
            formats += step
            least = min(least, formats)
            counts[FORMATTING] = max(counts[FORMATTING], formats - least)
    if before >= 0 and size - 1 - before > longest:
        longs[counts[LONGS]] = before
        counts[LONGS] += 1
    for name in range(NAMES):
        counts[SURPLUS] -= min(balance[name], 0)
