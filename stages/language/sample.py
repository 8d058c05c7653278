"""The part of a text from which its language is identified: windows over its start, most of them where lines
are long.

A page rendered in full begins with menus, a list of languages or countries, sometimes a listing or a table;
and text after its main text, such as comments or a part in another language, represents it less than text at
the start. So a code point is weighted by the length of its line, up to ``LINE``, and the windows are spread
over text with the weight of ``REACH`` code points of prose. This reaches past a menu that is half of the page
but not past a poem, and a notice of one long line does not represent a page of shorter ones.

Knows lines. Does not know scripts or languages.
"""

from __future__ import annotations

import numpy as np

#: A text of at most this many code points is used as a whole.
WHOLE = 2_000
#: Number of windows in a longer text, and code points of each.
WINDOWS, WINDOW = 15, 100
#: Code points of a line at and above which it counts as prose.
LINE = 50
#: Code points of prose over which the windows are spread.
REACH = 4_000
#: Code points after which nothing is used in any case.
FURTHEST = 200_000


def sample(text: str) -> str:
    """A text of at most ``WHOLE`` code points unchanged; of a longer one its windows, separated by line
    breaks.

    They are in order and do not overlap. Their centres divide the total weight into equal shares."""
    if len(text) <= WHOLE:
        return text
    text = text[:FURTHEST]
    lines = text.split("\n")
    sizes = np.fromiter(map(len, lines), np.int64, len(lines)) + 1
    heights = np.minimum(sizes, LINE)
    begins, below = np.cumsum(sizes) - sizes, np.cumsum(sizes * heights)
    wanted = min(below[-1], REACH * LINE) * (2 * np.arange(WINDOWS) + 1) // (2 * WINDOWS)
    at = np.searchsorted(below, wanted, side="right")
    middles = begins[at] + (wanted - below[at] + sizes[at] * heights[at]) // heights[at]
    pieces, free = [], 0
    for left, middle in zip(range(WINDOWS, 0, -1), middles.tolist(), strict=True):
        start = max(free, min(middle - WINDOW // 2, len(text) - left * WINDOW))
        free = start + WINDOW
        pieces.append(text[start:free])
    return "\n".join(pieces)
