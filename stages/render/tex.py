"""TeX in pages: distinguishes it from prose, reads it from attributes and addresses, counts it in text.

Knows delimiters, the attributes and addresses that contain TeX, and what distinguishes ``$x_1$`` from ``$5``.
Does not know HTML elements (``carriers``), nor what generators put around TeX (``wrappings``), and does not
check that TeX is valid.

All patterns here take time linear in the text, whatever the text.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

from stages.render.wrappings import clean, unwrap

_GREEK = "alpha|beta|gamma|delta|epsilon|theta|lambda|mu|pi|rho|sigma|tau|phi|psi|omega"
# Patterns that only TeX has. Paths ("C:\new\file") have backslashes after words and colons, escapes one
# letter ("\n").
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
    """Whether ``source`` has one of the commonest commands of TeX, which is sufficient proof in any
    context."""
    return "\\" in source and _KNOWN.search(source) is not None


def is_tex(source: str) -> bool:
    """Whether ``source`` has signs that prose lacks: a command, a braced subscript. ``x+1`` has none."""
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


# Services that draw TeX, by the way their addresses contain it: as one parameter of a query (form-encoded:
# "+" is a blank), as the whole query ("+" is plus), or as the end of the path.
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
    """The TeX in the address of an image, without ``\\bg_white`` and such; "" if none."""
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


# Attributes whose values are TeX on any element; and attributes whose values count only if they must be TeX.
_TEX_ATTRIBUTES = ("data-tex", "data-latex", "data-katex", "data-equation-content")
_OTHER_ATTRIBUTES = ("data-formula", "data-expr", "data-equation", "data-math")
_EDITED_ATTRIBUTES = ("data-value", "data-content", "data-source")
_MATHS_CLASS = re.compile(r"math|tex|equation|formula", re.IGNORECASE)


def from_attributes(attributes: Mapping[str, str | None]) -> tuple[str, bool] | None:
    """The TeX that an element has in an attribute of its own, and whether its class makes it a display."""
    classes = attributes.get("class") or ""
    display = "display" in classes or "block" in classes
    source = ""
    for name in _TEX_ATTRIBUTES:
        if source := attributes.get(name) or "":
            break
    if source and not is_formula(source) and (is_spoken(source) or not _MATHS_CLASS.search(classes)):
        source = ""
    if not source:
        for name in _OTHER_ATTRIBUTES:
            if (value := attributes.get(name)) and is_tex(value):
                source = value
                break
    if not source and "hurmet-tex" in classes:
        source = attributes.get("data-entry") or ""
    if not source and "ql-formula" in classes:  # of the editor Quill
        source = attributes.get("data-value") or ""
    if not source and _MATHS_CLASS.search(classes):
        values = (attributes.get(name) or "" for name in _EDITED_ATTRIBUTES)
        source = next((value for value in values if is_tex(value)), "")
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


# Classes of images whose alternative text is always TeX; and classes where it must look like TeX.
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

    Sufficient proof is an attribute with TeX, the class of a generator, the address of a service, or
    delimiters or commands in the alternative text; it is not enough that the alternative text could be read
    as a formula.
    """
    alternative = attributes.get("alt") or ""
    classes = attributes.get("class") or ""
    address = attributes.get("src") or ""
    if not address or address.startswith("data:"):  # loaded lazily
        address = next((value for name in _LAZY_SOURCES if (value := attributes.get(name))), "")
    signs = classes + address[:512]
    if not (
        "tex" in signs  # ordinary photographs return here
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
        # If the alternative text is TeX, it is what the author wrote, without escapes and layout.
        return (source if is_formula(source) else drawn), display
    return None


_ENVIRONMENTS = (
    "equation|align|alignat|aligned|gather|gathered|multline|eqnarray|displaymath|math|flalign|split|array|cases"
    "|[pbBvV]?matrix|smallmatrix|subequations|dcases|tikzcd"
)
#: Shortcodes of Pressbooks, Lumen, forums and wikis, whose plug-ins read them.
_SHORTCODES = "latex|tex|itex|imath|dmath|math|mathjax|katex|equation|eqn"
_RAW = re.compile(
    r"\\\\|\\\$|\\[()\[\]]|\$+|##+|\\begin\{(?:"
    + _ENVIRONMENTS
    + r")\*?\}|\\end\{(?:"
    + _ENVIRONMENTS
    + r")\*?\}|\[/?(?i:"
    + _SHORTCODES
    + r")(?:[ =][^\[\]\n]{0,60})?\]"
)
_AMOUNT = re.compile(r"[\d.,]+\s+[A-Za-z]{2}")
_CLOSING = {"\\(": "\\)", "\\[": "\\]"}


class Span(NamedTuple):
    """A formula in running text: ``text[start:stop]`` with its delimiters, ``text[first:last]`` without."""

    start: int
    first: int
    last: int
    stop: int


def may_be_raw(text: str) -> bool:
    """Whether ``text`` has characters of which delimiters consist: if not, it has no formula."""
    return "$" in text or "\\" in text or ("[" in text and "[/" in text) or ("#" in text and "##" in text)


def raw(text: str) -> list[Span]:
    """The formulas of ``text`` between ``\\(…\\)``, ``\\[…\\]``, ``$…$`` and ``$$…$$``, in environments, and
    in the delimiters of plug-ins and forums: ``[latex]…[/latex]``, ``$latex …$``, ``##…##``.

    Dollars and ``##`` count only when what is between looks like TeX, so that prices do not count. Linear in
    the text.
    """
    return list(map(Span._make, _spans(text))) if may_be_raw(text) else []


def count_raw(text: str, known: int = 0) -> int:
    """How many formulas ``raw`` finds; ``known``, if so many are known to be in dollars and there are no
    more."""
    if not may_be_raw(text):
        return known
    # Every formula that is not in dollars has one of these.
    other = "\\" in text and ("\\(" in text or "\\[" in text or "\\begin" in text)
    if 2 * known >= text.count("$") and not other and "[/" not in text and "##" not in text:
        return known
    return max(len(_spans(text)), known)


def _spans(text: str) -> list[tuple[int, int, int, int]]:
    tokens = [(match[0], match.start(), match.end()) for match in _RAW.finditer(text)]
    places: dict[str, list[int]] = {}
    for index, (token, start, end) in enumerate(tokens):
        if token[0] == "[":
            token = _kind(token)
            tokens[index] = (token, start, end)
        places.setdefault("$" if token[0] == "$" else token, []).append(index)
    spans: list[tuple[int, int, int, int]] = []
    index = -1
    while (index := index + 1) < len(tokens):
        token, outer, start = tokens[index]
        signs = token[0] in "$#"
        if signs:
            closing = "$" if token[0] == "$" else token
        elif token.startswith("\\begin"):
            closing = "\\end" + token[len("\\begin") :]
        elif token[0] == "[":
            closing = "[/" + token[1:]
        else:
            closing = _CLOSING.get(token, "")
        candidates = places.get(closing, [])
        if (place := bisect_left(candidates, index + 1)) == len(candidates):
            continue
        partner = candidates[place]
        _, stop, end = tokens[partner]
        if signs:
            # Only the very next one can close it, so no text is searched twice.
            if tokens[partner][0] != token or len(token) > 2:
                continue
            if not (_between_dollars if token[0] == "$" else _between_hashes)(text, start, stop, token):
                continue
        elif not text[start:stop].strip():
            continue
        spans.append((outer, start, stop, end))
        index = partner
    return spans


def _kind(token: str) -> str:
    """The key by which the partner of a shortcode is looked up: without case and options."""
    return token.lower().replace("=", " ").rstrip("]").split(" ", 1)[0] + "]"


def _between_hashes(text: str, start: int, stop: int, hashes: str) -> bool:
    """Formulas between ``##``, as MathJax is configured on Physics Forums; not a Markdown heading, ``a##b``
    or a number."""
    content = text[start:stop]
    if text[start - 3 : start - 2].isalnum() or text[stop + 2 : stop + 3].isalnum():
        return False
    bare = content.strip()
    return is_formula(bare) and (content == bare or is_tex(bare)) and not bare.replace(".", "").isdecimal()


def _between_dollars(text: str, start: int, stop: int, dollars: str) -> bool:
    content = text[start:stop]
    if dollars == "$$":
        return is_formula(content)
    if content.startswith("latex "):  # WordPress
        return is_formula(content[6:].strip())
    # Pandoc's rules, which most authors know: no blank inside the dollars, no digit after them.
    after = text[stop + 1 : stop + 2]
    if not content or content[0].isspace() or content[-1].isspace() or after.isdigit() or "\n\n" in content:
        return False
    if after.isalpha() and "\\" not in content and len(content) > 1:
        return False  # "$HOME:$PATH"; but "$n$th"
    if _AMOUNT.match(content):
        return False  # "$5 to US$"
    return is_formula(content)
