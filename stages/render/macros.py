"""Definitions of macros in TeX: preambles, which print nothing.

Authors define macros for a whole page in a formula of its own (``$\\newcommand{\\R}{\\mathbb{R}}$``), or at
the head of the first one. Knows the defining commands and their arguments. Does not know where formulas are
(``tex``, ``rawtex``), and does not expand macros: a formula that uses its own definitions is kept whole.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: Characters of one definition.
_MAX_DEFINITION = 2000

_COMMANDS = r"newcommand|renewcommand|providecommand|DeclareRobustCommand|DeclareMathOperator"
#: Commands of a document's preamble, with the number of arguments in braces.
_PREAMBLE = {
    **dict.fromkeys(("usepackage", "documentclass", "RequirePackage", "pagestyle", "thispagestyle"), 1),
    **dict.fromkeys(("theoremstyle", "newcounter", "newlength", "hyphenation", "bibliographystyle"), 1),
    **dict.fromkeys(("setlength", "addtolength", "setcounter", "numberwithin", "newtheorem"), 2),
    **dict.fromkeys(("newenvironment", "renewenvironment"), 3),
    **dict.fromkeys(("makeatletter", "makeatother"), 0),
}
#: Other commands that print nothing, but that the text after them may need.
_QUIET = {"require": 1, "definecolor": 3, "begingroup": 0, "endgroup": 0, "relax": 0}
_DEFINING = re.compile(
    rf"\\(?:(?P<command>{_COMMANDS})\*?|(?:(?:global|long)\\)?(?P<primitive>[egx]?def|let)"
    rf"|(?P<preamble>{'|'.join(_PREAMBLE)})\*?|(?P<quiet>{'|'.join(_QUIET)}))(?![A-Za-z@])"
)
_BLANKS = re.compile(r"(?:\s|(?<!\\)%[^\n]*(?:\n|\Z))*")
_NAME = re.compile(r"\\(?:[A-Za-z@]+|[^A-Za-z@])")
_BRACED_NAME = re.compile(r"\{\s*(\\(?:[A-Za-z@]+|[^A-Za-z@]))\s*\}")
_BEGINNING = re.compile(r"\\begin\{\w+\*?\}")
_OPTIONAL = re.compile(r"\[[^\[\]{}]*\]")
_PARAMETERS = re.compile(r"(?:#[1-9])*")
_TOKEN = re.compile(r"\\(?:[A-Za-z@]+|.)|[{}]", re.DOTALL)


class Head(NamedTuple):
    """The definitions, and other commands that print nothing, at the start of a text."""

    macros: set[str]  # defined control sequences, and defined environments as ``\\begin{…}``
    preamble: bool  # commands of a document's preamble are among it
    end: int  # where it ends, including white space after it


def head(text: str, start: int = 0) -> Head:
    """The definitions at ``start``; ``end`` is ``start`` if there are none. Linear in their length."""
    macros: set[str] = set()
    preamble = False
    at, first = start, _blanks(text, start)
    while (match := _DEFINING.match(text, first)) is not None:
        end = _definition(text, match, macros)
        if end < 0 or end - first > _MAX_DEFINITION:
            break
        preamble = preamble or match["preamble"] is not None
        at = first = _blanks(text, end)
    return Head(macros, preamble, at)


def without_preamble(text: str) -> str:
    """``text`` without the definitions at its head, unless it uses them; "" if nothing visible is left."""
    if _DEFINING.match(text, _blanks(text, 0)) is None:
        return text
    found = head(text)
    rest = text[found.end :]
    if not rest:
        return ""
    used = found.macros.intersection((*_NAME.findall(rest), *_BEGINNING.findall(rest)))
    return rest if not used and (found.macros or found.preamble) else text


def _blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return at if match is None else match.end()


def _group(text: str, at: int) -> int:
    """Where the group in braces at ``at`` ends; -1 without one."""
    if text[at : at + 1] != "{":
        return -1
    depth = 0
    for token in _TOKEN.finditer(text, at, at + _MAX_DEFINITION):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if depth == 0:
                return token.end()
    return -1


def _setting(text: str, at: int, arguments: int) -> int:
    """Where the given number of arguments ends, with options in brackets before and after each; -1 if there
    are fewer."""
    end = at
    for number in range(arguments + 1):
        while arguments and (optional := _OPTIONAL.match(text, at)) is not None:
            end = optional.end()
            at = _blanks(text, end)
        if number == arguments:
            break
        named = _NAME.match(text, at)  # \setlength\parindent{0pt}
        end = named.end() if named is not None else _group(text, at)
        if end < 0:
            return -1
        at = _blanks(text, end)
    return end


def _definition(text: str, match: re.Match[str], macros: set[str]) -> int:
    """Adds what the defining command ``match`` defines to ``macros``; returns where the definition ends, -1
    if it does not end."""
    at = _blanks(text, match.end())
    if (setting := match["preamble"] or match["quiet"]) is not None:
        if setting.endswith("environment") and (end := _group(text, at)) >= 0:
            macros.add("\\begin" + text[at:end])
        return _setting(text, at, _PREAMBLE.get(setting, _QUIET.get(setting, 0)))
    braced = _BRACED_NAME.match(text, at)
    named = braced or _NAME.match(text, at)
    if named is None:
        return -1
    macros.add(named[1] if braced is not None else named[0])
    at = _blanks(text, named.end())
    if match["primitive"] == "let":
        at = _blanks(text, at + (text[at : at + 1] == "="))
        other = _NAME.match(text, at)
        return other.end() if other is not None else min(at + 1, len(text))
    if match["primitive"] is not None:
        parameters = _PARAMETERS.match(text, at)
        at = _blanks(text, at if parameters is None else parameters.end())
    while (optional := _OPTIONAL.match(text, at)) is not None:  # [number], [default]
        at = _blanks(text, optional.end())
    return _group(text, at)
