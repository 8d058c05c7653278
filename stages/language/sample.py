"""What of a text its language is told from: windows over its start, most of them where lines are long.

A page in full begins with its menus, its list of languages or of countries, sometimes with a listing or a
table; and what comes after its text, such as comments or a part in another language, is less of it than what
comes first. So a code point counts for as much as its line is long, up to ``LINE``, and the windows are
spread over what counts for ``REACH`` code points of prose: past a menu that is half of the page, not past a
poem, and a notice of one long line does not speak for a page of shorter ones.

Knows lines. Does not know scripts or languages.
"""

from __future__ import annotations

import numpy as np

#: Code points of a text up to which all of it is looked at.
WHOLE = 2_000
#: How many windows there are in a longer one, of how many code points each.
WINDOWS, WINDOW = 15, 100
#: Code points from which on a line counts as prose.
LINE = 50
#: Code points of prose that the windows are spread over.
REACH = 4_000
#: Code points after which nothing is looked at, whatever they are.
FURTHEST = 200_000


def sample(text: str) -> str:
    """A text of at most ``WHOLE`` code points as it is; of a longer one its windows, by line breaks.

    They are in order and apart. Their middles are where equal shares of what counts have been passed."""
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
