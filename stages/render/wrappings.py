"""TeX source without what generators and publishers put around it.

Knows delimiters, ``{\\displaystyle …}``, CDATA, ``%`` at line ends, the whole LaTeX document that biomedical
publishers put around each formula, HTML line breaks that blog software inserts into TeX, and macros that only
LaTeXML knows. Does not know where TeX comes from (``tex``, ``carriers``). The TeX that remains is not
changed.
"""

from __future__ import annotations

import re

from stages.render import macros

_DELIMITERS = (("$$", "$$", True), ("\\[", "\\]", True), ("\\(", "\\)", False), ("$", "$", False))
#: Of these, and of groups.
_OPENINGS = ("$", "\\[", "\\(", "{")
_ZERO_WIDTH = re.compile("[\u200b\u2060\ufeff\u00ad]")
_CDATA = re.compile(r"(?:(?:%|//)[ \t]*)?(?:<!\[CDATA\[|\]\]>)")
_ENTITY = re.compile(r"&(lt|gt|amp|quot|nbsp|#39|#x27);", re.IGNORECASE)
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "nbsp": " ", "#39": "'", "#x27": "'"}
# LaTeXML wraps long alt texts by "%" at line ends; TeX skips the line end and the indentation of the next
# line.
_WRAPPED_LINE = re.compile(r"(\\[A-Za-z]+)?(?<!\\)%[ \t]*\r?\n[ \t]*(?=([A-Za-z])?)")
_MAX_WRAPPINGS = 8
_BLANK_LINES = re.compile(r"\n\s+")  # a blank line ends a formula in TeX
_STYLE_GROUP = re.compile(r"\{\s*\\(?:display|text)style(?![A-Za-z])")


_DOCUMENT, _DOCUMENT_END = "\\begin{document}", "\\end{document}"
_BREAK = re.compile(r"<br(?:\s[^<>]*)?/?>", re.IGNORECASE)
#: Colours of table cells, which LaTeXML passes on to formulas.
_PAGE_COLOUR = re.compile(r"\\pagecolor\s*(?:\[[^\[\]]*\])?\s*\{[^{}]*\}\s*")
_LATEXML = re.compile(r"\\lx@([A-Za-z@]+)[ \t]*((?:\{[^{}]*\})*)")
_LATEXML_UNITS = {"arcdegree": "^{\\circ}", "arcminute": "'", "arcsecond": "''"}


def is_foreign(source: str) -> bool:
    """Whether ``source`` has LaTeXML's own macros for which TeX has no command: MathML is then more
    complete."""
    return "\\lx@" in source and any(match[1] not in _LATEXML_UNITS for match in _LATEXML.finditer(source))


def without_foreign(source: str) -> str:
    """``source`` without LaTeXML's own macros: units become TeX, other macros their first argument."""
    return _LATEXML.sub(_of_tex, _PAGE_COLOUR.sub("", source))


def _of_tex(match: re.Match[str]) -> str:
    name, groups = match[1], match[2]
    if name in _LATEXML_UNITS:
        return _LATEXML_UNITS[name] + groups
    return groups[: groups.find("}") + 1]


def without_breaks(source: str) -> str:
    """``source`` with HTML line break tags replaced by line breaks."""
    return _BREAK.sub("\n", source)


def unwrap(source: str) -> tuple[str, bool]:
    """TeX without its wrappings (see ``clean``), and whether its delimiters make it a display; "" for
    definitions without a formula."""
    text = source
    if _DOCUMENT in text:
        # Its delimiters are the same for inline and display formulas.
        return unwrap(text.partition(_DOCUMENT_END)[0].rpartition(_DOCUMENT)[2])[0], False
    if "<![CDATA[" in text or "]]>" in text:
        text = _CDATA.sub("", text)
    if not text.isascii():
        text = _ZERO_WIDTH.sub("", text)
    if "&" in text:
        text = _ENTITY.sub(lambda match: _ENTITIES[match[1].lower()], text)
    if "%" in text:
        text = _WRAPPED_LINE.sub(
            lambda match: (match[1] or "") + (" " if match[1] and match[2] else ""), text
        )
    if "<" in text:
        text = without_breaks(text)
    if "\\lx@" in text or "\\pagecolor" in text:
        text = without_foreign(text)
    display = False
    text = _strip(text)
    for _ in range(_MAX_WRAPPINGS):
        if not text.startswith(_OPENINGS):
            break
        inner = text
        for opening, closing, displayed in _DELIMITERS:
            if _delimited(text, opening, closing):
                inner = text[len(opening) : -len(closing)]
                display = display or displayed
                break
        else:
            if (match := _STYLE_GROUP.match(text)) and _group_end(text) == len(text):
                inner = text[match.end() : -1]
        if inner is text:
            break
        text = _strip(inner)
    if "\n" in text:
        text = _BLANK_LINES.sub("\n", text)
    return macros.without_preamble(text) if "\\" in text else text, display


def clean(source: str) -> str:
    """TeX without delimiters, ``{\\displaystyle …}`` groups, CDATA, zero-width characters, doubled escapes.

    Also without the document around it, macros that it defines but does not use, LaTeXML's ``%`` at line
    ends, and blank lines, which end a formula in TeX.
    """
    return unwrap(source)[0]


def _strip(text: str) -> str:
    """Without surrounding white space, except the blank of a final control space (``\\ ``)."""
    stripped = text.strip()
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if backslashes % 2 else stripped


def _delimited(text: str, opening: str, closing: str) -> bool:
    """Whether one pair of delimiters encloses the whole of ``text``."""
    if not (text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing)):
        return False
    inner = text[len(opening) : -len(closing)]
    if opening[0] == "$":
        # "$a$ and $b$" is two formulas; "$a \text{ if $b$}$" is one.
        return not inner.endswith("\\") and not _bare_dollar(inner)
    return opening not in inner.replace("\\\\", "")


def _bare_dollar(text: str) -> bool:
    """Whether there is a ``$`` outside of braces that is not escaped."""
    if "$" not in text:
        return False
    depth = 0
    for token in re.findall(r"\\.|[{}$]", text, re.DOTALL):
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
        elif token == "$" and depth <= 0:
            return True
    return False


def _group_end(text: str) -> int:
    """End of the group that ``text`` starts with; 0 if it does not end."""
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text, re.DOTALL):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    return 0
