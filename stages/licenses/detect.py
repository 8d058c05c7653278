"""What one text says of its terms: an SPDX tag, licence texts in it, names of licences, pointers to files.

What is left of a text beside the licences found in it is read once more: words of other terms make the answer
one that nobody takes for permissive. A text in which nothing is found says nothing; it is never guessed.

Knows texts. Does not know paths, nor what holds for which file (``resolve``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from stages.licenses import phrases
from stages.licenses.expressions import Expression, both, single
from stages.licenses.groups import RANK
from stages.licenses.lines import FAR, bare, telling
from stages.licenses.match import Match, matches
from stages.licenses.naming import names
from stages.licenses.table import UNKNOWN_ID, table
from stages.licenses.words import Words, words

#: How a text is read: a program with comments, a file of terms, or prose that may have a section on terms.
Role = Literal["source", "terms", "prose"]

_TAG = re.compile(
    r"^\W{0,8}(?:\w{1,12}\W{1,3})?SPDX-License-Identifier\s*:[ \t]*([^\n]*)", re.IGNORECASE | re.MULTILINE
)
_TAG_END = re.compile(r"\s*(?:\*+/|-->|\*\)|#\}|-\}|\"+|'+|\|#|%>|\?>|\]\]|=#|<.*|\$|\\n.*)\s*$")
_TAGS = 1500  # characters after the first tag of a text within which others are as good
_PERMISSIVE = RANK["permissive"]
_PARTS = re.compile(
    r"\w\.(?:[chsS]|cc|cpp|hpp|py|js|ts|rb|go|rs|java|php|pl|lua|swift|css|txt|md)\b|\w/\w*|files?\b"
    r"|portions?\b|parts?\b",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"^\W{0,12}(?:\d+[.)]?\s*)?(?:\W{0,4})(?:the\s+|source\s+|software\s+|code\s+)?(?:licen[sc]es?"
    r"|licen[sc]ing|li[cz]en[csz]i?[ae]|copyright|copying|legal|terms|许可|ライセンス)\b"
    r"[^.\n]{0,40}\W*$",
    re.IGNORECASE,
)
_ANY_HEADING = re.compile(
    r"^(?:#{1,6}\s|={1,6}\s|<h\d|\*{1,4}\s+\w[^.]{0,40}$)|^(?:[=\-~^\"*+#]{3,})\s*$", re.IGNORECASE
)
_SELF = re.compile(
    r"(?:\b(?:this|the|our|all)\s+(?:\w+\s+){0,3}?(?:project|software|library|package|code|module"
    r"|repo\w*|program|works?|plug-?in|gem|tools?|"
    r"source|app\w*|crate|theme|extension|framework|files?|documents?|distribution|material\w*|content"
    r"|data\w*|scripts?)\b|^\W*(?:it\s+is\s+)?(?:licen[sc]ed|released|distributed)\b|"
    r"^\W*[\w.`*'+-]+(?:\s[\w.`*'+-]+){0,3}\s+(?:is|are)\s+(?:\w+[\s-]+){0,3}?(?:licen[sc]ed|released"
    r"|distributed|made\s+available|available|provided|free\s+software|open\s+source)\b|\blicen[sc]e\s*:)",
    re.IGNORECASE,
)  # fmt: skip
_OTHERS = re.compile(
    r"third[\s-]?part|3rd[\s-]?part|dependenc|bundled|vendored|\bfonts?\b|\bicons?\b|\blogos?\b"
    r"|\bimages?\b|artwork|trademark|\bincludes\s+(?:code|software|parts)|portions\s+of|"
    r"contribut\w+\s+(?:to|are|will|you)|by\s+contributing|inspired|borrowed|taken\s+from|derived\s+from"
    r"|adapted\s+from|weights|datasets?\b|documentation\s+is|docs\s+are",
    re.IGNORECASE,
)
_BADGE = re.compile(r"badge/licen[sc]e-((?:[\w.+]|--|%20)+)-\w+", re.IGNORECASE)
_OPENING = 1000  # characters at the head of such a text, where it may say what it is
_OWN_WORDS = 400  # and with more, a licence of somebody's own is not told by a few of its words
_SHORT = 60  # words: a file of terms with fewer is no licence of its own
_SECTION = 30  # lines
_TERMS_AFTER = 1500  # characters after the first licence of a file in which words of other terms count


class Statement(NamedTuple):
    """``expression`` is None where a text says nothing."""

    expression: Expression | None = None
    how: Literal["", "tag", "text", "name", "limits"] = ""
    vague: bool = False  # of one licence of several, or all, only a family was named
    choice: bool = False
    pointers: tuple[str, ...] = ()
    bundle: tuple[str, ...] = ()  # ids of further licences in a file of terms, which are for parts of a work
    substantial: bool = False  # a file of terms with a text of its own, known or not

    @property
    def permissive(self) -> bool:
        return self.expression is not None and _rank(self.expression) <= _PERMISSIVE


NOTHING = Statement()


@lru_cache(maxsize=1024)
def statement(text: str, role: Role) -> Statement:
    """What a text says."""
    if role == "terms":
        return _terms(text)
    if role == "prose":
        return _prose(text)
    return _source(telling(text))


def tags(text: str) -> Expression | None:
    """The SPDX tags at the head of a text, which hold together, and of those further down (parts of others,
    texts of tests) the ones that ask for more; ``LicenseRef-unknown`` for one that names no licence."""
    found: list[Expression] = []
    first: int | None = None
    for match in _TAG.finditer(text):
        value = _TAG_END.sub("", match[1].strip()).strip()
        if not value:
            continue
        first = match.start(1) if first is None else first
        expression = table().expression(value)
        if expression is None and (named := names(value)):  # "BSD 3-Clause"
            expression = both([item.expression for item in named])
        if match.start(1) - first <= _TAGS and FAR not in text[first : match.start(1)]:
            found.append(expression or single(UNKNOWN_ID))
        elif expression is not None and not _permissive(expression):
            found.append(expression)
    return both(found) if found else None


class _Cut(NamedTuple):
    """A text without the licence texts in it: marks stand for them."""

    rest: str
    marked: tuple[Expression, ...]


def _cut(text: str) -> _Cut:
    found = words(text)
    marked: list[Expression] = []
    pieces: list[str] = []
    place = 0
    for match in matches(found):
        expression = _means(match, found, text)
        if expression is None:
            continue
        start, stop = found.starts[match.start], found.stops[match.stop - 1]
        pieces += [text[place:start], f" {phrases.MARK}{len(marked)}{phrases.MARK} "]
        marked.append(expression)
        place = stop
    pieces.append(text[place:])
    return _Cut("".join(pieces), tuple(marked))


def _means(match: Match, found: Words, text: str) -> Expression | None:
    """The licence of a matched text; ``LicenseRef-unknown`` if it was changed to other terms."""
    expression = table().known(match.license)
    if expression is None:
        return None
    foreign = _foreign(match, found, text)
    permissive = _rank(expression) <= _PERMISSIVE
    if foreign and (phrases.limits(foreign) or (permissive and phrases.conditions(foreign))):
        return both([expression, single(UNKNOWN_ID)])
    if not match.exact and not permissive and match.cost > 0.15 * match.size:
        return both([expression, single(UNKNOWN_ID)])
    return expression


def _foreign(match: Match, found: Words, text: str) -> str:
    """The pieces of a matched text that are not the licence's, as they stand."""
    pieces = []
    run: list[int] = []
    for word in (*match.foreign, -2):
        if run and word != run[-1] + 1:
            if len(run) > 1:
                pieces.append(text[found.starts[run[0]] : found.stops[run[-1]]])
            run = []
        run.append(word)
    return "\n\x03\n".join(pieces)


