"""Raw TeX in running text: what between its delimiters is not to be printed, and which line breaks are inside
it.

Knows what sites and authors set around formulas for the typesetter alone: groups (``$\\begingroup$`` of Stack
Exchange), definitions of macros, whole documents, tags of line breaks. Does not know how formulas are
recognised (``tex``), nor how text is laid out. Formulas themselves are not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from stages.render import macros, tex
from stages.render.wrappings import unwrap, without_breaks, without_foreign

_SUSPECT = re.compile(
    r"\\(?:(?:re)?newcommand|providecommand|DeclareRobustCommand|DeclareMathOperator|[egx]?def|let|global|long"
    r"|begingroup|endgroup|usepackage|documentclass|require|setlength|definecolor|newenvironment|pagecolor)"
    r"(?![A-Za-z])|\\lx@|<[bB][rR][\s/>]"
)
_GROUP = re.compile(
    r"(?P<dollars>\\?\$\$?)\s*\\(?:begin|end)group\s*(?P=dollars)|\\[(\[]\s*\\(?:begin|end)group\s*\\[)\]]"
)
_DOCUMENT = re.compile(
    r"\\documentclass(?:(?!\\documentclass).)*?\\begin\{document\}((?:(?!\\documentclass).)*?)\\end\{document\}",
    re.DOTALL,
)
#: Openings of formulas that may start with a definition: a delimiter, then a command.
_OPENED = re.compile(
    r"(?:(?<![^\s(\[,;:\"'\ufdd2])\$\$?|\\[(\[]|\\begin\{(?:equation|align|gather|displaymath|math)\*?\})(?=[\s%]*\\)"
)
_CLOSING = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_IN_LINE = ("$", "\\(", "##")
#: Marks a place where something was removed, until the blanks around it are removed too.
_HOLE = "\ufdd2"
_HOLES = re.compile(f" *(?:{_HOLE} *)+")


def is_suspect(text: str) -> bool:
    """Whether ``tidy`` has to look at ``text``."""
    return ("\\" in text or "<" in text) and _SUSPECT.search(text) is not None


def tidy(text: str) -> str:
    """``text`` (white space collapsed) without the parts of formulas that only the typesetter needs."""
    if not is_suspect(text):
        return text
    if "\\documentclass" in text:
        text = _DOCUMENT.sub(_of_document, text)
    text = _without_definitions(_GROUP.sub(_HOLE, text))
    if "<" in text or "\\lx@" in text or "\\pagecolor" in text:
        out: list[str] = []
        at = 0
        for span in tex.raw(text):
            formula = without_foreign(without_breaks(text[span.first : span.last]))
            if text[span.start : span.first] in _IN_LINE:
                formula = formula.replace("\n", " ")
            out += (text[at : span.first], formula)
            at = span.last
        text = "".join((*out, text[at:]))
    return _HOLES.sub(" ", text).strip() if _HOLE in text else text


def _of_document(match: re.Match[str]) -> str:
    body = match[1].strip()
    formula, _ = unwrap(body)
    return f"${formula}$" if formula and formula != body else match[0]


def _without_definitions(text: str) -> str:
    """Removes formulas that consist only of definitions, and definitions at the head of formulas that do not
    use them."""
    out: list[str] = []
    at = 0
    missing: set[str] = set()
    for opened in _OPENED.finditer(text):
        first = opened.end()
        closing = _CLOSING.get(opened[0]) or opened[0].replace("begin", "end")
        if opened.start() < at or closing in missing or (found := macros.head(text, first)).end == first:
            continue
        last = text.find(closing, found.end)
        if last < 0:
            missing.add(closing)
            continue
        formula = macros.without_preamble(text[first:last])
        out.append(text[at : opened.start()])
        out.append(opened[0] + formula + closing if formula else _HOLE)
        at = last + len(closing)
    return "".join((*out, text[at:])) if out else text


#: Characters after a line break in which the end of a formula is searched for: for a display, for an inline
#: formula.
_AHEAD, _AHEAD_IN_LINE = 4000, 300
_FLOWING = frozenset(["em", "i", "b", "strong", "span", "sub", "sup", "a", "wbr"])
#: Delimiters that may open the formula; amounts of money do not.
_OPEN = re.compile(r"\$\$|\\[(\[]|\\begin\{|\[[A-Za-z]{3,8}[\] =]|##|\$(?!\d)")
_SPACED_BREAK = re.compile(r"\s*\n\s*")


class Breaks:
    """Which line breaks of a page are within raw TeX, where they are white space."""

    def __init__(self) -> None:
        self._left = 200_000  # characters of the page that may still be searched

    def within_formula(self, inline: list[str], after: Iterable[tuple[str, str]]) -> bool:
        """Whether a formula begins in the line so far and ends in what comes after a line break: names and
        texts of elements, and texts, named ""."""
        line = "".join(inline)
        if not ("$" in line or "\\" in line or "[" in line or "##" in line) or self._left < 0:
            return False
        if not (opened := set(_OPEN.findall(line))):
            return False
        behind = "".join(_following(after, _AHEAD_IN_LINE if opened == {"$"} else _AHEAD))
        self._left -= len(line) + len(behind)
        if not tex.may_be_raw(behind):
            return False
        joined = line + "\n" + _SPACED_BREAK.sub("\n", behind).lstrip("\n")
        return any(span.start < len(line) < span.stop for span in tex.raw(joined))


def _following(after: Iterable[tuple[str, str]], most: int) -> Iterator[str]:
    """The text of what comes after a line break, up to a block."""
    for tag, content in after:
        if not tag:
            text = " ".join(f"|{content}|".split())[1:-1]
        elif tag == "br":
            text = "\n"
        elif tag in _FLOWING:
            text = content
        else:
            return
        yield text
        most -= len(text)
        if most <= 0:
            return
