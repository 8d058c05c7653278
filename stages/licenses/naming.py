"""Names of licences as people write them, and the id that each means: "GNU LGPL v2.1 or later", "the new BSD
license", "CC BY-SA 4.0", addresses of licences on the web.

Knows names. Whether a text puts anything under the licence that it names is for ``phrases`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from stages.licenses.expressions import Expression, both, single
from stages.licenses.table import PERL, table


class Named(NamedTuple):
    """A name at ``start`` to ``stop`` of a text. ``vague``: it is that of a family ("BSD-style")."""

    start: int
    stop: int
    expression: Expression
    vague: bool = False


_VERSION = re.compile(r"\b(?:versions?|ver|v|revision)[\s.:]*(\d(?:\.\d)?)(?!\d)", re.IGNORECASE)
_AFTER = 130  # characters after a name in which its version is looked for
_LATER = re.compile(
    r"\s*(?:\)|,|;|of\s+the\s+(?:gnu\s+)?(?:general\s+public\s+)?licen[sc]e|as\s+published\s+by[^,.;]{0,40}|\")*[\s,;]*"
    r"(?:\+|\(?(?:or|and|and/or)[\s,]+\(?(?:at\s+(?:your|the\s+user'?s?)\s+(?:option|choice)\)?[\s,]*)?"
    r"(?:\(at\s+your\s+option\)\s*)?(?:any\s+)?(?:later|newer|greater|higher|above|up|subsequent|more\s+recent))",
    re.IGNORECASE,
)  # fmt: skip


def _gnu(kind: str, text: str, start: int, stop: int, said: str | None, later: bool) -> Expression:
    """``said`` is a version within the name; otherwise it may be shortly after or before it."""
    if said is None:
        near = text[stop : stop + _AFTER]
        cut = re.search(r"general\s+public|\b[al]?gpl|\n\s*\n", near, re.IGNORECASE)
        near = near[: cut.start()] if cut else near
        after = re.match(r"[\s,('\"-]*v?\.?(\d(?:\.\d)?)(?![\d.]*\d|\s*(?:days|years|files))", near)
        match = after or _VERSION.search(near)
        if match is not None:
            said = match[1]
            later = bool(_LATER.match(text[stop + match.end() : stop + match.end() + 160]))
        elif match := re.search(
            r"(?:versions?|ver|v)[\s.]*(\d(?:\.\d)?)([^.;]{0,60})$", text[max(0, start - 90) : start], re.IGNORECASE
        ):
            said = match[1]
            later = bool(_LATER.match(match[2]))
    else:
        later = later or bool(_LATER.match(text[stop : stop + 160]))
    defaults = {"GPL": "1.0", "LGPL": "2.0", "AGPL": "3.0", "GFDL": "1.1"}
    if said is None:
        return single(f"{kind}-{defaults[kind]}-or-later")
    said = said if "." in said else f"{said}.0"
    if kind == "GFDL" and said == "1.0":
        said = "1.1"
    name = f"{kind}-{said}-{'or-later' if later else 'only'}"
    return single(name if name in table() else f"{kind}-{defaults[kind]}-or-later")


def _full_gnu(match: re.Match[str]) -> Expression:
    words = match[0].lower()
    kind = (
        "AGPL" if "affero" in words else "LGPL" if "lesser" in words or "library" in words
        else "GFDL" if "documentation" in words else "GPL"
    )  # fmt: skip
    return _gnu(kind, match.string, match.start(), match.end(), None, False)


def _short_gnu(match: re.Match[str]) -> Expression:
    kind = {"": "GPL", "a": "AGPL", "l": "LGPL"}[(match["short"] or "").lower()]
    return _gnu(kind, match.string, match.start(), match.end(), match["number"], bool(match["plus"]))


def _versioned(prefix: str, default: str, ending: str = "") -> Callable[[re.Match[str]], Expression]:
    """An id with a version: that in the name, or shortly after it, or the default."""

    def found(match: re.Match[str]) -> Expression:
        said = next((group for group in match.groups() if group), None)
        if said is None:
            near = re.match(
                r"[\s,('\"-]*(?:version|ver\.?|v\.?)?[\s.]*(\d(?:\.\d)?)(?!\d)",
                match.string[match.end() : match.end() + 40], re.IGNORECASE,
            )  # fmt: skip
            said = near[1] if near else default
        said = said if "." in said else f"{said}.0"
        name = f"{prefix}-{said}{ending}"
        return single(name if name in table() else f"{prefix}-{default}{ending}")

    return found


def _bsd(match: re.Match[str]) -> Expression:
    words = match[0].lower()
    if re.search(r"2|two|simplified|freebsd", words):
        return single("BSD-2-Clause")
    if re.search(r"4|four|original|old", words):
        return single("BSD-4-Clause")
    if re.search(r"zero|0", words):
        return single("0BSD")
    return single("BSD-3-Clause")


def _commons(match: re.Match[str]) -> Expression:
    words = re.sub(r"[\s_]+", "-", match["what"].lower())
    parts = ["CC", "BY"]
    if re.search(r"non-?commercial|\bnc\b|-nc", words):
        parts.append("NC")
    if re.search(r"no-?deriv|-nd\b", words):
        parts.append("ND")
    if re.search(r"share-?alike|-sa\b", words):
        parts.append("SA")
    near = re.match(
        r"[^\d.;\n]{0,40}?(\d\.\d)", match.string[match.end() : match.end() + 60]
    )
    name = "-".join([*parts, near[1] if near else "4.0"])
    return single(name if name in table() else "-".join([*parts, "4.0"]))


def _address(match: re.Match[str]) -> Expression:
    what, version = match["by"].upper(), match["of"] or "4.0"
    name = f"CC-{what}-{version}"
    return single(name if name in table() else f"CC-{what}-4.0")


def _spdx(match: re.Match[str]) -> Expression:
    return table().known(match["id"]) or single("LicenseRef-unknown")


def _just(name: str) -> Callable[[re.Match[str]], Expression]:
    found = single(name)
    return lambda match: found


_LIC = r"licen[sc]es?"
#: (pattern, id or what finds it, whether the name is vague). Earlier rows win where names overlap and begin at
#: the same place.
_ROWS: tuple[tuple[str, Callable[[re.Match[str]], Expression], bool], ...] = (
    (r"gnu\s+(?:affero\s+|lesser\s+|library\s+)?(?:general\s+|gnu\s+)*(?:public|library)\s+" + _LIC, _full_gnu, False),
    (r"gnu\s+free\s+documentation\s+" + _LIC, _full_gnu, False),
    (r"(?:affero\s+|lesser\s+|library\s+)?general\s+public\s+" + _LIC, _full_gnu, False),
    (
        r"(?<![a-z0-9_/.-])(?:gnu[\s/-]+)?(?P<short>a|l)?gpl(?:'?d|ed)?(?:\s*-?,?\s*(?:version\s+|ver\.?\s*|v\.?\s*)?"
        r"(?P<number>\d(?:\.\d)?)(?:\.0)?(?![\d.]*\d)(?P<plus>\+|-or-later|\s+or\s+(?:any\s+)?(?:later|newer|above))?"
        r"(?:-only)?|(?![a-z0-9_]))",
        _short_gnu,
        False,
    ),
    (r"(?:apache|asf)\s+(?:software\s+)?" + _LIC + r"(?:\s*,?\s*(?:version|ver\.?|v\.?)?\s*([12](?:\.[01])?)(?!\d))?",
     _versioned("Apache", "2.0"), False),
    (r"\b(?:apache|asl)[\s-]*(?:v|version\s*)?([12](?:\.[01])?)(?!\d)(?:\s+" + _LIC + ")?", _versioned("Apache", "2.0"), False),
    (r"apache\.org/licenses/license-(2\.0|1\.1)", _versioned("Apache", "2.0"), False),
    (r"(?<![\w-])(?:mit|expat|x11|mit[/\s-]+x11|mit[/\s]+expat|x11/mit)(?:\s*\(?expat\)?)?[\s-]+(?:open\s+source\s+|software\s+|style\s+|style\s+open\s+source\s+)?"
     + _LIC, _just("MIT"), False),
    (r"opensource\.org/licenses?/mit\b|mit-license\.(?:org|php)|\bmitlicense\.org", _just("MIT"), False),
    (r"(?:(?:the\s+)?(?:(?:new|modified|revised|simplified|original|old|permissive|zero|[234]|two|three|four)[\s-]+"
     r"(?:clauses?[\s-]+)?)?(?:free)?bsd(?:[\s-]+(?:[0234]|two|three|four|zero)[\s-]*clauses?)(?:\s+\"?(?:new|simplified|revised|modified|original)\"?(?:\s+or\s+\"?(?:revised|new)\"?)?)?(?:[\s-]+"
     + _LIC + r")?)", _bsd, False),
    (r"(?:(?:new|modified|revised|simplified|original|old|zero|[0234]|two|three|four)[\s-]+(?:clauses?[\s-]+)?)(?:free)?bsd(?:[\s-]+(?:style[\s-]+)?"
     + _LIC + r")?", _bsd, False),
    (r"opensource\.org/licenses?/bsd-?([23])-clause", _bsd, False),
    (r"(?<![\w-])(?:free)?bsd[\s-]*(?:style|like|type)?[\s-]+(?:open\s+source\s+)?(?:software\s+)?" + _LIC, _bsd, True),
    (r"opensource\.org/licenses?/bsd-license", _bsd, True),
    (r"mozilla\s+public\s+" + _LIC + r"(?:\s*,?\s*(?:version|v\.?)\s*([12](?:\.[01])?))?", _versioned("MPL", "2.0"), False),
    (r"(?<![\w-])mpl[\s-]*(?:,?\s*version\s*|v)?([12](?:\.[01])?)(?!\d)", _versioned("MPL", "2.0"), False),
    (r"mozilla\.org/mpl/(2\.0|1\.1)", _versioned("MPL", "2.0"), False),
    (r"eclipse\s+public\s+" + _LIC + r"(?:\s*,?\s*-?\s*(?:version|v\.?)?\s*([12](?:\.0)?))?", _versioned("EPL", "1.0"), False),
    (r"(?<![\w-])epl[\s-]*(?:,?\s*version\s*|v)?([12](?:\.0)?)(?!\d)", _versioned("EPL", "1.0"), False),
    (r"eclipse\.org/legal/epl-(?:v(?=1))?(2\.0|10)?", lambda match: single("EPL-2.0" if match[1] == "2.0" else "EPL-1.0"), False),
    (r"eclipse\s+distribution\s+" + _LIC, _just("BSD-3-Clause"), False),
    (r"common\s+development\s+and\s+distribution\s+" + _LIC + r"(?:\s*\(?\"?cddl\"?\)?)?(?:\s*,?\s*(?:version|v\.?)\s*(1\.[01]))?",
     _versioned("CDDL", "1.0"), False),
    (r"(?<![\w-])cddl[\s-]*(?:v|version\s*)?(1\.[01])?", _versioned("CDDL", "1.0"), False),
    (r"common\s+public\s+" + _LIC, _just("CPL-1.0"), False),
    (r"(?<![\w-])european\s+union\s+public\s+" + _LIC + r"|(?<![\w-])eupl(?:[\s-]*v?(1\.[0-2]))?", _versioned("EUPL", "1.2"), False),
    (r"common\s+public\s+attribution\s+" + _LIC, _just("CPAL-1.0"), False),
    (r"open\s+software\s+" + _LIC + r"(?:\s*,?\s*(?:\(?osl\)?)?\s*(?:version|v\.?)?\s*([123]\.[01]))?", _versioned("OSL", "3.0"), False),
    (r"academic\s+free\s+" + _LIC + r"(?:\s*,?\s*(?:\(?afl\)?)?\s*(?:version|v\.?)?\s*([123]\.[0-2]))?", _versioned("AFL", "3.0"), False),
    (r"artistic\s+" + _LIC + r"(?:\s*,?\s*(?:version|v\.?)?\s*([12](?:\.0)?))?", _versioned("Artistic", "1.0"), False),
    (r"boost\s+software\s+" + _LIC + r"|boost\s+" + _LIC + r"|boost\.org/license_1_0", _just("BSL-1.0"), False),
    (r"zlib(?:\s*/\s*libpng)?[\s-]+(?:style\s+)?" + _LIC + r"|zlib/libpng|zlib\.net/zlib_license|libpng/zlib\s+" + _LIC, _just("Zlib"), False),
    (r"libpng\s+" + _LIC, _just("Libpng"), False),
    (r"(?<![\w-])isc[\s-]+(?:style\s+)?" + _LIC + r"|opensource\.org/licenses?/isc", _just("ISC"), False),
    (r"university\s+of\s+illinois(?:[\s/]+ncsa)?[^.\n]{0,30}" + _LIC + r"|\bncsa\s+(?:open\s+source\s+)?" + _LIC, _just("NCSA"), False),
    (r"postgresql\s+" + _LIC, _just("PostgreSQL"), False),
    (r"(?:python\s+software\s+foundation|psf)\s+" + _LIC, _just("Python-2.0"), False),
    (r"python\s+" + _LIC, _just("Python-2.0"), False),
    (r"php\s+" + _LIC + r"|php\.net/license/3_01", _just("PHP-3.01"), False),
    (r"(?:the\s+)?ruby(?:'?s)?\s+" + _LIC + r"|same\s+(?:license|terms)\s+as\s+ruby(?:\s+itself)?", _just("Ruby"), False),
    (r"vim\s+" + _LIC + r"|same\s+terms\s+as\s+(?:the\s+)?vim(?:\s+itself)?|vim-?license|\buganda\.txt\b", _just("Vim"), False),
    (r"(?:same|perl)\s+(?:terms|license|licensing\s+terms|conditions)\s+as\s+(?:the\s+)?perl(?:\s+5)?(?:\s+(?:itself|programming))?"
     r"|\bperl(?:\s+5)?\s+(?:itself|license|artistic)|perl5\s+" + _LIC, lambda match: PERL, False),
    (r"sil\s+open\s+font\s+" + _LIC + r"|open\s+font\s+" + _LIC + r"|scripts\.sil\.org/ofl|\bofl[\s-]1\.1", _just("OFL-1.1"), False),
    (r"latex\s+project\s+public\s+" + _LIC + r"|\blppl\b", _versioned("LPPL", "1.3c"), False),
    (r"do\s+what\s+the\s+f\S*\s+you\s+want\s+to\s+public|(?<![\w-])wtfpl", _just("WTFPL"), False),
    (r"(?:the\s+)?unlicense\b(?!d)|unlicense\.org", _just("Unlicense"), False),
    (r"publicdomain/zero/1\.0|\bcc0(?:[\s-]1\.0)?\b|creative\s+commons\s+(?:cc0|zero)|cc\s+zero", _just("CC0-1.0"), False),
    (r"creativecommons\.org/licenses/(?P<by>by(?:-nc)?(?:-sa|-nd)?)(?:/(?P<of>\d\.\d))?", _address, False),
    (r"(?:creative\s+commons|\bcc)[\s:,-]+(?P<what>(?:attribution|by)(?:[\s,_/-]+(?:\(?by\)?|non[\s-]?commercial|nc|no[\s-]?derivat\w*|noderivs|nd|share[\s-]?alike|sa)\b)*)",
     _commons, False),
    (r"blue\s+oak\s+model\s+" + _LIC, _just("BlueOak-1.0.0"), False),
    (r"microsoft\s+public\s+" + _LIC + r"|\bms-pl\b", _just("MS-PL"), False),
    (r"microsoft\s+reciprocal\s+" + _LIC, _just("MS-RL"), False),
    (r"universal\s+permissive\s+" + _LIC, _just("UPL-1.0"), False),
    (r"w3c(?:\s*\S?\s+software(?:\s+notice)?(?:\s+and)?)?\s+" + _LIC, _just("W3C"), False),
    (r"unicode\s+" + _LIC, _just("Unicode-3.0"), False),
    (r"openssl\s+" + _LIC, _just("OpenSSL"), False),
    (r"sleepycat\s+" + _LIC, _just("Sleepycat"), False),
    (r"(?:the\s+)?curl\s+" + _LIC, _just("curl"), False),
    (r"bouncy\s+castle\s+" + _LIC, _just("MIT"), False),
    (r"server\s+side\s+public\s+" + _LIC + r"|\bsspl(?:v?1)?\b", _just("SSPL-1.0"), False),
    (r"business\s+source\s+" + _LIC + r"|\bbusl\b|\bbsl[\s-]1\.1", _just("BUSL-1.1"), False),
    (r"functional\s+source\s+" + _LIC + r"[^.\n]{0,40}\bmit\b", _just("FSL-1.1-MIT"), False),
    (r"functional\s+source\s+" + _LIC + r"|\bfsl-1\.\d-a\w*", _just("FSL-1.1-ALv2"), False),
    (r"elastic\s+" + _LIC, _just("Elastic-2.0"), False),
    (r"commons\s+clause", _just("LicenseRef-Commons-Clause"), False),
    (r"polyform\s+noncommercial", _just("PolyForm-Noncommercial-1.0.0"), False),
    (r"polyform\s+[a-z]+(?:\s+[a-z]+)?\s+" + _LIC, _just("LicenseRef-source-available"), False),
    (r"(?:hippocratic)\s+" + _LIC, _just("Hippocratic-2.1"), False),
    (r"nvidia\s+source\s+code\s+" + _LIC, _just("LicenseRef-noncommercial"), False),
    (r"redis\s+source\s+available\s+" + _LIC + r"|\brsalv?2?\b", _just("LicenseRef-source-available"), False),
    (r"netscape\s+public\s+" + _LIC, _just("NPL-1.1"), False),
    (r"q\s+public\s+" + _LIC, _just("QPL-1.0"), False),
    (r"apple\s+public\s+source\s+" + _LIC, _just("APSL-2.0"), False),
    (r"ibm\s+public\s+" + _LIC, _just("IPL-1.0"), False),
    (r"cecill(?:[\s-]*(?:version|v)?\s*([12]\.[01]))?(?:-[bc])?", lambda match: _cecill(match), False),
    (r"beerware|beer-ware", _just("Beerware"), False),
    (r"(?<![\w-])(?:in(?:to|\s+to)?|to|as|of)\s+(?:the\s+)?public[\s-]+domain|public[\s-]+domain(?=[\s.,;:!)*/-]|$)", _just("LicenseRef-public-domain"), False),
    (r"(?<![\w-])(?:mit|isc)(?![\w-])", lambda match: single(match[0].upper()), False),
    (r"(?<![\w./-])bsd(?![\w-])", _bsd, True),
    (r"(?<![\w./-])(?:psfl|zlib)(?![\w-])", lambda match: single({"psfl": "Python-2.0", "zlib": "Zlib"}[match[0].lower()]), True),
)  # fmt: skip


def _cecill(match: re.Match[str]) -> Expression:
    lower = match[0].lower()
    if lower.endswith("-b"):
        return single("CECILL-B")
    if lower.endswith("-c"):
        return single("CECILL-C")
    return single(f"CECILL-{match[1] or '2.1'}" if f"CECILL-{match[1]}" in table() else "CECILL-2.1")


_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), found, vague) for pattern, found, vague in _ROWS)
_IDS = re.compile(r"(?<![\w./-])(?P<id>[A-Za-z0-9]+(?:-[A-Za-z0-9.]+)+\+?)(?![\w-])")


def names(text: str) -> list[Named]:
    """Names in a text, in its order; none overlaps another."""
    found: list[tuple[int, int, Expression, bool, int]] = []
    for order, (pattern, means, vague) in enumerate(_COMPILED):
        for match in pattern.finditer(text):
            found.append((match.start(), match.end(), means(match), vague, order))
    for match in _IDS.finditer(text):
        if (expression := table().known(match["id"])) is not None:
            found.append((match.start(), match.end(), expression, False, -1))
    found.sort(key=lambda item: (item[0], -item[1], item[4]))
    result: list[Named] = []
    for start, stop, expression, vague, _ in found:
        if result and start < result[-1].stop:
            continue
        result.append(Named(start, stop, expression, vague))
    return result


def together(parts: list[Expression]) -> Expression:
    """Several statements that hold together."""
    return both(parts)
