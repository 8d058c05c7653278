"""Pages written for training (``written``): elements, their looks, and what is around the content.

Knows HTML, and the parts that pages of many systems have: menus, boxes, forms, with tags and class names of
many styles. Does not know what pages are about (``wording``), nor the renderer.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import numpy as np

from stages.render.main.wording import Wording

#: What a text is. Names and dates of posts are content to some and not to others: not judged.
CONTENT, OTHER, EITHER = 1, 0, -1


class Written(NamedTuple):
    """A page, and its texts in their order with what each is."""

    kind: str
    html: str
    texts: list[tuple[str, int]]


#: Tags and class names of parts.
_ROLES = {
    "frame": ("div", "page wrapper container site layout wrap content-wrapper app root"),
    "header": ("header header div", "header site-header top masthead navbar branding topbar"),
    "nav": ("nav ul div", "nav menu main-menu navigation navbar tabs links primary-menu"),
    "footer": ("footer footer div", "footer site-footer bottom copyright foot colophon"),
    "side": ("aside div div", "sidebar side right-column widget-area left rail secondary widgets"),
    "widget": ("div section", "widget block box panel module card related recent"),
    "crumbs": ("nav ul div div", "breadcrumb breadcrumbs crumbs path linklist"),
    "main": ("main div div article section", "main content page-body primary inner main-content body"),
    "tools": ("div ul", "actions buttons controls toolbar post-footer links menu tools share action-bar"),
    "pages": ("div nav ul", "pagination pager pages page-nav nav-links"),
    "form": ("div form section", "reply-form respond quick-reply comment-form newsletter subscribe signup"),
    # Threads
    "thread": (
        "div div ul ol main section table",
        "posts thread topic comments discussion messages replies answers comment-list viewtopic showthread",
    ),
    "post": (
        "div div div article li section table",
        "post message comment reply answer topic-post entry node item postcontainer cell list-item row",
    ),
    "opening": ("div article section", "original-post question op first-post submission thread-body story"),
    "replies": ("div ul ol", "children replies nested thread sub-comments indent child-list"),
    "author": (
        "div div span p",
        "author user username poster profile userinfo avatar member postprofile byline",
    ),
    "meta": (
        "div div span p",
        "meta date post-date time dateline info post-header published timestamp details",
    ),
    "text": (
        "div div div section",
        "content postbody post-content message-body text entry-content comment-body cooked usertext message",
    ),
    "signature": ("div", "signature sig signature-text user-sig"),
    "quote": ("blockquote blockquote div", "quote quoted bbcode-quote quotebox citation"),
    # Documentation and code
    "document": (
        "article div main section",
        "document markdown-body body doc content rst-content section page",
    ),
    "contents": ("div nav aside ul", "toc contents on-this-page table-of-contents outline local-toc"),
    "note": ("div aside blockquote", "note admonition warning tip callout alert info"),
    "file": ("div table", "file blob highlight code source listing codebox snippet"),
    # Lists, products, services
    "list": ("div ul ol section", "list items results grid archive posts products cards listing row feed"),
    "item": ("div li article section", "item card result post product entry teaser col tile media"),
    "title": ("h2 h3 h4 div", "title heading name entry-title card-title product-title"),
    "summary": ("div p div", "summary excerpt description snippet teaser text card-text desc"),
    "price": ("div span p", "price amount cost product-price offer"),
    "section": ("section div div", "section block row module feature content-block hero panel part"),
}
#: Styles of class names: words, words with prefixes, hashes, utility classes, none.
_STYLES = ("plain", "plain", "joined", "hashed", "utility", "none")
_UTILITY = (
    *("flex", "grid", "mt-4", "px-2", "py-6", "text-sm", "w-full", "mx-auto", "gap-2", "col-md-8", "row"),
    *("d-flex", "p-3", "rounded", "bg-white"),
)
_WRAPPERS = ("inner", "wrap", "row", "media", "container")
_HASH = "abcdefghkmnpqrstxyzABCDEFGHK0123456789"


class Writer(Wording):
    """Writes one page."""

    def __init__(self, rng: np.random.Generator, prose: Sequence[Sequence[str]]) -> None:
        super().__init__(rng, prose)
        self._html: list[str] = []
        self._texts: list[tuple[str, int]] = []
        self._looks: dict[str, list[tuple[str, str]]] = {}
        self.style = self.one(_STYLES)
        self.paragraph_tag = self.one(("p", "p", "p", "div", ""))

    @contextmanager
    def element(self, tag: str, names: str = "") -> Iterator[None]:
        """An element around what is written meanwhile."""
        self._html.append(f'<{tag} class="{names}">' if names else f"<{tag}>")
        yield
        self._html.append(f"</{tag}>")

    @contextmanager
    def part(self, role: str) -> Iterator[None]:
        """An element with up to three more in it, of the same look wherever the page has the role."""
        if role not in self._looks:
            tags, names = (text.split() for text in _ROLES[role])
            tag = self.one(tags)
            look = [(tag, self._name(names))]
            if tag == "table":
                look += [("tr", ""), ("td", self._name(names))]
            look += [("div", self._name((*_WRAPPERS, names[0]))) for _ in range(self.number(0, 3))]
            self._looks[role] = look
        with ExitStack() as elements:
            for element, called in self._looks[role]:
                elements.enter_context(self.element(element, self._numbered(role, called)))
            yield

    def _numbered(self, role: str, names: str) -> str:
        """Posts have a number of their own, in one style of names."""
        if self.style != "plain" or role not in ("post", "item"):
            return names
        return f"{names} {role}-{self.rng.integers(10**6)}"

    def _name(self, among: Sequence[str]) -> str:
        """Class names in the style of the page."""
        name = self.one(among)
        match self.style:
            case "plain":
                return name if self.chance(0.85) else f"{name} {self.one(among)}"
            case "joined":
                return f"{self.one(('c', 'app', 'ui', 'block', 'ipb'))}-{name}__{self.one(among)}"
            case "hashed":
                letters = "".join(self.one(_HASH) for _ in range(6))
                return letters if self.chance(0.6) else f"{name}_{letters}"
            case "utility":
                return " ".join(self.one(_UTILITY) for _ in range(self.number(1, 4)))
        return ""

    def say(self, text: str, mark: int, tag: str = "", link: bool = False) -> None:
        """A text in an element; without one (``tag`` empty) links share a line, and other texts do not."""
        self._texts.append((text, mark))
        shown = html.escape(text)
        if link:
            shown = f' <a href="/{self.rng.integers(10**6)}">{shown}</a> '
        elif not tag:
            shown += "<br><br>"
        self._html.append(f"<{tag}>{shown}</{tag}>" if tag else shown)

    def links(self, count: int, most: int = 4) -> None:
        """A list of links, which is no content."""
        listed = self.chance(0.7)
        with self.element("ul" if listed else "div"):
            for _ in range(count):
                self.say(self.phrase(most), OTHER, "li" if listed else "", link=True)

    def paragraphs(self, count: int, mark: int = CONTENT) -> None:
        """Some prose."""
        for _ in range(count):
            self.say(self.paragraph(), mark, self.paragraph_tag)

    @contextmanager
    def page(self) -> Iterator[None]:
        """What is around the content of a page."""
        before = self.chance(0.3)
        with self.part("frame"):
            with self.part("header"):
                self.say(self.name(), OTHER, "div", link=True)
                with self.part("nav"):
                    self.links(self.number(2, 12), 2)
                for key in ("login", "register", "search"):
                    if self.chance(0.5):
                        self.say(self.saying(key), OTHER, "div", link=True)
            if before and self.chance(0.5):
                self.side()
            with self.part("main"):
                if self.chance(0.5):
                    with self.part("crumbs"):
                        self.say(self.saying("home"), OTHER, link=True)
                        for _ in range(self.number(1, 3)):
                            self.say(self.phrase(3), OTHER, link=True)
                yield
            if not before and self.chance(0.6):
                self.side()
            with self.part("footer"):
                self.links(self.number(1, 14), 3)
                self.say(f"© {self.rng.integers(2003, 2027)} {self.name()}. {self.phrase(5)}", OTHER, "p")

    def side(self) -> None:
        """Boxes beside the content."""
        with self.part("side"):
            for _ in range(self.number(1, 4)):
                with self.part("widget"):
                    title = self.one((self.saying("related"), self.saying("comments"), self.phrase(3)))
                    self.say(title, OTHER, "h3")
                    if self.chance(0.25):
                        self.say(self.paragraph()[:160], OTHER, "p")
                    else:
                        self.links(self.number(2, 10), 8)

    def turning(self) -> None:
        """Links to other pages of a list or thread."""
        with self.part("pages"):
            for number in range(1, self.number(2, 6)):
                self.say(str(number), OTHER, link=True)
            self.say(self.saying("next"), OTHER, link=True)

    def asking(self) -> None:
        """The words around a form."""
        with self.part("form"):
            self.say(self.one((self.saying("reply"), self.saying("contact"), self.phrase(5))), OTHER, "h3")
            self.say(self.sentence(), OTHER, "p")

    def after(self) -> None:
        """What comes after content."""
        if self.chance(0.4):
            self.turning()
        if self.chance(0.3):
            self.asking()
        if self.chance(0.5):
            with self.part("widget"):
                self.say(self.saying("related"), OTHER, "h3")
                for _ in range(self.number(2, 8)):
                    self.say(self.phrase(10), OTHER, "h4", link=True)
                    if self.chance(0.3):
                        self.say(self.paragraph()[:120], OTHER, "p")

    def written(self, kind: str) -> Written:
        """The page as it is now."""
        return Written(kind, f"<html><body>{''.join(self._html)}</body></html>", self._texts)
