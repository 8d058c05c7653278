"""Words of licence texts, as they are compared.

Comment marks, punctuation, case, white space, HTML and lines with a copyright notice make no difference, nor
do British spellings: what the matching guidelines of SPDX (annex B of its specification) call not
substantive.

Knows characters and words; does not know licences.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = re.compile(r"[a-z0-9]+")
#: Copyright notices: a line that names years or holders, not one in which terms speak of copyright.
_HOLDERS = re.compile(
    r"^[^\w\n]*(?:(?:portions |parts )?copyright[ \t:]*(?:\(c\)|©|&copy;|[<\[{]|[ \t\d,-]*\d{4}|by\b)"
    r"|\(c\)[ \t]*(?:copyright|\d{4}|by\b)|©|&copy;|"
    r"all rights reserved\W*$|copyright(?: holder)?:).*$",
    re.MULTILINE,
)
_TAG = re.compile(r"</?[a-z!][^<>\n]{0,200}>|&[a-z]{2,6};|&#\d+;")
#: Marks of comments that are words, at the start of a line.
_MARK = re.compile(r"^[ \t]*(?:dnl|rem|c|\*c)(?=[ \t])", re.MULTILINE)
_SAME = {
    "licence": "license",
    "licences": "licenses",
    "licenced": "licensed",
    "sublicence": "sublicense",
    "licencee": "licensee",
    "licencor": "licensor",
    "organisation": "organization",
    "organisations": "organizations",
    "authorised": "authorized",
    "authorisation": "authorization",
    "favour": "favor",
    "behaviour": "behavior",
    "acknowledgement": "acknowledgment",
    "judgement": "judgment",
    "merchantibility": "merchantability",
    "https": "http",
    "owner": "holder",
    "owners": "holders",
}


class Words(NamedTuple):
    """``words[n]`` stands at ``starts[n]`` to ``stops[n]`` of the text."""

    words: list[str]
    starts: list[int]
    stops: list[int]


def words(text: str) -> Words:
    """The words of a text that count."""
    lower = text.lower()
    if len(lower) != len(text):  # rare letters that get longer: places would be wrong
        lower = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    for pattern in (_HOLDERS, _MARK, _TAG):
        lower = pattern.sub(lambda match: " " * len(match[0]), lower)
    found: list[str] = []
    starts: list[int] = []
    stops: list[int] = []
    for match in _WORD.finditer(lower):
        word = match[0]
        found.append(_SAME.get(word, word))
        starts.append(match.start())
        stops.append(match.end())
    return Words(found, starts, stops)
