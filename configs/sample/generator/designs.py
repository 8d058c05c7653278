"""Twelve site designs, from tables with font tags to hydrated div soup.

A design is a function from a ``View`` to the HTML of a page. All words come from the store's furniture, so
a page is in one language throughout. This module does not know URLs, encodings or truth.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape

from . import furniture as f
from .furniture import View


def _header(view: View, search: bool = True) -> str:
    name = escape(view.entry.site.name, quote=False)
    box = f.search_box(view) if search else ""
    return f'<header class="top"><a class="logo" href="/">{name}</a><nav>{f.navigation(view)}</nav>{box}</header>'


def blog(view: View) -> str:
    """A weblog: sidebar, share buttons, comment form."""
    head = f.style("#386641") + f.script(view) + f.json_ld(view, "BlogPosting")
    content = (
        f'{_header(view)}\n<div class="wrap"><main><article class="post h-entry">\n<h1 class="entry-title">'
        f'{view.title}</h1>\n{f.byline(view)}\n<div class="entry-content">\n{view.body.html}\n</div>\n'
        f"{f.share_buttons(view)}</article>\n{f.comment_form(view)}</main>\n"
        f'<aside class="sidebar">{f.related_links(view, "section")}{f.newsletter(view)}</aside></div>\n'
        f"<footer>{f.footer_line(view)}</footer>\n{f.cookie_banner(view)}"
    )
    return f.document(view, head, content, "single single-post")


def news(view: View) -> str:
    """A newspaper: cookie wall first, breadcrumbs, box in the middle of the story."""
    head = f.json_ld(view, "NewsArticle") + f.style("#9b2226") + f.script(view)
    first, _, rest = view.body.html.partition("\n")
    content = (
        f"{f.cookie_banner(view)}\n{_header(view)}\n"
        f'<nav class="crumbs"><a href="/">{view.ui["home"]}</a> › <a href="/x">{view.ui["topics"].split(",")[0]}</a></nav>\n'
        f'<main id="story"><article itemscope><h1 itemprop="headline">{view.title}</h1>{f.byline(view)}\n'
        f'<figure><img src="/img/{view.token("img")}.jpg" alt="" loading="lazy"></figure>\n{first}\n'
        f"{f.related_links(view)}\n{rest}\n{f.share_buttons(view)}</article></main>\n"
        f"<footer>{f.newsletter(view)}{f.footer_line(view)}</footer>"
    )
    return f.document(view, head, content, "news")


def forum(view: View) -> str:
    """A bulletin board: one box a post."""
    head = f.style("#1d3557") + f.script(view)
    content = (
        f'<div id="page-header"><h1><a href="/">{escape(view.entry.site.name, quote=False)}</a></h1>{f.navigation(view)}</div>\n'
        f'<div id="page-body"><h2 class="topic-title"><a href="./t">{view.title}</a></h2>\n'
        f"{view.body.html}\n{f.posts(view, 'div', 'post bg1')}\n"
        f'<div class="pagination"><a href="?p=1">1</a></div><div class="actions"><a href="./reply">{view.ui["reply"]}</a></div>\n'
        f"{f.related_links(view, 'div')}</div>\n"
        f'<div id="page-footer"><p>{view.ui["newsletter"]}</p>{f.footer_line(view)}</div>\n{f.cookie_banner(view)}'
    )
    return f.document(view, head, content, "section-viewtopic")


def qa(view: View) -> str:
    """Questions and answers with votes."""
    head = f.script(view) + f.json_ld(view, "QAPage") + f.style("#0077b6")
    cells = [
        f'<div class="{"question" if i == 0 else "answer"}" data-id="{view.token(f"post{i}")}"><div class="vote">'
        f'<button class="up"></button><span>{(7 * i + 12) % 31}</span><button class="down"></button></div>'
        f'<div class="body">{html}</div><div class="user-info">{escape(author, quote=False)}, {escape(date, quote=False)}</div></div>'
        for i, (author, date, html) in enumerate(view.body.posts)
    ]
    content = (
        f"{_header(view)}\n<main><h1>{view.title}</h1>\n{chr(10).join(cells)}\n{f.comment_form(view)}</main>\n"
        f"{f.related_links(view)}<footer>{f.footer_line(view)}</footer>{f.cookie_banner(view)}"
    )
    return f.document(view, head, content, "question-page")


def docs(view: View) -> str:
    """Software documentation: tree on the left, listings, previous and next."""
    head = f.style("#6d597a") + f.script(view)
    following = [escape(title, quote=False) for title in view.entry.related[:2]]
    content = (
        f'<div class="wy-nav-side"><a class="icon" href="/">{escape(view.entry.site.name, quote=False)}</a>'
        f'{f.search_box(view)}{f.navigation(view)}</div>\n<section class="wy-body"><div role="main" class="document">'
        f'<h1>{view.title}<a class="headerlink" href="#top"></a></h1>\n{view.body.html}\n{f.posts(view, "div", "note")}</div>\n'
        f'<div class="rst-footer"><a rel="next" href="/n">{following[0]} →</a> <a rel="prev" href="/p">← {following[-1]}</a>'
        f"</div><footer>{f.footer_line(view)}</footer></section>\n{f.cookie_banner(view)}"
    )
    return f.document(view, head, content, "wy-body-for-nav")


def shop(view: View) -> str:
    """A product page: price, basket, specification, reviews."""
    head = f.json_ld(view, "Product") + f.style("#e76f51") + f.script(view)
    price = escape(view.entry.get("price"))
    content = (
        f'{f.cookie_banner(view)}{_header(view)}\n<main class="product"><div class="gallery"><img src="/p/1.jpg" alt="">'
        f'</div><div class="summary"><h1>{view.title}</h1><p class="price">€{price}</p>'
        '<form action="/basket"><select name="n"><option>1</option><option>2</option></select>'
        "<button>Add to basket</button></form><p>In stock, delivered in two to three days.</p></div>\n"
        f'<div class="description">{view.body.html}\n{f.posts(view, "div", "review")}</div></main>\n'
        f"{f.related_links(view, 'section')}<footer>{f.newsletter(view)}{f.navigation(view)}{f.footer_line(view)}</footer>"
    )
    return f.document(view, head, content, "product-template")


def wiki(view: View) -> str:
    """An encyclopaedia: sidebar after the content, table of contents, categories."""
    head = f.script(view) + f.style("#3366cc")
    headings = [block.text for block in view.entry.blocks if block.kind == "heading"]
    contents = "".join(
        f'<li><a href="#s{i}">{escape(text, quote=False)}</a></li>' for i, text in enumerate(headings)
    )
    toc = f'<div id="toc" class="toc"><ul>{contents}</ul></div>' if contents else ""
    categories = " | ".join(f'<a href="/c">{topic.strip()}</a>' for topic in view.ui["topics"].split(",")[:2])
    content = (
        f'<div id="content" class="mw-body"><h1 id="firstHeading">{view.title}</h1>\n<div id="mw-content-text">'
        f'<div class="mw-parser-output">{toc}\n{view.body.html}\n{f.posts(view, "div", "talk")}</div>'
        f'<div id="catlinks">{categories}</div></div></div>\n<div id="mw-panel">{f.navigation(view)}{f.search_box(view)}</div>\n'
        f'{f.related_links(view, "div")}<div id="footer">{f.footer_line(view)}<p>{view.date}</p></div>{f.cookie_banner(view)}'
    )
    return f.document(view, head, content, "mediawiki ltr")


def recipe(view: View) -> str:
    """A recipe card with rating and printing buttons."""
    head = f.json_ld(view, "Recipe") + f.script(view) + f.style("#bc4749")
    content = (
        f'{_header(view)}<main><article class="recipe-card"><h1>{view.title}</h1>{f.byline(view)}'
        f'<div class="rating" aria-label="4.6">★★★★★ 4.6</div>{f.share_buttons(view)}\n{view.body.html}\n</article>\n'
        f"{f.comment_form(view)}{f.related_links(view)}</main>\n{f.newsletter(view)}"
        f"<footer>{f.navigation(view)}{f.footer_line(view)}</footer>{f.cookie_banner(view)}"
    )
    return f.document(view, head, content, "recipe")


def retro(view: View) -> str:
    """The web of 1998: layout by tables, font tags, upper case elements, no closing paragraphs."""
    html = (
        view.body.html.replace("</p>", "")
        .replace("<p>", "<P>")
        .replace("<h2>", "<H3>")
        .replace("</h2>", "</H3>")
    )
    topics = [view.ui["home"], *view.ui["topics"].split(","), view.ui["contact"]]
    links = "<BR>\n".join(
        f'<A HREF="{i}.htm">{escape(topic.strip(), quote=False)}</A>' for i, topic in enumerate(topics)
    )
    name = escape(view.entry.site.name, quote=False)
    return (
        f"<HTML><HEAD>{view.meta}<TITLE>{name}: {view.title}</TITLE>{f.script(view)}{view.head}</HEAD>\n"
        f'<BODY BGCOLOR="#FFFFEE" TEXT="#000000">\n<CENTER><FONT SIZE="+2" FACE="Verdana">{name}</FONT></CENTER><HR>\n'
        f'<TABLE WIDTH="760" BORDER=0 CELLPADDING=6><TR><TD WIDTH=140 VALIGN=top BGCOLOR="#DDDDCC">{links}</TD>\n'
        f"<TD VALIGN=top><H2>{view.title}</H2>\n{html}\n"
        f'<P ALIGN=right><FONT SIZE="-1">{view.date}</FONT>\n</TD></TR></TABLE>\n'
        f'<HR><FONT SIZE="-1">{view.ui["rights"]}. {view.ui["newsletter"]}</FONT>\n'
        f"<!-- counter {view.token('counter')} -->\n</BODY></HTML>\n"
    )


def notes(view: View) -> str:
    """A scholar's page: almost no furniture."""
    head = f.style("#222") + f.script(view)
    content = (
        f'<p class="nav"><a href="/">{escape(view.entry.site.name, quote=False)}</a> · <a href="/about">{view.ui["about"]}</a></p>\n'
        f"<h1>{view.title}</h1>\n{f.byline(view)}\n{view.body.html}\n{f.posts(view, 'div', 'remark')}\n<hr>\n"
        f'{f.related_links(view, "div")}<p class="foot">{view.ui["rights"]}. {view.ui["newsletter"]}</p>'
    )
    return f.document(view, head, content, "notes")


