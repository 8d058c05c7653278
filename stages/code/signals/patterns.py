"""Functions, variables, imports and the like in code, by regular expressions for six languages.

Knows code without its comments, as OpenCoder's pipeline does, whose counts these are: what its patterns
match, said so that no text takes longer than its length allows (they take minutes over some). JavaScript,
which is parsed there, is read by patterns here; its counts are close and not the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

_M = re.MULTILINE
_LINE = r"^[^\S\n]*+"  # the start of a line and its blanks


class Counts(NamedTuple):
    """What is found in a text of code; -1: not looked for in this language."""

    functions: int = -1
    #: Functions, classes, imports, declarations and returns of single values.
    plain: int = -1
    #: The same with the imports that OpenCoder counts.
    plain_opencoder: int = -1
    variables: int = -1
    #: Those of OpenCoder, which always finds some in C# and Go.
    variables_opencoder: int = -1
    prints: int = -1
    mains: int = -1
    directives: int = -1
    directives_opencoder: int = -1
    gotos: int = -1
    bits: int = -1
    #: Functions and classes with `public`, `protected` or `private`, and all.
    modified: int = -1
    declared: int = -1


def _all(pattern: str, flags: int = _M) -> Callable[[str], int]:
    found = re.compile(pattern, flags)
    return lambda code: sum(1 for _ in found.finditer(code))


def _before(pattern: str, last: str) -> Callable[[str], int]:
    """Of a pattern that goes on to the next ``last``: looked for where there is one, or each would go to the
    end."""
    count = _all(pattern)

    def counted(code: str) -> int:
        end = code.rfind(last) + 1
        return count(code[:end]) if end else 0

    return counted


def _lines_with(words: str) -> Callable[[str], int]:
    """Lines with one of some words in them, wherever in the line."""
    return _all(rf"(?:{words})[^\n]*")


# --- C and C++

_C_FUNCTIONS = _before(
    r"\b[a-zA-Z_]\w*+(?:\s++(?:\*\s*+)?|\s*+\*++\s++(?:\*\s*+)?)[a-zA-Z_]\w*+\([^)]*\)\s*+", ")"
)
_C_INCLUDES = _all(_LINE + r'#\s*+include\s++["<][^">]{1,4096}[">]')
_C_CLASSES = _before(_LINE + r"class\s++\w++\s*+(?::[^{]*)?\{", "{")
_C_PLAIN_VARIABLES = _all(
    _LINE + r"(?:unsigned\s++)?(?:int|float|double|char|bool|std::string|auto)\s++\w++\s*+;"
)
_C_PLAIN_RETURNS = _all(
    _LINE + r"""return\s*+(?:(?:\w++|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')\s*+)?;[^\S\n]*$"""
)
_C_VARIABLES = _before(r"\w\s++(?:\*++\s*+)?[\w\[\]]++\s*+(?:,\s*+(?:\*++\s*+)?[\w\[\]]++\s*+)*+[=;]", ";")
_C_MAIN = re.compile(r"\bmain\s*+\(")
_C_DIRECTIVES = _all(
    _LINE + r"#\s*+(?:include|define|if|ifdef|ifndef|else|elif|endif|error|pragma|warning|undef|line)\b"
)
_C_DIRECTIVES_OPENCODER = _lines_with(
    r"#[^\S\n]*+(?:include|define|if|else|elif|endif|error|pragma|warning|undef|line)|struct|using"
)
_C_PRINTS, _CPP_PRINTS, _C_GOTOS = _lines_with("printf"), _lines_with("printf|cout"), _lines_with("goto")


def _c_mains(code: str) -> int:
    found, after, closing = 0, 0, -1
    for match in _C_MAIN.finditer(code):
        if match.start() < after:
            continue
        if closing < match.end():
            closing = code.find(")", match.end())
        if closing < 0:
            break
        rest = code[closing + 1 : closing + 1001].lstrip()
        if rest.startswith("{"):
            found, after = found + 1, closing + 1
    return found


def _c(code: str, prints: Callable[[str], int] = _C_PRINTS) -> Counts:
    functions = _C_FUNCTIONS(code)
    plain = _C_INCLUDES(code) + _C_CLASSES(code) + _C_PLAIN_VARIABLES(code) + _C_PLAIN_RETURNS(code)
    return Counts(
        functions=functions,
        plain=functions + plain,
        plain_opencoder=functions + plain,
        variables=(variables := _C_VARIABLES(code)),
        variables_opencoder=variables,
        prints=prints(code),
        mains=_c_mains(code),
        directives=_C_DIRECTIVES(code),
        directives_opencoder=_C_DIRECTIVES_OPENCODER(code),
        gotos=_C_GOTOS(code),
        bits=int("bits/stdc++.h" in code.lstrip()[:200].lower()),
    )


def _cpp(code: str) -> Counts:
    return _c(code, _CPP_PRINTS)


# --- C#

_CS_TYPES = "int|float|double|char|string|bool|byte|sbyte|short|ushort|uint|long|ulong|decimal"
_CS_FUNCTIONS = _before(
    _LINE + r"(?:(?:public|protected|private|internal)\s++)?"
    r"(?:(?:static|virtual|override|abstract|async)\s++)?"
    r"(?!\s*+(?:public|private|protected|if|else))(?:<\w++>)?\s*+\w++\s++\w++\s*+\([^)]*\)", ")",
)  # fmt: skip
_CS_VARIABLES = _all(rf"\b(?:{_CS_TYPES}|var)\s++\w++")
_CS_IMPORTS = _all(_LINE + r"using\s++[a-zA-Z0-9_.]++\s*+;")
_CS_CLASSES = _all(r"\bclass\s++\w")
_CS_PLAIN_RETURNS = _all(_LINE + r"return\b(?:\s++(?:[^;\n]++\s*+)?)?;")
_CS_PLAIN_VARIABLES = _all(rf"\b(?:{_CS_TYPES})\s++\w++\s*+;")
_CS_PRINTS = _lines_with(r"Console\.WriteLine")


def _cs(code: str) -> Counts:
    functions = _CS_FUNCTIONS(code)
    plain = _CS_IMPORTS(code) + _CS_PLAIN_VARIABLES(code) + _CS_PLAIN_RETURNS(code) + _CS_CLASSES(code)
    return Counts(functions, functions + plain, functions + plain, _CS_VARIABLES(code), 1, _CS_PRINTS(code))


# --- Java

_JAVA_MODIFIERS = r"(?:(?:public|protected|private|final|static)\s++)*"
_JAVA_TYPE = r"(?:int|float|boolean|char|double|String|[A-Z][\w<>]*)"
_JAVA_FUNCTION = re.compile(
    _LINE + r"((?:(?:public|protected|private|static)\s++)*(?!\s*+(?:public|private|protected|else|if))"
    r"(?:<\w++>)?\s*+\w++\s++\w++\s*+\([^)]*\)(?:\s*+throws\s++[\w, ]++)?)", _M,
)  # fmt: skip
_JAVA_IMPORTS = _all(_LINE + r"import\s++[\w.*]++\s*+;[^\S\n]*$")
_JAVA_VARIABLES = _before(_LINE + _JAVA_MODIFIERS + _JAVA_TYPE + r"\s++\w++\s*+(?:=[^;]++)?;", ";")
_JAVA_PLAIN_VARIABLES = _all(_LINE + _JAVA_MODIFIERS + _JAVA_TYPE + r"\s++\w++\s*+;")
_JAVA_PLAIN_RETURNS = _all(_LINE + r'return(?:;$|\s++(?:"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|\w*+)\s*+;[^\S\n]*$)')
_JAVA_CLASS = re.compile(
    _LINE + r"((?:public\s++|protected\s++|private\s++)?(?:final\s++|abstract\s++)?class\s++[\w<>]++)", _M
)
_JAVA_PRINTS = _lines_with(r"System\.out\.print")


def _java(code: str) -> Counts:
    named = [match.group(1) for match in _JAVA_FUNCTION.finditer(code[: code.rfind(")") + 1])]
    classes = [match.group(1) for match in _JAVA_CLASS.finditer(code)]
    plain = _JAVA_IMPORTS(code) + _JAVA_PLAIN_VARIABLES(code) + _JAVA_PLAIN_RETURNS(code)
    plain += len(named) + len(classes)
    modified = sum(
        any(word in text for word in ("public", "protected", "private")) for text in named + classes
    )
    return Counts(
        functions=len(named),
        plain=plain,
        plain_opencoder=plain,
        variables=(variables := _JAVA_VARIABLES(code)),
        variables_opencoder=variables,
        prints=_JAVA_PRINTS(code),
        modified=modified,
        declared=len(named) + len(classes),
    )


# --- Go

_GO_FUNCTIONS = re.compile(
    r"^func\s++(?:\(\s*+\w++\s++\*?\w++\s*+\))?\s*+\w++\s*+\([^)]*\)\s*+(?:\([^)]+\)|[\w\[\]]++)?\s*+", _M
)
_GO_IMPORT_BLOCK = re.compile(_LINE + r"import \([^\S\n]*\n([^)]*)\)", _M)
_GO_IMPORT_LINE = _all(_LINE + r'import\s++"[^"\n]++"[^\S\n]*$')
_GO_IMPORT_OPEN = _all(_LINE + r"import \([^\S\n]*$")
_GO_CLASSES = _before(_LINE + r"type\s++\w++\s++(?:struct|interface)\s*+\{[^}]*\}", "}")
_GO_PLAIN_RETURNS = _all(_LINE + r"return(?:\s++[^;\n]+)?[^\S\n]*+;?[^\S\n]*$")
_GO_PLAIN_VARIABLES = _all(_LINE + r"var\s++\w++\s++\w++[^\S\n]*+;?[^\S\n]*$")
_GO_VARIABLES = _all(r"\bvar\s|\bconst\s|:=")
_GO_PRINTS = _lines_with(r"fmt\.Print")


def _go(code: str) -> Counts:
    end = code.rfind(")") + 1
    functions = sum(1 for _ in _GO_FUNCTIONS.finditer(code, 0, max(end, code.rfind("\n") + 1))) if end else 0
    plain = functions + _GO_CLASSES(code) + _GO_PLAIN_RETURNS(code) + _GO_PLAIN_VARIABLES(code)
    lines, opened = _GO_IMPORT_LINE(code), _GO_IMPORT_OPEN(code)
    blocks = sum(1 for block in _GO_IMPORT_BLOCK.findall(code) for line in block.split("\n") if line.strip())
    return Counts(
        functions, plain + lines + blocks, plain + lines + opened, _GO_VARIABLES(code), 1, _GO_PRINTS(code)
    )


# --- JavaScript

_NAME = r"[A-Za-z_$][\w$]*+"
_JS_FUNCTIONS = _all(
    rf"\bfunction\s*+\*?\s*+{_NAME}\s*+\(|\b(?:var|let|const)\s++{_NAME}\s*+=\s*+(?:async\s++)?function\b"
    rf"|\bmodule\.exports\.{_NAME}\s*+=\s*+(?:(?:async\s++)?function\b|\([^()\n]*\)\s*+=>)"
)
_JS_VARIABLES = _all(
    rf"\b(?:var|let|const)\s++{_NAME}(?!\s*+=\s*+(?:async\s++)?function\b)"
    rf"|\bmodule\.exports\.{_NAME}\s*+=(?!=)(?!\s*+(?:async\s++)?function\b)"
)
_JS_VALUE = rf"(?:-?[\w.$]++|\"[^\"\n]*+\"|'[^'\n]*+'|[!-]{_NAME})"
_JS_PLAIN_VARIABLES = _all(
    rf"\b(?:var|let|const)\s++{_NAME}[^\S\n]*+(?:=\s*+{_JS_VALUE}[^\S\n]*+)?(?:[;,]|$)"
)
_JS_PLAIN_RETURNS = _all(rf"\breturn\b[^\S\n]*+(?:{_JS_VALUE}[^\S\n]*+)?(?:[;}}]|$)")
_JS_IMPORTS = _all(_LINE + r"import\b(?!\s*+\()")
_JS_CLASSES = _all(rf"\bclass\s++{_NAME}\s*+[\w\s.$]*+\{{")
_JS_PRINTS = _lines_with(r"console\.log")


def _js(code: str) -> Counts:
    functions = _JS_FUNCTIONS(code)
    plain = functions + _JS_IMPORTS(code) + _JS_PLAIN_VARIABLES(code) + _JS_PLAIN_RETURNS(code)
    plain += _JS_CLASSES(code)
    variables = _JS_VARIABLES(code)
    return Counts(functions, plain, plain, variables, variables, _JS_PRINTS(code))


LANGUAGES: Mapping[str, Callable[[str], Counts]] = {
    "C": _c,
    "C++": _cpp,
    "C#": _cs,
    "Java": _java,
    "Go": _go,
    "JavaScript": _js,
}