@lru_cache(maxsize=4096)
def _source(text: str) -> Statement:
    if not text:
        return NOTHING
    tag = tags(text)
    if tag is not None:
        return Statement(tag, "tag")
    rest, marked = _cut(text)
    found = _without_appendix(phrases.said(rest, marked), rest)
    expression, vague, choice = phrases.combined(rest, found)
    pointers = phrases.pointers(rest)
    if expression is not None:
        if (
            not choice and _permissive(expression) and _other_terms(rest, found, limits=True)
        ) or phrases.other(rest) is not None:
            expression = both([expression, single(UNKNOWN_ID)])
        return Statement(expression, "text" if marked else "name", vague, choice, pointers)
    if pointers and not phrases.other(rest):
        return Statement(pointers=pointers)
    if (limit := phrases.limits(rest)) is not None:
        return Statement(limit, "limits", pointers=pointers)
    if (other := phrases.other(rest)) is not None:
        return Statement(other, "name", pointers=pointers)
    if phrases.free(rest) and not phrases.copyleft(rest):
        return Statement(single("LicenseRef-permissive"), "text", pointers=pointers)
    return NOTHING


def _rank(expression: Expression) -> int:
    return RANK[expression.group(table().group)]


def _permissive(expression: Expression) -> bool:
    return _rank(expression) <= _PERMISSIVE


