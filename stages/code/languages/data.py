"""The tables of languages: names, aliases, extensions, file names, interpreters and rules, compiled.

Knows ``linguist.json`` and the list of the Nemotron code datasets. Does not know how a language is chosen.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).parent / "linguist.json"
#: Of all patterns: ``^`` and ``$`` are of lines, letters are those of ASCII, as in Linguist.
FLAGS = re.MULTILINE | re.ASCII

#: The 43 languages of Nemotron-Pretraining-Code-v1 as its metadata spells them, and what they are here.
#: Linguist's dialects of SQL are SQL there. Omniverse Python is Python that imports Omniverse's packages: no
#: language of its own.
NEMOTRON: Mapping[str, tuple[str, ...]] = {
    "Assembly": ("Assembly",),
    "C": ("C",),
    "C#": ("C#",),
    "C++": ("C++",),
    "CSS": ("CSS",),
    "CommonLisp": ("Common Lisp",),
    "Cuda": ("Cuda",),
    "Dart": ("Dart",),
    "Dockerfile": ("Dockerfile",),
    "Fortran": ("Fortran", "Fortran Free Form"),
    "Go": ("Go",),
    "HTML": ("HTML",),
    "Haskell": ("Haskell",),
    "JSON": ("JSON",),
    "Java": ("Java",),
    "JavaScript": ("JavaScript",),
    "Julia": ("Julia",),
    "JupyterNotebook": ("Jupyter Notebook",),
    "Lua": ("Lua",),
    "Makefile": ("Makefile",),
    "Markdown": ("Markdown",),
    "Mathematica": ("Wolfram Language",),
    "OmniversePython": ("Python",),
    "PHP": ("PHP",),
    "Pascal": ("Pascal",),
    "Perl": ("Perl",),
    "Python": ("Python",),
    "R": ("R",),
    "Ruby": ("Ruby",),
    "Rust": ("Rust",),
    "SQL": ("SQL", "PLSQL", "PLpgSQL", "SQLPL", "TSQL"),
    "Scala": ("Scala",),
    "Shell": ("Shell",),
    "Swift": ("Swift",),
    "SystemVerilog": ("SystemVerilog",),
    "TeX": ("TeX",),
    "TypeScript": ("TypeScript", "TSX"),
    "VHDL": ("VHDL",),
    "Verilog": ("Verilog",),
    "VisualBasic.NET": ("Visual Basic .NET",),
    "XML": ("XML",),
    "YAML": ("YAML",),
    "reStructuredText": ("reStructuredText",),
}


class Rule(NamedTuple):
    """The languages that it names if every pattern is found (or not found: ``wanted`` is false)."""

    languages: tuple[str, ...]
    tests: tuple[tuple[bool, re.Pattern[str]], ...]


class Tables(NamedTuple):
    """Linguist's data. Extensions are in lower case, with their dot; languages in order of their names."""

    types: Mapping[str, str]  # data, markup, programming, prose
    groups: Mapping[str, str]  # of those that are a kind of another: that one
    aliases: Mapping[str, str]  # in lower case, names among them
    extensions: Mapping[str, tuple[str, ...]]
    primary: Mapping[str, tuple[str, ...]]  # extensions that are the first of a language
    filenames: Mapping[str, tuple[str, ...]]
    interpreters: Mapping[str, tuple[str, ...]]
    generic: frozenset[str]
    rules: Mapping[str, tuple[Rule, ...]]  # by extension
    vendored: re.Pattern[str]


@cache
def tables() -> Tables:
    """Read and compiled once a process, in 0.2 s."""
    data = json.loads(FILE.read_text(encoding="utf-8"))
    by: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    aliases: dict[str, str] = {}
    for name, entry in data["languages"].items():
        for kind in ("extensions", "filenames", "interpreters"):
            for value in entry.get(kind, ()):
                by[kind][value.lower() if kind == "extensions" else value].append(name)
        for first in entry.get("extensions", ())[:1]:
            by["primary"][first.lower()].append(name)
        for alias in (name, *entry.get("aliases", ())):
            aliases[alias.lower()] = name
    # a name comes before an alias of another language
    aliases |= {name.lower(): name for name in data["languages"]}
    rules: dict[str, tuple[Rule, ...]] = {}
    for block in data["heuristics"]:
        compiled = tuple(map(_rule, block["rules"]))
        for extension in block["extensions"]:
            rules.setdefault(extension, compiled)
    frozen = {kind: {key: tuple(names) for key, names in found.items()} for kind, found in by.items()}
    return Tables(
        types={name: entry["type"] for name, entry in data["languages"].items()},
        groups={name: entry["group"] for name, entry in data["languages"].items() if "group" in entry},
        aliases=aliases,
        extensions=frozen["extensions"],
        primary=frozen["primary"],
        filenames=frozen["filenames"],
        interpreters=frozen["interpreters"],
        generic=frozenset(data["generic"]),
        rules=rules,
        vendored=_paths(data["vendored"]),
    )


_SEGMENT = ("(^|/)", r"(^|\/)", "(?:^|/)")


def _paths(patterns: Sequence[str]) -> re.Pattern[str]:
    """One pattern for all; those that begin at a segment of a path are tried there only."""
    segments: list[str] = []
    others: list[str] = []
    for pattern in patterns:
        start = next((start for start in _SEGMENT if pattern.startswith(start)), "")
        (segments if start else others).append(f"(?:{pattern.removeprefix(start)})")
    return re.compile(f"(?:^|/)(?:{'|'.join(segments)})|{'|'.join(others)}", re.ASCII)


def _rule(rule: dict[str, Any]) -> Rule:
    names = rule["language"]
    return Rule(
        (names,) if isinstance(names, str) else tuple(names),
        tuple((wanted, re.compile(pattern, FLAGS)) for wanted, pattern in rule["tests"]),
    )


def types() -> Mapping[str, str]:
    """data, markup, programming or prose, by language."""
    return tables().types


def nemotron() -> frozenset[str]:
    """The languages that Nemotron's 43 are here."""
    return frozenset(name for names in NEMOTRON.values() for name in names)


def resolve(name: str) -> frozenset[str]:
    """The languages of a name or alias, in any case: ``golang``, ``C++``, ``CommonLisp``; kinds of a
    language (``TSX``, ``Maven POM``) go with it (``TypeScript``, ``XML``), and ``nemotron43`` are those of
    Nemotron's list. ValueError, with what is close, if there is none."""
    known = tables()
    if name == "nemotron43":
        found = nemotron()
    elif name in NEMOTRON:
        found = frozenset(NEMOTRON[name])
    elif (
        named := known.aliases.get(name.lower()) or known.aliases.get(name.lower().replace(" ", "-"))
    ) is not None:
        found = frozenset((named,))
    else:
        close = get_close_matches(name.lower(), known.aliases, n=1)
        hint = (
            f"did you mean {known.aliases[close[0]]!r}?" if close else "names are those of GitHub's Linguist"
        )
        raise ValueError(f"there is no language {name!r}; {hint}")
    return found | {kind for kind, group in known.groups.items() if group in found}
