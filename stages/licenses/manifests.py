"""The licence that a package's manifest declares: package.json, Cargo.toml, pyproject.toml, DESCRIPTION, POM
and others.

A manifest that cannot be read, or declares nothing that is a licence, says nothing.

Knows forms of manifests. Does not know files besides them.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from stages.licenses.expressions import Expression, both, either, single
from stages.licenses.naming import names
from stages.licenses.table import UNKNOWN_ID, table

_KEYS = ("license", "licence", "licenses", "licences")
_FIELD = re.compile(
    r"^[ \t]*(?:license|licence|license-expression|bugzilla-license)[ \t]*[:=][ \t]*(.*)$", re.I | re.M
)
_QUOTED = re.compile(
    r"^[^\n#;%/]*?\b(?:license|licenses|licence)['\"]?\s*(?:=>|:=|=|:|\s"
    r"|\()\s*([\[({]*)\s*(?::[a-z]+\s*(?:=>)\s*)?(?:\"([^\"\n]{2,120})\""
    r"|'([^'\n]{2,120})')((?:\s*,\s*(?:\"[^\"\n]{2,60}\"|'[^'\n]{2,60}'))*)",
    re.IGNORECASE | re.MULTILINE,
)
_XML = re.compile(
    r"<licenses>(.*?)</licenses>|<PackageLicenseExpression>(.*?)</PackageLicenseExpression>"
    r"|<license\s+type=\"expression\">(.*?)</license>",
    re.IGNORECASE | re.DOTALL,
)
_CLASSIFIER = re.compile(r"License\s*::\s*(?:OSI Approved\s*::\s*)?([^\"'\n,]+)")
_CLASSIFIERS = {
    "mit license": "MIT",
    "bsd license": "BSD-3-Clause",
    "apache software license": "Apache-2.0",
    "isc license (iscl)": "ISC",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "gnu general public license (gpl)": "GPL-1.0-or-later",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "public domain": "LicenseRef-public-domain",
    "python software foundation license": "Python-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "zope public license": "ZPL-2.1",
    "other/proprietary license": "LicenseRef-proprietary",
}
_CPAN = {
    "perl_5": "perl",
    "apache_2_0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "freebsd": "BSD-2-Clause",
    "mit": "MIT",
    "open_source": "",
    "restrictive": "LicenseRef-proprietary",
    "unrestricted": "LicenseRef-permissive",
    "unknown": "",
}
_R = re.compile(r"(A?GPL|LGPL)[\s-]*(?:\(?\s*(>=|>|==)?\s*(\d(?:\.\d)?)\s*\)?)?")
LONGEST = 128 << 10


@lru_cache(maxsize=2048)
def declared(name: str, text: str) -> Expression | None:
    """What the manifest called ``name`` declares; None where it declares nothing."""
    text = text[:LONGEST]
    if "licen" not in text.lower():
        return None
    lower = name.lower()
    if lower == "description":
        return _description(text)
    if lower.endswith(".json") or lower == "haxelib.json":
        return _json(text)
    if lower.endswith(".toml"):
        return _toml(text)
    if lower.endswith((".xml", ".csproj", ".props", ".nuspec")):
        return _xml(text)
    if (
        lower in ("metadata", "pkg-info")
        or lower.endswith((".cabal", ".opam", ".spec", ".cff", ".yml", ".yaml"))
        or lower
        in (
            "opam",
            "setup.cfg",
            "dist.ini",
        )
    ):
        return _fields(text)
    return _code(text)


def _told(value: str) -> Expression | None:
    """An id, an expression, or words that name one or more licences."""
    value = value.strip().strip("\"'`,;").strip()
    if not value or len(value) > 400 or re.match(r"see\s+licen|file:|licen[sc]e$|\$", value, re.IGNORECASE):
        return None
    if value.lower() in _CPAN:
        value = _CPAN[value.lower()]
    found = table().expression(value)
    if found is not None:
        return found
    named = [item.expression for item in names(value)]
    if named:
        chosen = re.search(
            r"\bor\b|/|\|", re.sub(r"or\s+(?:any\s+)?later|or-later", "", value, flags=re.IGNORECASE), re.I
        )
        return either(named) if chosen else both(named)
    return (
        single(UNKNOWN_ID)
        if re.fullmatch(r"[\w .,+()-]{3,60}", value) and "unknown" not in value.lower()
        else None
    )


def _all(values: Iterator[str], chosen: bool) -> Expression | None:
    found = [expression for value in values if (expression := _told(value)) is not None]
    return (_listed(found) if chosen else both(found)) if found else None


def _listed(found: Sequence[Expression]) -> Expression:
    """Two licences in a list are a choice, as Maven, gems and Python's classifiers mean it. A longer list
    names what the parts of a bundle are under (jersey lists ten): the friendliest of them frees no file."""
    distinct = list(dict.fromkeys(found))
    return either(distinct) if len(distinct) <= 2 else both(distinct)


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key in ("type", "name", "spdx", "expression", "text", "id"):
            if isinstance(value.get(key), str):
                yield value[key] if key != "text" else value[key][:200]
                break
    elif isinstance(value, list):
        for item in value[:20]:
            yield from _values(item)


def _json(text: str) -> Expression | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return _code(text)
    if not isinstance(content, dict):
        return None
    for key in _KEYS:
        if content.get(key):
            # of a list, one may choose one: so it is with npm and Composer
            return _all(_values(content[key]), chosen=True)
    return None


def _toml(text: str) -> Expression | None:
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    tables = [
        content.get("package"),
        content.get("project"),
        (content.get("workspace") or {}).get("package")
        if isinstance(content.get("workspace"), dict)
        else None,
    ]
    tool = content.get("tool")
    if isinstance(tool, dict):
        tables += [
            tool.get("poetry"),
            (tool.get("flit") or {}).get("metadata") if isinstance(tool.get("flit"), dict) else None,
        ]
    for part in [*tables, content]:
        if isinstance(part, dict):
            value = part.get("license") or part.get("licenses")
            found = _all(_values(value), chosen=False) if value else None
            if found is None and isinstance(part.get("classifiers"), list):
                found = _classifiers("\n".join(str(item) for item in part["classifiers"]))
            if found is not None:
                return found
    return None


def _classifiers(text: str) -> Expression | None:
    found = [
        expression
        for match in _CLASSIFIER.finditer(text)
        if (value := match[1].strip())
        and value.lower() not in ("osi approved",)
        and (expression := table().known(_CLASSIFIERS.get(value.lower(), "")) or _told(value)) is not None
    ]
    return _listed(found) if found else None


def _xml(text: str) -> Expression | None:
    for match in _XML.finditer(text):
        if match[1] is None:
            return _told(match[2] or match[3] or "")
        found = []
        for one in re.findall(r"<license>(.*?)</license>", match[1], re.DOTALL | re.IGNORECASE)[:10]:
            name = re.search(r"<name>(.*?)</name>", one, re.DOTALL)
            address = re.search(r"<url>(.*?)</url>", one, re.DOTALL)
            expression = _told(" ".join(name[1].split())) if name else None
            if (expression is None or UNKNOWN_ID in expression.ids()) and address:
                expression = _told(address[1]) or expression
            if expression is not None:
                found.append(expression)
        return _listed(found) if found else None
    return None


def _fields(text: str) -> Expression | None:
    values = [match[1] for match in _FIELD.finditer(text)]
    found = _all(
        iter(value for value in values if value.strip() and not value.strip().startswith(("#", "["))),
        chosen=False,
    )
    return found if found is not None and UNKNOWN_ID not in found.ids() else _classifiers(text) or found


def _code(text: str) -> Expression | None:
    """Settings in a program: setup.py, gemspec, Makefile.PL, mix.exs."""
    found = None
    for match in _QUOTED.finditer(text):
        values = [match[2] or match[3]]
        if "[" in match[1]:
            values += [one or other for one, other in re.findall(r"\"([^\"]+)\"|'([^']+)'", match[4] or "")]
        found = _all(iter(values), chosen=True)
        if found is not None and UNKNOWN_ID not in found.ids():
            return found
    return _classifiers(text) or found


def _description(text: str) -> Expression | None:
    """R: ``License: GPL (>= 2) | MIT + file LICENSE``. A bar is a choice; "+ file" adds a holder or terms."""
    match = re.search(r"^License:[ \t]*(.*(?:\n[ \t].*)*)", text, re.MULTILINE)
    if match is None:
        return None
    parts = []
    for item in " ".join(match[1].split()).split("|"):
        item = re.sub(r"\+?\s*file\s+licen[sc]e", "", item, flags=re.IGNORECASE).strip()
        if not item:
            continue
        if gnu := _R.match(item):
            kind, how, number = gnu.groups()
            if number is None:
                parts.append(table().known(kind))
                continue
            number = number if "." in number else f"{number}.0"
            parts.append(table().known(f"{kind}-{number}-{'or-later' if how in ('>=', '>') else 'only'}"))
            continue
        version = re.match(r"(.*?)\s*\((?:>=|==)\s*([\d.]+)\)$", item)
        parts.append(_told(f"{version[1]} {version[2]}" if version else item.replace("_", "-")))
    known = [part for part in parts if part is not None]
    return either(known) if known else None
