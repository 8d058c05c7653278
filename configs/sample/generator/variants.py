"""Copies of pages: exact duplicates under other addresses and near duplicates after small edits.

An exact duplicate has the same rendered text to the last character; only addresses, scripts, attributes and
comments differ. A near duplicate has one of the small differences that republishing leaves behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from .pages import Capture, make_capture, page_url
from .texts import Block, Entry, Site

CHARSET = ("encoding", "declare", "truncate")
#: Store, slug and the ways in which further addresses lead to the same page.
EXACT: list[tuple[str, str, tuple[str, ...]]] = [
    ("en_encyclopaedia", "photosynthesis", ("http", "mobile")),
    ("en_encyclopaedia", "bridges", ("query",)),
    ("en_magazine", "ferry-strike", ("amp", "query")),
    ("en_magazine", "hedgehog", ("print",)),
    ("en_community", "tubeless-winter", ("session",)),
    ("en_docs", "retries", ("version", "http")),
    ("en_shop", "stove", ("query",)),
    ("en_recipes", "shortbread", ("print",)),
    ("en_maths", "pythagoras", ("mirror",)),
    ("en_code", "shell-traps", ("version",)),
    ("en_low", "casino", ("mirror", "mobile")),
    ("de", "gezeiten", ("mirror",)),
    ("fr", "soupe-oignon", ("print",)),
    ("ja", "yama-goya", ("query",)),
    ("ru", "samovar", ("mirror",)),
    ("es", "gazpacho", ("http",)),
]


def other_address(url: str, way: str) -> str:
    """Another address of the same page."""
    parts = urlsplit(url)
    host = parts.netloc
    joint = "&" if parts.query else "?"
    return {
        "http": url.replace("https://", "http://"),
        "mobile": url.replace(host, "m." + host.removeprefix("www.")),
        "query": f"{url}{joint}utm_source=newsletter&utm_medium=email",
        "session": f"{url}{joint}sid=4f1b22c09a",
        "print": url.replace(host + "/", host + "/print/"),
        "amp": url.replace(host + "/", host + "/amp/"),
        "version": url.replace(host + "/", host + "/v1.3/"),
        "mirror": url.replace(host, "mirror2." + host.removeprefix("www.")),
    }[way]


def exact_duplicates(entries: dict[tuple[str, str], Entry]) -> list[Capture]:
    """All captures of the pages in ``EXACT``, the first address included."""
    captures = []
    for store, slug, ways in EXACT:
        entry = entries[store, slug]
        first = page_url(entry)
        for noise, url in enumerate([first, *(other_address(first, way) for way in ways)]):
            cluster = f"{store}/{slug}"
            captures.append(
                make_capture(entry, url, noise, outcome="duplicate_cluster", duplicates=cluster, reason=None)
            )
    return captures


def _map_text(entry: Entry, change: Callable[[str], str]) -> Entry:
    return entry.with_blocks([replace(block, text=change(block.text)) for block in entry.blocks])


def words(*pairs: tuple[str, str]) -> Callable[[Entry], Entry]:
    """Replaces words; each must occur, or ``ValueError``."""

    def edit(entry: Entry) -> Entry:
        for old, new in pairs:
            if not any(old in block.text for block in entry.blocks):
                raise ValueError(f"{entry.store}/{entry.slug} does not contain {old!r}")
            entry = _map_text(entry, lambda text, old=old, new=new: text.replace(old, new))  # type: ignore[misc]
        return entry

    return edit


def add(line: str) -> Callable[[Entry], Entry]:
    """Appends a paragraph."""
    return lambda entry: entry.with_blocks([*entry.blocks, Block("paragraph", line)])


def add_post(author: str, date: str, line: str) -> Callable[[Entry], Entry]:
    """Appends a post to a thread."""
    return lambda entry: entry.with_blocks(
        [*entry.blocks, Block("post", author, note=date), Block("paragraph", line)]
    )


def swap_paragraphs(entry: Entry) -> Entry:
    """Exchanges the second and third blocks."""
    first, second, third, *rest = entry.blocks
    return entry.with_blocks([first, third, second, *rest])


def drop_last_sentence(entry: Entry) -> Entry:
    """Removes the last sentence of the last paragraph."""
    *rest, last = entry.blocks
    text = re.sub(r"(?<=[.!?。؟])\s*[^.!?。؟]+[.!?。؟]”?$", "", last.text)
    return entry.with_blocks([*rest, replace(last, text=text)])


def cut_short(entry: Entry) -> Entry:
    """Keeps all but the last 120 characters, as a feed reader does."""
    *rest, last = entry.blocks
    return entry.with_blocks([*rest, replace(last, text=last.text[:-120].rstrip() + " …")])


def move_to(host: str, design: str, name: str) -> Callable[[Entry], Entry]:
    """The same article on another site with another design."""
    return lambda entry: replace(entry, site=Site(host, design, name))


def straighten(entry: Entry) -> Entry:
    """Typewriter punctuation instead of typographic."""
    return _map_text(entry, lambda text: text.translate(str.maketrans("‘’“”–„", '\'\'""-"')))


def mojibake(entry: Entry) -> Entry:
    """UTF-8 read as windows-1252 and stored again."""
    return _map_text(entry, lambda text: text.encode().decode("cp1252", errors="replace"))


#: Store, slug, kind of edit and the edit.
NEAR: list[tuple[str, str, str, Callable[[Entry], Entry]]] = [
    ("en_encyclopaedia", "plate-tectonics", "typing_error", words(("a dozen", "a dozzen"), ("trenches", "trenchs"))),
    ("en_encyclopaedia", "ocean-currents", "republished", move_to("www.openlearner.example", "wiki", "Open Learner")),
    ("en_encyclopaedia", "silk-road", "paragraphs_swapped", swap_paragraphs),
    ("en_magazine", "allotment-wait", "numbers", words(("140", "136"), ("310", "322"), ("2017", "2016"))),
    ("en_magazine", "library-fines", "names", words(("Ruth Adeyemi", "Judith Palmer"), ("4,200", "4,150"))),
    ("en_magazine", "night-train", "sentence_removed", drop_last_sentence),
    ("en_magazine", "leaf-mould", "date", lambda entry: entry.with_attributes(date="2025-02-28")),
    ("en_magazine", "seed-library", "spelling", words(("neighbourhood", "neighborhood"), ("autumn", "fall"))),
    ("en_magazine", "market-town", "cut_short", cut_short),
    (
        "en_community", "creaking-crank", "post_added",
        add_post("squeaky_clean", "9 Mar 2025, 11:20", "Bookmarking this for the next time I blame the wrong part."),
    ),
    ("en_shop", "tent", "price", lambda entry: entry.with_attributes(price="249.00")),
    ("en_recipes", "flatbread", "words", words(("charm", "fun"), ("tough", "hard"))),
    ("en_docs", "parcelbox-cli", "sentence_added", add("This page describes version 3.2 of the program.")),
    ("en_code", "css-grid", "wording", words(("for many years", "for a long time"), ("A plain", "An ordinary"))),
    ("fr", "sommeil", "punctuation", straighten),
    ("de", "waermepumpe", "numbers", words(("4.100", "4.150"), ("14.000", "14.200"))),
    ("pt", "jabuticaba", "mojibake", mojibake),
    ("es", "lonja", "sentence_added", add("Más información en la oficina de turismo.")),
    ("zh", "yueliang", "sentence_removed", drop_last_sentence),
    ("ko", "deungsan", "sentence_added", add("이 글은 지난달 소식지에 실린 글을 다듬은 것입니다.")),
    ("ru", "poezd", "cut_short", cut_short),
]  # fmt: skip


def near_duplicates(entries: dict[tuple[str, str], Entry]) -> list[Capture]:
    """The edited copies of the pages in ``NEAR``; their originals are captured elsewhere."""
    captures = []
    for store, slug, kind, edit in NEAR:
        entry = entries[store, slug]
        original = page_url(entry)
        # A copy is served in plain UTF-8, whatever the charset of its original.
        copy = edit(entry)
        attributes = {key: value for key, value in copy.attributes.items() if key not in CHARSET}
        copy = replace(copy, attributes=attributes)
        url = page_url(copy)
        url = f"{url}{'&' if '?' in url else '?'}rev=2" if url == original else url
        captures.append(make_capture(copy, url, near_duplicate_of=original, edit=kind))
    return captures
