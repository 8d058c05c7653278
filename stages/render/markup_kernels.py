"""Reads markup as a parser writes its tree; a compiled part of ``scan``.

Every element is closed in order, values stand in double quotes, and there are five references. Knows where
tags, raw text and elements end. Does not know what is printed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.compiled import compiled, inlined
from stages.render import kinds
from stages.render.byte_kernels import WIDTH, find, first_of, says
from stages.render.text_kernels import NO, hash_of, is_blank, look_up

(
    _RAW,
    _SCRIPT,
    _VOID,
) = map(
    np.int64,
    (
        kinds.RAW,
        kinds.SCRIPT,
        kinds.VOID,
    ),
)

#: Bytes after a page: any search for the end of something ends there.
TAIL = len(kinds.TAIL)

# What is found in a tag; the places of class, id, role and itemprop are after these.
HREF, COUNT, MARK, NUMBER, ALT, ALT_END, DECLARE, TAG_END, NAMES = range(9)
FOUND = 17


@inlined
def name_end(page: Any, at: Any) -> Any:
    while page[at] != 32 and page[at] != 62:
        at += 1
    return at


@inlined
def is_at(page: Any, at: Any, word: Any) -> Any:
    for index in range(len(word)):
        if page[at + index] != word[index]:
            return False
    return True


_HREF_NAME = np.frombuffer(b"href", np.uint8)
_ALT_NAME = np.frombuffer(b"alt", np.uint8)
_CLASS_NAME = np.frombuffer(b"class", np.uint8)
_ID_NAME = np.frombuffer(b"id", np.uint8)
_ROLE_NAME = np.frombuffer(b"role", np.uint8)
_PROP_NAME = np.frombuffer(b"itemprop", np.uint8)
_DECLARE_NAME = np.frombuffer(b"declare", np.uint8)

#: What may end raw text, or else what is a comment in it.
_next, _next_in_comment = first_of(b"<"), first_of(b"<-")
_says_script = says(b"script")


@compiled
def read_tag(page: Any, at: Any, found: Any) -> Any:
    """Reads attributes from ``at`` (the end of the name) on; returns the place after the tag."""
    for index in range(FOUND):
        found[index] = 0
    while page[at] == 32:
        start = at + 1
        at = start + 1  # a name may begin with "="
        while page[at] != 61:
            at += 1
        size = at - start
        first = at + 2
        last = find(page, first, len(page) - TAIL, 34)
        at = last + 1
        letter = page[start]
        if size == 1 and letter == 47:  # "/": no attribute of a page has this name
            found[MARK] = page[first]
            number = 0
            for index in range(first + 1, last):
                number = 10 * number + page[index] - 48
            found[NUMBER] = number
            continue
        found[COUNT] += 1
        if size == 4 and letter == 104 and is_at(page, start, _HREF_NAME):
            found[HREF] = 1
        elif size == 3 and letter == 97 and is_at(page, start, _ALT_NAME):
            found[ALT], found[ALT_END] = first, last
        elif size == 5 and letter == 99 and is_at(page, start, _CLASS_NAME):
            found[NAMES + 0], found[NAMES + 1] = first, last
        elif size == 2 and letter == 105 and is_at(page, start, _ID_NAME):
            found[NAMES + 2], found[NAMES + 3] = first, last
        elif size == 4 and letter == 114 and is_at(page, start, _ROLE_NAME):
            found[NAMES + 4], found[NAMES + 5] = first, last
        elif size == 8 and letter == 105 and is_at(page, start, _PROP_NAME):
            found[NAMES + 6], found[NAMES + 7] = first, last
        elif size == 7 and letter == 100 and is_at(page, start, _DECLARE_NAME):
            found[DECLARE] = 1
    found[TAG_END] = at
    return at + 1


@compiled
def after_markup(page: Any, at: Any) -> Any:
    """The place after the comment or instruction at ``at``."""
    if page[at + 1] == 33 and page[at + 2] == 45 and page[at + 3] == 45:
        start = at + 6
        at = find(page, start, len(page), 62)
        while page[at - 1] != 45 or page[at - 2] != 45:
            at = find(page, at + 1, len(page), 62)
        return at + 1
    return find(page, at, len(page), 62) + 1


@compiled
def raw_end(page: Any, at: Any, name: Any, end: Any, script: Any, last: Any) -> Any:
    """Where the closing tag of an element of raw text begins that has its content at ``at``, and its name at
    ``name``; ``last`` if the page has none. Within a comment of a script, another script may be opened
    and closed (HTML 13.2.5.20)."""
    size = end - name
    commented = opened = False
    while at < last:
        while at < last:
            count = _next_in_comment(page, at) if commented else _next(page, at)
            if count < WIDTH:
                at += count
                break
            at += WIDTH
        if at >= last:
            break
        if page[at] == 45:
            if page[at + 1] == 45 and page[at + 2] == 62:
                commented = opened = False
        elif page[at + 1] == 47:
            same = True
            for index in range(size):
                same &= (page[at + 2 + index] | 32) == (page[name + index] | 32)
            after = page[at + 2 + size]
            if same and (after == 62 or after == 47 or is_blank(after)):
                if not opened:
                    return at
                opened = False
        elif script and page[at + 1] == 33 and page[at + 2] == 45 and page[at + 3] == 45:
            commented = True
            if page[at + 4] == 62 or (page[at + 4] == 45 and page[at + 5] == 62):
                commented = False
        elif commented and not opened:
            after = page[at + 7]
            opened = _says_script(page, at + 1) and (after == 62 or after == 47 or is_blank(after))
        at += 1
    return last


@inlined
def after_tag(page: Any, at: Any) -> Any:
    """The place after the opening tag whose name ends at ``at``."""
    while page[at] == 32:
        at += 2
        while page[at] != 61:
            at += 1
        at = find(page, at + 2, len(page), 34) + 1
    return at + 1


@compiled
def after_element(page: Any, at: Any, name: Any, stop: Any, tags: Any) -> Any:
    """The place after the closing tag of the element whose content is at ``at``."""
    row = look_up(tags, hash_of(page, name, stop, NO))
    if row >= 0 and tags[row, 2] & _RAW:
        return raw_end(page, at, name, stop, tags[row, 2] & _SCRIPT, len(page) - TAIL) + 3 + stop - name
    depth, size = 1, len(page) - TAIL
    while depth:
        at = find(page, at, size, 60)
        if at >= size:
            return size
        letter = page[at + 1]
        if letter == 33 or letter == 63:
            at = after_markup(page, at)
            continue
        closing = letter == 47
        start = at + 2 if closing else at + 1
        end = name_end(page, start)
        row = look_up(tags, hash_of(page, start, end, NO))
        flags = tags[row, 2] if row >= 0 else 0
        at = after_tag(page, end)
        if flags & _VOID:
            continue
        if closing:
            depth -= 1
        elif flags & _RAW:
            at = raw_end(page, at, start, end, flags & _SCRIPT, size) + 3 + end - start
        else:
            depth += 1
    return at
