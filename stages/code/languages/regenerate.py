"""Makes ``linguist.json`` from a checkout of Linguist.

    git clone https://github.com/github-linguist/linguist
    python -m stages.code.languages.regenerate linguist

Knows Linguist's YAML files and in what Ruby's regular expressions differ from Python's. Every pattern is
compiled before anything is written: one that Python cannot read stops the run with its place.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from stages.code.languages.data import FILE, FLAGS

_RUBY_OPTIONS = re.compile(r"\(\?([imx]+)\)")


def main(checkout: Path) -> None:
    """Write ``linguist.json`` beside this module. ValueError for a pattern that cannot be said in Python."""
    root = checkout / "lib" / "linguist"
    read = {name: yaml.safe_load((root / f"{name}.yml").read_text(encoding="utf-8")) for name in _FILES}
    languages = read["languages"]
    data = {
        "source": "https://github.com/github-linguist/linguist",
        "version": (root / "VERSION").read_text(encoding="utf-8").strip(),
        "notice": (checkout / "LICENSE").read_text(encoding="utf-8").strip(),
        "languages": {
            name: {
                key: entry[key]
                for key in ("type", "group", "aliases", "extensions", "filenames", "interpreters")
                if key in entry
            }
            for name, entry in sorted(languages.items())
        },
        "popular": sorted(read["popular"]),
        "generic": sorted(read["generic"]["extensions"]),
        "heuristics": list(_heuristics(read["heuristics"])),
        "vendored": [_checked(pattern) for pattern in read["vendor"]],
    }
    # One language, rule or pattern a line: a new version of Linguist then shows what it changes.
    lines = []
    for key, value in data.items():
        if isinstance(value, dict):
            rows = ",\n".join(f"{json.dumps(name)}:{_compact(entry)}" for name, entry in value.items())
            lines.append(f'"{key}":{{\n{rows}\n}}')
        elif isinstance(value, list):
            rows = ",\n".join(map(_compact, value))
            lines.append(f'"{key}":[\n{rows}\n]')
        else:
            lines.append(f'"{key}":{json.dumps(value)}')
    FILE.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


_FILES = ("languages", "popular", "generic", "heuristics", "vendor")


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _heuristics(read: dict[str, Any]) -> Iterator[dict[str, Any]]:
    named = {name: _union(patterns) for name, patterns in read["named_patterns"].items()}
    for block in read["disambiguations"]:
        rules = [
            {"language": rule["language"], "tests": list(_tests(rule, named))} for rule in block["rules"]
        ]
        yield {"extensions": block["extensions"], "rules": rules}


def _tests(rule: dict[str, Any], named: dict[str, str]) -> Iterator[list[Any]]:
    """``[wanted, pattern]``: all must be so. As Linguist does, one kind of test of a rule decides."""
    if "and" in rule:
        for part in rule["and"]:
            yield from _tests(part, named)
    elif "pattern" in rule:
        yield [True, _union(rule["pattern"])]
    elif "negative_pattern" in rule:
        yield [False, _union(rule["negative_pattern"])]
    elif "named_pattern" in rule:
        yield [True, named[rule["named_pattern"]]]


def _union(patterns: str | list[str]) -> str:
    if isinstance(patterns, str):
        return _checked(patterns)
    return _checked("|".join(f"(?:{_python(pattern)})" for pattern in patterns), ruby=False)


def _checked(pattern: str, ruby: bool = True) -> str:
    converted = _python(pattern) if ruby else pattern
    try:
        re.compile(converted, FLAGS)
    except re.error as error:
        raise ValueError(f"{pattern!r} as {converted!r}: {error}") from None
    return converted


def _python(pattern: str) -> str:
    """Ruby's regular expression in Python's words (for ``FLAGS``; ``^`` and ``$`` are of lines in Ruby).

    A group that is called again (``\\g<name>``) is written out; it must not call itself.
    """
    pattern = pattern.replace("(?-m)", "")
    for name in re.findall(r"\\g<(\w+)>", pattern):
        pattern = pattern.replace(f"\\g<{name}>", f"(?:{_body(pattern, name)})")
    pattern = re.sub(r"\(\?<(\w+)>", r"(?P<\1>", pattern)
    pattern = pattern.replace(r"\z", r"\Z").replace(r"\h", "[0-9a-fA-F]").replace("&&", r"&\&")
    while found := _RUBY_OPTIONS.search(pattern):
        # From here to the end of the group it stands in; Ruby's m is Python's s.
        options = found.group(1).replace("m", "s")
        end = _group_end(pattern, found.end())
        inside = pattern[found.end() : end]
        if "x" in options:
            inside += "\n"  # the last line may be a comment
        pattern = f"{pattern[: found.start()]}(?{options}:{inside}){pattern[end:]}"
    return pattern


def _body(pattern: str, name: str) -> str:
    start = pattern.index(f"(?<{name}>") + len(f"(?<{name}>")
    return pattern[start : _group_end(pattern, start)]


def _group_end(pattern: str, start: int) -> int:
    """Where the group ends that ``start`` is in: at its bracket, or at the end of the pattern."""
    depth, place, in_class = 0, start, False
    while place < len(pattern):
        char = pattern[place]
        if char == "\\":
            place += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            if pattern[place + 1 : place + 2] == "]" or pattern[place + 1 : place + 3] == "^]":
                place += pattern[place + 1 : place + 3].index("]") + 1
        elif char == "(":
            depth += 1
        elif char == ")":
            if not depth:
                return place
            depth -= 1
        place += 1
    return place


if __name__ == "__main__":
    main(Path(sys.argv[1]))