def app(view: View) -> str:
    """A client-side application rendered on the server: nested divs, hashed classes, hydration data."""
    state = {"hydrationState": {"title": view.entry.title, "build": view.token("state"), "flags": [1, 2, 3]}}
    data = json.dumps(state, ensure_ascii=True).replace("</", "<\\/")
    head = f.script(view) + f.style("#264653")
    c = [f"css-{view.token(f'class{i}')[:6]}" for i in range(6)]
    content = (
        f'<div id="__root" data-reactroot=""><div class="{c[0]}"><div class="{c[1]}" role="banner"><div class="{c[2]}">'
        f"{escape(view.entry.site.name, quote=False)}</div>{f.navigation(view)}</div>\n"
        f'<div class="{c[3]}" role="main"><div class="{c[4]}"><h1 class="{c[5]}">{view.title}</h1>{f.byline(view)}'
        f'<div class="{c[5]} body">{view.body.html}\n{f.posts(view, "div", c[4])}</div>{f.share_buttons(view)}</div>'
        f'{f.related_links(view, "div")}</div>\n<div class="{c[1]}" role="contentinfo">{f.newsletter(view)}{f.footer_line(view)}'
        f"</div></div>{f.cookie_banner(view)}</div>\n"
        f'<script id="__DATA__" type="application/json">{data}</script>'
    )
    return f.document(view, head, content)


def listing(view: View) -> str:
    """A directory: filters, the list, paging."""
    head = f.style("#588157") + f.script(view)
    filters = "".join(
        f'<label><input type="checkbox"> {topic.strip()}</label>' for topic in view.ui["topics"].split(",")
    )
    content = (
        f'{_header(view)}<div class="filters">{filters}</div><main class="results"><h1>{view.title}</h1>\n{view.body.html}\n'
        '<div class="pager"><a href="?page=1">1</a> <a href="?page=2">2</a> <a href="?page=3">3</a></div></main>\n'
        f"{f.related_links(view)}<footer>{f.newsletter(view)}{f.footer_line(view)}</footer>{f.cookie_banner(view)}"
    )
    return f.document(view, head, content, "directory")


DESIGNS: dict[str, Callable[[View], str]] = {
    design.__name__: design
    for design in (blog, news, forum, qa, docs, shop, wiki, recipe, retro, notes, app, listing)
}
