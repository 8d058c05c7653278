"""Pages of poor quality that a program writes better than a person: filler, repetition, link farms.

Also pages in two languages, pages with next to no text, and documents that are not HTML pages.
This module knows why each of them is poor and what the sample's pipeline should do with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from .pages import Capture, make_truth, number
from .texts import Entry

LATIN = (
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo "
    "consequat duis aute irure in reprehenderit voluptate velit esse cillum eu fugiat nulla pariatur"
)
THINGS = "garden kitchen office travel pet baby fishing camping wedding fitness beauty music phone car boat"
OFFERS = "deals coupons reviews guide shop outlet bargains tips online store ideas discounts offers sale"

#: Very short pages: title and all the text there is. Each must be plainly in its language.
SHORT = [
    ("www.soon.example", "Coming soon", "Our new website will be here very soon. Please come back in a few weeks."),
    ("closed.bakery.example", "Closed", "The bakery is closed today because of a family wedding. We open again on Monday."),
    ("moved.example", "We have moved", "This page has moved. Please update your bookmarks and follow the link."),
    ("status.tidepool.example", "Status", "All of our systems are working normally at the moment."),
    ("www.under-construction.test", "Under construction", "This part of the website is still being built. Thank you for waiting."),
    ("thanks.shop.example", "Thank you", "Thank you for your order. We will send you an e-mail when it leaves our house."),
]  # fmt: skip

#: Pages that lend their last paragraph to one page in two languages.
MIXED = [
    ("mixed-de-en", ("de", "buchdruck"), ("de", "gezeiten"), ("en_encyclopaedia", "writing-systems"), ("en_tables", "planets")),
    ("mixed-fr-ar", ("fr", "abeilles-sauvages"), ("fr", "metre"), ("ar", "nawm"), ("ar", "ustrulab")),
    ("mixed-ja-en", ("ja", "toshokan-neko"), ("ja", "wagashi"), ("en_magazine", "opinion-maps"), ("en_magazine", "hedgehog")),
    ("mixed-es-pt", ("es", "mercado-trueque"), ("es", "acueductos"), ("pt", "ler-em-voz-alta"), ("pt", "caravelas")),
]  # fmt: skip


def simple(title: str, body: str, language: str = "en") -> bytes:
    """A bare page in UTF-8."""
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    ).encode()


def pick(words: str, key: str, count: int) -> list[str]:
    """``count`` of the words in an order that depends on ``key`` alone."""
    choice = words.split()
    return [choice[number(f"{key}/{i}", len(choice))] for i in range(count)]


def filler(key: str, paragraphs: int) -> str:
    """Placeholder text in dog Latin."""
    parts = []
    for i in range(paragraphs):
        sentences = [" ".join(pick(LATIN, f"{key}/{i}/{k}", 9)).capitalize() + "." for k in range(6)]
        parts.append(f"<p>{' '.join(sentences)}</p>")
    return "\n".join(parts)


def gibberish(key: str, words: int) -> str:
    """Strings of letters that belong to no language."""
    letters = "qwxzkvjpyghtrnmbcdfls"
    made = []
    for i in range(words):
        length = 3 + number(f"{key}/{i}", 9)
        made.append("".join(letters[number(f"{key}/{i}/{k}", len(letters))] for k in range(length)))
    return f"<p>{' '.join(made)}</p>"


def link_farm(key: str, count: int) -> str:
    """A page of links to shops that do not exist."""
    links = []
    for i in range(count):
        (thing, other), (offer,) = pick(THINGS, f"{key}/{i}", 2), pick(OFFERS, f"{key}{i}", 1)
        links.append(
            f'<li><a href="https://{thing}-{offer}-{i}.test/">best {thing} and {other} {offer} for you</a></li>'
        )
    return f"<p>Here you can find all the links to our friends and partners.</p><ul>{''.join(links)}</ul>"


def repetition(count: int) -> str:
    """One sentence, over and over."""
    return "<p>" + "The quick delivery of your order is our first priority every day. " * count + "</p>"


def machine_rows(count: int) -> str:
    """A report that a monitoring program writes for nobody."""
    rows = [
        f"<tr><td>Check number {i} of the server was started and the server was found to be working</td>"
        f"<td>{number(f'ms{i}', 90)} ms</td></tr>"
        for i in range(count)
    ]
    return f"<p>This report is written by a program every five minutes.</p><table>{''.join(rows)}</table>"


def calendar(days: int) -> str:
    """An archive of a calendar in which nothing happens."""
    cells = "".join(
        f"<li>Events on day {i} of the month: there are no events on this day</li>"
        for i in range(1, days + 1)
    )
    return f"<p>Choose the day for which you would like to see the events.</p><ul>{cells}</ul>"


def low_pages() -> Iterator[Capture]:
    """Filler, gibberish, link farms and repetition."""

    def page(url: str, group: str, title: str, body: str, **values: object) -> Capture:
        return Capture(url, simple(title, body), make_truth(url, group, **{"quality": "low", **values}))

    # Dog Latin is Latin to an identifier; what it makes of gibberish is its own affair.
    nowhere = {"language": None, "outcome": "dropped", "stage": "language", "reason": "language"}
    anything = {**nowhere, "ambiguous": True}
    yield page(
        "https://demo.templates.test/about-us", "lorem", "Consectetur adipiscing", filler("a", 5), **nowhere
    )
    yield page("https://theme-shop.test/preview/3", "lorem", "Dolor sit amet", filler("b", 4), **nowhere)
    yield page("https://zxqv.test/k1", "gibberish", "Qxv zkj", gibberish("a", 160), **anything)
    yield page("https://zxqv.test/k2", "gibberish", "Wtr plm", gibberish("b", 220), **anything)
    yield page("https://links.partner-network.test/page1", "link_farm", "Partner links", link_farm("a", 90))
    yield page("https://links.partner-network.test/page2", "link_farm", "More friends", link_farm("b", 120))
    yield page("https://www.fast-parcels.test/", "repetition", "Fast parcels", repetition(60))
    yield page("https://monitor.example/report", "repetition", "Report of the monitor", machine_rows(80))
    yield page("https://calendar.example/archive", "boilerplate", "Events of the month", calendar(31))


def short_pages() -> Iterator[Capture]:
    """Pages of fewer than 120 characters."""
    for host, title, text in SHORT:
        url = f"https://{host}/"
        values = {"outcome": "dropped", "stage": "length", "reason": "too_short", "quality": "low"}
        yield Capture(url, simple(title, f"<p>{text}</p>"), make_truth(url, "short", **values))


def mixed_pages(entries: dict[tuple[str, str], Entry]) -> Iterator[Capture]:
    """Pages half in one language and half in another."""
    for slug, *sources in MIXED:
        lent = [[b.text for b in entries[key].blocks if b.kind == "paragraph"][-1] for key in sources]
        title = f"{entries[sources[0]].title} / {entries[sources[2]].title}"
        body = "\n".join(f"<p>{escape(text, quote=False)}</p>" for text in lent)
        url = f"https://bilingual.example/{slug}"
        language = entries[sources[0]].language
        line = make_truth(url, "mixed_language", language=language, ambiguous=True)
        yield Capture(url, simple(title, body, language), line)


def other_types() -> Iterator[Capture]:
    """Plain text and XHTML under their own content types."""
    url = "https://files.tidepool.example/NOTICE.txt"
    text = (
        "NOTES FOR PEOPLE WHO PACKAGE TIDEPOOL\n\n"
        "This file is plain text and not a page. Angle brackets such as <this> have no meaning in it,\n"
        "and neither have ampersands like & or &amp; signs: they must come out as they are written.\n\n"
        "  * The program needs no network while it is being built.\n"
        "  * Tests that take longer than a minute are marked and may be left out.\n"
        "  * The manual is installed below the directory for shared data, not beside the program.\n\n"
        "If something cannot be packaged as it is, please tell us before you change it, because others\n"
        "will have the same difficulty and we would rather solve it once.\n"
    )
    needles = ["Angle brackets such as <this> have no meaning in it", "like & or &amp; signs"]
    line = make_truth(url, "plain_text", must_contain=needles)
    yield Capture(url, text.encode(), line, content_type="text/plain; charset=utf-8")
    url = "https://standards.example/xhtml/history"
    text = (
        "For a few years around the turn of the century it was expected that all pages would be written in strict "
        "XML. Every element had to be closed and every attribute quoted, and a page with a single mistake was to be "
        "replaced by an error message. Authors were not convinced. Visitors blame the browser that shows nothing and "
        "praise the one that guesses what was meant, so browsers went on guessing. The rules for guessing were "
        "finally written down, and they became the standard."
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n<html xmlns="http://www.w3.org/1999/xhtml" '
        'xml:lang="en"><head><title>The strict years</title></head>\n<body><h1>The strict '
        f"years</h1><hr/><p>{text}</p></body></html>\n"
    )
    line = make_truth(url, "article", must_contain=["The rules for guessing were finally written down"])
    yield Capture(url, body.encode(), line, content_type="application/xhtml+xml")


def poor_pages(entries: dict[tuple[str, str], Entry]) -> list[Capture]:
    """All captures of this module."""
    return [*low_pages(), *short_pages(), *mixed_pages(entries), *other_types()]
