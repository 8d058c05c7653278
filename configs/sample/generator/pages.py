"""From an entry to a capture: URL, encoded body, HTTP headers and the line of truth about it.

This module knows what the sample's pipeline should do with an ordinary page. Pages that are odd by intent
are made in ``poor`` and ``hostile``, copies of pages in ``variants``.
"""

from __future__ import annotations

import datetime
import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from . import blocks
from .designs import DESIGNS
from .furniture import HIDDEN, View
from .maths import HEAD
from .texts import Entry, personal_data

#: The languages that the sample's pipeline keeps.
KEPT = frozenset(
    ["ar", "da", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "th", "zh"]
)
FIRST_DAY = datetime.date(2023, 9, 1)
FIRST_FETCH = datetime.datetime(2025, 3, 22, 4, 0, 0)

GROUPS = {
    "forum": "forum", "qa": "forum", "docs": "documentation", "shop": "product", "recipe": "recipe",
    "wiki": "encyclopaedia", "listing": "listing",
}  # fmt: skip
STORE_GROUPS = {
    "en_maths": "math", "en_code": "code", "en_tables": "table", "en_personal": "pii", "en_encyclopaedia": "encyclopaedia",
}  # fmt: skip
PATHS = {
    "forum": "viewtopic.php?t={n}", "qa": "questions/{n}/{slug}", "docs": "en/latest/{slug}.html",
    "shop": "products/{slug}?ref={n}", "wiki": "wiki/{slug}", "recipe": "recipe/{n}/{slug}",
    "news": "{date}/{slug}.html", "retro": "{slug}.htm", "notes": "{slug}", "app": "p/{slug}-{n}",
    "blog": "{date}/{slug}/", "listing": "list/{slug}",
}  # fmt: skip


@dataclass(frozen=True)
class Capture:
    """One HTTP response as a crawler stored it, and what should become of it."""

    url: str
    body: bytes
    truth: dict[str, Any]
    status: str = "200 OK"
    content_type: str = "text/html; charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()
    warc_headers: tuple[tuple[str, str], ...] = ()
    damage: str = field(default="")  # "corrupt" or "cut"


def number(text: str, limit: int) -> int:
    """A number below ``limit`` that depends on ``text`` alone."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % limit


def record_id(url: str) -> str:
    """The WARC-Record-ID of the response for a URL, without angle brackets."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, url)}"


def make_truth(url: str, group: str, **values: Any) -> dict[str, Any]:
    """A line of truth. Keys not given say: an ordinary English page of medium quality that is kept.

    Raises ``KeyError`` for a key that the format does not have.
    """
    line: dict[str, Any] = {
        "url": url, "record_id": str(uuid.uuid5(uuid.NAMESPACE_URL, url)), "group": group, "language": "en",
        "outcome": "kept", "stage": None, "reason": None, "duplicates": None, "near_duplicate_of": None,
        "edit": None, "ambiguous": False, "must_contain": [], "must_not_contain": [], "equations": [],
        "code": [], "tables": [], "pii": [], "quality": "medium", "charset": "utf-8",
    }  # fmt: skip
    for key, value in values.items():
        line[key]
        line[key] = value
    return line


def published(entry: Entry) -> str:
    """The date on the page, YYYY-MM-DD."""
    day = FIRST_DAY + datetime.timedelta(days=number(f"{entry.store}/{entry.slug}", 540))
    return entry.get("date") or day.isoformat()


def page_url(entry: Entry) -> str:
    """The address of an entry, in the manner of its site's design."""
    path = PATHS[entry.site.design].format(
        n=number(entry.slug, 90_000) + 1000, slug=entry.slug, date=published(entry)[:7].replace("-", "/")
    )
    return f"https://{entry.site.host}/{path}"


def quality(entry: Entry) -> str:
    """Our own judgement: clean and instructive is high, written to sell or to fill a page is low."""
    if entry.store == "en_low":
        return "low"
    instructive = ("en_encyclopaedia", "en_docs", "en_code", "en_maths", "en_tables")
    high = entry.store in instructive or entry.site.design == "wiki"
    return entry.get("quality", "high" if high else "medium")


def declaration(entry: Entry) -> tuple[str, str]:
    """The meta element and the Content-Type by which a page names its charset, rightly or wrongly."""
    how, _, label = entry.get("declare", "both").partition("=")
    label = label or entry.get("encoding", "utf-8")
    meta = f'<meta charset="{label}">\n' if how in ("meta", "both") else ""
    return meta, f"text/html; charset={label}" if how in ("header", "both") else "text/html"


def encode(html: str, encoding: str) -> bytes:
    """The bytes of a page; characters that the charset lacks become numeric references."""
    mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
    return (mark + html).encode(encoding, errors="xmlcharrefreplace")


def cut_in_character(body: bytes) -> bytes:
    """The body without its end, cut inside the last multibyte UTF-8 character."""
    end = max(i for i, byte in enumerate(body) if byte >= 0xC0)
    return body[: end + 2]


def make_capture(entry: Entry, url: str = "", noise: int = 0, **values: Any) -> Capture:
    """The capture of an entry; ``values`` override its line of truth."""
    url = url or page_url(entry)
    body = blocks.render(entry)
    meta, content_type = declaration(entry)
    head = HEAD.get(entry.get("carrier"), "")
    html = DESIGNS[entry.site.design](View(entry, body, published(entry), meta, head, noise))
    encoding = entry.get("encoding", "utf-8")
    data = encode(html, encoding)
    if entry.get("truncate"):
        data = cut_in_character(data)
    kept = entry.language in KEPT
    group = entry.get("group") or STORE_GROUPS.get(entry.store) or GROUPS.get(entry.site.design, "article")
    if not kept:
        group = "other_language"
    elif entry.get("encoding") or entry.get("declare"):
        group = "charset"
    line = {
        "language": entry.language,
        "outcome": "kept" if kept else "dropped",
        "stage": None if kept else "language",
        "reason": None if kept else "language",
        "must_contain": body.fragments,
        "must_not_contain": [mark for mark in HIDDEN if mark in html],
        "equations": body.equations,
        "code": body.code,
        "tables": body.tables if group == "table" else [],
        "pii": personal_data(entry),
        "quality": quality(entry),
        "charset": encoding,
    }
    return Capture(url, data, make_truth(url, group, **{**line, **values}), content_type=content_type)
