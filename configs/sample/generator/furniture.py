"""What surrounds the content of a page: head, navigation, banners, forms, scripts.

Every text that a visitor would not see carries one of ``HIDDEN``, so that the truth can ask that none of
them is rendered. ``noise`` changes markup, scripts and comments without changing a visible character: exact
duplicates differ in it alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from html import escape

from .blocks import Body
from .texts import Entry

#: Markers of scripts, style sheets and hidden elements.
HIDDEN = ("dataLayerQueue", "banner-offset-top", "hydrationState", "Leave this field empty", "schema.example")


@dataclass(frozen=True)
class View:
    """All that a design needs to write a page."""

    entry: Entry
    body: Body
    date: str  # YYYY-MM-DD
    meta: str = ""  # the meta element with the charset, if any
    head: str = ""  # what formulas need
    noise: int = 0

    @property
    def ui(self) -> dict[str, str]:
        """The words of the site's furniture."""
        return self.entry.furniture

    @property
    def title(self) -> str:
        """The escaped title."""
        return escape(self.entry.title, quote=False)

    def token(self, name: str) -> str:
        """A hexadecimal string that depends on the page, on ``name`` and on the noise."""
        seed = f"{self.entry.site.host}/{self.entry.slug}/{name}/{self.noise}"
        return hashlib.blake2b(seed.encode(), digest_size=6).hexdigest()


def script(view: View) -> str:
    """Analytics as pages have it: a queue, a loader and a few settings."""
    return (
        f'<script id="s{view.token("id")}">window.dataLayerQueue=window.dataLayerQueue||[];(function(d,u){{'
        f"var s=d.createElement('script');s.async=1;s.src=u+'?v={view.token('build')}';"
        "d.head.appendChild(s);dataLayerQueue.push({event:'pageview',test:1<2&&3>2});"
        "})(document,'/assets/app.js');</script>"
    )


def style(accent: str) -> str:
    """An inline style sheet."""
    return (
        f"<style>:root{{--accent:{accent};--banner-offset-top:3rem}}body{{font:16px/1.6 serif;margin:0}}"
        "nav ul{display:flex;gap:1rem;list-style:none}.sr-only{position:absolute;left:-9999px}"
        "@media (max-width:40em){aside{display:none}}</style>"
    )


def json_ld(view: View, kind: str) -> str:
    """Structured data about the page."""
    data = {
        "@context": "https://schema.example",
        "@type": kind,
        "headline": view.entry.title,
        "datePublished": view.date,
        "author": {"@type": "Person", "name": view.entry.get("author") or view.entry.site.name},
        "identifier": view.token("ld"),
    }
    return f'<script type="application/ld+json">{json.dumps(data, ensure_ascii=True)}</script>'


def document(view: View, head: str, content: str, body_class: str = "") -> str:
    """The whole page."""
    direction = ' dir="rtl"' if view.entry.language == "ar" else ""
    name = escape(view.entry.site.name, quote=False)
    return (
        f'<!DOCTYPE html>\n<html lang="{view.entry.language}"{direction}>\n<head>\n{view.meta}'
        f"<title>{view.title} – {name}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="csrf-token" content="{view.token("csrf")}">\n'
        f'<link rel="stylesheet" href="/assets/{view.token("css")}.css">\n{head}{view.head}\n</head>\n'
        f'<body class="{body_class}">\n{content}\n<!-- rendered by {view.token("node")} -->\n</body>\n</html>\n'
    )


def navigation(view: View) -> str:
    """The main menu as a list of links."""
    topics = [topic.strip() for topic in view.ui["topics"].split(",")]
    links = [view.ui["home"], *topics, view.ui["about"], view.ui["contact"]]
    items = "".join(
        f'<li><a href="/{i}/">{escape(link, quote=False)}</a></li>' for i, link in enumerate(links)
    )
    return f'<ul class="menu">{items}</ul>'


def search_box(view: View) -> str:
    """A search form; what it says lies in attributes and is not part of the text."""
    return (
        f'<form role="search" action="/search"><input type="search" name="q" placeholder="{escape(view.ui["search"])}">'
        '<button type="submit" aria-label="ok"></button></form>'
    )


def cookie_banner(view: View) -> str:
    """The banner that nobody reads."""
    return (
        f'<div class="cookie-banner" role="dialog" data-build="{view.token("cb")}"><p>{view.ui["cookies"]}</p>'
        f'<button>{view.ui["accept"]}</button> <a href="/privacy">{view.ui["privacy"]}</a></div>'
    )


def share_buttons(view: View) -> str:
    """Buttons with icons only; one hidden template."""
    icons = "".join(
        f'<a class="icon" href="/s/{i}" rel="nofollow"><svg width="16"></svg></a>' for i in range(4)
    )
    return f'<div class="share"><span>{view.ui["share"]}</span>{icons}</div>'


def related_links(view: View, tag: str = "aside") -> str:
    """Links to three other pages of the store."""
    items = "".join(
        f'<li><a href="/r/{i}">{escape(title, quote=False)}</a></li>'
        for i, title in enumerate(view.entry.related)
    )
    return f'<{tag} class="related"><h3>{view.ui["related"]}</h3><ul>{items}</ul></{tag}>'


def comment_form(view: View) -> str:
    """A form with a honeypot that only robots see."""
    return (
        f'<form class="comment-form" method="post"><h3>{view.ui["comments"]}</h3><textarea name="c"></textarea>'
        f'<input type="hidden" name="token" value="{view.token("form")}">'
        '<p style="display:none"><label>Leave this field empty <input name="url2"></label></p>'
        f"<button>{view.ui['reply']}</button></form>"
    )


def newsletter(view: View) -> str:
    """A box that asks for an address."""
    return f'<div class="newsletter"><p>{view.ui["newsletter"]}</p><input type="email" name="mail"></div>'


def footer_line(view: View) -> str:
    """Copyright and legal links."""
    name = escape(view.entry.site.name, quote=False)
    return (
        f'<p>© {view.date[:4]} {name}. {view.ui["rights"]}. <a href="/privacy">{view.ui["privacy"]}</a></p>'
    )


def byline(view: View) -> str:
    """Author, where there is one, and date."""
    author = view.entry.get("author")
    who = f'<span class="author">{view.ui["by"]} {escape(author, quote=False)}</span> · ' if author else ""
    return f'<p class="byline">{who}<time datetime="{view.date}">{view.date}</time></p>'


def posts(view: View, tag: str, wrap: str) -> str:
    """The posts of a thread or the reviews of a product; ``wrap`` names their class."""
    return "\n".join(
        f'<{tag} class="{wrap}" id="p{i}"><div class="meta"><b class="user">{escape(author, quote=False)}</b> '
        f'<span>{escape(date, quote=False)}</span></div>\n<div class="text">{html}</div></{tag}>'
        for i, (author, date, html) in enumerate(view.body.posts)
    )
