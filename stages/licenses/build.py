"""Makes ``spdx.npz`` and ``licenses.yaml`` anew: ``python -m stages.licenses.build FOLDER``.

FOLDER holds packages of npm, unpacked by ``npm pack NAME`` and ``tar xzf`` into a folder of their name:

    spdx-license-list   ids, names and texts of SPDX                 CC0-1.0
    spdx-license-ids    which ids are deprecated                     CC0-1.0
    spdx-exceptions     ids of exceptions                            CC-BY-3.0 (ids only)
    @blueoak/list       the Blue Oak Council's permissive licences   CC0-1.0

and ``scancode.json``, a list of ``{"id": SPDX id, "category": …}`` made from the licence database of
``licensedcode`` (CC-BY-4.0, AboutCode.org), of which a row of ``licenses.yaml`` says so where it was used.

Knows the sources and which of them decides; does not know texts to be judged.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.licenses.texts import FILE
from stages.licenses.words import words

#: Licences on Blue Oak's list that ask for more than attribution, as ScanCode's database and the texts say.
_NOT_PERMISSIVE = frozenset(
    """Artistic-1.0 Artistic-1.0-Perl Artistic-1.0-cl8 Artistic-2.0 ClArtistic LPL-1.0 LPL-1.02 LPPL-1.3c
    NASA-1.3 NBPL-1.0 OGTSL OLDAP-1.1 OLDAP-1.2 OLDAP-1.3 OLDAP-1.4 Qhull Ruby Vim
    BSD-3-Clause-No-Nuclear-License-2014
    BSD-3-Clause-No-Nuclear-Warranty HPND-export-US""".split()  # noqa: SIM905
)
#: What decides before any list: pattern of ids, group, why.
_FAMILIES = (
    (r"AGPL-.*", "network_copyleft", "the text: section 13"),
    (r"(GPL|GFDL)-.*", "strong_copyleft", "the text: copyleft"),
    (r"LGPL(LR)?-.*", "weak_copyleft", "the text: copyleft of the library"),
    (
        r"CC-BY-NC.*|PolyForm-Noncommercial.*|.*-NC-.*"
        r"|Hippocratic.*",
        "noncommercial",
        "the text: restricts use",
    ),
    (r"Aladdin|CC-NC.*", "noncommercial", "the text: no commercial distribution"),
    (r"CC-BY-ND.*|PolyForm-.*", "source_available", "the text: no changes, or limited use"),
    (r"CC-BY-SA-.*", "strong_copyleft", "the text: share alike"),
    (r"CC-BY-\d.*", "permissive", "the text: attribution"),
    (
        r"(SSPL|BUSL|Elastic|FSL|BSL-?1\.1|Parity|RPL"
        r"|OSC)-.*",
        "source_available",
        "the text: limits use as a service",
    ),
    (r"JSON", "source_available", 'the text: "for Good, not Evil"'),
    (
        r"CC0-1\.0|Unlicense.*|PDDL-1\.0|SAX-PD.*|NIST-PD.*|CC-PDDC|CC-PDM-1\.0|blessing|libselinux-1\.0"
        r"|TTYP0",
        "public_domain",
        "the text: waives all rights",
    ),
)
_CATEGORIES = {
    "Permissive": "permissive",
    "Public Domain": "public_domain",
    "Copyleft Limited": "weak_copyleft",
    "Copyleft": "strong_copyleft",
    "Free Restricted": "source_available",
    "Source-available": "source_available",
    "Proprietary Free": "proprietary",
    "Commercial": "proprietary",
}
#: What is found and SPDX has no id for.
_OWN = (
    ("LicenseRef-public-domain", "public_domain", "a statement without the text of a licence"),
    ("LicenseRef-permissive", "permissive", "a short grant to use, copy, change and distribute"),
    ("LicenseRef-Commons-Clause", "noncommercial", "the text: no right to sell"),
    ("LicenseRef-noncommercial", "noncommercial", "a statement without the text of a known licence"),
    ("LicenseRef-source-available", "source_available", "a statement without the text of a known licence"),
    ("LicenseRef-copyleft", "strong_copyleft", "a statement without the text of a known licence"),
    ("LicenseRef-proprietary", "proprietary", "a statement without the text of a known licence"),
)
#: Wordings that are as usual as SPDX's own, each by what is replaced in it.
_BY_AUTHOR = (
    (r"copyright holders? and contributors \"as is\"", 'author "as is"'),
    (r"shall the copyright holder or contributors be", "shall the author be"),
)
_BY_REGENTS = (
    (r"copyright holders? and contributors \"as is\"", 'regents and contributors "as is"'),
    (r"shall the copyright holder or contributors be", "shall the regents or contributors be"),
)
_MAY_NOT = (
    (
        r"neither the name of the copyright holder nor the names of its contributors may be used",
        "The name of the author may not be used",
    ),
)
_HIS = ((r"neither the name of the copyright holder nor the names of its", "the names of its"),)
_WORDINGS = {
    "BSD-2-Clause": (_BY_AUTHOR, _BY_REGENTS),
    "BSD-3-Clause": (_BY_AUTHOR, _BY_REGENTS, _MAY_NOT, _MAY_NOT + _BY_AUTHOR, _HIS, _HIS + _BY_REGENTS),
}
#: Ids that several texts agree with: the more usual one comes first.
_USUAL = "MIT BSD-2-Clause BSD-3-Clause Apache-2.0 ISC MPL-2.0 Zlib X11 HPND".split()  # noqa: SIM905
_LEADING = 12  # words: a first line that is shorter is a title
_ENDS = re.compile(
    r"^.{0,30}(?:end of (?:the )?terms and conditions|how to (?:apply|use) (?:these terms|this license)"
    r"|appendix:? how to|"
    r"exhibit a\b|addendum: how to).*",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


def main(folder: Path) -> None:
    listed = _json(folder / "spdx-license-list/package/spdx-full.json")
    deprecated = set(_json(folder / "spdx-license-ids/package/deprecated.json"))
    _texts({name: entry["licenseText"] for name, entry in listed.items()}, deprecated)
    names = {name: entry["name"] for name, entry in listed.items()} | {name: name for name in deprecated}
    _groups(names, folder, deprecated)


def _texts(full: Mapping[str, str], deprecated: set[str]) -> None:
    """Writes ``spdx.npz``; of ids with the same words the most usual."""
    seen: dict[tuple[str, ...], str] = {}
    optional: list[list[bool]] = []
    for name in sorted(full, key=lambda name: _order(name, deprecated)):
        # texts of "GPL 2 or later" and "GPL 2 only" are the same: which of them holds is said elsewhere
        if (name in deprecated and "-with-" not in name) or name.endswith(("-or-later", "+")):
            continue
        for changes in ((), *_WORDINGS.get(name, ())):
            text = full[name]
            for old, new in changes:
                text, count = re.subn(old, new, text, flags=re.IGNORECASE)
                assert count, f"{name} has no {old!r}"
            listed, may_lack = _parts(text)
            if len(listed) >= 15 and tuple(listed) not in seen:
                seen[tuple(listed)] = name
                optional.append(may_lack)
    texts = [(name, list(listed)) for listed, name in seen.items()]
    vocabulary = sorted({word for _, listed in texts for word in listed})
    numbers = {word: number for number, word in enumerate(vocabulary)}
    np.savez_compressed(
        FILE,
        vocabulary=np.frombuffer("\n".join(vocabulary).encode(), np.uint8),
        words=np.array([numbers[word] for _, listed in texts for word in listed], np.uint16),
        optional=np.array([flag for flags in optional for flag in flags], np.uint8),
        starts=np.cumsum([0, *(len(listed) for _, listed in texts)]),
        names=np.frombuffer("\n".join(name for name, _ in texts).encode(), np.uint8),
    )
    print(f"{len(texts)} texts, {len(vocabulary)} words, {FILE.stat().st_size} bytes")


def _order(name: str, deprecated: set[str]) -> tuple[Any, ...]:
    usual = _USUAL.index(name) if name in _USUAL else len(_USUAL)
    return name in deprecated, usual, name.endswith(("-or-later", "+")), len(name), name


def _parts(text: str) -> tuple[list[str], list[bool]]:
    """Words, and which of them a text may lack."""
    found = words(text)
    end = match.start() if (match := _ENDS.search(text)) and match.start() > len(text) // 3 else len(text)
    title = 0
    for line in text.splitlines(keepends=True):
        if len(words(line).words) > _LEADING:
            break
        title += len(line)
    if title > len(text) // 3:
        title = 0
    gaps = [match.span() for match in re.finditer(r"<[^<>\n]{1,80}>|\[[^\[\]\n]{1,80}\]|_{3,}", text)]
    inside = [
        not title <= start < end or any(low <= start < high for low, high in gaps) for start in found.starts
    ]
    return found.words, inside


def _groups(names: Mapping[str, str], folder: Path, deprecated: set[str]) -> None:
    """Writes ``licenses.yaml``."""
    council = {
        row["id"]: level["name"]
        for level in _json(folder / "@blueoak/list/package/index.json")
        for row in level["licenses"]
    }
    categories = {row["id"]: row["category"] for row in _json(folder / "scancode.json")}
    rows = []
    for name in sorted(names, key=str.lower):
        group, why = _group(name, council, categories)
        rows.append((name, group, why))
    rows += _OWN
    target = Path(__file__).with_name("licenses.yaml")
    with target.open("w", encoding="utf-8") as file:
        file.write(_HEAD)
        file.write("licenses:\n")
        for name, group, why in rows:
            file.write(f"  {name}: {{group: {group}, source: {json.dumps(why)}}}\n")
        file.write("deprecated:\n")
        file.writelines(f"  - {name}\n" for name in sorted(deprecated))
        file.write("exceptions:\n")
        file.writelines(f"  - {name}\n" for name in _exceptions(folder))
    print(f"{len(rows)} licences in {target.name}")


def _exceptions(folder: Path) -> Iterator[str]:
    yield from sorted(_json(folder / "spdx-exceptions/package/index.json"))


def _group(name: str, council: Mapping[str, str], categories: Mapping[str, str]) -> tuple[str, str]:
    for pattern, group, why in _FAMILIES:
        if re.fullmatch(pattern, name):
            return group, why
    category = categories.get(name) or categories.get(name.removesuffix("-only").removesuffix("-or-later"))
    if name in council and name not in _NOT_PERMISSIVE:
        return "permissive", f"Blue Oak Council list 15: {council[name]}"
    if category in _CATEGORIES:
        return _CATEGORIES[category], f"ScanCode LicenseDB (CC-BY-4.0): {category}"
    if name in _NOT_PERMISSIVE:
        return "weak_copyleft", "the text: conditions on changed versions"
    return "unknown", "in no list"


_HEAD = """\
# Groups of licences (stages/licenses/groups.py has their order), with the source of each row. Written by
# `python -m stages.licenses.build`; a table of your own with these keys is the setting `groups` of `license`.
"""


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