def _other_terms(rest: str, found: list[phrases.Said], limits: bool) -> bool:
    """Whether words of copyleft or of limits are in a text, beside what was found in it."""
    left = rest
    for item in reversed(found):
        if _permissive(item.expression):
            left = left[: item.start] + " " + left[item.stop :]
    return phrases.copyleft(left) or (limits and phrases.limits(left) is not None)


def _terms(text: str) -> Statement:
    cut, marked = _cut(text)
    rest = "\n".join(bare(line) for line in cut.splitlines())
    count = len(words(text).words)
    tag = tags(rest)
    found = _without_appendix(phrases.said(rest, marked, lax=count < 400 and not marked), rest)
    pointers = phrases.pointers(rest)
    if not marked and count >= _OWN_WORDS:
        # a long text that is not known names other licences in passing
        found = [item for item in found if item.start < _OPENING]
    if not found:
        if tag is not None:
            return Statement(tag, "tag", substantial=True)
        limit = phrases.limits(rest)
        if limit is not None and count >= _SHORT:
            return Statement(limit, "limits", pointers=pointers, substantial=True)
        if 30 <= count < _OWN_WORDS and phrases.free(rest) and not phrases.copyleft(rest) and not limit:
            return Statement(single("LicenseRef-permissive"), "text", pointers=pointers, substantial=True)
        return Statement(pointers=pointers, substantial=count >= _SHORT)
    expression, vague, choice = phrases.combined(rest, found)
    assert expression is not None
    ids = list(expression.ids())
    bundle: tuple[str, ...] = ()
    if not choice and marked and len(ids) > 1:
        first = found[0].expression
        # a name before a text is that of the text, or says what the text is for
        if found[0].start < rest.find(phrases.MARK):
            first = _leading(found, marked)
        expression = both([first, *_further(found, rest)]) if _permissive(first) else first
        bundle = tuple(id for id in ids if id not in list(expression.ids()))
    if not choice and _permissive(expression):
        start = rest.find(phrases.MARK)
        second = rest.find(f"{phrases.MARK}1{phrases.MARK}")
        end = second if second > 0 else start + _TERMS_AFTER if marked else len(rest)
        near = [item for item in found if item.stop <= end]
        if _other_terms(rest[:end], near, limits=True):
            expression = both([expression, single(UNKNOWN_ID)])
    return Statement(expression, "text" if marked else "name", vague, choice, pointers, bundle, True)


