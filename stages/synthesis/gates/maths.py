"""Gates of mathematical texts: formulas are kept, and nothing is left open.

Knows delimiters of LaTeX and a normal form of formulas: equal but for blanks, sizes of brackets and
synonyms. Does not know what a formula says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from stages.synthesis.gates.measure import Measured, Source
from stages.synthesis.gates.words import forms, numbers

_FORMULA = re.compile(
    r"(?<!\\)\$\$(.+?)(?<!\\)\$\$|(?<![\\$])\$(?!\$)([^$\n]+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]"
    r"|(\\begin\{(equation|align|gather|multline|eqnarray)(\*?)\}.+?\\end\{\6\7\})",
    re.DOTALL,
)
_CODE = re.compile(r"```[^\n]*\n(.*?)```|~~~[^\n]*\n(.*?)~~~", re.DOTALL)
_INLINE = re.compile(r"`[^`\n]+`")
_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|nolimits)(?![A-Za-z])\.?")
_SPACES = re.compile(r"\\[,;:!> ]|\\q?quad(?![A-Za-z])|~|\s+|\\(?:hspace|vspace)\*?\{[^{}]*\}")
_SYNONYMS = (
    ("\\tfrac", "\\frac"), ("\\dfrac", "\\frac"), ("\\le", "\\leq"), ("\\ge", "\\geq"), ("\\ne", "\\neq"),
    ("\\to", "\\rightarrow"), ("\\lbrace", "\\{"), ("\\rbrace", "\\}"), ("\\ast", "*"), ("\\land", "\\wedge"),
    ("\\lor", "\\vee"), ("\\lnot", "\\neg"), ("\\dots", "\\ldots"), ("\\mathrm", "\\text"),
    ("\\operatorname", "\\text"), ("\\epsilon", "\\varepsilon"), ("\\phi", "\\varphi"),
)  # fmt: skip
_SYNONYM = [
    (re.compile(re.escape(old) + r"(?![A-Za-z])"), new.replace("\\", r"\\")) for old, new in _SYNONYMS
]
_SINGLE = re.compile(r"\{([A-Za-z0-9])\}")
_ENVIRONMENT = re.compile(r"\\(begin|end)\{(\w+\*?)\}")
_END = re.compile(r"[.,;:]+$")


def normal(formula: str) -> str:
    """The form in which formulas are compared."""
    text = _SIZES.sub("", formula)
    for old, new in _SYNONYM:
        text = old.sub(new, text)
    return _END.sub("", _SINGLE.sub(r"\1", _SPACES.sub("", text)))


def formulas(text: str) -> Counter[str]:
    """Normal forms of the formulas between delimiters, outside code."""
    bare = _INLINE.sub(" ", _CODE.sub(" ", text))
    found = (_inner(match) for match in _FORMULA.finditer(bare))
    return Counter(form for one in found if (form := normal(one)))


def _inner(match: re.Match[str]) -> str:
    """What stands between the delimiters; of an environment all of it."""
    return next(filter(None, match.groups()), "")


def code(text: str) -> Counter[str]:
    """Code blocks, without blanks at line ends."""
    blocks = (match[1] or match[2] or "" for match in _CODE.finditer(text))
    return Counter("\n".join(line.rstrip() for line in block.strip("\n").split("\n")) for block in blocks)


def unbalanced(text: str) -> list[str]:
    """Delimiters that do not match, outside code."""
    bare = _INLINE.sub(" ", _CODE.sub(" ", text))
    found: list[str] = []
    without = bare.replace("\\\\", "  ").replace("\\$", "  ")
    if without.count("$$") % 2:
        found.append("$$")
    if without.replace("$$", "").count("$") % 2:
        found.append("$")
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]")):
        if without.count(opening) != without.count(closing):
            found.append(opening)
    for match in _FORMULA.finditer(bare):
        inner = _inner(match)
        plain = inner.replace("\\\\", "  ").replace("\\{", "  ").replace("\\}", "  ")
        depth = 0
        for letter in plain:
            depth += (letter == "{") - (letter == "}")
            if depth < 0:
                break
        if depth:
            found.append(inner[:40])
        if len(re.findall(r"\\left(?![A-Za-z])", inner)) != len(re.findall(r"\\right(?![A-Za-z])", inner)):
            found.append(f"\\left, \\right in {inner[:30]}")
    stack: list[str] = []
    for match in _ENVIRONMENT.finditer(bare):
        if match[1] == "begin":
            stack.append(match[2])
        elif stack and stack[-1] == match[2]:
            stack.pop()
        else:
            found.append(match[0])
    return found + [f"\\begin{{{name}}}" for name in stack]


def _rest(one: Counter[str], other: Counter[str]) -> Iterable[str]:
    return (one - other).elements()


def measure(found: Measured, text: str, source: Source) -> None:
    """Formulas, figures and code of a cleaned text against those of its page."""
    found.count("unbalanced", unbalanced(text))
    before, after = formulas(source.text), formulas(text)
    found.count("formulas_missing", _rest(before, after))
    # what the page has as plain text may become a formula, if all its signs are there
    plain = normal(source.text)
    found.count(
        "formulas_added", (one for one in _rest(after, before) if _letters(one) not in _letters(plain))
    )
    mine, theirs = _figures(text), _figures(source.text)
    found.count("numbers_added", _rest(mine, theirs))
    lost = list(_rest(theirs, mine))
    found["numbers_dropped"] = len(lost) / max(sum(theirs.values()), 1)
    found.count("code_changed", _rest(code(source.text), code(text)))


def _figures(text: str) -> Counter[str]:
    apart = _GLUED.sub(r"\1 \2 \3", text)
    return Counter(min(forms(number)) for number in numbers(apart))


#: ``\\frac12`` has the figures 1 and 2.
_GLUED = re.compile(r"(\\(?:[dt]?frac|binom))\s*(\d)\s*(\d)")
_SIGNS = re.compile(r"[{}$\\^_]|text|frac|cdot|times|sqrt|leq|geq|neq")


def _letters(text: str) -> str:
    """Letters, figures and signs alone, so that x^2 and x^{2} are alike."""
    return _SIGNS.sub("", text)
