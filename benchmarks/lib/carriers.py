"""Formulas of a page, by the elements and attributes that carry their TeX, independently of the renderer.

Carriers of one formula (annotation and alttext of one ``<math>``, the ``script`` next to MathJax 2's output,
the fallback image of a wiki formula) are joined by the outermost element that stands for the formula, and
the most trusted carrier is its source. Raw delimiters are looked for in visible text, within one block.
Sources are compared without white space and without what says only how they are set. Formulas with macros
that only LaTeXML knows are left out: a text need not have them. Does not know what a tool makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, unquote_plus, urlsplit

from lxml import etree

from benchmarks.lib.dom import EDGE, is_hidden, squeeze, text_of

#: Carriers of TeX, the most trusted first.
CARRIERS = ("annotation", "alttext", "script", "attribute", "image")

#: A carrier inside these is no formula of the page.
_DEAD = frozenset(str.split("template noscript textarea select iframe noembed noframes xmp pre code svg"))


class Formula(NamedTuple):
    """One formula. ``tex`` is bare; ``twins`` are bare texts of what a browser shows for it."""

    tex: str
    carrier: str
    twins: tuple[str, ...]
    hidden: bool  # by the page, together with what surrounds it: it may be printed or not


_WRAPPERS = tuple(
    re.compile(wrapper, re.DOTALL)
    for wrapper in (
        r"\{\s*\\(?:display|text)style(?![a-zA-Z])(.*)\}",
        r"\\displaystyle(?![a-zA-Z])(.+)",
        r"\$\$(.+)\$\$",
        r"\$([^$]+)\$",
        r"\\\((.+)\\\)",
        r"\\\[(.+)\\\]",
    )
)
#: How codecogs and its like are told size, resolution and colour.
_SIZES = re.compile(
    r"\s*(?:\\(?:inline|tiny|small|normalsize|large|Large|LARGE|huge|dpi\s*\{\d+\}|(?:bg|fn|fg)_\w+)(?![a-zA-Z])\s*)+"
)


#: Macros of LaTeXML alone start with this.
_LATEXML = "\\lx@"
_CELL_COLOUR = re.compile(r"\\pagecolor(?:\[[^\]]*\])?\{[^{}]*\}")


def source(tex: str) -> str:
    """TeX without white space and what says only how it is set: delimiters, ``{\\displaystyle …}``, sizes,
    colours of cells."""
    tex = _after_sizes(_CELL_COLOUR.sub("", tex).replace("&space;", " ")).strip()
    while True:
        for wrapper in _WRAPPERS:
            match = wrapper.fullmatch(tex)
            if match and _balanced(match[1]):
                tex = match[1].strip()
                break
        else:
            return squeeze(tex)


def _after_sizes(tex: str) -> str:
    match = _SIZES.match(tex)
    return tex[match.end() :] if match else tex


def _balanced(tex: str) -> bool:
    depth = 0
    for character in tex.replace("\\{", "").replace("\\}", ""):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


_UNIT = re.compile(
    r"(?:^|\s)(?:katex(?:-display|-block|-mathml)?|temml|mwe-math-\S+|MathJax(?:_(?:Display|SVG|SVG_Display|CHTML|MathML"
    r"|Preview|PlainSource)|Preview)?|MathJax_CHTML\S*|mjx-\S+|MJX\S+|MJXc\S*)(?=\s|$)"
)
_TEX_ENCODING = re.compile(r"(?:^|[/-])(?:la)?tex(?:$|[;\s])", re.IGNORECASE)
_DATA = ("data-tex", "data-latex", "data-katex", "data-formula", "data-equation", "data-math", "data-expr")
_TEXLIKE = re.compile(r"\\[a-zA-Z]+|[\^_]\{|[\^_]\w|\\[,;!|{]")
_MATHS_CLASS = re.compile(
    r"(?:^|[\s_-])(?:la)?tex(?:[\s_-]|$)|mwe-math|ztext-math|(?:^|\s)math(?:\s|$)", re.I
)
_IMAGE_SOURCE = re.compile(
    r"latex\.(?:php|codecogs)|codecogs\.com|latex/|/latex\?|mimetex|mathtex|render/math|equation\?tex=|cht=tx"
    r"|quicklatex|/math/[0-9a-f]{2,}|/math/render/",
    re.I,
)


def _name(element: etree._Element) -> str:
    return element.tag.rsplit(":", 1)[-1] if isinstance(element.tag, str) else ""


def _carriers(root: etree._Element) -> Iterator[tuple[etree._Element, str, str]]:
    """Element, kind of carrier, TeX."""
    labelled: list[tuple[etree._Element, str]] = []
    for element in root.iter():
        name = _name(element)
        if name == "annotation":
            if _TEX_ENCODING.search(element.get("encoding") or "") and not len(element):
                yield element, "annotation", element.text or ""
        elif name == "math":
            yield element, "alttext", element.get("alttext") or ""
        elif name == "script":
            if (element.get("type") or "").strip().lower().startswith("math/tex"):
                yield element, "script", element.text or ""
        elif name == "img":
            yield element, "image", _of_image(element)
        for attribute in _DATA:
            value = element.get(attribute)
            if value and _is_formula_with(element, value):
                yield element, "attribute", value
        if element.get("aria-label") and _is_unit(element):
            labelled.append((element, element.get("aria-label") or ""))
    # A reader's label is TeX or speech, by the program that made the page.
    if any(re.search(r"\\[a-zA-Z]{2,}|[\^_]\{", label) for _, label in labelled):
        for element, label in labelled:
            yield element, "attribute", label


def _is_formula_with(element: etree._Element, value: str) -> bool:
    """Whether a data attribute is the source of all that the element shows, rather than about it."""
    if _is_unit(element) or _MATHS_CLASS.search(element.get("class") or ""):
        return True
    return _TEXLIKE.search(value) is not None and not text_of(element, set()).strip(EDGE + " \n\t")


def _of_image(image: etree._Element) -> str:
    where, alt = image.get("src") or "", (image.get("alt") or "").strip()
    made = _IMAGE_SOURCE.search(where) is not None
    marked = made or _MATHS_CLASS.search(image.get("class") or "") is not None
    if marked and alt and (_TEXLIKE.search(alt) or len(alt.split()) < 2):
        return alt
    if not made or "?" not in where:
        return ""
    try:
        query = urlsplit(where).query
    except ValueError:
        return ""
    fields = parse_qs(query)
    for key in ("tex", "latex", "chl", "math", "formula"):
        if key in fields:
            return fields[key][0]
    return unquote_plus(query).replace("&space;", " ") if _TEXLIKE.search(unquote_plus(query)) else ""


def _is_unit(element: etree._Element) -> bool:
    name = _name(element)
    return (
        name == "math"
        or name.startswith("mjx-")
        or (name in ("span", "div", "nobr", "p") and _UNIT.search(element.get("class") or "") is not None)
    )


def _unit(carrier: etree._Element) -> etree._Element:
    """The outermost element that stands for the formula."""
    unit = carrier
    for ancestor in carrier.iterancestors():
        if _is_unit(ancestor):
            unit = ancestor
    return unit


def formulas_of(root: etree._Element) -> tuple[set[etree._Element], list[Formula]]:
    """Elements that stand for a formula, and the formulas."""
    groups: dict[etree._Element, dict[str, list[str]]] = {}
    for carrier, kind, tex in _carriers(root):
        if kind == "image" and not tex:
            continue
        unit = _unit(carrier)
        if any(_name(a) in _DEAD for a in carrier.iterancestors() if a is not unit):
            continue
        group = groups.setdefault(unit, {})
        if tex.strip():
            group.setdefault(kind, []).append(source(tex))
    twins_of: dict[etree._Element, list[etree._Element]] = {}
    for unit in list(groups):
        if "script" in groups[unit]:
            twins_of[unit] = _rendered_before(unit)
            for twin in twins_of[unit]:
                groups.pop(twin, None)
    formulas: list[Formula] = []
    for unit, group in groups.items():
        for kind in CARRIERS:
            if kind in group:
                hidden = any(is_hidden(a) for a in unit.iterancestors())
                twins = _twins(unit, group[kind]) + _twins_text(twins_of.get(unit, []), group[kind])
                single = len(group[kind]) == 1
                for tex in (tex for tex in group[kind] if tex and _LATEXML not in tex):
                    formulas.append(Formula(tex, kind, twins if single else (), hidden))
                break
    units = set(groups).union(*twins_of.values()) if twins_of else set(groups)
    return units, formulas


def _rendered_before(script: etree._Element) -> list[etree._Element]:
    """What MathJax 2 put in front of its script."""
    found: list[etree._Element] = []
    sibling = script.getprevious()
    while sibling is not None and _is_unit(sibling) and not (sibling.tail or "").strip():
        found.append(sibling)
        sibling = sibling.getprevious()
    return found


def _twins(unit: etree._Element, texs: list[str]) -> tuple[str, ...]:
    """Texts of the parts of a unit that show the formula: its MathML, and the HTML beside that."""
    sources = set(unit.iter("annotation", "annotation-xml", "script"))
    maths = [unit] if _name(unit) == "math" else [e for e in unit.iter() if _name(e) == "math"]
    shown = [text_of(math, sources) for math in maths]
    if unit not in maths:
        shown.append(text_of(unit, sources.union(maths)))
    return _distinct(shown, texs)


def _twins_text(rendered: list[etree._Element], texs: list[str]) -> tuple[str, ...]:
    return _distinct([text_of(e, set(e.iter("annotation", "script"))) for e in rendered], texs)


def _distinct(shown: list[str], texs: list[str]) -> tuple[str, ...]:
    """Those that are long enough to be known again, and other than the source."""
    bared = [squeeze(text.replace(EDGE, "")) for text in shown]
    return tuple(b for b in bared if len(b) >= 6 and not any(b in t or t in b for t in texs))


_RAW = re.compile(
    r"\\\((?P<round>[^\x1e]+?)\\\)"
    r"|\\\[(?P<square>[^\x1e]+?)\\\]"
    r"|(?<![\\$])\$\$(?P<double>[^\x1e$]+?)\$\$"
    r"|(?P<begin>\\begin\{(?P<env>equation|align|gather|multline|eqnarray|alignat|displaymath)(?P<star>\*?)\}"
    r"[^\x1e]+?\\end\{(?P=env)(?P=star)\})"
    r"|(?<![\\$\w])\$(?P<single>[^\x1e$\s](?:[^\x1e$\n]{0,300}?[^\x1e$\s\\])?)\$(?![\d$])"
)


def raw_of(text: str) -> list[str]:
    """TeX between delimiters, without them (environments: with). A single ``$`` only around what is TeX."""
    found = []
    for match in _RAW.finditer(text):
        single = match["single"]
        if single and not (
            _TEXLIKE.search(single) or re.fullmatch(r"[A-Za-z]|[\w()+=<>/*,.' -]{1,12}", single)
        ):
            continue
        tex = match["round"] or match["square"] or match["double"] or match["begin"] or single or ""
        tex = squeeze(tex).removeprefix("\\displaystyle")
        if tex:
            found.append(tex)
    return found