def _further(found: list[phrases.Said], rest: str) -> list[Expression]:
    """Permissive texts after the first of a file that do not say which files they are for: they hold for the
    work as well, and take nothing from it."""
    kept: list[Expression] = []
    place = 0
    for item in found:
        if rest.startswith(phrases.MARK, item.start):
            if (
                place
                and _title(item.expression) != _title(found[0].expression)
                and _permissive(item.expression)
                and not _PARTS.search(rest[place : item.start])
            ):
                kept.append(item.expression)
            place = item.stop
    return kept


def _title(expression: Expression) -> str:
    """An id without its version: libpng-2.0 is followed by the version before it."""
    return re.split(r"-\d+\.", str(expression))[0]


def _without_appendix(found: list[phrases.Said], rest: str) -> list[phrases.Said]:
    """A text of the GNU project is followed by how to apply it, "or any later version": an example."""

    def gnu(item: phrases.Said) -> bool:
        return all(re.match(r"[AL]?GPL-|GFDL-", id) for id in item.expression.ids())

    kept: list[phrases.Said] = []
    inside = False
    for item in found:
        mark = rest.startswith(phrases.MARK, item.start)
        if mark or not (inside and gnu(item)):
            kept.append(item)
        if mark:
            inside = gnu(item)
    return kept


def _leading(found: list[phrases.Said], marked: tuple[Expression, ...]) -> Expression:
    """Of names and texts, the name that comes first if its text is there as well or it is the worse."""
    first = found[0].expression
    if any(set(first.ids()) & set(item.ids()) for item in marked):
        return first
    return both([first, marked[0]])


def _prose(text: str) -> Statement:
    lines = text.splitlines()
    tag = tags("\n".join(bare(line) for line in lines[:40]))
    if tag is not None:
        return Statement(tag, "tag")
    for number, line in enumerate(lines):
        if len(line) < 100 and _HEADING.match(line):
            section = _section(lines, number)
            found = _of_prose(section)
            if found.expression is not None or found.pointers:
                return found
    chosen = [
        line for line in re.split(r"(?<=[.!?])\s+(?=[A-Z`*\[])|\n\s*\n", text)
        if len(line) < 1200 and _SELF.search(line) and not _OTHERS.search(line)
    ]  # fmt: skip
    if chosen:
        found = _of_prose("\n".join(chosen))
        if found.expression is not None:
            return found
    if badge := _BADGE.search(text):
        name = re.sub(r"%20|_", " ", badge[1].replace("--", "-"))
        expression = table().expression(name) or table().expression(name.replace(" ", "-"))
        if expression is not None:
            return Statement(expression, "name", vague=True)
    return NOTHING


def _section(lines: list[str], start: int) -> str:
    """A section on terms, up to the next heading or to where it speaks of others' work."""
    kept = [lines[start]]
    for number in range(start + 1, min(len(lines), start + 1 + _SECTION)):
        line = lines[number]
        if number > start + 1 and _ANY_HEADING.match(line):
            break
        if (
            number + 1 < len(lines)
            and re.fullmatch(r"[=\-~^]{3,}\s*", lines[number + 1])
            and number > start + 1
            and line.strip()
        ):
            break
        kept.append(line)
    return "\n".join(kept)


def _of_prose(text: str) -> Statement:
    cut, marked = _cut(text)
    rest = "\n".join(bare(line) for line in cut.splitlines())
    found = phrases.said(rest, marked, lax=True)
    own: list[phrases.Said] = []
    for item in found:
        begin = max(rest.rfind("\n\n", 0, item.start), rest.rfind(". ", 0, item.start))
        if own and _OTHERS.search(rest[min(begin + 1, own[-1].stop) : item.start]):
            break
        if own and item.start - own[-1].stop > 400:
            break
        own.append(item)
    expression, vague, choice = phrases.combined(rest, own)
    if expression is None:
        limit = phrases.limits(rest)
        return Statement(limit, "limits" if limit else "", pointers=phrases.pointers(rest))
    if not choice and _permissive(expression) and phrases.limits(rest):
        expression = both([expression, single(UNKNOWN_ID)])
    return Statement(expression, "text" if marked else "name", vague, choice, phrases.pointers(rest))
