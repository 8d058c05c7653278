"""Definitions of macros in TeX: preambles without a formula, and formulas that begin with their own macros.

Authors define macros in a formula of its own at the head of a page, which shows nothing (``$\\newcommand{\\R}
{\\mathbb{R}}$``), or at the head of the formula that uses them. Knows the commands that define and their
arguments. Does not know where formulas are (``tex``, ``rawtex``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: Characters of one definition.
_MAX_DEFINITION = 2000
#: Macros in macros.
_MAX_ROUNDS = 8

_COMMANDS = r"newcommand|renewcommand|providecommand|DeclareRobustCommand|DeclareMathOperator"
#: Commands of a document's preamble, with how many arguments in braces.
_PREAMBLE = {
    **dict.fromkeys(("usepackage", "documentclass", "RequirePackage", "pagestyle", "thispagestyle"), 1),
    **dict.fromkeys(("theoremstyle", "newcounter", "newlength", "hyphenation", "bibliographystyle"), 1),
    **dict.fromkeys(("setlength", "addtolength", "setcounter", "numberwithin", "newtheorem"), 2),
    **dict.fromkeys(("newenvironment", "renewenvironment"), 3),
    **dict.fromkeys(("makeatletter", "makeatother"), 0),
}
#: Others of which nothing is seen, but which what follows may need.
_QUIET = {"require": 1, "definecolor": 3, "begingroup": 0, "endgroup": 0, "relax": 0}
_DEFINING = re.compile(
    rf"\\(?:(?P<command>{_COMMANDS})\*?|(?:(?:global|long)\\)?(?P<primitive>[egx]?def|let)"
    rf"|(?P<preamble>{'|'.join(_PREAMBLE)})\*?|(?P<quiet>{'|'.join(_QUIET)}))(?![A-Za-z@])"
)
_BLANKS = re.compile(r"(?:\s|(?<!\\)%[^\n]*(?:\n|\Z))*")
_NAME = re.compile(r"\\(?:[A-Za-z@]+|[^A-Za-z@])")
_BRACED_NAME = re.compile(r"\{\s*(\\(?:[A-Za-z@]+|[^A-Za-z@]))\s*\}")
_COUNT = re.compile(r"\[([1-9])\]")
_OPTIONAL = re.compile(r"\[[^\[\]{}]*\]")
_PARAMETERS = re.compile(r"(?:#[1-9])*")
_TOKEN = re.compile(r"\\(?:[A-Za-z@]+|.)|[{}]", re.DOTALL)
_CONTROL = re.compile(r"\\(?:[A-Za-z@]+|.)", re.DOTALL)
_WORD_END = re.compile(r"\\[A-Za-z@]+\Z")


class Macro(NamedTuple):
    """What stands for a control sequence: ``body`` with ``#1`` to ``#arguments`` in it."""

    arguments: int
    body: str


class Head(NamedTuple):
    """The definitions that a text begins with, and what else shows nothing."""

    macros: dict[str, Macro | None]  # None: of a kind that is not replaced
    preamble: bool  # commands of a preamble are among them
    end: int  # where they end, white space behind them included


def head(text: str, start: int = 0) -> Head:
    """The definitions at ``start``; ``end`` is ``start`` without any. Linear in their length."""
    macros: dict[str, Macro | None] = {}
    preamble = False
    at, first = start, _blanks(text, start)
    while (match := _DEFINING.match(text, first)) is not None:
        end = _definition(text, match, macros)
        if end < 0 or end - first > _MAX_DEFINITION:
            break
        preamble = preamble or match["preamble"] is not None
        at = first = _blanks(text, end)
    return Head(macros, preamble, at)


def applied(text: str) -> str:
    """``text`` without the definitions at its head, its macros replaced; "" if that leaves nothing, of which
    nothing is seen. Where macros cannot be replaced all stays."""
    found = head(text)
    rest = text[found.end :]
    if not rest or not (found.macros or found.preamble):
        return text if rest else ""
    bound = max(4 * len(text), 1000)
    for _ in range(_MAX_ROUNDS):
        if (replaced := _replaced(rest, found.macros, bound)) is None:
            return text
        if replaced == rest:
            return rest
        rest = replaced
    return text


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
    """Where so many arguments end, options in brackets before and behind each; -1 if there are fewer."""
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


def _definition(text: str, match: re.Match[str], macros: dict[str, Macro | None]) -> int:
    """Reads what the defining command ``match`` defines into ``macros``; where that ends, -1 if nowhere."""
    at = _blanks(text, match.end())
    if (setting := match["preamble"] or match["quiet"]) is not None:
        return _setting(text, at, _PREAMBLE.get(setting, _QUIET.get(setting, 0)))
    braced = _BRACED_NAME.match(text, at)
    named = braced or _NAME.match(text, at)
    if named is None:
        return -1
    name = named[1] if braced is not None else named[0]
    at = _blanks(text, named.end())
    arguments, known = 0, True
    if match["primitive"] == "let":
        at = _blanks(text, at + (text[at : at + 1] == "="))
        other = _NAME.match(text, at)
        end = other.end() if other is not None else at + 1
        macros[name] = Macro(0, text[at:end])
        return end if end <= len(text) else -1
    if match["primitive"] is not None:
        parameters = _PARAMETERS.match(text, at)
        arguments = 0 if parameters is None else len(parameters[0]) // 2
        at = _blanks(text, at if parameters is None else parameters.end())
    else:
        if (count := _COUNT.match(text, at)) is not None:
            arguments = int(count[1])
            at = _blanks(text, count.end())
        while (default := _OPTIONAL.match(text, at)) is not None:
            known = False  # an argument that may be left out
            at = _blanks(text, default.end())
    end = _group(text, at)
    if end < 0:
        return -1
    body = text[at + 1 : end - 1]
    if match["command"] == "DeclareMathOperator":
        body = rf"\operatorname{'*' * match[0].endswith('*')}{{{body}}}"
    macros[name] = Macro(arguments, body) if known else None
    return end


def _replaced(text: str, macros: dict[str, Macro | None], most: int) -> str | None:
    """``text`` with each macro replaced once; None where one cannot be, or if that has more than ``most``
    characters."""
    out: list[str] = []
    at = size = 0
    for control in _CONTROL.finditer(text):
        if control.start() < at or control[0] not in macros:
            continue
        macro = macros[control[0]]
        if macro is None:
            return None
        out.append(text[at : control.start()])
        at = control.end()
        body = macro.body
        for number in range(1, macro.arguments + 1):
            at = _blanks(text, at)
            if (end := _group(text, at)) >= 0:
                argument = text[at + 1 : end - 1]
            elif (named := _NAME.match(text, at)) is not None:
                argument, end = named[0], named.end()
            elif at < len(text) and text[at] not in "{}":
                argument, end = text[at], at + 1
            else:
                return None
            body = body.replace(f"#{number}", argument)
            at = end
        if not macro.arguments and control[0][-1].isalpha():
            following = _blanks(text, at)
            if following > at and _WORD_END.search(body) is None:
                at = following - 1 if text[following - 1].isspace() else following
        out.append(body)
        if (size := size + len(out[-2]) + len(body)) > most:
            return None
        if _WORD_END.search(body) is not None and text[at : at + 1].isalpha():
            out.append(" ")
    out.append(text[at:])
    return "".join(out)
