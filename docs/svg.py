"""Text and boxes as SVG, of a size that is legible in a browser and on a code host.

Knows shapes; does not know what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

FONT = "font-family='Helvetica, Arial, sans-serif'"
INK, PALE, LINE = "#1f2933", "#52606d", "#9aa5b1"


def text(
    x: float,
    y: float,
    said: str,
    size: int = 14,
    colour: str = INK,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """A line of text; ``y`` is its baseline."""
    weight = " font-weight='bold'" if bold else ""
    return (
        f"<text x='{x:g}' y='{y:g}' font-size='{size}' fill='{colour}' text-anchor='{anchor}'{weight}>"
        f"{escape(said)}</text>"
    )


def box(x: float, y: float, width: float, height: float, fill: str, edge: str = LINE) -> str:
    """A rectangle with round corners."""
    place = f"x='{x:g}' y='{y:g}' width='{width:g}' height='{height:g}'"
    return f"<rect {place} rx='5' fill='{fill}' stroke='{edge}'/>"


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight arrow."""
    line = f"d='M{x1:g} {y1:g} L{x2:g} {y2:g}'"
    return f"<path {line} stroke='{PALE}' stroke-width='1.5' marker-end='url(#head)'/>"


def document(width: int, height: int, title: str, shapes: Iterable[str]) -> str:
    """A whole file, with a white background and a title for screen readers."""
    size = "viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7'"
    head = f"<marker id='head' {size} orient='auto'>"
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' "
        f"height='{height}' role='img' {FONT}>",
        f"<title>{escape(title)}</title>",
        f"<defs>{head}<path d='M0 0 L8 4 L0 8 z' fill='{PALE}'/></marker></defs>",
        f"<rect width='{width}' height='{height}' fill='white'/>",
        *shapes,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
