"""AsciiMath between backticks in running text: whether a page uses it, and its LaTeX.

Knows how pages declare it. Does not know the language (``asciimath``), nor where lines end.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from stages.render import asciimath

_ASCIIMATH_SCRIPT = re.compile(r"asciimath(?:ml)?[\w.-]*\.js|[-=/?]AM_(?:CHTML|HTMLorMML|SVG)", re.IGNORECASE)
_ASCIIMATH_CONFIG = re.compile(r"input/asciimath|asciimath2jax|AsciiMath\s*:\s*\{", re.IGNORECASE)
_BACKTICKS = re.compile(r"\\`|`([^`]+)`")


def declared(tree: LexborHTMLParser) -> bool:
    """Whether a script of the page (ASCIIMathML.js, MathJax set up for it) reads backticks as AsciiMath."""
    for script in tree.css("script"):
        if _ASCIIMATH_SCRIPT.search(script.attributes.get("src") or ""):
            return True
        if "json" not in (script.attributes.get("type") or "") and _ASCIIMATH_CONFIG.search(script.text()):
            return True
    return False


def convert(text: str) -> str:
    """``text`` with AsciiMath between backticks as LaTeX in dollars; an escaped backtick stays one."""
    return _BACKTICKS.sub(_converted, text) if "`" in text else text


def _converted(match: re.Match[str]) -> str:
    source = match[1]
    if source is None:
        return "`"
    formula = asciimath.to_latex(source.strip()) if source.strip() else ""
    return f"${formula}$" if formula else match[0]
