"""AsciiMath as a sequence of symbols, in which bars are paired.

Knows where a symbol ends and which bars open and close. Knows neither grammar nor LaTeX (``asciimath``).
"""

from __future__ import annotations

from typing import NamedTuple

from stages.render.asciimath_symbols import LEFT, ORDINARY, RIGHT, TOKEN


class Token(NamedTuple):
    kind: str
    source: str
    start: int
    spaced: bool  # white space before it


def tokens_of(source: str) -> list[Token]:
    tokens: list[Token] = []
    spaced = False
    for match in TOKEN.finditer(source):
        kind = match.lastgroup
        if kind is not None and kind != "space":
            tokens.append(Token(kind, match.group(), match.start(), spaced))
        if kind is not None:  # else the backslash of a LaTeX command, which the language accepts
            spaced = kind == "space"
    return tokens


def pair_bars(tokens: list[Token]) -> list[Token]:
    """Marks bars as ``open`` and ``close``; one that stays ``bar`` is a separator (in sets, conditions and
    matrices).

    A bar after an operand closes the last open bar within the same brackets; if there is none, it opens if an
    odd number of bars follows there, as in |a||b|. Two pairs with nothing between them are a norm.
    """
    to_come = [0] * len(tokens)
    counts = [0]
    for i in range(len(tokens) - 1, -1, -1):
        source = tokens[i].source
        if tokens[i].kind == "bar":
            to_come[i] = counts[-1]
            counts[-1] += 1
        elif source in RIGHT:
            counts.append(0)
        elif source in LEFT and len(counts) > 1:
            counts.pop()
    pairs: dict[int, int] = {}
    opened: list[list[int]] = [[]]
    operand = False
    for i, token in enumerate(tokens):
        source = token.source
        if token.kind == "bar":
            before = tokens[i - 1].source if i else ""
            after = tokens[i + 1].source if i + 1 < len(tokens) else ""
            if operand and opened[-1]:
                pairs[opened[-1].pop()] = i
                continue
            # The vertical line of an augmented matrix has a cell of its own.
            column = (before == "," or before in LEFT) and (after == "," or after in RIGHT)
            if not column and (to_come[i] % 2 if operand else to_come[i]):
                opened[-1].append(i)
            operand = False
        elif source in LEFT:
            opened.append([])
            operand = False
        elif source in RIGHT:
            if len(opened) > 1:
                opened.pop()
            operand = True
        else:
            operand = (
                token.kind in ("text", "number") or source in ORDINARY or source.isalpha() or source == "!"
            )
    paired = list(tokens)
    dropped: set[int] = set()
    for start, end in sorted(pairs.items()):
        if start in dropped:
            continue
        bar = "|"
        if pairs.get(start + 1) == end - 1 and not tokens[start + 1].spaced and not tokens[end].spaced:
            bar = "||"
            dropped |= {start + 1, end - 1}
        paired[start] = tokens[start]._replace(kind="open", source=bar)
        paired[end] = tokens[end]._replace(kind="close", source=bar)
    return [token for i, token in enumerate(paired) if i not in dropped]
