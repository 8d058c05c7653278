"""Pages written for training: threads, manuals, code, lists, products, services. Of every word it is known
whether it is content, because it was put there.

The sets have a hundred pages of each of these kinds, from a hundred sites, and hardly any that are not in
English; the web has thousands of systems that make such pages. A written page has the parts that such
systems have (``writer``), in one of many orders, in one of twelve languages (``wording``).

Knows the kinds of pages. Does not know the renderer, blocks, nor the network. A page follows from its kind,
its number and the texts given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stages.render.main.writer import CONTENT, EITHER, OTHER, Writer, Written


def _thread(w: Writer) -> None:
    """Posts or comments, one after another or in one another; what begins it may stand apart."""
    order = w.one(("amt", "mat", "tam", "mt", "at", "amt", "ta"))
    stats, acted, signed, nested, apart = (w.chance(share) for share in (0.5, 0.7, 0.25, 0.25, 0.1))
    linked, coded = w.chance(0.8), w.chance(0.2)
    shown = [w.saying(w.one(("joined", "posts", "member"))) for _ in range(w.number(1, 5))]
    actions = [w.saying(w.one(("reply", "quote", "like", "share", "report"))) for _ in range(w.number(1, 4))]
    signatures = [[w.paragraph()[:90] for _ in range(w.number(1, 3))] for _ in range(4)]
    said = [w.paragraph()]

    def post(first: bool) -> None:
        for what in order:
            if what == "a":
                with w.part("author"):
                    w.say(w.name(), EITHER, link=linked)
                    if stats:
                        for text in shown:
                            told = w.rng.integers(1, 9000) if w.chance(0.7) else w.phrase(5)
                            w.say(f"{text}: {told}", OTHER, "div")
            elif what == "m":
                with w.part("meta"):
                    w.say(w.date(), EITHER, "div")
            else:
                with w.part("text"):
                    if not first and w.chance(0.15):
                        with w.part("quote"):
                            if w.chance(0.5):
                                w.say(f"{w.name()} {w.saying('wrote')}", EITHER, "div")
                            w.say(w.one(said), CONTENT, w.paragraph_tag)
                    for _ in range(int(w.one((1, 1, 1, 2, 2, 3, 5)))):
                        said.append(w.paragraph())
                        w.say(said[-1], CONTENT, w.paragraph_tag)
                    if coded and w.chance(0.4):
                        w.say(w.code(), CONTENT, "pre")
                if w.chance(0.05):
                    w.say(f"{w.saying('edited')} {w.name()}, {w.date()}", OTHER, "div")
                if signed and w.chance(0.7):
                    with w.part("signature"):
                        for text in w.one(signatures):
                            w.say(text, OTHER, w.paragraph_tag)
        if acted:
            with w.part("tools"):
                for text in actions:
                    w.say(text, OTHER, link=True)

    def posts(count: int, first: bool) -> None:
        while count > 0:
            within = int(w.rng.integers(count)) if nested and count > 1 else 0
            with w.part("post"):
                post(first)
                if within and w.chance(0.5):
                    with w.part("replies"):
                        posts(within, False)
                elif within:
                    posts(within, False)
            count -= 1 + within
            first = False

    w.say(w.phrase(12), CONTENT, w.one(("h1", "h2", "h1")), link=w.chance(0.2))
    if w.chance(0.3):
        with w.part("tools"):
            w.links(w.number(1, 4), 2)
    if apart:
        with w.part("opening"):
            post(True)
        w.say(f"{w.rng.integers(2, 400)} {w.saying('comments')}", EITHER, w.one(("h2", "h3", "div")))
    with w.part("thread"):
        posts(w.number(2, 34), not apart)
    w.after()


def _document(w: Writer) -> None:
    """A page of a manual."""
    if w.chance(0.7):
        with w.part("side"):
            w.links(w.number(5, 60), 4)
    heads = [w.phrase(5) for _ in range(w.number(1, 8))]
    aside = w.one(("before", "after", "never"))

    def contents() -> None:
        with w.part("contents"):
            for head in heads:
                w.say(head, OTHER, "li", link=True)

    with w.part("document"):
        w.say(w.phrase(6), CONTENT, "h1")
        if aside == "before":
            contents()
        w.paragraphs(w.number(0, 3))
        for head in heads:
            with w.part("section"):
                w.say(head, CONTENT, "h2")
                for _ in range(w.number(1, 5)):
                    what = w.rng.random()
                    if what < 0.45:
                        w.paragraphs(1)
                    elif what < 0.7:
                        w.say(w.code(), CONTENT, "pre")
                    elif what < 0.8:
                        with w.element("ul"):
                            for _ in range(w.number(2, 8)):
                                w.say(w.phrase(14), CONTENT, "li")
                    elif what < 0.88:
                        with w.part("note"):
                            w.paragraphs(1)
                    else:
                        with w.element("table"):
                            for _ in range(w.number(2, 9)):
                                with w.element("tr"):
                                    w.say(w.word(), CONTENT, "td")
                                    w.say(w.phrase(9), CONTENT, "td")
    if aside == "after":
        contents()
    if w.chance(0.6):
        with w.part("pages"):
            w.say(w.saying("previous"), OTHER, link=True)
            w.say(w.saying("next"), OTHER, link=True)


def _code(w: Writer) -> None:
    """A file of a repository, a snippet, or the front page of a repository with its manual."""
    with w.part("tools"):
        w.links(w.number(2, 9), 2)
    front = w.chance(0.5)
    w.say(w.phrase(5), CONTENT, w.one(("h1", "h2", "div")))
    if front:
        with w.element("table"):
            for _ in range(w.number(3, 20)):
                with w.element("tr"):
                    w.say(f"{w.word()}.{w.one(('py', 'c', 'md', 'js'))}", OTHER, "td", link=True)
                    w.say(w.phrase(6), OTHER, "td", link=True)
                    w.say(w.date(), OTHER, "td")
        with w.part("document"):
            for _ in range(w.number(1, 6)):
                w.say(w.phrase(5), CONTENT, "h2")
                w.paragraphs(w.number(1, 3))
                if w.chance(0.6):
                    w.say(w.code(), CONTENT, "pre")
    else:
        if w.chance(0.5):
            w.paragraphs(1)
        with w.part("file"):
            w.say(f"{w.rng.integers(9, 900)} lines, {w.rng.integers(1, 99)} kB", OTHER, "div")
            w.say("\n".join(w.code() for _ in range(w.number(1, 8))), CONTENT, "pre")
    w.after()


def _list(w: Writer) -> None:
    """Articles, products or results, each with a few words."""
    priced, dated, said, more = w.chance(0.3), w.chance(0.5), w.chance(0.7), w.chance(0.4)
    w.say(w.phrase(6), CONTENT, "h1")
    if w.chance(0.4):
        w.paragraphs(w.number(1, 2))
    if w.chance(0.3):
        with w.part("tools"):
            w.links(w.number(2, 12), 2)
    with w.part("list"):
        for _ in range(w.number(4, 40)):
            with w.part("item"):
                with w.part("title"):
                    w.say(w.phrase(12), CONTENT, link=w.chance(0.9))
                if priced:
                    with w.part("price"):
                        w.say(f"${w.rng.integers(2, 900)}.99", EITHER, "div")
                if dated:
                    with w.part("meta"):
                        w.say(f"{w.saying('by')} {w.name()} {w.date()}", EITHER, "div")
                if said:
                    with w.part("summary"):
                        w.say(w.paragraph()[:240], CONTENT, "div")
                if more:
                    w.say(w.saying("more"), OTHER, "div", link=True)
    w.after()


def _product(w: Writer) -> None:
    """A product with its description and properties; what others say of it may be content or not."""
    w.say(w.phrase(9), CONTENT, "h1")
    with w.part("price"):
        w.say(f"${w.rng.integers(2, 900)}.99", EITHER, "div")
    w.say(w.saying("buy"), OTHER, "div", link=True)
    parts: list[Callable[[], None]] = []

    def description() -> None:
        with w.part("text"):
            w.paragraphs(w.number(1, 5))

    def properties() -> None:
        table = w.chance(0.5)
        with w.element("table" if table else "ul"):
            for _ in range(w.number(3, 14)):
                if table:
                    with w.element("tr"):
                        w.say(w.word(), CONTENT, "td")
                        w.say(w.phrase(5), CONTENT, "td")
                else:
                    w.say(w.phrase(9), CONTENT, "li")

    def reviews() -> None:
        with w.part("thread"):
            for _ in range(w.number(1, 8)):
                with w.part("post"):
                    w.say(w.name(), EITHER, "div")
                    w.paragraphs(1, EITHER)

    parts = [description, *[part for part in (properties, reviews) if w.chance(0.6)]]
    for part in parts:
        with w.part("section"):
            if w.chance(0.6):
                w.say(w.phrase(3), EITHER, "h2")
            part()
    with w.part("widget"):
        w.say(w.saying("related"), OTHER, "h2")
        with w.part("list"):
            for _ in range(w.number(3, 14)):
                with w.part("item"):
                    w.say(w.phrase(8), OTHER, "div", link=True)
                    w.say(f"${w.rng.integers(2, 900)}.99", OTHER, "div")


def _service(w: Writer) -> None:
    """What somebody offers: sections of few words, questions and answers, praise."""
    w.say(w.phrase(9), CONTENT, "h1")
    for _ in range(w.number(2, 9)):
        with w.part("section"):
            w.say(w.phrase(7), CONTENT, "h2")
            what = w.rng.random()
            if what < 0.4:
                w.paragraphs(w.number(1, 3))
            elif what < 0.8:
                for _ in range(w.number(2, 8)):
                    with w.part("item"):
                        w.say(w.phrase(5), CONTENT, "h3")
                        w.say(w.paragraph()[:200], CONTENT, "p")
            else:
                for _ in range(w.number(1, 5)):
                    with w.part("quote"):
                        w.say(w.paragraph(), CONTENT, "p")
                        w.say(w.name(), EITHER, "div")
            if w.chance(0.4):
                w.say(w.one((w.saying("contact"), w.saying("more"))), OTHER, "div", link=True)
    if w.chance(0.5):
        w.asking()


KINDS: dict[str, Callable[[Writer], None]] = {
    "forum": _thread,
    "documentation": _document,
    "code": _code,
    "listing": _list,
    "product": _product,
    "service": _service,
}


def write(kind: str, number: int, prose: Sequence[Sequence[str]]) -> Written:
    """The page of a kind with a number; ``prose``: paragraphs of each of some pages' content."""
    writer = Writer(np.random.default_rng([sorted(KINDS).index(kind), number]), prose)
    with writer.page():
        KINDS[kind](writer)
    return writer.written(kind)
