"""What a text says of its terms besides the text of a licence: a name with words that put something under it,
a pointer to another file, or words that limit what may be done.

Works on ``bare`` text (``lines``) of which matched licence texts were cut out and replaced by a mark.

Knows phrases. Does not know files, nor licence texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from stages.licenses.expressions import Expression, both, either, single
from stages.licenses.naming import Named, names
from stages.licenses.table import UNKNOWN_ID, table

#: Stands in place of a licence text that was cut out; its number follows in between.
MARK = "\x02"
_MARKED = re.compile(r"\x02(\d+)\x02")

_GRANT = re.compile(
    r"(?:licen[sc]ed|released|distributed?|redistribut\w+|available|published|provided|covered|governed"
    r"|offered|issued|"
    r"shared|permitted|permission|modify|used?|copied|put|placed|dedicated|donated|contributed"
    r"|open[\s-]?sourced?|falls?|"
    r"protected|subject|licen[sc]ing|relicen[sc]ed|is|are|be|remains?|was|been|bound)\s*"
    r"(?:[\w,'\"()/`*\[\]:-]+\s+){0,9}?(?:under|by|to|in|into|with|as|via|per|of|through|within|is|are"
    r"|on|either|both|from|at)\b"
    r"[^.;]{0,90}$"
    r"|(?:licen[sc](?:es?|ing)|li[cz]en[czs]i?[ae]s?)(?:\s+(?:type|is|name|text|under|terms|information"
    r"|details|agreement))?\s*(?:\)|\]|\*|`|\")*\s*[:=\-\u2013|>(]+[\s\W]*(?:the\s+|under\s+|see\s+)*$"
    r"|\bunder\s+(?:the\s+|a\s+|an\s+|either\s+|both\s+|your\s+choice\s+of\s+|terms\s+of\s+"
    r"|conditions\s+of\s+|gnu\s+|version\s+\d\S*\s+of\s+)*(?:the\s+)?[\s\W]*$"
    r"|\bterms\s+(?:and\s+conditions\s+)?(?:of|in)\s[^.;]{0,90}$"
    r"|received\s+a\s+copy\s+of\s+(?:the|a)\s+$"
    r"|@licen[sc]e\s+(?:the\s+)?$|__licen[sc]e__\s*=\s*\W*$|copyright\s+and\s+licen[sc]e\W+$"
    r"|^\s*(?:\*\s*)?licen[sc]e[\s:]+$"
    r"|licen[sc]iado\s+(?:bajo|sob)\s[^.]{0,40}$|licen[sc]ia\s[^.]{0,40}$|lizenz\s[^.]{0,40}$"
    r"|licen[sc]e\s+\w+\s+$",
    re.IGNORECASE,
)
_AFTERWARDS = re.compile(
    r"\s*(?:\([^)\n]{0,40}\)\s*)?[\s-]*(?:licen[sc]ed\b|applies|governs|grants?\b)|'?d\b", re.IGNORECASE
)
#: What stands between names that belong together: words, the longer first, since none is read twice.
_BETWEEN = re.compile(
    r"^(?:(?:https?:)?//\S+|\(https?:\S+|[\w-]*licen[sc]e[\w-]*\.\w+|\.(?:txt|md)\b|v?\d(?:\.\d)?|licen[sc]e[sd]?"
    r"|alternatively|foundation|opensource|available|licenses|software|versions|general|version"
    r"|clause|either|https?|option|public|l?gpl|later|style|terms|under|which|also|both|dual|only"
    r"|well|your|and|any|are|gnu|org|see|the|www|an|as|at|is|of|or|a|[\s,/&+|()\"'\[\]`*:-])*+$",
    re.IGNORECASE,
)
_OR = re.compile(
    r"\bor\b(?!\s*\(?(?:at\s+your\s+option\)?\s*)?(?:any\s+)?(?:later|newer|implied))|\beither\b"
    r"|^\s?/\s?$|\|\|?"
    r"|\bdual|\byou\s+may\s+(?:select|choose)|at\s+your\s+(?:choice|option)(?!\)?\s*,?\s*any)|your\s+choice",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(
    r"\balternativ|\n[\s\W]*or[\s\W]*\n|\bor,?\s+(?:at\s+your\s+option|alternativ)", re.IGNORECASE
)
_DUAL = re.compile(
    r"\bdual|\beither\b|your\s+choice|any\s+of|one\s+of|tri-?licen|multi-?licen", re.IGNORECASE
)
_CHOOSE = re.compile(
    r"(?:(?!\n\s*\n).){0,300}?(?:you\s+may\s+(?:select|choose|use)|at\s+your\s+(?:option|choice)(?!\)))",
    re.IGNORECASE | re.DOTALL,
)
#: Words that only stand in the terms of a licence that is adapted to each work.
_TERMED = re.compile(r"additional\s+use\s+grant", re.IGNORECASE)
_WAIVED = single("LicenseRef-public-domain")
_PLACED = re.compile(r"(?:in(?:to|\s+to)?|to)\s+(?:the\s+)?public", re.IGNORECASE)
_NOT = re.compile(
    r"(?:\bnot\s+(?:be\s+)?(?:licen[sc]ed|released|available|covered|distributed|under)|in?compatible"
    r"|\bunlike\b|\binstead\s+of|"
    r"\bfrom\s+gpl|converted\s+to|relicens\w+\s+from|previously|formerly|no\s+longer|compat\w*\s+with"
    r"|\bnon-|similar\s+to|based\s+on|such\s+as|e\.g\.|"
    r"replac\w+\s+the|change\s+licen\w*|future\s+licen\w*)[^.;]{0,40}$",
    re.IGNORECASE,
)
_POINTER = re.compile(
    r"(?:\b(?:see|in|refer\w*\s+to|read|view|consult|accompany\w*|included|under|with|by|file|found\s+at"
    r"|check)\b)[\s\W]{0,6}"
    r"(?:the\s+|our\s+|included\s+|accompanying\s+|enclosed\s+|top[\s-]?level\s+|root\s+|files?\s+"
    r"|named\s+|full\s+|root-level\s+|project'?s?\s+)*"
    r"[\"'`(<\[{@]*(?:file\s+)?[\"'`(<\[]*"
    r"((?:[\w.-]+/)*(?:[\w-]*licen[sc]e[\w.-]*|copying[\w.-]*|copyright(?:s|\.\w+)?|[\w-]+\.(?:txt"
    r"|md|h))(?![\w/]))",
    re.IGNORECASE,
)
_ANOTHER = re.compile(
    r"[\s\"'`*)\]>,]*(?:and|or|and/or"
    r"|,)[\s\"'`*(<\[]+(?:the\s+)?(?:file\s+)?((?:[\w-]*licen[sc]e[.-][\w.-]*\w|copying[.-][\w.-]*\w))",
    re.IGNORECASE,
)
_SAME = re.compile(
    r"(?:conditions\s+of\s+distribution\s+and\s+use|copyright\s+(?:and\s+license\s+)?notice"
    r"|license)\s*,?\s+see\s+(?:copyright\s+notice\s+)?in\s+([\w./-]+)|"
    r"see\s+copyright\s+notice\s+in\s+([\w./-]+\w)",
    re.IGNORECASE,
)
#: A licence with a name that is not in ``naming``.
_OTHER = re.compile(
    r"(?i:licen[sc]ed|released|distributed|available|provided|published"
    r"|governed)\s+(?:\w+\s+){0,3}?(?i:under|by|subject\s+to|with)\s+"
    r"(?i:the\s+)?(?i:terms\s+(?:and\s+conditions\s+)?of\s+)?(?i:the\s+|an?\s+)?"
    r"[\"']?((?:[A-Z][\w.+-]*\s+){1,5}(?:Open\s+Source\s+|Software\s+|Public\s+)?(?:Licen[sc]e"
    r"|LICEN[SC]E|EULA|Agreement))"
)
_LIMITS = (
    (re.compile(r"proprietary\s+(?:and|&|/|or)?\s*(?:confidential|software|information|source|material"
        r"|to)|confidential\s+(?:and|&)\s+proprietary|"
     r"trade\s+secrets?|unauthori[sz]ed\s+(?:copying|use|reproduction|distribution|disclosure)"
     r"|strictly\s+(?:prohibited|confidential|forbidden)|"
     r"may\s+not\s+be\s+(?:copied|used|reproduced|distributed|disclosed|redistributed|modified"
     r"|sold)(?!\s+to\s+endorse)(?![^.;]{0,60}\bexcept\b)|not\s+for\s+(?:re)?distribution|"
     r"do\s+not\s+(?:re)?distribute|without\s+(?:the\s+)?(?:express(?:ed)?|prior"
     r"|explicit)\s+(?:written\s+)?(?:permission|consent|approval)\s+(?:of"
     r"|from)\s+[^.;]{0,40}is\s+(?:prohibited|forbidden)|"
     r"end[\s-]user\s+licen[sc]e\s+agreement|licen[sc]e\s+agreement\s+(?:you|with)"
     r"|proprietary\s+licen[sc]e|consult\s+your\s+licen|only\s+in\s+conjunction\s+with"
     r"|software\s+licen[sc]e\s+agreement|terms\s+of\s+service"
     r"|no\s+licen[sc]e\s+is\s+granted", re.IGNORECASE), "LicenseRef-proprietary"),
    (re.compile(r"non-?\s?commercial(?:ly)?\b|(?:academic|research|educational|personal"
        r"|evaluation)(?:\s+(?:and|or|/)\s+\w+)?\s+(?:use|purposes?)\s*only|only\s+for\s+(?:academic"
        r"|research|personal|educational)|"
     r"(?:not|no)\s+(?:be\s+)?(?:for\s+|used\s+for\s+"
     r"|used\s+in\s+(?:any\s+)?)?(?:any\s+)?commercial\s+(?:use|purpose|product|gain)"
     r"|for\s+commercial\s+(?:use|licen[sc]\w+)[^.;]{0,30}(?:contact|purchase|please|need|require)|"
     r"commercial\s+(?:use|purposes?)\s+(?:is|are|requires?)\s+(?:not|prohibited|forbidden|a\s|an?\s)"
     r"|do\s+not\s+sell|may\s+not\s+(?:be\s+)?s(?:ell|old)", re.IGNORECASE), "LicenseRef-noncommercial"),
    (re.compile(r"use-?\s?based\s+restrictions|you\s+agree\s+not\s+to\s+use\s+the\s+model"
        r"|responsible\s+ai\s+licen|competing\s+(?:product|service)|production\s+use\s+(?:is|requires)"
        r"|shall\s+be\s+used\s+for\s+good", re.IGNORECASE),
     "LicenseRef-source-available"),
)  # fmt: skip
#: In what is left of a text beside a permissive licence: words of other terms.
_COPYLEFT = re.compile(
    r"(?<![\w/.-])(?:[al]?gpl(?:v?\d|\b)|gnu\s+(?:\w+\s+)?(?:general\s+)?public)|copyleft"
    r"|share[\s-]?alike|must\s+also\s+be\s+(?:licen[sc]ed|released|made\s+available)\b|"
    r"source\s+code\s+(?:must|shall)\s+(?:be|also)\s+(?:made\s+)?(?:available|released|distributed)",
    re.IGNORECASE,
)
_OBLIGATION = re.compile(
    r"\b(?:must|shall(?!\s+not\s+be\s+liable)|may\s+not|required?\s+to|prohibit\w*|forbid\w*|obtain"
    r"|restrict\w*|"
    r"agrees?\s+to|subject\s+to)\b",
    re.IGNORECASE,
)
_FREE = re.compile(
    r"(?:permission|licen[sc]e)\s+(?:is\s+|to\s+)?[^.;]{0,100}?(?:hereby\s+)?grant|(?:can"
    r"|may)\s+(?:be\s+)?(?:freely\s+)?(?:used?|cop(?:y|ied)|modif\w+|redistribut\w+|distribut\w+"
    r"|do\s+(?:what|any)\w*)[^.;]{0,60}"
    r"(?:freely|for\s+any\s+purpose|any\s+purpose|without\s+(?:any\s+)?(?:restriction|limitation|fee"
    r"|royalt)|(?:any|what)\s?(?:thing|ever)?\s?(?:you|way))|"
    r"feel\s+free\s+to\s+use[^.;]{0,40}\b(?:file|code|script|software)"
    r"|do\s+what(?:ever)?\s+you\s+(?:want|like|please)|"
    r"redistribution\s+and\s+use\s+in\s+source\s+and\s+binary\s+forms",
    re.IGNORECASE,
)


class Said(NamedTuple):
    """One thing that a text says of its terms, at ``start`` to ``stop``."""

    start: int
    stop: int
    expression: Expression
    vague: bool


def said(text: str, marked: Sequence[Expression], lax: bool = False) -> list[Said]:
    """Names that something is put under, and marks; ``lax`` takes every name, as in a licence file."""
    found = [
        Said(match.start(), match.end(), marked[int(match[1])], False)
        for match in _MARKED.finditer(text)
        if int(match[1]) < len(marked)
    ]
    before: Said | None = None
    for name in names(text):
        if _states(text, name, before, lax):
            before = Said(name.start, name.stop, name.expression, name.vague)
            found.append(before)
    return sorted(found)


def _states(text: str, name: Named, before: Said | None, lax: bool) -> bool:
    lead = text[max(0, name.start - 160) : name.start]
    if _NOT.search(lead):
        return False
    if name.expression == _WAIVED and (_PLACED.match(text, name.start) or re.search(r"100\s?%\s*$", lead)):
        return True
    if _TERMED.match(text, name.start):
        return True
    if (
        before is not None
        and name.start - before.stop < 200
        and _BETWEEN.match(text[before.stop : name.start])
    ):
        return True
    # a family of letters that is also a word or a place: only with a licence around it
    tail = text[name.stop : name.stop + 60]
    if _GRANT.search(lead) or _AFTERWARDS.match(tail):
        return True
    if lax:
        return True
    line = text[text.rfind("\n", 0, name.start) + 1 : name.start]
    end = text.find("\n", name.stop)
    rest = text[name.stop : end if end >= 0 else len(text)]
    alone = re.fullmatch(
        r"\W*(?:(?:the|licen[sc]e|licen[sc]ed|under|copyright|or|is)\W*)*", line, re.IGNORECASE
    )
    return (
        alone is not None
        and re.fullmatch(
            r"[\s,]*(?:licen[sc]e)?(?:\s*\([^)]*\)|[,:;]?\s*+(?:(?:version|v\.?)\s*+)?\d[\d.]*+)*"
            r"\W*(?:licen[sc]e)?\W*",
            rest,
            re.IGNORECASE,
        )
        is not None
        and "licen" in (line + text[name.start : name.stop] + rest).lower()
    )


def combined(text: str, found: Sequence[Said]) -> tuple[Expression | None, bool, bool]:
    """All that was said as one expression, whether some of it is vague, and whether one may choose."""
    if not found:
        return None, False, False
    kept = _without_repeats(found)
    if len(kept) == 1:
        return kept[0].expression, kept[0].vague, False
    wanted = {item.expression for item in kept}
    runs: list[list[Expression]] = []  # of each run one may choose; all runs hold
    for place, item in enumerate(found):
        if any(item.expression in run for run in runs):
            continue
        before = found[place - 1] if place else None
        if before is not None and _choice(text, before, item, first=place == 1):
            next(run for run in runs if before.expression in run).append(item.expression)
        else:
            runs.append([item.expression])
    parts = [either(part for part in run if part in wanted) for run in runs if wanted.intersection(run)]
    chosen = any(len(wanted.intersection(run)) > 1 for run in runs)
    return both(parts), any(item.vague for item in kept), chosen


def _choice(text: str, earlier: Said, later: Said, first: bool) -> bool:
    """Whether one may choose between two that follow each other."""
    between = text[earlier.stop : later.start]
    if len(between) < 150 and _OR.search(between):
        return True
    if len(between) < 900 and _ALTERNATIVE.search(between):
        return True
    if len(between) < 80:
        lead = text[max(0, earlier.start - 110) : earlier.start]
        if _DUAL.search(lead if first else lead[-40:]):
            return True
    return len(between) < 200 and _CHOOSE.match(text, later.stop) is not None


def _without_repeats(found: Sequence[Said]) -> list[Said]:
    """One of each: what says less than another of its family (GPL without a version, "BSD") goes."""
    kept: list[Said] = []
    for item in found:
        if all(item.expression != other.expression for other in kept):
            kept.append(item)
    precise = [item for item in kept if not item.vague]
    families = {_family(id) for item in precise for id in item.expression.ids()}
    kept = [
        item for item in kept
        if not item.vague or not all(_family(id) in families for id in item.expression.ids())
    ]  # fmt: skip
    told = {id for item in kept for id in item.expression.ids()}
    result = []
    for item in kept:
        ids = list(item.expression.ids())
        if len(ids) == 1 and (base := re.fullmatch(r"([AL]?GPL|GFDL)-(\d\.\d)-(only|or-later)", ids[0])):
            kind, number, how = base.groups()
            # "See the GNU General Public License for more details" stands in notices of the other two as well
            near = ("GPL-", "LGPL-", "AGPL-") if kind == "GPL" else (f"{kind}-",)
            lowest = {"GPL": "1.0", "LGPL": "2.0", "AGPL": "3.0", "GFDL": "1.1"}[kind]
            if (
                how == "or-later"
                and number == lowest
                and any(id.startswith(near) and id != ids[0] for id in told)
            ):
                continue
            if how == "only" and f"{kind}-{number}-or-later" in told:
                continue
            if kind == "GPL" and _within_lesser(told, number):
                continue
        if ids == ["LicenseRef-public-domain"] and told & {"CC0-1.0", "Unlicense"}:
            continue
        if ids == ["Artistic-1.0"] and "Artistic-1.0-Perl" in told:
            continue
        result.append(item)
    return result or kept


def _within_lesser(told: set[str], number: str) -> bool:
    """A lesser licence speaks of the general one, and from version 3 on includes it."""
    return number in ("1.0", "3.0") and f"LGPL-{number}-only" in told


def _family(id: str) -> str:
    return re.split(r"[-\d]", id)[0]


def pointers(text: str) -> tuple[str, ...]:
    """Files that a text names as the place of its terms."""
    found = []
    for match in _POINTER.finditer(text):
        found.append(match[1])
        more, place = _ANOTHER.match(text, match.end()), match.end()
        while more is not None:  # "in LICENSE.A or LICENSE.B"
            found.append(more[1])
            place = more.end()
            more = _ANOTHER.match(text, place)
    found += [name for match in _SAME.finditer(text) for name in match.groups() if name]
    return tuple(dict.fromkeys(name.strip(".-") for name in found))


def limits(text: str) -> Expression | None:
    """Terms that keep others from using, changing or distributing something."""
    for pattern, id in _LIMITS:
        if pattern.search(text):
            return single(id)
    return None


def copyleft(text: str) -> bool:
    """Whether words of a copyleft licence are there."""
    return _COPYLEFT.search(text) is not None


def conditions(text: str) -> bool:
    """Whether pieces that were put into the text of a licence are conditions of their own, or copyleft."""
    return copyleft(text) or any(
        len(piece.split()) >= 10 and _OBLIGATION.search(piece) for piece in text.split("\n\x03\n")
    )


def other(text: str) -> Expression | None:
    """A licence whose name is unknown."""
    for match in _OTHER.finditer(text):
        if not names(match[1]) and table().known(match[1]) is None:
            return single(UNKNOWN_ID)
    return None


def free(text: str) -> bool:
    """Whether use and distribution are allowed, in words of no known licence."""
    return _FREE.search(text) is not None
