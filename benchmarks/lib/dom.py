"""What a reader of a page sees of it, by code that is independent of the renderer: lxml, not lexbor.

Knows which elements are visible and which begin a block. Does not know formulas, code or tables
(``carriers``, ``inventory``).
"""

from __future__ import annotations

import html as entities
import re

from lxml import etree

#: A new block begins: no word, formula or cell goes across it.
EDGE = "\x1e"

_BLOCKS = frozenset(
    str.split(
        "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset"
        " figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li listing main menu nav"
        " ol optgroup option p pre search section summary table tbody td tfoot th thead tr ul xmp"
    )
)
#: Never visible, or a control or fallback whose text is not the page's.
UNSEEN = frozenset(
    str.split(
        "applet area audio base button canvas datalist embed frame frameset head iframe input label link"
        " map meta meter noembed noframes noscript object option output param progress script select"
        " source style svg template textarea title track video"
    )
)
#: Not shown within ``<math>``; elsewhere elements like any unknown one.
_ANNOTATIONS = ("annotation", "annotation-xml")
_HIDING = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE)


#: libxml2 takes a minute over one tag with 50,000 attributes: such a tag loses them.
_LONG_TAG = re.compile(r"<([a-zA-Z][^\s<>]*)(\s[^<>]{40000,})>")


def _shorten(tag: re.Match[str]) -> str:
    return f"<{tag[1]}>" if len(tag[2].split(None, 5000)) > 5000 else tag[0]


def parse(html: str) -> etree._Element | None:
    """The root element, None for a document without one. Comments and instructions are left out."""
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    data = _LONG_TAG.sub(_shorten, html.replace("\x00", "�")).encode("utf-8", "replace")
    try:
        return etree.fromstring(data, parser) if data.strip() else None
    except etree.XMLSyntaxError:
        return None


def is_hidden(element: etree._Element) -> bool:
    """By its own attributes."""
    style = element.get("style")
    return (
        (style is not None and _HIDING.search(style) is not None and element.tag not in ("html", "body"))
        or (element.get("hidden") is not None and element.tag not in ("html", "body"))
        or (element.tag == "dialog" and element.get("open") is None)
    )


def text_of(
    root: etree._Element,
    without: set[etree._Element],
    *,
    hidden: bool = False,
    marked: tuple[str, ...] = (),
) -> str:
    """Visible text under ``root``: EDGE around blocks, a newline for ``<br>``, nothing of ``without``.

    ``hidden``: also what attributes hide. ``marked``: tags that leave an EDGE as blocks do.
    """
    pieces: list[str] = []
    edges = _BLOCKS.union(marked)
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if event == "end":
            if tag in edges or element in without:
                pieces.append(EDGE)
            if element is not root and element.tail:
                pieces.append(element.tail)
        elif element is not root and (
            tag in UNSEEN
            or element in without
            or (tag in _ANNOTATIONS and any(a.tag == "math" for a in element.iterancestors()))
            or (not hidden and is_hidden(element))
        ):
            pieces.append(EDGE)
            walk.skip_subtree()
        else:
            if tag in edges:
                pieces.append(EDGE)
            elif tag == "br":
                pieces.append("\n")
            if element.text:
                pieces.append(element.text)
    return "".join(pieces)


_NOTHING = re.compile("[\\s\u200b-\u200f\u2060-\u2064\ufeff\xad\ufe00-\ufe0f]+")
_COMMENT_END = re.compile(r"(?<!\\)%[ \t]*\n")


def squeeze(text: str) -> str:
    """Without white space and other characters of no width; entities that were escaped twice are decoded."""
    text = _COMMENT_END.sub("", text) if "%" in text else text
    return _NOTHING.sub("", entities.unescape(text) if "&" in text else text)


def visible(html: str) -> str:
    """The text that a reader of the page sees, formulas included, blank between blocks."""
    root = parse(html)
    return "" if root is None else " ".join(text_of(root, set()).replace(EDGE, " ").split())
