"""Fonts and spaces: which LaTeX stands for a mathvariant, a mathematical letter (𝐱, ℝ) or a width.

Knows Unicode's mathematical alphanumerics by their names. Does not know elements.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from stages.render.mathml.symbols import SYMBOLS

#: mathvariant -> font commands from the outside in; () needs no command: it is how letters are set by
#: default.
VARIANTS: dict[str, tuple[str, ...]] = {
    "normal": ("\\mathrm",),
    "italic": (),
    "bold": ("\\mathbf",),
    "bold-italic": ("\\boldsymbol",),
    "double-struck": ("\\mathbb",),
    "script": ("\\mathcal",),
    "-tex-calligraphic": ("\\mathcal",),
    "bold-script": ("\\boldsymbol", "\\mathcal"),
    "-tex-bold-calligraphic": ("\\boldsymbol", "\\mathcal"),
    "fraktur": ("\\mathfrak",),
    "bold-fraktur": ("\\boldsymbol", "\\mathfrak"),
    "sans-serif": ("\\mathsf",),
    "bold-sans-serif": ("\\boldsymbol", "\\mathsf"),
    "sans-serif-italic": ("\\mathsf",),
    "sans-serif-bold-italic": ("\\boldsymbol", "\\mathsf"),
    "monospace": ("\\mathtt",),
}
#: The same for <mtext>; text in other variants is set as plain text.
TEXT_VARIANTS = {
    "bold": "\\textbf",
    "italic": "\\textit",
    "bold-italic": "\\textbf",
    "monospace": "\\texttt",
    "sans-serif": "\\textsf",
}
# Words in the Unicode names of mathematical letters -> mathvariant; the longest fitting name counts.
_NAMED = (
    ("SANS-SERIF BOLD ITALIC", "sans-serif-bold-italic"),
    ("SANS-SERIF BOLD", "bold-sans-serif"),
    ("SANS-SERIF ITALIC", "sans-serif-italic"),
    ("SANS-SERIF", "sans-serif"),
    ("BOLD ITALIC", "bold-italic"),
    ("BOLD SCRIPT", "bold-script"),
    ("BOLD FRAKTUR", "bold-fraktur"),
    ("BOLD", "bold"),
    ("ITALIC", "italic"),
    ("DOUBLE-STRUCK", "double-struck"),
    ("SCRIPT", "script"),
    ("FRAKTUR", "fraktur"),
    ("BLACK-LETTER", "fraktur"),
    ("MONOSPACE", "monospace"),
)


@lru_cache(maxsize=2048)
def styled(char: str) -> tuple[str, str]:
    """A mathematical letter or digit (𝐱, ℝ, 𝟙) as its plain character and its mathvariant; ("", "") for
    others."""
    if not ("\U0001d400" <= char <= "\U0001d7ff" or "ℂ" <= char <= "ⅉ") or char in SYMBOLS:
        return "", ""
    kind, _, code = unicodedata.decomposition(char).partition(" ")
    if kind != "<font>":  # decomposed by one step: NFKC would also turn ϵ into ε
        return "", ""
    name = unicodedata.name(char)
    return next(((chr(int(code, 16)), variant) for words, variant in _NAMED if words in name), ("", ""))


# Widths in em up to which a space is one of LaTeX's: \, is 3/18 em, \: 4/18, \; 5/18, a word space about 1/3.
_SPACES = (
    (0.08, ""),
    (0.2, "\\,"),
    (0.25, "\\:"),
    (0.31, "\\;"),
    (0.42, "\\ "),
    (0.75, "\\enspace"),
    (1.5, "\\quad"),
)


def space(em: float) -> str:
    """LaTeX's space that is nearest to a width in em; "" for less than a hair."""
    if em < 0:
        return "\\!" if em < -0.08 else ""
    return next((tex for limit, tex in _SPACES if em <= limit), "\\qquad")


#: Widths in em of Unicode's spaces; U+2063 after one makes it negative (KaTeX).
SPACE_WIDTHS = {
    "\u2002": 0.5,
    "\u2003": 1.0,
    "\u2004": 0.333,
    "\u2005": 0.25,
    "\u2006": 0.167,
    "\u2009": 0.167,
    "\u200a": 0.0556,
    "\u205f": 0.222,
    "\u202f": 0.167,
    "\u3000": 1.0,
}
NAMED_WIDTHS = {
    name: em * sign
    for prefix, sign in (("", 1), ("negative", -1))
    for name, em in (
        (f"{prefix}veryverythinmathspace", 1 / 18),
        (f"{prefix}verythinmathspace", 2 / 18),
        (f"{prefix}thinmathspace", 3 / 18),
        (f"{prefix}mediummathspace", 4 / 18),
        (f"{prefix}thickmathspace", 5 / 18),
        (f"{prefix}verythickmathspace", 6 / 18),
        (f"{prefix}veryverythickmathspace", 7 / 18),
    )
}
UNITS = {
    "em": 1.0,
    "": 1.0,
    "ex": 0.43,
    "px": 1 / 16,
    "pt": 0.1,
    "mu": 1 / 18,
    "cm": 2.85,
    "mm": 0.285,
    "in": 7.2,
    "%": 0.01,
}
