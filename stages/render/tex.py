"""TeX source as pages carry it: cleaned, told from prose, read from addresses, counted in text.

Knows delimiters, the wrappings that generators put around TeX (``{\\displaystyle …}``, CDATA, ``%`` at line
ends), the addresses of services that draw TeX, and what separates ``$x_1$`` from ``$5``. Does not know HTML
elements (``equations``), and does not check that TeX is valid: TeX itself stays letter for letter.

All patterns here take time linear in the text, whatever the text.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from urllib.parse import unquote, unquote_plus

_DELIMITERS = (("$$", "$$", True), ("\\[", "\\]", True), ("\\(", "\\)", False), ("$", "$", False))
_ZERO_WIDTH = re.compile("[\u200b\u2060\ufeff\u00ad]")
_CDATA = re.compile(r"(?:(?:%|//)[ \t]*)?(?:<!\[CDATA\[|\]\]>)")
_ENTITY = re.compile(r"&(lt|gt|amp|quot|nbsp|#39|#x27);", re.IGNORECASE)
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "nbsp": " ", "#39": "'", "#x27": "'"}
# LaTeXML wraps long alt texts by "%" at line ends; TeX skips the line end and what indents the next line.
_WRAPPED_LINE = re.compile(r"(\\[A-Za-z]+)?(?<!\\)%[ \t]*\r?\n[ \t]*(?=([A-Za-z])?)")
_MAX_WRAPPINGS = 8
_BLANK_LINES = re.compile(r"\n\s+")  # a blank line ends a formula in TeX
_STYLE_GROUP = re.compile(r"\{\s*\\(?:display|text)style(?![A-Za-z])")


def unwrap(source: str) -> tuple[str, bool]:
    """TeX without its wrappings (see ``clean``), and whether its delimiters make it a display."""
    text = source
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
    display = False
    text = _strip(text)
    for _ in range(_MAX_WRAPPINGS):
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
    return _BLANK_LINES.sub("\n", text) if "\n" in text else text, display


def clean(source: str) -> str:
    """TeX without delimiters, ``{\\displaystyle …}`` groups, CDATA, zero-width characters, doubled escapes.

    Also without LaTeXML's ``%`` at line ends and without blank lines, which end a formula in TeX.
    """
    return unwrap(source)[0]


def _strip(text: str) -> str:
    """Without white space around, save for the blank of a final control space (``\\ ``)."""
    stripped = text.strip()
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if backslashes % 2 else stripped


def _delimited(text: str, opening: str, closing: str) -> bool:
    """Whether one pair of delimiters embraces the whole of ``text``."""
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
    """Where the group that ``text`` starts with ends; 0 if it does not end."""
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text, re.DOTALL):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    return 0


_GREEK = "alpha|beta|gamma|delta|epsilon|theta|lambda|mu|pi|rho|sigma|tau|phi|psi|omega"
# What only TeX has. Paths ("C:\new\file") have backslashes after words and colons, escapes one letter ("\n").
_COMMAND = (
    r"(?<!\b[A-Z]:)\\(?:[dt]?frac|sqrt|left|right|begin|text|math[a-z]+|operatorname|sum|int|prod|lim|infty|[cl]?dots?|times"
    r"|le|ge|ne|leq|geq|neq|in|to|over(?:line)?|hat|bar|vec|partial|nabla|displaystyle|"
    + _GREEK
    + r")(?![A-Za-z])"
)
_KNOWN = re.compile(_COMMAND)
_MARKS = re.compile(
    _COMMAND
    + r"|(?<![A-Za-z]{2})(?<![:\\])\\(?:[A-Za-z]{2,}|[,;!{}|])|(?:^|[\w)\]}'|])[\^_](?:\{|\\[A-Za-z])"
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_SPOKEN = re.compile(r"[^\W\d_]{3}\s|\s[^\W\d_]{3}|^(?:" + _GREEK + r")$|[\u0590-\u1eff\u3040-\ud7ff]")
_SYMBOLIC = re.compile(r"[\w\s+\-−*/=<>≤≥≠±×·÷()\[\]{}|,.;:!?'’′%&^_~…]+")
_FUNCTIONS = frozenset(
    re.findall(r"\w+", "sin cos tan cot sec csc log exp lim max min sup inf det dim ker deg gcd lcm arg mod")
)


def has_command(source: str) -> bool:
    """Whether ``source`` has one of the commonest commands of TeX: proof enough wherever it stands."""
    return "\\" in source and _KNOWN.search(source) is not None


def is_tex(source: str) -> bool:
    """Whether ``source`` has what prose has not: a command, a braced subscript. ``x+1`` has not."""
    return ("\\" in source or "{" in source) and _MARKS.search(source) is not None


def is_spoken(source: str) -> bool:
    """Whether ``source`` is a formula in words ("x squared"), as labels for screen readers often are."""
    return not is_tex(source) and _SPOKEN.search(source.strip()) is not None


def is_formula(source: str) -> bool:
    """Whether ``source`` can be TeX where TeX is expected: ``x``, ``a+b``, ``\\alpha`` can, words cannot."""
    if is_tex(source):
        return True
    return (
        0 < len(source) <= 200
        and not source.isspace()
        and _SYMBOLIC.fullmatch(source) is not None
        and all(word in _FUNCTIONS for word in _WORD.findall(source))
    )


# Services that draw TeX, by how their addresses carry it: as one parameter of a query (form-encoded: "+" is
# a blank), as the whole query ("+" is plus), or as the end of the path.
_PARAMETER = re.compile(
    r"(?:latex\.php|/equation|/render/math|/math|math\.now\.sh/?|tex2img\.php|texer\.php|/chart|/tex|/latex)\?"
    r"(?:[^#]*?&)?(?:latex|tex|math|chl|formula|eq|val|from)=([^&#]+)",
    re.IGNORECASE,
)
_QUERY = re.compile(
    r"(?:codecogs\.com/[\w./]*|latex\.csdn\.net/\w+|/(?:mimetex|mathtex)(?:\.cgi|\.exe)?|/equation\.render|/(?:gif|png|svg)\.(?:latex|image))"
    r"\?([^#]+)",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?:(?:upmath\.me|tex\.s2cms\.ru)/(?:svg|png)/|/equation_images/)([^?#]+)", re.IGNORECASE)
_LAYOUT = re.compile(
    r"\\(?:inline|dpi\s*\{[^{}]*\}|(?:bg|fn)_\w+|(?:bg|fg|pagecolor)\s*\{[^{}]*\}|reverse|opaque"
    r"|tiny|small|normalsize|large|Large|LARGE|huge|Huge)(?![A-Za-z])\s*"
)


def from_address(address: str) -> str:
    """The TeX that the address of an image carries, without ``\\bg_white`` and such; "" if none."""
    if match := _PARAMETER.search(address):
        if "/chart?" in address and "cht=tx" not in address:
            return ""
        source = unquote_plus(match[1])
    elif match := _QUERY.search(address):
        source = unquote(match[1]).replace("&space;", " ").replace("&plus;", "+")
        if "%2520" in match[1] or "%255C" in match[1]:
            source = unquote(source)
    elif match := _PATH.search(address):
        source = unquote(match[1])
        if "%" in source and re.search(r"%[0-9A-Fa-f]{2}", source):
            source = unquote(source)  # Canvas encodes twice
    else:
        return ""
    source = source.strip()
    while (match := _LAYOUT.match(source)) is not None:
        source = source[match.end() :]
    return clean(source)


# Attributes whose values are TeX whatever the element; and those where only what must be TeX is.
_TEX_ATTRIBUTES = ("data-tex", "data-latex", "data-katex", "data-equation-content")
_OTHER_ATTRIBUTES = ("data-formula", "data-expr", "data-equation", "data-math")
_MATHS_CLASS = re.compile(r"math|tex|equation|formula", re.IGNORECASE)


def from_attributes(attributes: Mapping[str, str | None]) -> tuple[str, bool] | None:
    """The TeX that an element has in an attribute of its own, and whether its class makes it a display."""
    classes = attributes.get("class") or ""
    display = "display" in classes or "block" in classes
    source = next((value for name in _TEX_ATTRIBUTES if (value := attributes.get(name))), "")
    if source and not is_formula(source) and (is_spoken(source) or not _MATHS_CLASS.search(classes)):
        source = ""
    if not source:
        values = (attributes.get(name) or "" for name in _OTHER_ATTRIBUTES)
        source = next((value for value in values if is_tex(value)), "")
    if not source and "hurmet-tex" in classes:
        source = attributes.get("data-entry") or ""
    if not source and "latex-rendered" in classes:
        source = _of_substack(attributes.get("data-attrs") or "")
        display = True
    return (source, display) if source and not source.isspace() else None


def _of_substack(attributes: str) -> str:
    try:
        values = json.loads(attributes)
    except (ValueError, RecursionError):
        return ""
    source = values.get("persistentExpression") if isinstance(values, dict) else None
    return source if isinstance(source, str) else ""


# Classes of images whose alternative text is TeX whatever it says; those where it must look like TeX.
_TEX_IMAGE = re.compile(
    r"(?:^|\s)(?:mwe-math-fallback|ql-img-|(?:tex|latex|latexcenter|equation_image|texrender)(?:\s|$))"
)
_MATHS_IMAGE = re.compile(r"(?:^|\s)(?:math|formula|equation|ztext-math|inlineformula)", re.IGNORECASE)
_GENERIC = re.compile(
    r"(?:la)?tex|image|img|math|formula|equation|rendered by .*|[^\\]*\.(?:gif|png|svg|jpe?g)|", re.IGNORECASE
)
_LONG_WORD = re.compile(r"(?<![\\\w{])[A-Za-z]{4,}\s")
_LAZY_SOURCES = ("data-src", "data-lazy-src", "data-original", "data-actualsrc")
_MAX_ADDRESS = 16_384


def from_image(attributes: Mapping[str, str | None]) -> tuple[str, bool] | None:
    """The TeX that an image shows and whether it is a display; ``None`` for photographs and other images.

    Proof is an attribute with TeX, the class of a generator, the address of a service, delimiters or commands
    in the alternative text: never that some alternative text could be read as a formula.
    """
    alternative = attributes.get("alt") or ""
    classes = attributes.get("class") or ""
    address = attributes.get("src") or ""
    if not address or address.startswith("data:"):  # loaded lazily
        address = next((value for name in _LAZY_SOURCES if (value := attributes.get(name))), "")
    signs = classes + address[:512]
    if not (
        "tex" in signs  # the usual photograph goes no further than this
        or "math" in signs
        or "equation" in signs
        or "formula" in signs
        or "ql-img" in signs
        or "cht=tx" in signs
        or "codecogs" in signs
        or "upmath" in signs
        or "\\" in alternative
        or "$" in alternative
        or "eeimg" in attributes
        or "data-equation-content" in attributes
    ):
        return None
    display = "display" in classes or "center" in classes
    if (named := from_attributes(attributes)) is not None:
        return named[0], display
    if alternative[:6].lower() == "latex:":  # Canvas
        alternative = alternative[6:]
    source, delimited = unwrap(alternative)
    display = display or delimited
    if _GENERIC.fullmatch(source) is None:
        prose = len(_LONG_WORD.findall(source)) > 3
        if not prose and (_TEX_IMAGE.search(classes) or "eeimg" in attributes):
            return source, display
        if is_formula(source) and (
            _MATHS_IMAGE.search(classes)
            or (source != alternative.strip() and not source.replace(",", "").isdigit())  # was in delimiters
        ):
            return source, display
        if has_command(source) and "$" not in source and not prose:
            return source, display
    if drawn := from_address(address[:_MAX_ADDRESS]):
        # The alternative text, where it is TeX, is what the author wrote, without escapes and layout.
        return (source if is_formula(source) else drawn), display
    return None


_ENVIRONMENTS = (
    "equation|align|alignat|aligned|gather|gathered|multline|eqnarray|displaymath|math|flalign|split|array|cases"
    "|[pbBvV]?matrix|smallmatrix|subequations|dcases|tikzcd"
)
_RAW = re.compile(
    r"\\\\|\\\$|\\[()\[\]]|\$+|\\begin\{(?:"
    + _ENVIRONMENTS
    + r")\*?\}|\\end\{(?:"
    + _ENVIRONMENTS
    + r")\*?\}"
)
_AMOUNT = re.compile(r"[\d.,]+\s+[A-Za-z]{2}")
_CLOSING = {"\\(": "\\)", "\\[": "\\]"}


def count_raw(text: str) -> int:
    """How many formulas ``text`` has between ``\\(…\\)``, ``\\[…\\]``, ``$…$``, ``$$…$$`` or in environments.

    Dollars count only when what is between looks like TeX, so that prices do not. Linear in the text.
    """
    if "$" not in text and "\\" not in text:
        return 0
    tokens = [(match[0], match.start(), match.end()) for match in _RAW.finditer(text)]
    places: dict[str, list[int]] = {}
    for index, (token, _, _) in enumerate(tokens):
        places.setdefault("$" if token[0] == "$" else token, []).append(index)
    count = 0
    index = -1
    while (index := index + 1) < len(tokens):
        token, _, start = tokens[index]
        dollars = token[0] == "$"
        if dollars:
            closing = "$"
        elif token.startswith("\\begin"):
            closing = "\\end" + token[len("\\begin") :]
        else:
            closing = _CLOSING.get(token, "")
        candidates = places.get(closing, [])
        if (place := bisect_left(candidates, index + 1)) == len(candidates):
            continue
        partner = candidates[place]
        stop = tokens[partner][1]
        if dollars:
            # The very next dollars close, or nothing does: so no text is looked at twice.
            if (
                tokens[partner][0] != token
                or len(token) > 2
                or not _between_dollars(text, start, stop, token)
            ):
                continue
        elif not text[start:stop].strip():
            continue
        count += 1
        index = partner
    return count


def _between_dollars(text: str, start: int, stop: int, dollars: str) -> bool:
    content = text[start:stop]
    if dollars == "$$":
        return is_formula(content)
    # The rules of Pandoc, which most authors know: no blank inside the dollars, no digit after.
    after = text[stop + 1 : stop + 2]
    if not content or content[0].isspace() or content[-1].isspace() or after.isdigit() or "\n\n" in content:
        return False
    if after.isalpha() and "\\" not in content and len(content) > 1:
        return False  # "$HOME:$PATH"; but "$n$th"
    if _AMOUNT.match(content):
        return False  # "$5 to US$"
    return is_formula(content)
