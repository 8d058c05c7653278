"""Captures that break careless programs, and captures that a reader must turn away.

The hostile pages are valid captures and are kept: they test that a page cannot stop a run. The others have
a status, a type or a body that makes them no document. Two records are damaged in the file itself.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from .pages import Capture, make_truth
from .texts import Entry
from .warc import member

BURIED = "This sentence is inside a construct that no browser shows."
DEPTH = 20_000
ATTRIBUTES = 20_000


def noise_bytes(key: str, size: int) -> bytes:
    """Bytes without structure that depend on ``key`` alone."""
    return hashlib.shake_256(key.encode()).digest(size)


def _page(title: str, body: str) -> bytes:
    head = f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
    return f"{head}<body>\n<h1>{title}</h1>\n{body}\n</body></html>\n".encode()


def _nested_divs(title: str, text: str) -> bytes:
    return _page(title, f"<p>{text}</p>{'<div>' * DEPTH}<p>The bottom of the tower.</p>{'</div>' * DEPTH}")


def _many_attributes(title: str, text: str) -> bytes:
    attributes = " ".join(f"data-{i:05d}" for i in range(ATTRIBUTES))
    return _page(title, f"<p {attributes}>{text}</p>")


def _open_comment(title: str, text: str) -> bytes:
    return _page(title, f"<p>{text}</p>\n<!-- hidden for now\n<p>{BURIED}</p>")


def _open_script(title: str, text: str) -> bytes:
    return _page(title, f"<p>{text}</p>\n<script>var footer = 1;\n<p>{BURIED}</p>")


def _nul_bytes(title: str, text: str) -> bytes:
    marked = text.replace("after this sentence.", "after this sentence.\0").replace(
        "follows here.", "follows here.\0"
    )
    return _page(title, f"<p>{marked}</p>")


def _long_line(title: str, text: str) -> bytes:
    parts = ("In the morning", "At noon", "In the evening", "During the night")
    winds = ("north", "east", "south", "west")
    skies = ("clear", "grey", "bright", "dark", "hazy")
    airs = ("cool", "cold", "mild", "warm", "hot", "damp", "dry")
    readings = [
        f"{parts[i % 4]} the wind blew from the {winds[i // 4 % 4]}, the sky was {skies[i % 5]} and the air was "
        f"{airs[i % 7]}."
        for i in range(560)
    ]
    line = " ".join(readings)
    return _page(title, f"<p>{text} {' '.join([line] * (300_000 // len(line) + 1))}</p>")


def _nested_tables(title: str, text: str) -> bytes:
    return _page(title, f"{'<table><tr><td>' * 100}<p>{text}</p>{'</td></tr></table>' * 100}")


def _invalid_utf8(title: str, text: str) -> bytes:
    return (
        _page(title, f"<p>{text}</p>")
        .replace(b"letter. A", b"letter. \xff\xfe\xc3 A")
        .replace(b"page claims", b"page \xe9 claims")
    )


def _entity_soup(title: str, text: str) -> bytes:
    half = len(text) // 2
    coded = "".join(f"&#{ord(c)};" if c != " " else c for c in text[:half])
    coded += "".join(f"&#x{ord(c):X};" if c.isalpha() else c for c in text[half:])
    return _page(
        title, f"<p>{coded}</p><p>&lt;b&gt; &amp;amp; &qwertyname; &copy 2025 &#8364;5 caf&eacute;</p>"
    )


def _plaintext(title: str, text: str) -> bytes:
    page = _page(title, f"<p>{text}</p>\n<plaintext>\n<b>visible</b> as it <i>stands</i> here\n")
    return page.replace(b"\n</body></html>\n", b"")


def _misnested(title: str, text: str) -> bytes:
    words = text.split()
    tags = ["<b>", "<i><a href=x>", "</b>", "<u>", "</i>", "<a href=y>", "</u></a>", "<p><b>", "</p>", "</b>"]
    return _page(title, "<p>" + " ".join(tags[i % 10] + word for i, word in enumerate(words)))


def _data_uri(title: str, text: str) -> bytes:
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk" + "AAAA" * 20_000
    return _page(title, f'<img src="data:image/png;base64,{dot}" alt=""><p>{text}</p>')


def _control_characters(title: str, text: str) -> bytes:
    odd = "&#xD800; &#xDFFF; &#0; &#x110000; \u202eneveles\u202c a\u200db\u200cc so\u00adft \ufeff \u0007 \x7f &#150;"
    return _page(title, f"<p>{text}</p><p>{odd}</p>")


def _long_word(title: str, text: str) -> bytes:
    word = "".join(c for c in text.lower() if c.isalpha())
    return _page(title, f"<p>{text}</p><p>{word * 250}</p>")


HOSTILE: dict[str, Callable[[str, str], bytes]] = {
    "nested-divs": _nested_divs, "many-attributes": _many_attributes, "open-comment": _open_comment,
    "open-script": _open_script, "nul-bytes": _nul_bytes, "long-line": _long_line, "nested-tables": _nested_tables,
    "invalid-utf8": _invalid_utf8, "entity-soup": _entity_soup, "plaintext-tag": _plaintext, "misnested": _misnested,
    "data-uri": _data_uri, "control-characters": _control_characters, "long-word": _long_word,
}  # fmt: skip

#: What must be found besides the beginning and the end of the text.
ALSO = {
    "nested-divs": ["The bottom of the tower."],
    "plaintext-tag": ["<b>visible</b> as it <i>stands</i> here"],
    "entity-soup": ["<b> &amp; &qwertyname; © 2025 €5 café"],
    "nul-bytes": ["Another one follows here."],
}


def hostile_pages(entries: dict[tuple[str, str], Entry]) -> Iterator[Capture]:
    """Pages that are kept, whatever they try."""
    for slug, make in HOSTILE.items():
        entry = entries["en_odd", slug]
        text = entry.blocks[0].text
        url = f"https://{entry.site.host}/{slug}.html"
        needles = [text[:50].rsplit(" ", 1)[0], text[-50:].split(" ", 1)[1], *ALSO.get(slug, [])]
        hidden = [BURIED] if slug in ("open-comment", "open-script") else []
        line = make_truth(
            url,
            "hostile",
            must_contain=needles,
            must_not_contain=hidden,
            quality="low",
            ambiguous=slug
            == "nested-tables",  # of boxes in boxes, the title may be what is taken for content
        )
        yield Capture(url, make(escape(entry.title), escape(text, quote=False)), line)


def damaged_pages(entries: dict[tuple[str, str], Entry]) -> list[Capture]:
    """The page whose gzip member is corrupt and the one that the end of the file cuts off, in this order."""
    captures = []
    for slug, damage in (("damaged-middle", "corrupt"), ("cut-tail", "cut")):
        entry = entries["en_odd", slug]
        text = escape(entry.blocks[0].text, quote=False)
        url = f"https://{entry.site.host}/{slug}.html"
        values = {"outcome": "failed", "stage": "read", "reason": "damaged_member"}
        line = make_truth(url, "damaged", record_id=None, language=None, quality=None, charset=None, **values)
        captures.append(Capture(url, _page(escape(entry.title), f"<p>{text}</p>"), line, damage=damage))
    return captures


def _zip_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        name = zipfile.ZipInfo("readme.txt", (2025, 3, 1, 0, 0, 0))
        name.create_system = 3  # not the system that runs the generator
        archive.writestr(name, "An archive and not a page.\n")
    return buffer.getvalue()


def turned_away() -> Iterator[Capture]:
    """Captures that become no document: status, type, emptiness, truncation by the crawler."""

    def dropped(url: str, group: str, reason: str) -> dict[str, Any]:
        none = {"language": None, "quality": None, "charset": None}
        return make_truth(url, group, outcome="dropped", stage="read", reason=reason, **none)

    statuses = [
        ("404 Not Found", "www.garden-notes.example", "2019/old-post/"),
        ("410 Gone", "shop.fernandfell.example", "products/discontinued"),
        ("301 Moved Permanently", "maths.quietproofs.example", "quadratic-equation"),
        ("302 Found", "www.harbour-times.example", "today"),
        ("403 Forbidden", "private.archive.example", "index"),
        ("429 Too Many Requests", "forum.pedalhead.example", "viewtopic.php?t=1"),
        ("500 Internal Server Error", "legacy.intranet.example", "cgi-bin/list.pl"),
        ("503 Service Unavailable", "docs.tidepool.example", "en/latest/maintenance.html"),
    ]
    for status, host, path in statuses:
        url = f"https://{host}/{path}"
        text = f"<p>The server answered with {status}. There is enough text on this page to make it look like a page.</p>"
        moved = (("Location", f"https://{host}/"),) if status.startswith("30") else ()
        truth = dropped(url, "status", "http_status")
        yield Capture(url, _page(status, text * 4), truth, status=status, headers=moved)
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0@\0\0\0@\x08\x06\0\0\0" + noise_bytes("png", 1500)
    binaries = [
        ("https://images.example/kestrel.png", png, "image/png"),
        ("https://images.example/mislabelled.html", png[:-7], "text/html"),
        ("https://papers.example/report.pdf", b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n" + noise_bytes("pdf", 1200), "application/pdf"),
        ("https://files.example/pack.zip", _zip_archive(), "application/zip"),
        ("https://files.example/page.html.gz", member(_page("x", "y" * 500)), "application/gzip"),
        ("https://files.example/firmware.bin", b"\x7fELF\x02\x01\x01" + noise_bytes("bin", 900), "application/octet-stream"),
        ("https://files.example/index.html", b"\0\x01\x02\x03" + noise_bytes("html", 1100), "text/html; charset=utf-8"),
    ]  # fmt: skip
    for url, body, content_type in binaries:
        yield Capture(url, body, dropped(url, "not_text", "not_text"), content_type=content_type)
    for url in ("https://empty.example/", "https://blank.example/index.html"):
        yield Capture(url, b"", dropped(url, "empty", "empty"))
    for url, why in (("https://endless.example/feed", "length"), ("https://slow.example/page", "disconnect")):
        text = "<p>The crawler stopped reading in the middle of this page, and nobody knows what came afterwards.</p>"
        body = _page("Cut off by the crawler", text * 6)[:-60]
        truth = dropped(url, "warc_truncated", "warc_truncated")
        yield Capture(url, body, truth, warc_headers=(("WARC-Truncated", why),))
