"""Names of licences as people write them, and the id that each means: "GNU LGPL v2.1 or later", "the new BSD
license", "CC BY-SA 4.0", addresses of licences on the web.

Knows names. Whether a text puts anything under the licence that it names is for ``phrases`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from stages.licenses.expressions import Expression, single
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
    r"\s*(?:[),;\"]|of\s+the\s+(?:gnu\s+)?(?:general\s+public\s+)?licen[sc]e)*"
    r"(?:as\s+published\s+by[^,.;]{0,40}[),;\"]*)?[\s,;]*"
    r"(?:\+|\(?(?:or|and|and/or)[\s,]+\(?(?:at\s+(?:your|the\s+user'?s?)\s+(?:option|choice)\)?[\s,]*)?"
    r"(?:\(at\s+your\s+option\)\s*)?(?:any\s+)?(?:later|newer|greater|higher|above|up|subsequent"
    r"|more\s+recent))",
    re.IGNORECASE,
)


#: The abbreviation behind a name: ``(the "GPL")``.
_SHORT_FORM = re.compile(r"(?:\s*\(\s*(?:the\s+)?[\"']?(?:gnu\s+)?[al]?gpl[\"']?\s*\))?", re.IGNORECASE)


def _gnu(kind: str, text: str, start: int, stop: int, said: str | None, later: bool) -> Expression:
    """``said`` is a version within the name; otherwise it may be shortly after or before it."""
    if said is None:
        stop += len(_SHORT_FORM.match(text, stop)[0])  # type: ignore[index]
        near = text[stop : stop + _AFTER]
        cut = re.search(r"general\s+public|\b[al]?gpl|\n\s*\n", near, re.IGNORECASE)
        near = near[: cut.start()] if cut else near
        after = re.match(r"[\s,('\"-]*v?\.?(\d(?:\.\d)?)(?![\d.]*\d|\s*(?:days|years|files))", near)
        match = after or _VERSION.search(near)
        if match is not None:
            said = match[1]
            later = bool(_LATER.match(text[stop + match.end() : stop + match.end() + 160]))
        elif match := re.search(
            r"(?:versions?|ver|v)[\s.]*(\d(?:\.\d)?)([^.;]{0,60})$",
            text[max(0, start - 90) : start],
            re.IGNORECASE,
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
        "AGPL"
        if "affero" in words
        else "LGPL"
        if "lesser" in words or "library" in words
        else "GFDL"
        if "documentation" in words
        else "GPL"
    )
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
                match.string[match.end() : match.end() + 40],
                re.IGNORECASE,
            )
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
    near = re.match(r"[^\d.;\n]{0,40}?(\d\.\d)", match.string[match.end() : match.end() + 60])
    name = "-".join([*parts, near[1] if near else "4.0"])
    return single(name if name in table() else "-".join([*parts, "4.0"]))


def _address(match: re.Match[str]) -> Expression:
    what, version = match["by"].upper(), match["of"] or "4.0"
    name = f"CC-{what}-{version}"
    return single(name if name in table() else f"CC-{what}-4.0")


def _fixed(name: str) -> Callable[[re.Match[str]], Expression]:
    found = single(name)
    return lambda match: found


def _fsl(match: re.Match[str]) -> Expression:
    return single("FSL-1.1-MIT" if "mit" in match[0].lower() else "FSL-1.1-ALv2")


def _cecill(match: re.Match[str]) -> Expression:
    name = match[0].upper().replace(" ", "-")
    return single(name if name in table() else f"CECILL-{match[1]}" if match[1] else "CECILL-2.1")


def _perl(match: re.Match[str]) -> Expression:
    return PERL


class _Row(NamedTuple):
    """``pattern``: a space is any white space, LIC one of the words for a licence, VER a version behind it,
    with a comma or "version" before the number. One of ``keys``, in lower case, is in all that it matches."""

    keys: str
    pattern: str
    means: Callable[[re.Match[str]], Expression] | str
    vague: bool = False


_LATER_SHORT = r"(?P<plus>\+|-or-later| or (?:any )?(?:later|newer|above))?"
_CLAUSES = r"(?:[0234]|two|three|four|zero)[\s-]*clauses?"
_KIND = r"(?:new|modified|revised|simplified|original|old|permissive|zero|[0234]|two|three|four)[\s-]+"
_BY = r"(?:\(?by\)?|non[\s-]?commercial|nc|no[\s-]?deriv\w*|nd|share[\s-]?alike|sa)\b"
#: Earlier rows win where names begin at the same place and are equally long.
_ROWS = (
    _Row("gnu", r"gnu (?:affero |lesser |library )?(?:general |gnu )*(?:public|library) LIC", _full_gnu),
    _Row("documentation", r"gnu free documentation LIC", _full_gnu),
    _Row("general", r"(?:affero |lesser |library )?general public LIC", _full_gnu),
    _Row(
        "gpl",
        r"(?<![a-z0-9_/.-])(?:gnu[\s/-]+)?(?P<short>a|l)?gpl(?:'?d|ed)?(?:\s*-?,?\s*(?:version "
        r"|ver\.?\s*|v\.?\s*)?"
        r"(?P<number>\d(?:\.\d)?)(?:\.0)?(?![\d.]*\d)" + _LATER_SHORT + r"(?:-only)?|(?![a-z0-9_]))",
        _short_gnu,
    ),
    _Row(
        "gnu.org",
        r"gnu\.org/licenses/(?:old-licenses/)?(?P<short>a|l)?gpl-(?P<number>\d\.\d)(?P<plus>\+)?",
        _short_gnu,
    ),
    _Row("apache|asf", r"(?:apache|asf) (?:software )?LICVER", _versioned("Apache", "2.0")),
    _Row(
        "apache|asl",
        r"\b(?:apache|asl)[\s-]*(?:v|version\s*)?([12](?:\.[01])?)(?!\d)(?: LIC)?",
        _versioned("Apache", "2.0"),
    ),
    _Row("apache.org", r"apache\.org/licenses/license-(2\.0|1\.1)", _versioned("Apache", "2.0")),
    _Row(
        "mit|expat|x11",
        r"(?<![\w-])(?:(?:mit|x11)[/\s-]+)?(?:mit|expat"
        r"|x11)(?:\s*\(?expat\)?)?[\s-]+(?:style )?(?:open source |software )?LIC",
        "MIT",
    ),
    _Row("mit", r"opensource\.org/licenses?/mit\b|mit-license\.(?:org|php)|\bmitlicense\.org", "MIT"),
    _Row(
        "bsd",
        r"(?:"
        + _KIND
        + r"(?:clauses?[\s-]+)?)?(?:free)?bsd[\s-]+\(?"
        + _CLAUSES
        + r"\)?(?: \"?(?:new|simplified|revised|modified|original)\"?(?: or \"?(?:revised"
        r"|new)\"?)?)?(?:[\s-]+LIC)?",
        _bsd,
    ),
    _Row("bsd", _KIND + r"(?:clauses?[\s-]+)?(?:free)?bsd(?:[\s-]+(?:style[\s-]+)?LIC)?", _bsd),
    _Row("bsd", r"opensource\.org/licenses?/bsd-?([23])-clause", _bsd),
    _Row(
        "bsd",
        r"(?<![\w-])(?:free)?bsd[\s-]*(?:style|like|type)?[\s-]+(?:open source )?(?:software )?LIC",
        _bsd,
        True,
    ),
    _Row("bsd", r"opensource\.org/licenses?/bsd-license", _bsd, True),
    _Row("mozilla", r"mozilla public LICVER", _versioned("MPL", "2.0")),
    _Row(
        "mpl", r"(?<![\w-])mpl[\s-]*(?:,?\s*version\s*|v)?([12](?:\.[01])?)(?!\d)", _versioned("MPL", "2.0")
    ),
    _Row("mozilla.org", r"mozilla\.org/mpl/(2\.0|1\.1)", _versioned("MPL", "2.0")),
    _Row("eclipse", r"eclipse public LIC(?:\s*-)?VER", _versioned("EPL", "1.0")),
    _Row("epl", r"(?<![\w-])epl[\s-]*(?:,?\s*version\s*|v)?([12](?:\.0)?)(?!\d)", _versioned("EPL", "1.0")),
    _Row("eclipse.org", r"eclipse\.org/legal/epl-v?(2)", _versioned("EPL", "2.0")),
    _Row("eclipse.org", r"eclipse\.org/legal/epl-v?10?(?!\d)", "EPL-1.0"),
    _Row("eclipse", r"eclipse distribution LIC", "BSD-3-Clause"),
    _Row(
        "development",
        r"common development and distribution LIC(?:\s*\(?\"?cddl\"?\)?)?VER",
        _versioned("CDDL", "1.0"),
    ),
    _Row("cddl", r"(?<![\w-])cddl[\s-]*(?:v|version\s*)?(1\.[01])?", _versioned("CDDL", "1.0")),
    _Row("common", r"common public LIC", "CPL-1.0"),
    _Row("attribution", r"common public attribution LIC", "CPAL-1.0"),
    _Row("european", r"european union public LICVER", _versioned("EUPL", "1.2")),
    _Row("eupl", r"(?<![\w-])eupl(?:[\s-]*v?(1\.[0-2]))?", _versioned("EUPL", "1.2")),
    _Row("open software", r"open software LIC(?:\s*\(?osl\)?)?VER", _versioned("OSL", "3.0")),
    _Row("academic", r"academic free LIC(?:\s*\(?afl\)?)?VER", _versioned("AFL", "3.0")),
    _Row("artistic", r"artistic LICVER", _versioned("Artistic", "1.0")),
    _Row("boost", r"boost (?:software )?LIC|boost\.org/license_1_0", "BSL-1.0"),
    _Row(
        "zlib",
        r"zlib(?:\s*/\s*libpng)?[\s-]+(?:style )?LIC|zlib/libpng|zlib\.net/zlib_license|libpng/zlib LIC",
        "Zlib",
    ),
    _Row("libpng", r"libpng LIC", "libpng-2.0", True),
    _Row("isc", r"(?<![\w-])isc[\s-]+(?:style )?LIC|opensource\.org/licenses?/isc", "ISC"),
    _Row("illinois|ncsa", r"university of illinois[^.\n]{0,40}LIC|\bncsa (?:open source )?LIC", "NCSA"),
    _Row("postgresql", r"postgresql LIC", "PostgreSQL"),
    _Row("python|psf", r"(?:python (?:software foundation )?|psf )LIC", "Python-2.0"),
    _Row("php", r"php LIC|php\.net/license/3_01", "PHP-3.01"),
    _Row("ruby", r"ruby(?:'?s)? LIC|same (?:license|terms) as ruby(?: itself)?", "Ruby"),
    _Row("vim", r"vim[\s-]+LIC|same terms as (?:the )?vim(?: itself)?", "Vim"),
    _Row("uganda", r"\buganda\.txt\b", "Vim"),
    _Row(
        "perl",
        r"same (?:terms|license|conditions) as (?:the )?perl(?: 5)?(?: (?:itself|programming))?",
        _perl,
    ),
    _Row("perl", r"\bperl(?: 5)? (?:itself|LIC|artistic LIC)|perl5 LIC", _perl),
    _Row("font|ofl", r"open font LIC|scripts\.sil\.org/ofl|\bofl[\s-]1\.1", "OFL-1.1"),
    _Row("latex|lppl", r"latex project public LIC|\blppl\b", "LPPL-1.3c"),
    _Row("what the|wtfpl", r"do what the f\S* you want to public|(?<![\w-])wtfpl", "WTFPL"),
    _Row("unlicense", r"\bunlicense\b|unlicense\.org", "Unlicense"),
    _Row(
        "zero|cc0",
        r"publicdomain/zero/1\.0|\bcc0(?:[\s-]1\.0)?\b|creative commons (?:cc0|zero)|cc zero",
        "CC0-1.0",
    ),
    _Row(
        "creativecommons",
        r"creativecommons\.org/licenses/(?P<by>by(?:-nc)?(?:-sa|-nd)?)(?:/(?P<of>\d\.\d))?",
        _address,
    ),
    _Row(
        "cc|commons",
        r"(?:creative commons|\bcc)[\s:,-]+(?P<what>(?:attribution|by)(?:[\s,_/-]+" + _BY + r")*)",
        _commons,
    ),
    _Row("blue oak", r"blue oak model LIC", "BlueOak-1.0.0"),
    _Row("microsoft|ms-pl", r"microsoft public LIC|\bms-pl\b", "MS-PL"),
    _Row("reciprocal", r"microsoft reciprocal LIC", "MS-RL"),
    _Row("universal", r"universal permissive LIC", "UPL-1.0"),
    _Row("w3c", r"w3c\S?(?: software)?(?: notice)?(?: and)? LIC", "W3C"),
    _Row("unicode", r"unicode LIC", "Unicode-3.0"),
    _Row("openssl", r"openssl LIC", "OpenSSL"),
    _Row("sleepycat", r"sleepycat LIC", "Sleepycat"),
    _Row("curl", r"\bcurl LIC", "curl"),
    _Row("bouncy", r"bouncy castle LIC", "MIT"),
    _Row("server side|sspl", r"server side public LIC|\bsspl(?:v?1)?\b", "SSPL-1.0"),
    _Row("business|busl|bsl", r"business source LIC|\bbusl\b|\bbsl[\s-]1\.1", "BUSL-1.1"),
    _Row("additional use grant", r"additional use grant", "BUSL-1.1"),
    _Row("functional|fsl", r"functional source LIC(?:[^.\n]{0,40}\bmit\b)?|\bfsl-1\.\d-(?:a\w*|mit)", _fsl),
    _Row("elastic", r"elastic LIC", "Elastic-2.0"),
    _Row("commons clause", r"commons clause", "LicenseRef-Commons-Clause"),
    _Row("polyform", r"polyform noncommercial", "PolyForm-Noncommercial-1.0.0"),
    _Row("polyform", r"polyform [a-z]+(?: [a-z]+)? LIC", "LicenseRef-source-available"),
    _Row("hippocratic", r"hippocratic LIC", "Hippocratic-2.1"),
    _Row("nvidia", r"nvidia source code LIC", "LicenseRef-noncommercial"),
    _Row("redis|rsal", r"redis source available LIC|\brsalv?2?\b", "LicenseRef-source-available"),
    _Row("netscape", r"netscape public LIC", "NPL-1.1"),
    _Row("q public", r"\bq public LIC", "QPL-1.0"),
    _Row("apple", r"apple public source LIC", "APSL-2.0"),
    _Row("ibm", r"ibm public LIC", "IPL-1.0"),
    _Row("cecill", r"cecill(?:[\s-]*(?:version|v)?\s*([12]\.[01]))?(?:-[bc])?", _cecill),
    _Row("beerware|beer-ware", r"beer-?ware", "Beerware"),
    _Row(
        "domain",
        r"(?<![\w-])(?:in(?:to| to)?|to|as|of) (?:the )?public[\s-]+domain"
        r"|public[\s-]+domain(?=[\s.,;:!)*/-]|$)",
        "LicenseRef-public-domain",
    ),
    _Row("mit", r"(?<![\w-])(?-i:MIT)(?![\w-])", "MIT"),
    _Row("isc", r"(?<![\w-])(?-i:ISC)(?![\w-])", "ISC"),
    _Row("bsd", r"(?<![\w./-])bsd(?![\w-])", _bsd, True),
    _Row("zlib", r"(?<![\w./-])zlib(?![\w-])", "Zlib", True),
)
_VER = r"(?:\s*,?\s*(?:version|ver\.?|v\.?)?\s*(\d(?:\.\d\w?)?)(?!\d))?"
_ADDRESS = re.compile(r"\.(?:org|net|com|php)\b")
_TOKEN = re.compile(r"(?:[\w/#?=&%~-]|\.(?=\w))*")
_IDS = re.compile(r"(?<![\w./-])(?P<id>[A-Za-z0-9]+(?:-[A-Za-z0-9.]+)+\+?)(?![\w-])")


def _compiled(
    row: _Row,
) -> tuple[tuple[str, ...], re.Pattern[str], Callable[[re.Match[str]], Expression], bool]:
    pattern = row.pattern.replace(" ", r"\s+").replace("LIC", r"licen[sc]es?").replace("VER", _VER)
    means = _fixed(row.means) if isinstance(row.means, str) else row.means
    return tuple(row.keys.split("|")), re.compile(pattern, re.IGNORECASE), means, row.vague


_COMPILED = tuple(map(_compiled, _ROWS))


def names(text: str) -> list[Named]:
    """Names in a text, in its order; none overlaps another."""
    lower = " ".join(text.lower().split())
    found: list[tuple[int, int, int, Expression, bool]] = []
    for order, (keys, pattern, means, vague) in enumerate(_COMPILED):
        if any(key in lower for key in keys):
            for match in pattern.finditer(text):
                stop = match.end()
                if _ADDRESS.search(match[0]):  # of an address all belongs to the name
                    stop = _TOKEN.match(text, stop).end()  # type: ignore[union-attr]
                found.append((match.start(), -stop, order, means(match), vague))
    for match in _IDS.finditer(text):
        if (expression := table().known(match["id"])) is not None:
            found.append((match.start(), -match.end(), -1, expression, False))
    result: list[Named] = []
    for start, stop, _, expression, vague in sorted(found, key=lambda item: item[:3]):
        if not result or start >= result[-1].stop:
            result.append(Named(start, -stop, expression, vague))
    return result
