"""What a file of code names of others: imports of Python and Java, includes of C and C++, namespaces of C#.

A name is written as the language writes it, with a mark in front of some:

- Python: ``pkg.module.name``, with the dots of a relative import in front;
- Java: ``pkg.Class``, ``pkg.*``;
- C and C++: ``"path`` and ``<path``, by how it is included;
- C#: ``Name.Space`` that is used, ``=Name.Space`` that is declared.

Lines are matched, no code is parsed: an import in a comment counts, one that is made by a program does not.

Knows lines. Does not know which files there are (``stages.code.repository``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

#: Most names of one file; a file that has more is a list of files rather than a program.
MOST_NAMES = 2000
LONGEST_NAME = 300

_PYTHON = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<module>\.*[\w.]*)[ \t]+import[ \t]*(?P<names>\([^()]*\)|[^\n#;(]+)"
    r"|import[ \t]+(?P<modules>[\w., \t]+))",
    re.M,
)
_PYTHON_NAME = re.compile(r"(?:^|,)[\s\\]*([\w.]+|\*)")
_JAVA = re.compile(r"^[ \t]*import[ \t]+(?:static[ \t]+)?([\w.]+(?:\.\*)?)[ \t]*;", re.M)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*(?:include|import)[ \t]*([\"<][^\">\n]+)[\">]", re.M)
_USING = re.compile(
    r"^[ \t]*(?:global[ \t]+)?using[ \t]+(?:static[ \t]+)?(?:\w+[ \t]*=[ \t]*)?([A-Za-z_][\w.]*)[ \t]*;", re.M
)
_NAMESPACE = re.compile(r"^[ \t]*namespace[ \t]+([A-Za-z_][\w.]*)", re.M)
_COMMENT = re.compile(r"#[^\n]*")


def _python(text: str) -> Iterator[str]:
    for found in _PYTHON.finditer(text):
        if (module := found["module"]) is not None:
            if not module:
                continue
            names = _COMMENT.sub("", found["names"].strip("()"))
            for name in _PYTHON_NAME.findall(names):
                yield module if name == "*" else f"{module}{'' if module.endswith('.') else '.'}{name}"
        else:
            yield from _PYTHON_NAME.findall(found["modules"])


def _csharp(text: str) -> Iterator[str]:
    yield from (f"={name}" for name in _NAMESPACE.findall(text))
    yield from _USING.findall(text)


_FINDERS: dict[str, Callable[[str], Iterator[str]]] = {
    "Python": _python,
    "Java": lambda text: iter(_JAVA.findall(text)),
    "C": lambda text: iter(_INCLUDE.findall(text)),
    "C++": lambda text: iter(_INCLUDE.findall(text)),
    "C#": _csharp,
}
LANGUAGES = tuple(_FINDERS)


def names(text: str, language: str | None) -> list[str]:
    """What a file names, each once, in the order in which it comes; nothing in other languages."""
    finder = _FINDERS.get(language or "")
    if finder is None:
        return []
    found: dict[str, None] = {}
    for name in finder(text):
        if len(name) <= LONGEST_NAME:
            found[name] = None
            if len(found) == MOST_NAMES:
                break
    return list(found)
