"""Hostile pages by the thousand: mutations of real and of generated ones, each a function of seed and number.

Knows how HTML goes wrong. Does not know the renderer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

#: Characters of the largest page.
MB = 1_000_000

Mutation = Callable[[random.Random, str], str]

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_NAMES = str.split(
    "a abbr b blockquote body br button caption center code col dd details div dl dt em fieldset font"
    " form frameset h1 h2 head hr html i iframe img input kbd label li main math mfrac mi mn mo mrow"
    " msup mtable mtd mtr nav nobr noscript object ol option p pre q rt ruby s script section select"
    " small span strong style sub summary sup svg table tbody td template textarea tfoot th thead"
    " title tr tt u ul xmp"
)
_RAW = (
    "<script>", "<style>", "<textarea>", "<title>", "<xmp>", "<iframe>", "<noembed>", "<noframes>", "<!--",
    "<![CDATA[", "<!doctype ", "<?php ", "<plaintext>", "<noscript>", "<template>", "<select>", "<svg>",
    "<math>", "<a href='", '<div class="', "<script><!--<script>", "<svg><desc>", "<math><annotation-xml>",
    "<table>", "<frameset>",
)  # fmt: skip
_NESTS = (
    ("<div>", "</div>"), ("<span>", "</span>"), ("<ul><li>", "</li></ul>"), ("<dl><dd>", "</dd></dl>"),
    ("<table><tr><td>", "</td></tr></table>"), ("<table>", ""), ("<b><i><font>", ""), ("<a><p>", ""),
    ("<blockquote>", ""), ("<pre>", "</pre>"), ("<math><mrow>", "</mrow></math>"),
    ("<mfrac><mi>x</mi>", "</mfrac>"), ("<msup><mrow>", "</mrow></msup>"), ("<svg><g>", "</g></svg>"),
    ("<svg><foreignObject>", ""), ("<form>", ""), ("<select><option>", ""), ("<button>", ""),
    ("<details><summary>", ""), ("<sup>", "</sup>"), ("<q>", "</q>"), ("<template>", "</template>"),
    ("<span class=katex>", "</span>"), ("<ruby><rt>", ""), ("<nobr>", ""),
    ('<mjx-container jax="CHTML"><mjx-math>', "</mjx-math></mjx-container>"), ("<math><semantics>", ""),
)  # fmt: skip
_ENTITIES = (
    "&amp;", "&", "&#0;", "&#xD800;", "&#x110000;", "&#99999999999999999999;", "&#x", "&notanentity;",
    "&lt", "&amp;amp;", "&nbsp;", "&shy;", "&zwj;", "&CounterClockwiseContourIntegral;", "&#128;",
    "&lt;script&gt;", "&Tab;&NewLine;",
)  # fmt: skip
_TEX = (
    "$", "$$", "\\(", "\\)", "\\[", "\\]", "\\begin{align}", "\\end{align}", "\\frac{", "}", "`",
    "\\begin{equation}", '<span class="math">', '<script type="math/tex">', '<img class="tex" alt="x^2">',
    "<math alttext='x'>", '<annotation encoding="application/x-tex">',
    '<img src="http://latex.codecogs.com/gif.latex?%5Cfrac%">',
)  # fmt: skip


def _place(rng: random.Random, html: str) -> int:
    return rng.randrange(len(html) + 1)


def _insert(rng: random.Random, html: str, piece: str) -> str:
    at = _place(rng, html)
    return html[:at] + piece + html[at:]


def _fragment(rng: random.Random, html: str, longest: int) -> str:
    at = _place(rng, html)
    return html[at : at + rng.randint(1, longest)]


def delete_bytes(rng: random.Random, html: str) -> str:
    """Runs of bytes go, within characters as well."""
    data = bytearray(html.encode("utf-8", "replace"))
    for _ in range(rng.randint(1, 40)):
        at = rng.randrange(len(data) + 1)
        del data[at : at + rng.choice((1, 1, 2, 5, 40, 400))]
    return data.decode("utf-8", "replace")


def damage_bytes(rng: random.Random, html: str) -> str:
    """Bytes become others; the page is read as UTF-8 or as Latin-1."""
    data = bytearray(html.encode("utf-8", "replace"))
    for _ in range(min(rng.randint(1, 200), len(data))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return data.decode(rng.choice(("utf-8", "latin-1")), "replace")


def truncate(rng: random.Random, html: str) -> str:
    """The page ends anywhere, or starts anywhere."""
    at = _place(rng, html)
    return html[:at] if rng.random() < 0.8 else html[at:]


def swap_tags(rng: random.Random, html: str) -> str:
    """Tags change places."""
    spans = [match.span() for match in _TAG.finditer(html)]
    if len(spans) < 2:
        return html
    order = list(range(len(spans)))
    for _ in range(rng.choice((1, 5, 50))):
        i, j = rng.randrange(len(order)), rng.randrange(len(order))
        order[i], order[j] = order[j], order[i]
    pieces, end = [], 0
    for (start, stop), other in zip(spans, order, strict=True):
        pieces += [html[end:start], html[slice(*spans[other])]]
        end = stop
    return "".join(pieces) + html[end:]


def rename_tags(rng: random.Random, html: str) -> str:
    """Every so many tags get another name."""
    share = rng.choice((0.002, 0.02, 0.3))

    def other(match: re.Match[str]) -> str:
        if rng.random() > share:
            return match[0]
        return re.sub(r"[a-zA-Z][a-zA-Z0-9]*", lambda _: rng.choice(_NAMES), match[0], count=1)

    return _TAG.sub(other, html)


def drop_tags(rng: random.Random, html: str) -> str:
    """Closing tags go, or any tags."""
    share, closing = rng.choice((0.01, 0.2, 1.0)), rng.random() < 0.7

    def gone(match: re.Match[str]) -> str:
        return "" if rng.random() < share and (not closing or match[0][1] == "/") else match[0]

    return _TAG.sub(gone, html)


def repeat(rng: random.Random, html: str) -> str:
    """A fragment again and again."""
    return _insert(rng, html, _fragment(rng, html, rng.choice((20, 300, 5000))) * rng.choice((2, 30, 1000)))


def nest(rng: random.Random, html: str) -> str:
    """A fragment deep inside elements of one sort, closed or not."""
    opening, closing = rng.choice(_NESTS)
    depth = rng.choice((3, 40, 600, 5000, 30_000))
    closed = closing * depth if rng.random() < 0.6 else ""
    return _insert(rng, html, opening * depth + _fragment(rng, html, 500) + closed)


def entities(rng: random.Random, html: str) -> str:
    """Character references of every sort, few or very many."""
    return _insert(rng, html, "".join(rng.choices(_ENTITIES, k=rng.choice((3, 300, 30_000)))))


def attributes(rng: random.Random, html: str) -> str:
    """A tag with a huge value, very many attributes, or an unclosed quote."""
    amount = rng.choice((10, 1000, 40_000))
    piece = rng.choice(
        (
            '<div class="' + "x y " * amount + '">',
            "<p " + " ".join(f"a{n}=1" for n in range(amount)) + ">",
            "<img alt='"
            + "\\frac" * amount
            + "' class=tex src='data:image/png;base64,"
            + "A" * amount
            + "'>",
            '<a title="' + "<" * amount,
            "<span style='" + "display:none;" * (amount // 10) + "'>",
            "<td colspan=99999999 rowspan=99999999>" * (amount // 100 + 1),
            "<ol start=-99999999999999999999><li value=99999999999999999999>",
        )
    )
    return _insert(rng, html, piece)


def characters(rng: random.Random, html: str) -> str:
    """Code points from anywhere: controls, marks, half surrogates, other planes."""
    ranges = ((0, 0x20), (0x7F, 0xA0), (0x300, 0x370), (0x200B, 0x2070), (0xD800, 0xE000), (0xFFF0, 0x10000))
    low, high = rng.choice((*ranges, (0, 0x3000), (0x10000, 0x110000)))
    return _insert(
        rng, html, "".join(chr(rng.randrange(low, high)) for _ in range(rng.choice((1, 20, 5000))))
    )


def unclosed(rng: random.Random, html: str) -> str:
    """The start of an element, comment or attribute whose end does not come."""
    for _ in range(rng.choice((1, 1, 3, 50))):
        html = _insert(rng, html, rng.choice(_RAW))
    return html


def formulas(rng: random.Random, html: str) -> str:
    """Delimiters and carriers of TeX, in any order."""
    for _ in range(rng.choice((1, 10))):
        html = _insert(rng, html, "".join(rng.choices(_TEX, k=rng.choice((1, 8, 2000)))))
    return html


MUTATIONS: tuple[Mutation, ...] = (
    delete_bytes, damage_bytes, truncate, swap_tags, rename_tags, drop_tags, repeat, nest, entities,
    attributes, characters, unclosed, formulas,
)  # fmt: skip


def generated(rng: random.Random) -> str:
    """A page of random elements and words; no two alike."""
    pieces = ["<!doctype html><title>t</title><body>"] if rng.random() < 0.5 else []
    names = rng.sample(_NAMES, rng.randint(1, 12))
    for _ in range(rng.choice((5, 100, 3000))):
        choice = rng.random()
        name = rng.choice(names)
        if choice < 0.35:
            pieces.append(f"<{name}>")
        elif choice < 0.6:
            pieces.append(f"</{name}>")
        elif choice < 0.65:
            pieces.append(rng.choice(_TEX))
        else:
            pieces.append(
                rng.choice(
                    ("word ", "Some more words. ", "\n", "  ", "x^2", "| a", "漢字", "&amp;", "* ", "1. ")
                )
            )
    return "".join(pieces)


def mutant(seed: int, number: int, bases: list[str]) -> str:
    """Page ``number``: at most 1 MB."""
    rng = random.Random(f"{seed}/{number}")
    if rng.random() < 0.2:
        html = generated(rng)
    else:
        html = rng.choice(bases)
        if rng.random() < 0.85:
            # Mutations near the content; most pages are mostly head and scripts.
            body = max(html.find("<body"), 0)
            start = body if rng.random() < 0.5 else body + _place(rng, html[body:])
            html = html[start : start + rng.choice((500, 5_000, 50_000))]
    for _ in range(rng.choice((1, 1, 2, 4))):
        html = rng.choice(MUTATIONS)(rng, html)[:MB]
    return html
