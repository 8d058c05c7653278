"""Which lines of a file can state its licence, without the marks of comments.

In source code these are comments near words such as "license" or "permission", wherever they stand, and the
lines around such words at the head and the end of a file (texts in POD, docstrings, manifests). String
literals in the middle of a program are not.

Knows lines and comments of common languages; does not know what a line says.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

#: Words without which nothing is said of a licence.
TELLING = re.compile(
    r"licen[sc]|copying|copyleft|spdx|public[\s-]domain|redistribut|permission|warrant|proprietary|confidential|"
    r"[al]?gpl|\bmit\b|\bbsd\b|\bisc\b|apache|cc0|cc[\s-]by|creative\s?commons|terms|freely|free to|"
    r"trade secret|all rights|unlicense|without restriction|commercial|perl itself|wtfpl|beerware|"
    r"purposes? only|use only|may not be|do not distribute",
    re.IGNORECASE,
)
_QUICK = (
    "licen",
    "copying",
    "copyleft",
    "spdx",
    "public domain",
    "public-domain",
    "redistribut",
    "permission",
    "proprietary",
    "confidential",
    "gpl",
    "terms",
    "freely",
    "trade secret",
    "cc0",
    "creative",
    "unlicense",
    "perl itself",
    "commercial",
    "free to",
    "purposes only",
    "use only",
    "may not be",
    "do not distribute",
    "wtfpl",
    "beerware",
    "opensource.org",
    "without restriction",
)
#: What every match of ``TELLING`` has in it: looking for these first spares a search in every line.
_STEMS = (
    *(
        word
        for word in _QUICK
        if word not in ("public domain", "public-domain", "unlicense", "opensource.org")
    ),
    *("public", "warrant", "mit", "bsd", "isc", "apache", "all rights", "purpose"),
    *("cc-by", "cc by", "cc\tby", "cc\xa0by"),
)
_HEAD, _TAIL = 80, 60  # lines of a file that count also where they are no comments
_BEFORE, _AFTER = 6, 32  # lines around a telling one
_MOST = 400  # lines in all
_MOST_PROSE = 3000
_DENSE = 0.06  # share of telling lines in a text on terms
#: White space that stands for lines of program.
FAR = "\f"
_FAR = 40  # lines
_LONG = 2000  # characters of a line that are looked at
_MARK = re.compile(
    r"[ \t]*(?:(?://+!?|/\*+!?|\*+/?|#+!?|--+|;+|%+|!+|\"|'|<!--+|\(\*+|\{-+\|?|-\}|\|\||REM\b|rem\b"
    r"|dnl\b|\.\\\"|@c\b|~|=cut|\\\\|\|)[ \t]*)++"
)
_COMMENT = re.compile(
    r"[ \t]*(?://|/\*|\*|#|--|;|%|!|<!--|\(\*|\{-|REM\b|rem\b|dnl\b|\.\\\"|@c\b|'|\"|=(?:head|begin|pod)"
    r"|[Cc][ \t])"
)
_BLOCKS = (
    ("/*", "*/"),
    ("<!--", "-->"),
    ("(*", "*)"),
    ("{-", "-}"),
    ("#|", "|#"),
    ("--[[", "]]"),
    ("#=", "=#"),
)
_ENDING = re.compile(r"[ \t]*(?:\*+/|-->|\*+\)|-\}|\*+)[ \t]*$")


def bare(line: str) -> str:
    """A line without the marks of a comment around it."""
    line = line[:_LONG]
    match = _MARK.match(line)
    return _ENDING.sub("", line[match.end() :] if match else line.lstrip(" \t")).rstrip()


def telling(text: str) -> str:
    """The lines of a source file that may state its licence, bare, with an empty line where some were left
    out, or ``FAR`` where many were; "" where there are none."""
    lower = text.lower()
    if not any(word in lower for word in _QUICK):
        return ""
    lines = text.splitlines()
    hits = _hits(lines)
    if _is_prose(lines, len(hits)):
        return "\n".join(bare(line) for line in lines[:_MOST_PROSE])
    commented = _commented(lines)
    last = len(lines) - _TAIL
    kept: set[int] = set()
    for hit in hits:
        if not (hit < _HEAD or hit >= last or commented[hit]):
            continue
        # a comment to its end; where there is no comment, the lines around
        kept.add(hit)
        for step, reach in ((-1, _BEFORE), (1, _AFTER)):
            number, blank = hit + step, 0
            while 0 <= number < len(lines) and abs(number - hit) <= reach:
                if commented[hit] and not commented[number]:
                    blank += 1
                    if lines[number].strip() or blank > 1:
                        break
                kept.add(number)
                number += step
    order = sorted(kept)[:_MOST]
    result: list[str] = []
    for place, number in enumerate(order):
        if place and order[place - 1] != number - 1:
            result.append(FAR if number - order[place - 1] > _FAR else "")
        result.append(bare(lines[number]))
    return "\n".join(result)


def _hits(lines: list[str]) -> list[int]:
    """The numbers of the lines in which ``TELLING`` finds something."""
    lower = [line[:_LONG].lower() for line in lines]
    whole = "\n".join(lower)
    starts = list(accumulate(map(len, lower), lambda start, length: start + length + 1, initial=0))
    found: set[int] = set()
    for stem in _STEMS:
        place = whole.find(stem)
        while place >= 0:
            number = bisect_right(starts, place) - 1
            found.add(number)
            place = whole.find(stem, starts[number + 1])
    return [number for number in sorted(found) if TELLING.search(lines[number][:_LONG])]


def _is_prose(lines: list[str], told: int) -> bool:
    """Whether a file with so many telling lines is text on terms and little else."""
    if told < 10:
        return False
    written = [line for line in lines if line.strip()]
    return told >= _DENSE * len(written) and sum(line.count(" ") for line in written) >= 5 * len(written)


def _commented(lines: list[str]) -> list[bool]:
    """Whether each line is, or is in, a comment."""
    found = []
    until = ""
    for line in lines:
        line = line[:_LONG]
        if until:
            found.append(True)
            if until in line:
                until = ""
            continue
        found.append(_COMMENT.match(line) is not None)
        for begin, end in _BLOCKS:
            place = line.find(begin)
            if place >= 0 and end not in line[place + len(begin) :] and not line[:place].strip():
                until = end
                break
        if not until and line.startswith(("=pod", "=head", "=begin")):
            until = "=cut"
    return found
