"""``licenses.yaml``: the licences that have a name, and the group of each.

Knows ids. Does not know texts, nor what a group is used for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from stages.licenses.expressions import Expression, NoExpression, either, parse, single
from stages.licenses.groups import RANK, UNKNOWN

FILE = Path(__file__).with_name("licenses.yaml")
#: A licence that was stated and could not be told.
UNKNOWN_ID = "LicenseRef-unknown"

_REPLACED = {
    "BSD-2-Clause-FreeBSD": "BSD-2-Clause",
    "BSD-2-Clause-NetBSD": "BSD-2-Clause",
    "StandardML-NJ": "SMLNJ",
    "Net-SNMP": "MIT-CMU",
    "Nunit": "zlib-acknowledgement",
    "bzip2-1.0.5": "bzip2-1.0.6",
}
_EXCEPTIONS = {
    "classpath": "Classpath-exception-2.0",
    "autoconf": "Autoconf-exception-2.0",
    "bison": "Bison-exception-2.2",
    "font": "Font-exception-2.0",
    "GCC": "GCC-exception-3.1",
}
_VERSIONED = re.compile(r"(A?GPL|LGPL|GFDL)-(\d)(\.\d)?(\+|-only|-or-later)?(?:-with-(\w+)-exception)?", re.I)
#: Names that are no ids and mean one.
_ALIASES = {
    "apache2": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apachev2": "Apache-2.0",
    "asl2": "Apache-2.0",
    "asl-2.0": "Apache-2.0",
    "alv2": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "new-bsd": "BSD-3-Clause",
    "bsd3": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "bsd_3_clause": "BSD-3-Clause",
    "bsd3clause": "BSD-3-Clause",
    "bsd2": "BSD-2-Clause",
    "bsd-2": "BSD-2-Clause",
    "bsd_2_clause": "BSD-2-Clause",
    "freebsd": "BSD-2-Clause",
    "expat": "MIT",
    "mit/x11": "MIT",
    "mitx11": "MIT",
    "boost": "BSL-1.0",
    "boost-1.0": "BSL-1.0",
    "cc0": "CC0-1.0",
    "public-domain": "LicenseRef-public-domain",
    "publicdomain": "LicenseRef-public-domain",
    "unlicensed": "LicenseRef-proprietary",
    "proprietary": "LicenseRef-proprietary",
    "mpl2": "MPL-2.0",
    "mpl2.0": "MPL-2.0",
    "artistic_2": "Artistic-2.0",
    "artistic2": "Artistic-2.0",
    "apache_2_0": "Apache-2.0",
    "mozilla_1_1": "MPL-1.1",
    "mozilla_1_0": "MPL-1.0",
    "gpl": "GPL-1.0-or-later",
    "lgpl": "LGPL-2.0-or-later",
    "agpl": "AGPL-3.0-or-later",
    "gpl_1": "GPL-1.0-only",
    "gpl_2": "GPL-2.0-only",
    "gpl_3": "GPL-3.0-only",
    "lgpl_2_1": "LGPL-2.1-only",
    "lgpl_3_0": "LGPL-3.0-only",
    "agpl_3": "AGPL-3.0-only",
    "epl": "EPL-1.0",
    "eplv1": "EPL-1.0",
    "zlib/libpng": "Zlib",
    "bsl": "BSL-1.0",
    "openldap": "OLDAP-2.8",
    "psf": "Python-2.0",
}
#: The terms of Perl itself, as its distributions name them.
PERL = either([single("Artistic-1.0-Perl"), single("GPL-1.0-or-later")])
_PERL = frozenset({"perl", "perl5", "perl_5", "same terms as perl itself", "perl itself"})
_GNU = re.compile(r"(a|l)?gpl[- _]?v?(\d)(?:[._](\d))?(\.0)?(\+|-?or-?later|-?only)?", re.IGNORECASE)


class Table:
    """Licences by id, and their groups."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        """``content`` as in ``licenses.yaml``. ValueError for a row without a group that there is."""
        self._groups: dict[str, str] = {}
        for name, row in content["licenses"].items():
            group = row.get("group") if isinstance(row, Mapping) else row
            if group not in RANK:
                raise ValueError(f"licence {name}: {group!r} is no group; there are {', '.join(RANK)}")
            self._groups[str(name)] = group
        self._names = {name.lower(): name for name in self._groups}
        self.exceptions = {str(name).lower(): str(name) for name in content.get("exceptions", ())}

    def __contains__(self, name: str) -> bool:
        return name in self._groups

    def __iter__(self) -> Any:
        return iter(self._groups)

    def group(self, name: str) -> str:
        """The group of an id, with ``+`` that of its base; ``unknown`` of others."""
        found = self._groups.get(name) or self._groups.get(name.removesuffix("+"))
        return found or UNKNOWN

    def known(self, name: str) -> Expression | None:
        """A name as one of the ids of SPDX that are not deprecated; None if it is none."""
        name = name.strip().strip("\"'")
        if match := _VERSIONED.fullmatch(name):
            return self._versioned(match)
        lower = name.lower()
        if lower in _PERL:
            return PERL
        for item in (
            lower,
            lower.removesuffix("+"),
            lower.removesuffix("-license"),
            lower.removesuffix("-licence"),
        ):
            if item in self._names:
                found = self._names[item]
                return single(_REPLACED.get(found, found))
            if item in _ALIASES:
                return single(_ALIASES[item])
        if match := _GNU.fullmatch(name):
            minor = match[3] or ("1" if match[1] in ("l", "L") and match[2] == "2" else "0")
            later = "-or-later" if match[5] and "only" not in match[5].lower() else "-only"
            return self._exact(f"{(match[1] or '').upper()}GPL-{match[2]}.{minor}{later}")
        if name.startswith("LicenseRef-") and len(name) <= 100:
            return single(name)
        return None

    def _versioned(self, match: re.Match[str]) -> Expression | None:
        kind, major, minor, how, exception = match.groups()
        later = how == "+" or (how or "").lower() == "-or-later"
        found = self._exact(f"{kind.upper()}-{major}{minor or '.0'}{'-or-later' if later else '-only'}")
        if found and exception:
            return single(found.id, _EXCEPTIONS.get(exception, f"{exception}-exception"))
        return found

    def _exact(self, name: str) -> Expression | None:
        return single(name) if name in self._groups else None

    def expression(self, text: str) -> Expression | None:
        """The expression that a text is, also in the older spelling with a stroke for OR; or None."""
        text = text.strip().rstrip(".,;")
        found = self.known(text)
        if found is not None or not text or len(text) > 500:
            return found
        for spelt in (text, re.sub(r"\s*/\s*|\s*\|\|?\s*", " OR ", text)):
            try:
                return parse(spelt, self.known)
            except NoExpression:
                continue
        return None


@cache
def table(path: str | None = None) -> Table:
    """The table of a file, or ours; loaded once per process."""
    text = Path(path or FILE).read_text(encoding="utf-8")
    return Table(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
