"""Which pieces of code are secrets: keywords given to the rules that they belong to, overlaps resolved.

Knows which rule takes which keyword, and who wins where two claim the same characters. Does not know how
keywords are found (``keywords``), nor the rules (``labels``, ``stages.credentials``).

Texts are looked at as bytes in which each is a character: all that rules look for is ASCII, and places are
those of UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import pyarrow as pa

from stages.code import labels
from stages.code.keywords import BEFORE, EXACT, LABEL, SCHEME, WITHIN, Keywords
from stages.code.labels import Found
from stages.credentials.forms import FORMS, Form, key_blocks
from stages.credentials.values import entropy, is_example, is_jwt_header, is_placeholder
from stages.text.utf8 import utf8

PLACEHOLDER = "REDACTED_SECRET"
#: A line with one of these holds what a scanner was told not to report.
_ALLOWED = ("gitleaks:allow", "allowlist secret")
#: Bits a character that a token has at least, from its sign on.
LEAST_ENTROPY = 2.8

#: How far from a secret the comment that excuses it may be.
WIDEST_LINE = 300

_Rule = Callable[[str, int], Found | None]


class _Issued:
    """The rule of a form."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{form.pattern})(?![A-Za-z0-9])", re.A)

    def __call__(self, text: str, at: int) -> Found | None:
        before = self._form.before
        found = (
            self._pattern.search(text, max(0, at - before), at + 256)
            if before
            else self._pattern.match(text, at)
        )
        if found is None or found.start() > at:
            return None
        groups = found.groupdict()
        group = "value" if "value" in groups else 0
        if "jwt" in groups and not is_jwt_header(found["jwt"]):
            return None
        if entropy(found[group]) < LEAST_ENTROPY:
            return None
        example = is_example(found[0]) or is_placeholder(found[0])
        return Found(self._form.rule, *found.span(group), example)


_WORDS: list[tuple[bytes, int]] = []
_RULES: list[_Rule | None] = []
for _form in FORMS:
    for _sign in _form.signs:
        _WORDS.append((_sign.encode(), WITHIN if _form.before else EXACT))
        _RULES.append(_Issued(_form))
for _label in labels.LABELS:
    _WORDS.append((_label.encode(), LABEL))
    _RULES.append(labels.labelled)
_WORDS += [(b"bearer ", BEFORE), (b"basic ", BEFORE), (b"://", SCHEME), (b"PRIVATE KEY", WITHIN)]
_RULES += [labels.bearer, labels.basic, labels.login, None]  # None: the block of a key
_KEYWORDS = Keywords(_WORDS)
del _form, _sign, _label

#: Every rule, in the order in which they claim what several see.
RULES = (
    *dict.fromkeys(form.rule for form in FORMS),
    *("private_key", "url_password", "bearer_token", "basic_login", "labelled_secret", "password"),
)
_PRIORITY = {rule: number for number, rule in enumerate(RULES)}


class InText(NamedTuple):
    """What a text has: its row, its secrets in order and without overlaps, and its bytes as characters."""

    row: int
    secrets: list[Found]
    characters: str

    def redacted(self) -> str:
        """The text with every secret replaced."""
        pieces: list[str] = []
        end = 0
        for found in self.secrets:
            pieces += self.characters[end : found.start], PLACEHOLDER
            end = found.end
        return "".join([*pieces, self.characters[end:]]).encode("latin-1").decode()


def secrets(texts: pa.Array | pa.ChunkedArray, examples: bool = False) -> Iterator[InText]:
    """Every text in which there are secrets, in order. ``examples``: also stand-ins, and what a scanner was
    told to leave alone. A null has none."""
    data, starts = utf8(texts.fill_null("") if texts.null_count else texts)
    for row, hits in groupby(_KEYWORDS.find(data, starts).tolist(), key=itemgetter(0)):
        text = data[starts[row] : starts[row + 1]].tobytes().decode("latin-1")
        if found := _apart([one for one in _in_text(text, hits) if examples or not _excused(text, one)]):
            yield InText(row, found, text)


def _in_text(text: str, hits: Iterator[list[int]]) -> Iterator[Found]:
    blocks = False
    for _, at, word in hits:
        rule = _RULES[word]
        if rule is None:
            blocks = True
        elif (found := rule(text, at)) is not None:
            yield found
    if blocks:
        yield from (Found("private_key", *span) for span in key_blocks(text))


def _excused(text: str, found: Found) -> bool:
    if found.example:
        return True
    start = text.rfind("\n", max(0, found.start - WIDEST_LINE), found.start) + 1
    stop = text.find("\n", found.end, found.end + WIDEST_LINE)
    line = text[start or max(0, found.start - WIDEST_LINE) : stop if stop >= 0 else found.end + WIDEST_LINE]
    return any(word in line for word in _ALLOWED)


def _apart(found: list[Found]) -> list[Found]:
    """Without overlaps: of two the rule that comes first in ``RULES`` stays, of one rule the one that begins
    first."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, _PRIORITY[one.rule], -one.end)):
        if kept and one.start < kept[-1].end:
            if _PRIORITY[one.rule] >= _PRIORITY[kept[-1].rule]:
                continue
            kept.pop()
        kept.append(one)
    return kept
