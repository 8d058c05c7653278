"""Finds the personal data in a text: passes candidates to their recognisers and resolves overlaps.

Knows which recogniser takes which candidate, and which one wins if two claim the same characters. Does not
know the forms of addresses, numbers or keys.

The placeholder of a piece is ``REDACTED_`` and its kind, such as ``REDACTED_EMAIL``: a word of letters and
underscores, which has no meaning in any markup or programming language. Brackets would have one somewhere:
``<EMAIL>`` is a tag in HTML, a type in code and unreadable within ``Jane <jane@…>``; ``[EMAIL]`` is a link in
Markdown, ``{EMAIL}`` a field of a template, ``|||EMAIL|||`` cells of a table. The bare word stays a string
within quotes and a value in YAML. It has no digit and no sign that a recogniser looks for, and it is not
evidence for the text beside it: a number after ``REDACTED_PHONE`` is not taken for a telephone number because
of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import pyarrow as pa

from stages.pii import accounts, addresses, phones, secrets
from stages.pii.candidates import AT, BLOB, COLON, IBAN, NUMBER, candidates

#: Characters that two kinds claim belong to the kind that comes first.
KINDS = ("secret", "email", "iban", "card", "ip", "phone")

#: Limit on the number of passes over a text.
PASSES = 8


class Hit(NamedTuple):
    """A piece of personal data: ``text[start:end]``, in code points."""

    kind: str
    start: int
    end: int


_PLACEHOLDER = re.compile(f"REDACTED_(?:{'|'.join(KINDS).upper()})")

#: Digits, blanks, hyphens and brackets of other scripts and styles, and those of ASCII, one to one.
_FOREIGN = (
    "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹０１２３４５６７８９"
    "\u00a0\u2002\u2003\u2007\u2008\u2009\u202f\u2010\u2011\u2012\u2013\u2212－（）＋．："
)
_SPELLING = dict(zip(_FOREIGN, 3 * "0123456789" + 7 * " " + 6 * "-" + "()+.:", strict=True))
_IS_FOREIGN = re.compile(f"[{_FOREIGN}]")
#: Full-width characters to ASCII: Japanese pages write addresses with them.
_NARROW = {code + 0xFEE0: code for code in range(0x21, 0x7F)}


def _ascii(text: str) -> str:
    """The text with numbers in ASCII, of the same length, character by character."""
    if text.isascii():
        return text
    return _IS_FOREIGN.sub(lambda found: _SPELLING[found[0]], text)


def find(text: str, kinds: Collection[str] = KINDS, documentation: bool = False) -> list[Hit]:
    """All personal data of these kinds in one text, in order and without overlaps.

    ``documentation``: also data reserved for examples (example.com, 192.0.2.0/24, test cards).
    """
    return next((hits for _, _, hits in _find(pa.array([text]), kinds, documentation)), [])


class Redacted(NamedTuple):
    """A text in which something was found: its index, the number of pieces of each kind, the redacted
    text."""

    row: int
    counts: Counter[str]
    text: str


def redact(
    texts: pa.Array, kinds: Collection[str] = KINDS, documentation: bool = False
) -> Iterator[Redacted]:
    """Every text of a string array in which there is something to redact, in order.

    A number that touches another one may be recognised only after that one is redacted; so a redacted text is
    searched again, until nothing is found, or ``PASSES`` times: only endless rows of numbers would take more.
    """
    for row, text, hits in _find(texts, kinds, documentation):
        counts: Counter[str] = Counter()
        for _ in range(PASSES):
            counts.update(hit.kind for hit in hits)
            text = _replaced(text, hits)
            hits = find(text, kinds, documentation)
            if not hits:
                break
        yield Redacted(row, counts, text)


def _replaced(text: str, hits: list[Hit]) -> str:
    pieces: list[str] = []
    end = 0
    for hit in hits:
        pieces += text[end : hit.start], f"REDACTED_{hit.kind.upper()}"
        end = hit.end
    return "".join([*pieces, text[end:]])


def _find(
    texts: pa.Array, kinds: Collection[str], documentation: bool
) -> Iterator[tuple[int, str, list[Hit]]]:
    for row, group in groupby(candidates(texts).tolist(), key=itemgetter(0)):
        text = texts[row].as_py()
        if hits := _hits(text, group, kinds, documentation):
            yield row, text, hits


def _hits(text: str, found: Iterable[list[int]], kinds: Collection[str], documentation: bool) -> list[Hit]:
    # placeholders become signs that belong to no piece, so the text on the two sides stays apart
    text = _PLACEHOLDER.sub(lambda found: "¤" * len(found[0]), text)
    plain = _ascii(text)
    narrow = text.translate(_NARROW) if "＠" in text else text
    spans: dict[str, list[tuple[int, int] | None]] = {kind: [] for kind in KINDS}
    if "secret" in kinds:
        spans["secret"] += secrets.key_blocks(text)
    called = -1  # end of the last telephone number
    for _, which, start, end in found:
        if which == NUMBER:
            if "card" in kinds:
                spans["card"] += accounts.cards(plain, start, end, documentation)
            if "ip" in kinds:
                spans["ip"] += addresses.ipv4(plain, start, end, documentation)
            if "phone" in kinds and (numbers := phones.phones(plain, start, end, called)):
                spans["phone"] += numbers
                called = numbers[-1][1]
        elif which == AT:
            if "secret" in kinds:
                spans["secret"].append(secrets.url_password(text, start, documentation))
            if "email" in kinds:
                spans["email"].append(addresses.email(narrow, start, documentation))
        elif which == IBAN and "iban" in kinds:
            spans["iban"].append(accounts.iban(plain, start))
        elif which == COLON and "ip" in kinds:
            spans["ip"].append(addresses.ipv6(text, start, documentation))
        elif which == BLOB and "secret" in kinds:
            spans["secret"] += secrets.token(text, start, end, documentation)
    return _apart([Hit(kind, *span) for kind in KINDS for span in spans[kind] if span])


def _apart(hits: list[Hit]) -> list[Hit]:
    """The hits without overlaps: the earlier kind is kept, among equal kinds the one that begins first."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, KINDS.index(hit.kind), -hit.end)):
        if kept and hit.start < kept[-1].end:
            if KINDS.index(hit.kind) >= KINDS.index(kept[-1].kind):
                continue
            kept.pop()
        kept.append(hit)
    return kept
